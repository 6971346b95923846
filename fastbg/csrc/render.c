/* A spline at the pixels of an image, some rows at a time: row by row with the direct method, box by
 * box with the tiled one. Boxes are those of the whole image, whichever rows are asked for. */
#include <stdlib.h>
#include <string.h>

#include "far.h"
#include "methods.h"
#include "node_cache.h"
#include "splines.h"
#include "threads.h"
#include "walk.h"

struct fbg_plan {
    fbg_spline spline;
    double *parameters; /* of the spline: a copy, as is index */
    uint32_t *index;
    fbg_axis y, x;
    int tiled;
    double error;            /* that the tiled method may make in S */
    fbg_node_cache expanded; /* fbg_walk_expand of each box */
};

int fbg_plan_channels(const fbg_plan *plan) { return plan->spline.channels; }
size_t fbg_plan_rows(const fbg_plan *plan) { return plan->y.size; }
size_t fbg_plan_columns(const fbg_plan *plan) { return plan->x.size; }

/* ---- The plan ---- */

static fbg_status copy_spline(fbg_plan *plan, const double *parameters, size_t n, int channels,
                              int order)
{
    const size_t bytes = fbg_parameter_count(n, channels) * sizeof *parameters;
    plan->parameters = malloc(bytes);
    plan->index = malloc(n * sizeof *plan->index);
    if (!plan->parameters || !plan->index)
        return FBG_NO_MEMORY;
    memcpy(plan->parameters, parameters, bytes);
    plan->spline = fbg_whole_spline(plan->index, plan->parameters, n, channels, order);
    return FBG_OK;
}

static fbg_status prepare_boxes(fbg_plan *plan)
{
    const fbg_spline *spline = &plan->spline;
    float *slow = malloc(spline->n * FBG_GRID * sizeof *slow);
    const fbg_status status =
        slow ? fbg_node_cache_init(&plan->expanded, plan->y.levels[FBG_TOP_OF_IMAGE].boxes * plan->x.levels[FBG_TOP_OF_IMAGE].boxes,
                                   (size_t)spline->channels * FBG_GRID)
             : FBG_NO_MEMORY;
    if (status == FBG_OK)
        plan->error = fbg_far_error(fbg_active_kernels(), spline, &plan->y, &plan->x, slow);
    free(slow);
    return status;
}

fbg_status fbg_plan_make(fbg_plan **plan, const double *parameters, size_t n, int channels,
                         int order, const double *y, size_t rows, const double *x, size_t columns,
                         const char *method)
{
    const fbg_method *chosen;
    if (fbg_choose_method(method, rows * columns, &chosen) != FBG_OK)
        return FBG_UNKNOWN_METHOD;
    if (rows * columns == 0)
        return FBG_NO_PIXELS;
    fbg_plan *new = calloc(1, sizeof *new);
    if (!new)
        return FBG_NO_MEMORY;
    new->tiled = chosen == &fbg_tiled;
    fbg_status status = copy_spline(new, parameters, n, channels, order);
    if (status == FBG_OK)
        status = fbg_axis_init(&new->y, FBG_TOP_OF_IMAGE, FBG_ROWS, y, rows);
    if (status == FBG_OK)
        status = fbg_axis_init(&new->x, FBG_TOP_OF_IMAGE, FBG_COLUMNS, x, columns);
    if (status == FBG_OK && new->tiled)
        status = prepare_boxes(new);
    if (status == FBG_OK)
        *plan = new;
    else
        fbg_plan_free(new);
    return status;
}

void fbg_plan_free(fbg_plan *plan)
{
    fbg_node_cache_free(&plan->expanded);
    fbg_axis_free(&plan->y);
    fbg_axis_free(&plan->x);
    free(plan->parameters);
    free(plan->index);
    free(plan);
}

/* ---- Rows ---- */

typedef struct {
    fbg_plan *plan;
    size_t first, count; /* rows */
    float *out;
} rows_wanted;

/* Where a pixel of channel k belongs. */
static float *place(const rows_wanted *wanted, int k, size_t row, size_t column)
{
    return wanted->out + (k * wanted->count + row - wanted->first) * wanted->plan->x.size + column;
}

typedef struct {
    rows_wanted wanted;
    float *scratch; /* (threads, n, FBG_BLOCK) */
} direct_job;

static void evaluate_row(void *context, size_t index, int worker)
{
    const direct_job *j = context;
    const fbg_plan *plan = j->wanted.plan;
    const size_t row = j->wanted.first + index, columns = plan->x.size;
    float *slow = j->scratch + worker * plan->spline.n * FBG_BLOCK;
    double y[FBG_BLOCK], values[FBG_MAX_CHANNELS * FBG_BLOCK];
    for (size_t i = 0; i < FBG_BLOCK; i++)
        y[i] = plan->y.coordinates[row];
    for (size_t start = 0; start < columns; start += FBG_BLOCK) {
        const double *x = plan->x.coordinates + start;
        const size_t left = columns - start, count = left < FBG_BLOCK ? left : FBG_BLOCK;
        fbg_affine(&plan->spline, y, x, count, values, FBG_BLOCK);
        fbg_active_kernels()->forward(&plan->spline, y, x, count, values, FBG_BLOCK, slow);
        for (int k = 0; k < plan->spline.channels; k++)
            fbg_active_kernels()->round(values + k * FBG_BLOCK, place(&j->wanted, k, row, start),
                                        count);
    }
}

