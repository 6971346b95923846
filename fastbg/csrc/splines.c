#include "splines.h"

#include <stdlib.h>

size_t fbg_parameter_count(size_t n, int channels) { return n * (2 + channels) + 3 * channels; }

fbg_status fbg_spline_init(fbg_spline *spline, const double *parameters, size_t n, int channels,
                           int order)
{
    float *values = malloc(n * (2 + channels) * sizeof *values);
    if (!values)
        return FBG_NO_MEMORY;
    *spline = (fbg_spline){.order = order, .channels = channels, .n = n, .y = values, .x = values + n};
    const double *weights = parameters + 2 * n, *polynomial = weights + n * channels;
    for (int k = 0; k < channels; k++) {
        float *plane = values + (2 + k) * n;
        for (size_t i = 0; i < n; i++)
            plane[i] = (float)weights[i * channels + k];
        spline->weights[k] = plane;
        for (int d = 0; d < 3; d++)
            spline->polynomial[d][k] = (float)polynomial[d * channels + k];
    }
    for (size_t i = 0; i < n; i++) {
        values[i] = (float)parameters[2 * i];
        values[n + i] = (float)parameters[2 * i + 1];
    }
    return FBG_OK;
}

void fbg_spline_free(fbg_spline *spline) { free((void *)spline->y); }
