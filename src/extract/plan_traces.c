#include "extract/plan_traces.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/minmax.h"

enum { OVERLAP_LANES = 16 };

static bool edges_alloc(struct edges *edges, size_t nwave)
{
    edges->least = memory_zeroed(nwave, sizeof(int));
    edges->largest = memory_zeroed(nwave, sizeof(int));
    return edges->least && edges->largest;
}

static void edges_free(struct edges *edges)
{
    free(edges->least);
    free(edges->largest);
}

enum status traces_alloc(struct traces *traces, const struct psf *psf, size_t nspec, struct wave_grid grid,
                         struct error *error)
{
    const size_t nwave = grid.count;
    bool has_edges;

    *traces = (struct traces){.nx = 2 * (int)psf->hsizex + 1,
                              .ny = 2 * (int)psf->hsizey + 1,
                              .nblock = (nwave + TRACE_LANES - 1) / TRACE_LANES};
    traces->column = memory_raw(nspec * traces->nblock, TRACE_LANES * sizeof(int));
    traces->row = memory_raw(nspec * traces->nblock, TRACE_LANES * sizeof(int));
    traces->far = memory_zeroed(nwave, sizeof(int));
    traces->spread = memory_zeroed(nspec * traces->nblock, sizeof *traces->spread);
    traces->extent = memory_zeroed(nspec, sizeof *traces->extent);
    has_edges = edges_alloc(&traces->columns, nwave) && edges_alloc(&traces->rows, nwave) &&
                edges_alloc(&traces->beyond, nwave);
    if (!traces->column || !traces->row || !traces->far || !traces->spread || !traces->extent || !has_edges)
        return memory_error(error, "plan of patches");
    return trace_basis_make(&traces->basis, psf, grid.first, grid.step, nwave, error);
}

void traces_free(struct traces *traces)
{
    trace_basis_free(&traces->basis);
    free(traces->column);
    free(traces->row);
    free(traces->far);
    free(traces->spread);
    free(traces->extent);
    edges_free(&traces->columns);
    edges_free(&traces->rows);
    edges_free(&traces->beyond);
    memset(traces, 0, sizeof *traces);
}

static void nothing(struct edges *edges, size_t first, size_t last)
{
    for (size_t w = first; w < last; w++) {
        edges->least[w] = INT_MAX;
        edges->largest[w] = INT_MIN;
    }
}

/* The edges of the selected spectra's spots at each wavelength. */
static void find_edges(const struct traces *traces, const int *corner, struct edges *edges)
{
    const struct trace_basis *basis = &traces->basis;

    for (size_t w = basis->first; w < basis->last; w += TRACE_LANES) {
        size_t n = min_size(basis->last - w, TRACE_LANES);
        int *restrict least = edges->least + w, *restrict largest = edges->largest + w;

        nothing(edges, w, w + n);
        for (size_t s = traces->spec; s < traces->spec + traces->count; s++) {
            const int *pixel = corner + s * basis->stride + w;

#pragma omp simd
            for (size_t i = 0; i < n; i++) {
                least[i] = pixel[i] < least[i] ? pixel[i] : least[i];
                largest[i] = pixel[i] > largest[i] ? pixel[i] : largest[i];
            }
        }
    }
    nothing(edges, 0, basis->first);
    nothing(edges, basis->last, basis->nwave);
}

/* Collects the edges of all wavelengths from each one on, going from the last to the first. */
static void accumulate(const struct edges *edges, size_t nwave, struct edges *beyond)
{
    int least = INT_MAX, largest = INT_MIN;

    for (size_t w = nwave; w-- > 0;) {
        beyond->least[w] = least = edges->least[w] < least ? edges->least[w] : least;
        beyond->largest[w] = largest = edges->largest[w] > largest ? edges->largest[w] : largest;
    }
}

/* How far behind each wavelength there may be one, or one behind that, whose spots share rows with its own.
 * Where rows rise or fall with wavelength this is exact, for traces of any other shape it is a bound. */
static void find_far(struct traces *traces, size_t longest)
{
    const struct trace_basis *basis = &traces->basis;
    const int *least = traces->rows.least, *largest = traces->rows.largest;
    int *restrict far = traces->far, ny = traces->ny, any = 1;

    memset(far, 0, basis->nwave * sizeof *far);
    for (size_t distance = 1; distance < longest && any; distance++) {
        const size_t last = basis->last > distance ? basis->last - distance : 0;
        const int *least_beyond = traces->beyond.least + distance;
        const int *largest_beyond = traces->beyond.largest + distance;

        any = 0;
#pragma omp simd reduction(| : any)
        for (size_t w = basis->first; w < last; w++) {
            int may = (least_beyond[w] < largest[w] + ny) & (least[w] < largest_beyond[w] + ny);

            far[w] += may; /* those that may do so at a distance may at any shorter one */
            any |= may;
        }
    }
}

