// @ts-check
/** @import { ViewName } from "../types.js" */
import { STOPS } from "../colours.js";

/** A rectangle of the image, given in its pixels. */
export const VERTEX = `#version 300 es
precision highp float;
uniform vec2 origin, extent;   // of the rectangle, in pixels of the image
uniform vec4 camera;           // pixels of the image to the clip space: factors, offsets
in vec2 corner;
out vec2 place;                // in pixels of the image
void main() {
  place = origin + corner * extent;
  gl_Position = vec4(place * camera.xy + camera.zw, 0.0, 1.0);
}`;

/**
 * Pictures of half floats hold (values, 1), or zeros where a value is missing. Filtered, they give the
 * sum of the valid values, and the share of them to divide by. Packed ones have all channels in one
 * layer, the others a layer for each.
 */
const COMMON = `#version 300 es
precision highp float;
precision highp sampler2DArray;
precision highp usampler2D;
in vec2 place;
out vec4 colour;

uniform sampler2DArray image, model, other;
uniform bool imagePacked, modelPacked, otherPacked;
uniform vec3 imageOffset, imageScale, modelOffset, modelScale, otherOffset, otherScale;
uniform vec4 imageArea;        // origin and extent, in pixels of the image
uniform vec2 gridExtent;       // of the pictures on the fit's grid, in pixels of the image
uniform int channels, channel; // how many there are; the only one shown, or -1
uniform vec3 missingColour;

uniform vec3 black, gain, midtones;
uniform bool inverted;

struct Values { vec3 value; bvec3 valid; };

/** A negative level is chosen by the size on the screen. */
vec4 sampleOf(sampler2DArray picture, vec3 at, float level) {
  return level < 0.0 ? texture(picture, at) : textureLod(picture, at, level);
}

Values valuesAt(sampler2DArray picture, bool isPacked, vec2 at, vec3 offset, vec3 scale, float level) {
  vec4 first = sampleOf(picture, vec3(at, 0.0), level);
  vec3 sums = first.rgb, shares = first.aaa;
  if (!isPacked) {
    vec2 g = channels == 3 ? sampleOf(picture, vec3(at, 1.0), level).rg : first.rg;
    vec2 b = channels == 3 ? sampleOf(picture, vec3(at, 2.0), level).rg : first.rg;
    sums = vec3(first.r, g.r, b.r);
    shares = vec3(first.g, g.g, b.g);
  }
  return Values(offset + scale * (sums / max(shares, 1e-6)), greaterThanEqual(shares, vec3(0.499)));
}

Values original() {
  vec2 at = (place - imageArea.xy) / imageArea.zw;
  return valuesAt(image, imagePacked, at, imageOffset, imageScale, -1.0);
}

Values background() {
  return valuesAt(model, modelPacked, place / gridExtent, modelOffset, modelScale, -1.0);
}

vec3 only(vec3 each) {
  return channel < 0 ? each : vec3(channel == 0 ? each.r : channel == 1 ? each.g : each.b);
}

float together(vec3 each) {
  vec3 one = only(each);
  return (one.r + one.g + one.b) / 3.0;
}

vec3 stretched(Values linear) {
  vec3 x = clamp(gain * (linear.value - black), 0.0, 1.0);
  vec3 part = (1.0 - midtones) * x, rest = midtones * (1.0 - x);
  vec3 y = part / max(part + rest, vec3(1e-30));
  return mix(vec3(0.0), y, vec3(linear.valid));
}

vec3 drawn(Values linear) {
  if (!any(linear.valid)) return missingColour;
  vec3 y = only(stretched(linear));
  return inverted ? vec3(1.0 - together(y)) : y;
}
`;

/** Linear values without the model: see correction.js. */
const CORRECTED = `
uniform bool hasModel, divides;
uniform float strength, divisor, factor, shift;
uniform vec3 level;

Values corrected() {
  Values v = original();
  if (!hasModel) return v;
  Values m = background();
  vec3 safe = mix(m.value, vec3(1.0), equal(m.value, vec3(0.0)));
  vec3 quotient = mix(v.value * (level / safe), v.value, equal(m.value, vec3(0.0)));
  vec3 whole = (divides ? quotient : v.value - (m.value - level)) / divisor;
  v.value = factor * mix(v.value, whole, strength) + shift;
  return v;
}
`;

/**
 * What was found, in colours and patterns of its own; what was painted is drawn above the picture.
 * Lengths of patterns are those of the screen.
 */
