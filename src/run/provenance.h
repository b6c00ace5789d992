/* The keywords that say where a file came from. */
#ifndef UNSPOT_RUN_PROVENANCE_H
#define UNSPOT_RUN_PROVENANCE_H

#include "base/frame.h"
#include "io/keyword.h"

/* Appends DEPNAMnn/DEPVERnn (desiutil's convention) for unspot, its git hash, the compiler and the linear
 * algebra, numbered after those that the input's header has already. */
void provenance_dependencies(struct keywords *keywords, const struct cards *input, const char *linalg);

#endif
