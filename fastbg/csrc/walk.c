#include "walk.h"

#include <math.h>
#include <string.h>

#include "splines.h"

size_t fbg_walk_floats(size_t n, int channels)
{
    const size_t spline = fbg_spline_floats(n, channels);
    return FBG_LEVELS * (spline + n + n * FBG_GRID) + n + spline + n * FBG_BLOCK;
}

/* The largest norm of the weights of a channel: how errors of single centres, which are of random
 * sign, add up. */
static double weight_norm(const fbg_spline *spline)
{
    double largest = 0;
    for (int k = 0; k < spline->channels; k++) {
        double sum = 0;
        for (size_t i = 0; i < spline->n; i++)
            sum += (double)spline->weights[k][i] * spline->weights[k][i];
        largest = sum > largest ? sum : largest;
    }
    return sqrt(largest);
}

/* Measured: ERROR bounds the error of S for random and for adversarial layouts of centres. Below
 * LEAST_RHO, interpolation would not converge fast enough to be predicted. */
static const double ERROR = 1e-6, LEAST_RHO = 2.0;

static fbg_ellipse far_ellipse(const fbg_axis_level *level, int order, double norm)
{
    const double wanted = pow(level->half[0], order) * norm / ERROR;
    const double rho = fmax(pow(wanted, 1.0 / FBG_NODES), LEAST_RHO);
    const double sum = (rho + 1 / rho) / 2, difference = (rho - 1 / rho) / 2;
    return (fbg_ellipse){sum * sum, difference * difference};
}

void fbg_walk_init(fbg_walk *walk, float *scratch)
{
    const fbg_spline *all = walk->spline;
    const double norm = weight_norm(all);
    for (int level = 0; level < FBG_LEVELS; level++) {
        walk->far_y[level] = far_ellipse(&walk->y->levels[level], all->order, norm);
        walk->far_x[level] = far_ellipse(&walk->x->levels[level], all->order, norm);
    }
    const size_t n = all->n, floats = fbg_spline_floats(n, all->channels);
    for (int level = 0; level < FBG_LEVELS; level++) {
        fbg_frame *frame = &walk->frames[level];
        frame->far = fbg_spline_like(all, scratch), scratch += floats;
        frame->near = (uint32_t *)scratch, scratch += n;
        frame->slow = scratch, scratch += n * FBG_GRID;
    }
    walk->all = (uint32_t *)scratch, scratch += n;
    for (size_t i = 0; i < n; i++)
        walk->all[i] = (uint32_t)i;
    walk->near = fbg_spline_like(all, scratch), scratch += floats;
    walk->near_slow = scratch;
}

static double square_beyond(double distance, double half)
{
    return distance > half ? (distance - half) * (distance - half) : 0;
}

/* Sorts the candidates, which are near the parent, into those far from the box and the rest. */
static void split(fbg_walk *walk, int level, size_t box_y, size_t box_x)
{
    fbg_frame *frame = &walk->frames[level];
    const uint32_t *candidates = level ? frame[-1].near : walk->all;
    const size_t count = level ? frame[-1].near_count : walk->spline->n;
    const double *centres = walk->spline->parameters;
    const fbg_axis_level *y = &walk->y->levels[level], *x = &walk->x->levels[level];
    const double centre_y = y->centre[box_y], centre_x = x->centre[box_x];
    const double hy = y->half[box_y], hx = x->half[box_x];
    const double along_y = 1 / (walk->far_y[level].along * hy * hy);
    const double across_y = 1 / (walk->far_y[level].across * hy * hy);
    const double along_x = 1 / (walk->far_x[level].along * hx * hx);
    const double across_x = 1 / (walk->far_x[level].across * hx * hx);
    frame->far.n = frame->near_count = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t centre = candidates[i];
        const double dy = fabs(centres[2 * centre] - centre_y);
        const double dx = fabs(centres[2 * centre + 1] - centre_x);
        const int far = dy * dy * along_y + square_beyond(dx, hx) * across_y >= 1 &&
                        dx * dx * along_x + square_beyond(dy, hy) * across_x >= 1;
        if (far)
            fbg_spline_append(&frame->far, centre, centre_y, centre_x);
        else
            frame->near[frame->near_count++] = centre;
    }
}

