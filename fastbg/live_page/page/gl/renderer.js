// @ts-check
/** @import { Store } from "../store.js" */
/** @import { Viewport } from "../viewport.js" */

/** Draws the views of the image. */
export class Renderer {
  /** @param {HTMLCanvasElement} canvas @param {Store} store @param {Viewport} viewport */
  constructor(canvas, store, viewport) {
    this.canvas = canvas;
    this.store = store;
    this.viewport = viewport;
    this._asked = false;
    viewport.on("change", () => this.invalidate());
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

  draw() {}
}
