// @ts-check
/**
 * What the user painted, as cells of the fit's grid: the server's layers, and on top of them what
 * was painted since and is not yet answered, so that the pen is never ahead of its line.
 */

/** @typedef {import("./raster.js").Grid} Grid */
/** @typedef {import("../types.js").Picture} Picture */
/** @typedef {import("../types.js").Layer} Layer */
/** @typedef {{layer: Layer, cells: Set<number>, ended: boolean}} Pending */

export const MARK = { erase: 0, not_sky: 1, sky: 2 };

/** Red, green, blue of each mark: nothing, not sky, sky. */
export const COLOURS = [
  [0, 0, 0],
  [255, 150, 60],
  [64, 210, 200],
];
const [INNER, PATTERN, EDGE] = [64, 128, 215];

/** Whether a cell belongs to the pattern of its mark: stripes of what is no sky, dots of sky. */
const IN_PATTERN = [
  () => false,
  (/** @type {number} */ row, /** @type {number} */ column) => (row + column) % 4 === 0,
  (/** @type {number} */ row, /** @type {number} */ column) => row % 3 === 0 && column % 3 === 0,
];

/**
 * A colour as `ImageData` holds it, in one number.
 *
 * @param {number[]} colour  red, green, blue
 * @param {number} alpha
 */
export const packed = ([red, green, blue], alpha) =>
  new Uint32Array(new Uint8Array([red, green, blue, alpha]).buffer)[0];

const INNER_COLOURS = COLOURS.map((colour, mark) => packed(colour, mark && INNER));
const PATTERN_COLOURS = COLOURS.map((colour, mark) => packed(colour, mark && PATTERN));
const EDGE_COLOURS = COLOURS.map((colour, mark) => packed(colour, mark && EDGE));

/** The layers as they are drawn. */
export class Painted {
  constructor() {
    this.canvas = document.createElement("canvas");
    this.context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    /** @type {Record<"not_sky" | "sky", ArrayLike<number> | null>} */
    this.base = { not_sky: null, sky: null };
    /** @type {Pending[]} */
    this.pending = [];
    /** @type {Grid} */
    this.grid = { width: 1, height: 1, binning: 1 };
    this.marks = new Uint8Array(1);
    this.pixels = this.context.createImageData(1, 1);
    this.colours = new Uint32Array(this.pixels.data.buffer);
  }

  /**
   * Draw on this grid; what is not yet answered was meant for the one before.
   *
   * @param {Grid} grid
   */
  use(grid) {
    const { width, height } = grid;
    this.grid = grid;
    this.marks = new Uint8Array(width * height);
    Object.assign(this.canvas, { width, height });
    this.pixels = this.context.createImageData(width, height);
    this.colours = new Uint32Array(this.pixels.data.buffer);
    this.base = { not_sky: null, sky: null };
    this.pending = [];
  }

  /**
   * Begin something that the server does not know yet.
   *
   * @param {Layer} layer
   * @returns {Pending}
   */
  begin(layer) {
    const pending = { layer, cells: new Set(), ended: false };
    this.pending.push(pending);
    return pending;
  }

  /**
   * Add cells to it.
   *
   * @param {Pending} pending
   * @param {(visit: (cell: number) => void) => void} cover
   */
  add(pending, cover) {
    const mark = MARK[pending.layer];
    /** @type {Set<number>} */
    const changed = new Set();
    cover((cell) => {
      pending.cells.add(cell);
      if (this.marks[cell] !== mark) {
        this.marks[cell] = mark;
        changed.add(cell);
      }
    });
    if (changed.size) this.colour(changed);
  }

  /**
   * Take it back, or drop it because the server's layers hold it now.
   *
   * @param {Pending} pending
   */
  drop(pending) {
    this.pending = this.pending.filter((each) => each !== pending);
    this.rebuild();
  }

  /**
   * A layer from the server, which holds what had ended before.
   *
   * @param {"not_sky" | "sky"} layer
   * @param {Picture} picture
   */
  receive(layer, { header, planes }) {
    const { width, height, binning = 1 } = header;
    const { grid } = this;
    if (width !== grid.width || height !== grid.height || binning !== grid.binning) {
      this.use({ width, height, binning });
    }
    this.base[layer] = planes[0];
    this.pending = this.pending.filter((each) => !each.ended);
    this.rebuild();
  }

  /** The marks anew from the server's layers and from what is pending; mostly, none changes. */
  rebuild() {
    const { not_sky, sky } = this.base;
    const marks = new Uint8Array(this.marks.length);
    for (let cell = 0; cell < marks.length; cell++) {
      marks[cell] = not_sky?.[cell] ? MARK.not_sky : sky?.[cell] ? MARK.sky : MARK.erase;
    }
    for (const { layer, cells } of this.pending) {
      for (const cell of cells) marks[cell] = MARK[layer];
    }
    /** @type {number[]} */
    const changed = [];
    for (let cell = 0; cell < marks.length; cell++) {
      if (marks[cell] !== this.marks[cell]) changed.push(cell);
    }
    this.marks = marks;
    if (changed.length) this.colour(changed);
  }

  /**
   * Colour the box around some cells.
   *
   * @param {Iterable<number>} cells
   */
  colour(cells) {
    const { width, height } = this.grid;
    let [left, top, right, bottom] = [width, height, 0, 0];
    for (const cell of cells) {
      const column = cell % width;
      const row = (cell - column) / width;
      left = Math.min(left, column);
      right = Math.max(right, column);
      top = Math.min(top, row);
      bottom = Math.max(bottom, row);
    }
    // The edge of what is painted changes beside it, too.
    [left, top] = [Math.max(0, left - 1), Math.max(0, top - 1)];
    [right, bottom] = [Math.min(width - 1, right + 1), Math.min(height - 1, bottom + 1)];
    for (let row = top; row <= bottom; row++) {
      for (let column = left; column <= right; column++) this.colourCell(row, column);
    }
    this.context.putImageData(
      this.pixels, 0, 0, left, top, right - left + 1, bottom - top + 1,
    );
  }

  /**
   * @param {number} row
   * @param {number} column
   */
  colourCell(row, column) {
    const { width, height } = this.grid;
    const cell = row * width + column;
    const mark = this.marks[cell];
    const isEdge =
      (row > 0 && this.marks[cell - width] !== mark) ||
      (row < height - 1 && this.marks[cell + width] !== mark) ||
      (column > 0 && this.marks[cell - 1] !== mark) ||
      (column < width - 1 && this.marks[cell + 1] !== mark);
    const inside = IN_PATTERN[mark](row, column) ? PATTERN_COLOURS : INNER_COLOURS;
    this.colours[cell] = (isEdge ? EDGE_COLOURS : inside)[mark];
  }
}
