/* The two middle values of every block of pixels, by a sorting network (Batcher's odd-even merge
 * sort, for any number of keys) that sorts LANES blocks at the same time. Missing samples sort
 * last, as infinities. */
#include <math.h>
#include <stdlib.h>

#include "fastbg.h"
#include "threads.h"

enum { LANES = 16 };

typedef struct {
    const float *plane;
    const unsigned char *valid;
    size_t rows, columns, side, across; /* blocks of side x side pixels, `across` in a row of them */
    float *low, *high;
    float *scratch;                     /* (threads, side^2, LANES) */
} job;

static void sort_lanes(float (*keys)[LANES], size_t n)
{
    size_t top = 1;
    while (top * 2 < n)
        top *= 2;
    for (size_t p = top; p > 0; p /= 2) {
        size_t q = top, r = 0, d = p;
        for (;;) {
            for (size_t i = 0; i + d < n; i++) {
                if ((i & p) != r)
                    continue;
                float *restrict a = keys[i], *restrict b = keys[i + d];
                for (int lane = 0; lane < LANES; lane++) {
                    const float x = a[lane], y = b[lane];
                    a[lane] = x < y ? x : y;
                    b[lane] = x < y ? y : x;
                }
            }
            if (q == p)
                break;
            d = q - p;
            q /= 2;
            r = p;
        }
    }
}

/* One row of blocks. */
static void medians_of_row(void *context, size_t block_row, int worker)
{
    const job *j = context;
    const size_t n = j->side * j->side, first = block_row * j->side;
    const size_t height = j->rows - first < j->side ? j->rows - first : j->side;
    float(*keys)[LANES] = (float(*)[LANES])(j->scratch + worker * n * LANES);

    for (size_t start = 0; start < j->across; start += LANES) {
        size_t counts[LANES] = {0};
        for (size_t i = 0; i < n; i++)
            for (int lane = 0; lane < LANES; lane++)
                keys[i][lane] = INFINITY;
        for (size_t lane = 0; lane < LANES && start + lane < j->across; lane++) {
            const size_t left = (start + lane) * j->side;
            const size_t width = j->columns - left < j->side ? j->columns - left : j->side;
            for (size_t r = 0; r < height; r++)
                for (size_t c = 0; c < width; c++) {
                    const size_t source = (first + r) * j->columns + left + c;
                    if (j->valid[source])
                        keys[counts[lane]++][lane] = j->plane[source];
                }
        }
        sort_lanes(keys, n);
        for (size_t lane = 0; lane < LANES && start + lane < j->across; lane++) {
            const size_t target = block_row * j->across + start + lane, valid = counts[lane];
            j->low[target] = valid ? keys[(valid - 1) / 2][lane] : NAN;
            j->high[target] = valid ? keys[valid / 2][lane] : NAN;
        }
    }
}

fbg_status fbg_block_medians(const float *plane, const unsigned char *valid, size_t rows,
                             size_t columns, size_t side, float *low, float *high, int threads)
{
    threads = fbg_usable_threads(threads);
    job j = {plane, valid, rows, columns, side, (columns + side - 1) / side, low, high, NULL};
    j.scratch = malloc((size_t)threads * side * side * LANES * sizeof *j.scratch);
    if (!j.scratch)
        return FBG_NO_MEMORY;
    fbg_parallel(threads, (rows + side - 1) / side, medians_of_row, &j);
    free(j.scratch);
    return FBG_OK;
}
