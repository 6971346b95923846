/* A parallel loop, and nothing else. */
#ifndef FBG_THREADS_H
#define FBG_THREADS_H

#include <stddef.h>

typedef void (*fbg_task)(void *context, size_t index, int worker);

/* Threads that are kept for the next loop. They ask for it for some ten microseconds, since the
 * evaluations of a descent follow each other closely, and then sleep until they are woken. */
typedef struct fbg_team fbg_team;

/* A team without threads, which the first loop starts; NULL if there is no memory. */
fbg_team *fbg_team_make(void);

/* Ends its threads; no loop may be running. NULL is no team. */
void fbg_team_free(fbg_team *team);

/* Calls task(context, index, worker) once for each index in [0, count), on up to `threads`
 * threads, the caller's among them; worker < threads tells which one. Which thread takes which
 * index is not determined. If a thread cannot be started, the others do its work.
 *
 * The threads are those of the team. Without one (NULL), while another loop has it, and in a process
 * that was forked, where its threads are not, they are started for this loop and end with it. */
void fbg_parallel(fbg_team *team, int threads, size_t count, fbg_task task, void *context);

/* The number of threads that fbg_parallel would use at most: at least 1. */
int fbg_usable_threads(int threads);

#endif
