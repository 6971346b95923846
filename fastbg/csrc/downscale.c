/* Blocks of side x side pixels, one after the other along a row of them; those at the right and
 * bottom edges may be partial.
 *
 * Of FBG_LANES small blocks, one in each lane of a vector, the middle values are found at the same time. Each
 * has as many keys, a power of two: half of those that are not samples are -infinity, half +infinity, so
 * that the middle stays where it is.
 *
 * The middle of a large block is looked for by counting the keys below a number, between the last numbers
 * that were too small and too large. Neighbouring blocks are alike: the search begins where the last one
 * ended. */
#include <float.h>
#include <stdlib.h>

#include "kernels.h"
#include "samples.h"

typedef float lane_keys[FBG_LANES];

/* Blocks of at least so many pixels are large. */
enum { LARGE = 144 };

/* So many counts are done before each also tells which keys are next to its number. They lead to the
 * middle of a group of equal keys, of which no number has half of all keys below it. */
enum { COUNTS = 6 };

/* The first step into an open side leads to so many keys beyond half of them, about. */
static const float SLACK = 3;

/* The middle of a block: a guess at that of the next one, and how many keys lie within 1 around it. */
typedef struct {
    float middle, density;
} guess;

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

/* The least power of two that holds n keys, from 2 on. */
static size_t power_of_two(size_t n)
{
    size_t power = 2;
    while (power < n)
        power *= 2;
    return power;
}

/* Fills a lane, whose first `count` keys are samples, up to n. */
static void fill(lane_keys *keys, size_t lane, size_t count, size_t n)
{
    for (size_t i = count; i < n; i++)
        keys[i][lane] = i - count < (n - count) / 2 ? -INFINITY : INFINITY;
}

/* The samples that count of the block whose corner is the first of `samples`; their number. */
static size_t gather(const float *samples, size_t columns, size_t rows, size_t width, float least,
                     lane_keys *keys, size_t lane)
{
    size_t count = 0;
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < width; c++) {
            /* Without a branch: a sample that does not count is overwritten by the next. */
            keys[count][lane] = samples[r * columns + c];
            count += fbg_is_valid(samples[r * columns + c], least);
        }
    return count;
}

/* The grouped median in place of middle values that are equal, and not clipped. */
static void ungroup(const lane_keys *keys, size_t n, const size_t *counts, float *lows, float *highs)
{
    float middle[FBG_LANES];
    int tied = 0;
    for (size_t lane = 0; lane < FBG_LANES; lane++) {
        highs[lane] = counts[lane] % 2 ? lows[lane] : highs[lane];
        tied |= counts[lane] > 0 && lows[lane] == highs[lane];
        middle[lane] = lows[lane];
    }
    if (!tied)
        return;
    fbg_active_kernels()->ungroup_lanes(keys[0], n, counts, middle);
    for (size_t lane = 0; lane < FBG_LANES; lane++)
        if (lows[lane] == highs[lane] && lows[lane] != FBG_CLIPPED)
            lows[lane] = highs[lane] = middle[lane];
}

/* The next FBG_LANES blocks of a row of blocks, from column `start`. */
static void medians_of_lanes(const float *samples, size_t rows, size_t columns, size_t side,
                             float least, int grouped, size_t start, lane_keys *keys, float *low,
                             float *high)
{
    const fbg_kernels *k = fbg_active_kernels();
    const size_t whole = rows * side, n = power_of_two(rows * smaller(side, columns));
    const size_t blocks = smaller(FBG_LANES, (columns - start + side - 1) / side);
    size_t counts[FBG_LANES];
    float lows[FBG_LANES], highs[FBG_LANES];
    const int all = start + FBG_LANES * side <= columns &&
                    k->gather_lanes(samples + start, columns, rows, side, least, keys[0]);
    for (size_t lane = 0; lane < FBG_LANES; lane++) {
        const size_t left = start + lane * side;
        counts[lane] = all ? whole : 0;
        if (!all && lane < blocks)
            counts[lane] = gather(samples + left, columns, rows, smaller(side, columns - left), least,
                                  keys, lane);
        fill(keys, lane, counts[lane], n);
    }
    k->middle_of_lanes(keys[0], n, lows, highs);
    if (grouped)
        ungroup(keys, n, counts, lows, highs);
    for (size_t lane = 0; lane < blocks; lane++) {
        const size_t count = counts[lane], block = start / side + lane;
        low[block] = count ? lows[lane] : NAN;
        /* An odd number has one more infinity above its middle than below it. */
        high[block] = count % 2 ? low[block] : count ? highs[lane] : NAN;
    }
}

