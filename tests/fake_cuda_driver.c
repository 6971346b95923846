/* A CUDA driver without a device: memory is the host's, kernels are counted and not run.
 *
 * numba compiles, links, allocates, copies and launches as ever, which tests all of fastbg's side
 * but what kernels compute. Releases of numba-cuda look functions up by name or by
 * cuGetProcAddress, which has one that does nothing for those that are not here. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OUT_OF_MEMORY = 2, NOT_FOUND = 500, LAUNCH_FAILED = 719, CAPTURE_INVALIDATED = 901 };

/* What tests read and set. */
long fake_live, fake_peak, fake_allocations;
long fake_launches, fake_graphs; /* calls of the host */
long fake_kernels, fake_blocks;  /* what they did */
long fake_sent, fake_waits;      /* copies to the device, and waits for a stream */
long fake_streams;
long fake_live_graphs, fake_captures_fail;
long fake_most_allocations = -1, fake_most_launches = -1;

typedef unsigned long long Address;
static char context[8];
static __thread void *current;

static int handle(void **out) { *out = malloc(8); return 0; }
static int number(int *out, int value) { *out = value; return 0; }

int cuInit(unsigned flags) { return 0; }
int cuDriverGetVersion(int *out) { return number(out, 13090); }
int cuDeviceGetCount(int *out) { return number(out, 1); }
int cuDeviceGet(int *out, int ordinal) { return number(out, ordinal); }
int cuCtxGetDevice(int *out) { return number(out, 0); }
int cuFuncGetAttribute(int *out, int which, void *function) { return number(out, which ? 32 : 1024); }
int cuKernelGetAttribute(int *out, int which, void *kernel, int device) { return number(out, 32); }

int cuDeviceGetAttribute(int *out, int which, int device) {
    switch (which) {
    case 1: case 2: return number(out, 1024); /* threads of a block */
    case 5: return number(out, 2147483647); /* blocks of a grid */
    case 6: case 7: return number(out, 65535);
    case 8: return number(out, 49152); /* shared memory */
    case 10: return number(out, 32);
    case 16: return number(out, 28);
    case 75: return number(out, 8); /* compute capability */
    case 76: return number(out, 6);
    default: return number(out, 1);
    }
}

int cuDeviceGetName(char *out, int size, int device) {
    memset(out, 0, size);
    strncpy(out, "Fake GPU", size - 1);
    return 0;
}

int cuDeviceGetUuid_v2(char *out, int device) { memset(out, 7, 16); return 0; }
int cuDevicePrimaryCtxRetain(void **out, int device) { *out = context; return 0; }
int cuCtxGetCurrent(void **out) { *out = current; return 0; }
int cuCtxSetCurrent(void *in) { current = in; return 0; }
int cuCtxPushCurrent_v2(void *in) { current = in; return 0; }
int cuCtxPopCurrent_v2(void **out) { *out = current; current = 0; return 0; }
int cuCtxGetApiVersion(void *in, unsigned *out) { *out = 13090; return 0; }

int cuMemGetInfo_v2(size_t *unused, size_t *total) {
    *total = 8000000000;
    *unused = *total - fake_live;
    return 0;
}

int cuMemAlloc_v2(Address *out, size_t size) {
    if (fake_most_allocations >= 0 && fake_allocations >= fake_most_allocations) return OUT_OF_MEMORY;
    fake_allocations++;
    size_t *block = malloc(size + 64);
    *block = size;
    fake_live += size;
    if (fake_live > fake_peak) fake_peak = fake_live;
    *out = (Address)block + 64;
    return 0;
}

int cuMemFree_v2(Address in) {
    size_t *block = (size_t *)(in - 64);
    fake_live -= *block;
    free(block);
    return 0;
}

int cuMemHostAlloc(void **out, size_t size, unsigned flags) { *out = malloc(size); return 0; }
int cuMemFreeHost(void *in) { free(in); return 0; }

static int copy(Address to, Address from, size_t size) {
    memcpy((void *)to, (void *)from, size);
    return 0;
}

static int send(Address to, Address from, size_t size) {
    fake_sent++;
    return copy(to, from, size);
}

int cuMemcpyHtoD_v2(Address to, Address from, size_t size) { return send(to, from, size); }
int cuMemcpyHtoDAsync_v2(Address to, Address from, size_t size, void *s) { return send(to, from, size); }
int cuMemcpyDtoH_v2(Address to, Address from, size_t size) { return copy(to, from, size); }
int cuMemcpyDtoHAsync_v2(Address to, Address from, size_t size, void *s) { return copy(to, from, size); }

