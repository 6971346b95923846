/* The loss over the kept pixels of an image, and its gradient. */
#include "splines.h"
#include "threads.h"

#include <stdlib.h>
#include <string.h>

struct fbg_problem {
    int channels, order;
    double alpha;
    size_t pixels, chunk; /* kept pixels, and how many of them a chunk holds */
    float *values;        /* the one allocation behind the arrays below, (pixels,) each */
    float *y, *x, *data[FBG_MAX_CHANNELS], *weight[FBG_MAX_CHANNELS];
};

int fbg_channels(const fbg_problem *problem) { return problem->channels; }

static int is_kept(const double *weight, int channels)
{
    for (int k = 0; k < channels; k++)
        if (weight[k] != 0)
            return 1;
    return 0;
}

fbg_status fbg_open(fbg_problem **problem, const double *data, const double *weight,
                    const double *y, size_t rows, const double *x, size_t columns, int channels,
                    int order, double alpha)
{
    size_t pixels = 0;
    for (size_t p = 0; p < rows * columns; p++)
        pixels += is_kept(weight + p * channels, channels);

    fbg_problem *new = calloc(1, sizeof *new);
    float *values = malloc((pixels + 1) * (2 + 2 * channels) * sizeof *values);
    if (!new || !values) {
        free(new);
        free(values);
        return FBG_NO_MEMORY;
    }
    const size_t blocks = (pixels + FBG_BLOCK - 1) / FBG_BLOCK;
    const size_t blocks_per_chunk = (blocks + FBG_MAX_CHUNKS - 1) / FBG_MAX_CHUNKS;
    *new = (fbg_problem){.channels = channels, .order = order, .alpha = alpha, .pixels = pixels,
                         .chunk = blocks_per_chunk * FBG_BLOCK, .values = values,
                         .y = values, .x = values + pixels};
    for (int k = 0; k < channels; k++) {
        new->data[k] = values + (2 + k) * pixels;
        new->weight[k] = values + (2 + channels + k) * pixels;
    }
    size_t p = 0;
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < columns; column++) {
            const size_t source = (row * columns + column) * channels;
            if (!is_kept(weight + source, channels))
                continue;
            new->y[p] = (float)y[row];
            new->x[p] = (float)x[column];
            for (int k = 0; k < channels; k++) {
                new->data[k][p] = (float)data[source + k];
                new->weight[k][p] = (float)weight[source + k];
            }
            p++;
        }
    *problem = new;
    return FBG_OK;
}

void fbg_close(fbg_problem *problem)
{
    if (problem)
        free(problem->values);
    free(problem);
}

/* One evaluation: what each chunk adds up to, and scratch for each thread. */
typedef struct {
    const fbg_problem *problem;
    const fbg_kernels *kernels;
    const fbg_spline *spline;
    float negative;
    fbg_sums *sums;
    float *scratch;
} pass;

static void accumulate_chunk(void *context, size_t index, int worker)
{
    const pass *run = context;
    const fbg_problem *problem = run->problem;
    fbg_sums *sums = &run->sums[index];
    float *scratch = run->scratch + worker * run->spline->n * FBG_BLOCK;
    const size_t length = fbg_parameter_count(run->spline->n, problem->channels);
    const size_t end = (index + 1) * problem->chunk;

    sums->log_sum = sums->inverse_sum = sums->negative_sum = 0;
    memset(sums->own, 0, length * sizeof *sums->own);
    memset(sums->coupled, 0, length * sizeof *sums->coupled);
    for (size_t start = index * problem->chunk; start < end && start < problem->pixels;
         start += FBG_BLOCK) {
        const size_t left = problem->pixels - start;
        fbg_pixels block = {left < FBG_BLOCK ? left : FBG_BLOCK, problem->y + start,
                            problem->x + start, {0}, {0}};
        for (int k = 0; k < problem->channels; k++) {
            block.data[k] = problem->data[k] + start;
            block.weight[k] = problem->weight[k] + start;
        }
        run->kernels->accumulate(run->spline, &block, (float)problem->alpha, run->negative,
                                 scratch, sums);
    }
}

/* Runs all chunks and adds them up, in order, in the first. */
static void run_pass(pass *run, size_t chunks, size_t length, int threads)
{
    fbg_parallel(threads, chunks, accumulate_chunk, run);
    fbg_sums *total = &run->sums[0];
    for (size_t c = 1; c < chunks; c++) {
        const fbg_sums *part = &run->sums[c];
        total->log_sum += part->log_sum;
        total->inverse_sum += part->inverse_sum;
        total->negative_sum += part->negative_sum;
        for (size_t i = 0; i < length; i++) {
            total->own[i] += part->own[i];
            total->coupled[i] += part->coupled[i];
        }
    }
}

fbg_status fbg_loss_and_gradient(const fbg_problem *problem, const double *parameters, size_t n,
                                 double *loss, double *gradient, int threads)
{
    const size_t chunks = (problem->pixels + problem->chunk - 1) / problem->chunk;
    const size_t length = fbg_parameter_count(n, problem->channels);
    const double pixels = (double)problem->pixels, samples = pixels * problem->channels;
    fbg_spline spline;

    if (threads < 1)
        threads = 1;
    if (fbg_spline_init(&spline, parameters, n, problem->channels, problem->order) != FBG_OK)
        return FBG_NO_MEMORY;
    fbg_sums *sums = malloc(chunks * sizeof *sums);
    double *gradients = malloc(2 * chunks * length * sizeof *gradients);
    float *scratch = malloc((size_t)threads * n * FBG_BLOCK * sizeof *scratch);
    fbg_status status = sums && gradients && scratch ? FBG_OK : FBG_NO_MEMORY;
    if (status == FBG_OK) {
        for (size_t c = 0; c < chunks; c++) {
            sums[c].own = gradients + 2 * c * length;
            sums[c].coupled = sums[c].own + length;
        }
        pass run = {problem, fbg_active_kernels(), &spline, 0, sums, scratch};
        run_pass(&run, chunks, length, threads);
        /* A background below zero is rare: the first pass assumes that there is none, and only
         * where it was wrong is a second one needed. */
        if (sums[0].negative_sum > 0) {
            run.negative = (float)(sums[0].negative_sum / samples);
            run_pass(&run, chunks, length, threads);
        }
        const double coupling = -2 * problem->alpha / samples * (sums[0].inverse_sum / pixels);
        for (size_t i = 0; i < length; i++) {
            const double factor = i < 2 * n ? -2 : 1;
            gradient[i] = factor * (sums[0].own[i] / pixels + coupling * sums[0].coupled[i]);
        }
        *loss = sums[0].log_sum / pixels;
    }
    free(scratch);
    free(gradients);
    free(sums);
    fbg_spline_free(&spline);
    return status;
}
