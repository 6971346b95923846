/* The tree method: a spline on the pixels of an image, and its adjoint, at a cost per pixel that
 * hardly depends on the number of centres.
 *
 * The image is cut into boxes of 512 x 512 pixels, or of less in a fit. In a box, a centre is either far, and then its
 * part of S is a smooth function, evaluated at 8 x 8 Chebyshev nodes and interpolated; or it is
 * near, and left to the halves of the box, down to blocks of 16 x 16 pixels, where it is
 * evaluated at every pixel. Node values are passed down from a box to its halves, so pixels are
 * interpolated from one box only. The adjoint goes the same way back: slopes are gathered from
 * pixels to nodes and summed over nodes.
 *
 * Boxes are cut into halves, not quarters, so that a centre near a box is evaluated at the 64 nodes of
 * each of 2 halves, not of each of 4 quarters, where it is far from them.
 *
 * Which centres are far from a box: see far.h.
 *
 * Precision. The parts of near and far centres may cancel, so S is float64 until it is whole. Only
 * where no centre is near, it is interpolated in float32. Slopes are float32, their sums over nodes
 * float64.
 */
#ifndef FBG_WALK_H
#define FBG_WALK_H

#include "axis.h"

/* Which adjoints a block asks for: see fbg_sums. */
enum { FBG_NONE = 0, FBG_OWN = 1, FBG_COUPLED = 2, FBG_FIELDS = 2 };

/* One depth of the tree. */
typedef struct {
    int level_y, level_x; /* of the axes; from one depth to the next, one of them goes up by one */
    double rho_y, rho_x; /* for |w| = 1: fbg_far_level */

    /* The box that is being visited. */
    uint32_t *far, *near; /* the candidates that are far from the box, and the others */
    size_t far_count, near_count;
    double near_weights; /* fbg_far_weights of `near` */
    double values[FBG_MAX_CHANNELS * FBG_GRID];
    double adjoint[FBG_FIELDS][FBG_MAX_CHANNELS * FBG_GRID];
    float *slow; /* of the far centres at the nodes, and behind them of the near ones at pixels */
} fbg_frame;

enum { FBG_DEPTHS = 2 * FBG_LEAF + 1 };

/* One thread's walk through the largest boxes. */
typedef struct {
    const fbg_kernels *kernels;
    const fbg_spline *spline; /* all centres */
    const fbg_axis *y, *x;
    double error; /* of S: fbg_far_error */
    size_t first_row, end_row; /* rows of blocks to visit, in [0, y->blocks] */
    const double *known; /* fbg_walk_expand of the box that is visited, or NULL */
    const unsigned char *kept; /* (y->blocks, x->blocks): which blocks to visit; NULL for all */
    int only_below; /* skip boxes where S is certainly nowhere below zero */
    double *gradients[FBG_FIELDS];

    /* Called for each block with S at its pixels, (K, FBG_BLOCK); fills slope[field] and tells
     * which fields it filled. */
    int (*block)(void *context, size_t block_y, size_t block_x, const float *values,
                 float slope[FBG_FIELDS][FBG_MAX_CHANNELS * FBG_BLOCK]);
    void *context;

    double weights; /* fbg_far_weights of all centres */
    fbg_frame frames[FBG_DEPTHS];
} fbg_walk;

/* Floats of scratch for a walk over a spline of n centres. */
size_t fbg_walk_floats(size_t n);

/* Gives a walk, its first members up to `context` filled in, the scratch it needs. */
void fbg_walk_init(fbg_walk *walk, float *scratch);

/* Visits the blocks of one of the largest boxes, and adds to the gradients. */
void fbg_walk_box(fbg_walk *walk, size_t box_y, size_t box_x);

/* S at the nodes of one of the largest boxes, but for the centres near it, (K, FBG_GRID): the larger
 * part of the work of a visit if there are many centres, and the same for all rows of the box. */
void fbg_walk_expand(fbg_walk *walk, size_t box_y, size_t box_x, double *values);

#endif