/* Finds the range of columns of each spectrum in each block of wavelengths. */
static void find_spread(struct traces *traces)
{
    const struct trace_basis *basis = &traces->basis;

    for (size_t s = 0; s < traces->nspec; s++) {
        for (size_t w = 0; w < basis->nwave; w += TRACE_LANES) {
            const int *column = traces->column + s * basis->stride + w;
            int least = INT_MAX, largest = INT_MIN;

#pragma omp simd reduction(min : least) reduction(max : largest)
            for (size_t i = 0; i < min_size(basis->nwave - w, TRACE_LANES); i++) {
                least = column[i] < least ? column[i] : least;
                largest = column[i] > largest ? column[i] : largest;
            }
            traces->spread[s * traces->nblock + w / TRACE_LANES] = (struct range){least, largest};
        }
    }
}

void traces_evaluate(struct traces *traces, const struct psf *psf, size_t specmin, size_t nspec)
{
    traces->nspec = nspec;
    spots_corners(&traces->basis, psf, specmin, nspec, traces->column, traces->row);
    find_spread(traces);
}

void traces_select(struct traces *traces, size_t spec, size_t count, size_t longest)
{
    traces->spec = spec;
    traces->count = count;
    find_edges(traces, traces->column, &traces->columns);
    find_edges(traces, traces->row, &traces->rows);
    accumulate(&traces->rows, traces->basis.nwave, &traces->beyond);
    find_far(traces, longest);
}

static struct range covered(const struct edges *edges, size_t wave, size_t n, int size)
{
    int least = INT_MAX, largest = INT_MIN;

#pragma omp simd reduction(min : least) reduction(max : largest)
    for (size_t w = wave; w < wave + n; w++) {
        least = edges->least[w] < least ? edges->least[w] : least;
        largest = edges->largest[w] > largest ? edges->largest[w] : largest;
    }
    if (least > largest) return (struct range){0, 0};
    return (struct range){least, largest + size};
}

struct range traces_columns(const struct traces *traces, size_t wave, size_t n)
{
    return covered(&traces->columns, wave, n, traces->nx);
}

struct range traces_rows(const struct traces *traces, size_t wave, size_t n)
{
    return covered(&traces->rows, wave, n, traces->ny);
}

static bool are_apart(struct range a, struct range b, int apart)
{
    return a.min - b.max >= apart || b.min - a.max >= apart;
}

/* Whether both distances are less than their limits; without a branch, so that loops
 * over it are vectorised. */
static int both_less(int rows, int row_limit, int columns, int column_limit)
{
    int row_is = abs(rows) < row_limit, column_is = abs(columns) < column_limit;

    return row_is & column_is;
}

/* Whether a spot of spectrum s at any of n wavelengths shares a pixel with one of spectrum r, `distance`
 * wavelengths behind it. Without branches, in vectors; the last lanes may be looked at twice. */
static bool do_overlap(const struct traces *traces, size_t s, size_t r, size_t wave, size_t n,
                       size_t distance)
{
    size_t first = s * traces->basis.stride + wave, second = r * traces->basis.stride + wave + distance;
    const int *row = traces->row + first, *other_row = traces->row + second;
    const int *column = traces->column + first, *other_column = traces->column + second;
    int nx = traces->nx, ny = traces->ny, found[OVERLAP_LANES] = {0}, any = 0;

    for (size_t w = 0; w + OVERLAP_LANES <= n; w += OVERLAP_LANES) {
#pragma omp simd
        for (size_t i = 0; i < OVERLAP_LANES; i++) {
            found[i] |= both_less(row[w + i] - other_row[w + i], ny, column[w + i] - other_column[w + i], nx);
        }
    }
    if (n >= OVERLAP_LANES) {
        size_t w = n - OVERLAP_LANES;

#pragma omp simd
        for (size_t i = 0; i < OVERLAP_LANES; i++) {
            found[i] |= both_less(row[w + i] - other_row[w + i], ny, column[w + i] - other_column[w + i], nx);
        }
    } else {
        for (size_t i = 0; i < n; i++)
            found[0] |= both_less(row[i] - other_row[i], ny, column[i] - other_column[i], nx);
    }
    for (size_t i = 0; i < OVERLAP_LANES; i++) any |= found[i];
    return any != 0;
}

