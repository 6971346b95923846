/* What every processor of the architecture has: SSE2 on x86-64, NEON on 64-bit Arm. */
#define FBG_KERNELS fbg_kernels_baseline
#define FBG_KERNELS_NAME "baseline"
#include "kernels.inc"
