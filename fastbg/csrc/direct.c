/* The direct method: kept pixels in one list, every centre at every pixel. It judges the tiled one,
 * and is faster for few pixels. */
#include <stdlib.h>

#include "methods.h"
#include "splines.h"

struct fbg_pixel_store {
    int channels;
    size_t pixels, chunk; /* whole blocks, the last filled up with pixels that do not count; and
                             how many of them a chunk holds */
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
    size_t kept = 0;
    for (size_t row = 0; row < image->rows; row++)
        for (size_t column = 0; column < image->columns; column++)
            kept += fbg_is_kept(image, row, column);

    const int channels = image->channels;
    const size_t blocks = (kept + FBG_BLOCK - 1) / FBG_BLOCK, pixels = blocks * FBG_BLOCK;
    fbg_pixel_store *new = calloc(1, sizeof *new);
    if (!new)
        return FBG_NO_MEMORY;
    new->y = calloc(2 * pixels, sizeof *new->y);
    new->data[0] = calloc(2 * channels * pixels, sizeof *new->data[0]);
    if (!new->y || !new->data[0]) {
        close(new);
        return FBG_NO_MEMORY;
    }
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
            new->y[p] = image->y[row];
            new->x[p] = image->x[column];
            for (int k = 0; k < channels; k++) {
                const size_t source = (k * image->rows + row) * image->columns + column;
                new->data[k][p] = image->data[source];
                new->weight[k][p] = image->weight[source];
            }
            p++;
        }
    *store = new;
    return FBG_OK;
}

static size_t chunks(const fbg_pixel_store *store)
{
    return (store->pixels + store->chunk - 1) / store->chunk;
}

static size_t scratch_floats(const fbg_pixel_store *store, size_t n)
{
    (void)store;
    return n * FBG_BLOCK;
}

static double error(const fbg_pixel_store *store, const fbg_kernels *kernels,
                    const fbg_spline *spline, float *scratch)
{
    (void)store, (void)kernels, (void)spline, (void)scratch;
    return 0;
}

/* A block of the list, and S at its pixels. */
typedef struct {
    fbg_pixels pixels;
    const double *y, *x;
    float values[FBG_MAX_CHANNELS * FBG_BLOCK];
} block;

static void evaluate_block(const fbg_pixel_store *store, const fbg_evaluation *evaluation,
                           size_t start, float *slow, block *b)
{
    const int channels = store->channels;
    double exact[FBG_MAX_CHANNELS * FBG_BLOCK];
    b->pixels = (fbg_pixels){.stride = FBG_SIDE};
    for (int channel = 0; channel < channels; channel++) {
        b->pixels.data[channel] = store->data[channel] + start;
        b->pixels.weight[channel] = store->weight[channel] + start;
    }
    b->y = store->y + start, b->x = store->x + start;
    fbg_affine(evaluation->spline, b->y, b->x, FBG_BLOCK, exact, FBG_BLOCK);
    evaluation->kernels->forward(evaluation->spline, b->y, b->x, FBG_BLOCK, exact, FBG_BLOCK, slow);
    evaluation->kernels->round(exact, b->values, channels * FBG_BLOCK);
}

static size_t end_of(const fbg_pixel_store *store, size_t chunk)
{
    const size_t end = (chunk + 1) * store->chunk;
    return end < store->pixels ? end : store->pixels;
}

static void survey(const fbg_pixel_store *store, const fbg_evaluation *evaluation, size_t chunk,
                   float *scratch, fbg_sums *sums)
{
    float slope[FBG_MAX_CHANNELS * FBG_BLOCK];
    block b;
    for (size_t p = chunk * store->chunk; p < end_of(store, chunk); p += FBG_BLOCK) {
        evaluate_block(store, evaluation, p, scratch, &b);
        sums->below += evaluation->kernels->below(&b.pixels, b.values, slope, store->channels);
    }
}

static void add_adjoint(const fbg_evaluation *evaluation, const block *b, const float *slope,
                        const float *slow, double *gradient)
{
    const fbg_spline *spline = evaluation->spline;
    evaluation->kernels->backward(spline, b->y, b->x, FBG_BLOCK, slope, FBG_BLOCK, slow, gradient);
    fbg_affine_adjoint(spline->channels, b->y, b->x, FBG_BLOCK, slope, FBG_BLOCK,
                       gradient + spline->n * (2 + spline->channels));
}

static void accumulate(const fbg_pixel_store *store, const fbg_evaluation *evaluation,
                       size_t chunk, float *scratch, fbg_sums *sums)
{
    const fbg_kernels *k = evaluation->kernels;
    const int channels = store->channels;
    float slope[FBG_MAX_CHANNELS * FBG_BLOCK];
    block b;
    for (size_t p = chunk * store->chunk; p < end_of(store, chunk); p += FBG_BLOCK) {
        evaluate_block(store, evaluation, p, scratch, &b);
        k->loss(&b.pixels, b.values, slope, evaluation->alpha, evaluation->negative, channels,
                sums);
        add_adjoint(evaluation, &b, slope, scratch, sums->own);
        const float below = k->below(&b.pixels, b.values, slope, channels);
        sums->below += below;
        if (sums->coupled && below > 0)
            add_adjoint(evaluation, &b, slope, scratch, sums->coupled);
    }
}

const fbg_method fbg_direct = {
    "direct", open, chunks, scratch_floats, error, survey, accumulate, close,
};
