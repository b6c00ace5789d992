/* A range of things that are counted: spectra, wavelengths, columns of the CCD. */
#ifndef UNSPOT_BASE_SPAN_H
#define UNSPOT_BASE_SPAN_H

#include <stddef.h>

#include "base/minmax.h"

/* The numbers first, first + 1, ... first + count - 1. */
struct span {
    size_t first, count;
};

/* The first number behind the range. */
static inline size_t span_end(struct span span)
{
    return span.first + span.count;
}

/* The range first ... end - 1, which is empty unless first < end. */
static inline struct span span_between(size_t first, size_t end)
{
    return (struct span){first, first < end ? end - first : 0};
}

/* What two ranges have in common, which may be empty. */
static inline struct span span_common(struct span a, struct span b)
{
    return span_between(max_size(a.first, b.first), min_size(span_end(a), span_end(b)));
}

/* The smallest range that holds both. An empty range holds nothing and does not count. */
static inline struct span span_hull(struct span a, struct span b)
{
    if (a.count == 0) return b;
    if (b.count == 0) return a;
    return span_between(min_size(a.first, b.first), max_size(span_end(a), span_end(b)));
}

/* Part i of the n contiguous parts, as equal as can be, into which gpu_specter's
 * subbundles divide a range. */
static inline struct span span_part(struct span span, size_t i, size_t n)
{
    return span_between(span.first + i * span.count / n, span.first + (i + 1) * span.count / n);
}

#endif
