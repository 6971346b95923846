/* The arithmetic on blocks of pixels and on node grids, compiled once per instruction set (see
 * kernels.inc). direct.c, tiled.c, walk.c and render.c decide where it is applied. */
#ifndef FBG_KERNELS_H
#define FBG_KERNELS_H

#include <stddef.h>
#include <stdint.h>

#include "fastbg.h"

enum {
    FBG_SIDE = 16,  /* pixels along a side of a square block; FBG_SIDE^2 = FBG_BLOCK */
    FBG_NODES = 8,  /* Chebyshev nodes along an axis of a box */
    FBG_GRID = FBG_NODES * FBG_NODES,
    FBG_TILE = 4,   /* rows of a matrix that are multiplied with so many others at the same time, at most */
    FBG_LANES = 16 /* blocks sorted at the same time */
};

/* Arrays of vectors start where a cache line does, so that no vector lies across two: an iteration takes
 * an eighth less. */
#define FBG_ALIGNED _Alignas(64)

/* Some centres of a spline: `index` holds their places in the parameters of the whole one, which has
 * `whole` centres. */
typedef struct {
    int order, channels;
    size_t n, whole;
    const double *parameters;
    const uint32_t *index; /* (n,) */
} fbg_spline;

/* FBG_SIDE rows of FBG_SIDE pixels, so many numbers from row to row. A pixel counts if it has
 * weight in some channel; data without weight may be anything. Without weights (NULL), all are 1. */
typedef struct {
    const float *data[FBG_MAX_CHANNELS], *weight[FBG_MAX_CHANNELS];
    size_t stride;
} fbg_pixels;

/* Sums over pixels; `below` is the sum of |S| - S over samples that count. Gradients are laid
 * out as the parameters are, except that the centres still lack their factor -2. They have two
 * parts, because the `negative` penalty of one pixel needs the mean of 1 / argument over all:
 * `own`, and `coupled`, the gradient of the sum of S over the samples where S < 0. */
typedef struct {
    double log_sum, inverse_sum, below;
    double *own, *coupled;
} fbg_sums;

/* The used functions of one parity: so many of those in `modes`, from a coordinate on. */
typedef struct {
    size_t first, used, number;
    const float *matrix, *means;
} fbg_parity;

/* Memory of a robust fit to n cells at so many places, with m used functions, in the order of their parities. */
typedef struct {
    fbg_parity parities[FBG_PARITIES];
    size_t *order;      /* (m,): which coordinate of the fit each of the modes has here */
    double *price;      /* (m,): what the square of a coordinate costs */
    double *coordinates, *slopes, *rest; /* (channels, m) */
    double *unit;       /* (m,) */
    double *down, *before; /* (channels,): how far down a step leads, and the one before it */
    float *factor;      /* (m, m) */
    float *step, *way, *single; /* (channels, m) */
    float *part;        /* (channels, m, FBG_LANES): slopes from every so many cells */
    float *values, *found, *change; /* (channels, places): of the mesh, of the surface, and of it by a step */
    float *counted;     /* (places,): the share of each place */
    float *factored;    /* (places,): those for which the factor was made */
    float *weights;     /* (FBG_PARITIES, places): of blocks, for products of such parities */
    float *weighted;    /* (FBG_TILE, places) */
    float *apart;       /* (m, places): the functions at each cell, as if it were a block */
    float *share, *left, *off, *nearby, *around; /* (n,) */
    float *line; /* a row of cells, with room for the reach of the Gaussian on both sides */
} fbg_surface_scratch;

/* The passes over samples of fastbg.h, fbg_unstretch and so on. They are compiled with flags of their own, for
 * they round alike with every instruction set. */
typedef struct {
    size_t (*unstretch)(float *values, size_t n, double pedestal, double scale, double midtones,
                        double target);
    void (*subtract)(const float *samples, const float *background, size_t n, double level, float *out);
    void (*superpixels)(const float *mosaic, size_t rows, size_t columns, const int *colours,
                        int one_green, float *out, size_t stride);
    void (*scale)(const void *values, fbg_type type, size_t n, double low, double span, float *out);
    void (*unscale)(const float *values, size_t n, double low, double span, int swapped, float *out);
    void (*restore)(const void *stored, fbg_type type, const float *samples, const float *corrected,
                    size_t n, double span, int swapped, void *out, fbg_type out_type);
} fbg_sample_passes;

/* Values and slopes of K channels are K planes, `stride` numbers apart. `slow` keeps, for each
 * centre, the slow part of its kernel at each point, one row of `stride` floats per centre. */
