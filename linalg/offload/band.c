#include "linalg/offload/band.h"

#include <math.h>
#include <omp.h>
#include <pthread.h>

#include "base/memory.h"
#include "base/minmax.h"
#include "base/team.h"
#include "device/device.h"
#include "linalg/kernels/band.h"
#include "linalg/kernels/poles.h"
#include "linalg/kernels/root.h"

/* What is known of the device in use. It is constant once prepare() has asked. */
static struct {
    int team_size;
    size_t teams; /* the most that are started: several for each multiprocessor, or one a processor */
    const struct poles *tables; /* on the device */
} device;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void prepare(void)
{
    const size_t bytes = POLES_TABLES * sizeof(struct poles);
    struct poles *tables;
    int size = 0;

    if (!device_may_start()) return;
    tables = device_alloc(bytes);
#pragma omp target teams num_teams(1) thread_limit(1) map(from : size)
#pragma omp parallel num_threads(1)
    size = team_member().count;
    device.team_size = size;
    device.teams = size > 1 ? device_teams() : (size_t)omp_get_num_procs();
#ifdef UNSPOT_TEST_TEAMS
    device.teams = 1; /* a CPU has threads for one team only */
#endif
    if (tables && device_upload(tables, poles_tables(), bytes)) device.tables = tables;
}

bool offload_band_open(void)
{
    return pthread_once(&once, prepare) == 0 && device.tables;
}

static int teams_for(size_t count)
{
    return (int)min_size(count, device.teams);
}

void offload_band_cholesky(const struct linalg_band *band, int *info)
{
    const size_t batch = band->batch, n = band->n, tband = band->tband;
    double *const matrix = band->matrix, *const x = band->x;
    const int teams = teams_for(batch), team = device.team_size;

#pragma omp target teams num_teams(teams) thread_limit(team) is_device_ptr(matrix, x)                        \
    map(from : info[0 : batch])
#pragma omp parallel num_threads(team)
    for (size_t k = (size_t)omp_get_team_num(); k < batch; k += (size_t)omp_get_num_teams()) {
        const struct linalg_band own = {.n = n, .tband = tband, .matrix = matrix, .x = x};
        const struct band_system system = band_system_of(&own, k);

        band_cholesky(team_member(), &system, info + k);
    }
}

/* Sets *info to 0 when all of x[count] are finite, else to `bad`, by the members of a team. */
TEAM_BODY void check_finite(struct member member, size_t count, const double *x, int bad, int *info)
{
    if (member.index == 0) *info = 0;
    team_sync(member);
    for (team_share(member, i, count)) {
        if (!isfinite(x[i])) {
#pragma omp atomic write
            *info = +bad; /* +: else gcc 12 takes bad for unused */
        }
    }
    team_sync(member);
}

void offload_band_solve(const struct linalg_band *band, int *info)
{
    const size_t batch = band->batch, n = band->n, tband = band->tband;
    double *const matrix = band->matrix, *const x = band->x;
    const int teams = teams_for(batch), team = device.team_size, bad = (int)n + 1;

#pragma omp target teams num_teams(teams) thread_limit(team) is_device_ptr(matrix, x)                        \
    map(from : info[0 : batch])
#pragma omp parallel num_threads(team)
    for (size_t k = (size_t)omp_get_team_num(); k < batch; k += (size_t)omp_get_num_teams()) {
        const struct linalg_band own = {.n = n, .tband = tband, .matrix = matrix, .x = x};
        const struct band_system system = band_system_of(&own, k);

        band_solve(team_member(), &system);
        check_finite(team_member(), system.ntile * TILE, system.x, bad, info + k);
    }
}

size_t offload_band_inverse_bytes(const struct linalg_band *band)
{
    return (size_t)teams_for(band->batch) * memory_round_up((band->tband + 3) * sizeof(tile));
}

void offload_band_inverse(const struct linalg_band *band, void *work, int *info)
{
    const size_t batch = band->batch, n = band->n, tband = band->tband, zband = band->zband;
    double *const matrix = band->matrix, *const inverse = band->inverse, *const x = band->x;
    const int teams = teams_for(batch), team = device.team_size, bad = (int)n + 1;

#pragma omp target teams num_teams(teams) thread_limit(team) is_device_ptr(matrix, inverse, x, work)         \
    map(from : info[0 : batch])
#pragma omp parallel num_threads(team)
    for (size_t k = (size_t)omp_get_team_num(); k < batch; k += (size_t)omp_get_num_teams()) {
        const struct linalg_band own = {
            .n = n, .tband = tband, .zband = zband, .matrix = matrix, .inverse = inverse, .x = x};
        const struct band_system system = band_system_of(&own, k);

        band_inverse(team_member(), &system, (tile *)work + (size_t)omp_get_team_num() * (tband + 3));
        /* All other columns follow from the first: a bad number anywhere reaches it. */
        check_finite(team_member(), TILE * TILE, &system.z[0][0][0], bad, info + k);
    }
}

