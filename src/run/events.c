#include "run/events.h"

#include <stdlib.h>
#include <string.h>

#include "run/timing.h"

double events_add(struct events *events, enum event_kind kind, double begin, int task)
{
    double now = timing_now();

    events->seconds[kind] += now - begin;
    if (events->count == events->capacity) {
        size_t capacity = events->capacity ? 2 * events->capacity : 64;
        struct event *list = realloc(events->list, capacity * sizeof *list);

        if (!list) return now;
        events->list = list;
        events->capacity = capacity;
    }
    events->list[events->count++] = (struct event){begin, now, (int)kind, task};
    return now;
}

void events_free(struct events *events)
{
    free(events->list);
    memset(events, 0, sizeof *events);
}

const char *event_name(enum event_kind kind)
{
    static const char *const names[] = {
#define X(name, text) [EVENT_##name] = text,
        EVENT_TABLE(X)
#undef X
    };
    return names[kind];
}
