// @ts-check
/** @import { OverlayLayer } from "./types.js" */
/** @import { Viewport } from "./viewport.js" */

/** A transparent canvas above the picture, on which tools and warnings draw. */
export class Overlay {
  /** @param {HTMLCanvasElement} canvas @param {Viewport} viewport */
  constructor(canvas, viewport) {
    this.canvas = canvas;
    this.viewport = viewport;
    /** @type {OverlayLayer[]} */
    this.layers = [];
    this._asked = false;
    viewport.on("change", () => this.invalidate());
  }

  /** @param {OverlayLayer} layer @returns {() => void} Takes it away. */
  add(layer) {
    this.layers.push(layer);
    this.invalidate();
    return () => {
      this.layers = this.layers.filter((each) => each !== layer);
      this.invalidate();
    };
  }

  /** Draw again before the next frame. */
  invalidate() {
    if (this._asked) return;
    this._asked = true;
    requestAnimationFrame(() => {
      this._asked = false;
      this.draw();
    });
  }

  draw() {
    const { canvas, viewport } = this;
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    const { density } = viewport;
    const [width, height] = viewport.sizeCanvas(canvas);
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, width, height);
    for (let index = 0; index < viewport.panes; index++) {
      const [left, top] = viewport.corner(index);
      context.save();
      context.setTransform(density, 0, 0, density, left * density, top * density);
      context.beginPath();
      context.rect(0, 0, ...viewport.pane);
      context.clip();
      for (const layer of this.layers) layer.draw(context, viewport);
      context.restore();
    }
  }
}
