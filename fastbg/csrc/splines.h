/* A parameter vector in the kernels' layout, and its affine part. */
#ifndef FBG_SPLINES_H
#define FBG_SPLINES_H

#include "kernels.h"

/* Floats of memory for a spline of n centres. */
size_t fbg_spline_floats(size_t n, int channels);

/* All n centres of a parameter vector, relative to (0, 0), in `memory`. */
fbg_spline fbg_whole_spline(float *memory, const double *parameters, size_t n, int channels,
                            int order);

/* An empty spline in `memory`, with room for all centres of `whole`. */
fbg_spline fbg_spline_like(const fbg_spline *whole, float *memory);

/* Appends centre i of the parameter vector, relative to the origin (y, x). */
void fbg_spline_append(fbg_spline *spline, size_t i, double y, double x);

/* values = the affine part of S at `count` points. Planes are `stride` numbers apart. */
void fbg_affine(const fbg_spline *spline, const double *y, const double *x, size_t count,
                double *values, size_t stride);

/* Its adjoint: adds what a derivative by each value means for the 3 K polynomial coefficients. */
void fbg_affine_adjoint(int channels, const double *y, const double *x, size_t count,
                        const float *slope, size_t stride, double *polynomial);

#endif
