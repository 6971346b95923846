/* The memory of a robust fit; surface.inc has the fit itself. */
#include "kernels.h"

#include <stdint.h>
#include <stdlib.h>

enum { LINE = 16 /* floats of a line of a processor's cache */ };

/* Where the functions of each parity are, and the coordinates in the order of the parities. */
static void sort(const fbg_modes *modes, fbg_surface_scratch *s)
{
    const float *matrix = modes->matrix, *means = modes->means;
    size_t first = 0;
    for (int parity = 0; parity < FBG_PARITIES; parity++) {
        fbg_parity own = {first, 0, 0, matrix, means};
        for (size_t i = 0; i < modes->number; i++)
            if (modes->parity[i] == parity) {
                own.number++;
                if (i < modes->used) {
                    own.used++;
                    s->price[first] = i < modes->free ? 0 : modes->stiffness;
                    s->order[i] = first++;
                }
            }
        s->parities[parity] = own;
        matrix += own.number * modes->groups * FBG_GROUP;
        means += own.number * modes->blocks;
    }
}

fbg_status fbg_fit_surface(const fbg_mesh *mesh, const fbg_modes *modes,
                           const fbg_protection *protection, fbg_surface *surface)
{
    const size_t n = mesh->rows * mesh->columns, used = modes->used, channels = mesh->channels;
    const size_t places = fbg_places(modes), coordinates = channels * used;
    size_t *order = calloc(used, sizeof *order);
    double *doubles = calloc(2 * used + 3 * coordinates + 2 * channels, sizeof *doubles);
    float *floats = calloc((FBG_LANES + 3) * coordinates + 3 * channels * places + used * used + 5 * n +
                               (2 + FBG_PARITIES + FBG_TILE + used) * places + mesh->columns +
                               2 * protection->radius + LINE,
                           sizeof *floats);
    const fbg_status status = order && doubles && floats ? FBG_OK : FBG_NO_MEMORY;
    if (status == FBG_OK) {
        fbg_surface_scratch s = {.order = order, .price = doubles};
        s.unit = s.price + used;
        s.coordinates = s.unit + used;
        s.slopes = s.coordinates + coordinates;
        s.rest = s.slopes + coordinates;
        s.down = s.rest + coordinates;
        s.before = s.down + channels;
        /* Vectors of these do not lie across two lines: the number of places is a multiple of theirs. */
        s.part = floats + (-((uintptr_t)floats / sizeof *floats) & (LINE - 1));
        s.values = s.part + FBG_LANES * coordinates;
        s.found = s.values + channels * places;
        s.change = s.found + channels * places;
        s.counted = s.change + channels * places;
        s.factored = s.counted + places;
        s.weights = s.factored + places;
        s.weighted = s.weights + FBG_PARITIES * places;
        s.apart = s.weighted + FBG_TILE * places;
        s.factor = s.apart + used * places;
        s.step = s.factor + used * used;
        s.way = s.step + coordinates;
        s.single = s.way + coordinates;
        s.share = s.single + coordinates;
        s.left = s.share + n;
        s.off = s.left + n;
        s.nearby = s.off + n;
        s.around = s.nearby + n;
        s.line = s.around + n;
        sort(modes, &s);
        fbg_active_kernels()->fit_surface(mesh, modes, protection, surface, &s);
    }
    free(order);
    free(doubles);
    free(floats);
    return status;
}
