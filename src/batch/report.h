/* The end of a batch: what became of the frames, how many an hour, and who did what
 * when. Private to batch/. */
#ifndef UNSPOT_BATCH_REPORT_H
#define UNSPOT_BATCH_REPORT_H

#include "batch/engine.h"

/* Brings everything to rank 0, which prints the summary and writes the timing file (collective).
 * STATUS_INCOMPLETE on rank 0 when frames are missing. */
enum status batch_report(struct batch *batch, struct error *error);

#endif
