/* What goes into an extraction (preproc) and what comes out of it (frame), as plain arrays. Whoever allocates
 * an array of these structures does it with base/memory.h or malloc(); the functions at the end free them. */
#ifndef UNSPOT_BASE_FRAME_H
#define UNSPOT_BASE_FRAME_H

#include <stddef.h>
#include <stdint.h>

enum {
    FIBERS_PER_PETAL = 500
}; /* fibers of one camera; DESI counts the fibers of its ten petals in one go */

enum { CARD_SIZE = 80 }; /* characters of a header card (FITS Standard 4.0, section 4.1) */

/* The header cards of an HDU, kept word for word. */
struct cards {
    size_t count;
    char *text;     /* [count][CARD_SIZE], not terminated */
    size_t nbroken; /* cards of the file that are not valid, and were changed */
};

/* Copies the value of the first card of this keyword to value[size], without quotes and blanks around it and
 * cut to fit. value becomes an empty text when there is no such card. */
void cards_value(const struct cards *cards, const char *name, char *value, size_t size);

/* A binary table kept byte for byte, so that any column of any type passes through. */
struct table {
    struct cards header; /* all cards but CHECKSUM and DATASUM; count is 0 when there is no table */
    size_t row_bytes, nrows;
    unsigned char *rows; /* [row][row_bytes], big-endian as in the file */
};

/* The value of an integer column where a row has none. */
#define TABLE_NULL INT64_MIN

/* A pre-processed CCD image. */
struct preproc {
    size_t nx, ny;         /* columns, rows */
    float *image;          /* [row][column] electrons; finite */
    float *ivar;           /* [row][column] 1/electrons²; finite, >= 0; 0 where the pixel is not to be used */
    size_t nmasked;        /* pixels with ivar 0, whatever the reason */
    size_t nbroken;        /* of these, pixels whose image or ivar was NaN or infinite, or ivar negative */
    size_t nrounded;       /* pixels whose ivar lossy compression cannot tell from 0, and so counts as 0 */
    struct cards header;   /* of the IMAGE HDU */
    struct table fibermap; /* all rows of the input */
    int64_t *fiber;        /* [row of fibermap] FIBER, or TABLE_NULL; NULL where it has no such integers */
};

/* The bits of desispec's specmask that extraction sets. */
enum specmask {
    SPECMASK_SOMEBADPIX = 1u << 0, /* more than half of the spot on unusable pixels */
    SPECMASK_ALLBADPIX = 1u << 1,  /* all of the spot on unusable pixels (within 1e-6) */
    SPECMASK_BAD2DFIT = 1u << 7,   /* the two-dimensional model does not fit, or had to be regularised */
    SPECMASK_NODATA = 1u << 8,     /* no pixel of the spot is on the CCD, the patch has no solution, or ivar
                                      is 0 in float32 although a usable pixel sees the bin */
};

/* Extracted spectra. Flux is in electrons (photons) per Angstrom. Where ivar is 0, flux is 0, mask is not 0
 * and the row of the resolution matrix is the identity's. Nothing in here is ever NaN or infinite. */
struct frame {
    size_t specmin;    /* spectrum of the PSF in row 0 */
    int32_t *spectrum; /* [spec] the spectrum of the PSF in each row; NULL when it is specmin + row */
    size_t nspec, nwave, ndiag; /* diagonals of the resolution matrix: ndiag = 2 hsizey + 1 */
    double wave_min, wave_step; /* Angstrom; wave[i] = wave_min + i wave_step */
    double *wave;               /* [wave] */
    double *flux;               /* [spec][wave] electron/Angstrom */
    double *ivar;               /* [spec][wave] (electron/Angstrom)^-2 */
    uint32_t *mask;             /* [spec][wave] enum specmask */
    float *resolution;          /* [spec][ndiag][wave]: the element [s][k][j] is R_s[j - h + k, j] with
                                   h = ndiag/2; where j - h + k is beyond the grid it holds a number of
                                   the padded patch, which nobody may use */
    double *pixmask_fraction;   /* [spec][wave] fraction of the spot on unusable pixels */
    double *chi2pix;            /* [spec][wave] mean chi² of the pixels under the spot */
    size_t model_column;        /* the CCD's column at which the model begins: 0, but in a part of a frame */
    size_t model_nx, model_ny;
    double *model; /* [model_ny][model_nx] electrons, or NULL when not asked for */
};

/* The spectrum of the PSF that a row of the frame holds. */
static inline size_t frame_spectrum(const struct frame *frame, size_t row)
{
    return frame->spectrum ? (size_t)frame->spectrum[row] : frame->specmin + row;
}

/* Each frees all arrays of the structure and zeroes it. A structure of zeros may be freed, too. */
void preproc_free(struct preproc *preproc);
void frame_free(struct frame *frame);
void table_free(struct table *table);

/* Adds strip[model_ny][width] electrons to the model, from this column of the CCD on. */
void frame_add_to_model(struct frame *frame, size_t column, size_t width, const double *strip);

#endif
