/* The C evaluator of fastbg: polyharmonic splines, their loss against an image, and the gradient.
 *
 * Everything here is plain C11: no Python, no files, no global state that changes after start-up.
 *
 * Mathematics. With q = |p - c_i|^2 and b = max(q, 1e-10),
 *
 *     S_k(p) = sum_i w_ik phi(q) + v_0k y + v_1k x + v_2k
 *     phi(q) = sqrt(b), q log(b) / 2, b^1.5, q^2 log(b) / 2        for orders 1, 2, 3, 4
 *
 * The loss is the one of fastbg/spline/loss.py. The values of S are summed in float64, loss and slopes of
 * pixels are float32; sums over pixels are float32 within a block of FBG_BLOCK pixels and float64
 * beyond.
 *
 * Two methods give the same answer: direct, every centre at every pixel (direct.c), and tiled, a
 * tree whose cost per pixel hardly depends on n (walk.h). The error of tiled values is below 2e-6
 * range(S). The error of the gradient is below 1e-5 (relative L2), compared with the exact adjoint of
 * the slopes at these values; tests/test_tiled.py lists the layouts of centres that were tried. Close to
 * the minimum the gradients of pixels cancel, and both methods are less exact, as slopes are float32.
 *
 * Parameters are one float64 vector of fbg_parameter_count(n, K) numbers, row by row:
 * centres (n, 2) as (y, x), weights (n, K), polynomial (3, K) for y, x and 1.
 *
 * Memory. A call needs scratch of less than 300 n floats and 40 kB per thread; a gradient,
 * 2 n (2 + K) doubles per chunk of pixels as well (at most FBG_MAX_CHUNKS). Nothing grows with pixels
 * times centres.
 *
 * Threads. A problem keeps those of its evaluations until it is closed: they wait for the next one some
 * ten microseconds, and then sleep. A forked process starts others.
 *
 * Reproducibility. Pixels are summed in chunks that do not depend on the number of threads, and
 * chunks are added in order: the same bits for any number of threads. Different instruction sets
 * differ in the last bits.
 *
 * Functions return FBG_OK or the status of a failure; they never print and never exit.
 */
#ifndef FASTBG_H
#define FASTBG_H

#include <stddef.h>
#include <stdint.h>

enum { FBG_BLOCK = 256, FBG_MAX_CHUNKS = 256, FBG_MAX_CHANNELS = 3 };

typedef enum {
    FBG_OK = 0,
    FBG_NO_MEMORY,
    FBG_NO_PIXELS,      /* no pixel has weight, or there is none */
    FBG_NO_SUCH_ROWS,   /* they are not all in the image */
    FBG_UNKNOWN_METHOD, /* not "auto", "direct" or "tiled" */
    FBG_DAMAGED,        /* compressed bytes that mean nothing */
} fbg_status;

/* A `method` is "direct", "tiled" or "auto", which is direct for fewer (kept) pixels than these: it is
 * then faster, measured with 36 centres (bench/README.md). */
enum { FBG_FEW_PIXELS = 2048 };

/* Length of the parameter vector of a spline with n centres and K channels. */
size_t fbg_parameter_count(size_t n, int channels);

/* ---- Instruction sets ---- */

/* Names of those this build holds and this processor can run, best first, NULL-terminated. */
const char *const *fbg_instruction_sets(void);

/* The one in use. Chosen when the code is loaded: the best, or the one that the environment variable
 * FASTBG_ISA names, if it is among them. */
const char *fbg_instruction_set(void);

/* ---- Rendering ----
 *
 * A plan is made once for an image and asked for its rows as often as they are needed. Any number of
 * threads may do so at the same time.
 */

typedef struct fbg_plan fbg_plan;

/* Prepares a spline for the pixels at (y[row], x[column]), the normalised coordinates of a whole image.
 *
 * parameters, y, x: copied. A plan takes some 270 bytes for each row and 460 for each column. The tiled method
 * keeps the expansion of the far centres of each box of 512 x 512 pixels once it was needed: 512 K
 * bytes a box, less than 0.1 % of a float32 image.
 */
fbg_status fbg_plan_make(fbg_plan **plan, const double *parameters, size_t n, int channels,
                         int order, const double *y, size_t rows, const double *x, size_t columns,
                         const char *method);

int fbg_plan_channels(const fbg_plan *plan);
size_t fbg_plan_rows(const fbg_plan *plan);
size_t fbg_plan_columns(const fbg_plan *plan);

/* out[k][i][column] = S_k(y[first_row + i], x[column]) for i < count, float32, overwritten.
 *
 * A row has the same bits in whichever call it is rendered. The tiled method computes blocks of 16
 * rows, so calls for multiples of 16 rows from a multiple of 16 on compute nothing twice. */
