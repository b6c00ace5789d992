/* The FIBERMAP of a simulated exposure. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "simulate/simulation.h"
#include "simulate/synthetic_psf.h"

enum { CARDS = 32 };

static const struct column {
    const char *name, *format;
    size_t bytes;
} columns[] = {{"TARGETID", "K", 8}, {"PETAL_LOC", "I", 2},   {"DEVICE_LOC", "J", 4},
               {"FIBER", "J", 4},    {"FIBERSTATUS", "J", 4}, {"OBJTYPE", "3A", 3}};

enum { COLUMNS = sizeof columns / sizeof columns[0] };

static void add_card(struct cards *cards, const char *name, const char *value)
{
    char text[CARD_SIZE + 1];
    char *card = cards->text + CARD_SIZE * cards->count++;
    int length = snprintf(text, sizeof text, "%-8s= %s", name, value);

    memset(card, ' ', CARD_SIZE);
    memcpy(card, text, (size_t)length);
}

static void add_integer(struct cards *cards, const char *name, size_t value)
{
    char text[32];

    snprintf(text, sizeof text, "%20zu", value);
    add_card(cards, name, text);
}

static void add_string(struct cards *cards, const char *name, const char *value)
{
    char text[32];

    snprintf(text, sizeof text, "'%-8s'", value);
    add_card(cards, name, text);
}

static void fill_header(struct table *table)
{
    struct cards *cards = &table->header;

    add_string(cards, "XTENSION", "BINTABLE");
    add_integer(cards, "BITPIX", 8);
    add_integer(cards, "NAXIS", 2);
    add_integer(cards, "NAXIS1", table->row_bytes);
    add_integer(cards, "NAXIS2", table->nrows);
    add_integer(cards, "PCOUNT", 0);
    add_integer(cards, "GCOUNT", 1);
    add_integer(cards, "TFIELDS", COLUMNS);
    for (size_t k = 0; k < COLUMNS; k++) {
        char name[9];

        snprintf(name, sizeof name, "TTYPE%zu", (k + 1) % 100);
        add_string(cards, name, columns[k].name);
        snprintf(name, sizeof name, "TFORM%zu", (k + 1) % 100);
        add_string(cards, name, columns[k].format);
    }
    add_string(cards, "EXTNAME", "FIBERMAP");
}

/* Appends an integer, most significant byte first, as FITS has it. */
static unsigned char *put_integer(unsigned char *to, uint64_t value, size_t bytes)
{
    for (size_t k = 0; k < bytes; k++) to[k] = (unsigned char)(value >> (8 * (bytes - 1 - k)));
    return to + bytes;
}

/* Where a spectrum of the PSF belongs. */
struct place {
    unsigned petal;
    size_t fiber, spectrum; /* of the petal, of the PSF */
};

static void fill_row(unsigned char *row, const struct simulation *simulation, struct place place)
{
    static const uint64_t first_target =
        39627000000000000u; /* as large as DESI's, so that 32 bits do not suffice */
    bool dead = (long)place.spectrum == simulation_dead_fiber(simulation);
    uint64_t number = place.petal * (uint64_t)SYNTHETIC_FIBERS + place.fiber;

    row = put_integer(row, first_target + number, columns[0].bytes);
    row = put_integer(row, place.petal, columns[1].bytes);
    row = put_integer(row, place.fiber, columns[2].bytes);
    row = put_integer(row, number, columns[3].bytes);
    row = put_integer(row, dead ? FIBERSTATUS_BADFIBER : 0, columns[4].bytes);
    memcpy(row, simulation_is_sky(place.spectrum) ? "SKY" : "TGT", columns[5].bytes);
}

enum status simulate_fibermap(const struct psf *psf, const struct simulation *simulation,
                              struct table *fibermap, struct error *error)
{
    char digit = psf->camera[0] ? psf->camera[1] : '\0';
    unsigned petal = digit >= '0' && digit <= '9' ? (unsigned)(digit - '0') : (unsigned)psf->petal;

    *fibermap = (struct table){.nrows = psf->nspec};
    for (size_t k = 0; k < COLUMNS; k++) fibermap->row_bytes += columns[k].bytes;
    fibermap->rows = memory_zeroed(fibermap->nrows, fibermap->row_bytes);
    fibermap->header.text = memory_zeroed(CARDS, CARD_SIZE);
    if (!fibermap->rows || !fibermap->header.text) return memory_error(error, "fibermap");
    fill_header(fibermap);
    for (size_t fiber = 0; fiber < psf->nspec; fiber++) {
        const struct place place = {petal, psf->fibermin + fiber, fiber};

        fill_row(fibermap->rows + fiber * fibermap->row_bytes, simulation, place);
    }
    return STATUS_OK;
}
