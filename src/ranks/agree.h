/* That all ranks were started to do the same. */
#ifndef UNSPOT_RANKS_AGREE_H
#define UNSPOT_RANKS_AGREE_H

#include "base/status.h"
#include "ranks/ranks.h"

/* Compares what the ranks are to do, before any of them does it (collective). status says whether this rank's
 * command line is right, and if not *error why; text has, in lines, all that must be the same on all ranks.
 * Where a rank's command line is wrong or its text differs from rank 0's, no rank gets STATUS_OK, and rank
 * 0's error names the first such rank and its option or line. */
enum status ranks_agree(const struct ranks *ranks, enum status status, const char *text, struct error *error);

#endif
