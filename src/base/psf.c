#include "base/psf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void psf_warn_of_broken(const struct psf *psf, const char *path, const struct log *log)
{
    enum { LISTED = 10 };
    char list[LISTED * 24] = "";
    size_t count = 0;

    for (size_t s = 0; psf->broken && s < psf->nspec; s++) {
        const size_t length = strlen(list);

        if (!psf->broken[s]) continue;
        if (count++ < LISTED)
            snprintf(list + length, sizeof list - length, "%s%zu", length > 0 ? ", " : "", psf->fibermin + s);
    }
    if (count > 0) {
        log_warning(log,
                    "%s: coefficients are not finite in %zu of %zu spectra: these are dark and masked: %s%s",
                    path, count, psf->nspec, list, count > LISTED ? ", ..." : "");
    }
}

void psf_free(struct psf *psf)
{
    free(psf->broken);
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
