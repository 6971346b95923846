// @ts-check

/**
 * A linear value, to as many digits as tell it from its neighbours.
 * @param {number} value @param {number} [digits]
 */
export function linearText(value, digits = 5) {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size < 1e-4 || size >= 1e6) return value.toExponential(Math.max(0, digits - 2)).replace("-", "−");
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(size)));
  return value.toFixed(Math.min(8, decimals)).replace("-", "−");
}

/** The white of 16 bits, in whose counts values are told whose file has none. */
const COUNTS = 65535;

/** The counts of a linear value of 1. @param {number | null} white Of the file. */
export function whiteOf(white) {
  return white && white > 2 ? white : COUNTS;
}

/** A value in counts of the file. @param {number} value @param {number} white */
export function aduText(value, white) {
  const counts = value * white;
  const decimals = Math.abs(counts) < 100 ? 2 : Math.abs(counts) < 10_000 ? 1 : 0;
  return counts.toFixed(decimals).replace("-", "−");
}
