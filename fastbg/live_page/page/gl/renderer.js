// @ts-check
/** @import { Hello, Picture, Point, State, ViewName } from "../types.js" */
/** @import { Part } from "../comparison.js" */
/** @import { Scene } from "../scene.js" */
/** @import { Store } from "../store.js" */
/** @import { Viewport } from "../viewport.js" */
/** @import { Uploaded } from "./textures.js" */
import { shownViews } from "../comparison.js";
import { extentOf } from "../half.js";
import { Program } from "./program.js";
import { FRAGMENTS } from "./shaders.js";
import { uploadCells, uploadHalves } from "./textures.js";
import { placesIn, sideOf, Tiles } from "./tiles.js";
import { linear, OTHERS, SHARED, UNITS, uniformsOf } from "./uniforms.js";

/** The colour around the image, that of the stage in style.css. */
const AROUND = [9 / 255, 11 / 255, 16 / 255];
/** From this zoom on, pixels are squares. */
const SQUARES = 2;
/** The views that show pixels of the image, which tiles make sharp. */
const OF_IMAGE = new Set(["original", "corrected", "sky"]);

/** Draws the views of the image with WebGL 2; stretch, boost and comparison are the shaders'. */
export class Renderer {
  /**
   * @param {WebGL2RenderingContext} gl @param {Store} store @param {Viewport} viewport
   * @param {(state: State) => Scene | null} sceneOf
   */
  constructor(gl, store, viewport, sceneOf) {
    this.gl = gl;
    this.canvas = /** @type {HTMLCanvasElement} */ (gl.canvas);
    this.store = store;
    this.viewport = viewport;
    this.sceneOf = sceneOf;
    this.tiles = new Tiles(() => this.onTile(), (tile) => this._forget(tile.picture));
    /** Called when a tile has come. */
    this.onTile = () => {};
    /** Whether reduced copies of half floats can be made. */
    this.reduces = false;
    /** @type {Map<Picture, Uploaded>} */
    this.uploaded = new Map();
    /** @type {Partial<Record<ViewName, Program>>} */
    this.programs = {};
    /** @type {Picture | null} The last picture of the sky alone. */
    this.sky = null;
    /** What a sampler shows whose picture has not come. @type {Record<string, Uploaded>} */
    this.empty = {};
    this.start();
  }

