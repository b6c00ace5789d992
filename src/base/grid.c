#include "base/grid.h"

const struct production_grid production_grids[PRODUCTION_GRIDS] = {
    {'b', 3600, 5800, 0.8}, {'r', 5760, 7620, 0.8}, {'z', 7520, 9824, 0.8}};
