/* The passes over all samples at full resolution after the fit, which are bounded by memory. The order
 * of operations is kept, so that the subtraction rounds as numpy's does. */
#include "fastbg.h"
#include "samples.h"

size_t fbg_unstretch(float *values, size_t n, double pedestal, double scale, double midtones,
                     double target)
{
    const float slope = (float)midtones, rest = (float)((1 / (1 - target) - 1) * (1 - midtones));
    const float least = (float)pedestal, span = (float)scale;
    size_t clamped = 0;
    for (size_t i = 0; i < n; i++) {
        const float y = values[i];
        const float low = y > 0 ? y : 0, inside = low < 1 ? low : 1;
        clamped += inside != y;
        /* Nothing cancels: the quotient lies in [0, 1] however small `midtones` is. */
        const float part = slope * inside;
        values[i] = part / (part + rest * (1 - inside)) * span + least;
    }
    return clamped;
}

void fbg_subtract(const float *samples, const float *background, size_t n, double level, float *out)
{
    const float added = (float)level;
    for (size_t i = 0; i < n; i++)
        out[i] = fbg_is_valid(samples[i], FBG_MISSING_LEVEL) ? samples[i] - (background[i] - added)
                                                             : samples[i];
}
