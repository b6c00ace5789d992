/* What happens at SIGINT, SIGTERM, SIGHUP and SIGXCPU. */
#ifndef UNSPOT_RUN_INTERRUPT_H
#define UNSPOT_RUN_INTERRUPT_H

#include <stdbool.h>

/* From now on an interrupt removes what is being written, then the program dies of the signal as usual: no
 * partial file is left. */
void interrupt_install(void);

/* From now on the first interrupt is only noted, for a command that ends in its own way; the next one is as
 * above. */
void interrupt_defer(void);

/* The signal that was noted, or 0. */
int interrupt_noted(void);

#endif
