/* The tiled method: the loss of whole blocks of 16 x 16 pixels, on the tree of walk.h. Blocks
 * without weight are skipped; pixels without weight in other blocks are computed and not counted.
 * Pixels stay where the caller has them, but for those of blocks that the far edges cut. */
#include <stdlib.h>

#include "far.h"
#include "methods.h"
#include "walk.h"

/* A block that reaches beyond the image, filled up with pixels that do not count. */
typedef struct {
    float data[FBG_MAX_CHANNELS][FBG_SIDE][FBG_SIDE], weight[FBG_MAX_CHANNELS][FBG_SIDE][FBG_SIDE];
} padded_block;

struct fbg_pixel_store {
    fbg_image image;
    fbg_axis y, x;
    size_t boxes_per_chunk;
    unsigned char *kept; /* (y.blocks, x.blocks): what_is_kept */
    padded_block *below, *beside; /* (x.blocks,) and (y.blocks,); NULL where whole blocks fit */
};

/* Which pixels of a block have weight. Where all weights are 1, they need not be read, which halves
 * the memory that an iteration goes through. */
enum what_is_kept { NOTHING, SOME, ALL_ONES };

static void close(fbg_pixel_store *store)
{
    fbg_axis_free(&store->y);
    fbg_axis_free(&store->x);
    free(store->kept);
    free(store->below);
    free(store->beside);
    free(store);
}

static size_t boxes(const fbg_pixel_store *store)
{
    return store->y.levels[FBG_TOP_OF_FIT].boxes * store->x.levels[FBG_TOP_OF_FIT].boxes;
}

static unsigned char kept_of_block(const fbg_image *image, size_t block_y, size_t block_x)
{
    const size_t y0 = block_y * FBG_SIDE, x0 = block_x * FBG_SIDE;
    int kept = 0, ones = y0 + FBG_SIDE <= image->rows && x0 + FBG_SIDE <= image->columns;
    for (size_t row = y0; row < y0 + FBG_SIDE && row < image->rows; row++)
        for (size_t column = x0; column < x0 + FBG_SIDE && column < image->columns; column++)
            for (int k = 0; k < image->channels; k++) {
                const float m = image->weight[(k * image->rows + row) * image->columns + column];
                kept |= m != 0;
                ones &= m == 1;
            }
    return ones ? ALL_ONES : kept ? SOME : NOTHING;
}

static size_t first_pixel(const fbg_image *image, int channel, size_t block_y, size_t block_x)
{
    return (channel * image->rows + block_y * FBG_SIDE) * image->columns + block_x * FBG_SIDE;
}

static padded_block *padded_of(const fbg_pixel_store *store, size_t block_y, size_t block_x)
{
    if ((block_y + 1) * FBG_SIDE > store->y.size)
        return &store->below[block_x];
    return (block_x + 1) * FBG_SIDE > store->x.size ? &store->beside[block_y] : NULL;
}

static void pad(const fbg_pixel_store *store, size_t block_y, size_t block_x)
{
    const fbg_image *image = &store->image;
    padded_block *padded = padded_of(store, block_y, block_x);
    const size_t rows = image->rows - block_y * FBG_SIDE, columns = image->columns - block_x * FBG_SIDE;
    for (int k = 0; padded && k < image->channels; k++)
        for (size_t r = 0; r < FBG_SIDE && r < rows; r++)
            for (size_t c = 0; c < FBG_SIDE && c < columns; c++) {
                const size_t at = first_pixel(image, k, block_y, block_x) + r * image->columns + c;
                padded->data[k][r][c] = image->data[at];
                padded->weight[k][r][c] = image->weight[at];
            }
}

static int make_padded(fbg_pixel_store *store)
{
    const size_t below = store->y.size % FBG_SIDE ? store->x.blocks : 0;
    const size_t beside = store->x.size % FBG_SIDE ? store->y.blocks : 0;
    store->below = calloc(below, sizeof *store->below);
    store->beside = calloc(beside, sizeof *store->beside);
    return (store->below || !below) && (store->beside || !beside);
}

