/* The direct method: kept pixels in one list, every centre at every pixel. It judges the tiled one,
 * and is faster for few pixels. */
#include <stdlib.h>

#include "methods.h"
#include "splines.h"

struct fbg_pixel_store {
    int channels;
    size_t pixels, chunk; /* pixels, and how many of them a chunk holds */
    double *y, *x;                                            /* (pixels,) each */
    float *data[FBG_MAX_CHANNELS], *weight[FBG_MAX_CHANNELS]; /* (pixels,) each */
};

static void close(fbg_pixel_store *store)
{
    free(store->y);
    free(store->data[0]);
    free(store);
}

static fbg_status open(fbg_pixel_store **store, const fbg_image *image)
{
    size_t pixels = 0;
    for (size_t row = 0; row < image->rows; row++)
        for (size_t column = 0; column < image->columns; column++)
            pixels += fbg_is_kept(image, row, column);

    const int channels = image->channels;
    fbg_pixel_store *new = calloc(1, sizeof *new);
    if (!new)
        return FBG_NO_MEMORY;
    new->y = malloc(2 * pixels * sizeof *new->y);
    new->data[0] = malloc(2 * channels * pixels * sizeof *new->data[0]);
    if (!new->y || !new->data[0]) {
        close(new);
        return FBG_NO_MEMORY;
    }
    const size_t blocks = (pixels + FBG_BLOCK - 1) / FBG_BLOCK;
    new->channels = channels;
    new->pixels = pixels;
    new->chunk = (blocks + FBG_MAX_CHUNKS - 1) / FBG_MAX_CHUNKS * FBG_BLOCK;
    new->x = new->y + pixels;
    for (int k = 0; k < channels; k++) {
        new->data[k] = new->data[0] + k * pixels;
        new->weight[k] = new->data[0] + (channels + k) * pixels;
    }
    size_t p = 0;
    for (size_t row = 0; row < image->rows; row++)
        for (size_t column = 0; column < image->columns; column++) {
            if (!fbg_is_kept(image, row, column))
                continue;
            const size_t source = (row * image->columns + column) * channels;
            new->y[p] = image->y[row];
            new->x[p] = image->x[column];
            for (int k = 0; k < channels; k++) {
                new->data[k][p] = (float)image->data[source + k];
                new->weight[k][p] = (float)image->weight[source + k];
            }
            p++;
        }
    *store = new;
    return FBG_OK;
}

static size_t chunks(const fbg_pixel_store *store)
{
    return store->pixels ? (store->pixels + store->chunk - 1) / store->chunk : 0;
}

static size_t scratch_floats(const fbg_pixel_store *store, size_t n)
{
    (void)store;
    return n * FBG_BLOCK;
}

static void accumulate_block(const fbg_pixel_store *store, const fbg_evaluation *evaluation,
                             size_t start, size_t count, float *slow, fbg_sums *sums)
{
    const fbg_kernels *k = evaluation->kernels;
    const fbg_spline *spline = evaluation->spline;
    const int channels = store->channels;
    const double *y = store->y + start, *x = store->x + start;
    const double negative_before = sums->negative_sum;
    double exact[FBG_MAX_CHANNELS * FBG_BLOCK] = {0};
    float values[FBG_MAX_CHANNELS * FBG_BLOCK], slope[FBG_MAX_CHANNELS * FBG_BLOCK];
    float y32[FBG_BLOCK], x32[FBG_BLOCK];
    const size_t affine_at = spline->n * (2 + channels);
    fbg_pixels pixels = {.count = count};
    for (int channel = 0; channel < channels; channel++) {
        pixels.data[channel] = store->data[channel] + start;
        pixels.weight[channel] = store->weight[channel] + start;
    }

    fbg_affine(spline, y, x, count, exact, FBG_BLOCK);
    k->forward(spline, y, x, count, exact, FBG_BLOCK, slow);
    for (int j = 0; j < channels * FBG_BLOCK; j++)
        values[j] = (float)exact[j];
    for (size_t j = 0; j < count; j++)
        y32[j] = (float)y[j], x32[j] = (float)x[j];

    k->loss(&pixels, values, slope, evaluation->alpha, evaluation->negative, channels, sums);
    k->backward(spline, y32, x32, count, slope, FBG_BLOCK, slow, sums->own);
    fbg_affine_adjoint(channels, y, x, count, slope, FBG_BLOCK, sums->own + affine_at);
    if (sums->coupled && sums->negative_sum > negative_before) {
        k->below_zero(&pixels, values, slope, channels);
        k->backward(spline, y32, x32, count, slope, FBG_BLOCK, slow, sums->coupled);
        fbg_affine_adjoint(channels, y, x, count, slope, FBG_BLOCK, sums->coupled + affine_at);
    }
}

static void accumulate(const fbg_pixel_store *store, const fbg_evaluation *evaluation,
                       size_t chunk, float *scratch, fbg_sums *sums)
{
    const size_t end = (chunk + 1) * store->chunk;
    for (size_t start = chunk * store->chunk; start < end && start < store->pixels;
         start += FBG_BLOCK) {
        const size_t left = store->pixels - start;
        accumulate_block(store, evaluation, start, left < FBG_BLOCK ? left : FBG_BLOCK, scratch,
                         sums);
    }
}

const fbg_method fbg_direct = {"direct", open, chunks, scratch_floats, accumulate, close};
