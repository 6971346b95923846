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
#ifdef _MSC_VER
#include <immintrin.h>
#include <intrin.h>

static int has(int leaf, int reg, unsigned mask)
{
    int r[4];
    __cpuidex(r, leaf, 0);
    return ((unsigned)r[reg] & mask) == mask;
}

/* FMA, OSXSAVE; AVX2, BMI1, BMI2; AVX-512 F, DQ, CD, BW, VL; and the system saves the registers. */
static int has_avx2(void)
{
    return has(1, 2, 1u << 12 | 1u << 27) && has(7, 1, 1u << 3 | 1u << 5 | 1u << 8) &&
           (_xgetbv(0) & 0x6) == 0x6;
}

static int has_avx512(void)
{
    return has_avx2() && has(7, 1, 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31) &&
           (_xgetbv(0) & 0xe6) == 0xe6;
}
#else
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
