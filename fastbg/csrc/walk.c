#include "walk.h"

#include <math.h>
#include <string.h>

#include "far.h"
#include "splines.h"

enum { COLUMNS = FBG_NODES * FBG_SIDE }; /* numbers of a channel */

/* An index takes the room of a float. */
_Static_assert(sizeof(uint32_t) == sizeof(float), "indices lie among floats");

/* A centre is far in exactly one frame, or near in the last: the rows of `slow` add up to n. */
size_t fbg_walk_floats(size_t n) { return n * FBG_BLOCK + FBG_DEPTHS * 2 * n; }

void fbg_walk_init(fbg_walk *walk, float *scratch)
{
    const fbg_spline *all = walk->spline;
    int level_y = walk->y->top, level_x = walk->x->top;
    walk->weights = fbg_far_weights(all);
    walk->frames[0].slow = scratch, scratch += all->n * FBG_BLOCK;
    for (fbg_frame *frame = walk->frames; level_y <= FBG_LEAF; frame++) {
        const fbg_axis_level *y = &walk->y->levels[level_y], *x = &walk->x->levels[level_x];
        frame->level_y = level_y, frame->level_x = level_x;
        frame->rho_y = fbg_far_level(y, all->order, walk->error);
        frame->rho_x = fbg_far_level(x, all->order, walk->error);
        frame->far = (uint32_t *)scratch, scratch += all->n;
        frame->near = (uint32_t *)scratch, scratch += all->n;
        if (level_x == FBG_LEAF || (level_y < FBG_LEAF && y->half[0] >= x->half[0]))
            level_y++;
        else
            level_x++;
    }
}

/* Some centres of the spline of a walk. */
static fbg_spline part_of(const fbg_walk *walk, const uint32_t *index, size_t n)
{
    fbg_spline part = *walk->spline;
    part.index = index;
    part.n = n;
    return part;
}

static const fbg_frame *parent_of(const fbg_walk *walk, const fbg_frame *frame)
{
    return frame > walk->frames ? frame - 1 : NULL;
}

/* Sorts the candidates, which are near the parent, into those far from the box and the rest. */
static void split(const fbg_walk *walk, fbg_frame *frame, size_t box_y, size_t box_x)
{
    const fbg_frame *parent = parent_of(walk, frame);
    const fbg_spline candidates =
        parent ? part_of(walk, parent->near, parent->near_count) : *walk->spline;
    const double weights = parent ? parent->near_weights : walk->weights;
    const fbg_axis_level *y = &walk->y->levels[frame->level_y];
    const fbg_axis_level *x = &walk->x->levels[frame->level_x];
    const fbg_far_box box = {
        y->centre[box_y], x->centre[box_x], y->half[box_y], x->half[box_x],
        frame->rho_y * weights, frame->rho_x * weights,
    };
    frame->far_count = fbg_far_split(&candidates, &box, frame->far, frame->near);
    frame->near_count = candidates.n - frame->far_count;
    if (parent)
        frame->slow = parent->slow + parent->far_count * FBG_GRID;
    if (frame->near_count) {
        const fbg_spline near = part_of(walk, frame->near, frame->near_count);
        frame->near_weights = fbg_far_weights(&near);
    }
}

/* S at the nodes of a box, but for the centres near it. */
static void expand(const fbg_walk *walk, fbg_frame *frame, size_t box_y, size_t box_x)
{
    const fbg_kernels *k = walk->kernels;
    const int channels = walk->spline->channels;
    const fbg_axis_level *y = &walk->y->levels[frame->level_y];
    const fbg_axis_level *x = &walk->x->levels[frame->level_x];
    const fbg_frame *parent = parent_of(walk, frame);
    const fbg_spline far = part_of(walk, frame->far, frame->far_count);
    if (!parent)
        fbg_affine_grid(walk->spline, y->nodes[box_y], x->nodes[box_x], frame->values);
    else if (frame->level_y > parent->level_y)
        k->map_y(parent->values, y->down[box_y][0], frame->values, channels, 0);
    else
        k->map_x(parent->values, x->down[box_x][0], frame->values, channels, 0);
    k->forward_grid(&far, y->nodes[box_y], x->nodes[box_x], FBG_NODES, frame->values, frame->slow);
}

static int any_kept(const fbg_walk *walk, size_t y0, size_t y1, size_t x0, size_t x1)
{
    if (!walk->kept)
        return y0 < y1;
    for (size_t y = y0; y < y1; y++)
        for (size_t x = x0; x < x1; x++)
            if (walk->kept[y * walk->x->blocks + x])
                return 1;
    return 0;
}

