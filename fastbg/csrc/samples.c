/* The passes over samples, by the instruction set in use; samples.inc has the loops. */
#include "kernels.h"

static const fbg_sample_passes *active(void) { return fbg_active_kernels()->samples; }

size_t fbg_unstretch(float *values, size_t n, double pedestal, double scale, double midtones,
                     double target)
{
    return active()->unstretch(values, n, pedestal, scale, midtones, target);
}

void fbg_subtract(const float *samples, const float *background, size_t n, double level, float *out)
{
    active()->subtract(samples, background, n, level, out);
}

void fbg_superpixels(const float *mosaic, size_t rows, size_t columns, const int *colours,
                     int one_green, float *out, size_t stride)
{
    active()->superpixels(mosaic, rows, columns, colours, one_green, out, stride);
}

void fbg_scale(const void *values, fbg_type type, size_t n, double low, double span, float *out)
{
    active()->scale(values, type, n, low, span, out);
}

void fbg_unscale(const float *values, size_t n, double low, double span, int swapped, float *out)
{
    active()->unscale(values, n, low, span, swapped, out);
}

void fbg_restore(const void *stored, fbg_type type, const float *samples, const float *corrected,
                 size_t n, double span, int swapped, void *out, fbg_type out_type)
{
    active()->restore(stored, type, samples, corrected, n, span, swapped, out, out_type);
}
