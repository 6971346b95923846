#include "splines.h"

#include <math.h>

size_t fbg_parameter_count(size_t n, int channels) { return n * (2 + channels) + 3 * channels; }

fbg_spline fbg_whole_spline(uint32_t *index, const double *parameters, size_t n, int channels,
                            int order)
{
    for (size_t i = 0; i < n; i++)
        index[i] = (uint32_t)i;
    return (fbg_spline){order, channels, n, n, parameters, index};
}

void fbg_affine(const fbg_spline *spline, const double *y, const double *x, size_t count,
                double *values, size_t stride)
{
    const int channels = spline->channels;
    const double *v = spline->parameters + spline->whole * (2 + channels);
    for (int k = 0; k < channels; k++)
        for (size_t j = 0; j < count; j++)
            values[k * stride + j] = v[k] * y[j] + v[channels + k] * x[j] + v[2 * channels + k];
}

void fbg_affine_adjoint(int channels, const double *y, const double *x, size_t count,
                        const float *slope, size_t stride, double *polynomial)
{
    for (int k = 0; k < channels; k++) {
        double by_y = 0, by_x = 0, by_1 = 0;
        for (size_t j = 0; j < count; j++) {
            const double g = slope[k * stride + j];
            by_y += g * y[j];
            by_x += g * x[j];
            by_1 += g;
        }
        polynomial[k] += by_y;
        polynomial[channels + k] += by_x;
        polynomial[2 * channels + k] += by_1;
    }
}

/* The points of a grid, row by row. */
static void points_of(const double *y, const double *x, double *point_y, double *point_x)
{
    for (int j = 0; j < FBG_GRID; j++)
        point_y[j] = y[j / FBG_NODES], point_x[j] = x[j % FBG_NODES];
}

void fbg_affine_grid(const fbg_spline *spline, const double *y, const double *x, double *values)
{
    double point_y[FBG_GRID], point_x[FBG_GRID];
    points_of(y, x, point_y, point_x);
    fbg_affine(spline, point_y, point_x, FBG_GRID, values, FBG_GRID);
}

void fbg_affine_grid_adjoint(int channels, const double *y, const double *x, const float *slope,
                             double *polynomial)
{
    double point_y[FBG_GRID], point_x[FBG_GRID];
    points_of(y, x, point_y, point_x);
    fbg_affine_adjoint(channels, point_y, point_x, FBG_GRID, slope, FBG_GRID, polynomial);
}

double fbg_largest_kernel(double most, int order)
{
    const double most_bounded = fmax(most, 1e-10);
    switch (order) {
    case 1:
        return sqrt(most_bounded);
    case 2:
        return fmax(0.5 * most * fabs(log(most_bounded)), most < exp(-1) ? 0 : 0.5 * exp(-1));
    case 3:
        return most_bounded * sqrt(most_bounded);
    default:
        return fmax(0.5 * most * most * fabs(log(most_bounded)),
                    most < exp(-0.5) ? 0 : 0.25 * exp(-1));
    }
}
