#include "threads.h"

#ifdef _WIN32
#include <windows.h>
typedef HANDLE thread_handle;
typedef volatile LONG64 counter;
#define COUNTER_NEXT(c) ((size_t)(InterlockedIncrement64(c) - 1))
#define THREAD_RESULT DWORD WINAPI
#else
#include <pthread.h>
#include <stdatomic.h>
typedef pthread_t thread_handle;
typedef atomic_size_t counter;
#define COUNTER_NEXT(c) atomic_fetch_add_explicit(c, 1, memory_order_relaxed)
#define THREAD_RESULT void *
#endif

enum { MAX_THREADS = 256 };

typedef struct {
    fbg_task task;
    void *context;
    size_t count;
    counter next;
} loop;

typedef struct {
    loop *shared;
    int index;
} worker;

static void work(loop *shared, int index)
{
    for (size_t i = COUNTER_NEXT(&shared->next); i < shared->count; i = COUNTER_NEXT(&shared->next))
        shared->task(shared->context, i, index);
}

static THREAD_RESULT thread_main(void *argument)
{
    const worker *self = argument;
    work(self->shared, self->index);
    return 0;
}

static int start(thread_handle *thread, worker *self)
{
#ifdef _WIN32
    *thread = CreateThread(NULL, 0, thread_main, self, 0, NULL);
    return *thread != NULL;
#else
    return pthread_create(thread, NULL, thread_main, self) == 0;
#endif
}

static void join(thread_handle thread)
{
#ifdef _WIN32
    WaitForSingleObject(thread, INFINITE);
    CloseHandle(thread);
#else
    pthread_join(thread, NULL);
#endif
}

int fbg_usable_threads(int threads)
{
    return threads < 1 ? 1 : threads < MAX_THREADS ? threads : MAX_THREADS;
}

void fbg_parallel(int threads, size_t count, fbg_task task, void *context)
{
    thread_handle handles[MAX_THREADS];
    worker workers[MAX_THREADS];
    loop shared = {.task = task, .context = context, .count = count};
    int started = 0;

    threads = fbg_usable_threads(threads);
    for (int i = 1; i < threads && (size_t)i < count; i++) {
        workers[started] = (worker){&shared, i};
        if (start(&handles[started], &workers[started]))
            started++;
    }
    work(&shared, 0);
    for (int i = 0; i < started; i++)
        join(handles[i]);
}
