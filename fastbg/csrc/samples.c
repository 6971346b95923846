/* What happens to every sample at full resolution: one pass each, in parallel. Memory is what bounds
 * them. The order of operations is kept, so that the subtraction rounds as numpy's does. */
#include <math.h>
#include <stdlib.h>

#include "fastbg.h"
#include "threads.h"

/* Samples are cut into pieces of this size, whatever the number of threads. */
enum { PIECE = 1 << 16 };

static size_t pieces(size_t n) { return (n + PIECE - 1) / PIECE; }

static size_t end_of(size_t piece, size_t n)
{
    return (piece + 1) * PIECE < n ? (piece + 1) * PIECE : n;
}

typedef struct {
    const float *plane;
    size_t n;
    unsigned char *valid;
} valid_job;

static void find_valid(void *context, size_t piece, int worker)
{
    const valid_job *j = context;
    (void)worker;
    for (size_t i = piece * PIECE; i < end_of(piece, j->n); i++) {
        const float size = fabsf(j->plane[i]);
        j->valid[i] = size > 1e-8f && size < INFINITY;
    }
}

void fbg_find_valid(const float *plane, size_t n, unsigned char *valid, int threads)
{
    valid_job j = {plane, n, valid};
    fbg_parallel(threads, pieces(n), find_valid, &j);
}

typedef struct {
    float *plane;
    size_t n, *held;
    float numerator, slope, level, scale, pedestal;
} unstretch_job;

static void unstretch(void *context, size_t piece, int worker)
{
    const unstretch_job *j = context;
    size_t held = 0;
    (void)worker;
    for (size_t i = piece * PIECE; i < end_of(piece, j->n); i++) {
        const float y = j->plane[i];
        const float low = y > 0 ? y : 0, inside = low < 1 ? low : 1;
        held += inside != y;
        j->plane[i] = j->numerator * inside / (j->slope * inside + j->level) * j->scale + j->pedestal;
    }
    j->held[piece] = held;
}

fbg_status fbg_unstretch(float *plane, size_t n, double pedestal, double scale, double midtones,
                         double target, size_t *held, int threads)
{
    const double r = 1 / (1 - target);
    unstretch_job j = {
        plane, n, malloc((pieces(n) + 1) * sizeof *j.held), (float)midtones,
        (float)(1 - r * (1 - midtones)), (float)((r - 1) * (1 - midtones)), (float)scale,
        (float)pedestal,
    };
    if (!j.held)
        return FBG_NO_MEMORY;
    fbg_parallel(threads, pieces(n), unstretch, &j);
    *held = 0;
    for (size_t i = 0; i < pieces(n); i++)
        *held += j.held[i];
    free(j.held);
    return FBG_OK;
}

typedef struct {
    const float *plane, *background;
    const unsigned char *valid;
    size_t n;
    float level, *out;
} correct_job;

static void subtract(void *context, size_t piece, int worker)
{
    const correct_job *j = context;
    (void)worker;
    for (size_t i = piece * PIECE; i < end_of(piece, j->n); i++)
        j->out[i] = j->valid[i] ? j->plane[i] - j->background[i] + j->level : j->plane[i];
}

void fbg_subtract(const float *plane, const float *background, const unsigned char *valid,
                  size_t n, double level, float *out, int threads)
{
    correct_job j = {plane, background, valid, n, (float)level, out};
    fbg_parallel(threads, pieces(n), subtract, &j);
}
