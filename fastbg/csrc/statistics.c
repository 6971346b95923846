/* Exact order statistics of samples that come in pieces, by counting keys: the bits of a float, so
 * arranged that unsigned integers compare as the floats do. Counts are integers, so nothing depends
 * on the order of the pieces. */
#include <string.h>

#include "kernels.h"

/* Counts the keys that are within a window. Few are, so eight are looked at together: the lowest bit of a
 * byte is set for each that is. */
static void count_within(const uint32_t *keys, const unsigned char *within, size_t n, uint32_t first,
                         uint32_t shift, uint32_t *bins)
{
    for (size_t start = 0; start < n; start += sizeof(uint64_t)) {
        uint64_t eight;
        memcpy(&eight, within + start, sizeof eight);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        eight = __builtin_bswap64(eight);
#endif
        for (; eight; eight &= eight - 1)
            bins[(keys[start + __builtin_ctzll(eight) / 8] - first) >> shift]++;
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
            memset(within + length, 0, FBG_BLOCK - length);
            count_within(keys, within, length, first, shift, counts + w * FBG_BINS);
        }
    }
}
