/* What goes into an extraction (preproc) and what comes out of it (frame), as plain arrays. */
#ifndef UNSPOT_BASE_FRAME_H
#define UNSPOT_BASE_FRAME_H

#include <stddef.h>
#include <stdint.h>

enum { FIBERS_PER_PETAL = 500 }; /* of one camera; DESI numbers fibers over its ten petals */

enum { CARD_SIZE = 80 }; /* characters of a header card (FITS Standard 4.0, section 4.1) */

/* Header cards of an HDU, kept word for word. */
struct cards {
    size_t count;
    char *text; /* [count][CARD_SIZE], not terminated */
};

/* Value of a keyword in header cards, without quotes and trailing blanks; empty when absent. */
void cards_value(const struct cards *cards, const char *name, char *value, size_t size);

/* A binary table kept byte for byte, so that any column of any type passes through. */
struct table {
    struct cards header; /* all cards but CHECKSUM and DATASUM; count = 0: there is no table */
    size_t row_bytes, nrows;
    unsigned char *rows; /* [nrows][row_bytes], big-endian as in the file */
};

/* A pre-processed CCD image. */
struct preproc {
    size_t nx, ny;         /* columns, rows */
    float *image;          /* [row][column] electrons; finite */
    float *ivar;           /* [row][column] 1/electrons²; finite, >= 0; 0: not to be used */
    size_t nmasked;        /* pixels with ivar 0, whatever the reason */
    size_t nbroken;        /* of these, pixels whose image or ivar was NaN or infinite, or ivar negative */
    struct cards header;   /* of the IMAGE HDU */
    struct table fibermap; /* all rows of the input */
};

/* desispec's specmask bits that extraction sets */
enum specmask {
    SPECMASK_SOMEBADPIX = 1u << 0, /* more than half of the spot on unusable pixels */
    SPECMASK_ALLBADPIX = 1u << 1,  /* all of the spot on unusable pixels (within 1e-6) */
    SPECMASK_BAD2DFIT = 1u << 7,   /* the two-dimensional model does not fit, or had to be regularised */
    SPECMASK_NODATA = 1u << 8,     /* no pixel of the spot is on the CCD, or the patch has no solution */
};

/* Extracted spectra. Flux is in electrons (photons) per Angstrom. Where ivar is 0, flux is 0, mask is not 0
 * and the row of the resolution matrix is the identity's. Nothing in here is ever NaN or infinite. */
struct frame {
    size_t specmin;             /* spectrum of the PSF in row 0 */
    int32_t *spectrum;          /* [spec] spectrum of the PSF in each row, or NULL: specmin + row */
    size_t nspec, nwave, ndiag; /* ndiag = 2 hsizey + 1 */
    double wave_min, wave_step; /* Angstrom; wave[i] = wave_min + i wave_step */
    double *wave;               /* [wave] */
    double *flux;               /* [spec][wave] electron/Angstrom */
    double *ivar;               /* [spec][wave] */
    uint32_t *mask;             /* [spec][wave] enum specmask */
    float *resolution;          /* [spec][ndiag][wave]: [s][k][j] = R_s[j - h + k, j], h = ndiag/2; rows
                                   beyond the grid hold what the padded patch had, and are not used */
    double *pixmask_fraction;   /* [spec][wave] fraction of the spot on unusable pixels */
    double *chi2pix;            /* [spec][wave] mean chi² of the pixels under the spot */
    size_t model_column, model_nx, model_ny; /* first column, 0 but in a part of a frame; size */
    double *model;                           /* [row][column] electrons, or NULL when not asked for */
};

/* Spectrum of the PSF in a row of a frame. */
static inline size_t frame_spectrum(const struct frame *frame, size_t row)
{
    return frame->spectrum ? (size_t)frame->spectrum[row] : frame->specmin + row;
}

void preproc_free(struct preproc *preproc);
void frame_free(struct frame *frame);
void table_free(struct table *table);

/* Adds a strip[model_ny][width] to the model from this column of the CCD on. */
void frame_add_to_model(struct frame *frame, size_t column, size_t width, const double *strip);

#endif
