/* The loss over the kept pixels of an image, and its gradient, by one of the methods. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "methods.h"
#include "splines.h"
#include "threads.h"

struct fbg_problem {
    const fbg_method *method;
    fbg_pixel_store *store;
    int channels, order;
    double alpha, pixels; /* kept pixels */
};

int fbg_channels(const fbg_problem *problem) { return problem->channels; }
const char *fbg_method_name(const fbg_problem *problem) { return problem->method->name; }

fbg_status fbg_open(fbg_problem **problem, const double *data, const double *weight,
                    const double *y, size_t rows, const double *x, size_t columns, int channels,
                    int order, double alpha, const char *method)
{
    const fbg_image image = {data, weight, y, x, rows, columns, channels};
    size_t pixels = 0;
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < columns; column++)
            pixels += fbg_is_kept(&image, row, column);

    if (pixels == 0)
        return FBG_NO_PIXELS;
    fbg_problem *new = malloc(sizeof *new);
    if (!new)
        return FBG_NO_MEMORY;
    *new = (fbg_problem){pixels < FBG_FEW_PIXELS ? &fbg_direct : &fbg_tiled, NULL, channels, order,
                         alpha, (double)pixels};
    if (strcmp(method, fbg_direct.name) == 0)
        new->method = &fbg_direct;
    else if (strcmp(method, fbg_tiled.name) == 0)
        new->method = &fbg_tiled;
    const fbg_status status = new->method->open(&new->store, &image);
    if (status != FBG_OK)
        free(new);
    else
        *problem = new;
    return status;
}

void fbg_close(fbg_problem *problem)
{
    problem->method->close(problem->store);
    free(problem);
}

/* One pass over all chunks: what each adds up to, and scratch for each thread. */
typedef struct {
    const fbg_problem *problem;
    const fbg_evaluation *evaluation;
    size_t length, scratch_floats;
    fbg_sums *sums;
    float *scratch;
} pass;

static void accumulate_chunk(void *context, size_t chunk, int worker)
{
    const pass *run = context;
    const fbg_problem *problem = run->problem;
    fbg_sums *sums = &run->sums[chunk];
    sums->log_sum = sums->inverse_sum = sums->negative_sum = 0;
    memset(sums->own, 0, run->length * sizeof *sums->own);
    if (sums->coupled)
        memset(sums->coupled, 0, run->length * sizeof *sums->coupled);
    problem->method->accumulate(problem->store, run->evaluation, chunk,
                                run->scratch + worker * run->scratch_floats, sums);
}

static void add(double *total, const double *part, size_t length)
{
    for (size_t i = 0; i < length; i++)
        total[i] += part[i];
}

/* Runs all chunks and adds them up, in order, in the first. */
static void run_pass(pass *run, size_t chunks, int threads)
{
    fbg_parallel(threads, chunks, accumulate_chunk, run);
    fbg_sums *total = &run->sums[0];
    for (size_t c = 1; c < chunks; c++) {
        const fbg_sums *part = &run->sums[c];
        total->log_sum += part->log_sum;
        total->inverse_sum += part->inverse_sum;
        total->negative_sum += part->negative_sum;
        add(total->own, part->own, run->length);
        if (total->coupled)
            add(total->coupled, part->coupled, run->length);
    }
}

fbg_status fbg_loss_and_gradient(const fbg_problem *problem, const double *parameters, size_t n,
                                 double *loss, double *gradient, int threads)
{
    const size_t chunks = problem->method->chunks(problem->store);
    const size_t length = fbg_parameter_count(n, problem->channels);
    const size_t scratch_floats = problem->method->scratch_floats(problem->store, n);
    const double samples = problem->pixels * problem->channels;

    threads = fbg_usable_threads(threads);
    fbg_sums *sums = malloc(chunks * sizeof *sums);
    double *gradients = malloc((2 * chunks + 1) * length * sizeof *gradients);
    float *scratch = malloc((size_t)threads * scratch_floats * sizeof *scratch);
    float *memory = malloc(fbg_spline_floats(n, problem->channels) * sizeof *memory);
    const fbg_status status = sums && gradients && scratch && memory ? FBG_OK : FBG_NO_MEMORY;
    if (status == FBG_OK) {
        const fbg_spline spline =
            fbg_whole_spline(memory, parameters, n, problem->channels, problem->order);
        fbg_evaluation evaluation = {fbg_active_kernels(), &spline, (float)problem->alpha, 0};
        pass run = {problem, &evaluation, length, scratch_floats, sums, scratch};
        double *coupled = gradients + 2 * chunks * length;
        for (size_t c = 0; c < chunks; c++) {
            sums[c].own = gradients + 2 * c * length;
            sums[c].coupled = sums[c].own + length;
        }
        /* The first pass assumes that the background is nowhere below zero. Where it was wrong, it
         * has found the `negative` penalty, and the gradient that couples the pixels, which does
         * not depend on it; a second pass does the rest. */
        run_pass(&run, chunks, threads);
        memcpy(coupled, sums[0].coupled, length * sizeof *coupled);
        const double negative = sums[0].negative_sum / samples;
        if (negative > 0) {
            evaluation.negative = (float)negative;
            for (size_t c = 0; c < chunks; c++)
                sums[c].coupled = NULL;
            run_pass(&run, chunks, threads);
        }
        const double coupling =
            -2 * problem->alpha / samples * (sums[0].inverse_sum / problem->pixels);
        for (size_t i = 0; i < length; i++) {
            const double factor = i < 2 * n ? -2 : 1;
            gradient[i] = factor * (sums[0].own[i] / problem->pixels + coupling * coupled[i]);
        }
        /* The kernels' logarithm of what is no number is one; its reciprocal tells. */
        *loss = isfinite(sums[0].inverse_sum) ? sums[0].log_sum / problem->pixels : NAN;
    }
    free(memory);
    free(scratch);
    free(gradients);
    free(sums);
    return status;
}
