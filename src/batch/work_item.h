/* The work on one task of a batch, on its way from its reader over the ranks that extract to its writer.
 * Private to batch/. */
#ifndef UNSPOT_BATCH_WORK_ITEM_H
#define UNSPOT_BATCH_WORK_ITEM_H

#include "batch/engine.h"
#include "extract/session.h"
#include "ranks/transfer.h"

struct work_item {
    long task; /* number in the table */
    struct arguments arguments;
    struct session session;
    char about[256]; /* the output's name, for the log */
    enum status status;
    struct error error;
    bool is_complete; /* by an earlier run */
    bool is_dropped;  /* because of a signal */
};

/* The task, with the options of its line checked, but nothing read. It is never NULL: without memory for it
 * the program ends, and under a launcher all of its ranks. */
struct work_item *work_item_new(const struct batch *batch, long task);
void work_item_free(struct work_item *item);

/* Reads the inputs, unless the output is complete already; what fails is noted in the item. */
void work_item_read(const struct batch *batch, struct work_item *item, struct events *events);

/* Writes the frame or reports why there is none; counts it and frees the item. */
void work_item_write(const struct batch *batch, struct work_item *item, struct tally *tally,
                     struct events *events);

/* Between ranks, one function for both sides: the inputs, from a reader; the results, to a writer. */
void work_item_transfer_inputs(struct transfer *transfer, struct work_item *item);
void work_item_transfer_results(struct transfer *transfer, struct work_item *item);

#endif