/* Blocks [y0, y1) x [x0, x1) of a box whose centre is (centre_y, centre_x). */
typedef struct {
    size_t y0, y1, x0, x1;
    double centre_y, centre_x;
    int symmetric;      /* whether its rows of pixels mirror each other */
    size_t first, last; /* its rows of blocks, to be visited or not */
} box_blocks;

/* The only block of a box of the last level, with the near centres of the box. */
static int visit_near_block(fbg_walk *walk, fbg_frame *frame, const box_blocks *box)
{
    const fbg_kernels *k = walk->kernels;
    const int channels = walk->spline->channels;
    const size_t by = box->y0, bx = box->x0;
    FBG_ALIGNED double exact[FBG_MAX_CHANNELS * FBG_BLOCK];
    FBG_ALIGNED float values[FBG_MAX_CHANNELS * FBG_BLOCK];
    FBG_ALIGNED float slope[FBG_FIELDS][FBG_MAX_CHANNELS * FBG_BLOCK];
    const double *y = walk->y->coordinates + by * FBG_SIDE;
    const double *x = walk->x->coordinates + bx * FBG_SIDE;
    const fbg_spline near = part_of(walk, frame->near, frame->near_count);
    float *near_slow = frame->slow + frame->far_count * FBG_GRID;

    k->expand_fine(frame->values, walk->y->leaf_basis[by][0], walk->x->leaf_basis[bx][0], exact,
                   channels);
    k->forward_grid(&near, y, x, FBG_SIDE, exact, near_slow);
    k->round(exact, values, channels * FBG_BLOCK);
    const int fields = walk->block(walk->context, by, bx, values, slope);
    for (int f = 0; f < FBG_FIELDS; f++) {
        if (!(fields & 1 << f))
            continue;
        FBG_ALIGNED float gathered[FBG_MAX_CHANNELS * COLUMNS] = {0};
        FBG_ALIGNED float folded[FBG_MAX_CHANNELS * FBG_GRID] = {0};
        k->backward_grid(&near, y, x, FBG_SIDE, slope[f], near_slow, walk->gradients[f]);
        k->gather_y(slope[f], NULL, walk->y->levels[FBG_LEAF].basis[by][0], gathered, channels);
        k->gather_x(gathered, walk->x->levels[FBG_LEAF].adjoint[bx][0], folded, channels);
        k->unfold(folded, frame->adjoint[f], channels);
    }
    return fields;
}

/* A column of blocks in a box without near centres. */
typedef struct {
    size_t x;
    float (*basis)[FBG_NODES][FBG_SIDE]; /* of the rows of blocks */
    float level[FBG_MAX_CHANNELS];
    FBG_ALIGNED float columns[FBG_MAX_CHANNELS * COLUMNS];
    FBG_ALIGNED float gathered[FBG_FIELDS][FBG_MAX_CHANNELS * COLUMNS];
    int fields; /* that were gathered */
} block_column;

/* One block of a column, at rows `upper`, or also the one at rows `lower`, which mirrors it in the box
 * (it may be the same one); NULL if pixels do not mirror each other. */
static void visit_pair(fbg_walk *walk, const box_blocks *box, block_column *column, size_t upper,
                       const size_t *lower)
{
    const fbg_kernels *k = walk->kernels;
    const int channels = walk->spline->channels, of_itself = lower && *lower == upper;
    const size_t rows[2] = {upper, lower ? *lower : upper};
    const float *basis = column->basis[upper][0];
    FBG_ALIGNED float values[2][FBG_MAX_CHANNELS * FBG_BLOCK];
    FBG_ALIGNED float slope[2][FBG_FIELDS][FBG_MAX_CHANNELS * FBG_BLOCK];
    int wanted[2], fields[2] = {FBG_NONE, FBG_NONE};

    for (int i = 0; i < 2; i++)
        wanted[i] = i <= (lower && !of_itself) && rows[i] >= box->y0 && rows[i] < box->y1 &&
                    any_kept(walk, rows[i], rows[i] + 1, column->x, column->x + 1);
    if (!wanted[0] && !wanted[1])
        return;
    k->expand_y(column->columns, column->level, basis, values[0], lower ? values[!of_itself] : NULL,
                channels);
    for (int i = 0; i < 2; i++)
        if (wanted[i])
            fields[i] = walk->block(walk->context, rows[i], column->x, values[i], slope[i]);
    for (int f = 0; f < FBG_FIELDS; f++) {
        const int of[2] = {fields[0] >> f & 1, fields[1] >> f & 1};
        float *gathered = column->gathered[f];
        if ((of[0] || of[1]) && !(column->fields >> f & 1))
            memset(gathered, 0, sizeof column->gathered[f]);
        if (of[0] && (of[1] || of_itself))
            k->gather_y(slope[0][f], slope[!of_itself][f], basis, gathered, channels);
        else if (of[0] || of[1])
            k->gather_y(slope[of[1]][f], NULL, column->basis[rows[of[1]]][0], gathered, channels);
    }
    column->fields |= fields[0] | fields[1];
}

