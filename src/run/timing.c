#include "run/timing.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "device/nvtx.h"
#include "io/output.h"
#include "run/version.h"

double timing_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double timing_start(enum stage stage)
{
    stage_push(stage_name(stage));
    return timing_now();
}

void timing_add(struct timing *timing, enum stage stage, double start, size_t count)
{
    timing->stage[stage].seconds += timing_now() - start;
    timing->stage[stage].count += (double)count;
    stage_pop();
}

void timing_add_file(struct timing *timing, enum stage stage, const char *path)
{
    struct stat info;

    if (stat(path, &info) == 0) timing->stage[stage].bytes += (double)info.st_size;
}

void timing_count(struct timing *timing, enum stage stage, double seconds, size_t count)
{
    timing->stage[stage].seconds += seconds;
    timing->stage[stage].count += (double)count;
}

void timing_merge(struct timing *total, const struct timing *part)
{
    for (int i = 0; i < STAGE_COUNT; i++) {
        total->stage[i].seconds += part->stage[i].seconds;
        total->stage[i].bytes += part->stage[i].bytes;
        total->stage[i].count += part->stage[i].count;
    }
    total->npatch += part->npatch;
    total->nregularised += part->nregularised;
    total->nunsolved += part->nunsolved;
    total->ndense += part->ndense;
    total->nrepeated += part->nrepeated;
    if (!total->cuda[0]) memcpy(total->cuda, part->cuda, sizeof total->cuda);
}

const char *stage_name(enum stage stage)
{
    static const char *const names[] = {
#define X(name, text) [STAGE_##name] = text,
        STAGE_TABLE(X)
#undef X
    };
    return names[stage];
}

void timing_print_stages(FILE *file, const struct stage_time stage[STAGE_COUNT])
{
    fprintf(file, "  \"stages\": {\n");
    for (int i = 0; i < STAGE_COUNT; i++) {
        fprintf(file, "    \"%s\": {\"seconds\": %.6f, \"bytes\": %.0f, \"count\": %.0f}%s\n",
                stage_name((enum stage)i), stage[i].seconds, stage[i].bytes, stage[i].count,
                i + 1 < STAGE_COUNT ? "," : "");
    }
    fprintf(file, "  }");
}

static void print_json(FILE *file, const struct timing *timing)
{
    fprintf(file,
            "{\n  \"program\": \"unspot %s\",\n  \"git\": \"%s\",\n  \"compiler\": \"%s\",\n"
            "  \"solver\": \"%s\",\n  \"device\": \"%s\",\n  \"backend\": \"%s\",\n  \"threads\": %d,\n  "
            "\"spectra\": %zu,\n"
            "  \"wavelengths\": %zu,\n  \"patches\": %zu,\n  \"regularised_patches\": %zu,\n"
            "  \"unsolved_patches\": %zu,\n  \"dense_patches\": %zu,\n  \"repeated_patches\": %zu,\n  "
            "\"extract_seconds\": %.6f,\n  "
            "\"total_seconds\": %.6f,\n",
            UNSPOT_VERSION, UNSPOT_GIT_HASH, UNSPOT_COMPILER, timing->solver, timing->device, timing->backend,
            timing->threads, timing->nspec, timing->nwave, timing->npatch, timing->nregularised,
            timing->nunsolved, timing->ndense, timing->nrepeated, timing->extract_seconds,
            timing->total_seconds);
    timing_print_stages(file, timing->stage);
    fprintf(file, "\n}\n");
}

enum status timing_write(const char *path, const struct timing *timing, struct error *error)
{
    struct output output;
    enum status status = output_begin(&output, path, error);
    FILE *file;

    if (status != STATUS_OK) return status;
    file = fopen(output.temporary, "w");
    if (file) {
        bool written;

        print_json(file, timing);
        written = !ferror(file);
        if (fclose(file) == 0 && written) return output_commit(&output, error);
    }
    status = error_set(error, STATUS_IO, "%s: cannot write: %s", path, strerror(errno));
    output_abandon(&output);
    return status;
}
