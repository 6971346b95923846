// @ts-check
/** @import { Point } from "./types.js" */

/** The largest zoom, in pixels of the screen per pixel of the image. */
const LARGEST = 40;
/** The smallest zoom, as a part of that which fits the whole image, unless 1:1 is smaller. */
const SMALLEST = 0.5;
/** What is left free around an image that fits, in CSS pixels. */
const MARGIN = 12;

/**
 * Which part of the image is seen, and where on the screen. Side by side, two panes show the same
 * part; places on the screen are then those of the pane in which they lie.
 */
export class Viewport {
  /** @param {HTMLElement} stage The element that the picture fills. */
  constructor(stage) {
    this.stage = stage;
    /** CSS pixels per pixel of the image. */
    this.scale = 1;
    /** @type {Point} The place of the image at the middle of a pane. */
    this.centre = [0.5, 0.5];
    /** @type {Point} */
    this.size = [1, 1];
    this.panes = 1;
    /** @type {(event: PointerEvent) => boolean} Whether it pans or zooms, so that it is not the tool's. */
    this.takes = () => false;
    this._fits = true;
    /** @type {(() => void)[]} */
    this._listeners = [];
    new ResizeObserver(() => this._resized()).observe(stage);
    this._watchDensity();
  }

  /** A window that comes to another screen may have other pixels there. */
  _watchDensity() {
    const same = window.matchMedia(`(resolution: ${this.density}dppx)`);
    const changed = () => {
      this._resized();
      this._watchDensity();
    };
    same.addEventListener("change", changed, { once: true });
  }

  /** @param {"change"} _event @param {() => void} callback */
  on(_event, callback) {
    this._listeners.push(callback);
  }

  /** Tell the size of the image, and show all of it. @param {number} width @param {number} height */
  setImage(width, height) {
    this.size = [width, height];
    this.fit();
  }

  /** @param {number} count 1 or 2 */
  setPanes(count) {
    this.panes = count;
    this._resized();
  }

  /** Pixels of the screen per CSS pixel. */
  get density() {
    return window.devicePixelRatio || 1;
  }

  /** The zoom as users know it: 1 is one pixel of the image on one pixel of the screen. */
  get zoom() {
    return this.scale * this.density;
  }

  /** Whether the panes lie one above the other. */
  get stacked() {
    return this.stage.clientHeight > this.stage.clientWidth;
  }

  /** @returns {Point} Width and height of a pane, in CSS pixels. */
  get pane() {
    const { clientWidth: width, clientHeight: height } = this.stage;
    return this.stacked ? [width, height / this.panes] : [width / this.panes, height];
  }

  /**
   * Give a canvas that fills the stage one pixel for each of the screen.
   * @param {HTMLCanvasElement} canvas
   * @returns {Point} Its width and height, in pixels of the screen.
   */
  sizeCanvas(canvas) {
    const { clientWidth, clientHeight } = this.stage;
    const [width, height] = [Math.round(clientWidth * this.density), Math.round(clientHeight * this.density)];
    if (canvas.width !== width || canvas.height !== height) {
      Object.assign(canvas, { width, height });
      // The stage may be wider by a part of a pixel, to which the picture must not be stretched.
      canvas.style.width = `${width / this.density}px`;
      canvas.style.height = `${height / this.density}px`;
    }
    return [width, height];
  }

  /** @returns {Point} The upper left corner of a pane in the stage. @param {number} index */
  corner(index) {
    const [width, height] = this.pane;
    return this.stacked ? [0, index * height] : [index * width, 0];
  }

  /** The place in its pane of a place on the page. @param {number} clientX @param {number} clientY */
  toPane(clientX, clientY) {
    const box = this.stage.getBoundingClientRect();
    const [x, y] = [clientX - box.left - this.stage.clientLeft, clientY - box.top - this.stage.clientTop];
    const [width, height] = this.pane;
    const index = Math.min(this.panes - 1, Math.max(0, Math.floor(this.stacked ? y / height : x / width)));
    const [left, top] = this.corner(index);
    return /** @type {Point} */ ([x - left, y - top]);
  }

