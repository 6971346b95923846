/* The centres of a parameter vector, its affine part, and the size of its kernel. */
#ifndef FBG_SPLINES_H
#define FBG_SPLINES_H

#include "kernels.h"

/* All n centres of a parameter vector; fills index, (n,). */
fbg_spline fbg_whole_spline(uint32_t *index, const double *parameters, size_t n, int channels,
                            int order);

/* The largest |phi(q)| for 0 <= q <= most. */
double fbg_largest_kernel(double most, int order);

/* values = the affine part of S at `count` points. Planes are `stride` numbers apart. */
void fbg_affine(const fbg_spline *spline, const double *y, const double *x, size_t count,
                double *values, size_t stride);

/* Its adjoint: adds the derivatives by the 3 K polynomial coefficients, from those by the values. */
void fbg_affine_adjoint(int channels, const double *y, const double *x, size_t count,
                        const float *slope, size_t stride, double *polynomial);

/* Both at the nodes of a box, y[FBG_NODES] by x[FBG_NODES]. */
void fbg_affine_grid(const fbg_spline *spline, const double *y, const double *x, double *values);
void fbg_affine_grid_adjoint(int channels, const double *y, const double *x, const float *slope,
                             double *polynomial);

#endif
