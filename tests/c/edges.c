/* Every function of fastbg.h at sizes where loops end early, with numbers that are none, and from
 * several threads at once, for sanitizers. Returns 1 if a call fails, or if threads or bands change a
 * bit of the results. */
#include <float.h>
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fastbg.h"

enum { CENTRES = 5, THREADS = 4, CALLERS = 4 };

static const char *const METHODS[] = {"direct", "tiled", "auto"};
static const size_t SIZES[] = {1, 15, 16, 33, 129};
static const float ODD[] = {NAN, INFINITY, -INFINITY, 0, -0.0f, FLT_MAX, -FLT_MAX, FLT_TRUE_MIN, 2, -1};

static double uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return (double)(*state >> 11) / 9007199254740992.0;
}

/* Memory of exactly that size, so that every byte beyond it is caught. */
static void *room(size_t count, size_t size)
{
    void *memory = malloc(count * size);
    if (!memory)
        exit(2);
    return memory;
}

static float *samples_of(size_t count, int odd, uint64_t *state)
{
    float *samples = room(count, sizeof *samples);
    for (size_t i = 0; i < count; i++) {
        const double u = uniform(state);
        samples[i] = odd && u < 0.5 ? ODD[(size_t)(u * 20)] : (float)u;
    }
    return samples;
}

static double *centres_of(size_t size)
{
    double *centres = room(size, sizeof *centres);
    for (size_t i = 0; i < size; i++)
        centres[i] = (i + 0.5) / size;
    return centres;
}

static void samples_of_a_band(size_t rows, size_t columns, uint64_t *state)
{
    const size_t n = rows * columns;
    float *samples = samples_of(n, 1, state), *values = samples_of(n, 1, state);
    float *out = room(n, sizeof *out), *high = room(n, sizeof *high);
    double *means = room(n, sizeof *means);
    const size_t sides[] = {1, 2, 7, 64, SIZE_MAX};
    for (size_t s = 0; s < sizeof sides / sizeof *sides; s++) {
        fbg_block_medians(samples, rows, columns, sides[s], FBG_MISSING_LEVEL, 0, out, high);
        fbg_block_medians(samples, rows, columns, sides[s], -1, 1, out, high);
        fbg_block_means(samples, rows, columns, sides[s], 0.01, 1e-30, 1e-9, 0.25, means);
    }
    const fbg_window windows[] = {{0, 16, FBG_BINS}, {0xFFFFFFFF, 0, 1}, {0x80000000, 3, FBG_BINS}};
    uint64_t below[3] = {0};
    uint32_t *counts = calloc(3 * FBG_BINS, sizeof *counts);
    fbg_tally tally = {0, 0, 0, UINT32_MAX, 0};
    fbg_count(values, samples, n, windows, 3, &tally, below, counts);
    fbg_subtract(samples, values, n, 0.1, out);
    const int colours[] = {1, 0, 2, 1};
    float *planes = room(3 * (rows / 2) * (columns / 2) + 1, sizeof *planes);
    for (int one_green = 0; one_green < 2; one_green++)
        fbg_superpixels(samples, rows / 2, columns, colours, one_green, planes,
                        (rows / 2) * (columns / 2));
    free(planes);
    fbg_scale(samples, FBG_FLOAT32, n, 0.1, 3, out);
    fbg_unscale(samples, n, 0.1, 3, 1, out);
    fbg_restore(samples, FBG_UINT8, samples, values, n, 255, 1, out, FBG_FLOAT32);
    fbg_restore(samples, FBG_UINT16, samples, values, n / 2, 65535, 0, means, FBG_FLOAT64);
    fbg_unstretch(values, n, 0, 1, 1e-30, 0.25);
    free(counts), free(means), free(high), free(out), free(values), free(samples);
}

typedef struct {
    const fbg_problem *problem;
    fbg_plan *plan;
    const double *parameters;
    size_t band; /* rows */
    double loss, *gradient;
    float *values;
    int wrong;
} call;

