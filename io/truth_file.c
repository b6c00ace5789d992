#include "io/truth_file.h"
#include "io/frame_file.h"

#include <stdlib.h>

#include "base/memory.h"
#include "io/internal/input.h"
#include "io/internal/output_stream.h"
#include "io/internal/read_array.h"

void truth_free(struct truth *truth)
{
    free(truth->wave);
    free(truth->flux);
    free(truth->spectrum);
    *truth = (struct truth){0};
}

enum status truth_file_write(const char *path, const struct truth *truth, const struct keywords *keywords,
                             struct error *error)
{
    const size_t nspec = truth->nspec, nwave = truth->nwave;
    const struct array flux = {"TRUEFLUX", "photon/Angstrom", DOUBLE_IMG, TDOUBLE,
                               2,          {nspec, nwave},    truth->flux};
    const struct array wave = {"WAVELENGTH", "Angstrom", DOUBLE_IMG, TDOUBLE, 1, {nwave}, truth->wave};
    const struct array spectra = {"SPECTRA", NULL, LONG_IMG, TINT, 1, {nspec}, truth->spectrum};
    struct output_stream stream;

    output_stream_open(&stream, path, error);
    output_stream_image(&stream, &flux, NULL, keywords);
    output_stream_image(&stream, &wave, NULL, NULL);
    output_stream_image(&stream, &spectra, NULL, NULL);
    return output_stream_close(&stream);
}

/* Numbers the spectra 0, 1, 2, ... where the file has no HDU SPECTRA. */
static enum status number_spectra(struct truth *truth, struct error *error)
{
    if (truth->spectrum) return STATUS_OK;
    truth->spectrum = memory_zeroed(truth->nspec, sizeof *truth->spectrum);
    if (!truth->spectrum) return memory_error(error, "true spectra");
    for (size_t i = 0; i < truth->nspec; i++) truth->spectrum[i] = (int32_t)i;
    return STATUS_OK;
}

static enum status read_truth_arrays(struct input *input, struct truth *truth, struct error *error)
{
    struct wanted flux = {.name = "TRUEFLUX", .type = TDOUBLE, .naxis = 2};
    struct wanted wave = {.name = "WAVELENGTH", .type = TDOUBLE, .naxis = 1};
    struct wanted spectra = {.name = "SPECTRA", .type = TINT, .naxis = 1};
    void *data = NULL;
    enum status status = read_array(input, &flux, false, &data, error);

    truth->flux = data;
    if (status != STATUS_OK) return status;
    truth->nspec = spectra.shape[0] = flux.shape[0];
    truth->nwave = wave.shape[0] = flux.shape[1];
    status = read_array(input, &wave, false, &data, error);
    truth->wave = data;
    if (status != STATUS_OK) return status;
    status = read_array(input, &spectra, true, &data, error);
    truth->spectrum = data;
    if (status != STATUS_OK) return status;
    return number_spectra(truth, error);
}

enum status truth_file_read(const char *path, struct truth *truth, struct error *error)
{
    struct input input;
    enum status status = input_open(path, &input, error);

    *truth = (struct truth){0};
    if (status == STATUS_OK) status = read_truth_arrays(&input, truth, error);
    input_close(&input);
    return status;
}
