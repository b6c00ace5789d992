#include "linalg/kernels/poles.h"

#include <gsl/gsl_sf_ellint.h>
#include <gsl/gsl_sf_elljac.h>
#include <math.h>
#include <pthread.h>

/* Constant once they are made; number q is for condition numbers up to 4^q. */
static struct poles tables[POLES_TABLES];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* Method 3 of Hale, Higham & Trefethen (SIAM J. Numer. Anal. 46, 2505, 2008): the trapezoidal rule with N
 * points after a map by elliptic functions. Its relative error falls like
 * exp(-2 π² N / (ln(condition) + 3)). */
static void make_table(struct poles *poles, double condition)
{
    static const double pi = 3.14159265358979323846, minus_ln_error = 24.6; /* ln 5e10 */
    double parameter = 1 - 1 / condition, quarter = gsl_sf_ellint_Kcomp(sqrt(parameter), GSL_PREC_DOUBLE);
    size_t needed = (size_t)ceil(minus_ln_error * (log(condition) + 3) / (2 * pi * pi));

    poles->count = (needed + 15) / 16 * 16;
    for (size_t j = 0; j < poles->count; j++) {
        double sn, cn, dn;

        gsl_sf_elljac_e(((double)j + 0.5) * quarter / (double)poles->count, parameter, &sn, &cn, &dn);
        poles->shift[j] = sn * sn / (cn * cn);
        poles->weight[j] = 2 * quarter / (pi * (double)poles->count) * dn / (cn * cn);
    }
}

static void make_tables(void)
{
    for (int q = 1; q < POLES_TABLES; q++) make_table(&tables[q], pow(4, q));
}

const struct poles *poles_tables(void)
{
    pthread_once(&once, make_tables);
    return tables;
}
