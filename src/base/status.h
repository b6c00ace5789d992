/* Status codes and error texts: the one way in which every folder reports that something went wrong.
 *
 * A function that can fail returns an `enum status` and, when it fails, fills the caller's `struct error`
 * with one line for the user, which says which file or option is meant, what is wrong, and what to do about
 * it. run/options.h shows the forms. The command's name is not part of the text: the main program writes
 * "ERROR: " before it. */
#ifndef UNSPOT_BASE_STATUS_H
#define UNSPOT_BASE_STATUS_H

/* X(name, exit status of the program, what it means) */
#define STATUS_TABLE(X)                                                                                      \
    X(OK, 0, "success")                                                                                      \
    X(USAGE, 2, "an option or argument is wrong")                                                            \
    X(IO, 1, "a file cannot be opened, read or written")                                                     \
    X(FORMAT, 1, "a file is not what it should be")                                                          \
    X(MISMATCH, 1, "inputs do not fit together")                                                             \
    X(DIFFERENT, 1, "two frames differ by more than the tolerance")                                          \
    X(MEMORY, 1, "out of memory")                                                                            \
    X(DEVICE, 1, "a device cannot be used")                                                                  \
    X(NUMERIC, 1, "a computation failed")                                                                    \
    X(INCOMPLETE, 1, "part of the work could not be done")

enum status {
#define X(name, exit_status, meaning) STATUS_##name,
    STATUS_TABLE(X)
#undef X
};

struct error {
    enum status status;
    char text[1024]; /* one line, without a final newline */
};

/* Fills *error with a status and a printf-style text, and returns that status, so that callers can write
 * `return error_set(error, STATUS_IO, "%s: ...", path);`. Line breaks in the text become blanks, and a text
 * that is too long is cut. */
enum status error_set(struct error *error, enum status status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The program's exit status for a status: 0, 1 or 2. */
int status_exit_code(enum status status);

#endif
