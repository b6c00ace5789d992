/* A team works on one spot, patch or system together: on a CPU it is a single thread, on a GPU the threads of
 * a block. The bodies of the kernels are written once, for a member of a team: it does its share of each
 * loop, and waits for the others where it needs what they wrote.
 *
 * Bodies are always inlined into a loop of their backend, where the size of the team is a constant: on a CPU
 * shares are whole loops, as if there were no teams, and waiting is nothing. Where a CPU has several numbers
 * in a register, a member has one: loops run in chunks of `width` = team_width(member, lanes). */
#ifndef UNSPOT_BASE_TEAM_H
#define UNSPOT_BASE_TEAM_H

#include <omp.h>
#include <stddef.h>

#define TEAM_BODY __attribute__((always_inline)) static inline

/* Before a loop of constant length: on a device its loads then go out together. */
#if defined(__NVPTX__) || defined(__AMDGCN__)
#define DEVICE_UNROLL _Pragma("clang loop unroll(full)")
#else
#define DEVICE_UNROLL
#endif

enum {
    TEAM_SIZE = 64, /* threads of a team on a GPU: one for each element of a tile (linalg.h) */
    TEAM_SIDE = 8   /* of the square of members that shares rows and columns */
};

struct member {
    int index, count; /* member `index` of `count`: of 1 or of TEAM_SIZE, or fewer that share a system */
};

/* The only member of a CPU's team. */
TEAM_BODY struct member team_of_one(void)
{
    return (struct member){0, 1};
}

/* Within a target region: this thread. The pass of the compiler that makes the device's code decides what a
 * team is there; device.h asks it how many threads to start. */
TEAM_BODY struct member team_member(void)
{
#if defined(__NVPTX__) || defined(__AMDGCN__) || defined(UNSPOT_TEST_TEAMS)
    return (struct member){omp_get_thread_num(), TEAM_SIZE};
#else
    return (struct member){0, 1};
#endif
}

/* All members arrive here before any goes on, and see what the others wrote. */
TEAM_BODY void team_sync(struct member member)
{
    if (member.count > 1) {
#pragma omp barrier
    }
}

TEAM_BODY int team_width(struct member member, int lanes)
{
    return member.count == 1 ? lanes : 1;
}

/* for (team_share(member, i, n)): the i = 0 ... n - 1 that are this member's. */
#define team_share(member, i, n)                                                                             \
    size_t i = (size_t)(member).index;                                                                       \
    i < (n);                                                                                                 \
    i += (size_t)(member).count

/* for (team_chunks(member, width, i, n)): the first ones of its chunks of `width`. */
#define team_chunks(member, width, i, n)                                                                     \
    size_t i = (size_t)((member).index * (width));                                                           \
    i < (n);                                                                                                 \
    i += (size_t)((member).count * (width))

/* for (team_rows(member, r, first, last)) for (team_columns(member, width, c, first, last)): the ints r and c
 * of a rectangle that are its own, in chunks of `width` columns. */
#define team_rows(member, r, first, last)                                                                    \
    int r = (first) + (member).index / TEAM_SIDE;                                                            \
    r < (last);                                                                                              \
    r += (member).count == 1 ? 1 : TEAM_SIDE
#define team_columns(member, width, c, first, last)                                                          \
    int c = (first) + (member).index % TEAM_SIDE * (width);                                                  \
    c < (last);                                                                                              \
    c += (member).count == 1 ? (width) : TEAM_SIDE * (width)

/* x[count] = 0 */
TEAM_BODY void team_zero(struct member member, size_t count, double *x)
{
    for (team_share(member, i, count)) x[i] = 0;
    team_sync(member);
}

/* The sum, or the largest, of the members' numbers; shared: [count]. In two steps of TEAM_SIDE numbers. */
TEAM_BODY double team_sum(struct member member, double own, double *shared)
{
    double part[TEAM_SIDE], sum = 0;

    if (member.count == 1) return own;
    shared[member.index] = own;
    team_sync(member);
    DEVICE_UNROLL
    for (int k = 0; k < TEAM_SIDE; k++) part[k] = shared[member.index % TEAM_SIDE * TEAM_SIDE + k];
    DEVICE_UNROLL
    for (int k = 0; k < TEAM_SIDE; k++) sum += part[k];
    team_sync(member);
    if (member.index < TEAM_SIDE) shared[member.index] = sum;
    team_sync(member);
    DEVICE_UNROLL
    for (int k = 0; k < TEAM_SIDE; k++) part[k] = shared[k];
    sum = 0;
    DEVICE_UNROLL
    for (int k = 0; k < TEAM_SIDE; k++) sum += part[k];
    team_sync(member);
    return sum;
}

TEAM_BODY double team_largest(struct member member, double own, double *shared)
{
    double part[TEAM_SIDE];

    if (member.count == 1) return own;
    shared[member.index] = own;
    team_sync(member);
    DEVICE_UNROLL
    for (int k = 0; k < TEAM_SIDE; k++) part[k] = shared[member.index % TEAM_SIDE * TEAM_SIDE + k];
    DEVICE_UNROLL
    for (int k = 0; k < TEAM_SIDE; k++) own = part[k] > own ? part[k] : own;
    team_sync(member);
    if (member.index < TEAM_SIDE) shared[member.index] = own;
    team_sync(member);
    DEVICE_UNROLL
    for (int k = 0; k < TEAM_SIDE; k++) part[k] = shared[k];
    DEVICE_UNROLL
    for (int k = 0; k < TEAM_SIDE; k++) own = part[k] > own ? part[k] : own;
    team_sync(member);
    return own;
}

#endif
