#include "linalg/offload_band.h"

#include <math.h>
#include <omp.h>
#include <pthread.h>

#include "base/device.h"
#include "base/memory.h"
#include "base/minmax.h"
#include "base/team.h"
#include "linalg/band_kernel.h"
#include "linalg/poles.h"
#include "linalg/root_kernel.h"

/* What the device in use is; constant once asked for. */
static struct {
    int team_size;
    size_t teams;               /* that are started at most: several a multiprocessor, one a processor */
    const struct poles *tables; /* on the device */
} device;
static pthread_once_t once = PTHREAD_ONCE_INIT;

#ifdef UNSPOT_TEST_TEAMS
enum { TEAMS_OF_GPU = 1 }; /* a CPU has threads for one */
#else
enum { TEAMS_OF_GPU = 1024 };
#endif

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
    device.teams = size > 1 ? TEAMS_OF_GPU : (size_t)omp_get_num_procs();
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

void offload_band_cholesky(size_t n, size_t tband, double *a, double *x, size_t batch, int *info)
{
    const size_t size = linalg_band_size(n, tband), ntile = linalg_band_ntile(n);
    const int teams = teams_for(batch), team = device.team_size;

#pragma omp target teams num_teams(teams) thread_limit(team) is_device_ptr(a, x) map(from : info[0 : batch])
#pragma omp parallel num_threads(team)
    for (size_t k = (size_t)omp_get_team_num(); k < batch; k += (size_t)omp_get_num_teams()) {
        band_cholesky(team_member(), ntile, tband, (tile *)(a + k * size), x ? x + k * ntile * TILE : x,
                      info + k);
    }
}

/* Whether all of a team's numbers are finite, as info: 0, or `bad`, which any member may write. */
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

void offload_band_solve(size_t n, size_t tband, const double *l, double *b, size_t batch, int *info)
{
    const size_t size = linalg_band_size(n, tband), ntile = linalg_band_ntile(n);
    const int teams = teams_for(batch), team = device.team_size, bad = (int)n + 1;

#pragma omp target teams num_teams(teams) thread_limit(team) is_device_ptr(l, b) map(from : info[0 : batch])
#pragma omp parallel num_threads(team)
    for (size_t k = (size_t)omp_get_team_num(); k < batch; k += (size_t)omp_get_num_teams()) {
        double *x = b + k * ntile * TILE;

        band_solve(team_member(), ntile, tband, (tile *)(l + k * size), x);
        check_finite(team_member(), ntile * TILE, x, bad, info + k);
    }
}

size_t offload_band_inverse_bytes(size_t n, size_t tband, size_t zband, size_t batch)
{
    (void)n, (void)zband;
    return (size_t)teams_for(batch) * memory_round_up((tband + 3) * sizeof(tile));
}

void offload_band_inverse(size_t n, size_t tband, size_t zband, const double *l, double *inverse, double *x,
                          size_t batch, void *work, int *info)
{
    const size_t size = linalg_band_size(n, tband), out = linalg_band_size(n, zband);
    const size_t ntile = linalg_band_ntile(n);
    const int teams = teams_for(batch), team = device.team_size, bad = (int)n + 1;

#pragma omp target teams num_teams(teams) thread_limit(team) is_device_ptr(l, inverse, x, work)              \
    map(from : info[0 : batch])
#pragma omp parallel num_threads(team)
    for (size_t k = (size_t)omp_get_team_num(); k < batch; k += (size_t)omp_get_num_teams()) {
        tile *scratch = (tile *)work + (size_t)omp_get_team_num() * (tband + 3);

        band_inverse(team_member(), ntile, tband, zband, (tile *)(l + k * size), (tile *)(inverse + k * out),
                     scratch, x ? x + k * ntile * TILE : x);
        /* all others follow from the first columns: a bad number anywhere reaches them */
        check_finite(team_member(), TILE * TILE, inverse + k * out, bad, info + k);
    }
}

/* Systems that one team has side by side: as many as lanes fit. */
static size_t systems_of_team(void)
{
    return device.team_size > LANES ? (size_t)device.team_size / LANES : 1;
}

static size_t root_groups(size_t batch)
{
    return (batch + systems_of_team() - 1) / systems_of_team();
}

size_t offload_band_root_bytes(const struct linalg_root *root, size_t batch)
{
    return (size_t)teams_for(root_groups(batch)) * systems_of_team() * root_bytes(root);
}

/* The systems of one team, from `first` on: all its members pass through the same waits, so the pole count is
 * the largest of its systems', and where the batch ends some do the last one once more, for nothing. */
TEAM_BODY void take_roots(struct member member, size_t order, const struct linalg_root *root, size_t first,
                          size_t batch, const struct poles *tables, char *work, size_t bytes, int *info)
{
    const struct member lane = team_part(member, LANES);
    const size_t nsystem = (size_t)(member.count / lane.count), own = (size_t)(member.index / lane.count);
    const bool stores = first + own < batch;
    const size_t system = stores ? first + own : batch - 1;
    const struct root_arrays arrays = root_place(root, work + own * bytes);
    const double smallest = root_complete(lane, order, root, system, &arrays, stores);
    size_t count = 0;
    int failed;

    team_sync(member);
    for (size_t k = 0; k < nsystem && first + k < batch; k++) {
        const struct poles *poles = poles_for(tables, root->spread[first + k]);

        if (poles && poles->count > count) count = poles->count;
    }
    failed = root_take(lane, order, root, system, &arrays, stores, smallest,
                       poles_for(tables, root->spread[system]), count);
    if (lane.index == 0 && stores) info[system] = failed;
    team_sync(member);
}

/* All systems, by the way that root_window.h has for this order, or, 0, without it. Every order has a region
 * of its own, as it is its registers that decide how many teams a GPU holds. */
#define ROOT_CLAUSES                                                                                         \
    num_teams(teams) thread_limit(team) map(from : info [0:batch])                                           \
        is_device_ptr(inverse, vector, product, q, edge, spread, tables, work)
#define ROOT_REGION(order)                                                                                   \
    _Pragma("omp target teams ROOT_CLAUSES") _Pragma("omp parallel num_threads(team)")                       \
    {                                                                                                        \
        const struct linalg_root own = {n, band, nvec, half, inverse, vector, product, q, edge, spread};     \
        const size_t bytes = root_bytes(&own);                                                               \
        char *scratch = (char *)work + (size_t)omp_get_team_num() * side * bytes;                            \
                                                                                                             \
        for (size_t g = (size_t)omp_get_team_num(); g < groups; g += (size_t)omp_get_num_teams()) {          \
            take_roots(team_member(), order, &own, g *side, batch, tables, scratch, bytes, info);            \
        }                                                                                                    \
    }

void offload_band_root(const struct linalg_root *root, size_t batch, void *work, int *info)
{
    const size_t n = root->n, band = root->band, nvec = root->nvec, half = root->half;
    const double *inverse = root->inverse, *vector = root->vector;
    double *product = root->product, *q = root->root, *edge = root->edge, *spread = root->spread;
    const struct poles *tables = device.tables;
    const size_t groups = root_groups(batch), side = systems_of_team();
    const int teams = teams_for(groups), team = device.team_size;
    const size_t order = team > 1 ? root_order(band, nvec) : 0;

    if (order == ROOT_NARROW)
        ROOT_REGION(ROOT_NARROW)
    else if (order == ROOT_ORDER)
        ROOT_REGION(ROOT_ORDER)
    else
        ROOT_REGION(0)
}
