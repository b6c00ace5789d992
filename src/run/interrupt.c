#include "run/interrupt.h"

#include <signal.h>
#include <stddef.h>

#include "io/output.h"

/* A signal handler and the program have no other way to exchange this. */
static volatile sig_atomic_t is_deferred, noted;

static void on_interrupt(int number)
{
    if (is_deferred && !noted) {
        noted = number;
        return;
    }
    output_abandon_all();
    signal(number, SIG_DFL);
    raise(number);
}

void interrupt_install(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP, SIGXCPU};

    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        struct sigaction action = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART};
        struct sigaction old;

        sigaction(numbers[i], NULL, &old);
        if (old.sa_handler != SIG_IGN) sigaction(numbers[i], &action, NULL);
    }
    signal(SIGXFSZ, SIG_IGN); /* a file size limit becomes a write error with a text */
}

void interrupt_defer(void)
{
    is_deferred = 1;
}

int interrupt_noted(void)
{
    return noted;
}
