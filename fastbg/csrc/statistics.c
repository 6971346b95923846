/* Exact order statistics of samples that come in pieces, by counting keys: the bits of a float, so
 * arranged that unsigned integers compare as the floats do. Counts are integers, so nothing depends
 * on the order of the pieces. */
#include <string.h>

#include "kernels.h"

/* Keys that are looked at together: few windows hold more than one of a hundred. */
enum { GROUP = sizeof(uint64_t) };

static void count_groups(const uint32_t *keys, const unsigned char *within, size_t n, uint32_t first,
                         uint32_t shift, uint32_t *bins)
{
    for (size_t start = 0; start < n; start += GROUP) {
        uint64_t any = 1;
        if (n - start >= GROUP)
            memcpy(&any, within + start, sizeof any);
        if (!any)
            continue;
        for (size_t i = start; i < n && i < start + GROUP; i++)
            if (within[i])
                bins[(keys[i] - first) >> shift]++;
    }
}

void fbg_count(const float *values, const float *samples, size_t n, const fbg_window *windows,
               size_t number, fbg_tally *tally, uint64_t *below, uint32_t *counts)
{
    const fbg_kernels *k = fbg_active_kernels();
    uint32_t keys[FBG_BLOCK];
    unsigned char within[FBG_BLOCK];
    for (size_t start = 0; start < n; start += FBG_BLOCK) {
        const size_t length = n - start < FBG_BLOCK ? n - start : FBG_BLOCK;
        k->keys(values + start, samples + start, length, keys, tally);
        for (size_t w = 0; w < number; w++) {
            const uint32_t first = windows[w].first, shift = windows[w].shift;
            const uint64_t reach = ((uint64_t)windows[w].bins << shift) - 1, most = UINT32_MAX - first;
            below[w] += k->keys_within(keys, length, first, reach < most ? reach : most, within);
            count_groups(keys, within, length, first, shift, counts + w * FBG_BINS);
        }
    }
}