fbg_status fbg_render_rows(fbg_plan *plan, size_t first_row, size_t count, float *out, int threads);

/* No thread may be using it. */
void fbg_plan_free(fbg_plan *plan);

/* ---- The loss ---- */

/* The kept pixels of an image: an opened problem. Any number of threads may evaluate it at the same
 * time; the first has the threads that it keeps, and the others start their own. */
typedef struct fbg_problem fbg_problem;

/* Prepares the pixels that have weight in some channel.
 *
 * data, weight: (K, rows, columns), borrowed: they must stay as they are until fbg_close, since the
 * tiled method holds no copy of them. Data of weight 0 may be anything, NaN included.
 * y, x: normalised coordinates, copied.
 */
fbg_status fbg_open(fbg_problem **problem, const float *data, const float *weight,
                    const double *y, size_t rows, const double *x, size_t columns, int channels,
                    int order, double alpha, const char *method);

/* "direct" or "tiled". */
const char *fbg_method_name(const fbg_problem *problem);

int fbg_channels(const fbg_problem *problem);

/* The loss at `parameters`, and its derivative with respect to each of them.
 *
 * below_zero: whether S is expected to be below zero at some pixel, as it was at the last call;
 * then whether it is. A wrong guess costs time, and does not change a bit of the answer. */
fbg_status fbg_loss_and_gradient(const fbg_problem *problem, const double *parameters, size_t n,
                                 double *loss, double *gradient, int *below_zero, int threads);

void fbg_close(fbg_problem *problem);

/* ---- Before and after the fit ----
 *
 * These work on one band of one channel, in the thread that calls them.
 */

/* Samples of this size are missing, as are infinities and NaN. */
#define FBG_MISSING_LEVEL 0.0f

/* A sample that was clipped at 0: FLT_MIN. */
#define FBG_CLIPPED 1.17549435e-38f

/* The inverse stretch of fastbg/image/stretch.py, in place. Returns how many values lay outside [0, 1]. */
size_t fbg_unstretch(float *values, size_t n, double pedestal, double scale, double midtones,
                     double target);

/* out = samples - (background - level); missing samples stay as they are, and so do all others where
 * the background is the level. */
void fbg_subtract(const float *samples, const float *background, size_t n, double level, float *out);

/* The pixels of 2 x 2 of a Bayer mosaic, (2 rows, columns), as planes of red, green and blue, (3, rows,
 * columns / 2): out[k * stride + i]. `colours` are those of the four pixels, 0 to 2, row by row. Green is
 * the mean of both, or that which is not missing; if `one_green`, the first that is not. */
void fbg_superpixels(const float *mosaic, size_t rows, size_t columns, const int *colours,
                     int one_green, float *out, size_t stride);

/* The types of the numbers in files. */
typedef enum {
    FBG_UINT8,
    FBG_INT16,
    FBG_UINT16,
    FBG_INT32,
    FBG_UINT32,
    FBG_FLOAT32,
    FBG_FLOAT64,
} fbg_type;

/* out = (values - low) / span, in float64. */
void fbg_scale(const void *values, fbg_type type, size_t n, double low, double span, float *out);

/* out = low + values * span, in float64; `swapped`: in the other byte order. */
void fbg_unscale(const float *values, size_t n, double low, double span, int swapped, float *out);

/* out = stored + (corrected - samples) * span, in float64: `stored` where the samples are missing, or differ
 * by no more than the zeros of a sky do from 0. out_type: FBG_FLOAT64 or FBG_FLOAT32, which may be `swapped`:
 * in the other byte order. */
void fbg_restore(const void *stored, fbg_type type, const float *samples, const float *corrected,
                 size_t n, double span, int swapped, void *out, fbg_type out_type);

/* Counts of float32 values by their keys: unsigned integers that compare as the values do. Window w
 * has `bins` bins, 1 to FBG_BINS, of 2^shift keys each (shift < 32), the first from key `first` on. */
enum { FBG_BINS = 1 << 16 };

typedef struct {
    uint32_t first, shift, bins;
} fbg_window;

typedef struct {
    uint64_t valid, negative, above_1; /* values; < 0; > 1 */
    uint64_t low, high;                /* smallest and largest key */
} fbg_tally;

/* Adds the values whose sample is not missing. Values are finite where that is so.
 * below: (number,), how many lie below each window; counts: (number, FBG_BINS). */
void fbg_count(const float *values, const float *samples, size_t n, const fbg_window *windows,
               size_t number, fbg_tally *tally, uint64_t *below, uint32_t *counts);

