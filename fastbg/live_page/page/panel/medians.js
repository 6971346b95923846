// @ts-check
/** Medians of a picture that travelled as half floats. */

/** @typedef {import("../types.js").Picture} Picture */

const SAMPLED = 20_000;

/** @type {WeakMap<Picture, number[]>} */
const known = new WeakMap();

/**
 * The number whose half float has these bits.
 *
 * @param {number} bits
 */
export function fromHalf(bits) {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction);
}

/**
 * The median of each channel, linear, of some of its pixels.
 *
 * @param {Picture} picture
 */
export function mediansOf(picture) {
  const before = known.get(picture);
  if (before) return before;
  const { offset, scale } = picture.header;
  const medians = picture.planes.map((plane, channel) => {
    const step = Math.max(1, Math.floor(plane.length / SAMPLED));
    const values = [];
    for (let at = 0; at < plane.length; at += step) {
      const value = fromHalf(plane[at]);
      if (Number.isFinite(value)) values.push(value);
    }
    values.sort((one, other) => one - other);
    const middle = values.length ? values[values.length >> 1] : 0;
    return offset[channel] + scale[channel] * middle;
  });
  known.set(picture, medians);
  return medians;
}
