/* What happens at SIGINT, SIGTERM, SIGHUP and SIGXCPU. */
#ifndef UNSPOT_RUN_INTERRUPT_H
#define UNSPOT_RUN_INTERRUPT_H

#include <stdbool.h>

/* From now on an interrupt removes the files that are being written, and then ends the program by the signal
 * as usual. So no partial file is left. */
void interrupt_install(void);

/* From now on the first interrupt is only noted, for a command that ends in its own way; the next one ends
 * the program as above. */
void interrupt_defer(void);

/* The number of the signal that was noted; 0 when there was none. */
int interrupt_noted(void);

#endif
