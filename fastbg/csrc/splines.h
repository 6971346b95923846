/* A spline in the kernels' layout, made from a parameter vector. */
#ifndef FBG_SPLINES_H
#define FBG_SPLINES_H

#include "kernels.h"

/* Takes one allocation, freed by fbg_spline_free. */
fbg_status fbg_spline_init(fbg_spline *spline, const double *parameters, size_t n, int channels,
                           int order);
void fbg_spline_free(fbg_spline *spline);

#endif