static fbg_status render_direct(const rows_wanted *wanted, int threads)
{
    const size_t floats = wanted->plan->spline.n * FBG_BLOCK;
    direct_job j = {*wanted, malloc((size_t)threads * floats * sizeof(float))};
    if (!j.scratch)
        return FBG_NO_MEMORY;
    fbg_parallel(NULL, threads, wanted->count, evaluate_row, &j);
    free(j.scratch);
    return FBG_OK;
}

typedef struct {
    rows_wanted wanted;
    size_t first_box; /* boxes are numbered row by row */
    fbg_walk *walks;  /* (threads,) */
    float *scratch;   /* (threads, fbg_walk_floats) */
} tiled_job;

static int store_block(void *context, size_t block_y, size_t block_x, const float *values,
                       float slope[FBG_FIELDS][FBG_MAX_CHANNELS * FBG_BLOCK])
{
    const rows_wanted *wanted = context;
    const int channels = wanted->plan->spline.channels;
    const size_t top = block_y * FBG_SIDE, left = block_x * FBG_SIDE;
    const size_t end = wanted->first + wanted->count, columns = wanted->plan->x.size;
    const size_t first = top > wanted->first ? top : wanted->first;
    const size_t last = top + FBG_SIDE < end ? top + FBG_SIDE : end;
    const size_t width = columns - left < FBG_SIDE ? columns - left : FBG_SIDE;
    (void)slope;
    for (int k = 0; k < channels; k++) {
        float *out = place(wanted, k, first, left);
        const float *in = values + k * FBG_BLOCK + (first - top) * FBG_SIDE;
        for (size_t row = first; row < last; row++, out += columns, in += FBG_SIDE)
            if (width == FBG_SIDE)
                memcpy(out, in, FBG_SIDE * sizeof *in); /* a constant size: no call */
            else
                memcpy(out, in, width * sizeof *in);
    }
    return FBG_NONE;
}

static void expand_box(void *context, size_t index, int worker)
{
    const tiled_job *j = context;
    const size_t box = j->first_box + index, across = j->wanted.plan->x.levels[FBG_TOP_OF_IMAGE].boxes;
    fbg_node_cache *cache = &j->wanted.plan->expanded;
    double *values;
    if (!fbg_node_cache_claim(cache, box, &values))
        return;
    fbg_walk_expand(&j->walks[worker], box / across, box % across, values);
    fbg_node_cache_keep(cache, box);
}

static void render_box(void *context, size_t index, int worker)
{
    const tiled_job *j = context;
    const size_t box = j->first_box + index, across = j->wanted.plan->x.levels[FBG_TOP_OF_IMAGE].boxes;
    fbg_walk *walk = &j->walks[worker];
    walk->known = fbg_node_cache_get(&j->wanted.plan->expanded, box);
    fbg_walk_box(walk, box / across, box % across);
}

/* First all boxes are expanded that no other call has claimed. Calls for neighbouring rows, at the
 * same time, thus share this work, and hardly ever need a box that another call still expands. */
static void render_boxes(tiled_job *j, int threads)
{
    fbg_plan *plan = j->wanted.plan;
    const size_t first = j->wanted.first, last = first + j->wanted.count - 1;
    const size_t side = FBG_BLOCKS_PER_BOX(FBG_TOP_OF_IMAGE) * FBG_SIDE, across = plan->x.levels[FBG_TOP_OF_IMAGE].boxes;
    const size_t boxes = (last / side - first / side + 1) * across;
    for (int t = 0; t < threads; t++) {
        j->walks[t] = (fbg_walk){
            .kernels = fbg_active_kernels(), .spline = &plan->spline, .y = &plan->y, .x = &plan->x,
            .error = plan->error, .first_row = first / FBG_SIDE, .end_row = last / FBG_SIDE + 1,
            .block = store_block, .context = &j->wanted,
        };
        fbg_walk_init(&j->walks[t], j->scratch + t * fbg_walk_floats(plan->spline.n));
    }
    j->first_box = first / side * across;
    fbg_parallel(NULL, threads, boxes, expand_box, j);
    fbg_parallel(NULL, threads, boxes, render_box, j);
}

static fbg_status render_tiled(const rows_wanted *wanted, int threads)
{
    const size_t floats = fbg_walk_floats(wanted->plan->spline.n);
    tiled_job j = {.wanted = *wanted,
                   .walks = malloc((size_t)threads * sizeof *j.walks),
                   .scratch = malloc((size_t)threads * floats * sizeof *j.scratch)};
    const fbg_status status = j.walks && j.scratch ? FBG_OK : FBG_NO_MEMORY;
    if (status == FBG_OK)
        render_boxes(&j, threads);
    free(j.walks);
    free(j.scratch);
    return status;
}

fbg_status fbg_render_rows(fbg_plan *plan, size_t first_row, size_t count, float *out, int threads)
{
    const rows_wanted wanted = {plan, first_row, count, out};
    if (first_row > plan->y.size || count > plan->y.size - first_row)
        return FBG_NO_SUCH_ROWS;
    if (count == 0)
        return FBG_OK;
    return (plan->tiled ? render_tiled : render_direct)(&wanted, fbg_usable_threads(threads));
}
