/* Exact order statistics of samples that come in pieces, by counting keys: the bits of a float, so
 * arranged that unsigned integers compare as the floats do. Counts are integers, so nothing depends
 * on the order of the pieces. */
#include "kernels.h"

void fbg_count(const float *values, const float *samples, size_t n, const fbg_window *windows,
               size_t number, fbg_tally *tally, uint64_t *below, uint32_t *counts)
{
    const fbg_kernels *k = fbg_active_kernels();
    uint32_t keys[FBG_BLOCK];
    for (size_t start = 0; start < n; start += FBG_BLOCK) {
        const size_t length = n - start < FBG_BLOCK ? n - start : FBG_BLOCK;
        k->keys(values + start, samples + start, length, keys, tally);
        for (size_t w = 0; w < number; w++) {
            uint32_t *bins = counts + w * FBG_BINS;
            below[w] += k->keys_below(keys, length, windows[w].first);
            for (size_t i = 0; i < length; i++) {
                const uint32_t bin = (keys[i] - windows[w].first) >> windows[w].shift;
                if (keys[i] >= windows[w].first && bin < FBG_BINS)
                    bins[bin]++;
            }
        }
    }
}
