// @ts-check
/** Lines and cells on the overlay, seen on bright and on dark. */

/**
 * A canvas of cells, over the image.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {number} binning
 * @param {CanvasRenderingContext2D} context
 * @param {import("../viewport.js").Viewport} viewport
 */
export function drawCells(canvas, binning, context, viewport) {
  const [left, top] = viewport.toScreen(0, 0);
  const [right, bottom] = viewport.toScreen(canvas.width * binning, canvas.height * binning);
  context.imageSmoothingEnabled = false;
  context.drawImage(canvas, left, top, right - left, bottom - top);
}

/**
 * Stroke the path, seen on bright and on dark.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {string} colour
 * @param {number} width
 * @param {number[]} [dash]
 */
export function stroke(context, colour, width, dash = []) {
  context.setLineDash([]);
  context.lineWidth = width + 2;
  context.strokeStyle = "rgba(9, 11, 16, 0.65)";
  context.stroke();
  context.setLineDash(dash);
  context.lineWidth = width;
  context.strokeStyle = colour;
  context.stroke();
  context.setLineDash([]);
}

/**
 * A line that is seen on bright and on dark.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {number[][]} points
 * @param {string} colour
 * @param {number} width
 * @param {number[]} [dash]
 */
export function line(context, points, colour, width, dash = []) {
  context.beginPath();
  points.forEach(([x, y], index) => (index ? context.lineTo(x, y) : context.moveTo(x, y)));
  stroke(context, colour, width, dash);
}
