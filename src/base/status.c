#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>

enum status error_set(struct error *error, enum status status, const char *format, ...)
{
    va_list arguments;

    error->status = status;
    va_start(arguments, format);
    vsnprintf(error->text, sizeof error->text, format, arguments);
    va_end(arguments);
    for (char *c = error->text; *c; c++) {
        if (*c == '\n' || *c == '\r') *c = ' ';
    }
    return status;
}

int status_exit_code(enum status status)
{
    static const int exit_status[] = {
#define X(name, code, meaning) [STATUS_##name] = code,
        STATUS_TABLE(X)
#undef X
    };
    return exit_status[status];
}