/* A number between two others, which have so many keys below them: where half of all would be if keys
 * were even. Every fourth one is in the middle, whatever keys are. */
static float between(float first, float last, size_t before, size_t upto, size_t half, int turn)
{
    const float part = turn % 4 == 3 ? 0.5f : (float)(half - before) / (float)(upto - before);
    const float found = first + (last - first) * part;
    return found > first && found <= last ? found : last;
}

/* The two middle keys of `count` keys, which infinities follow up to a multiple of FBG_LANES. The second
 * is that above the first if there is an odd number of keys. */
static void middle_of_keys(const float *keys, size_t count, guess *about, float *low, float *high)
{
    const fbg_kernels *k = fbg_active_kernels();
    const size_t n = (count + FBG_LANES - 1) / FBG_LANES * FBG_LANES, half = (count + 1) / 2;
    /* The middle lies from `first`, if any number was too small, to `last`, if any was too large. */
    float first = -INFINITY, last = INFINITY, at = about->middle, step = 0;
    size_t before = 0, upto = count;
    for (int turn = 0;; turn++) {
        const size_t below = k->keys_below(keys, n, at);
        float smaller_key = at, larger_key = at;
        if (below == half || turn >= COUNTS || at == INFINITY || at == -FLT_MAX)
            k->keys_beside(keys, n, at, &smaller_key, &larger_key);
        if (below == half) {
            *low = smaller_key, *high = larger_key;
            break;
        }
        if (below < half)
            first = larger_key, before = below;
        else
            last = smaller_key, upto = below;
        if (first == last) {
            *low = *high = first;
            break;
        }
        if (first > -INFINITY && last < INFINITY) {
            at = between(first, last, before, upto, half, turn);
            continue;
        }
        /* One side is open: a step into it that grows, and at last all of it. */
        const float ranks = (float)(below < half ? half - below : below - half);
        const float ahead = (ranks + SLACK) / about->density;
        step = ahead > 2 * step ? ahead : 2 * step;
        at = below < half ? first + step : last - step;
        if (turn >= COUNTS / 2 || !(at > first && at <= last))
            at = below < half ? INFINITY : -FLT_MAX;
    }
    about->middle = *low;
    if (last - first < INFINITY && last > first)
        about->density = (float)(upto - before + 1) / (last - first);
}

/* One large block. */
static void median_of_block(const float *samples, size_t stride, size_t rows, size_t columns,
                            float least, int grouped, float *keys, guess *about, float *low,
                            float *high)
{
    const fbg_kernels *k = fbg_active_kernels();
    const size_t count = k->gather_block(samples, stride, rows, columns, least, keys);
    *low = *high = NAN;
    if (!count)
        return;
    for (size_t lane = 0; lane < FBG_LANES; lane++)
        keys[count + lane] = INFINITY;
    middle_of_keys(keys, count, about, low, high);
    if (count % 2)
        *high = *low;
    if (grouped && *low == *high && *low != FBG_CLIPPED)
        *low = *high = k->ungroup_block(keys, (count + FBG_LANES - 1) / FBG_LANES * FBG_LANES, count, *low);
}

fbg_status fbg_block_medians(const float *samples, size_t rows, size_t columns, size_t side,
                             float least, int grouped, float *low, float *high)
{
    /* A side beyond the image changes nothing, but its square and its multiples would wrap. */
    side = smaller(side, rows > columns ? rows : columns);
    const size_t across = (columns + side - 1) / side;
    const size_t area = smaller(side, rows) * smaller(side, columns);
    lane_keys *keys = malloc((area < LARGE ? power_of_two(area) : area / FBG_LANES + 2) * sizeof *keys);
    if (!keys)
        return FBG_NO_MEMORY;
    guess about = {0};
    for (size_t top = 0; top < rows && area >= LARGE; top += side)
        for (size_t start = 0; start < columns; start += side, low++, high++)
            median_of_block(samples + top * columns + start, columns, smaller(rows - top, side),
                            smaller(columns - start, side), least, grouped, keys[0], &about, low,
                            high);
    for (size_t top = 0; top < rows && area < LARGE; top += side, low += across, high += across)
        for (size_t start = 0; start < columns; start += FBG_LANES * side)
            medians_of_lanes(samples + top * columns, smaller(rows - top, side), columns, side,
                             least, grouped, start, keys, low, high);
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
