/* Blocks of side x side pixels, one after the other along a row of them; those at the right and
 * bottom edges may be partial.
 *
 * For the middle values, FBG_LANES blocks are sorted at the same time, one in each lane of a vector.
 * Samples that do not count sort last, as infinities. */
#include <stdlib.h>

#include "kernels.h"
#include "samples.h"

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* The next FBG_LANES blocks of a row of blocks, from column `start`. */
static void medians_of_lanes(const float *samples, size_t rows, size_t columns, size_t side,
                             float least, size_t start, float (*keys)[FBG_LANES], float *low,
                             float *high)
{
    const size_t n = rows * smaller(side, columns);
    size_t counts[FBG_LANES] = {0};
    for (size_t lane = 0; lane < FBG_LANES && start + lane * side < columns; lane++) {
        const size_t left = start + lane * side, right = smaller(left + side, columns);
        size_t count = 0;
        for (size_t r = 0; r < rows; r++)
            for (size_t c = left; c < right; c++) {
                /* Without a branch: a sample that does not count is overwritten by the next. */
                keys[count][lane] = samples[r * columns + c];
                count += fbg_is_valid(samples[r * columns + c], least);
            }
        counts[lane] = count;
        for (size_t i = count; i < n; i++)
            keys[i][lane] = INFINITY;
    }
    fbg_active_kernels()->sort_lanes(keys[0], n);
    for (size_t lane = 0; lane < FBG_LANES && start + lane * side < columns; lane++) {
        const size_t count = counts[lane], block = start / side + lane;
        low[block] = count ? keys[(count - 1) / 2][lane] : NAN;
        high[block] = count ? keys[count / 2][lane] : NAN;
    }
}

fbg_status fbg_block_medians(const float *samples, size_t rows, size_t columns, size_t side,
                             float least, float *low, float *high)
{
    /* A side beyond the image changes nothing, but its square and its multiples would wrap. */
    side = smaller(side, rows > columns ? rows : columns);
    const size_t across = (columns + side - 1) / side;
    const size_t room = smaller(side, rows) * smaller(side, columns);
    float(*keys)[FBG_LANES] = malloc(room * sizeof *keys);
    if (!keys)
        return FBG_NO_MEMORY;
    for (size_t top = 0; top < rows; top += side, low += across, high += across)
        for (size_t start = 0; start < columns; start += FBG_LANES * side)
            medians_of_lanes(samples + top * columns, smaller(rows - top, side), columns, side,
                             least, start, keys, low, high);
    free(keys);
    return FBG_OK;
}

fbg_status fbg_block_means(const float *samples, size_t rows, size_t columns, size_t side,
                           double pedestal, double scale, double midtones, double target,
                           double *means)
{
    const double rest = (1 / target - 1) * midtones;
    side = smaller(side, rows > columns ? rows : columns);
    const size_t across = (columns + side - 1) / side;
    double *sums = malloc(2 * columns * sizeof *sums);
    if (!sums)
        return FBG_NO_MEMORY;
    double *counts = sums + columns;
    for (size_t top = 0; top < rows; top += side, means += across) {
        /* Whole rows first: those sums run along contiguous memory. */
        for (size_t c = 0; c < columns; c++)
            sums[c] = counts[c] = 0;
        for (size_t row = top; row < smaller(top + side, rows); row++)
            for (size_t c = 0; c < columns; c++) {
                const float sample = samples[row * columns + c];
                const int valid = fbg_is_valid(sample, FBG_MISSING_LEVEL);
                const double scaled = (sample - pedestal) / scale;
                const double low = scaled > 0 ? scaled : 0, x = low < 1 ? low : 1;
                const double part = (1 - midtones) * x, y = part / (part + rest * (1 - x));
                sums[c] += valid ? y : 0;
                counts[c] += valid;
            }
        for (size_t block = 0; block < across; block++) {
            double sum = 0, count = 0;
            for (size_t c = block * side; c < smaller((block + 1) * side, columns); c++)
                sum += sums[c], count += counts[c];
            means[block] = count > 0 ? sum / count : NAN;
        }
    }
    free(sums);
    return FBG_OK;
}
