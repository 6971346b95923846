/* The arithmetic on a block of pixels, compiled once per instruction set (see kernels.inc). */
#ifndef FBG_KERNELS_H
#define FBG_KERNELS_H

#include <stddef.h>

#include "fastbg.h"

/* A spline as the kernels read it: float32, one array per coordinate and channel. */
typedef struct {
    int order, channels;
    size_t n;
    const float *y, *x;                   /* centres, (n,) each */
    const float *weights[FBG_MAX_CHANNELS]; /* (n,) each */
    float polynomial[3][FBG_MAX_CHANNELS];
} fbg_spline;

/* Up to FBG_BLOCK kept pixels. */
typedef struct {
    size_t count;
    const float *y, *x;
    const float *data[FBG_MAX_CHANNELS], *weight[FBG_MAX_CHANNELS];
} fbg_pixels;

/* What a block adds up to. The gradients are laid out as the parameters are, except that the
 * centres still lack their factor -2. They have two parts, because the `negative` penalty of one
 * pixel needs the mean of 1 / argument over all: `own`, and `coupled`, the gradient of the sum of
 * S over the samples where S < 0. */
typedef struct {
    double log_sum, inverse_sum, negative_sum;
    double *own, *coupled;
} fbg_sums;

typedef struct {
    const char *name;

    /* out[k * stride + j] = S_k(y, x[j]) for j < count <= FBG_BLOCK. */
    void (*evaluate_row)(const fbg_spline *spline, float y, const float *x, size_t count,
                         float *out, size_t stride);

    /* Adds one block to `sums`. `negative` is the penalty of the same name, known or assumed;
     * `scratch` holds spline->n * FBG_BLOCK floats. */
    void (*accumulate)(const fbg_spline *spline, const fbg_pixels *pixels, float alpha,
                       float negative, float *scratch, fbg_sums *sums);
} fbg_kernels;

extern const fbg_kernels fbg_kernels_baseline;
#ifdef FBG_X86
extern const fbg_kernels fbg_kernels_avx2, fbg_kernels_avx512;
#endif

/* The kernels in use (see fbg_instruction_set). */
const fbg_kernels *fbg_active_kernels(void);

#endif
