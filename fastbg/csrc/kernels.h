/* The arithmetic on blocks of pixels and on node grids, compiled once per instruction set (see
 * kernels.inc). Everything that decides what to compute is elsewhere: direct.c and tiled.c. */
#ifndef FBG_KERNELS_H
#define FBG_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "fastbg.h"

enum {
    FBG_SIDE = 16,  /* pixels along a side of a square block; FBG_SIDE^2 = FBG_BLOCK */
    FBG_NODES = 8,  /* Chebyshev nodes along an axis of a box */
    FBG_GRID = FBG_NODES * FBG_NODES,
    FBG_LANES = 16 /* blocks sorted at the same time */
};

/* A spline, or some centres of one, as the float32 kernels read it: one array per coordinate and
 * channel, coordinates relative to an origin. `index` holds the places of its centres in the whole
 * spline of `whole` centres, whose parameters it comes from. */
typedef struct {
    int order, channels;
    size_t n, whole;
    const double *parameters;
    float *y, *x, *weights[FBG_MAX_CHANNELS]; /* (n,) each */
    uint32_t *index;                          /* (n,) */
} fbg_spline;

/* Up to FBG_BLOCK pixels. A pixel counts if it has weight in some channel. */
typedef struct {
    size_t count;
    const float *data[FBG_MAX_CHANNELS], *weight[FBG_MAX_CHANNELS];
} fbg_pixels;

/* What pixels add up to. Gradients are laid out as the parameters are, except that the centres
 * still lack their factor -2. They have two parts, because the `negative` penalty of one pixel
 * needs the mean of 1 / argument over all: `own`, and `coupled`, the gradient of the sum of S over
 * the samples where S < 0. */
typedef struct {
    double log_sum, inverse_sum, negative_sum;
    double *own, *coupled;
} fbg_sums;

/* Values and slopes of K channels are K planes, `stride` numbers apart. `slow` keeps, for each
 * centre, the slow part of its kernel at each point, one row of `stride` floats per centre. */
typedef struct {
    const char *name;

    /* values += the radial part of S at `count` points (y, x), all in float64: weights are often
     * large and of both signs, and float32 would lose what is left of them. */
    void (*forward)(const fbg_spline *spline, const double *y, const double *x, size_t count,
                    double *values, size_t stride, float *slow);

    /* Its adjoint: adds what `slope`, a derivative by each value, means for centres and weights.
     * Points are relative to the same origin as the spline's coordinates. */
    void (*backward)(const fbg_spline *spline, const float *y, const float *x, size_t count,
                     const float *slope, size_t stride, const float *slow, double *gradient);

    /* Sums of the loss, and the slope of each sample without the factor 1 / P. `negative` is the
     * penalty of the same name, known or assumed. Planes are FBG_BLOCK floats apart. */
    void (*loss)(const fbg_pixels *pixels, const float *values, float *slope, float alpha,
                 float negative, int channels, fbg_sums *sums);

    /* slope = 1 where a sample that counts is below zero, else 0. */
    void (*below_zero)(const fbg_pixels *pixels, const float *values, float *slope, int channels);

    /* Tensor products with matrices of (node, point): from a node grid to the columns of a block
     * (FBG_NODES x FBG_SIDE per channel), from those to its pixels, and the adjoints of both. */
    void (*expand_x)(const double *grid, const float *basis, float *columns, int channels);
    void (*expand_y)(const float *columns, const float *basis, float *pixels, int channels);
    void (*gather_y)(const float *pixels, const float *basis, float *columns, int channels);
    void (*gather_x)(const float *columns, const float *basis, float *grid, int channels);

    /* From the nodes of a box to those of one of its quarters, and the adjoint, added. */
    void (*refine)(const double *grid, const double *y, const double *x, double *finer,
                   int channels);
    void (*coarsen)(const float *finer, const double *y, const double *x, float *grid,
                    int channels);

    /* Sorts the columns of keys, (n, FBG_LANES); no NaN. */
    void (*sort_lanes)(float *keys, size_t n);
} fbg_kernels;

extern const fbg_kernels fbg_kernels_baseline;
#ifdef FBG_X86
extern const fbg_kernels fbg_kernels_avx2, fbg_kernels_avx512;
#endif

/* The kernels in use (see fbg_instruction_set). */
const fbg_kernels *fbg_active_kernels(void);

#endif
