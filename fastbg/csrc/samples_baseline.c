/* The instruction set of every processor of the architecture: see kernels_baseline.c. */
#define FBG_SAMPLE_PASSES fbg_sample_passes_baseline
#include "samples.inc"
