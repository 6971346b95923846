/* Which centres are far from a box, so that their part of S may be interpolated in it.
 *
 * Along one axis, let a box be [m - h, m + h]. As a function of the coordinate t, the kernel of a
 * centre at c is analytic but for branch points at t = c +- i d, where d is the distance between pixel
 * and centre in the other coordinate. Interpolation at FBG_NODES Chebyshev nodes converges like
 * rho^-FBG_NODES if these points lie outside the ellipse with the foci m +- h and the semi-axes
 *
 *     a = h (rho + 1 / rho) / 2  along t,        b = h (rho - 1 / rho) / 2  across.
 *
 * A centre is far if, for both axes, with the least d in the box,
 *
 *     ((c - m) / a)^2 + (d / b)^2 >= 1,          rho = max(2, (R |w| / E)^(1 / FBG_NODES)),
 *     R = h^order 5^max(order - 2, 0),           E = min(4e-6 range(S) + 2^-24 max |S|, 1.5e-6).
 *
 * R is the size of the rough part of the kernel over the box. |w| is the Euclidean norm of the
 * weights of the centres that are near the parent of the box (the largest norm of all channels):
 * errors of single centres are of random sign, so their squares add up. Below rho = 2, convergence
 * is not fast enough to be predicted. The constants were measured with random and with adversarial
 * layouts of centres: they hold the error of S below 2e-6 range(S); the bound 1.5e-6 is for the
 * gradients of splines with a wide range and small weights.
 */
#ifndef FBG_FAR_H
#define FBG_FAR_H

#include "axis.h"

/* E, from S at FBG_GRID pixels of an image. slow: (spline->n, FBG_GRID) floats of scratch. */
double fbg_far_error(const fbg_kernels *kernels, const fbg_spline *spline, const fbg_axis *y,
                     const fbg_axis *x, float *slow);

/* rho = max(2, weights * level), of which fbg_far_level is the factor (R / E)^(1 / FBG_NODES), the
 * same for all boxes of a level, and fbg_far_weights the factor |w|^(1 / FBG_NODES). */
double fbg_far_level(const fbg_axis_level *level, int order, double error);
double fbg_far_weights(const fbg_spline *spline);

/* A box, and rho along each axis. */
typedef struct {
    double centre_y, centre_x, half_y, half_x, rho_y, rho_x;
} fbg_far_box;

/* Sorts the centres of a spline into those far from a box and those near it; returns how many are
 * far. far, near: room for all. */
size_t fbg_far_split(const fbg_spline *candidates, const fbg_far_box *box, uint32_t *far,
                     uint32_t *near);

#endif
