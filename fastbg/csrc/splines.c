#include "splines.h"

size_t fbg_parameter_count(size_t n, int channels) { return n * (2 + channels) + 3 * channels; }

size_t fbg_spline_floats(size_t n, int channels) { return n * (3 + channels); }

/* An index takes the room of a float. */
_Static_assert(sizeof(uint32_t) == sizeof(float), "indices lie among floats");

fbg_spline fbg_spline_like(const fbg_spline *whole, float *memory)
{
    const size_t room = whole->whole;
    fbg_spline spline = *whole;
    spline.n = 0;
    spline.y = memory;
    spline.x = memory + room;
    for (int k = 0; k < spline.channels; k++)
        spline.weights[k] = memory + (2 + k) * room;
    spline.index = (uint32_t *)(memory + (2 + spline.channels) * room);
    return spline;
}

void fbg_spline_append(fbg_spline *spline, size_t i, double y, double x)
{
    const size_t n = spline->n++;
    const double *weights = spline->parameters + 2 * spline->whole + i * spline->channels;
    spline->y[n] = (float)(spline->parameters[2 * i] - y);
    spline->x[n] = (float)(spline->parameters[2 * i + 1] - x);
    spline->index[n] = (uint32_t)i;
    for (int k = 0; k < spline->channels; k++)
        spline->weights[k][n] = (float)weights[k];
}

fbg_spline fbg_whole_spline(float *memory, const double *parameters, size_t n, int channels,
                            int order)
{
    const fbg_spline kind = {
        .order = order, .channels = channels, .whole = n, .parameters = parameters};
    fbg_spline spline = fbg_spline_like(&kind, memory);
    for (size_t i = 0; i < n; i++)
        fbg_spline_append(&spline, i, 0, 0);
    return spline;
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
