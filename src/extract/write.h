/* What a session writes, and what its headers say. */
#ifndef UNSPOT_EXTRACT_WRITE_H
#define UNSPOT_EXTRACT_WRITE_H

#include "extract/session.h"
#include "io/keyword.h"

/* Writes the frame, and the model image when it is asked for, with their provenance. Each file appears whole
 * or not at all. */
enum status session_write(struct session *session, struct error *error);

/* The keywords by which two runs agree in program, inputs and options; their outputs then agree, too. */
void session_identity(const struct session *session, struct keywords *keywords);

#endif
