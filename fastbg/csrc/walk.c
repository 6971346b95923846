#include "walk.h"

#include <math.h>
#include <string.h>

#include "splines.h"

/* An index takes the room of a float. */
_Static_assert(sizeof(uint32_t) == sizeof(float), "indices lie among floats");

/* Of all frames together, a centre is far in one or near in the last. */
size_t fbg_walk_floats(size_t n) { return n * FBG_BLOCK + FBG_DEPTHS * 2 * n; }

/* The points of a grid, row by row. */
static void points_of(const double *y, const double *x, double *point_y, double *point_x)
{
    for (int j = 0; j < FBG_GRID; j++)
        point_y[j] = y[j / FBG_NODES], point_x[j] = x[j % FBG_NODES];
}

static void affine_grid(const fbg_spline *spline, const double *y, const double *x, double *values)
{
    double point_y[FBG_GRID], point_x[FBG_GRID];
    points_of(y, x, point_y, point_x);
    fbg_affine(spline, point_y, point_x, FBG_GRID, values, FBG_GRID);
}

static void affine_grid_adjoint(int channels, const double *y, const double *x, const float *slope,
                                double *polynomial)
{
    double point_y[FBG_GRID], point_x[FBG_GRID];
    points_of(y, x, point_y, point_x);
    fbg_affine_adjoint(channels, point_y, point_x, FBG_GRID, slope, FBG_GRID, polynomial);
}

/* The largest norm of the weights of a channel: how errors of single centres, which are of random
 * sign, add up. */
static double weight_norm(const fbg_spline *spline)
{
    const double *weights = spline->parameters + 2 * spline->whole;
    double largest = 0;
    for (int k = 0; k < spline->channels; k++) {
        double sum = 0;
        for (size_t i = 0; i < spline->n; i++) {
            const double w = weights[spline->index[i] * spline->channels + k];
            sum += w * w;
        }
        largest = sum > largest ? sum : largest;
    }
    return sqrt(largest);
}

/* Measured, for random and for adversarial layouts of centres: the error of S is below 2e-6 of its
 * range if SHARE of the range goes into the formula below, and the kernel's rough part over a box of
 * half-width h is taken to be h^order, and for orders 3 and 4, of which more lies within reach, 5 and
 * 25 times that. Gradients of splines with a wide range and small weights need MOST_ERROR. Below
 * LEAST_RHO, interpolation would not converge fast enough to be predicted. */
static const double SHARE = 4e-6, MOST_ERROR = 1.5e-6, LEAST_RHO = 2.0;

double fbg_walk_error(const fbg_kernels *kernels, const fbg_spline *spline, const fbg_axis *y,
                      const fbg_axis *x, float *scratch)
{
    double point_y[FBG_NODES], point_x[FBG_NODES], values[FBG_MAX_CHANNELS * FBG_GRID];
    for (size_t j = 0; j < FBG_NODES; j++) {
        point_y[j] = y->coordinates[(2 * j + 1) * y->size / (2 * FBG_NODES)];
        point_x[j] = x->coordinates[(2 * j + 1) * x->size / (2 * FBG_NODES)];
    }
    affine_grid(spline, point_y, point_x, values);
    kernels->forward_grid(spline, point_y, point_x, FBG_NODES, values, scratch);
    double range = 0, largest = 0;
    for (int k = 0; k < spline->channels; k++) {
        double low = INFINITY, high = -INFINITY;
        for (size_t j = k * FBG_GRID; j < (k + 1) * (size_t)FBG_GRID; j++)
            low = fmin(low, values[j]), high = fmax(high, values[j]);
        range = fmax(range, high - low);
        largest = fmax(largest, fmax(fabs(low), fabs(high)));
    }
    return fmin(SHARE * range + largest / (1 << 24), MOST_ERROR);
}

/* By what the root of the weights' norm is multiplied to find rho. */
static double rho_of_level(const fbg_axis_level *level, int order, double error)
{
    const double rough = pow(level->half[0], order) * pow(5, order > 2 ? order - 2 : 0);
    return pow(rough / error, 1.0 / FBG_NODES);
}

