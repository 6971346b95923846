// @ts-check
/** Strokes are drawn at once and sent while the pen is down, new points only. */

import { problem } from "../say.js";
import { brushed } from "./raster.js";

/**
 * @typedef {import("../types.js").App} App
 * @typedef {import("../types.js").Point} Point
 * @typedef {import("./painted.js").Painted} Painted
 * @typedef {import("../types.js").Layer} Layer
 */

/** Points in one message, of the 4096 that the server takes. */
const MOST = 2000;

let strokes = 0;

/** A name that no other stroke of any page of this session has. */
function newKey() {
  strokes += 1;
  return `${performance.timeOrigin.toString(36)}-${strokes}`;
}

/** One stroke from pen down to pen up. */
export class Stroke {
  /**
   * @param {App} app
   * @param {Painted} painted
   * @param {Layer} layer
   * @param {number} radius  in pixels of the image
   */
  constructor(app, painted, layer, radius) {
    this.app = app;
    this.painted = painted;
    this.radius = radius;
    this.message = { do: "stroke", stroke: newKey(), layer, radius };
    this.pending = painted.begin(layer);
    /** @type {Point | null} */
    this.last = null;
    /** @type {Point[]} */
    this.unsent = [];
    this.ended = false;
    /** @type {Promise<unknown> | null} */
    this.underway = null;
    this.asked = 0;
  }

  /** @param {Point} point */
  add(point) {
    // Points closer than this change no cell but those that the next one changes as well.
    const least = Math.min(this.radius, this.painted.grid.binning) / 4;
    const { last } = this;
    if (last && Math.hypot(point[0] - last[0], point[1] - last[1]) < least) return;
    this.painted.add(this.pending, (visit) =>
      brushed(this.painted.grid, last ?? point, point, this.radius, visit),
    );
    this.last = point;
    this.unsent.push([round(point[0]), round(point[1])]);
    this.asked ||= requestAnimationFrame(() => {
      this.asked = 0;
      this.send();
    });
  }

  /** Send what is new, once the last message was answered: a slow server is not flooded. */
  send() {
    if (this.underway || this.ended || !this.unsent.length) return;
    const points = this.unsent.splice(0, MOST);
    this.underway = this.app
      .send({ ...this.message, points, more: true })
      .catch((error) => this.fail(error))
      .finally(() => {
        this.underway = null;
        this.send();
      });
  }

  /** The pen was lifted. */
  end() {
    if (this.ended) return;
    this.ended = true;
    cancelAnimationFrame(this.asked);
    while (this.unsent.length > MOST) {
      const points = this.unsent.splice(0, MOST);
      this.app.send({ ...this.message, points, more: true }).catch((error) => this.fail(error));
    }
    settle(
      this.painted,
      this.pending,
      this.app.send({ ...this.message, points: this.unsent.splice(0), more: false }),
    );
  }

  /** The stroke was not meant. */
  cancel() {
    this.ended = true;
    cancelAnimationFrame(this.asked);
    this.painted.drop(this.pending);
    this.app.send({ ...this.message, points: [], more: false, cancel: true }).catch(problem);
  }

  /** @param {Error} error */
  fail(error) {
    this.ended = true;
    this.painted.drop(this.pending);
    problem(error);
  }
}

/** A tenth of a pixel: @param {number} value */
const round = (value) => Math.round(value * 10) / 10;

/**
 * Keep what is drawn until the server has answered and its next layers hold it.
 *
 * @param {Painted} painted
 * @param {import("./painted.js").Pending} pending
 * @param {Promise<unknown>} answer
 */
export function settle(painted, pending, answer) {
  answer.then(
    () => {
      pending.ended = true;
      // A stroke that changed nothing brings no new layer.
      setTimeout(() => painted.pending.includes(pending) && painted.drop(pending), 1500);
    },
    (error) => {
      painted.drop(pending);
      problem(error);
    },
  );
}
