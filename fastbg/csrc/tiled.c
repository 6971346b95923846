/* The tiled method: the loss of whole blocks of 16 x 16 pixels, on the quad-tree of walk.h. Blocks
 * without weight are skipped; pixels without weight in other blocks are computed and not counted. */
#include <stdlib.h>

#include "methods.h"
#include "walk.h"

struct fbg_pixel_store {
    int channels;
    fbg_axis y, x;
    size_t boxes_per_chunk;
    unsigned char *kept; /* (y.blocks, x.blocks) */
    float *data[FBG_MAX_CHANNELS], *weight[FBG_MAX_CHANNELS]; /* (blocks, FBG_BLOCK) each */
};

static void close(fbg_pixel_store *store)
{
    fbg_axis_free(&store->y);
    fbg_axis_free(&store->x);
    free(store->kept);
    free(store->data[0]);
    free(store);
}

static size_t boxes(const fbg_pixel_store *store)
{
    return store->y.levels[0].boxes * store->x.levels[0].boxes;
}

static void fill(fbg_pixel_store *store, const fbg_image *image)
{
    for (size_t row = 0; row < image->rows; row++)
        for (size_t column = 0; column < image->columns; column++) {
            if (!fbg_is_kept(image, row, column))
                continue;
            const size_t block = row / FBG_SIDE * store->x.blocks + column / FBG_SIDE;
            const size_t target =
                block * FBG_BLOCK + row % FBG_SIDE * FBG_SIDE + column % FBG_SIDE;
            const size_t source = (row * image->columns + column) * image->channels;
            store->kept[block] = 1;
            for (int k = 0; k < image->channels; k++) {
                store->data[k][target] = (float)image->data[source + k];
                store->weight[k][target] = (float)image->weight[source + k];
            }
        }
}

static fbg_status open(fbg_pixel_store **store, const fbg_image *image)
{
    fbg_pixel_store *new = calloc(1, sizeof *new);
    if (!new)
        return FBG_NO_MEMORY;
    new->channels = image->channels;
    if (fbg_axis_init(&new->y, image->y, image->rows) == FBG_OK &&
        fbg_axis_init(&new->x, image->x, image->columns) == FBG_OK) {
        const size_t blocks = new->y.blocks * new->x.blocks;
        new->boxes_per_chunk = (boxes(new) + FBG_MAX_CHUNKS - 1) / FBG_MAX_CHUNKS;
        new->kept = calloc(blocks, sizeof *new->kept);
        new->data[0] = calloc(2 * image->channels * blocks * FBG_BLOCK, sizeof *new->data[0]);
        if (new->kept && new->data[0]) {
            for (int k = 0; k < image->channels; k++) {
                new->data[k] = new->data[0] + k * blocks * FBG_BLOCK;
                new->weight[k] = new->data[0] + (image->channels + k) * blocks * FBG_BLOCK;
            }
            fill(new, image);
            *store = new;
            return FBG_OK;
        }
    }
    close(new);
    return FBG_NO_MEMORY;
}

static size_t chunks(const fbg_pixel_store *store)
{
    return (boxes(store) + store->boxes_per_chunk - 1) / store->boxes_per_chunk;
}

static size_t scratch_floats(const fbg_pixel_store *store, size_t n)
{
    return fbg_walk_floats(n, store->channels);
}

typedef struct {
    const fbg_pixel_store *store;
    const fbg_evaluation *evaluation;
    fbg_sums *sums;
} job;

static int loss_of_block(void *context, size_t block_y, size_t block_x, const float *values,
                         float slope[FBG_FIELDS][FBG_MAX_CHANNELS * FBG_BLOCK])
{
    const job *j = context;
    const fbg_pixel_store *store = j->store;
    const fbg_kernels *k = j->evaluation->kernels;
    const size_t start = (block_y * store->x.blocks + block_x) * FBG_BLOCK;
    const double negative_before = j->sums->negative_sum;
    fbg_pixels pixels = {.count = FBG_BLOCK};
    for (int channel = 0; channel < store->channels; channel++) {
        pixels.data[channel] = store->data[channel] + start;
        pixels.weight[channel] = store->weight[channel] + start;
    }
    k->loss(&pixels, values, slope[0], j->evaluation->alpha, j->evaluation->negative,
            store->channels, j->sums);
    if (!j->sums->coupled || j->sums->negative_sum == negative_before)
        return FBG_OWN;
    k->below_zero(&pixels, values, slope[1], store->channels);
    return FBG_OWN | FBG_COUPLED;
}

static void accumulate(const fbg_pixel_store *store, const fbg_evaluation *evaluation,
                       size_t chunk, float *scratch, fbg_sums *sums)
{
    job j = {store, evaluation, sums};
    fbg_walk walk = {.kernels = evaluation->kernels, .spline = evaluation->spline,
                     .y = &store->y, .x = &store->x, .kept = store->kept,
                     .gradients = {sums->own, sums->coupled},
                     .block = loss_of_block, .context = &j};
    const size_t across = store->x.levels[0].boxes, end = (chunk + 1) * store->boxes_per_chunk;
    fbg_walk_init(&walk, scratch);
    for (size_t box = chunk * store->boxes_per_chunk; box < end && box < boxes(store); box++)
        fbg_walk_box(&walk, box / across, box % across);
}

const fbg_method fbg_tiled = {"tiled", open, chunks, scratch_floats, accumulate, close};