/* Interpolates from the nodes of a frame to all blocks of its box, and gathers back. */
static int visit_far_blocks(fbg_walk *walk, fbg_frame *frame, const box_blocks *box)
{
    const fbg_kernels *k = walk->kernels;
    const int channels = walk->spline->channels;
    const fbg_axis_level *y = &walk->y->levels[frame->level_y];
    const fbg_axis_level *x = &walk->x->levels[frame->level_x];
    FBG_ALIGNED float folded[FBG_MAX_CHANNELS * FBG_GRID];
    FBG_ALIGNED float gathered[FBG_FIELDS][FBG_MAX_CHANNELS * FBG_GRID] = {{0}};
    block_column column = {.basis = y->basis};
    int fields = FBG_NONE;

    for (int channel = 0; channel < channels; channel++)
        column.level[channel] = (float)frame->values[channel * FBG_GRID + FBG_GRID / 2];
    k->fold(frame->values, column.level, folded, channels);
    for (size_t bx = box->x0; bx < box->x1; bx++) {
        column.x = bx, column.fields = FBG_NONE;
        k->expand_x(folded, x->basis[bx][0], column.columns, channels);
        if (box->symmetric)
            for (size_t i = 0; 2 * i <= box->last - box->first; i++) {
                const size_t lower = box->last - i;
                visit_pair(walk, box, &column, box->first + i, &lower);
            }
        else
            for (size_t by = box->y0; by < box->y1; by++)
                visit_pair(walk, box, &column, by, NULL);
        for (int f = 0; f < FBG_FIELDS; f++)
            if (column.fields >> f & 1)
                k->gather_x(column.gathered[f], x->adjoint[bx][0], gathered[f], channels);
        fields |= column.fields;
    }
    for (int f = 0; f < FBG_FIELDS; f++)
        if (fields >> f & 1)
            k->unfold(gathered[f], frame->adjoint[f], channels);
    return fields;
}

/* Whether S is certainly not below zero in a box. The far part is a polynomial, bounded by its
 * Chebyshev coefficients, since |T_i| <= 1; a near centre adds at most |w| max |phi|. */
static int nowhere_below(const fbg_walk *walk, const fbg_frame *frame, const box_blocks *box,
                         double half_y, double half_x)
{
    const double rounding = 1e-5;
    const fbg_spline *spline = walk->spline;
    const int channels = spline->channels;
    double along_y[FBG_MAX_CHANNELS * FBG_GRID], coefficients[FBG_MAX_CHANNELS * FBG_GRID];
    double most = 0, near[FBG_MAX_CHANNELS] = {0};
    walk->kernels->map_y(frame->values, walk->y->spectrum[0], along_y, channels, 0);
    walk->kernels->map_x(along_y, walk->x->spectrum[0], coefficients, channels, 0);
    for (size_t i = 0; i < frame->near_count; i++) {
        const double *centre = spline->parameters + 2 * frame->near[i];
        const double *weights = spline->parameters + 2 * spline->n + channels * frame->near[i];
        const double dy = fabs(centre[0] - box->centre_y) + half_y;
        const double dx = fabs(centre[1] - box->centre_x) + half_x;
        most = fmax(most, dy * dy + dx * dx);
        for (int k = 0; k < channels; k++)
            near[k] += fabs(weights[k]);
    }
    const double kernel = frame->near_count ? fbg_largest_kernel(most, spline->order) : 0;
    for (int k = 0; k < channels; k++) {
        const double *of_channel = coefficients + k * FBG_GRID;
        double rest = kernel * near[k];
        for (int i = 1; i < FBG_GRID; i++)
            rest += fabs(of_channel[i]);
        if (!(of_channel[0] * (1 - rounding) > rest * (1 + rounding)))
            return 0;
    }
    return 1;
}

