// @ts-check
/** @import { Picture, State, Statistics } from "./types.js" */
/** @import { Range } from "./ranges.js" */
/** @import { Display } from "./stretch.js" */
import { brightness } from "./correction.js";
import { mediansOf, modelRange, noiseOf, residualRange, skyOf, uncertaintyRange } from "./ranges.js";
import { displayOf } from "./stretch.js";

/**
 * What every view is drawn by, computed from the pictures and from what the user chose.
 *
 * @typedef {object} Scene
 * @property {Display} display One stretch, that of the original, for all views.
 * @property {{ factor: number, shift: number }} brightness Of the corrected view.
 * @property {number[]} medians Of the model.
 * @property {number[]} noise Of the small copy.
 * @property {Picture | null} sky The small copy where it is sky.
 * @property {{ model: Range, residual: Range, uncertainty: Range }} ranges Of the colour maps.
 */

/** @type {(keyof State)[]} What a scene depends on. */
export const SCENE_STATE = ["pictures", "correction", "stretch", "linked", "boost", "channel"];

const UNIT = { low: 0, high: 1 };

/** Scenes, of which only what has changed is computed again. */
export class Scenes {
  constructor() {
    /** @type {Map<string, { inputs: any[], value: any }>} */
    this._known = new Map();
  }

  /** @param {State} state @returns {Scene | null} Null before there is an image. */
  of({ pictures, correction, stretch, linked, boost, channel }) {
    const { original, model, small, weight, uncertainty } = pictures;
    const statistics = original?.header.statistics;
    if (!statistics) return null;
    const medians = this._once("medians", [model], () => (model ? mediansOf(model) : statistics.median));
    const known = this;
    // What only some views show is computed when it is asked for: each fit brings new pictures.
    return {
      display: displayOf(statistics, stretch, linked, boost),
      brightness: correction ? brightness(correction, medians) : { factor: 1, shift: 0 },
      medians,
      get noise() {
        return known._once("noise", [small, model, weight], () => noise(statistics, small, model, weight));
      },
      get sky() {
        return known._once("sky", [small, weight], () => (small ? skyOf(small, weight) : null));
      },
      ranges: {
        get model() {
          return known._once("model", [model, channel], () => (model ? modelRange(model, medians, channel) : UNIT));
        },
        residual: residualRange(boost),
        get uncertainty() {
          return known._once("uncertainty", [uncertainty, channel], () =>
            uncertainty ? uncertaintyRange(uncertainty, channel) : UNIT,
          );
        },
      },
    };
  }

  /** @template T @param {string} name @param {any[]} inputs @param {() => T} compute @returns {T} */
  _once(name, inputs, compute) {
    const known = this._known.get(name);
    if (known && inputs.every((each, i) => each === known.inputs[i])) return known.value;
    const value = compute();
    this._known.set(name, { inputs, value });
    return value;
  }
}

/** @param {Statistics} statistics @param {Picture} [small] @param {Picture} [model] @param {Picture} [weight] */
function noise({ mad }, small, model, weight) {
  return small && model ? noiseOf(small, model, weight) : mad.map((each) => 1.4826 * each || 1);
}
