/* x86-64-v3: AVX2 and FMA. */
#define FBG_KERNELS fbg_kernels_avx2
#define FBG_SAMPLE_PASSES fbg_sample_passes_avx2
#define FBG_KERNELS_NAME "avx2"
#include "kernels.inc"
