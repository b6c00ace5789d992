/* The keywords that say which programs have made a file. */
#ifndef UNSPOT_RUN_PROVENANCE_H
#define UNSPOT_RUN_PROVENANCE_H

#include "base/frame.h"
#include "io/keyword.h"

/* Appends DEPNAMnn/DEPVERnn (desiutil's convention) for unspot, its git hash, the compiler and the linear
 * algebra. Their numbers follow those that the input's header has already; beyond 99, the limit of the
 * convention, none are added. */
void provenance_dependencies(struct keywords *keywords, const struct cards *input, const char *linalg);

#endif
