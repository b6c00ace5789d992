/* The banded operations on device memory, computed on the host: everything is copied there and back. */
#include "linalg/offload_band.h"

#include "linalg/copies.h"
#include "linalg/host_band.h"

static bool upload(double *to, const double *from, size_t count)
{
    return device_upload(to, from, count * sizeof *to);
}

void offload_band_cholesky(size_t n, size_t tband, double *a, double *x, size_t batch, int *info)
{
    size_t acount = batch * linalg_band_size(n, tband), xcount = batch * linalg_band_ntile(n) * LINALG_TILE;
    double *ha = copy_back(a, acount), *hx = x ? copy_back(x, xcount) : NULL;
    bool done = ha && (hx || !x);

    if (done) host_band_cholesky(n, tband, ha, hx, batch, info);
    if (!done || !upload(a, ha, acount) || (x && !upload(x, hx, xcount))) mark_failed(n, batch, info);
    free(ha);
    free(hx);
}

void offload_band_solve(size_t n, size_t tband, const double *l, double *b, size_t batch, int *info)
{
    size_t lcount = batch * linalg_band_size(n, tband), bcount = batch * linalg_band_ntile(n) * LINALG_TILE;
    double *hl = copy_back(l, lcount), *hb = copy_back(b, bcount);
    bool done = hl && hb;

    if (done) host_band_solve(n, tband, hl, hb, batch, info);
    if (!done || !upload(b, hb, bcount)) mark_failed(n, batch, info);
    free(hl);
    free(hb);
}

size_t offload_band_inverse_bytes(size_t n, size_t tband, size_t zband, size_t batch)
{
    return host_band_inverse_bytes(n, tband, zband, batch);
}

void offload_band_inverse(size_t n, size_t tband, size_t zband, const double *l, double *inverse, double *x,
                          size_t batch, void *work, int *info)
{
    size_t zcount = batch * linalg_band_size(n, zband), xcount = batch * linalg_band_ntile(n) * LINALG_TILE;
    double *hl = copy_back(l, batch * linalg_band_size(n, tband)), *hz = copy_back(inverse, zcount);
    double *hx = x ? copy_back(x, xcount) : NULL;
    void *hwork = memory_raw(offload_band_inverse_bytes(n, tband, zband, batch), 1);
    bool done = hl && hz && (hx || !x) && hwork;

    (void)work;
    if (done) host_band_inverse(n, tband, zband, hl, hz, hx, batch, hwork, info);
    if (!done || !upload(inverse, hz, zcount) || (x && !upload(x, hx, xcount))) mark_failed(n, batch, info);
    free(hl);
    free(hz);
    free(hx);
    free(hwork);
}

size_t offload_band_root_bytes(const struct linalg_root *root, size_t batch)
{
    return host_band_root_bytes(root, batch);
}

void offload_band_root(const struct linalg_root *root, size_t batch, void *work, int *info)
{
    size_t vectors = batch * root->nvec * root->n, band = batch * (root->half + 1) * root->n;
    double *inverse = copy_back(root->inverse, batch * (root->band + 1) * root->n);
    double *vector = copy_back(root->vector, vectors), *product = copy_back(root->product, vectors);
    double *matrix = copy_back(root->root, band), *edge = copy_back(root->edge, batch * root->n);
    double *spread = copy_back(root->spread, batch);
    void *hwork = memory_raw(offload_band_root_bytes(root, batch), 1);
    bool done = inverse && vector && product && matrix && edge && spread && hwork;
    struct linalg_root host = *root;

    (void)work;
    host.inverse = inverse, host.vector = vector, host.product = product;
    host.root = matrix, host.edge = edge, host.spread = spread;
    if (done) host_band_root(&host, batch, hwork, info);
    if (!done || !upload(root->product, product, vectors) || !upload(root->root, matrix, band) ||
        !upload(root->edge, edge, batch * root->n) || !upload(root->spread, spread, batch)) {
        mark_failed(2, batch, info);
    }
    free(inverse), free(vector), free(product), free(matrix), free(edge), free(spread), free(hwork);
}
