/* Which instruction set to use: one table, filled once. */
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

enum { MOST = 4 };

typedef struct {
    const fbg_kernels *kernels[MOST];
    const char *names[MOST]; /* NULL-terminated */
    const fbg_kernels *active;
} table;

static void add(table *t, const fbg_kernels *kernels)
{
    int i = 0;
    while (t->names[i])
        i++;
    t->kernels[i] = kernels;
    t->names[i] = kernels->name;
}

#ifdef FBG_X86
static int has_avx2(void)
{
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
           __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2");
}

static int has_avx512(void)
{
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
           __builtin_cpu_supports("avx512cd");
}
#endif

static table fill(void)
{
    table t = {{0}, {0}, 0};
#ifdef FBG_X86
    if (has_avx512())
        add(&t, &fbg_kernels_avx512);
    if (has_avx2())
        add(&t, &fbg_kernels_avx2);
#endif
    add(&t, &fbg_kernels_baseline);
    t.active = t.kernels[0];
    const char *wanted = getenv("FASTBG_ISA");
    for (int i = 0; wanted && t.names[i]; i++)
        if (strcmp(wanted, t.names[i]) == 0)
            t.active = t.kernels[i];
    return t;
}

/* Filled under the interpreter lock, by the first call, when the module is loaded. */
static const table *the_table(void)
{
    static table t;
    if (!t.active)
        t = fill();
    return &t;
}

const fbg_kernels *fbg_active_kernels(void) { return the_table()->active; }
const char *const *fbg_instruction_sets(void) { return the_table()->names; }
const char *fbg_instruction_set(void) { return the_table()->active->name; }