/* The blocks of a box that lie in the rows to visit. */
static box_blocks blocks_of(const fbg_walk *walk, const fbg_frame *frame, size_t box_y, size_t box_x)
{
    const size_t rows = FBG_BLOCKS_PER_BOX(frame->level_y);
    const size_t columns = FBG_BLOCKS_PER_BOX(frame->level_x);
    const size_t y0 = box_y * rows, y1 = y0 + rows, x0 = box_x * columns, x1 = x0 + columns;
    return (box_blocks){
        y0 > walk->first_row ? y0 : walk->first_row, y1 < walk->end_row ? y1 : walk->end_row,
        x0, x1 < walk->x->blocks ? x1 : walk->x->blocks,
        walk->y->levels[frame->level_y].centre[box_y], walk->x->levels[frame->level_x].centre[box_x],
        walk->y->levels[frame->level_y].symmetric[box_y], y0, y1 - 1,
    };
}

/* Carries the adjoint at the nodes of a box on to its far centres and to its parent. */
static void pass_back(fbg_walk *walk, fbg_frame *frame, size_t box_y, size_t box_x, int field)
{
    const fbg_kernels *k = walk->kernels;
    const int channels = walk->spline->channels;
    const fbg_axis_level *y = &walk->y->levels[frame->level_y];
    const fbg_axis_level *x = &walk->x->levels[frame->level_x];
    const double *node_y = y->nodes[box_y], *node_x = x->nodes[box_x];
    const fbg_spline far = part_of(walk, frame->far, frame->far_count);
    double *gradient = walk->gradients[field];
    float slope[FBG_MAX_CHANNELS * FBG_GRID];
    k->round(frame->adjoint[field], slope, channels * FBG_GRID);
    k->backward_grid(&far, node_y, node_x, FBG_NODES, slope, frame->slow, gradient);
    if (frame == walk->frames)
        fbg_affine_grid_adjoint(channels, node_y, node_x, slope,
                                gradient + walk->spline->n * (2 + channels));
    else if (frame->level_y > frame[-1].level_y)
        k->map_y(frame->adjoint[field], y->up[box_y][0], frame[-1].adjoint[field], channels, 1);
    else
        k->map_x(frame->adjoint[field], x->up[box_x][0], frame[-1].adjoint[field], channels, 1);
}

/* Visits a box whose candidates and node values come from its parent's frame; the first depth has
 * no parent. Returns the fields that were filled. */
static int visit(fbg_walk *walk, fbg_frame *frame, size_t box_y, size_t box_x)
{
    const fbg_axis_level *y = &walk->y->levels[frame->level_y];
    const fbg_axis_level *x = &walk->x->levels[frame->level_x];
    const box_blocks box = blocks_of(walk, frame, box_y, box_x);
    int fields = FBG_NONE;

    if (!any_kept(walk, box.y0, box.y1, box.x0, box.x1))
        return FBG_NONE;
    split(walk, frame, box_y, box_x);
    if (frame == walk->frames && walk->known)
        memcpy(frame->values, walk->known, sizeof(double) * walk->spline->channels * FBG_GRID);
    else
        expand(walk, frame, box_y, box_x);
    if (walk->only_below && nowhere_below(walk, frame, &box, y->half[box_y], x->half[box_x]))
        return FBG_NONE;
    memset(frame->adjoint, 0, sizeof frame->adjoint);
    if (frame->near_count == 0) {
        fields = visit_far_blocks(walk, frame, &box);
    } else if (frame->level_y == FBG_LEAF && frame->level_x == FBG_LEAF) {
        fields = visit_near_block(walk, frame, &box);
    } else if (frame[1].level_y > frame->level_y) {
        for (size_t half = 2 * box_y; half < 2 * box_y + 2 && half < y[1].boxes; half++)
            fields |= visit(walk, frame + 1, half, box_x);
    } else {
        for (size_t half = 2 * box_x; half < 2 * box_x + 2 && half < x[1].boxes; half++)
            fields |= visit(walk, frame + 1, box_y, half);
    }
    for (int field = 0; field < FBG_FIELDS; field++)
        if (fields & 1 << field)
            pass_back(walk, frame, box_y, box_x, field);
    return fields;
}

void fbg_walk_box(fbg_walk *walk, size_t box_y, size_t box_x)
{
    visit(walk, walk->frames, box_y, box_x);
}

void fbg_walk_expand(fbg_walk *walk, size_t box_y, size_t box_x, double *values)
{
    split(walk, walk->frames, box_y, box_x);
    expand(walk, walk->frames, box_y, box_x);
    memcpy(values, walk->frames->values, sizeof(double) * walk->spline->channels * FBG_GRID);
}