typedef struct {
    const char *name;
    const fbg_sample_passes *samples;

    /* values += the radial part of S at `count` points (y, x), all in float64: weights are often
     * large and of both signs, and their products cancel. */
    void (*forward)(const fbg_spline *spline, const double *y, const double *x, size_t count,
                    double *values, size_t stride, float *slow);

    /* Its adjoint: adds the derivatives by centres and weights to `gradient`, from `slope`, the
     * derivatives by the values.
     * float32 but for the differences of coordinates, which are small near a centre. */
    void (*backward)(const fbg_spline *spline, const double *y, const double *x, size_t count,
                     const float *slope, size_t stride, const float *slow, double *gradient);

    /* The same at side x side points, y[side] by x[side], where side is FBG_NODES or FBG_SIDE:
     * differences of coordinates are found once for a row or a column. */
    void (*forward_grid)(const fbg_spline *spline, const double *y, const double *x, int side,
                         double *values, float *slow);
    void (*backward_grid)(const fbg_spline *spline, const double *y, const double *x, int side,
                          const float *slope, const float *slow, double *gradient);

    /* Sums of the loss (log and inverse), and the slope of each sample without the factor 1 / P.
     * `negative` is the penalty of the same name. Planes are FBG_BLOCK floats apart. */
    void (*loss)(const fbg_pixels *pixels, const float *values, float *slope, float alpha,
                 float negative, int channels, fbg_sums *sums);

    /* The sum of |S| - S over samples that count; where it is not 0, slope = 1 where such a sample
     * is below zero, else 0. */
    float (*below)(const fbg_pixels *pixels, const float *values, float *slope, int channels);

    /* Tensor products with matrices of (node, point): from a node grid to the columns of a block
     * (FBG_NODES x FBG_SIDE per channel), from those to its pixels, and (gather) their adjoints.
     *
     * Along y, nodes are folded: the sums of nodes that mirror each other in the box, and then their
     * differences. Where the pixels mirror each other, too, a row and its mirror image share the
     * products: one is the part of the sums plus that of the differences, the other one minus it.
     *
     * `level`, a number near the values of each channel, is taken off before they are rounded to
     * float32, and put back last. */
    void (*fold)(const double *grid, const float *level, float *folded, int channels);
    void (*expand_x)(const float *folded, const float *basis, float *columns, int channels);
    /* mirrored: for the block whose rows, from the last on, mirror these; it may be the same one. NULL
     * if there is no mirror image. */
    void (*expand_y)(const float *columns, const float *level, const float *basis, float *pixels,
                     float *mirrored, int channels);
    void (*gather_y)(const float *pixels, const float *mirrored, const float *basis, float *columns,
                     int channels);
    /* By the transposed matrix. */
    void (*gather_x)(const float *columns, const float *adjoint, float *folded, int channels);
    void (*unfold)(const float *folded, double *grid, int channels);
    /* Both at once, in float64, for boxes with near centres: their part may cancel the far one. */
    void (*expand_fine)(const double *grid, const double *basis_y, const double *basis_x,
                        double *pixels, int channels);

    /* Node grids along one axis, by a matrix of (node, mapped node): from a box to one of its halves,
     * or back by the transposed matrix. If `add`, the result is added to `mapped`. */
    void (*map_y)(const double *grid, const double *matrix, double *mapped, int channels, int add);
    void (*map_x)(const double *grid, const double *matrix, double *mapped, int channels, int add);

    /* To float32. */
    void (*round)(const double *exact, float *rounded, size_t n);

    /* The keys of up to FBG_BLOCK values (see fbg_count), and a tally of them. A value that does not
     * count has the largest key, 2^32 - 1. */
    void (*keys)(const float *values, const float *samples, size_t n, uint32_t *keys,
                 fbg_tally *tally);

    /* How many of up to FBG_BLOCK keys lie below `first`; within: whether each lies from there to
     * first + reach. */
    uint32_t (*keys_within)(const uint32_t *keys, size_t n, uint32_t first, uint32_t reach,
                            unsigned char *within);

    /* The samples of FBG_LANES whole blocks beside each other, (side * rows, FBG_LANES); whether all of
     * them count (see fbg_block_medians). */
    int (*gather_lanes)(const float *samples, size_t columns, size_t rows, size_t side, float least,
                        float *keys);

    /* The two middle keys of each column of (n, FBG_LANES), which are overwritten: n is a power of two,
     * from 2 on, and there is no NaN. */
    void (*middle_of_lanes)(float *keys, size_t n, float *low, float *high);

    /* Takes the middle key of each column of (n, FBG_LANES) for the group of keys that equal it, and puts
     * the grouped median in its place (see fbg_block_medians). Half of the n - counts[lane] other keys
     * are -infinity, and as many or one more infinity. */
    void (*ungroup_lanes)(const float *keys, size_t n, const size_t *counts, float *middle);

    /* The samples that count of a block, whose corner is the first of `samples`: their number. There is
     * room for rows * columns keys, and FBG_LANES more. */
    size_t (*gather_block)(const float *samples, size_t stride, size_t rows, size_t columns,
                           float least, float *keys);

    /* How many of n keys lie below a number; n is a multiple of FBG_LANES. */
    size_t (*keys_below)(const float *keys, size_t n, float limit);

    /* The largest of the keys below a number, and the smallest of the others; infinite if there is none. */
    void (*keys_beside)(const float *keys, size_t n, float limit, float *largest, float *smallest);

    /* The grouped median of n keys whose middle is that of a group: `count` samples, and infinities. */
    float (*ungroup_block)(const float *keys, size_t n, size_t count, float middle);

    /* fbg_fit_surface; `values` and `coordinates` are zeros. */
    void (*fit_surface)(const fbg_mesh *mesh, const fbg_modes *modes,
                        const fbg_protection *protection, fbg_surface *surface,
                        fbg_surface_scratch *scratch);
} fbg_kernels;

extern const fbg_kernels fbg_kernels_baseline;
#ifdef FBG_X86
extern const fbg_kernels fbg_kernels_avx2, fbg_kernels_avx512;
#endif

/* The kernels in use (see fbg_instruction_set). */
const fbg_kernels *fbg_active_kernels(void);

#endif
