#include "far.h"

#include <math.h>

#include "splines.h"

static const double SHARE_OF_RANGE = 4e-6, MOST_ERROR = 1.5e-6, LEAST_RHO = 2.0;

double fbg_far_error(const fbg_kernels *kernels, const fbg_spline *spline, const fbg_axis *y,
                     const fbg_axis *x, float *slow)
{
    double point_y[FBG_NODES], point_x[FBG_NODES], values[FBG_MAX_CHANNELS * FBG_GRID];
    for (size_t j = 0; j < FBG_NODES; j++) {
        point_y[j] = y->coordinates[(2 * j + 1) * y->size / (2 * FBG_NODES)];
        point_x[j] = x->coordinates[(2 * j + 1) * x->size / (2 * FBG_NODES)];
    }
    fbg_affine_grid(spline, point_y, point_x, values);
    kernels->forward_grid(spline, point_y, point_x, FBG_NODES, values, slow);
    double range = 0, largest = 0;
    for (int k = 0; k < spline->channels; k++) {
        double low = INFINITY, high = -INFINITY;
        for (size_t j = k * FBG_GRID; j < (k + 1) * (size_t)FBG_GRID; j++)
            low = fmin(low, values[j]), high = fmax(high, values[j]);
        range = fmax(range, high - low);
        largest = fmax(largest, fmax(fabs(low), fabs(high)));
    }
    return fmin(SHARE_OF_RANGE * range + largest / (1 << 24), MOST_ERROR);
}

/* The root of degree FBG_NODES, several times as fast as pow. */
static double root(double x)
{
    _Static_assert(FBG_NODES == 8, "three square roots");
    return sqrt(sqrt(sqrt(x)));
}

double fbg_far_level(const fbg_axis_level *level, int order, double error)
{
    double rough = 1;
    for (int i = 0; i < order; i++)
        rough *= level->half[0] * (i < 2 ? 1 : 5);
    return root(rough / error);
}

double fbg_far_weights(const fbg_spline *spline)
{
    const double *weights = spline->parameters + 2 * spline->whole;
    double largest = 0;
    for (int k = 0; k < spline->channels; k++) {
        double sum = 0;
        for (size_t i = 0; i < spline->n; i++) {
            const double w = weights[spline->index[i] * spline->channels + k];
            sum += w * w;
        }
        largest = sum > largest ? sum : largest;
    }
    return root(sqrt(largest));
}

/* 1 / a^2 and 1 / b^2. */
typedef struct {
    double along, across;
} ellipse;

static ellipse ellipse_of(double rho, double half)
{
    const double bounded = rho > LEAST_RHO ? rho : LEAST_RHO;
    const double along = (bounded + 1 / bounded) / 2 * half;
    const double across = (bounded - 1 / bounded) / 2 * half;
    return (ellipse){1 / (along * along), 1 / (across * across)};
}

/* The square of the least distance from a centre to a box along an axis. */
static double square_beyond(double distance, double half)
{
    const double beyond = distance > half ? distance - half : 0;
    return beyond * beyond;
}

size_t fbg_far_split(const fbg_spline *candidates, const fbg_far_box *box, uint32_t *far,
                     uint32_t *near)
{
    const ellipse of_y = ellipse_of(box->rho_y, box->half_y);
    const ellipse of_x = ellipse_of(box->rho_x, box->half_x);
    size_t far_count = 0;
    for (size_t i = 0; i < candidates->n; i++) {
        const uint32_t index = candidates->index[i];
        const double dy = fabs(candidates->parameters[2 * index] - box->centre_y);
        const double dx = fabs(candidates->parameters[2 * index + 1] - box->centre_x);
        const int is_far =
            (dy * dy * of_y.along + square_beyond(dx, box->half_x) * of_y.across >= 1) &
            (dx * dx * of_x.along + square_beyond(dy, box->half_y) * of_x.across >= 1);
        /* Written to both, counted in one: a branch would be guessed wrong too often. */
        far[far_count] = near[i - far_count] = index;
        far_count += is_far;
    }
    return far_count;
}
