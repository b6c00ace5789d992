#include "io/path.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

void path_of_input(const char *asked, char *path, size_t size)
{
    size_t length = strlen(asked);
    struct stat info;

    snprintf(path, size, "%s", asked);
    if (stat(path, &info) == 0 || errno != ENOENT) return;
    if (length > 3 && strcmp(asked + length - 3, ".gz") == 0) {
        path[length - 3] = '\0';
    } else {
        snprintf(path + length, size - length, ".gz");
    }
    if (stat(path, &info) != 0) snprintf(path, size, "%s", asked);
}
