/* A parallel loop, and nothing else. */
#ifndef FBG_THREADS_H
#define FBG_THREADS_H

#include <stddef.h>

typedef void (*fbg_task)(void *context, size_t index, int worker);

/* Calls task(context, index, worker) once for each index in [0, count), on up to `threads`
 * threads, the caller's among them; worker < threads tells which one. Which thread takes which
 * index is not determined. Threads live for one call: nothing is shared between callers, and a
 * process may fork between calls. If a thread cannot be started, the others do its work. */
void fbg_parallel(int threads, size_t count, fbg_task task, void *context);

/* The number of threads that fbg_parallel would use at most: at least 1. */
int fbg_usable_threads(int threads);

#endif
