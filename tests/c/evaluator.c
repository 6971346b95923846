/* The C evaluator against plain scalar loops in float64, without Python: for processors that the
 * tests can only emulate. Prints the instruction set and the worst errors; returns 1 if one is too
 * large. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "fastbg.h"

enum { ROWS = 37, COLUMNS = 75, PIXELS = ROWS * COLUMNS, MOST = 24, MOST_PARAMETERS = MOST * 5 + 9 };

static const double VALUES = 2e-6, GRADIENT = 1e-5, ALPHA = 5;

static double uniform(void)
{
    static unsigned long long state = 20260101;
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (double)(state >> 11) / 9007199254740992.0;
}

static double phi(double q, int order)
{
    const double b = q > 1e-10 ? q : 1e-10;
    return order == 1 ? sqrt(b) : order == 2 ? q * log(b) / 2 : order == 3 ? b * sqrt(b) : q * q * log(b) / 2;
}

static double phi_prime(double q, int order)
{
    const double b = q > 1e-10 ? q : 1e-10;
    return order == 1   ? 0.5 / sqrt(b)
           : order == 2 ? (log(b) + 1) / 2
           : order == 3 ? 1.5 * sqrt(b)
                        : q * log(b) + q / 2;
}

typedef struct {
    int order, channels;
    size_t n, length;
    double parameters[MOST_PARAMETERS], y[ROWS], x[COLUMNS];
    double values[3][PIXELS];
    float data[3 * PIXELS], weight[3 * PIXELS];
} problem;

static void evaluate(problem *p)
{
    const double *w = p->parameters + 2 * p->n, *v = w + p->n * p->channels;
    for (int k = 0; k < p->channels; k++)
        for (size_t j = 0; j < PIXELS; j++) {
            const double y = p->y[j / COLUMNS], x = p->x[j % COLUMNS];
            double s = v[k] * y + v[p->channels + k] * x + v[2 * p->channels + k];
            for (size_t i = 0; i < p->n; i++) {
                const double dy = y - p->parameters[2 * i], dx = x - p->parameters[2 * i + 1];
                s += w[i * p->channels + k] * phi(dy * dy + dx * dx, p->order);
            }
            p->values[k][j] = s;
        }
}

/* A spline whose values lie around `level`, and data away from it. */
static void make(problem *p, int order, int channels, size_t n, double level)
{
    *p = (problem){.order = order, .channels = channels, .n = n,
                   .length = fbg_parameter_count(n, channels)};
    for (size_t i = 0; i < ROWS; i++)
        p->y[i] = (i + 0.5) / ROWS;
    for (size_t i = 0; i < COLUMNS; i++)
        p->x[i] = (i + 0.5) / COLUMNS;
    for (size_t i = 0; i < p->length; i++)
        p->parameters[i] = i < 2 * n ? 1.4 * uniform() - 0.2 : uniform() - 0.5;
    p->parameters[0] = p->y[ROWS / 2], p->parameters[1] = p->x[COLUMNS / 2];
    evaluate(p);
    for (int k = 0; k < channels; k++) {
        double mean = 0;
        for (size_t j = 0; j < PIXELS; j++)
            mean += p->values[k][j] / PIXELS;
        p->parameters[p->length - channels + k] += level - mean;
    }
    evaluate(p);
    for (size_t j = 0; j < PIXELS; j++) {
        int counts = j % 7 != 3;
        for (int k = 0; k < channels; k++)
            counts &= fabs(p->values[k][j]) > 1e-3;
        for (int k = 0; k < channels; k++) {
            const double residual = (0.05 + 0.25 * uniform()) * (uniform() < 0.3 ? -1 : 1);
            p->data[k * PIXELS + j] = counts ? (float)(p->values[k][j] + residual) : NAN;
            p->weight[k * PIXELS + j] = counts ? (float)(0.2 + 0.8 * uniform()) : 0;
        }
    }
}

