/* x86-64-v3: see kernels_avx2.c. */
#define FBG_SAMPLE_PASSES fbg_sample_passes_avx2
#include "samples.inc"
