#include "threads.h"

#include <stdlib.h>

#ifdef _WIN32
#include <windows.h>
typedef HANDLE thread_handle;
typedef SRWLOCK lock;
typedef CONDITION_VARIABLE condition;
#define THREAD_RESULT DWORD WINAPI
#define LOCK_INIT(l) InitializeSRWLock(l)
#define LOCK(l) AcquireSRWLockExclusive(l)
#define UNLOCK(l) ReleaseSRWLockExclusive(l)
#define CONDITION_INIT(c) InitializeConditionVariable(c)
#define WAIT(c, l) SleepConditionVariableSRW(c, l, INFINITE, 0)
#define WAKE_ALL(c) WakeAllConditionVariable(c)
#define DESTROY(l, c) (void)0
#define PROCESS() 0 /* Windows does not fork. */
#else
#include <pthread.h>
#include <unistd.h>
typedef pthread_t thread_handle;
typedef pthread_mutex_t lock;
typedef pthread_cond_t condition;
#define THREAD_RESULT void *
#define LOCK_INIT(l) pthread_mutex_init(l, NULL)
#define LOCK(l) pthread_mutex_lock(l)
#define UNLOCK(l) pthread_mutex_unlock(l)
#define CONDITION_INIT(c) pthread_cond_init(c, NULL)
#define WAIT(c, l) pthread_cond_wait(c, l)
#define WAKE_ALL(c) pthread_cond_broadcast(c)
#define DESTROY(l, c) (pthread_mutex_destroy(l), pthread_cond_destroy(c))
#define PROCESS() getpid()
#endif

#ifdef FBG_X86
#define PAUSE() __builtin_ia32_pause()
#elif defined __aarch64__
#define PAUSE() __asm__ volatile("isb")
#else
#define PAUSE() (void)0
#endif

/* Builtins of gcc and clang, since <stdatomic.h> is not everywhere. */
#define GET(value) __atomic_load_n(&(value), __ATOMIC_ACQUIRE)
#define SET(value, to) __atomic_store_n(&(value), to, __ATOMIC_RELEASE)

enum { MAX_THREADS = 256, SPINS = 4000 };

typedef struct {
    fbg_team *team;
    int index;
    thread_handle handle;
} worker;

struct fbg_team {
    /* The loop that was begun last. */
    fbg_task task;
    void *context;
    size_t count, next;
    size_t running; /* workers that are still in it */

    /* The number of loops that were begun times MAX_THREADS, plus the number of workers that the last
     * one has: these leave before another may begin, and the others need not look at it. */
    size_t turn;
    int stopping, busy, started, process;
    lock sleeping;
    condition changed; /* turn, or running */
    worker workers[MAX_THREADS];
};

static void work(fbg_team *team, int index)
{
    for (;;) {
        const size_t i = __atomic_fetch_add(&team->next, 1, __ATOMIC_RELAXED);
        if (i >= team->count)
            return;
        team->task(team->context, i, index);
    }
}

static void announce(fbg_team *team)
{
    LOCK(&team->sleeping);
    WAKE_ALL(&team->changed);
    UNLOCK(&team->sleeping);
}

/* Waits until a number of the team is no longer what it was, and returns what it is then. */
static size_t changed_from(fbg_team *team, const size_t *number, size_t was)
{
    for (int i = 0; i < SPINS && GET(*number) == was; i++)
        PAUSE();
    if (GET(*number) == was) {
        LOCK(&team->sleeping);
        while (GET(*number) == was)
            WAIT(&team->changed, &team->sleeping);
        UNLOCK(&team->sleeping);
    }
    return GET(*number);
}

static THREAD_RESULT thread_main(void *argument)
{
    const worker *self = argument;
    fbg_team *team = self->team;
    size_t turn = 0;
    for (;;) {
        turn = changed_from(team, &team->turn, turn);
        if (GET(team->stopping))
            return 0;
        if ((size_t)self->index > turn % MAX_THREADS)
            continue;
        work(team, self->index);
        __atomic_sub_fetch(&team->running, 1, __ATOMIC_RELEASE);
        announce(team);
    }
}

static int start(worker *self)
{
#ifdef _WIN32
    self->handle = CreateThread(NULL, 0, thread_main, self, 0, NULL);
    return self->handle != NULL;
#else
    return pthread_create(&self->handle, NULL, thread_main, self) == 0;
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

static void init(fbg_team *team)
{
    team->turn = team->stopping = team->busy = team->started = 0;
    team->process = PROCESS();
    LOCK_INIT(&team->sleeping);
    CONDITION_INIT(&team->changed);
}

static void begin_turn(fbg_team *team, int workers)
{
    SET(team->turn, (team->turn / MAX_THREADS + 1) * MAX_THREADS + workers);
    announce(team);
}

static void dismiss(fbg_team *team)
{
    SET(team->stopping, 1);
    begin_turn(team, 0);
    for (int i = 0; i < team->started; i++)
        join(team->workers[i].handle);
    DESTROY(&team->sleeping, &team->changed);
}

fbg_team *fbg_team_make(void)
{
    fbg_team *team = malloc(sizeof *team);
    if (team)
        init(team);
    return team;
}

void fbg_team_free(fbg_team *team)
{
    if (team && team->process == PROCESS())
        dismiss(team);
    free(team);
}

static void run(fbg_team *team, int threads, size_t count, fbg_task task, void *context)
{
    const int wanted = (count < (size_t)threads ? (int)count : threads) - 1;
    while (team->started < wanted) {
        worker *next = &team->workers[team->started];
        *next = (worker){.team = team, .index = team->started + 1};
        if (!start(next))
            break;
        team->started++;
    }
    const int workers = team->started < wanted ? team->started : wanted;
    team->task = task, team->context = context, team->count = count, team->next = 0;
    SET(team->running, workers > 0 ? workers : 0);
    if (workers > 0)
        begin_turn(team, workers);
    work(team, 0);
    for (size_t left = GET(team->running); left > 0;)
        left = changed_from(team, &team->running, left);
}

int fbg_usable_threads(int threads)
{
    return threads < 1 ? 1 : threads < MAX_THREADS ? threads : MAX_THREADS;
}

void fbg_parallel(fbg_team *team, int threads, size_t count, fbg_task task, void *context)
{
    threads = fbg_usable_threads(threads);
    if (team && team->process == PROCESS() &&
        !__atomic_exchange_n(&team->busy, 1, __ATOMIC_ACQUIRE)) {
        run(team, threads, count, task, context);
        SET(team->busy, 0);
    } else {
        fbg_team own;
        init(&own);
        run(&own, threads, count, task, context);
        dismiss(&own);
    }
}