/* How many systems a team has side by side, each with LANES members. */
static size_t systems_of_team(void)
{
    return device.team_size > LANES ? (size_t)device.team_size / LANES : 1;
}

size_t offload_band_root_bytes(const struct linalg_root *root)
{
    return (size_t)teams_for(root->batch) * systems_of_team() * root_bytes(root);
}

/* A batch of a target region, in groups of as many systems as a team has side by side. */
struct root_batch {
    struct linalg_root root;
    size_t ngroup;
    size_t first; /* its first system among those of the region */
};

/* What a team takes roots with. */
struct root_team {
    const struct poles *tables;
    char *scratch; /* of all its systems, one after another */
    size_t bytes;  /* of the scratch of one system */
};

/* Takes the roots of the systems of one group. All members of a team must come to the same waits: so all its
 * systems take as many poles as the one that needs the most, and where the batch ends some members repeat the
 * last system. */
TEAM_BODY void take_roots(struct member member, size_t order, const struct root_batch *batch, size_t group,
                          const struct root_team *with, int *info)
{
    const struct linalg_root root = batch->root;
    const struct member lane = team_part(member, LANES);
    const size_t nsystem = (size_t)(member.count / lane.count), own = (size_t)(member.index / lane.count);
    const size_t first = group * nsystem;
    const size_t number = first + own;
    const struct root_arrays arrays = root_place(&root, with->scratch + own * with->bytes);
    const double smallest = root_complete(lane, order, &root, &arrays, number);
    const struct poles *own_poles;
    size_t count = 0;
    int failed;

    team_sync(member);
    for (size_t k = 0; k < nsystem && first + k < root.batch; k++) {
        const struct poles *poles = poles_for(with->tables, root.condition[first + k]);

        if (poles && poles->count > count) count = poles->count;
    }
    own_poles = poles_for(with->tables, root.condition[root_system(&root, number)]);
    failed = root_take(lane, order, &root, &arrays, number, (struct root_poles){smallest, own_poles, count});
    if (lane.index == 0 && number < root.batch) info[batch->first + number] = failed;
    team_sync(member);
}

/* A target region for batches of one order: that of root_window.h, or 0. Every order has a region of its own,
 * because the number of its registers decides how many teams a GPU holds. */
#define ROOT_CLAUSES                                                                                         \
    num_teams(teams) thread_limit(team) map(to : batch [0:nbatch]) map(from : info [0:nsystem])              \
        is_device_ptr(tables, work)
#define ROOT_REGION(order)                                                                                   \
    _Pragma("omp target teams ROOT_CLAUSES") _Pragma("omp parallel num_threads(team)")                       \
    {                                                                                                        \
        const struct root_team with = {tables, (char *)work + (size_t)omp_get_team_num() * side * bytes,     \
                                       bytes};                                                               \
                                                                                                             \
        for (size_t g = (size_t)omp_get_team_num(); g < ngroup; g += (size_t)omp_get_num_teams()) {          \
            const struct root_batch *own = batch;                                                            \
            size_t group = g;                                                                                \
                                                                                                             \
            while (group >= own->ngroup) group -= own++->ngroup;                                             \
            take_roots(team_member(), order, own, group, &with, info);                                       \
        }                                                                                                    \
    }

enum { REGION_BATCHES = 32 }; /* the most batches of a target region */

static void take_region(const struct root_batch *batch, size_t nbatch, size_t order, void *work, int *info)
{
    const struct poles *tables = device.tables;
    const size_t side = systems_of_team();
    const int team = device.team_size;
    size_t nsystem = 0, ngroup = 0, bytes = 0;
    int teams;

    for (size_t i = 0; i < nbatch; i++) {
        nsystem += batch[i].root.batch;
        ngroup += batch[i].ngroup;
        bytes = max_size(bytes, root_bytes(&batch[i].root));
    }
    teams = teams_for(ngroup);
    if (order == ROOT_NARROW)
        ROOT_REGION(ROOT_NARROW)
    else if (order == ROOT_ORDER)
        ROOT_REGION(ROOT_ORDER)
    else
        ROOT_REGION(0)
}

static size_t order_of(const struct linalg_root *root)
{
    return device.team_size > 1 ? root_order(root->band, root->nvec) : 0;
}

/* Neighbouring batches of one order share a region. */
void offload_band_root(const struct linalg_root *root, size_t nroot, void *work, int *info)
{
    const size_t side = systems_of_team();

    for (size_t first = 0, last; first < nroot; first = last) {
        const size_t order = order_of(root + first);
        struct root_batch batch[REGION_BATCHES];
        size_t nsystem = 0;

        for (last = first; last < nroot && last - first < REGION_BATCHES; last++) {
            if (order_of(root + last) != order) break;
            batch[last - first] =
                (struct root_batch){root[last], (root[last].batch + side - 1) / side, nsystem};
            nsystem += root[last].batch;
        }
        take_region(batch, last - first, order, work, info);
        info += nsystem;
    }
}
