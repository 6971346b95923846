// @ts-check
/** @import { Picture, State, ViewName } from "../types.js" */
/** @import { Colour } from "../colours.js" */
/** @import { Scene } from "../scene.js" */
/** @import { Store } from "../store.js" */
/** @import { Viewport } from "../viewport.js" */
import { DIVERGING, mapped, MARKS, MISSING, SEQUENTIAL } from "../colours.js";
import { shownViews } from "../comparison.js";
import { corrected } from "../correction.js";
import { indexAt, valueAt, valueBetween } from "../half.js";
import { SMOOTHING } from "../ranges.js";
import { shown } from "../stretch.js";

/** Pixels that are computed of a view, at most. */
const PIXELS = 600_000;
/** How strongly marks cover the image, and how much is left of a residual of no sky. */
const TINT = 0.35;

/** Draws the views where there is no WebGL: the whole image only, and computed anew for each change. */
export class PlainRenderer {
  /**
   * @param {CanvasRenderingContext2D} context @param {Store} store @param {Viewport} viewport
   * @param {(state: State) => Scene | null} sceneOf
   */
  constructor(context, store, viewport, sceneOf) {
    this.context = context;
    this.store = store;
    this.viewport = viewport;
    this.sceneOf = sceneOf;
    /** @type {Map<ViewName, { state: State, picture: OffscreenCanvas }>} */
    this.drawn = new Map();
  }

  /** Draw all panes. */
  draw() {
    const { context, store, viewport } = this;
    const { density, scale, pane: [width, height] } = viewport;
    const state = store.get();
    const scene = this.sceneOf(state);
    const [fullWidth, fullHeight] = viewport.sizeCanvas(context.canvas);
    context.clearRect(0, 0, fullWidth, fullHeight);
    if (!scene || !state.hello) return;
    const [left, top] = viewport.toScreen(0, 0);
    const { image } = state.hello;
    shownViews(state).forEach((parts, index) => {
      const [x, y] = viewport.corner(index);
      for (const { view, from, to } of parts) {
        context.save();
        context.setTransform(density, 0, 0, density, x * density, y * density);
        context.beginPath();
        context.rect(from * width, 0, (to - from) * width, height);
        context.clip();
        context.drawImage(this._picture(state, scene, view), left, top, image.width * scale, image.height * scale);
        context.restore();
      }
    });
  }

  /** @param {State} state @param {Scene} scene @param {ViewName} view */
  _picture(state, scene, view) {
    const known = this.drawn.get(view);
    const names = /** @type {const} */ ([
      "pictures", "correction", "stretch", "linked", "boost", "channel", "inverted", "falseColour", "marks",
    ]);
    if (known && names.every((name) => known.state[name] === state[name])) return known.picture;
    const picture = computed(state, scene, view);
    this.drawn.set(view, { state, picture });
    return picture;
  }
}

