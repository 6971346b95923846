#include "axis.h"

#include <math.h>
#include <stdlib.h>

static const double PI = 3.14159265358979323846;

/* Chebyshev node of the first kind on [-1, 1]. */
static double node(int j) { return -cos((2 * j + 1) * PI / (2 * FBG_NODES)); }

/* The nodes, and the reciprocal of each Lagrange polynomial's product at its own node. */
typedef struct {
    double node[FBG_NODES], scale[FBG_NODES];
} lagrange_basis;

static lagrange_basis basis_of_nodes(void)
{
    lagrange_basis basis;
    for (int j = 0; j < FBG_NODES; j++)
        basis.node[j] = node(j);
    for (int j = 0; j < FBG_NODES; j++) {
        double product = 1;
        for (int m = 0; m < FBG_NODES; m++)
            if (m != j)
                product *= basis.node[j] - basis.node[m];
        basis.scale[j] = 1 / product;
    }
    return basis;
}

/* The Lagrange polynomial of node j at t. */
static double lagrange(const lagrange_basis *basis, int j, double t)
{
    double product = basis->scale[j];
    for (int m = 0; m < FBG_NODES; m++)
        product *= m == j ? 1 : t - basis->node[m];
    return product;
}

typedef struct {
    double centre, half;
} interval;

/* The pixels of a box. One pixel still makes an interval: nodes need room. */
static interval box_of(const double *coordinates, size_t size, int level, size_t box)
{
    const size_t side = FBG_BLOCKS_PER_BOX(level) * FBG_SIDE;
    const size_t first = box * side, last = (first + side < size ? first + side : size) - 1;
    const double low = coordinates[first], high = coordinates[last];
    const double least = size > 1 ? fabs(coordinates[size - 1] - coordinates[0]) / (2 * size) : 0.01;
    const double half = (high - low) / 2;
    return (interval){(low + high) / 2, half > least ? half : least};
}

static size_t boxes_of(size_t size, int level)
{
    const size_t side = FBG_BLOCKS_PER_BOX(level) * FBG_SIDE;
    return (size + side - 1) / side;
}

/* Nodes, and the matrices from and to those of the parents. */
static void fill_boxes(fbg_axis_level *l, const double *coordinates, size_t size, int level,
                       const lagrange_basis *basis)
{
    for (size_t b = 0; b < l->boxes; b++) {
        const interval box = box_of(coordinates, size, level, b);
        l->centre[b] = box.centre;
        l->half[b] = box.half;
        for (int j = 0; j < FBG_NODES; j++)
            l->nodes[b][j] = box.centre + box.half * basis->node[j];
        if (level == 0)
            continue;
        const interval parent = box_of(coordinates, size, level - 1, b / 2);
        for (int j = 0; j < FBG_NODES; j++) {
            const double t = (l->nodes[b][j] - parent.centre) / parent.half;
            for (int of_parent = 0; of_parent < FBG_NODES; of_parent++)
                l->up[b][j][of_parent] = l->down[b][of_parent][j] = lagrange(basis, of_parent, t);
        }
    }
}

/* The basis of a box at a pixel of it, at t in [-1, 1]. */
static void fill_pixel(fbg_axis *axis, int level, size_t pixel, double t, const lagrange_basis *basis)
{
    const size_t block = pixel / FBG_SIDE, i = pixel % FBG_SIDE;
    const fbg_axis_level *l = &axis->levels[level];
    double values[FBG_NODES];
    for (int j = 0; j < FBG_NODES; j++) {
        values[j] = lagrange(basis, j, t);
        if (level == FBG_LEAF)
            axis->leaf_basis[block][j][i] = values[j];
    }
    if (l->adjoint) {
        for (int j = 0; j < FBG_NODES; j++)
            l->basis[block][j][i] = l->adjoint[block][i][j] = (float)values[j];
        return;
    }
    for (int j = 0; j < FBG_NODES / 2; j++) {
        const double mirrored = values[FBG_NODES - 1 - j];
        l->basis[block][j][i] = (float)((values[j] + mirrored) / 2);
        l->basis[block][FBG_NODES / 2 + j][i] = (float)((values[j] - mirrored) / 2);
    }
}