  /** Begin, or begin again after the context was lost: nothing is on the graphics card. */
  start() {
    const { gl } = this;
    this.reduces = Boolean(
      gl.getExtension("EXT_color_buffer_float") ?? gl.getExtension("EXT_color_buffer_half_float"),
    );
    this.uploaded.clear();
    this.programs = {};
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([0, 0, 1, 0, 0, 1, 1, 1]), gl.STATIC_DRAW);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 2, gl.FLOAT, false, 0, 0);
    const header = { width: 1, height: 1, channels: 1, picture: "", revision: 0, offset: [0], scale: [0] };
    /** @param {"half" | "byte" | "label"} type @param {Uint16Array | Uint8Array} plane */
    const empty = (type, plane) => ({ name: "", header: { ...header, type }, planes: [plane] });
    const [halves, bytes, labels] = [
      uploadHalves(gl, empty("half", new Uint16Array(1)), false),
      uploadCells(gl, empty("byte", new Uint8Array(1))),
      uploadCells(gl, empty("label", new Uint16Array(1))),
    ];
    this.empty = { image: halves, model: halves, other: halves, weight: bytes, objects: labels };
  }

  /** Draw all panes. */
  draw() {
    const { gl, canvas, store, viewport } = this;
    if (gl.isContextLost()) return;
    viewport.sizeCanvas(canvas);
    const state = store.get();
    const scene = this.sceneOf(state);
    gl.disable(gl.SCISSOR_TEST);
    gl.clearColor(AROUND[0], AROUND[1], AROUND[2], 1);
    gl.clear(gl.COLOR_BUFFER_BIT);
    if (!scene || !state.hello) return;
    this._forgetOld(state);
    const seen = this._tilesIn(state);
    gl.enable(gl.SCISSOR_TEST);
    shownViews(state).forEach((parts, pane) => {
      for (const part of parts) this._drawPart(state, scene, part, pane, seen);
    });
  }

  /** The tiles of what is seen. @param {State} state @returns {ReturnType<Tiles["see"]>} */
  _tilesIn(state) {
    const { hello, pictures } = state;
    const views = shownViews(state).flat();
    if (!hello || !views.some(({ view }) => OF_IMAGE.has(view))) return this.tiles.see([]);
    const { pane, zoom } = this.viewport;
    const [from, to] = [this.viewport.fromPane(0, 0), this.viewport.fromPane(...pane)];
    return this.tiles.see(placesIn(hello, pictures.original.header.binning ?? 1, zoom, from, to));
  }

  /**
   * @param {State} state @param {Scene} scene @param {Part} part @param {number} pane
   * @param {ReturnType<Tiles["see"]>} seen
   */
  _drawPart(state, scene, { view, from, to }, pane, { tiles, isWhole }) {
    const { gl, viewport } = this;
    const [left, bottom, width, height] = this._boxOf(pane);
    const [start, end] = [Math.round(from * width), Math.round(to * width)];
    gl.viewport(left, bottom, width, height);
    gl.scissor(left + start, bottom, end - start, height);
    const program = (this.programs[view] ??= new Program(gl, FRAGMENTS[view]));
    program.use();
    program.set(uniformsOf(state, scene, view, viewport));
    const [fx, fy] = [(2 * viewport.zoom) / width, (-2 * viewport.zoom) / height];
    program.set({ camera: [fx, fy, -fx * viewport.centre[0], -fy * viewport.centre[1]] });
    const { pictures } = state;
    for (const name of SHARED) this._bind(program, name, pictures[name]);
    this._bind(program, "other", pictures[OTHERS[view] ?? ""]);
    const isSharp = OF_IMAGE.has(view);
    const whole = view === "residual" ? this._skyOf(scene) : pictures.original;
    if (whole && !(isSharp && isWhole)) this._drawRectangle(program, state, whole, [0, 0]);
    if (!isSharp) return;
    for (const { place, picture } of tiles) {
      const side = sideOf(/** @type {Hello} */ (state.hello), place.level);
      this._drawRectangle(program, state, picture, [place.column * side, place.row * side]);
    }
  }

  /** The box of a pane in pixels of the screen, from the lower left. @param {number} pane */
  _boxOf(pane) {
    const { viewport, canvas } = this;
    const { density } = viewport;
    const [[left, top], [width, height]] = [viewport.corner(pane), viewport.pane];
    const [x, y] = [Math.round(left * density), Math.round(top * density)];
    const [right, below] = [Math.round((left + width) * density), Math.round((top + height) * density)];
    return [x, canvas.height - below, right - x, below - y];
  }

  /**
   * @param {Program} program @param {State} state @param {Picture} picture
   * @param {Point} origin In pixels of the image.
   */
  _drawRectangle(program, { hello }, picture, origin) {
    const { gl } = this;
    const { width, height } = /** @type {Hello} */ (hello).image;
    const extent = extentOf(picture.header);
    const isSquare = this.viewport.zoom >= SQUARES && (picture.header.binning ?? 1) <= SQUARES;
    this._bind(program, "image", picture);
    gl.texParameteri(gl.TEXTURE_2D_ARRAY, gl.TEXTURE_MAG_FILTER, isSquare ? gl.NEAREST : gl.LINEAR);
    program.set({
      ...linear("image", picture.header),
      imageArea: [...origin, ...extent],
      origin,
      extent: [Math.min(extent[0], width - origin[0]), Math.min(extent[1], height - origin[1])],
    });
    gl.drawArrays(gl.TRIANGLE_STRIP, 0, 4);
  }

  /** @param {Program} program @param {string} sampler @param {Picture} [picture] */
  _bind(program, sampler, picture) {
    const { gl } = this;
    gl.activeTexture(gl.TEXTURE0 + UNITS[/** @type {keyof typeof UNITS} */ (sampler)]);
    let found = this.empty[sampler];
    if (picture) {
      found = this.uploaded.get(picture) ?? this._upload(picture);
    }
    gl.bindTexture(found.target, found.texture);
    program.set({ [`${sampler}Packed`]: found.isPacked });
    if (sampler !== "image" && found.target === gl.TEXTURE_2D_ARRAY) {
      gl.texParameteri(found.target, gl.TEXTURE_MAG_FILTER, gl.LINEAR);
    }
  }

  /** @param {Picture} picture */
  _upload(picture) {
    const isOverview = picture.name === "original" || picture.name === "small";
    const made =
      picture.header.type === "half"
        ? uploadHalves(this.gl, picture, this.reduces && isOverview)
        : uploadCells(this.gl, picture);
    this.uploaded.set(picture, made);
    return made;
  }

  /** The small copy where it is sky, which the residual shows. @param {Scene} scene */
  _skyOf({ sky }) {
    this.sky = sky;
    return sky;
  }

  /** Free what newer pictures have replaced. @param {State} state */
  _forgetOld({ pictures }) {
    const current = new Set([...Object.values(pictures), this.sky]);
    for (const picture of this.uploaded.keys()) {
      if (picture.name !== "tile" && !current.has(picture)) this._forget(picture);
    }
  }

  /** @param {Picture} picture */
  _forget(picture) {
    const found = this.uploaded.get(picture);
    if (found) this.gl.deleteTexture(found.texture);
    this.uploaded.delete(picture);
  }
}
