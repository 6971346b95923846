/* The memory of a robust fit; kernels.inc and surface.inc have the fit itself. */
#include "kernels.h"

#include <stdlib.h>
#include <string.h>

fbg_status fbg_fit_surface(const fbg_mesh *mesh, const fbg_modes *modes,
                           const fbg_protection *protection, fbg_surface *surface)
{
    const size_t n = mesh->rows * mesh->columns, used = modes->used, channels = mesh->channels;
    /* Whole panels, whatever the instruction set. */
    const size_t width = (used + channels + FBG_PANELS - 1) / FBG_PANELS * FBG_PANELS;
    double *doubles = calloc((used + channels + FBG_SIDE) * width + used, sizeof *doubles);
    float *floats = calloc(5 * n + mesh->columns + 2 * protection->radius + used * used +
                               channels * (used + 2 * width) + FBG_CELLS * width + FBG_SIDE,
                           sizeof *floats);
    const fbg_status status = doubles && floats ? FBG_OK : FBG_NO_MEMORY;
    if (status == FBG_OK) {
        fbg_surface_scratch s = {.width = width, .normal = doubles};
        s.unit = s.normal + (used + channels + FBG_SIDE) * width;
        s.share = floats;
        s.left = s.share + n;
        s.off = s.left + n;
        s.nearby = s.off + n;
        s.around = s.nearby + n;
        s.line = s.around + n;
        s.factor = s.line + mesh->columns + 2 * protection->radius;
        s.step = s.factor + used * used;
        s.single = s.step + channels * used;
        s.part = s.single + channels * width;
        s.block = s.part + channels * width;
        memset(surface->values, 0, channels * n * sizeof *surface->values);
        memset(surface->coordinates, 0, channels * used * sizeof *surface->coordinates);
        fbg_active_kernels()->fit_surface(mesh, modes, protection, surface, &s);
    }
    free(doubles);
    free(floats);
    return status;
}