static double loss_and_gradient(const problem *p, double *gradient)
{
    static double own[3][PIXELS];
    const int channels = p->channels;
    const double *w = p->parameters + 2 * p->n;
    double pixels = 0, negative = 0, loss = 0, inverses = 0;
    for (size_t j = 0; j < PIXELS; j++)
        for (int k = 0; k < channels && p->weight[j] > 0; k++) {
            pixels += k == 0;
            negative += fabs(p->values[k][j]) - p->values[k][j];
        }
    negative /= pixels * channels;
    for (size_t j = 0; j < PIXELS; j++) {
        double r[3], mean = 0, error = 0, color = 0, overshoot = 0;
        if (!(p->weight[j] > 0))
            continue;
        for (int k = 0; k < channels; k++) {
            r[k] = p->weight[k * PIXELS + j] * (p->data[k * PIXELS + j] - p->values[k][j]);
            mean += r[k] / channels;
            error += fabs(r[k]) / channels;
            overshoot += (fabs(r[k]) - r[k]) / channels;
        }
        for (int k = 0; k < channels; k++)
            color += (r[k] - mean) * (r[k] - mean) / channels;
        const double argument = 0.001 + error + color + ALPHA * (overshoot + negative);
        loss += log(argument) / pixels;
        inverses += 1 / argument / pixels;
        for (int k = 0; k < channels; k++)
            own[k][j] = p->weight[k * PIXELS + j] / channels / argument / pixels *
                        ((r[k] < 0 ? 1 + 2 * ALPHA : -1) - 2 * (r[k] - mean));
    }
    for (size_t i = 0; i < p->length; i++)
        gradient[i] = 0;
    for (size_t j = 0; j < PIXELS; j++)
        for (int k = 0; k < channels && p->weight[j] > 0; k++) {
            const double y = p->y[j / COLUMNS], x = p->x[j % COLUMNS];
            const double g =
                own[k][j] - (p->values[k][j] < 0 ? 2 * ALPHA * inverses / (pixels * channels) : 0);
            double *of_affine = gradient + p->n * (2 + channels);
            of_affine[k] += g * y, of_affine[channels + k] += g * x, of_affine[2 * channels + k] += g;
            for (size_t i = 0; i < p->n; i++) {
                const double dy = y - p->parameters[2 * i], dx = x - p->parameters[2 * i + 1];
                const double q = dy * dy + dx * dx;
                const double pull = -2 * g * w[i * channels + k] * phi_prime(q, p->order);
                gradient[2 * p->n + i * channels + k] += g * phi(q, p->order);
                gradient[2 * i] += pull * dy, gradient[2 * i + 1] += pull * dx;
            }
        }
    return loss;
}

/* Errors in units of the allowed error. */
static double error_of_values(const problem *p, const char *method)
{
    static float found[3 * PIXELS];
    double low = INFINITY, high = -INFINITY, worst = 0;
    fbg_plan *plan;
    if (fbg_plan_make(&plan, p->parameters, p->n, p->channels, p->order, p->y, ROWS, p->x, COLUMNS,
                      method) != FBG_OK)
        return INFINITY;
    const fbg_status status = fbg_render_rows(plan, 0, ROWS, found, 2);
    fbg_plan_free(plan);
    if (status != FBG_OK)
        return INFINITY;
    for (int k = 0; k < p->channels; k++)
        for (size_t j = 0; j < PIXELS; j++) {
            low = fmin(low, p->values[k][j]), high = fmax(high, p->values[k][j]);
            worst = fmax(worst, fabs(found[k * PIXELS + j] - p->values[k][j]));
        }
    return worst / (VALUES * (high - low) + fmax(fabs(low), fabs(high)) / (1 << 24));
}

static double error_of_gradient(const problem *p, const char *method, double *of_loss)
{
    double expected[MOST_PARAMETERS], found[MOST_PARAMETERS], loss, again, off = 0, norm = 0;
    const double expected_loss = loss_and_gradient(p, expected);
    int expect = 0;
    fbg_problem *opened;
    if (fbg_open(&opened, p->data, p->weight, p->y, ROWS, p->x, COLUMNS, p->channels, p->order, ALPHA,
                 method) != FBG_OK)
        return INFINITY;
    fbg_loss_and_gradient(opened, p->parameters, p->n, &loss, found, &expect, 2);
    fbg_loss_and_gradient(opened, p->parameters, p->n, &again, found, &expect, 1);
    fbg_close(opened);
    for (size_t i = 0; i < p->length; i++) {
        off += (found[i] - expected[i]) * (found[i] - expected[i]);
        norm += expected[i] * expected[i];
    }
    *of_loss = loss == again ? fabs(loss - expected_loss) / 5e-6 : INFINITY;
    return sqrt(off / norm) / GRADIENT;
}

int main(void)
{
    static problem p;
    static const char *const methods[] = {"direct", "tiled"};
    double values = 0, gradient = 0, loss = 0;
    for (int order = 1; order <= 4; order++)
        for (int channels = 1; channels <= 3; channels += 2)
            for (int below = 0; below < 2; below++) {
                make(&p, order, channels, below ? MOST : 5, below ? 0 : 3);
                for (int m = 0; m < 2; m++) {
                    double of_loss;
                    values = fmax(values, error_of_values(&p, methods[m]));
                    gradient = fmax(gradient, error_of_gradient(&p, methods[m], &of_loss));
                    loss = fmax(loss, of_loss);
                }
            }
    printf("%s: errors in units of the allowed ones: values %.2f, gradient %.2f, loss %.2f\n", fbg_instruction_set(),
           values, gradient, loss);
    return !(values <= 1 && gradient <= 1 && loss <= 1);
}
