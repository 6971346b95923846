/* The geometry of the tree along one axis: boxes of 512 pixels, or of less, down to 16 pixels, their
 * Chebyshev nodes, and the matrices that interpolate between nodes and pixels.
 *
 * A box covers pixels [b * size, (b + 1) * size) of its level, fewer at the far edge. The matrices
 * are exact for polynomials up to degree FBG_NODES - 1 along the axis.
 */
#ifndef FBG_AXIS_H
#define FBG_AXIS_H

#include "kernels.h"

enum { FBG_LEVELS = 6, FBG_LEAF = FBG_LEVELS - 1 };

/* The level of the largest boxes. Large ones save evaluations of centres that are far from all of a box;
 * the small images of a fit would have too few of them for threads to share. */
enum { FBG_TOP_OF_IMAGE = 0, FBG_TOP_OF_FIT = 2 };

/* Blocks of FBG_SIDE pixels along a side of a box of a level: 32, 16, 8, 4, 2, 1. */
#define FBG_BLOCKS_PER_BOX(level) ((size_t)1 << (FBG_LEAF - (level)))

typedef struct {
    size_t boxes;
    double *centre, *half;                  /* (boxes,) */
    double (*nodes)[FBG_NODES];             /* (boxes,) */
    double (*down)[FBG_NODES][FBG_NODES];   /* (boxes,): (node of the parent, node), below the top */
    double (*up)[FBG_NODES][FBG_NODES];     /* the same, transposed */
    float (*basis)[FBG_NODES][FBG_SIDE];    /* (blocks,): (node of the box, pixel of the block) */
    float (*adjoint)[FBG_SIDE][FBG_NODES];  /* the same, transposed; NULL for rows */
    unsigned char *symmetric;               /* (boxes,): whether pixels mirror each other in it */
} fbg_axis_level;

typedef struct {
    size_t size, blocks;
    void *memory; /* of all arrays */
    double *coordinates; /* (blocks * FBG_SIDE,); beyond the last pixel, its coordinate again */
    double spectrum[FBG_NODES][FBG_NODES]; /* (node, degree): to Chebyshev coefficients */
    double (*leaf_basis)[FBG_NODES][FBG_SIDE]; /* (blocks,): the basis of the last level, exactly */
    int top;
    fbg_axis_level levels[FBG_LEVELS]; /* from the top on */
} fbg_axis;

/* Along the columns of an image, or along its rows, whose nodes are folded (see kernels.h) in `basis`:
 * of nodes m and FBG_NODES - 1 - m, half of the sum and half of the difference. */
typedef enum { FBG_COLUMNS, FBG_ROWS } fbg_direction;

fbg_status fbg_axis_init(fbg_axis *axis, int top, fbg_direction direction, const double *coordinates,
                         size_t size);
void fbg_axis_free(fbg_axis *axis);

#endif