/* Renders all rows, a band at a time, into memory of exactly the size of each band. */
static int render(const call *c)
{
    const size_t rows = fbg_plan_rows(c->plan), columns = fbg_plan_columns(c->plan);
    int wrong = 0;
    for (size_t first = 0; first < rows; first += c->band) {
        const size_t count = rows - first < c->band ? rows - first : c->band;
        float *out = room(fbg_plan_channels(c->plan) * count * columns, sizeof *out);
        wrong |= fbg_render_rows(c->plan, first, count, out, THREADS) != FBG_OK;
        for (int k = 0; k < fbg_plan_channels(c->plan); k++)
            memcpy(c->values + (k * rows + first) * columns, out + k * count * columns,
                   count * columns * sizeof *out);
        free(out);
    }
    return wrong;
}

static void *evaluate(void *argument)
{
    call *c = argument;
    int below_zero = 0;
    c->wrong = fbg_loss_and_gradient(c->problem, c->parameters, CENTRES, &c->loss, c->gradient,
                                     &below_zero, THREADS) != FBG_OK;
    c->wrong |= render(c);
    return NULL;
}

/* One problem and one plan, used by several threads at the same time. */
static int spline(size_t rows, size_t columns, int channels, int order, const char *method, int odd,
                  uint64_t *state)
{
    const size_t n = channels * rows * columns, length = fbg_parameter_count(CENTRES, channels);
    float *data = samples_of(n, 0, state), *weight = samples_of(n, 0, state);
    double *y = centres_of(rows), *x = centres_of(columns);
    double *parameters = room(length, sizeof *parameters);
    for (size_t i = 0; i < length; i++)
        parameters[i] = odd && i % 7 == 0 ? ODD[i / 7 % 10] : 2 * uniform(state) - 1;
    parameters[2] = parameters[0], parameters[3] = parameters[1]; /* two centres in one place */
    for (size_t i = 1; i < n; i += 3)
        data[i] = odd ? ODD[i % 10] : NAN, weight[i] = 0;
    weight[0] = 1;

    fbg_problem *problem;
    fbg_plan *plan;
    if (fbg_open(&problem, data, weight, y, rows, x, columns, channels, order, 5, method) != FBG_OK ||
        fbg_plan_make(&plan, parameters, CENTRES, channels, order, y, rows, x, columns, method) !=
            FBG_OK)
        return 1;
    static const size_t bands[CALLERS] = {1000, 1, 31, 32};
    call calls[CALLERS];
    pthread_t threads[CALLERS];
    for (int i = 0; i < CALLERS; i++) {
        calls[i] = (call){problem, plan, parameters, bands[i], 0, room(length, sizeof(double)),
                          room(n, sizeof(float)), 0};
        if (pthread_create(&threads[i], NULL, evaluate, &calls[i]))
            return 1;
    }
    int differ = 0;
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(threads[i], NULL);
        differ |= calls[i].wrong;
        differ |= memcmp(calls[i].gradient, calls[0].gradient, length * sizeof(double));
        differ |= memcmp(calls[i].values, calls[0].values, n * sizeof(float));
    }
    for (int i = 0; i < CALLERS; i++)
        free(calls[i].gradient), free(calls[i].values);
    fbg_plan_free(plan);
    fbg_close(problem);
    free(parameters), free(x), free(y), free(weight), free(data);
    return differ != 0;
}