/** @param {State} state @param {Scene} scene @param {ViewName} view */
function computed(state, scene, view) {
  const { header } = state.pictures.original;
  const step = Math.max(1, Math.ceil(Math.sqrt((header.width * header.height) / PIXELS)));
  const [width, height] = [Math.ceil(header.width / step), Math.ceil(header.height / step)];
  const pixels = new Uint8ClampedArray(4 * width * height);
  const cell = (header.binning ?? 1) * step;
  const colourAt = colourOf(state, scene, view);
  for (let row = 0, i = 0; row < height; row++) {
    for (let column = 0; column < width; column++, i += 4) {
      const [r, g, b] = colourAt(row * step * header.width + column * step, (column + 0.5) * cell, (row + 0.5) * cell);
      pixels[i] = 255 * r;
      pixels[i + 1] = 255 * g;
      pixels[i + 2] = 255 * b;
      pixels[i + 3] = 255;
    }
  }
  const canvas = new OffscreenCanvas(width, height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.putImageData(new ImageData(pixels, width, height), 0, 0);
  return canvas;
}

/**
 * The colour of a pixel, by its number in the original and its place in the image: as the shaders.
 * @param {State} state @param {Scene} scene @param {ViewName} view
 * @returns {(i: number, x: number, y: number) => Colour}
 */
function colourOf({ pictures, correction, channel, inverted, falseColour, marks }, scene, view) {
  const { original, model, small, uncertainty, weight, objects } = pictures;
  const { display, brightness, medians, noise, ranges } = scene;
  const channels = channel === null ? original.planes.map((_, k) => k) : [channel];
  const grid = (model ?? weight ?? original).header;
  /** @param {(k: number) => number} value */
  const mean = (value) => channels.reduce((sum, k) => sum + value(k), 0) / channels.length;
  /** @param {(k: number) => number} value @returns {Colour} */
  const drawn = (value) => {
    const values = channels.map(value);
    if (values.every(Number.isNaN)) return MISSING;
    const each = values.map((v, i) => (Number.isNaN(v) ? 0 : shown(display, channels[i], v)));
    const grey = each.reduce((sum, one) => sum + one, 0) / each.length;
    if (inverted) return [1 - grey, 1 - grey, 1 - grey];
    return view === "sky" || each.length < 3 ? [grey, grey, grey] : /** @type {Colour} */ (each);
  };
  /** @param {Colour[]} stops @param {number} value @param {{ low: number, high: number }} range @returns {Colour} */
  const scaled = (stops, value, { low, high }) =>
    Number.isNaN(value) ? MISSING : mapped(stops, (value - low) / (high - low));
  /** @param {Picture | undefined} picture @param {number} k @param {number} at */
  const on = (picture, k, at) => (picture ? valueAt(picture, k, at) : NaN);
  const smooth = small ? smoothed(scene.sky ?? small) : () => NaN;
  /** @param {number} at */
  const markAt = (at) => (objects?.planes[0][at] ? MARKS.found : weight && weight.planes[0][at] < 128 ? MARKS.unused : null);
  /** @type {Record<ViewName, (i: number, at: number, x: number, y: number) => Colour>} */
  const colours = {
    original: (i) => drawn((k) => valueAt(original, k, i)),
    corrected: (i, at) =>
      drawn((k) => {
        const value = valueAt(original, k, i);
        if (!model || !correction) return value;
        return brightness.factor * corrected(value, valueAt(model, k, at), correction, k) + brightness.shift;
      }),
    model: (_, at) =>
      falseColour
        ? scaled(SEQUENTIAL, mean((k) => on(model, k, at) - medians[k]), ranges.model)
        : drawn((k) => on(model, k, at)),
    residual: (_, at) => {
      const isSky = !markAt(at);
      const value = mean((k) => ((isSky ? smooth(k, at) : on(small, k, at)) - on(model, k, at)) / noise[k]);
      const colour = scaled(DIVERGING, value, ranges.residual);
      return isSky ? colour : mixed(MISSING, colour, TINT);
    },
    sky: (i) => drawn((k) => valueAt(original, k, i)),
    uncertainty: (_, _at, x, y) =>
      scaled(SEQUENTIAL, mean((k) => (uncertainty ? valueBetween(uncertainty, k, x, y) : NaN)), ranges.uncertainty),
  };
  return (i, x, y) => {
    const at = indexAt(grid, x, y);
    const colour = colours[view](i, at, x, y);
    const mark = marks || view === "sky" ? markAt(at) : null;
    return mark ? mixed(colour, mark, TINT) : colour;
  };
}

/**
 * The means of blocks of 2 ** SMOOTHING pixels along each side, by the number of a pixel.
 * @param {Picture} picture @returns {(k: number, at: number) => number}
 */
function smoothed(picture) {
  const { width, height } = picture.header;
  const side = 2 ** SMOOTHING;
  const across = Math.ceil(width / side);
  const means = picture.planes.map((_, k) => {
    const sums = new Float64Array(across * Math.ceil(height / side));
    const counts = new Uint8Array(sums.length);
    for (let at = 0; at < width * height; at++) {
      const value = valueAt(picture, k, at);
      if (Number.isNaN(value)) continue;
      sums[blockOf(at)] += value;
      counts[blockOf(at)]++;
    }
    return sums.map((sum, block) => sum / counts[block]);
  });
  /** @param {number} at */
  function blockOf(at) {
    return Math.floor(Math.floor(at / width) / side) * across + Math.floor((at % width) / side);
  }
  return (k, at) => means[k][blockOf(at)];
}

/** @param {Colour} one @param {Colour} other @param {number} part @returns {Colour} */
function mixed(one, other, part) {
  return /** @type {Colour} */ (one.map((each, i) => each + part * (other[i] - each)));
}
