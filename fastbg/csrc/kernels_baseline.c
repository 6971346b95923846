/* The instruction set of every processor of the architecture: SSE2 on x86-64, NEON on 64-bit Arm. */
#define FBG_KERNELS fbg_kernels_baseline
#define FBG_SAMPLE_PASSES fbg_sample_passes_baseline
#ifdef __aarch64__
#define FBG_KERNELS_NAME "neon"
#else
#define FBG_KERNELS_NAME "baseline"
#endif
#include "kernels.inc"
