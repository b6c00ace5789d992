/* Grids of wavelengths. */
#ifndef UNSPOT_BASE_GRID_H
#define UNSPOT_BASE_GRID_H

#include <math.h>
#include <stddef.h>

/* Wavelengths first + i step, i = 0 ... count - 1 (Angstrom). */
struct wave_grid {
    double first, step;
    size_t count;
};

/* The number of bins of the grid first, first + step, ... up to last (Angstrom), as numpy's
 * arange(first, last + step/2, step) counts them: half a step is added so that rounding cannot lose the last
 * bin. step > 0 and last >= first. */
static inline size_t wavelength_count(double first, double last, double step)
{
    return (size_t)ceil((last + 0.5 * step - first) / step);
}

/* The grid on which DESI's pipeline extracts the cameras of one kind. */
struct production_grid {
    char camera;              /* 'b', 'r' or 'z' */
    double first, last, step; /* Angstrom, last included */
};

enum { PRODUCTION_GRIDS = 3 };
extern const struct production_grid production_grids[PRODUCTION_GRIDS];

#endif