static void fill_pixels(fbg_axis *axis, int level, const lagrange_basis *basis)
{
    const double unequal = 1e-9; /* of half a box: less than a rounding of the basis to float32 */
    const fbg_axis_level *l = &axis->levels[level];
    const size_t side = FBG_BLOCKS_PER_BOX(level) * FBG_SIDE, pixels = axis->blocks * FBG_SIDE;
    for (size_t b = 0; b < l->boxes; b++) {
        const size_t first = b * side, last = first + side - 1;
        l->symmetric[b] = last < axis->size;
        for (size_t i = first; i <= last && i < pixels; i++) {
            const double off = axis->coordinates[i] - l->centre[b];
            fill_pixel(axis, level, i, off / l->half[b], basis);
            if (l->symmetric[b]) {
                const double mirrored = axis->coordinates[first + last - i] - l->centre[b];
                l->symmetric[b] = fabs(off + mirrored) <= unequal * l->half[b];
            }
        }
    }
}

fbg_status fbg_axis_init(fbg_axis *axis, int top, fbg_direction direction, const double *coordinates,
                         size_t size)
{
    const size_t blocks = boxes_of(size, FBG_LEAF), pixels = blocks * FBG_SIDE;
    const size_t per_pixel = (direction == FBG_COLUMNS ? 2 : 1) * FBG_NODES;
    size_t doubles = pixels * (1 + FBG_NODES), boxes = 0;
    for (int level = top; level < FBG_LEVELS; level++)
        boxes += boxes_of(size, level);
    doubles += boxes * (2 + FBG_NODES + 2 * FBG_GRID);
    doubles = (doubles + 7) / 8 * 8; /* then floats are aligned, too */
    const size_t floats = (FBG_LEVELS - top) * pixels * per_pixel;
    void *memory = malloc(doubles * sizeof(double) + floats * sizeof(float) + boxes + 63);
    const lagrange_basis basis = basis_of_nodes();
    double *next = (double *)(((uintptr_t)memory + 63) / 64 * 64); /* see FBG_ALIGNED */
    *axis = (fbg_axis){.size = size, .blocks = blocks, .memory = memory, .coordinates = next, .top = top};
    if (!memory)
        return FBG_NO_MEMORY;
    float *next_float = (float *)(next + doubles);
    unsigned char *next_flag = (unsigned char *)(next_float + floats);
    for (int j = 0; j < FBG_NODES; j++)
        for (int degree = 0; degree < FBG_NODES; degree++)
            axis->spectrum[j][degree] =
                (degree ? 2.0 : 1.0) / FBG_NODES * cos(degree * acos(node(j)));
    for (size_t i = 0; i < pixels; i++)
        *next++ = coordinates[i < size ? i : size - 1];

    axis->leaf_basis = (double(*)[FBG_NODES][FBG_SIDE])next, next += pixels * FBG_NODES;
    for (int level = top; level < FBG_LEVELS; level++) {
        fbg_axis_level *l = &axis->levels[level];
        l->boxes = boxes_of(size, level);
        l->centre = next, next += l->boxes;
        l->half = next, next += l->boxes;
        l->nodes = (double(*)[FBG_NODES])next, next += l->boxes * FBG_NODES;
        l->down = (double(*)[FBG_NODES][FBG_NODES])next, next += l->boxes * FBG_GRID;
        l->up = (double(*)[FBG_NODES][FBG_NODES])next, next += l->boxes * FBG_GRID;
        l->basis = (float(*)[FBG_NODES][FBG_SIDE])next_float, next_float += pixels * FBG_NODES;
        if (direction == FBG_COLUMNS)
            l->adjoint = (float(*)[FBG_SIDE][FBG_NODES])next_float, next_float += pixels * FBG_NODES;
        l->symmetric = next_flag, next_flag += l->boxes;
        fill_boxes(l, coordinates, size, level, &basis);
        fill_pixels(axis, level, &basis);
    }
    return FBG_OK;
}

void fbg_axis_free(fbg_axis *axis) { free(axis->memory); }
