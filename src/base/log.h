/* Log lines on stderr. The level is part of the caller's context; there is no global state. */
#ifndef UNSPOT_BASE_LOG_H
#define UNSPOT_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct log {
    enum log_level level; /* lines below this level are not written */
    const char *about;    /* what all lines are about, or NULL */
};

/* Writes "LEVEL: text\n", or "LEVEL: about: text\n", to stderr in a single write, so that lines of several
 * ranks do not mix. */
void log_line(const struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(log, ...)   log_line(log, LOG_DEBUG, __VA_ARGS__)
#define log_info(log, ...)    log_line(log, LOG_INFO, __VA_ARGS__)
#define log_warning(log, ...) log_line(log, LOG_WARNING, __VA_ARGS__)
#define log_error(log, ...)   log_line(log, LOG_ERROR, __VA_ARGS__)

/* Reads "debug", "info", "warn", "warning" or "error" (any case); false for anything else. */
bool log_level_parse(const char *name, enum log_level *level);

#endif