/* The two middle values of each block of side x side pixels (equal for an odd number, NaN for none),
 * (ceil(rows / side), ceil(columns / side)) of each; blocks at the far edges may be partial. Samples
 * with least < |sample| < infinity count.
 *
 * grouped: two middle values that are equal are replaced by the median of grouped data: see `ungrouped` in
 * fastbg/image/robust.py. FBG_CLIPPED stays. */
fbg_status fbg_block_medians(const float *samples, size_t rows, size_t columns, size_t side,
                             float least, int grouped, float *low, float *high);

/* The stretch of fastbg/image/stretch.py, and the mean of the samples of each block that are not
 * missing. */
fbg_status fbg_block_means(const float *samples, size_t rows, size_t columns, size_t side,
                           double pedestal, double scale, double midtones, double target,
                           double *means);

/* ---- The search for the sky ---- */

/* The cells of an image, row by row: n = rows * columns. */
typedef struct {
    size_t rows, columns;
    int channels;
    const float *values; /* (channels, n), in a unit in which they are of the order of 1 */
    const float *usable; /* (n,): how much of each cell may be used; not 0 everywhere */
    const float *known;  /* (n,): how much of each cell is known to be sky, and keeps its weight */
    const double *noise; /* (channels,), in the same unit */
} fbg_mesh;

enum {
    FBG_GROUP = 16,   /* cells that are evaluated together */
    FBG_PARITIES = 4, /* of functions: bit 0 is set where they are odd in x, bit 1 where they are odd in y */
    FBG_IMAGES = 4    /* of a cell, which are numbered alike: itself, that in x, in y, in both */
};

/* The functions of which a surface is a sum, at the cells, folded: see fastbg/sky/folded.py. The squares of
 * the coordinates from `free` on cost `stiffness` each. */
typedef struct {
    size_t number, used, free; /* the first ones are used */
    double stiffness;
    const uint8_t *parity; /* (number,) */
    const float *matrix;   /* the functions of each parity, (groups, functions, FBG_GROUP) */
    size_t groups, quarters; /* each of the first `quarters` groups of cells has FBG_IMAGES */
    const float *means;    /* (number, blocks), by parities: at blocks of cells; FBG_GROUP divides `blocks` */
    size_t blocks;
    const uint32_t *place, *block; /* (places,): the cell and the block at a place of a group or an image */
    const float *part;            /* (places,): how much a place counts */
} fbg_modes;

/* The places of all groups and of their images. */
static inline size_t fbg_places(const fbg_modes *modes)
{
    return FBG_GROUP * (modes->groups + (FBG_IMAGES - 1) * modes->quarters);
}

/* How the weight of a cell falls with its distance from the surface: see fastbg/sky/surface.py. */
typedef struct {
    double above, below, around; /* distances at which it is halved, in tolerances */
    double alone;                /* by which the highest channel exceeds the mean without counting */
    double tolerance;            /* the part of the surface's deviation that is tolerated */
    double softness, least;      /* the width of the logistic function; the least weight */
    const double *factors;       /* (rounds,): multiples of the tolerance */
    size_t rounds;
    const float *taps; /* (radius + 1,): of a Gaussian, from its middle on */
    size_t radius;
} fbg_protection;

typedef struct {
    float *weight;       /* (n,): of the first round, then of the last one */
    double *coordinates; /* (channels, used); overwritten */
    float *values;       /* (channels, n): the surface at the cells; overwritten */
} fbg_surface;

/* Fits a surface by iteratively reweighted least squares: `rounds` times the solution for the
 * weights and the weights for the solution, and then the last solution. */
fbg_status fbg_fit_surface(const fbg_mesh *mesh, const fbg_modes *modes,
                           const fbg_protection *protection, fbg_surface *surface);

/* ---- Decompression ---- */

/* Where the decoding of a raw LZ4 block is; zeros at its beginning. */
typedef struct {
    uint64_t step, literals, match, distance; /* what is left to do of a sequence */
    uint64_t consumed;                        /* bytes of the block that have been decoded */
    uint64_t sequence;                        /* where in the block the last sequence begins */
    uint64_t is_complete;                     /* whether the block may end here */
} fbg_lz4;

/* Decodes as much as there is of a block, or as fits. `out` has `room` bytes, of which the first *filled
 * are those decoded last: the last 65536, or all. It may return FBG_DAMAGED. */
fbg_status fbg_lz4_decode(fbg_lz4 *state, const uint8_t *packed, size_t size, size_t *used,
                          uint8_t *out, size_t room, size_t *filled);

#endif
