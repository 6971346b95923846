/* The passes over all samples at full resolution, which are bounded by memory. The order of operations
 * is kept, and none of them are contracted, so that results round as numpy's do. */
#include <stddef.h>

#include "fastbg.h"
#include "samples.h"

#include <float.h>

enum { COUNTED = 1 << 12 /* Numbers that are counted in 32 bits, which go with floats in a vector. */ };

size_t fbg_unstretch(float *restrict values, size_t n, double pedestal, double scale, double midtones,
                     double target)
{
    const float slope = (float)midtones, rest = (float)((1 / (1 - target) - 1) * (1 - midtones));
    const float least = (float)pedestal, span = (float)scale;
    size_t clamped = 0;
    for (size_t start = 0; start < n; start += COUNTED) {
        const size_t stop = n - start < COUNTED ? n : start + COUNTED;
        uint32_t own = 0;
        for (size_t i = start; i < stop; i++) {
            const float y = values[i];
            const float low = y > 0 ? y : 0, inside = low < 1 ? low : 1;
            own += inside != y;
            /* Nothing cancels: the quotient lies in [0, 1] however small `midtones` is. */
            const float part = slope * inside;
            values[i] = part / (part + rest * (1 - inside)) * span + least;
        }
        clamped += own;
    }
    return clamped;
}

/* Every second number of a row to a row. */
static void every_second(const float *row, size_t n, float *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = row[2 * i];
}

static void greens(const float *first, const float *second, size_t n, int one, float *restrict out)
{
    for (size_t i = 0; i < n; i++) {
        const float a = first[2 * i], b = second[2 * i];
        const int has_a = fbg_is_valid(a, FBG_MISSING_LEVEL), has_b = fbg_is_valid(b, FBG_MISSING_LEVEL);
        const float either = has_a ? a : b;
        out[i] = has_a & has_b & !one ? (a + b) * 0.5f : either;
    }
}

void fbg_superpixels(const float *mosaic, size_t rows, size_t columns, const int *colours,
                     int one_green, float *out, size_t stride)
{
    const size_t n = columns / 2;
    for (size_t row = 0; row < rows; row++, mosaic += 2 * columns, out += n) {
        const float *green[2] = {0};
        for (size_t place = 0; place < 4; place++) {
            const float *own = mosaic + place / 2 * columns + place % 2;
            if (colours[place] == 1)
                green[green[0] != NULL] = own;
            else
                every_second(own, n, out + colours[place] * stride);
        }
        if (green[1])
            greens(green[0], green[1], n, one_green, out + stride);
    }
}

void fbg_subtract(const float *restrict samples, const float *restrict background, size_t n,
                  double level, float *restrict out)
{
    const float added = (float)level;
    for (size_t i = 0; i < n; i++) {
        const float sample = samples[i], difference = sample - (background[i] - added);
        out[i] = fbg_is_valid(sample, FBG_MISSING_LEVEL) ? difference : sample;
    }
}

/* One loop for each type of numbers in a file. */
#define FOR_EACH_TYPE(CASE)                                                                          \
    CASE(FBG_UINT8, uint8_t)                                                                         \
    CASE(FBG_INT16, int16_t)                                                                         \
    CASE(FBG_UINT16, uint16_t)                                                                       \
    CASE(FBG_INT32, int32_t)                                                                         \
    CASE(FBG_UINT32, uint32_t)                                                                       \
    CASE(FBG_FLOAT32, float)                                                                         \
    CASE(FBG_FLOAT64, double)

/* Whether a factor gives the same float32 as the quotient, for integers of up to 17 bits: the quotient of such
 * numbers is further from the middle between two floats than the factor is off, or is no such middle. */
static int may_multiply(fbg_type type, double low, double span)
{
    const double most = 1 << 16;
    return (type == FBG_UINT8 || type == FBG_INT16 || type == FBG_UINT16) && low == rint(low) &&
           fabs(low) <= most && span == rint(span) && span > 0 && span <= most;
}

void fbg_scale(const void *values, fbg_type type, size_t n, double low, double span, float *restrict out)
{
    const double factor = may_multiply(type, low, span) ? 1 / span : 0;
    switch (type) {
#define SCALE(NAME, TYPE)                                                                            \
    case NAME: {                                                                                     \
        const TYPE *restrict value = values;                                                         \
        for (size_t i = 0; factor != 0 && i < n; i++)                                                \
            out[i] = (float)((value[i] - low) * factor);                                             \
        for (size_t i = 0; factor == 0 && i < n; i++)                                                \
            out[i] = (float)((value[i] - low) / span);                                               \
        break;                                                                                       \
    }
        FOR_EACH_TYPE(SCALE)
    }
}

void fbg_unscale(const float *restrict values, size_t n, double low, double span, float *restrict out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = (float)(low + values[i] * span);
}

/* The change of a sample, on the scale of what is stored, added to that. */
static inline double restored(double stored, float sample, float corrected, double span)
{
    const double zero = 2 * (double)FLT_MIN; /* ZERO of fastbg/image/missing.py */
    const double change = (double)corrected - sample;
    const int none = !fbg_is_valid(sample, FBG_MISSING_LEVEL) | (fabs(change) <= zero);
    return stored + (none ? 0 : change) * span;
}

void fbg_restore(const void *stored, fbg_type type, const float *restrict samples,
                 const float *restrict corrected, size_t n, double span, void *out, fbg_type out_type)
{
    float *restrict narrow = out_type == FBG_FLOAT32 ? out : NULL;
    double *restrict wide = narrow ? NULL : out;
    switch (type) {
#define RESTORE(NAME, TYPE)                                                                          \
    case NAME: {                                                                                     \
        const TYPE *restrict before = stored;                                                        \
        for (size_t i = 0; narrow && i < n; i++)                                                     \
            narrow[i] = (float)restored(before[i], samples[i], corrected[i], span);                  \
        for (size_t i = 0; wide && i < n; i++)                                                       \
            wide[i] = restored(before[i], samples[i], corrected[i], span);                           \
        break;                                                                                       \
    }
        FOR_EACH_TYPE(RESTORE)
    }
}
