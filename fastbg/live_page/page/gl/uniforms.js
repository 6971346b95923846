// @ts-check
/** @import { Header, State, ViewName } from "../types.js" */
/** @import { Scene } from "../scene.js" */
/** @import { Viewport } from "../viewport.js" */
/** @import { Value } from "./program.js" */
import { DIVERGING, MARKS, MISSING, SEQUENTIAL } from "../colours.js";
import { extentOf } from "../half.js";
import { SMOOTHING } from "../ranges.js";

/** The texture unit of each sampler. */
export const UNITS = { image: 0, model: 1, other: 2, weight: 3, objects: 4 };

/** The samplers that show a picture of the same name. */
export const SHARED = ["model", "weight", "objects"];

/** The picture that a view has as `other`. @type {Partial<Record<ViewName, string>>} */
export const OTHERS = { residual: "small", uncertainty: "uncertainty" };

/** Three numbers, from one a channel. @param {number[]} each @returns {number[]} */
export const three = (each) => (each.length === 3 ? each : [each[0], each[0], each[0]]);

/**
 * The uniforms of a view that are the same for all of its rectangles.
 * @param {State} state @param {Scene} scene @param {ViewName} view @param {Viewport} viewport
 * @returns {Record<string, Value>}
 */
export function uniformsOf(state, scene, view, viewport) {
  const { pictures, correction } = state;
  const { display, brightness, medians, ranges } = scene;
  const isMapped = view === "residual" || view === "uncertainty" || (view === "model" && state.falseColour);
  const own = isMapped ? ranges[view] : { low: 0, high: 1 };
  const grid = pictures.model?.header ?? pictures.weight?.header ?? pictures.small?.header;
  return {
    ...UNITS,
    ...linear("model", pictures.model?.header),
    ...linear("other", pictures[OTHERS[view] ?? ""]?.header),
    gridExtent: extentOf(grid ?? pictures.original.header),
    channels: pictures.original.header.channels,
    channel: state.channel ?? -1,
    missingColour: MISSING,
    black: three(display.black),
    gain: three(display.gain),
    midtones: three(display.midtones),
    inverted: state.inverted,
    hasModel: Boolean(pictures.model && correction),
    divides: correction?.mode === "divide",
    strength: correction?.strength ?? 0,
    divisor: correction?.divisor ?? 1,
    level: three(correction?.level ?? [0]),
    ...brightness,
    marks: state.marks,
    hasObjects: Boolean(pictures.objects),
    hasWeight: Boolean(pictures.weight),
    density: viewport.density,
    pixel: 1 / viewport.scale,
    foundColour: MARKS.found,
    unusedColour: MARKS.unused,
    stops: (view === "residual" ? DIVERGING : SEQUENTIAL).flat(),
    lowest: own.low,
    highest: own.high,
    falseColour: state.falseColour,
    centre: three(medians),
    noise: three(view === "residual" ? scene.noise : [1]),
    smoothing: SMOOTHING,
  };
}

/** What turns the halves of a picture into linear values. @param {string} name @param {Header} [header] */
export function linear(name, header) {
  if (!header) return { [`${name}Offset`]: [0, 0, 0], [`${name}Scale`]: [0, 0, 0] };
  return { [`${name}Offset`]: three(header.offset), [`${name}Scale`]: three(header.scale) };
}
