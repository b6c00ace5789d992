/* A team works on one spot, patch or system together: on a CPU it is a single thread, on a GPU the threads of
 * a block. The bodies of the kernels are written once, for a member of a team: it does its share of each
 * loop, and waits for the others where they need what it wrote.
 *
 * Bodies are always inlined into a loop of their backend, where the size of the team is a constant: on a CPU
 * shares are whole loops, as if there were no teams, and waiting is nothing. */
#ifndef UNSPOT_BASE_TEAM_H
#define UNSPOT_BASE_TEAM_H

#include <omp.h>
#include <stddef.h>

#define TEAM_BODY __attribute__((always_inline)) static inline

enum { TEAM_SIZE = 64 }; /* threads of a team on a GPU: one for each element of a tile (linalg.h) */

struct member {
    int index, count; /* member `index` of `count` */
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
#if defined(__NVPTX__) || defined(__AMDGCN__)
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

/* for (team_share(member, i, n)): the i = 0 ... n - 1 that are this member's. */
#define team_share(member, i, n)                                                                             \
    size_t i = (size_t)(member).index;                                                                       \
    i < (n);                                                                                                 \
    i += (size_t)(member).count

#endif