static int any_kept(const fbg_walk *walk, size_t y0, size_t y1, size_t x0, size_t x1)
{
    if (!walk->kept)
        return 1;
    for (size_t y = y0; y < y1; y++)
        for (size_t x = x0; x < x1; x++)
            if (walk->kept[y * walk->x->blocks + x])
                return 1;
    return 0;
}

/* The pixels of a block, one y and one x each: as they are, and relative to an origin. */
typedef struct {
    double y[FBG_BLOCK], x[FBG_BLOCK];
    float relative_y[FBG_BLOCK], relative_x[FBG_BLOCK];
} block_points;

static void points_of(const double *rows, const double *columns, double origin_y, double origin_x,
                      block_points *points)
{
    for (size_t r = 0; r < FBG_SIDE; r++)
        for (size_t c = 0; c < FBG_SIDE; c++) {
            const size_t j = r * FBG_SIDE + c;
            points->y[j] = rows[r];
            points->x[j] = columns[c];
            points->relative_y[j] = (float)(rows[r] - origin_y);
            points->relative_x[j] = (float)(columns[c] - origin_x);
        }
}

/* values += the near centres of a box, at the pixels of a block. */
static void add_near(const fbg_walk *walk, const block_points *points, float *values)
{
    const int planes = walk->near.channels * FBG_BLOCK;
    double sums[FBG_MAX_CHANNELS * FBG_BLOCK];
    for (int j = 0; j < planes; j++)
        sums[j] = values[j];
    walk->kernels->forward(&walk->near, points->y, points->x, FBG_BLOCK, sums, FBG_BLOCK,
                           walk->near_slow);
    for (int j = 0; j < planes; j++)
        values[j] = (float)sums[j];
}

/* Blocks [y0, y1) x [x0, x1) of a box whose centre is (centre_y, centre_x). */
typedef struct {
    size_t y0, y1, x0, x1;
    double centre_y, centre_x;
} box_blocks;

/* Interpolates from the nodes of a frame to all blocks of its box, and gathers back. */
static int visit_blocks(fbg_walk *walk, int level, fbg_frame *frame, const box_blocks *box)
{
    const fbg_kernels *k = walk->kernels;
    const int channels = walk->spline->channels;
    const fbg_axis_level *y = &walk->y->levels[level], *x = &walk->x->levels[level];
    float columns[FBG_MAX_CHANNELS * FBG_NODES * FBG_SIDE];
    float gathered[FBG_FIELDS][FBG_MAX_CHANNELS * FBG_NODES * FBG_SIDE];
    float values[FBG_MAX_CHANNELS * FBG_BLOCK], slope[FBG_FIELDS][FBG_MAX_CHANNELS * FBG_BLOCK];
    block_points points;
    int all_fields = FBG_NONE;

    walk->near.n = 0;
    for (size_t i = 0; i < frame->near_count; i++)
        fbg_spline_append(&walk->near, frame->near[i], box->centre_y, box->centre_x);
    for (size_t bx = box->x0; bx < box->x1; bx++) {
        int fields_of_column = FBG_NONE;
        k->expand_x(frame->values, x->basis[bx][0], columns, channels);
        for (size_t by = box->y0; by < box->y1; by++) {
            if (!any_kept(walk, by, by + 1, bx, bx + 1))
                continue;
            k->expand_y(columns, y->basis[by][0], values, channels);
            if (walk->near.n) {
                points_of(walk->y->coordinates + by * FBG_SIDE,
                          walk->x->coordinates + bx * FBG_SIDE, box->centre_y, box->centre_x,
                          &points);
                add_near(walk, &points, values);
            }
            const int fields = walk->block(walk->context, by, bx, values, slope);
            for (int f = 0; f < FBG_FIELDS; f++) {
                if (!(fields & 1 << f))
                    continue;
                if (walk->near.n)
                    k->backward(&walk->near, points.relative_y, points.relative_x, FBG_BLOCK,
                                slope[f], FBG_BLOCK, walk->near_slow, walk->gradients[f]);
                if (!(fields_of_column & 1 << f))
                    memset(gathered[f], 0, sizeof gathered[f]);
                k->gather_y(slope[f], y->basis[by][0], gathered[f], channels);
            }
            fields_of_column |= fields;
        }
        for (int f = 0; f < FBG_FIELDS; f++)
            if (fields_of_column & 1 << f)
                k->gather_x(gathered[f], x->basis[bx][0], frame->adjoint[f], channels);
        all_fields |= fields_of_column;
    }
    return all_fields;
}

