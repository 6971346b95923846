/* Numbers of boxes, kept by whichever thread finds them first. No thread waits for another: two that
 * need the numbers of a box at the same time both compute them, and get the same bits. */
#ifndef FBG_NODE_CACHE_H
#define FBG_NODE_CACHE_H

#include "fastbg.h"

typedef struct {
    size_t length;        /* numbers of a box */
    double *values;       /* (boxes, length); memory is touched only for boxes that are kept */
    unsigned char *state; /* (boxes,) */
} fbg_node_cache;

fbg_status fbg_node_cache_init(fbg_node_cache *cache, size_t boxes, size_t length);
void fbg_node_cache_free(fbg_node_cache *cache);

/* Whether the caller is the first to ask for this box, and so the one to compute its numbers, into
 * the room at `values`, and to say so with fbg_node_cache_keep. */
int fbg_node_cache_claim(fbg_node_cache *cache, size_t box, double **values);
void fbg_node_cache_keep(fbg_node_cache *cache, size_t box);

/* The numbers of a box, or NULL as long as nobody has kept them. */
const double *fbg_node_cache_get(const fbg_node_cache *cache, size_t box);

#endif
