#include "io/output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

enum { REGISTRY_SLOTS = 16, NAME_KEPT = 180, ATTEMPTS = 1000 };

/* Level 1: on a noisy frame (flux, ivar, resolution) it gives 78.5% of the size at 53 MB/s, zlib's
 * default 78.0% at 42 MB/s: noise does not compress, and waiting for the last half
 * percent is not worth it. */
static const char gzip_mode[] = "wb1";

/* Global mutable state, as a signal handler has no other way to learn which files are being written. A slot's
 * name is only read while the slot is LIVE or BEING_REMOVED, and only written before, so a signal at any
 * moment, on any thread, finds whole names. */
enum slot_state { SLOT_FREE, SLOT_FILLING, SLOT_LIVE, SLOT_BEING_REMOVED };

static struct {
    atomic_int state;
    char name[sizeof((struct output *)0)->temporary + 8];
} registry[REGISTRY_SLOTS];

/* Returns the slot that the name has got, or -1 when all are taken. */
static int register_name(const char *name)
{
    for (int i = 0; i < REGISTRY_SLOTS; i++) {
        int expected = SLOT_FREE;

        if (!atomic_compare_exchange_strong(&registry[i].state, &expected, SLOT_FILLING)) continue;
        snprintf(registry[i].name, sizeof registry[i].name, "%s", name);
        atomic_store(&registry[i].state, SLOT_LIVE);
        return i;
    }
    return -1;
}

static void remove_registered(int slot)
{
    int expected = SLOT_LIVE;

    if (slot < 0) return;
    unlink(registry[slot].name);
    /* This comes after unlink(), as a signal in between then only unlinks a second time, which is harmless. A
     * slot that the handler of the signal holds stays as it is. */
    atomic_compare_exchange_strong(&registry[slot].state, &expected, SLOT_FREE);
}

void output_abandon_all(void)
{
    int saved = errno;

    for (int i = 0; i < REGISTRY_SLOTS; i++) {
        int expected = SLOT_LIVE;

        if (atomic_compare_exchange_strong(&registry[i].state, &expected, SLOT_BEING_REMOVED))
            unlink(registry[i].name);
    }
    errno = saved;
}

/* Writes the folder of path with its final slash to folder[size]. A relative path gets a leading "./",
 * because CFITSIO expands a leading ~ and drops leading blanks. */
static void split_path(const char *path, char *folder, size_t size, const char **name)
{
    const char *slash = strrchr(path, '/');

    *name = slash ? slash + 1 : path;
    snprintf(folder, size, "%s%.*s", path[0] == '/' ? "" : "./", (int)(*name - path), path);
}

static enum status check_path(const char *path, const char *folder, const char *name, struct error *error)
{
    struct stat info;

    if (!path[0]) return error_set(error, STATUS_USAGE, "an output file has an empty name: give it one");
    if (strlen(path) + 64 > sizeof((struct output *)0)->path) {
        return error_set(error, STATUS_IO, "%.200s...: the name is too long", path);
    }
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode)) {
        return error_set(error, STATUS_IO, "%s: cannot write: it is a directory", path);
    }
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode)) { /* renaming would replace a device by a file */
        return error_set(error, STATUS_IO, "%s: cannot write: it exists and is not a regular file", path);
    }
    if (!name[0] || stat(folder, &info) != 0 || !S_ISDIR(info.st_mode)) {
        return error_set(error, STATUS_IO, "%s: cannot write: there is no directory %s", path, folder);
    }
    return STATUS_OK;
}

enum status output_begin(struct output *output, const char *path, struct error *error)
{
    char folder[sizeof output->path + 2];
    const char *name;
    enum status status;
    bool taken = true;

    memset(output, 0, sizeof *output);
    output->slot = -1;
    split_path(path, folder, sizeof folder, &name);
    status = check_path(path, folder, name, error);
    if (status != STATUS_OK) return status;
    snprintf(output->path, sizeof output->path, "%s", path);
    for (int i = 0; i < ATTEMPTS && taken; i++) { /* a killed process may have left the name */
        struct stat info;
        int length = snprintf(output->temporary, sizeof output->temporary, "%s.%.*s.%ld-%d.tmp", folder,
                              NAME_KEPT, name, (long)getpid(), i);

        taken = length >= (int)sizeof output->temporary || lstat(output->temporary, &info) == 0;
    }
    if (taken)
        return error_set(error, STATUS_IO,
                         "%s: too many temporary files beside it: remove those that end in .tmp", path);
    output->slot = register_name(output->temporary);
    if (output->slot < 0) {
        return error_set(error, STATUS_IO, "%s: more than %d files are being written", path, REGISTRY_SLOTS);
    }
    return STATUS_OK;
}

