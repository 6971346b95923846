#include "node_cache.h"

#include <stdlib.h>

enum state { UNKNOWN, CLAIMED, KEPT };

fbg_status fbg_node_cache_init(fbg_node_cache *cache, size_t boxes, size_t length)
{
    *cache = (fbg_node_cache){length, malloc(boxes * length * sizeof(double)), calloc(boxes, 1)};
    return cache->values && cache->state ? FBG_OK : FBG_NO_MEMORY;
}

void fbg_node_cache_free(fbg_node_cache *cache)
{
    free(cache->values);
    free(cache->state);
}

/* Builtins of gcc and clang, since <stdatomic.h> is not everywhere. Who reads KEPT sees the numbers
 * that were written before it. */
int fbg_node_cache_claim(fbg_node_cache *cache, size_t box, double **values)
{
    unsigned char expected = UNKNOWN;
    *values = cache->values + box * cache->length;
    return __atomic_compare_exchange_n(&cache->state[box], &expected, CLAIMED, 0, __ATOMIC_RELAXED,
                                       __ATOMIC_RELAXED);
}

void fbg_node_cache_keep(fbg_node_cache *cache, size_t box)
{
    __atomic_store_n(&cache->state[box], KEPT, __ATOMIC_RELEASE);
}

const double *fbg_node_cache_get(const fbg_node_cache *cache, size_t box)
{
    return __atomic_load_n(&cache->state[box], __ATOMIC_ACQUIRE) == KEPT
               ? cache->values + box * cache->length
               : NULL;
}
