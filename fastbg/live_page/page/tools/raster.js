// @ts-check
/**
 * The cells of the fit's grid that a stroke or a shape covers, by the rule of the server: a cell
 * belongs to a shape if its centre does, and a thin brush takes the cell under it.
 *
 * @typedef {{width: number, height: number, binning: number}} Grid
 * @typedef {[number, number]} Point
 * @typedef {(cell: number) => void} Visit
 */

/**
 * The cells of the grid whose centres lie in a box of image pixels and pass a test.
 *
 * @param {Grid} grid
 * @param {[number, number, number, number]} box  left, top, right, bottom
 * @param {(x: number, y: number) => boolean} inside  of a cell's centre
 * @param {Visit} visit
 */
function cellsWithin(grid, [left, top, right, bottom], inside, visit) {
  const { width, height, binning } = grid;
  const first = (/** @type {number} */ edge) => Math.max(0, Math.ceil(edge / binning - 0.5));
  const last = (/** @type {number} */ edge, /** @type {number} */ size) =>
    Math.min(size - 1, Math.floor(edge / binning - 0.5));
  for (let row = first(top); row <= last(bottom, height); row++) {
    for (let column = first(left); column <= last(right, width); column++) {
      if (inside((column + 0.5) * binning, (row + 0.5) * binning)) visit(row * width + column);
    }
  }
}

/**
 * The cell under a point, or -1 outside of the grid.
 *
 * @param {Grid} grid
 * @param {Point} point
 */
export function cellAt({ width, height, binning }, [x, y]) {
  const column = Math.floor(x / binning);
  const row = Math.floor(y / binning);
  return column < 0 || row < 0 || column >= width || row >= height ? -1 : row * width + column;
}

/**
 * The cells under a round brush that goes from one point to another.
 *
 * @param {Grid} grid
 * @param {Point} from
 * @param {Point} to
 * @param {number} radius
 * @param {Visit} visit
 */
export function brushed(grid, from, to, radius, visit) {
  const [x0, y0] = from;
  const [dx, dy] = [to[0] - x0, to[1] - y0];
  const squared = dx * dx + dy * dy;
  const inside = (/** @type {number} */ x, /** @type {number} */ y) => {
    const along = squared ? ((x - x0) * dx + (y - y0) * dy) / squared : 0;
    const nearest = Math.min(1, Math.max(0, along));
    return Math.hypot(x - x0 - nearest * dx, y - y0 - nearest * dy) <= radius;
  };
  cellsWithin(
    grid,
    [
      Math.min(x0, to[0]) - radius,
      Math.min(y0, to[1]) - radius,
      Math.max(x0, to[0]) + radius,
      Math.max(y0, to[1]) + radius,
    ],
    inside,
    visit,
  );
  const steps = Math.floor((2 * Math.max(Math.abs(dx), Math.abs(dy))) / grid.binning) + 1;
  for (let step = 0; step <= steps; step++) {
    const cell = cellAt(grid, [x0 + (step / steps) * dx, y0 + (step / steps) * dy]);
    if (cell >= 0) visit(cell);
  }
}

/**
 * The cells of a polygon (even-odd rule), or of a rectangle or an ellipse between two corners.
 *
 * @param {Grid} grid
 * @param {"polygon" | "rectangle" | "ellipse"} shape
 * @param {Point[]} points
 * @param {Visit} visit
 */
export function filled(grid, shape, points, visit) {
  if (!points.length) return;
  const xs = points.map(([x]) => x);
  const ys = points.map(([, y]) => y);
  /** @type {[number, number, number, number]} */
  const box = [Math.min(...xs), Math.min(...ys), Math.max(...xs), Math.max(...ys)];
  const [left, top, right, bottom] = box;
  const inside = {
    rectangle: () => true,
    ellipse: (/** @type {number} */ x, /** @type {number} */ y) => {
      const u = (2 * x - left - right) / (right - left || 1);
      const v = (2 * y - top - bottom) / (bottom - top || 1);
      return u * u + v * v <= 1;
    },
    polygon: (/** @type {number} */ x, /** @type {number} */ y) => isWithin(points, x, y),
  }[shape];
  let any = false;
  cellsWithin(grid, box, inside, (cell) => {
    any = true;
    visit(cell);
  });
  if (any) return;
  // A shape that is too small for any centre covers the cell under its middle.
  const mean = (/** @type {number[]} */ all) => all.reduce((sum, each) => sum + each, 0) / all.length;
  const under = cellAt(grid, [mean(xs), mean(ys)]);
  if (under >= 0) visit(under);
}

/**
 * @param {Point[]} points
 * @param {number} x
 * @param {number} y
 */
function isWithin(points, x, y) {
  let within = false;
  let [px, py] = points[points.length - 1];
  for (const [qx, qy] of points) {
    if (qy > y !== py > y && x < ((px - qx) * (y - qy)) / (py - qy) + qx) within = !within;
    [px, py] = [qx, qy];
  }
  return within;
}