/* A block of every kind of sequence, in pieces of every size, then bytes that mean nothing. */
static int lz4(uint64_t *state)
{
    /* 20 letters; a match of 4 + 15 + 255 + 2 at distance 1; one letter, a match of 4 at distance 18; an end. */
    uint8_t block[32] = {0xff, 5}, whole[305];
    memset(block + 2, 'a', 20);
    memcpy(block + 22, (uint8_t[]){1, 0, 255, 2, 0x10, 'b', 18, 0, 0x00}, 9);
    const size_t size = 31;
    int wrong = 0;
    for (size_t piece = 1; piece <= size; piece++)
        for (size_t space = 1; space < 40; space++) {
            fbg_lz4 s = {0};
            size_t at = 0, total = 0;
            uint8_t *out = room(304 + space, 1);
            for (size_t n = 0; n < 1000 && (at < size || total < 301); n++) {
                const size_t left = size - at, given = left < piece ? left : piece;
                uint8_t *in = room(given ? given : 1, 1);
                memcpy(in, block + at, given);
                size_t used, filled = total;
                wrong |= fbg_lz4_decode(&s, in, given, &used, out, total + space, &filled) != FBG_OK;
                free(in);
                at += used, total = filled;
            }
            wrong |= !s.is_complete || s.sequence != 30 || total != 301 || at != size;
            if (piece == 1 && space == 1)
                memcpy(whole, out, total);
            wrong |= memcmp(whole, out, total);
            free(out);
        }
    for (int n = 0; n < 20000; n++) {
        fbg_lz4 s = {0};
        uint8_t *in = room(16, 1), *out = room(24, 1);
        for (int i = 0; i < 16; i++)
            in[i] = (uint8_t)(uniform(state) * (n % 2 ? 256 : 20));
        size_t used, filled = 0;
        for (int again = 0; again < 3; again++) {
            (void)fbg_lz4_decode(&s, in, 16, &used, out, 24, &filled);
            filled = filled > 8 ? 8 : filled;
        }
        free(in), free(out);
    }
    return wrong;
}

int main(void)
{
    enum { COUNT = sizeof SIZES / sizeof *SIZES };
    uint64_t state = 20260101;
    int wrong = 0, cases = 0;
    float nothing;
    double none = 0;
    for (int i = 0; i < COUNT; i++)
        for (int j = 0; j < COUNT; j++) {
            samples_of_a_band(SIZES[i], SIZES[j], &state);
            /* Orders and channels take turns, so that all meet and none costs a loop. */
            const int order = 1 + (i + j) % 4, channels = (i + 2 * j) % 3 ? 1 : 3;
            for (int m = 0; m < 3; m++, cases++)
                wrong |= spline(SIZES[i], SIZES[j], channels, order, METHODS[m], (i + m) % 2, &state);
        }
    const double parameters[6] = {0};
    fbg_plan *plan;
    for (int m = 0; m < 3; m++) {
        wrong |= fbg_plan_make(&plan, parameters, 1, 1, 2, &none, 0, &none, 1, METHODS[m]) !=
                 FBG_NO_PIXELS;
        wrong |= fbg_plan_make(&plan, parameters, 1, 1, 2, &none, 1, &none, 1, METHODS[m]) != FBG_OK;
        wrong |= fbg_render_rows(plan, 1, 0, &nothing, 1) != FBG_OK;
        wrong |= fbg_render_rows(plan, 1, 1, &nothing, 1) != FBG_NO_SUCH_ROWS;
        wrong |= fbg_render_rows(plan, 2, 0, &nothing, 1) != FBG_NO_SUCH_ROWS;
        wrong |= fbg_render_rows(plan, 1, SIZE_MAX, &nothing, 1) != FBG_NO_SUCH_ROWS;
        fbg_plan_free(plan);
    }
    wrong |= fbg_plan_make(&plan, parameters, 1, 1, 2, &none, 1, &none, 1, "quadtree") !=
             FBG_UNKNOWN_METHOD;
    fbg_problem *problem;
    wrong |= fbg_open(&problem, &nothing, (float[1]){0}, &none, 1, &none, 1, 1, 2, 5, "auto") !=
             FBG_NO_PIXELS;
    wrong |= fbg_open(&problem, &nothing, (float[1]){1}, &none, 1, &none, 1, 1, 2, 5, "quadtree") !=
             FBG_UNKNOWN_METHOD;
    wrong |= lz4(&state);
    printf("%s: %d splines\n", fbg_instruction_set(), cases);
    return wrong;
}
