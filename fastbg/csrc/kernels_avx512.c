/* x86-64-v4: AVX-512 F, BW, DQ, VL and CD, in full-width registers. */
#define FBG_KERNELS fbg_kernels_avx512
#define FBG_SAMPLE_PASSES fbg_sample_passes_avx512
#define FBG_KERNELS_NAME "avx512"
#include "kernels.inc"