/* The columns of the selected spectra at these wavelengths, and at a few more. */
static void find_extent(const struct traces *traces, size_t wave, size_t end)
{
    for (size_t s = traces->spec; s < traces->spec + traces->count; s++) {
        const struct range *spread = traces->spread + s * traces->nblock;
        struct range extent = spread[wave / TRACE_LANES];

        for (size_t block = wave / TRACE_LANES + 1; block * TRACE_LANES < end; block++) {
            if (spread[block].min < extent.min) extent.min = spread[block].min;
            if (spread[block].max > extent.max) extent.max = spread[block].max;
        }
        traces->extent[s] = extent;
    }
}

/* Whether any two spots of the selected spectra, one at any of n wavelengths and one `distance` behind it,
 * share a pixel. Near spectra are tried first, and those whose columns are apart never. */
static bool any_overlap(const struct traces *traces, size_t wave, size_t n, size_t distance)
{
    const struct range *extent = traces->extent;
    size_t end = traces->spec + traces->count;

    find_extent(traces, wave, wave + n + distance);
    for (size_t apart = 0; apart < traces->count; apart++) {
        for (size_t s = traces->spec, r = s + apart; r < end; s++, r++) {
            if (are_apart(extent[s], extent[r], traces->nx)) continue;
            if (do_overlap(traces, s, r, wave, n, distance)) return true;
            if (apart > 0 && do_overlap(traces, r, s, wave, n, distance)) return true;
        }
    }
    return false;
}

size_t traces_wave_halfwidth(const struct traces *traces, size_t wave, size_t n)
{
    size_t first = max_size(wave, traces->basis.first), end = min_size(wave + n, traces->basis.last);
    const int *far = traces->far;
    int wave_halfwidth = 0, count = end > first ? (int)(end - first) : 0;

#pragma omp simd reduction(max : wave_halfwidth)
    for (int w = 0; w < count; w++) {
        int last = count - 1 - w, spec_halfwidth = far[first + (size_t)w];

        spec_halfwidth = spec_halfwidth < last ? spec_halfwidth : last;
        wave_halfwidth = spec_halfwidth > wave_halfwidth ? spec_halfwidth : wave_halfwidth;
    }
    for (; wave_halfwidth > 0; wave_halfwidth--) {
        size_t begin = first,
               last = end - (size_t)wave_halfwidth; /* the wavelengths at which there may be such a pair */

        while (begin < last && far[begin] < wave_halfwidth) begin++;
        while (begin < last && far[last - 1] < wave_halfwidth) last--;
        if (any_overlap(traces, begin, last - begin, (size_t)wave_halfwidth)) break;
    }
    return (size_t)wave_halfwidth;
}

/* The most columns by which a trace shifts over `wave_halfwidth` wavelengths. Traces are smooth: over fewer
 * it shifts by no more. */
static int largest_shift(const struct traces *traces, size_t wave_halfwidth)
{
    size_t nwave = traces->basis.nwave;
    int largest = 0;

    for (size_t s = 0; s < traces->nspec; s++) {
        const int *column = traces->column + s * traces->basis.stride;

#pragma omp simd reduction(max : largest)
        for (size_t w = 0; w < nwave - wave_halfwidth; w++) {
            int shift = abs(column[w + wave_halfwidth] - column[w]);

            largest = shift > largest ? shift : largest;
        }
    }
    return largest;
}

/* Whether two traces are nearer than `apart` columns at any wavelength. */
static bool are_near(const struct traces *traces, size_t s, size_t r, int apart)
{
    size_t nwave = traces->basis.nwave;
    const int *column = traces->column + s * traces->basis.stride,
              *other = traces->column + r * traces->basis.stride;
    const struct range *spread = traces->spread + s * traces->nblock;
    const struct range *other_spread = traces->spread + r * traces->nblock;

    for (size_t block = 0; block < traces->nblock; block++) {
        if (are_apart(spread[block], other_spread[block], apart)) continue;
        for (size_t w = block * TRACE_LANES; w < min_size((block + 1) * TRACE_LANES, nwave); w++) {
            if (abs(other[w] - column[w]) < apart) return true;
        }
    }
    return false;
}

size_t traces_spec_halfwidth(const struct traces *traces, size_t wave_halfwidth)
{
    int apart = traces->nx + 1 + largest_shift(traces, wave_halfwidth);

    for (size_t spec_halfwidth = traces->nspec - 1; spec_halfwidth > 0; spec_halfwidth--) {
        for (size_t s = 0; s + spec_halfwidth < traces->nspec; s++) {
            if (are_near(traces, s, s + spec_halfwidth, apart)) return spec_halfwidth;
        }
    }
    return 0;
}
