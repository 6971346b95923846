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

fbg_status fbg_axis_init(fbg_axis *axis, const double *coordinates, size_t size)
{
    const size_t blocks = boxes_of(size, FBG_LEAF), pixels = blocks * FBG_SIDE;
    size_t doubles = pixels * (1 + FBG_NODES), floats = 0;
    for (int level = 0; level < FBG_LEVELS; level++) {
        doubles += boxes_of(size, level) * (2 + FBG_NODES + 2 * FBG_GRID);
        floats += 2 * pixels * FBG_NODES;
    }
    double *next = malloc(doubles * sizeof *next + floats * sizeof(float));
    const lagrange_basis basis = basis_of_nodes();
    *axis = (fbg_axis){.size = size, .blocks = blocks, .coordinates = next};
    if (!next)
        return FBG_NO_MEMORY;
    float *next_float = (float *)(next + doubles);
    for (int j = 0; j < FBG_NODES; j++)
        for (int degree = 0; degree < FBG_NODES; degree++)
            axis->spectrum[j][degree] =
                (degree ? 2.0 : 1.0) / FBG_NODES * cos(degree * acos(node(j)));
    for (size_t i = 0; i < pixels; i++)
        *next++ = coordinates[i < size ? i : size - 1];

    axis->leaf_basis = (double(*)[FBG_NODES][FBG_SIDE])next, next += pixels * FBG_NODES;
    for (int level = 0; level < FBG_LEVELS; level++) {
        fbg_axis_level *l = &axis->levels[level];
        l->boxes = boxes_of(size, level);
        l->centre = next, next += l->boxes;
        l->half = next, next += l->boxes;
        l->nodes = (double(*)[FBG_NODES])next, next += l->boxes * FBG_NODES;
        l->down = (double(*)[FBG_NODES][FBG_NODES])next, next += l->boxes * FBG_GRID;
        l->up = (double(*)[FBG_NODES][FBG_NODES])next, next += l->boxes * FBG_GRID;
        l->basis = (float(*)[FBG_NODES][FBG_SIDE])next_float, next_float += pixels * FBG_NODES;
        l->adjoint = (float(*)[FBG_SIDE][FBG_NODES])next_float, next_float += pixels * FBG_NODES;
        for (size_t b = 0; b < l->boxes; b++) {
            const interval box = box_of(coordinates, size, level, b);
            l->centre[b] = box.centre;
            l->half[b] = box.half;
            for (int j = 0; j < FBG_NODES; j++)
                l->nodes[b][j] = box.centre + box.half * basis.node[j];
            if (level == 0)
                continue;
            const interval parent = box_of(coordinates, size, level - 1, b / 2);
            for (int j = 0; j < FBG_NODES; j++) {
                const double t = (l->nodes[b][j] - parent.centre) / parent.half;
                for (int of_parent = 0; of_parent < FBG_NODES; of_parent++)
                    l->up[b][j][of_parent] = l->down[b][of_parent][j] = lagrange(&basis, of_parent, t);
            }
        }
        for (size_t i = 0; i < pixels; i++) {
            const size_t block = i / FBG_SIDE;
            const interval box = box_of(coordinates, size, level, block / FBG_BLOCKS_PER_BOX(level));
            const double t = (axis->coordinates[i] - box.centre) / box.half;
            for (int j = 0; j < FBG_NODES; j++) {
                const double value = lagrange(&basis, j, t);
                l->basis[block][j][i % FBG_SIDE] = l->adjoint[block][i % FBG_SIDE][j] = (float)value;
                if (level == FBG_LEAF)
                    axis->leaf_basis[block][j][i % FBG_SIDE] = value;
            }
        }
    }
    return FBG_OK;
}

void fbg_axis_free(fbg_axis *axis) { free(axis->coordinates); }
