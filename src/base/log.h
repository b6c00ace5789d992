/* Log lines on stderr. The level belongs to the caller's context, so that there is no global state. */
#ifndef UNSPOT_BASE_LOG_H
#define UNSPOT_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR };

struct log {
    enum log_level level; /* lines below this level are not written */
    const char *about;    /* put before every line, such as the name of a frame; NULL for nothing */
};

/* Writes "LEVEL: text\n", or "LEVEL: about: text\n", to stderr in a single write, so that the lines of
 * several ranks do not mix. Nothing is written when level is below log->level. */
void log_line(const struct log *log, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define log_debug(log, ...)   log_line(log, LOG_DEBUG, __VA_ARGS__)
#define log_info(log, ...)    log_line(log, LOG_INFO, __VA_ARGS__)
#define log_warning(log, ...) log_line(log, LOG_WARNING, __VA_ARGS__)
#define log_error(log, ...)   log_line(log, LOG_ERROR, __VA_ARGS__)

/* Sets *level to "debug", "info", "warn", "warning" or "error", written in any case. Returns false, and
 * leaves *level as it is, for any other name. */
bool log_level_parse(const char *name, enum log_level *level);

#endif
