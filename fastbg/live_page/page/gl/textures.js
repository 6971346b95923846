// @ts-check
/** @import { Picture } from "../types.js" */

const ONE = 0x3c00;
const LARGEST = 0x7bff;
const INFINITY = 0x7c00;

/**
 * A texture on the graphics card.
 * @typedef {{ texture: WebGLTexture, target: number, bytes: number }} Uploaded
 */

/**
 * A plane of half floats as pairs of (value, 1), or (0, 0) where it is NaN.
 * @param {Uint16Array} plane @param {Uint16Array} pairs Is filled.
 */
export function fillPairs(plane, pairs) {
  for (let i = 0, j = 0; i < plane.length; i++, j += 2) {
    const bits = plane[i];
    const size = bits & 0x7fff;
    if (size > INFINITY) {
      pairs[j] = pairs[j + 1] = 0;
    } else {
      // A star beyond the range of half floats is as bright as they can tell.
      pairs[j] = size === INFINITY ? (bits & 0x8000) | LARGEST : bits;
      pairs[j + 1] = ONE;
    }
  }
}

/**
 * Pictures of half floats, with a layer for each channel.
 * @param {WebGL2RenderingContext} gl @param {Picture} picture
 * @param {boolean} reducible Whether it is also shown much smaller than it is.
 * @returns {Uploaded}
 */
export function uploadHalves(gl, picture, reducible) {
  const { width, height, channels } = picture.header;
  const target = gl.TEXTURE_2D_ARRAY;
  const texture = gl.createTexture();
  gl.bindTexture(target, texture);
  gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
  const levels = reducible ? 1 + Math.floor(Math.log2(Math.max(width, height))) : 1;
  gl.texStorage3D(target, levels, gl.RG16F, width, height, channels);
  const pairs = new Uint16Array(2 * width * height);
  picture.planes.forEach((plane, k) => {
    fillPairs(/** @type {Uint16Array} */ (plane), pairs);
    gl.texSubImage3D(target, 0, 0, 0, k, width, height, 1, gl.RG, gl.HALF_FLOAT, pairs);
  });
  if (levels > 1) gl.generateMipmap(target);
  gl.texParameteri(target, gl.TEXTURE_MIN_FILTER, levels > 1 ? gl.LINEAR_MIPMAP_NEAREST : gl.LINEAR);
  clampToEdge(gl, target);
  return { texture, target, bytes: 4 * width * height * channels * (levels > 1 ? 4 / 3 : 1) };
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
  return { texture, target: gl.TEXTURE_2D, bytes: width * height * (type === "label" ? 2 : 1) };
}

/** @param {WebGL2RenderingContext} gl @param {number} target */
function clampToEdge(gl, target) {
  gl.texParameteri(target, gl.TEXTURE_WRAP_S, gl.CLAMP_TO_EDGE);
  gl.texParameteri(target, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
}