int cuStreamSynchronize(void *stream) {
    fake_waits++;
    return 0;
}

int cuCtxSynchronize(void) { return cuStreamSynchronize(NULL); }
int cuStreamCreate(void **out, unsigned flags) {
    fake_streams++;
    return handle(out);
}

int cuStreamCreateWithPriority(void **out, unsigned flags, int priority) {
    return cuStreamCreate(out, flags);
}

int cuEventCreate(void **out, unsigned flags) { return handle(out); }
int cuEventElapsedTime(float *out, void *before, void *after) { *out = 1; return 0; }
int cuEventElapsedTime_v2(float *out, void *before, void *after) { *out = 1; return 0; }

int cuLinkCreate_v2(unsigned n, int *o, void **v, void **out) { return handle(out); }
int cuLinkComplete(void *state, void **cubin, size_t *size) {
    *size = 64;
    *cubin = calloc(1, *size);
    return 0;
}
int cuModuleLoadDataEx(void **out, const void *image, unsigned n, int *o, void **v) { return handle(out); }
int cuModuleGetFunction(void **out, void *module, const char *name) { return handle(out); }
int cuModuleGetGlobal_v2(Address *out, size_t *size, void *module, const char *name) { return NOT_FOUND; }
int cuLibraryLoadData(void **out, const void *image, int *o, void **v, unsigned n, int *lo, void **lv,
                      unsigned ln) { return handle(out); }
int cuLibraryGetKernel(void **out, void *library, const char *name) { return handle(out); }
int cuLibraryGetModule(void **out, void *library) { return handle(out); }
int cuLibraryGetGlobal(Address *out, size_t *size, void *library, const char *name) { return NOT_FOUND; }
int cuKernelGetFunction(void **out, void *kernel) { *out = kernel; return 0; }

typedef struct { long kernels, blocks; } Graph;
static Graph *captured; /* while a stream is */

static int launch(long x, long y, long z) {
    if (captured) {
        captured->kernels++;
        captured->blocks += x * y * z;
        return 0;
    }
    if (fake_most_launches >= 0 && fake_launches >= fake_most_launches) return LAUNCH_FAILED;
    fake_launches++;
    fake_kernels++;
    fake_blocks += x * y * z;
    return 0;
}

int cuStreamBeginCapture_v2(void *stream, int mode) {
    captured = calloc(1, sizeof *captured);
    fake_live_graphs++;
    return 0;
}

int cuGraphDestroy(Graph *graph) {
    free(graph);
    fake_live_graphs--;
    return 0;
}

int cuStreamEndCapture(void *stream, Graph **out) {
    *out = captured;
    captured = NULL;
    if (!fake_captures_fail) return 0;
    cuGraphDestroy(*out);
    *out = NULL;
    return CAPTURE_INVALIDATED;
}

int cuGraphInstantiateWithFlags(Graph **out, Graph *graph, unsigned long long flags) {
    *out = malloc(sizeof **out);
    **out = *graph;
    fake_live_graphs++;
    return 0;
}

int cuGraphExecDestroy(Graph *graph) { return cuGraphDestroy(graph); }

int cuGraphLaunch(Graph *graph, void *stream) {
    fake_graphs++;
    fake_kernels += graph->kernels;
    fake_blocks += graph->blocks;
    return 0;
}

int cuLaunchKernel(void *function, unsigned x, unsigned y, unsigned z, unsigned bx, unsigned by,
                   unsigned bz, unsigned shared, void *stream, void **arguments, void **extra) {
    return launch(x, y, z);
}

int cuLaunchKernelEx(unsigned *size, void *function, void **arguments, void **extra) {
    return launch(size[0], size[1], size[2]);
}

int cuGetErrorName(int code, const char **out) {
    *out = code == OUT_OF_MEMORY ? "CUDA_ERROR_OUT_OF_MEMORY" : "CUDA_ERROR_LAUNCH_FAILED";
    return 0;
}

int cuGetErrorString(int code, const char **out) { *out = "it failed"; return 0; }

static int nothing(void) { return 0; }

int cuGetProcAddress_v2(const char *name, void **out, int version, uint64_t flags, int *status) {
    char versioned[200];
    Dl_info here;
    dladdr(context, &here);
    void *self = dlopen(here.dli_fname, RTLD_NOLOAD | RTLD_LAZY);
    snprintf(versioned, sizeof versioned, "%s_v2", name);
    *out = dlsym(self, versioned);
    if (!*out) *out = dlsym(self, name);
    if (!*out) *out = (void *)nothing;
    if (status) *status = 0;
    return 0;
}