static fbg_status open(fbg_pixel_store **store, const fbg_image *image)
{
    fbg_pixel_store *new = calloc(1, sizeof *new);
    if (!new)
        return FBG_NO_MEMORY;
    new->image = *image;
    if (fbg_axis_init(&new->y, FBG_TOP_OF_FIT, FBG_ROWS, image->y, image->rows) == FBG_OK &&
        fbg_axis_init(&new->x, FBG_TOP_OF_FIT, FBG_COLUMNS, image->x, image->columns) == FBG_OK) {
        new->boxes_per_chunk = (boxes(new) + FBG_MAX_CHUNKS - 1) / FBG_MAX_CHUNKS;
        new->kept = calloc(new->y.blocks * new->x.blocks, sizeof *new->kept);
        if (new->kept && make_padded(new)) {
            for (size_t y = 0; y < new->y.blocks; y++)
                for (size_t x = 0; x < new->x.blocks; x++) {
                    new->kept[y * new->x.blocks + x] = kept_of_block(image, y, x);
                    pad(new, y, x);
                }
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
    (void)store;
    return fbg_walk_floats(n);
}

static double error(const fbg_pixel_store *store, const fbg_kernels *kernels,
                    const fbg_spline *spline, float *scratch)
{
    return fbg_far_error(kernels, spline, &store->y, &store->x, scratch);
}

typedef struct {
    const fbg_pixel_store *store;
    const fbg_evaluation *evaluation;
    fbg_sums *sums;
} job;

static fbg_pixels pixels_of(const fbg_pixel_store *store, size_t block_y, size_t block_x)
{
    const fbg_image *image = &store->image;
    const int plain = store->kept[block_y * store->x.blocks + block_x] == ALL_ONES;
    const padded_block *padded = padded_of(store, block_y, block_x);
    fbg_pixels pixels = {.stride = padded ? FBG_SIDE : image->columns};
    for (int k = 0; k < image->channels; k++) {
        const size_t start = first_pixel(image, k, block_y, block_x);
        pixels.data[k] = padded ? padded->data[k][0] : image->data + start;
        pixels.weight[k] = plain ? NULL : padded ? padded->weight[k][0] : image->weight + start;
    }
    return pixels;
}

/* The walk goes down columns of blocks, whose rows lie too far apart for processors to guess. What
 * lies to the right of the block below is wanted a column later: early enough to come from memory. */
static void prefetch(const fbg_image *image, const fbg_pixels *pixels, size_t block_y)
{
    if (pixels->stride == image->columns && (block_y + 2) * FBG_SIDE <= image->rows)
        for (int k = 0; k < image->channels; k++)
            for (size_t r = FBG_SIDE; r < 2 * FBG_SIDE; r++)
                __builtin_prefetch(pixels->data[k] + r * pixels->stride + 2 * FBG_SIDE - 1);
}

static int loss_of_block(void *context, size_t block_y, size_t block_x, const float *values,
                         float slope[FBG_FIELDS][FBG_MAX_CHANNELS * FBG_BLOCK])
{
    const job *j = context;
    const fbg_image *image = &j->store->image;
    const fbg_kernels *k = j->evaluation->kernels;
    const fbg_pixels pixels = pixels_of(j->store, block_y, block_x);
    prefetch(image, &pixels, block_y);
    k->loss(&pixels, values, slope[0], j->evaluation->alpha, j->evaluation->negative,
            image->channels, j->sums);
    const float below = k->below(&pixels, values, slope[1], image->channels);
    j->sums->below += below;
    return j->sums->coupled && below > 0 ? FBG_OWN | FBG_COUPLED : FBG_OWN;
}

static int survey_of_block(void *context, size_t block_y, size_t block_x, const float *values,
                           float slope[FBG_FIELDS][FBG_MAX_CHANNELS * FBG_BLOCK])
{
    const job *j = context;
    const fbg_pixels pixels = pixels_of(j->store, block_y, block_x);
    j->sums->below +=
        j->evaluation->kernels->below(&pixels, values, slope[1], j->store->image.channels);
    return FBG_NONE;
}

/* Visits the boxes of a chunk. `walk` holds the members that differ between passes. */
static void walk_chunk(fbg_walk walk, const job *j, size_t chunk, float *scratch)
{
    const fbg_pixel_store *store = j->store;
    const size_t across = store->x.levels[FBG_TOP_OF_FIT].boxes, end = (chunk + 1) * store->boxes_per_chunk;
    walk.kernels = j->evaluation->kernels;
    walk.spline = j->evaluation->spline;
    walk.y = &store->y, walk.x = &store->x;
    walk.end_row = store->y.blocks;
    walk.error = j->evaluation->error;
    walk.kept = store->kept;
    walk.context = (void *)j;
    fbg_walk_init(&walk, scratch);
    for (size_t box = chunk * store->boxes_per_chunk; box < end && box < boxes(store); box++)
        fbg_walk_box(&walk, box / across, box % across);
}

static void survey(const fbg_pixel_store *store, const fbg_evaluation *evaluation, size_t chunk,
                   float *scratch, fbg_sums *sums)
{
    const job j = {store, evaluation, sums};
    walk_chunk((fbg_walk){.only_below = 1, .block = survey_of_block}, &j, chunk, scratch);
}

static void accumulate(const fbg_pixel_store *store, const fbg_evaluation *evaluation,
                       size_t chunk, float *scratch, fbg_sums *sums)
{
    const job j = {store, evaluation, sums};
    walk_chunk((fbg_walk){.gradients = {sums->own, sums->coupled}, .block = loss_of_block}, &j,
               chunk, scratch);
}

const fbg_method fbg_tiled = {
    "tiled", open, chunks, scratch_floats, error, survey, accumulate, close,
};
