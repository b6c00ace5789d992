#include "base/psf.h"

#include <stdlib.h>
#include <string.h>

void psf_free(struct psf *psf)
{
    free(psf->x.coef);
    free(psf->y.coef);
    free(psf->sigmax.coef);
    free(psf->sigmay.coef);
    if (psf->gh) {
        for (size_t k = 0; k < (psf->degx + 1) * (psf->degy + 1); k++) free(psf->gh[k].coef);
    }
    free(psf->gh);
    for (int k = 0; k < TAIL_COUNT; k++) free(psf->tail[k].coef);
    memset(psf, 0, sizeof *psf);
}