const MARKS = `
uniform bool marks;
uniform usampler2D objects;
uniform sampler2D weight;
uniform bool hasObjects, hasWeight;
uniform float density, pixel;  // pixels of the screen per CSS pixel; pixels of the image per CSS pixel
uniform vec3 foundColour, unusedColour;

uint objectAt(vec2 at) {
  ivec2 size = textureSize(objects, 0);
  ivec2 cell = ivec2(floor(at / gridExtent * vec2(size)));
  return texelFetch(objects, clamp(cell, ivec2(0), size - 1), 0).r;
}

bool isUsed() { return !hasWeight || texture(weight, place / gridExtent).r >= 0.5; }

bool isFound() { return hasObjects && objectAt(place) != 0u; }

bool isOutline() {
  uint here = objectAt(place);
  vec2 one = vec2(pixel, 0.0);
  return objectAt(place + one.xy) != here || objectAt(place - one.xy) != here
    || objectAt(place + one.yx) != here || objectAt(place - one.yx) != here;
}

vec3 marked(vec3 rgb) {
  if (isFound()) return mix(rgb, foundColour, isOutline() ? 0.95 : 0.2);
  if (isUsed()) return rgb;
  bool stripe = mod((gl_FragCoord.x - gl_FragCoord.y) / density, 8.0) < 1.6;
  return mix(rgb, unusedColour, stripe ? 0.5 : 0.15);
}
`;

const MAPPED = `
uniform vec3 stops[${STOPS}];
uniform float lowest, highest;

vec3 mapped(float value) {
  float at = clamp((value - lowest) / (highest - lowest), 0.0, 1.0) * float(${STOPS - 1});
  int below = min(int(at), ${STOPS - 2});
  return mix(stops[below], stops[below + 1], at - float(below));
}
`;

const PLAIN_MARKS = `if (marks) rgb = marked(rgb);`;

/** The fragment shader of each view. @type {Record<ViewName, string>} */
export const FRAGMENTS = {
  original: `${COMMON}${MARKS}
void main() {
  vec3 rgb = drawn(original());
  ${PLAIN_MARKS}
  colour = vec4(rgb, 1.0);
}`,

  corrected: `${COMMON}${CORRECTED}${MARKS}
void main() {
  vec3 rgb = drawn(corrected());
  ${PLAIN_MARKS}
  colour = vec4(rgb, 1.0);
}`,

  model: `${COMMON}${MAPPED}${MARKS}
uniform bool falseColour;
uniform vec3 centre;           // of the model, by channel
void main() {
  Values m = background();
  vec3 rgb = falseColour ? mapped(together(m.value - centre)) : drawn(m);
  ${PLAIN_MARKS}
  colour = vec4(rgb, 1.0);
}`,

  // Here, "image" is the small copy of the fit where it is sky, whose finest grain is smoothed: what a
  // model leaves of the sky is larger. "other" is all of it. The unit is the noise of a pixel.
  residual: `${COMMON}${MAPPED}${MARKS}
uniform vec3 noise;
uniform float smoothing;       // the mean of 2 ** smoothing pixels along each side
void main() {
  vec2 at = place / gridExtent;
  Values small = valuesAt(image, imagePacked, at, imageOffset, imageScale, smoothing);
  bool isSky = isUsed() && any(small.valid);
  if (!isSky) small = valuesAt(other, otherPacked, at, otherOffset, otherScale, -1.0);
  vec3 rgb = mapped(together((small.value - background().value) / noise));
  if (!isSky) rgb = any(small.valid) ? mix(missingColour, rgb, 0.3) : missingColour;
  ${PLAIN_MARKS}
  colour = vec4(rgb, 1.0);
}`,

  sky: `${COMMON}${MARKS}
void main() {
  Values v = original();
  vec3 rgb = any(v.valid) ? vec3(together(drawn(v))) : missingColour;
  colour = vec4(marked(rgb), 1.0);
}`,

  // Here, "other" is the uncertainty.
  uncertainty: `${COMMON}${MAPPED}${MARKS}
void main() {
  Values sigma = valuesAt(other, otherPacked, place / gridExtent, otherOffset, otherScale, -1.0);
  vec3 rgb = any(sigma.valid) ? mapped(together(sigma.value)) : missingColour;
  ${PLAIN_MARKS}
  colour = vec4(rgb, 1.0);
}`,
};
