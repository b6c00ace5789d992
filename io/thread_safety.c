#include "io/thread_safety.h"

#include <fitsio.h>

bool io_is_thread_safe(void)
{
    return fits_is_reentrant() == 1;
}
