#include "io/verify.h"

#include <dirent.h>
#include <fitsio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "io/internal/input_hdu.h"
#include "io/path.h"

static bool has_right_checksums(struct input *input, char *why, size_t size)
{
    int count = 0, fits = 0;

    fits_get_num_hdus(input->file, &count, &fits);
    for (int number = 1; number <= count && !fits; number++) {
        int data = 0, hdu = 0;

        fits_movabs_hdu(input->file, number, NULL, &fits);
        fits_verify_chksum(input->file, &data, &hdu,
                           &fits); /* data and hdu are 1 when right and 0 when there is no checksum */
        if (!fits && (data != 1 || hdu != 1)) {
            snprintf(why, size, "the checksum of HDU %d is wrong or missing", number - 1);
            return false;
        }
    }
    if (fits) snprintf(why, size, "it cannot be read (CFITSIO: %d)", fits);
    fits_clear_errmsg();
    return !fits;
}

static bool has_value(struct input *input, const struct keyword *keyword)
{
    char *value = NULL;
    int fits = 0;
    bool same;

    fits_read_key_longstr(input->file, keyword->name, &value, NULL, &fits);
    same = !fits && value && strcmp(value, keyword->string) == 0;
    if (value) fits_free_memory(value, &fits);
    fits_clear_errmsg();
    return same;
}

static bool has_keywords(struct input *input, const struct keywords *keywords, char *why, size_t size)
{
    int fits = 0;

    fits_movabs_hdu(input->file, 1, NULL, &fits);
    for (size_t i = 0; i < keywords->count; i++) {
        if (!fits && has_value(input, &keywords->list[i])) continue;
        snprintf(why, size, "its %s is not \"%.300s\"", keywords->list[i].name, keywords->list[i].string);
        return false;
    }
    return true;
}

bool verify_output(const char *path, const char *last_hdu, const struct keywords *keywords, char *why,
                   size_t size)
{
    struct input input;
    struct stat info;
    struct error error;
    bool found = false, good;

    if (stat(path, &info) != 0) { /* input_open() alone would take X.fits for X.fits.gz */
        snprintf(why, size, "it does not exist");
        return false;
    }
    good = input_open(path, &input, &error) == STATUS_OK;
    if (!good) snprintf(why, size, "%s", error.text);
    good = good && has_right_checksums(&input, why, size) && has_keywords(&input, keywords, why, size);
    if (good && (input_find(&input, last_hdu, &found, &error) != STATUS_OK || !found)) {
        snprintf(why, size, "it has no HDU %s", last_hdu);
        good = false;
    }
    input_close(&input);
    return good;
}

bool verify_is_older(const char *path, const char *input)
{
    char found[4096];
    struct stat output_info, input_info;

    path_of_input(input, found, sizeof found);
    if (stat(path, &output_info) != 0 || stat(found, &input_info) != 0) return false;
    if (output_info.st_mtim.tv_sec != input_info.st_mtim.tv_sec)
        return output_info.st_mtim.tv_sec < input_info.st_mtim.tv_sec;
    return output_info.st_mtim.tv_nsec < input_info.st_mtim.tv_nsec;
}

void verify_remove_leftovers(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    char folder[4096], leftover[8192], start[512];
    struct dirent *entry;
    DIR *directory;

    snprintf(folder, sizeof folder, "%.*s", slash ? (int)(slash - path + 1) : 2, slash ? path : "./");
    snprintf(start, sizeof start, ".%.255s.", name);
    directory = opendir(folder);
    while (directory && (entry = readdir(directory))) { /* .NAME.PID-NUMBER.tmp, and with .z.tmp behind it */
        const char *end = entry->d_name + strlen(start);
        int pid, number, length = 0;

        if (strncmp(entry->d_name, start, strlen(start)) != 0) continue;
        if (sscanf(end, "%d-%d.tmp%n", &pid, &number, &length) != 2 || length == 0) continue;
        if (end[length] && strcmp(end + length, ".z.tmp") != 0) continue;
        snprintf(leftover, sizeof leftover, "%s%s", folder, entry->d_name);
        unlink(leftover);
    }
    if (directory) closedir(directory);
}
