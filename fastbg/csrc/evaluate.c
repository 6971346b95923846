/* The spline on a grid: rows in parallel, blocks of FBG_BLOCK columns, so that the output of a
 * block stays in the first-level cache while the centres pass. */
#include "splines.h"
#include "threads.h"

#include <stdlib.h>

typedef struct {
    const fbg_kernels *kernels;
    const fbg_spline *spline;
    const double *y;
    const float *x;
    size_t rows, columns;
    float *out;
} job;

static void evaluate_row(void *context, size_t row, int worker)
{
    const job *j = context;
    (void)worker;
    for (size_t start = 0; start < j->columns; start += FBG_BLOCK) {
        const size_t left = j->columns - start;
        j->kernels->evaluate_row(j->spline, (float)j->y[row], j->x + start,
                                 left < FBG_BLOCK ? left : FBG_BLOCK,
                                 j->out + row * j->columns + start, j->rows * j->columns);
    }
}

fbg_status fbg_evaluate(const double *parameters, size_t n, int channels, int order,
                        const double *y, size_t rows, const double *x, size_t columns,
                        float *out, int threads)
{
    fbg_spline spline;
    float *x32 = malloc(columns * sizeof *x32);
    if (!x32 || fbg_spline_init(&spline, parameters, n, channels, order) != FBG_OK) {
        free(x32);
        return FBG_NO_MEMORY;
    }
    for (size_t i = 0; i < columns; i++)
        x32[i] = (float)x[i];
    job j = {fbg_active_kernels(), &spline, y, x32, rows, columns, out};
    fbg_parallel(threads, rows, evaluate_row, &j);
    fbg_spline_free(&spline);
    free(x32);
    return FBG_OK;
}
