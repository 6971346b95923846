/* The quad-tree method: a spline on the pixels of an image, and its adjoint, at a cost per pixel
 * that hardly depends on the number of centres.
 *
 * The image is cut into boxes of 128 x 128 pixels. In a box, a centre is either far, and then its
 * part of S is a smooth function, evaluated at 8 x 8 Chebyshev nodes and interpolated; or it is
 * near, and left to the quarters of the box, down to blocks of 16 x 16 pixels, where it is
 * evaluated at every pixel. Node values are passed down from a box to its quarters, so pixels are
 * interpolated from one box only. The adjoint goes the same way back: slopes are gathered from
 * pixels to nodes and summed over nodes.
 *
 * Far. Interpolation of a function that is analytic inside the Bernstein ellipse of parameter rho
 * around an interval converges like rho^-FBG_NODES. The kernel, as a function of one coordinate, has
 * a branch point at c +- i d, where d is its distance from the centre in the other coordinate. So a
 * centre is far from a box if, for both axes and the least d in the box, that point lies outside the
 * ellipse. How large rho must be follows from the size of the kernel's rough part over the box,
 * half^order, and from the norm of the weights: the error of S is held below about 1e-6, in the
 * stretched space, where the image covers [0, 1].
 */
#ifndef FBG_WALK_H
#define FBG_WALK_H

#include "axis.h"

/* Which adjoints a block asks for: see fbg_sums. */
enum { FBG_NONE = 0, FBG_OWN = 1, FBG_COUPLED = 2, FBG_FIELDS = 2 };

typedef struct {
    fbg_spline far;                 /* relative to the centre of the box */
    float y[FBG_GRID], x[FBG_GRID]; /* nodes, likewise */
    uint32_t *near;                 /* indices of the other candidates */
    size_t near_count;
    double values[FBG_MAX_CHANNELS * FBG_GRID];
    float adjoint[FBG_FIELDS][FBG_MAX_CHANNELS * FBG_GRID];
    float *slow; /* of the far centres at the nodes */
} fbg_frame;

/* Squared semi-axes of the ellipse of a level, along one axis. */
typedef struct {
    double along, across;
} fbg_ellipse;

/* One thread's walk through boxes of the first level. */
typedef struct {
    const fbg_kernels *kernels;
    const fbg_spline *spline; /* all centres */
    const fbg_axis *y, *x;
    const unsigned char *kept; /* (y->blocks, x->blocks): which blocks to visit; NULL for all */
    double *gradients[FBG_FIELDS];

    /* Called for each block with S at its pixels, (K, FBG_BLOCK); fills slope[field] and tells
     * which fields it filled. */
    int (*block)(void *context, size_t block_y, size_t block_x, const float *values,
                 float slope[FBG_FIELDS][FBG_MAX_CHANNELS * FBG_BLOCK]);
    void *context;

    fbg_ellipse far_y[FBG_LEVELS], far_x[FBG_LEVELS];
    fbg_frame frames[FBG_LEVELS];
    uint32_t *all;    /* candidates of the first level */
    fbg_spline near;  /* of the box whose blocks are visited, relative to its centre */
    float *near_slow; /* at the pixels of a block */
} fbg_walk;

/* Floats of scratch for a walk over a spline of n centres. */
size_t fbg_walk_floats(size_t n, int channels);

/* Gives a walk, its first seven members filled in, the scratch it needs. */
void fbg_walk_init(fbg_walk *walk, float *scratch);

/* Visits the blocks of one box of the first level, and adds to the gradients. */
void fbg_walk_box(fbg_walk *walk, size_t box_y, size_t box_x);

#endif
