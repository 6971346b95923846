// @ts-check
/** @import { Statistics, StretchName } from "./types.js" */

/**
 * The stretches that users know, as the target of the median and the black point below it, in MADs.
 * That of PixInsight gives its black point in deviations of 1.4826 MADs; those of GraXpert do not.
 * @type {Record<Exclude<StretchName, "none">, { target: number, sigma: number }>}
 */
export const STRETCHES = {
  stf: { target: 0.25, sigma: 2.8 * 1.4826 },
  10: { target: 0.1, sigma: 3 },
  15: { target: 0.15, sigma: 3 },
  20: { target: 0.2, sigma: 3 },
  30: { target: 0.3, sigma: 2 },
};

/** Images whose largest sample is below this have the range of 0 to 1, as `fastbg.io.white` says. */
const UNITY = 2;

/**
 * What is shown for a linear value v: `mtf(clip(gain * (v - black), 0, 1), midtones)`, by channel.
 * @typedef {{ black: number[], gain: number[], midtones: number[] }} Display
 */

/**
 * The midtones transfer function of the XISF specification, in the form in which nothing cancels.
 * @param {number} x In [0, 1]. @param {number} m The midtones balance.
 */
export function mtf(x, m) {
  const part = (1 - m) * x;
  const whole = part + m * (1 - x);
  return whole ? part / whole : 0;
}

/**
 * The display of an image by one of the stretches.
 *
 * @param {Statistics} statistics Of the original.
 * @param {StretchName} name
 * @param {boolean} linked Whether all channels have the mean black point and the mean midtones.
 * @param {number} boost By how much contrast about the median is raised.
 * @returns {Display}
 */
export function displayOf(statistics, name, linked, boost) {
  const { low, unit } = rangeOf(statistics, name);
  const median = statistics.median.map((each) => (each - low) / unit);
  const mad = statistics.mad.map((each) => each / unit);
  let shadow = median.map(() => 0);
  let midtones = median.map(() => 0.5);
  if (name !== "none") {
    const { target, sigma } = STRETCHES[name];
    // Without any scatter, black stays at 0, as in PixInsight: the median has to lie above it.
    shadow = median.map((each, k) => (mad[k] > 0 ? clip(each - sigma * mad[k]) : 0));
    if (linked && name === "stf") shadow = shadow.map(() => clip(mean(median) - sigma * mean(mad)));
    const above = median.map((each, k) => each - shadow[k]);
    if (name === "stf") midtones = (linked ? alike(above) : above).map((each) => mtf(each, target));
    else {
      midtones = above.map((each, k) => mtf(each / (1 - shadow[k]), target));
      if (linked) [shadow, midtones] = [alike(shadow), alike(midtones)];
    }
  }
  // The contrast is raised about the median of each channel, or of all where they are linked.
  const centre = linked ? alike(median) : median;
  return {
    black: shadow.map((each, k) => low + unit * (centre[k] - (centre[k] - each) / boost)),
    gain: shadow.map((each) => boost / (unit * (1 - each))),
    midtones,
  };
}

/** @param {Display} display @param {number} k @param {number} value Linear. */
export function shown(display, k, value) {
  return mtf(clip(display.gain[k] * (value - display.black[k])), display.midtones[k]);
}

/**
 * What takes the place of [0, 1]: another unit for arrays in counts, and another beginning where the
 * sky lies at 0 or below it, which no program that knows only [0, 1] could show.
 * @param {Statistics} statistics @param {StretchName} name
 */
function rangeOf({ median, mad, maximum }, name) {
  const most = Math.max(...maximum);
  const sigma = name === "none" ? STRETCHES.stf.sigma : STRETCHES[name].sigma;
  const low = Math.min(...median) > 0 ? 0 : Math.min(...median.map((each, k) => each - sigma * mad[k]));
  return { low, unit: most - low > UNITY ? most - low : 1 };
}

/** @param {number} x */
const clip = (x) => Math.min(1, Math.max(0, x));

/** @param {number[]} values */
const mean = (values) => values.reduce((sum, each) => sum + each, 0) / values.length;

/** @param {number[]} values */
const alike = (values) => values.map(() => mean(values));