/* Replaces a link, whose target need not exist, by what it points to, as often as there are links. */
static void follow_links(char *path, size_t size)
{
    enum { LINKS_MAX = 16 };
    char target[sizeof((struct output *)0)->path], folder[sizeof target + 2],
        next[sizeof folder + sizeof target];
    const char *name;

    for (int i = 0; i < LINKS_MAX; i++) {
        const ssize_t length = readlink(path, target, sizeof target - 1);

        if (length <= 0) return; /* it is no link */
        target[length] = '\0';
        split_path(path, folder, sizeof folder, &name);
        snprintf(next, sizeof next, "%s%s", target[0] == '/' ? "" : folder, target);
        snprintf(path, size, "%.*s", (int)size - 1, next);
    }
}

bool output_identify(const char *path, struct file_identity *identity)
{
    char real[sizeof((struct output *)0)->path], folder[sizeof real + 2];
    const char *name = "";
    struct stat info;

    snprintf(real, sizeof real, "%s", path);
    if (stat(real, &info) != 0) {
        follow_links(real, sizeof real);
        split_path(real, folder, sizeof folder, &name);
        if (stat(folder, &info) != 0) return false;
    }
    *identity = (struct file_identity){.device = (uint64_t)info.st_dev, .inode = (uint64_t)info.st_ino};
    snprintf(identity->name, sizeof identity->name, "%.255s", name); /* no longer name can exist */
    return true;
}

int output_compare_identities(const struct file_identity *a, const struct file_identity *b)
{
    if (a->device != b->device) return a->device < b->device ? -1 : 1;
    if (a->inode != b->inode) return a->inode < b->inode ? -1 : 1;
    return strcmp(a->name, b->name);
}

bool output_same_file(const char *a, const char *b)
{
    struct file_identity one, other;

    return output_identify(a, &one) && output_identify(b, &other) &&
           output_compare_identities(&one, &other) == 0;
}

enum status output_check(const char *path, struct error *error)
{
    struct output output;
    enum status status = output_begin(&output, path, error);
    int file;

    if (status != STATUS_OK) return status;
    /* a file is created, as access() is wrong for root, with quotas, and on network file systems */
    file = open(output.temporary, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (file < 0) {
        status = error_set(error, STATUS_IO, "%s: cannot write: %s", path, strerror(errno));
    } else {
        close(file);
    }
    output_abandon(&output);
    return status;
}

/* Compresses the file `from` into a new file `to`. Returns 0 or an errno. */
static int gzip_file(const char *from, const char *to)
{
    char buffer[1 << 16];
    size_t count = 0;
    int failed = 0, target = -1;
    gzFile file = NULL;
    FILE *source;

    errno = 0;
    source = fopen(from, "rb");
    if (source) target = open(to, O_WRONLY | O_CREAT | O_EXCL, 0666);
    if (target >= 0) file = gzdopen(target, gzip_mode);
    if (!file) {
        failed = errno ? errno : ENOMEM;
        if (target >= 0) close(target);
        if (source) fclose(source);
        return failed;
    }
    while (!failed && (count = fread(buffer, 1, sizeof buffer, source)) > 0) {
        errno = 0;
        if (gzwrite(file, buffer, (unsigned)count) != (int)count) failed = errno ? errno : EIO;
    }
    if (!failed && ferror(source)) failed = EIO;
    errno = 0;
    if (gzclose(file) != Z_OK && !failed) failed = errno ? errno : EIO;
    fclose(source);
    return failed;
}

/* Syncs a file or folder to the disk, and returns 0 or an errno. Delayed allocation and network file systems
 * report a full disk only here. */
static int sync_path(const char *path, int flags)
{
    int failed = 0;
    int file = open(path, flags);

    if (file < 0) return errno;
    if (fsync(file) != 0) failed = errno;
    if (close(file) != 0 && !failed) failed = errno;
    return failed;
}

static bool is_gzip_name(const char *path)
{
    size_t length = strlen(path);

    return length >= 3 && strcmp(path + length - 3, ".gz") == 0;
}

enum status output_commit(struct output *output, struct error *error)
{
    char compressed[sizeof output->temporary + 8], folder[sizeof output->path + 2];
    const char *name, *ready = output->temporary;
    int failed = 0, compressed_slot = -1;

    split_path(output->path, folder, sizeof folder, &name);
    if (is_gzip_name(output->path)) {
        snprintf(compressed, sizeof compressed, "%s.z.tmp", output->temporary);
        compressed_slot = register_name(compressed);
        failed = compressed_slot < 0 ? EMFILE : gzip_file(output->temporary, compressed);
        ready = compressed;
    }
    if (!failed) failed = sync_path(ready, O_RDONLY);
    if (!failed && rename(ready, output->path) != 0) failed = errno;
    /* The file stands; that a crash of the machine might still undo the rename is no failure of this run, and
     * not every file system can sync a directory. */
    if (!failed) (void)sync_path(folder, O_RDONLY | O_DIRECTORY);
    remove_registered(compressed_slot);
    remove_registered(output->slot);
    output->slot = -1;
    if (!failed) return STATUS_OK;
    return error_set(error, STATUS_IO, "%s: cannot write: %s", output->path, strerror(failed));
}

void output_abandon(struct output *output)
{
    remove_registered(output->slot);
    output->slot = -1;
}
