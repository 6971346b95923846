/* Which instruction set to use: one table, filled when the code is loaded. */
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

static table the_table;

/* Runs when the code is loaded, before any thread can ask. */
__attribute__((constructor)) static void fill(void)
{
    table *t = &the_table;
#ifdef FBG_X86
    __builtin_cpu_init();
    if (has_avx512())
        add(t, &fbg_kernels_avx512);
    if (has_avx2())
        add(t, &fbg_kernels_avx2);
#endif
    add(t, &fbg_kernels_baseline);
    t->active = t->kernels[0];
    const char *wanted = getenv("FASTBG_ISA");
    for (int i = 0; wanted && t->names[i]; i++)
        if (strcmp(wanted, t->names[i]) == 0)
            t->active = t->kernels[i];
}

const fbg_kernels *fbg_active_kernels(void) { return the_table.active; }
const char *const *fbg_instruction_sets(void) { return the_table.names; }
const char *fbg_instruction_set(void) { return the_table.active->name; }
