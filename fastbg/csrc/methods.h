/* Two ways to sum the loss and its gradient over the kept pixels, behind one interface: direct.c,
 * every centre at every pixel, and tiled.c, the tree of walk.h. */
#ifndef FBG_METHODS_H
#define FBG_METHODS_H

#include "kernels.h"

/* An image on a grid, as fbg_open takes it: planes of float32. */
typedef struct {
    const float *data, *weight;
    const double *y, *x;
    size_t rows, columns;
    int channels;
} fbg_image;

/* One evaluation of the loss. */
typedef struct {
    const fbg_kernels *kernels;
    const fbg_spline *spline;
    float alpha, negative;
    double error; /* that the method may make in S */
} fbg_evaluation;

/* The pixels of a problem, as a method keeps them. Pixels are cut into chunks, which can be summed
 * by any thread in any order. */
typedef struct fbg_pixel_store fbg_pixel_store;

typedef struct {
    const char *name;
    fbg_status (*open)(fbg_pixel_store **store, const fbg_image *image);
    size_t (*chunks)(const fbg_pixel_store *store);
    size_t (*scratch_floats)(const fbg_pixel_store *store, size_t n);

    double (*error)(const fbg_pixel_store *store, const fbg_kernels *kernels,
                    const fbg_spline *spline, float *scratch);

    /* Adds to sums->below, of one chunk, and to nothing else. */
    void (*survey)(const fbg_pixel_store *store, const fbg_evaluation *evaluation, size_t chunk,
                   float *scratch, fbg_sums *sums);

    /* Adds the sums of one chunk; to sums->below the same bits as a survey. The coupled gradient is
     * only asked for where sums->coupled is not NULL. */
    void (*accumulate)(const fbg_pixel_store *store, const fbg_evaluation *evaluation,
                       size_t chunk, float *scratch, fbg_sums *sums);
    void (*close)(fbg_pixel_store *store);
} fbg_method;

extern const fbg_method fbg_direct, fbg_tiled;

/* The method of a name, which may be "auto", for so many pixels. */
fbg_status fbg_choose_method(const char *name, size_t pixels, const fbg_method **method);

/* Whether pixel (row, column) has weight in some channel. */
static inline int fbg_is_kept(const fbg_image *image, size_t row, size_t column)
{
    const float *weight = image->weight + row * image->columns + column;
    for (int k = 0; k < image->channels; k++)
        if (weight[k * image->rows * image->columns] != 0)
            return 1;
    return 0;
}

#endif
