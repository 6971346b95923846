/* x86-64-v4: see kernels_avx512.c. */
#define FBG_SAMPLE_PASSES fbg_sample_passes_avx512
#include "samples.inc"
