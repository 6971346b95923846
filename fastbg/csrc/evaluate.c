/* The spline on a grid, by the direct method (rows in parallel) or the tiled one (boxes). */
#include <stdlib.h>
#include <string.h>

#include "splines.h"
#include "threads.h"
#include "walk.h"

typedef struct {
    const fbg_spline *spline;
    const double *y, *x;
    size_t rows, columns;
    float *out, *scratch;
} direct_job;

static void evaluate_row(void *context, size_t row, int worker)
{
    const direct_job *j = context;
    const int channels = j->spline->channels;
    float *slow = j->scratch + worker * j->spline->n * FBG_BLOCK;
    double y[FBG_BLOCK], values[FBG_MAX_CHANNELS * FBG_BLOCK];
    for (size_t i = 0; i < FBG_BLOCK; i++)
        y[i] = j->y[row];
    for (size_t start = 0; start < j->columns; start += FBG_BLOCK) {
        const size_t left = j->columns - start, count = left < FBG_BLOCK ? left : FBG_BLOCK;
        fbg_affine(j->spline, y, j->x + start, count, values, FBG_BLOCK);
        fbg_active_kernels()->forward(j->spline, y, j->x + start, count, values, FBG_BLOCK, slow);
        for (int k = 0; k < channels; k++)
            for (size_t i = 0; i < count; i++)
                j->out[(k * j->rows + row) * j->columns + start + i] =
                    (float)values[k * FBG_BLOCK + i];
    }
}

static fbg_status evaluate_direct(const fbg_spline *spline, const double *y, size_t rows,
                                  const double *x, size_t columns, float *out, int threads)
{
    float *scratch = malloc((size_t)threads * spline->n * FBG_BLOCK * sizeof *scratch);
    if (!scratch)
        return FBG_NO_MEMORY;
    direct_job j = {spline, y, x, rows, columns, out, scratch};
    fbg_parallel(threads, rows, evaluate_row, &j);
    free(scratch);
    return FBG_OK;
}

typedef struct {
    const fbg_spline *spline;
    fbg_axis y, x;
    float *out, *scratch;
    size_t scratch_floats;
    double error;
} tiled_job;

static int store_block(void *context, size_t block_y, size_t block_x, const float *values,
                       float slope[FBG_FIELDS][FBG_MAX_CHANNELS * FBG_BLOCK])
{
    const tiled_job *j = context;
    const size_t rows = j->y.size, columns = j->x.size;
    const size_t y0 = block_y * FBG_SIDE, x0 = block_x * FBG_SIDE;
    const size_t height = rows - y0 < FBG_SIDE ? rows - y0 : FBG_SIDE;
    const size_t width = columns - x0 < FBG_SIDE ? columns - x0 : FBG_SIDE;
    (void)slope;
    for (int k = 0; k < j->spline->channels; k++)
        for (size_t r = 0; r < height; r++)
            memcpy(j->out + (k * rows + y0 + r) * columns + x0,
                   values + k * FBG_BLOCK + r * FBG_SIDE, width * sizeof *values);
    return FBG_NONE;
}

static void evaluate_box(void *context, size_t box, int worker)
{
    tiled_job *j = context;
    const size_t across = j->x.levels[0].boxes;
    fbg_walk walk = {.kernels = fbg_active_kernels(), .spline = j->spline, .y = &j->y, .x = &j->x,
                     .error = j->error, .block = store_block, .context = j};
    fbg_walk_init(&walk, j->scratch + worker * j->scratch_floats);
    fbg_walk_box(&walk, box / across, box % across);
}

static fbg_status evaluate_tiled(const fbg_spline *spline, const double *y, size_t rows,
                                 const double *x, size_t columns, float *out, int threads)
{
    tiled_job j = {.spline = spline, .out = out,
                   .scratch_floats = fbg_walk_floats(spline->n)};
    fbg_status status = FBG_NO_MEMORY;
    j.scratch = malloc((size_t)threads * j.scratch_floats * sizeof *j.scratch);
    if (j.scratch && fbg_axis_init(&j.y, y, rows) == FBG_OK &&
        fbg_axis_init(&j.x, x, columns) == FBG_OK) {
        j.error = fbg_walk_error(fbg_active_kernels(), spline, &j.y, &j.x, j.scratch);
        fbg_parallel(threads, j.y.levels[0].boxes * j.x.levels[0].boxes, evaluate_box, &j);
        status = FBG_OK;
    }
    fbg_axis_free(&j.y);
    fbg_axis_free(&j.x);
    free(j.scratch);
    return status;
}

fbg_status fbg_evaluate(const double *parameters, size_t n, int channels, int order,
                        const double *y, size_t rows, const double *x, size_t columns,
                        float *out, int threads, const char *method)
{
    const int tiled = strcmp(method, "auto") == 0 ? rows * columns >= FBG_FEW_PIXELS
                                                  : strcmp(method, "tiled") == 0;
    if (rows * columns == 0)
        return FBG_OK;
    uint32_t *index = malloc(n * sizeof *index);
    if (!index)
        return FBG_NO_MEMORY;
    threads = fbg_usable_threads(threads);
    const fbg_spline spline = fbg_whole_spline(index, parameters, n, channels, order);
    const fbg_status status = (tiled ? evaluate_tiled : evaluate_direct)(&spline, y, rows, x,
                                                                         columns, out, threads);
    free(index);
    return status;
}
