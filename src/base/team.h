/* A team works on one spot, patch or system together: on a CPU it is a single thread, on a GPU the threads of
 * a block. The bodies of the kernels are written once, for a member of a team: it does its share of each
 * loop, and waits for the others where it needs what they wrote.
 *
 * Bodies are always inlined into a loop of their back-end, where the size of the team is a constant: on a CPU
 * shares are whole loops, as if there were no teams, and waiting is nothing. Where a CPU has several numbers
 * in a register, a member has one: loops run in chunks of `width` = team_width(member, lanes). */
#ifndef UNSPOT_BASE_TEAM_H
#define UNSPOT_BASE_TEAM_H

#include <omp.h>
#include <stdbool.h>
#include <stddef.h>

#define TEAM_BODY __attribute__((always_inline)) static inline

/* Stand before a loop of constant length, or of any length: on a device the loads of all its turns, or of
 * four of them, are then issued together. */
#if defined(__NVPTX__) || defined(__AMDGCN__)
#define DEVICE_UNROLL      _Pragma("clang loop unroll(full)")
#define DEVICE_UNROLL_FOUR _Pragma("clang loop unroll_count(4)")
#else
#define DEVICE_UNROLL
#define DEVICE_UNROLL_FOUR
#endif

enum {
    TEAM_SIZE = 64, /* threads of a team on a GPU: as many as a tile has elements (linalg.h) */
    TEAM_SIDE = 8,  /* of the square of members that shares rows and columns */
    TEAM_WARP = 32  /* threads that an NVIDIA GPU runs in step */
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

/* All members arrive here before any goes on, and see what the others wrote. Those of a warp have no need to
 * wait for others. */
TEAM_BODY void team_sync(struct member member)
{
    if (member.count == 1) return;
#if defined(__NVPTX__)
    if (member.count <= TEAM_WARP) {
        __nvvm_bar_warp_sync(0xffffffffu);
        return;
    }
#endif
#pragma omp barrier
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

/* Sets x[count] to 0; all members see the zeros afterwards. */
TEAM_BODY void team_zero(struct member member, size_t count, double *x)
{
    for (team_share(member, i, count)) x[i] = 0;
    team_sync(member);
}

/* Members of a team that have something of their own to do: `size` of them, one after another; a power of
 * two, so that those of a part of up to TEAM_WARP are of one warp. All parts of a team take the same steps
 * together: where one of them waits or exchanges numbers, all do. */
TEAM_BODY struct member team_part(struct member member, int size)
{
    return (struct member){member.index % size, member.count < size ? 1 : size};
}

#if defined(__NVPTX__)
/* The number of the member whose index differs in these bits. */
TEAM_BODY double warp_exchange(double own, int bits)
{
    union {
        double number;
        int word[2];
    } both = {own};

    both.word[0] = __nvvm_shfl_sync_bfly_i32(-1, both.word[0], bits, TEAM_WARP - 1);
    both.word[1] = __nvvm_shfl_sync_bfly_i32(-1, both.word[1], bits, TEAM_WARP - 1);
    return both.number;
}

/* Of two members whose index differs in the bit `half`, and who have 2 half sums each, one goes on with the
 * first half of them, the other with the second. */
TEAM_BODY void warp_halve(struct member member, int half, double *own)
{
    const bool upper = member.index & half;

    DEVICE_UNROLL
    for (int k = 0; k < half; k++) {
        const double first = own[k], second = own[k + half];

        own[k] = (upper ? second : first) + warp_exchange(upper ? first : second, half);
    }
}

/* The members of a warp, or of a part of one. */
TEAM_BODY int warp_width(struct member member)
{
    return member.count < TEAM_WARP ? member.count : TEAM_WARP;
}
#endif

/* The sum, or the largest, of the members' numbers, which every member gets. shared[count] is overwritten. */
TEAM_BODY double team_sum(struct member member, double own, double *shared)
{
    double sum = 0;

    if (member.count == 1) return own;
#if defined(__NVPTX__)
    DEVICE_UNROLL
    for (int bits = 1; bits < warp_width(member); bits *= 2) own += warp_exchange(own, bits);
    if (member.count <= TEAM_WARP) return own;
    if (member.index % TEAM_WARP == 0) shared[member.index / TEAM_WARP] = own;
    team_sync(member);
    for (int k = 0; k < member.count / TEAM_WARP; k++) sum += shared[k];
#else
    shared[member.index] = own;
    team_sync(member);
    for (int k = 0; k < member.count; k++) sum += shared[k];
#endif
    team_sync(member);
    return sum;
}

TEAM_BODY double team_largest(struct member member, double own, double *shared)
{
    if (member.count == 1) return own;
#if defined(__NVPTX__)
    DEVICE_UNROLL
    for (int bits = 1; bits < warp_width(member); bits *= 2) {
        double other = warp_exchange(own, bits);

        own = other > own ? other : own;
    }
    if (member.count <= TEAM_WARP) return own;
    if (member.index % TEAM_WARP == 0) shared[member.index / TEAM_WARP] = own;
    team_sync(member);
    for (int k = 0; k < member.count / TEAM_WARP; k++) own = shared[k] > own ? shared[k] : own;
#else
    shared[member.index] = own;
    team_sync(member);
    for (int k = 0; k < member.count; k++) own = shared[k] > own ? shared[k] : own;
#endif
    team_sync(member);
    return own;
}

enum { TEAM_SUMS = 8 };

/* Eight sums at a time, of the members' own[TEAM_SUMS]: number index % TEAM_SUMS of them. For teams of 8, 16
 * or 32 members; shared: [count][TEAM_SUMS]; own is spoilt. */
TEAM_BODY double team_sums(struct member member, double *own, double *shared)
{
#if defined(__NVPTX__)
    (void)shared;
    warp_halve(member, 4, own);
    warp_halve(member, 2, own);
    warp_halve(member, 1, own);
    if (member.count > TEAM_SUMS) own[0] += warp_exchange(own[0], TEAM_SUMS);
    if (member.count > 2 * TEAM_SUMS) own[0] += warp_exchange(own[0], 2 * TEAM_SUMS);
    return own[0];
#else
    double sum = 0;

    for (int k = 0; k < TEAM_SUMS; k++) shared[member.index * TEAM_SUMS + k] = own[k];
    team_sync(member);
    for (int k = 0; k < member.count; k++) sum += shared[k * TEAM_SUMS + member.index % TEAM_SUMS];
    team_sync(member);
    return sum;
#endif
}

#endif