void fbg_walk_init(fbg_walk *walk, float *scratch)
{
    const fbg_spline *all = walk->spline;
    int level_y = 0, level_x = 0;
    walk->root = pow(weight_norm(all), 1.0 / FBG_NODES);
    walk->frames[0].slow = scratch, scratch += all->n * FBG_BLOCK;
    for (fbg_frame *frame = walk->frames; frame < walk->frames + FBG_DEPTHS; frame++) {
        const fbg_axis_level *y = &walk->y->levels[level_y], *x = &walk->x->levels[level_x];
        frame->level_y = level_y, frame->level_x = level_x;
        frame->rho_y = rho_of_level(y, all->order, walk->error);
        frame->rho_x = rho_of_level(x, all->order, walk->error);
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

/* Reciprocals of the squared semi-axes of an ellipse around an interval. */
typedef struct {
    double along, across;
} ellipse;

static ellipse far_ellipse(double rho, double half)
{
    const double bounded = rho > LEAST_RHO ? rho : LEAST_RHO;
    const double along = (bounded + 1 / bounded) / 2 * half;
    const double across = (bounded - 1 / bounded) / 2 * half;
    return (ellipse){1 / (along * along), 1 / (across * across)};
}

static double square_beyond(double distance, double half)
{
    const double beyond = distance > half ? distance - half : 0;
    return beyond * beyond;
}

/* Sorts the candidates, which are near the parent, into those far from the box and the rest. */
static void split(const fbg_walk *walk, fbg_frame *frame, size_t box_y, size_t box_x)
{
    const int first = frame == walk->frames;
    const uint32_t *candidates = first ? walk->spline->index : frame[-1].near;
    const size_t count = first ? walk->spline->n : frame[-1].near_count;
    const double root = first ? walk->root : frame[-1].near_root;
    const double *centres = walk->spline->parameters;
    const fbg_axis_level *y = &walk->y->levels[frame->level_y];
    const fbg_axis_level *x = &walk->x->levels[frame->level_x];
    const double centre_y = y->centre[box_y], centre_x = x->centre[box_x];
    const double half_y = y->half[box_y], half_x = x->half[box_x];
    const ellipse of_y = far_ellipse(frame->rho_y * root, half_y);
    const ellipse of_x = far_ellipse(frame->rho_x * root, half_x);
    size_t far_count = 0;
    for (size_t i = 0; i < count; i++) {
        const uint32_t centre = candidates[i];
        const double dy = fabs(centres[2 * centre] - centre_y);
        const double dx = fabs(centres[2 * centre + 1] - centre_x);
        const int far =
            (dy * dy * of_y.along + square_beyond(dx, half_x) * of_y.across >= 1) &
            (dx * dx * of_x.along + square_beyond(dy, half_y) * of_x.across >= 1);
        /* Written to both, counted in one: a branch would be guessed wrong too often. */
        frame->far[far_count] = frame->near[i - far_count] = centre;
        far_count += far;
    }
    frame->far_count = far_count;
    frame->near_count = count - far_count;
    if (!first)
        frame->slow = frame[-1].slow + frame[-1].far_count * FBG_GRID;
    if (frame->near_count) {
        const fbg_spline near = part_of(walk, frame->near, frame->near_count);
        frame->near_root = pow(weight_norm(&near), 1.0 / FBG_NODES);
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

/* Blocks [y0, y1) x [x0, x1) of a box whose centre is (centre_y, centre_x). */
typedef struct {
    size_t y0, y1, x0, x1;
    double centre_y, centre_x;
} box_blocks;

/* The only block of a box of the last level, with the near centres of the box. */
static int visit_near_block(fbg_walk *walk, fbg_frame *frame, const box_blocks *box)
{
    const fbg_kernels *k = walk->kernels;
    const int channels = walk->spline->channels;
    const size_t by = box->y0, bx = box->x0;
    double exact[FBG_MAX_CHANNELS * FBG_BLOCK];
    float values[FBG_MAX_CHANNELS * FBG_BLOCK], slope[FBG_FIELDS][FBG_MAX_CHANNELS * FBG_BLOCK];
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
        float gathered[FBG_MAX_CHANNELS * FBG_NODES * FBG_SIDE] = {0};
        k->backward_grid(&near, y, x, FBG_SIDE, slope[f], near_slow, walk->gradients[f]);
        k->gather_y(slope[f], walk->y->levels[FBG_LEAF].basis[by][0], gathered, channels);
        k->gather_x(gathered, walk->x->levels[FBG_LEAF].basis[bx][0], frame->adjoint[f], channels);
    }
    return fields;
}

/* Interpolates from the nodes of a frame to all blocks of its box, and gathers back. */
static int visit_far_blocks(fbg_walk *walk, fbg_frame *frame, const box_blocks *box)
{
    const fbg_kernels *k = walk->kernels;
    const int channels = walk->spline->channels;
    const fbg_axis_level *y = &walk->y->levels[frame->level_y];
    const fbg_axis_level *x = &walk->x->levels[frame->level_x];
    float columns[FBG_MAX_CHANNELS * FBG_NODES * FBG_SIDE];
    float gathered[FBG_FIELDS][FBG_MAX_CHANNELS * FBG_NODES * FBG_SIDE];
    float values[FBG_MAX_CHANNELS * FBG_BLOCK], slope[FBG_FIELDS][FBG_MAX_CHANNELS * FBG_BLOCK];
    float level_of[FBG_MAX_CHANNELS];
    int all_fields = FBG_NONE;

    for (int channel = 0; channel < channels; channel++)
        level_of[channel] = (float)frame->values[channel * FBG_GRID + FBG_GRID / 2];
    for (size_t bx = box->x0; bx < box->x1; bx++) {
        int fields_of_column = FBG_NONE;
        k->expand_x(frame->values, level_of, x->basis[bx][0], columns, channels);
        for (size_t by = box->y0; by < box->y1; by++) {
            if (!any_kept(walk, by, by + 1, bx, bx + 1))
                continue;
            k->expand_y(columns, level_of, y->basis[by][0], values, channels);
            const int fields = walk->block(walk->context, by, bx, values, slope);
            for (int f = 0; f < FBG_FIELDS; f++) {
                if (!(fields & 1 << f))
                    continue;
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

/* The largest |phi(q)| for 0 <= q <= most. */
static double largest_kernel(double most, int order)
{
    const double most_bounded = fmax(most, 1e-10);
    switch (order) {
    case 1:
        return sqrt(most_bounded);
    case 2:
        return fmax(0.5 * most * fabs(log(most_bounded)), most < exp(-1) ? 0 : 0.5 * exp(-1));
    case 3:
        return most_bounded * sqrt(most_bounded);
    default:
        return fmax(0.5 * most * most * fabs(log(most_bounded)),
                    most < exp(-0.5) ? 0 : 0.25 * exp(-1));
    }
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
    const double kernel = frame->near_count ? largest_kernel(most, spline->order) : 0;
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

/* Visits a box whose candidates and node values come from its parent's frame; the first depth has
 * no parent. Returns the fields that were filled. */
static int visit(fbg_walk *walk, fbg_frame *frame, size_t box_y, size_t box_x)
{
    const fbg_kernels *k = walk->kernels;
    const int channels = walk->spline->channels;
    const fbg_axis_level *y = &walk->y->levels[frame->level_y];
    const fbg_axis_level *x = &walk->x->levels[frame->level_x];
    const size_t rows = FBG_BLOCKS_PER_BOX(frame->level_y);
    const size_t columns = FBG_BLOCKS_PER_BOX(frame->level_x);
    const size_t y1 = (box_y + 1) * rows, x1 = (box_x + 1) * columns;
    const box_blocks box = {
        box_y * rows, y1 < walk->y->blocks ? y1 : walk->y->blocks,
        box_x * columns, x1 < walk->x->blocks ? x1 : walk->x->blocks,
        y->centre[box_y], x->centre[box_x],
    };
    fbg_frame *parent = frame > walk->frames ? frame - 1 : NULL;
    const int halves_y = parent && frame->level_y > parent->level_y;
    int fields = FBG_NONE;

    if (!any_kept(walk, box.y0, box.y1, box.x0, box.x1))
        return FBG_NONE;
    const double *node_y = y->nodes[box_y], *node_x = x->nodes[box_x];
    if (!parent)
        affine_grid(walk->spline, node_y, node_x, frame->values);
    else if (halves_y)
        k->map_y(parent->values, y->down[box_y][0], frame->values, channels, 0);
    else
        k->map_x(parent->values, x->down[box_x][0], frame->values, channels, 0);
    split(walk, frame, box_y, box_x);
    const fbg_spline far = part_of(walk, frame->far, frame->far_count);
    k->forward_grid(&far, node_y, node_x, FBG_NODES, frame->values, frame->slow);

    if (walk->only_below && nowhere_below(walk, frame, &box, y->half[box_y], x->half[box_x]))
        return FBG_NONE;
    memset(frame->adjoint, 0, sizeof frame->adjoint);
    if (frame->near_count == 0) {
        fields = visit_far_blocks(walk, frame, &box);
    } else if (frame == walk->frames + FBG_DEPTHS - 1) {
        fields = visit_near_block(walk, frame, &box);
    } else if (frame[1].level_y > frame->level_y) {
        for (size_t half = 2 * box_y; half < 2 * box_y + 2 && half < y[1].boxes; half++)
            fields |= visit(walk, frame + 1, half, box_x);
    } else {
        for (size_t half = 2 * box_x; half < 2 * box_x + 2 && half < x[1].boxes; half++)
            fields |= visit(walk, frame + 1, box_y, half);
    }
    for (int f = 0; f < FBG_FIELDS; f++) {
        if (!(fields & 1 << f))
            continue;
        float slope[FBG_MAX_CHANNELS * FBG_GRID];
        k->round(frame->adjoint[f], slope, channels * FBG_GRID);
        k->backward_grid(&far, node_y, node_x, FBG_NODES, slope, frame->slow, walk->gradients[f]);
        if (!parent)
            affine_grid_adjoint(channels, node_y, node_x, slope,
                                walk->gradients[f] + walk->spline->n * (2 + channels));
        else if (halves_y)
            k->map_y(frame->adjoint[f], y->up[box_y][0], parent->adjoint[f], channels, 1);
        else
            k->map_x(frame->adjoint[f], x->up[box_x][0], parent->adjoint[f], channels, 1);
    }
    return fields;
}

void fbg_walk_box(fbg_walk *walk, size_t box_y, size_t box_x)
{
    visit(walk, walk->frames, box_y, box_x);
}
