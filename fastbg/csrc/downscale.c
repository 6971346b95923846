/* The two middle values of every block of pixels: FBG_LANES blocks are sorted at the same time, one
 * in each lane of a vector. Missing samples sort last, as infinities. */
#include <math.h>
#include <stdlib.h>

#include "kernels.h"
#include "threads.h"

typedef struct {
    const float *plane;
    const unsigned char *valid;
    size_t rows, columns, side, across; /* blocks of side x side pixels, `across` in a row of them */
    float *low, *high;
    float *scratch;                     /* (threads, side^2, FBG_LANES) */
} job;

/* One row of blocks. */
static void medians_of_row(void *context, size_t block_row, int worker)
{
    const job *j = context;
    const size_t n = j->side * j->side, first = block_row * j->side;
    const size_t height = j->rows - first < j->side ? j->rows - first : j->side;
    float(*keys)[FBG_LANES] = (float(*)[FBG_LANES])(j->scratch + worker * n * FBG_LANES);

    for (size_t start = 0; start < j->across; start += FBG_LANES) {
        size_t counts[FBG_LANES] = {0};
        for (size_t lane = 0; lane < FBG_LANES && start + lane < j->across; lane++) {
            const size_t left = (start + lane) * j->side;
            const size_t width = j->columns - left < j->side ? j->columns - left : j->side;
            size_t count = 0;
            for (size_t r = 0; r < height; r++) {
                const size_t source = (first + r) * j->columns + left;
                for (size_t c = 0; c < width; c++) {
                    /* Without a branch: a missing sample is overwritten by the next one. */
                    keys[count][lane] = j->plane[source + c];
                    count += j->valid[source + c] != 0;
                }
            }
            counts[lane] = count;
            for (size_t i = count; i < n; i++)
                keys[i][lane] = INFINITY;
        }
        fbg_active_kernels()->sort_lanes(keys[0], n);
        for (size_t lane = 0; lane < FBG_LANES && start + lane < j->across; lane++) {
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
    j.scratch = malloc((size_t)threads * side * side * FBG_LANES * sizeof *j.scratch);
    if (!j.scratch)
        return FBG_NO_MEMORY;
    fbg_parallel(threads, (rows + side - 1) / side, medians_of_row, &j);
    free(j.scratch);
    return FBG_OK;
}