/* Visits a box whose candidates and node values come from its parent's frame; the first level has
 * no parent. Returns the fields that were filled. */
static int visit(fbg_walk *walk, int level, size_t box_y, size_t box_x)
{
    const fbg_kernels *k = walk->kernels;
    const int channels = walk->spline->channels;
    const fbg_axis_level *y = &walk->y->levels[level], *x = &walk->x->levels[level];
    const size_t side = FBG_BLOCKS_PER_BOX(level);
    const size_t y1 = (box_y + 1) * side, x1 = (box_x + 1) * side;
    const box_blocks box = {
        box_y * side, y1 < walk->y->blocks ? y1 : walk->y->blocks,
        box_x * side, x1 < walk->x->blocks ? x1 : walk->x->blocks,
        y->centre[box_y], x->centre[box_x],
    };
    fbg_frame *frame = &walk->frames[level], *parent = level ? frame - 1 : NULL;
    int fields = FBG_NONE;

    if (!any_kept(walk, box.y0, box.y1, box.x0, box.x1))
        return FBG_NONE;
    double node_y[FBG_GRID], node_x[FBG_GRID];
    for (size_t r = 0; r < FBG_NODES; r++)
        for (size_t c = 0; c < FBG_NODES; c++) {
            const size_t j = r * FBG_NODES + c;
            node_y[j] = box.centre_y + y->nodes[box_y][r], frame->y[j] = (float)y->nodes[box_y][r];
            node_x[j] = box.centre_x + x->nodes[box_x][c], frame->x[j] = (float)x->nodes[box_x][c];
        }
    if (parent)
        k->refine(parent->values, y->down[box_y][0], x->down[box_x][0], frame->values, channels);
    else
        fbg_affine(walk->spline, node_y, node_x, FBG_GRID, frame->values, FBG_GRID);
    split(walk, level, box_y, box_x);
    k->forward(&frame->far, node_y, node_x, FBG_GRID, frame->values, FBG_GRID, frame->slow);

    memset(frame->adjoint, 0, sizeof frame->adjoint);
    if (level == FBG_LEAF || frame->near_count == 0) {
        fields = visit_blocks(walk, level, frame, &box);
    } else {
        const fbg_axis_level *finer_y = y + 1, *finer_x = x + 1;
        for (size_t cy = 2 * box_y; cy < 2 * box_y + 2 && cy < finer_y->boxes; cy++)
            for (size_t cx = 2 * box_x; cx < 2 * box_x + 2 && cx < finer_x->boxes; cx++)
                fields |= visit(walk, level + 1, cy, cx);
    }
    for (int f = 0; f < FBG_FIELDS; f++) {
        if (!(fields & 1 << f))
            continue;
        k->backward(&frame->far, frame->y, frame->x, FBG_GRID, frame->adjoint[f], FBG_GRID,
                    frame->slow, walk->gradients[f]);
        if (parent)
            k->coarsen(frame->adjoint[f], y->down[box_y][0], x->down[box_x][0],
                       parent->adjoint[f], channels);
        else
            fbg_affine_adjoint(channels, node_y, node_x, FBG_GRID, frame->adjoint[f], FBG_GRID,
                               walk->gradients[f] + walk->spline->n * (2 + channels));
    }
    return fields;
}

void fbg_walk_box(fbg_walk *walk, size_t box_y, size_t box_x) { visit(walk, 0, box_y, box_x); }
