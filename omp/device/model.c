/* The model image of a bundle on the device. */
#include <omp.h>

#include "base/memory.h"
#include "omp/kernels/footprint.h"
#include "omp/offload.h"

enum { ROWS = 32 }; /* rows of the image that a team takes at a time */

size_t offload_model_bytes(size_t nspec, size_t nwave, size_t width, size_t ny)
{
    return memory_round_up(nspec * nwave * sizeof(double)) + width * ny * sizeof(double);
}

bool offload_model(struct offload *offload, size_t bundle, const struct light *light, struct span columns,
                   double *host_strip)
{
    const struct spots *spots = offload->bundle_spots + bundle;
    const struct span spectra = light->spectra, wavelengths = light->wavelengths;
    const size_t ny = offload->pixels.ny, nx = columns.count, nbin = spectra.count * wavelengths.count;
    const size_t count = (ny + ROWS - 1) / ROWS, flux_bytes = memory_round_up(nbin * sizeof(double));
    const int teams = offload_teams(offload, count), team = offload->device->team_size;
    const int column_min = (int)columns.first, column_max = (int)span_end(columns);
    const double bin_width = light->bin_width;
    double *flux = (double *)offload->arena, *strip = (double *)(offload->arena + flux_bytes);

    if (offload_model_bytes(spectra.count, wavelengths.count, nx, ny) > offload->arena_bytes) return false;
    if (!device_upload(flux, light->flux, nbin * sizeof(double))) return false;
#pragma omp target teams num_teams(teams) thread_limit(team) is_device_ptr(spots, flux, strip)
#pragma omp parallel num_threads(team)
    for (size_t k = (size_t)omp_get_team_num(); k < count; k += (size_t)omp_get_num_teams()) {
        const size_t first = k * ROWS, last = first + ROWS < ny ? first + ROWS : ny;
        const struct light there = {spectra, wavelengths, flux, wavelengths.count, bin_width};
        const struct patch rows = {
            .row_min = (int)first, .row_max = (int)last, .column_min = column_min, .column_max = column_max};

        team_zero(team_member(), (last - first) * nx, strip + first * nx);
        footprint_add_all(team_member(), &rows, spots, &there, strip + first * nx);
    }
    return device_download(host_strip, strip, nx * ny * sizeof(double));
}
