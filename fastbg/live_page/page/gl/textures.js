// @ts-check
/** @import { Picture } from "../types.js" */

const ONE = 0x3c00;
const LARGEST = 0x7bff;
const INFINITY = 0x7c00;

/**
 * A texture on the graphics card. It is packed if one layer holds all channels.
 * @typedef {{ texture: WebGLTexture, target: number, bytes: number, isPacked: boolean }} Uploaded
 */

/**
 * Planes of half floats as groups of (values, 1), or of zeros where the first value is NaN.
 * @param {Uint16Array[]} planes @param {Uint16Array} groups Is filled.
 */
export function fillGroups(planes, groups) {
  const stride = planes.length + 1;
  for (let i = 0, j = 0; i < planes[0].length; i++, j += stride) {
    const isMissing = (planes[0][i] & 0x7fff) > INFINITY;
    for (let k = 0; k < planes.length; k++) groups[j + k] = isMissing ? 0 : finite(planes[k][i]);
    groups[j + stride - 1] = isMissing ? 0 : ONE;
  }
}

/** A star beyond the range of half floats is as bright as they can tell. @param {number} bits */
const finite = (bits) => ((bits & 0x7fff) === INFINITY ? (bits & 0x8000) | LARGEST : bits);

/** Whether all channels are missing at the same pixels. @param {Uint16Array[]} planes */
function missTogether([first, ...others]) {
  return others.every((plane) => plane.every((bits, i) => (bits & 0x7fff) > INFINITY === (first[i] & 0x7fff) > INFINITY));
}

/**
 * Pictures of half floats. Three channels are packed into one layer, which is faster to draw, unless
 * single ones of them are missing somewhere: then each has a layer of its own.
 * @param {WebGL2RenderingContext} gl @param {Picture} picture
 * @param {boolean} reducible Whether it is also shown much smaller than it is.
 * @returns {Uploaded}
 */
export function uploadHalves(gl, picture, reducible) {
  const { width, height, channels } = picture.header;
  const planes = /** @type {Uint16Array[]} */ (picture.planes);
  const isPacked = channels === 3 && missTogether(planes);
  const layers = isPacked ? [planes] : planes.map((plane) => [plane]);
  const [internal, format, size] = isPacked ? [gl.RGBA16F, gl.RGBA, 4] : [gl.RG16F, gl.RG, 2];
  const target = gl.TEXTURE_2D_ARRAY;
  const texture = gl.createTexture();
  gl.bindTexture(target, texture);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  const levels = reducible ? 1 + Math.floor(Math.log2(Math.max(width, height))) : 1;
  gl.texStorage3D(target, levels, internal, width, height, layers.length);
  const groups = new Uint16Array(size * width * height);
  layers.forEach((layer, index) => {
    fillGroups(layer, groups);
    gl.texSubImage3D(target, 0, 0, 0, index, width, height, 1, format, gl.HALF_FLOAT, groups);
  });
  if (levels > 1) gl.generateMipmap(target);
  gl.texParameteri(target, gl.TEXTURE_MIN_FILTER, levels > 1 ? gl.LINEAR_MIPMAP_NEAREST : gl.LINEAR);
  clampToEdge(gl, target);
  return { texture, target, isPacked, bytes: 2 * size * layers.length * width * height * (levels > 1 ? 4 / 3 : 1) };
}

/** Masks and labels, whose cells have edges. @param {WebGL2RenderingContext} gl @param {Picture} picture */
export function uploadCells(gl, picture) {
  const { width, height, type } = picture.header;
  const texture = gl.createTexture();
  gl.bindTexture(gl.TEXTURE_2D, texture);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  const [internal, format, samples] =
    type === "label" ? [gl.R16UI, gl.RED_INTEGER, gl.UNSIGNED_SHORT] : [gl.R8, gl.RED, gl.UNSIGNED_BYTE];
  gl.texImage2D(gl.TEXTURE_2D, 0, internal, width, height, 0, format, samples, picture.planes[0]);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.NEAREST);
  gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MAG_FILTER, gl.NEAREST);
  clampToEdge(gl, gl.TEXTURE_2D);
  return { texture, target: gl.TEXTURE_2D, isPacked: false, bytes: width * height * (type === "label" ? 2 : 1) };
}

/** @param {WebGL2RenderingContext} gl @param {number} target */
function clampToEdge(gl, target) {
  gl.texParameteri(target, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(target, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
}
