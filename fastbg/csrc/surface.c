/* The memory of a robust fit; surface.inc has the fit itself. */
#include "kernels.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { LINE = 16 /* floats of a line of a processor's cache */ };

/* The modes that are used, without gaps between the cells: they are read some dozens of times. */
static fbg_modes packed(const fbg_modes *modes, size_t n, size_t stride, float *matrix)
{
    fbg_modes own = *modes;
    own.matrix = matrix;
    own.stride = stride;
    for (size_t p = 0; p < n; p++)
        memcpy(matrix + p * stride, modes->matrix + p * modes->stride, modes->used * sizeof *matrix);
    return own;
}

fbg_status fbg_fit_surface(const fbg_mesh *mesh, const fbg_modes *modes,
                           const fbg_protection *protection, fbg_surface *surface)
{
    const size_t n = mesh->rows * mesh->columns, used = modes->used, channels = mesh->channels;
    /* Whole panels, whatever the instruction set. */
    const size_t width = (used + FBG_PANELS - 1) / FBG_PANELS * FBG_PANELS;
    double *doubles = calloc((used + FBG_SIDE + channels) * width + (1 + channels) * used + 2 * channels,
                             sizeof *doubles);
    const size_t stride = (used + LINE - 1) / LINE * LINE;
    float *floats = calloc((stride + 5 + channels) * n + mesh->columns + 2 * protection->radius + used * used +
                               2 * channels * (used + width) + FBG_CELLS * width + FBG_SIDE + LINE,
                           sizeof *floats);
    const fbg_status status = doubles && floats ? FBG_OK : FBG_NO_MEMORY;
    if (status == FBG_OK) {
        fbg_surface_scratch s = {.width = width, .normal = doubles};
        s.slopes = s.normal + (used + FBG_SIDE) * width;
        s.unit = s.slopes + channels * width;
        s.rest = s.unit + used;
        s.down = s.rest + channels * used;
        s.before = s.down + channels;
        float *const matrix = floats + (-((uintptr_t)floats / sizeof *floats) & (LINE - 1));
        const fbg_modes own = packed(modes, n, stride, matrix);
        s.block = matrix + n * stride;
        s.share = s.block + FBG_CELLS * width + FBG_SIDE;
        s.left = s.share + n;
        s.off = s.left + n;
        s.nearby = s.off + n;
        s.around = s.nearby + n;
        s.change = s.around + n;
        s.line = s.change + channels * n;
        s.factor = s.line + mesh->columns + 2 * protection->radius;
        s.step = s.factor + used * used;
        s.way = s.step + channels * used;
        s.single = s.way + channels * used;
        s.part = s.single + channels * width;
        memset(surface->values, 0, channels * n * sizeof *surface->values);
        memset(surface->coordinates, 0, channels * used * sizeof *surface->coordinates);
        fbg_active_kernels()->fit_surface(mesh, &own, protection, surface, &s);
    }
    free(doubles);
    free(floats);
    return status;
}
