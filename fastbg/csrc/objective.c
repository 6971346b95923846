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
    fbg_team *team;
};

int fbg_channels(const fbg_problem *problem) { return problem->channels; }
const char *fbg_method_name(const fbg_problem *problem) { return problem->method->name; }

fbg_status fbg_open(fbg_problem **problem, const float *data, const float *weight,
                    const double *y, size_t rows, const double *x, size_t columns, int channels,
                    int order, double alpha, const char *method)
{
    const fbg_image image = {data, weight, y, x, rows, columns, channels};
    size_t pixels = 0;
    for (size_t row = 0; row < rows; row++)
        for (size_t column = 0; column < columns; column++)
            pixels += fbg_is_kept(&image, row, column);

    const fbg_method *chosen;
    if (fbg_choose_method(method, pixels, &chosen) != FBG_OK)
        return FBG_UNKNOWN_METHOD;
    if (pixels == 0)
        return FBG_NO_PIXELS;
    fbg_problem *new = malloc(sizeof *new);
    if (!new)
        return FBG_NO_MEMORY;
    *new = (fbg_problem){chosen, NULL, channels, order, alpha, (double)pixels, fbg_team_make()};
    const fbg_status status = chosen->open(&new->store, &image);
    if (status == FBG_OK) {
        *problem = new;
    } else {
        fbg_team_free(new->team);
        free(new);
    }
    return status;
}

void fbg_close(fbg_problem *problem)
{
    fbg_team_free(problem->team);
    problem->method->close(problem->store);
    free(problem);
}

/* One pass over all chunks: the sums of each chunk, and scratch for each thread. */
typedef struct {
    const fbg_problem *problem;
    fbg_evaluation evaluation;
    size_t chunks, length, scratch_floats;
    fbg_sums *sums;
    double *gradients; /* (chunks, 2, length) */
    float *scratch;
} pass;

static void survey_chunk(void *context, size_t chunk, int worker)
{
    const pass *run = context;
    run->sums[chunk] = (fbg_sums){0};
    run->problem->method->survey(run->problem->store, &run->evaluation, chunk,
                                 run->scratch + worker * run->scratch_floats, &run->sums[chunk]);
}

static void accumulate_chunk(void *context, size_t chunk, int worker)
{
    const pass *run = context;
    const fbg_problem *problem = run->problem;
    double *own = run->gradients + 2 * chunk * run->length;
    const int coupled = run->evaluation.negative > 0;
    memset(own, 0, (1 + coupled) * run->length * sizeof *own);
    run->sums[chunk] = (fbg_sums){.own = own, .coupled = coupled ? own + run->length : NULL};
    problem->method->accumulate(problem->store, &run->evaluation, chunk,
                                run->scratch + worker * run->scratch_floats, &run->sums[chunk]);
}

static void add(double *total, const double *part, size_t length)
{
    for (size_t i = 0; i < length; i++)
        total[i] += part[i];
}

/* Runs all chunks and adds them up, in order, in the first. Returns the `negative` penalty. */
static double run_pass(pass *run, fbg_task task, int threads)
{
    fbg_parallel(run->problem->team, threads, run->chunks, task, run);
    fbg_sums *total = &run->sums[0];
    for (size_t c = 1; c < run->chunks; c++) {
        const fbg_sums *part = &run->sums[c];
        total->log_sum += part->log_sum;
        total->inverse_sum += part->inverse_sum;
        total->below += part->below;
        if (total->own)
            add(total->own, part->own, run->length);
        if (total->coupled)
            add(total->coupled, part->coupled, run->length);
    }
    return total->below / (run->problem->pixels * run->problem->channels);
}

/* Fills run->sums[0]. The `negative` penalty is part of every pixel's loss, so it must be known
 * before the pass that sums the loss. It is 0 in most descents, and then one pass that assumes so
 * finds out; where it is not, a survey finds it at a small part of the price. Both find the same
 * bits, so the answer does not depend on the expectation. */
static double run_passes(pass *run, int expect_negative, int threads)
{
    if (expect_negative)
        run->evaluation.negative = (float)run_pass(run, survey_chunk, threads);
    const double negative = run_pass(run, accumulate_chunk, threads);
    if (negative > 0 && !expect_negative) {
        run->evaluation.negative = (float)negative;
        run_pass(run, accumulate_chunk, threads);
    }
    return negative;
}

fbg_status fbg_loss_and_gradient(const fbg_problem *problem, const double *parameters, size_t n,
                                 double *loss, double *gradient, int *below_zero, int threads)
{
    const size_t chunks = problem->method->chunks(problem->store);
    const size_t length = fbg_parameter_count(n, problem->channels);
    const size_t scratch_floats = problem->method->scratch_floats(problem->store, n);
    const double samples = problem->pixels * problem->channels;

    threads = fbg_usable_threads(threads);
    fbg_sums *sums = malloc(chunks * sizeof *sums);
    double *gradients = malloc(2 * chunks * length * sizeof *gradients);
    float *scratch = malloc((size_t)threads * scratch_floats * sizeof *scratch);
    uint32_t *index = malloc(n * sizeof *index);
    const fbg_status status = sums && gradients && scratch && index ? FBG_OK : FBG_NO_MEMORY;
    if (status == FBG_OK) {
        const fbg_spline spline =
            fbg_whole_spline(index, parameters, n, problem->channels, problem->order);
        pass run = {problem, {fbg_active_kernels(), &spline, (float)problem->alpha, 0, 0},
                    chunks, length, scratch_floats, sums, gradients, scratch};
        run.evaluation.error =
            problem->method->error(problem->store, run.evaluation.kernels, &spline, scratch);
        *below_zero = run_passes(&run, *below_zero, threads) > 0;
        const double coupling =
            -2 * problem->alpha / samples * (sums[0].inverse_sum / problem->pixels);
        for (size_t i = 0; i < length; i++) {
            const double coupled = sums[0].coupled ? coupling * sums[0].coupled[i] : 0;
            gradient[i] = (i < 2 * n ? -2 : 1) * (sums[0].own[i] / problem->pixels + coupled);
        }
        /* The kernels' logarithm of NaN is a finite number; the reciprocal of NaN is NaN. */
        *loss = isfinite(sums[0].inverse_sum) ? sums[0].log_sum / problem->pixels : NAN;
    }
    free(index);
    free(scratch);
    free(gradients);
    free(sums);
    return status;
}
