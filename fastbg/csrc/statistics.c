/* Exact order statistics by histogram selection: one pass counts the upper halves of the samples'
 * bits, a second one the lower halves of those that share the wanted upper ones. Counts are
 * integers, so the result does not depend on the number of threads. */
#include <stdlib.h>
#include <string.h>

#include "fastbg.h"
#include "threads.h"

#include <stdint.h>

enum { HALF = 1 << 16, FEWEST_SAMPLES = 1 << 16 };

/* Bits of a float, so arranged that unsigned integers compare as the floats do. */
static uint32_t key_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits ^ (bits >> 31 ? 0xffffffffu : 0x80000000u);
}

static float value_of(uint32_t key)
{
    const uint32_t bits = key ^ (key >> 31 ? 0x80000000u : 0xffffffffu);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

typedef struct {
    const float *values;
    const unsigned char *valid;
    size_t n, parts;
    const uint8_t *slot; /* (HALF,): which histogram the lower half goes to, 1-based; 0 for none */
    uint32_t *counts;    /* (parts, histograms, HALF) */
    size_t histograms;
} job;

static void count_part(void *context, size_t part, int worker)
{
    const job *j = context;
    const size_t start = j->n * part / j->parts, end = j->n * (part + 1) / j->parts;
    uint32_t *counts = j->counts + part * j->histograms * HALF;
    (void)worker;
    for (size_t i = start; i < end; i++) {
        if (!j->valid[i])
            continue;
        const uint32_t key = key_of(j->values[i]), upper = key >> 16;
        if (!j->slot)
            counts[upper]++;
        else if (j->slot[upper])
            counts[(j->slot[upper] - 1) * (size_t)HALF + (key & 0xffff)]++;
    }
}

/* Fills counts, and adds the parts up in the first. */
static fbg_status count(job *j, int threads)
{
    const size_t length = j->histograms * HALF;
    j->counts = calloc(j->parts * length, sizeof *j->counts);
    if (!j->counts)
        return FBG_NO_MEMORY;
    fbg_parallel(threads, j->parts, count_part, j);
    for (size_t part = 1; part < j->parts; part++)
        for (size_t i = 0; i < length; i++)
            j->counts[i] += j->counts[part * length + i];
    return FBG_OK;
}

/* The bin that holds the sample of a rank, which becomes its rank in the bin. */
static uint32_t bin_of(const uint32_t *counts, size_t *rank)
{
    uint32_t bin = 0;
    while (*rank >= counts[bin])
        *rank -= counts[bin++];
    return bin;
}

size_t fbg_count_valid(const unsigned char *valid, size_t n)
{
    size_t total = 0;
    for (size_t i = 0; i < n; i++)
        total += valid[i] != 0;
    return total;
}

fbg_status fbg_order_statistics(const float *values, const unsigned char *valid, size_t n,
                                const size_t *ranks, size_t count_of_ranks, float *out,
                                int threads)
{
    size_t left[FBG_MAX_RANKS];
    uint32_t upper[FBG_MAX_RANKS];
    uint8_t slot[HALF] = {0};
    threads = fbg_usable_threads(threads);
    job j = {.values = values, .valid = valid, .n = n, .histograms = 1,
             .parts = n < FEWEST_SAMPLES ? 1 : (size_t)threads};

    if (count(&j, threads) != FBG_OK)
        return FBG_NO_MEMORY;
    j.histograms = 0;
    for (size_t r = 0; r < count_of_ranks; r++) {
        left[r] = ranks[r];
        upper[r] = bin_of(j.counts, &left[r]);
        if (!slot[upper[r]])
            slot[upper[r]] = (uint8_t)++j.histograms;
    }
    free(j.counts);
    j.slot = slot;
    if (count(&j, threads) != FBG_OK)
        return FBG_NO_MEMORY;
    for (size_t r = 0; r < count_of_ranks; r++) {
        const uint32_t *counts = j.counts + (slot[upper[r]] - 1) * (size_t)HALF;
        out[r] = value_of(upper[r] << 16 | bin_of(counts, &left[r]));
    }
    free(j.counts);
    return FBG_OK;
}
