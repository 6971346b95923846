/* The C evaluator of fastbg: polyharmonic splines, their loss against an image, and the gradient.
 *
 * Everything here is plain C11: no Python, no files, no global state that changes after start-up.
 *
 * Mathematics. With q = |p - c_i|^2 and b = max(q, 1e-10),
 *
 *     S_k(p) = sum_i w_ik phi(q) + v_0k y + v_1k x + v_2k
 *     phi(q) = sqrt(b), q log(b) / 2, b^1.5, q^2 log(b) / 2        for orders 1, 2, 3, 4
 *
 * The loss is the one of fastbg/loss.py. The values of S are summed in float64, loss and slopes of
 * pixels are float32; sums over pixels are float32 within a block of FBG_BLOCK pixels and float64
 * beyond.
 *
 * Two methods give the same answer: direct, every centre at every pixel (direct.c), and tiled, a
 * quad-tree whose cost per pixel hardly depends on n (walk.h): within 2e-6 of the range of S, and
 * 1e-5 of the gradient's norm. Images a few pixels wide or very oblong, dense clusters of centres and
 * large weights that cancel are worse: up to 5e-6 and 1e-3 were measured.
 *
 * Parameters are one float64 vector of fbg_parameter_count(n, K) numbers, row by row:
 * centres (n, 2) as (y, x), weights (n, K), polynomial (3, K) for y, x and 1.
 *
 * Memory. A call needs scratch of less than 600 n floats per thread, and 2 n (2 + K) doubles per
 * chunk of pixels (at most FBG_MAX_CHUNKS): nothing grows with pixels times centres.
 *
 * Reproducibility. Pixels are summed in chunks that do not depend on the number of threads, and
 * chunks are added in order: the same bits for any number of threads. Different instruction sets
 * differ in the last bits.
 *
 * Functions return FBG_OK or what went wrong; they never print and never exit.
 */
#ifndef FASTBG_H
#define FASTBG_H

#include <stddef.h>

enum { FBG_BLOCK = 256, FBG_MAX_CHUNKS = 256, FBG_MAX_CHANNELS = 3, FBG_MAX_RANKS = 16 };

typedef enum { FBG_OK = 0, FBG_NO_MEMORY, FBG_NO_PIXELS } fbg_status;

/* With fewer (kept) pixels the direct method is faster, measured with 36 centres: bench/README.md.
 * Where a function takes a `method`, it is "direct", "tiled" or "auto", which chooses by this. */
enum { FBG_FEW_PIXELS = 2048 };

/* Length of the parameter vector of a spline with n centres and K channels. */
size_t fbg_parameter_count(size_t n, int channels);

/* ---- Instruction sets ---- */

/* Names of those this build holds and this processor can run, best first, NULL-terminated. */
const char *const *fbg_instruction_sets(void);

/* The one in use. Chosen at first use: the best, or the one that the environment variable
 * FASTBG_ISA names, if it is among them. */
const char *fbg_instruction_set(void);

/* ---- Evaluation on a grid ----
 *
 * out[k][row][column] = S_k(y[row], x[column]), float32, overwritten.
 */
fbg_status fbg_evaluate(const double *parameters, size_t n, int channels, int order,
                        const double *y, size_t rows, const double *x, size_t columns,
                        float *out, int threads, const char *method);

/* ---- The loss ---- */

/* The kept pixels of an image: an opened problem. Read only after it is opened, so any number of
 * threads may evaluate it at the same time. */
typedef struct fbg_problem fbg_problem;

/* Copies the pixels that have weight in some channel.
 *
 * data, weight: (rows, columns, K) float64, row by row; y, x: normalised coordinates.
 */
fbg_status fbg_open(fbg_problem **problem, const double *data, const double *weight,
                    const double *y, size_t rows, const double *x, size_t columns, int channels,
                    int order, double alpha, const char *method);

/* "direct" or "tiled". */
const char *fbg_method_name(const fbg_problem *problem);

int fbg_channels(const fbg_problem *problem);

/* The loss at `parameters`, and its derivative with respect to each of them. */
fbg_status fbg_loss_and_gradient(const fbg_problem *problem, const double *parameters, size_t n,
                                 double *loss, double *gradient, int threads);

void fbg_close(fbg_problem *problem);

/* ---- Before and after the fit ----
 *
 * valid[i] is 0 where sample i is missing; nothing else of a missing sample is looked at.
 */

/* valid[i] = whether |plane[i]| exceeds 1e-8 and is finite. */
void fbg_find_valid(const float *plane, size_t n, unsigned char *valid, int threads);

/* The inverse stretch of fastbg/stretch.py, in place; held = how many values lay outside [0, 1]. */
fbg_status fbg_unstretch(float *plane, size_t n, double pedestal, double scale, double midtones,
                         double target, size_t *held, int threads);

/* out = plane - background + level where valid, else plane. */
void fbg_subtract(const float *plane, const float *background, const unsigned char *valid,
                  size_t n, double level, float *out, int threads);

size_t fbg_count_valid(const unsigned char *valid, size_t n);

/* out[r] = the valid sample of rank ranks[r] < number of valid ones, for up to FBG_MAX_RANKS ranks:
 * exact. */
fbg_status fbg_order_statistics(const float *values, const unsigned char *valid, size_t n,
                                const size_t *ranks, size_t count, float *out, int threads);

/* The two middle valid samples of each block of side x side pixels (equal for an odd number, NaN
 * for none), in (rows / side, columns / side) rounded up; blocks at the far edges may be partial. */
fbg_status fbg_block_medians(const float *plane, const unsigned char *valid, size_t rows,
                             size_t columns, size_t side, float *low, float *high, int threads);

#endif
