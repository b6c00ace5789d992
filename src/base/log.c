#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

static const char *const level_name[] = {"DEBUG", "INFO", "WARNING", "ERROR"};

void log_line(const struct log *log, enum log_level level, const char *format, ...)
{
    char line[2048];
    va_list arguments;
    int length;

    if (level < log->level) return;
    length = snprintf(line, sizeof line, "%s: %.1000s%s", level_name[level], log->about ? log->about : "",
                      log->about ? ": " : "");
    va_start(arguments, format);
    vsnprintf(line + length, sizeof line - (size_t)length, format, arguments);
    va_end(arguments);
    fprintf(stderr, "%s\n", line);
}

bool log_level_parse(const char *name, enum log_level *level)
{
    if (strcasecmp(name, "warn") == 0) name = "WARNING";
    for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
        if (strcasecmp(name, level_name[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
}