  /** @param {number} clientX @param {number} clientY @returns {Point} In pixels of the image. */
  toImage(clientX, clientY) {
    return this.fromPane(...this.toPane(clientX, clientY));
  }

  /** @param {number} px @param {number} py @returns {Point} In pixels of the image. */
  fromPane(px, py) {
    const [width, height] = this.pane;
    return [this.centre[0] + (px - width / 2) / this.scale, this.centre[1] + (py - height / 2) / this.scale];
  }

  /** @param {number} x @param {number} y @returns {Point} In CSS pixels of a pane. */
  toScreen(x, y) {
    const [width, height] = this.pane;
    return [width / 2 + (x - this.centre[0]) * this.scale, height / 2 + (y - this.centre[1]) * this.scale];
  }

  /**
   * Zoom by a factor; what is at the place on the page, or else in the middle, stays there.
   * @param {number} factor @param {number} [clientX] @param {number} [clientY]
   */
  zoomAt(factor, clientX, clientY) {
    const [width, height] = this.pane;
    const [px, py] =
      clientX === undefined || clientY === undefined ? [width / 2, height / 2] : this.toPane(clientX, clientY);
    const [x, y] = this.fromPane(px, py);
    this.scale = this._bounded(this.scale * factor);
    this._fits = false;
    this._moveTo(x - (px - width / 2) / this.scale, y - (py - height / 2) / this.scale);
  }

  /** Show all of the image. */
  fit() {
    this._fits = true;
    this.scale = this._fitting();
    this._moveTo(this.size[0] / 2, this.size[1] / 2);
  }

  /** One pixel of the image on one pixel of the screen. @param {number} [clientX] @param {number} [clientY] */
  oneToOne(clientX, clientY) {
    this.zoomAt(1 / this.zoom, clientX, clientY);
  }

  /** Move the image. @param {number} dx @param {number} dy In CSS pixels. */
  pan(dx, dy) {
    this._fits = false;
    this._moveTo(this.centre[0] - dx / this.scale, this.centre[1] - dy / this.scale);
  }

  /**
   * Move the image so that a place of it comes under a place on the page.
   * @param {Point} place @param {number} clientX @param {number} clientY
   */
  drag([x, y], clientX, clientY) {
    const [atX, atY] = this.toImage(clientX, clientY);
    this._fits = false;
    this._moveTo(this.centre[0] + x - atX, this.centre[1] + y - atY);
  }

  /** Bring a place of the image to the middle. @param {number} x @param {number} y @param {number} [scale] */
  show(x, y, scale = this.scale) {
    this._fits = false;
    this.scale = this._bounded(scale);
    this._moveTo(x, y);
  }

  _fitting() {
    const [width, height] = this.pane;
    const room = [Math.max(1, width - 2 * MARGIN), Math.max(1, height - 2 * MARGIN)];
    return Math.min(room[0] / this.size[0], room[1] / this.size[1], LARGEST / this.density);
  }

  /** @param {number} scale */
  _bounded(scale) {
    const least = Math.min(SMALLEST * this._fitting(), 1 / this.density);
    return Math.min(LARGEST / this.density, Math.max(least, scale));
  }

  /** @param {number} x @param {number} y */
  _moveTo(x, y) {
    const place = [x, y].map((each, i) => Math.min(this.size[i], Math.max(0, each)));
    this.centre = [this._aligned(place[0], 0), this._aligned(place[1], 1)];
    for (const callback of this._listeners) callback();
  }

  /**
   * At 1:1, 2:1 and so on, pixels of the image lie on whole pixels of the screen, and stay sharp.
   * @param {number} place @param {number} axis
   */
  _aligned(place, axis) {
    const { zoom } = this;
    if (Math.abs(zoom - Math.round(zoom)) > 1e-9) return place;
    const middle = Math.round(this.pane[axis] * this.density) / 2;
    return (middle - Math.round(middle - place * zoom)) / zoom;
  }

  _resized() {
    if (this._fits) this.fit();
    else this._moveTo(...this.centre);
  }
}
