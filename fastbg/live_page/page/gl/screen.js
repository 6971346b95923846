// @ts-check
/** @import { Picture, State } from "../types.js" */
/** @import { Store } from "../store.js" */
/** @import { Viewport } from "../viewport.js" */
import { SCENE_STATE, Scenes } from "../scene.js";
import { words } from "../words.js";
import { PlainRenderer } from "./plain.js";
import { Renderer } from "./renderer.js";
import { sideOf } from "./tiles.js";

/** @type {(keyof State)[]} What a picture on the screen depends on, besides its scene. */
const DRAWN_STATE = ["hello", "view", "blink", "layout", "splitAt", "inverted", "falseColour", "marks"];

/** So many milliseconds, the page says that it has no WebGL. */
const NOTICE = 15_000;

/** The canvas of the picture: drawn once a frame where something has changed, and never otherwise. */
export class Screen {
  /** @param {HTMLCanvasElement} canvas @param {Store} store @param {Viewport} viewport */
  constructor(canvas, store, viewport) {
    this.store = store;
    const scenes = new Scenes();
    /** @param {State} state */
    this.sceneOf = (state) => scenes.of(state);
    this._asked = false;
    /** @type {Record<string, Picture>} */
    this._shown = {};
    const gl = canvas.getContext("webgl2", { alpha: false, antialias: false, depth: false });
    this.renderer = gl && new Renderer(gl, store, viewport, this.sceneOf);
    if (this.renderer) this.renderer.onTile = () => this.invalidate();
    else {
      const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
      this.plain = new PlainRenderer(context, store, viewport, this.sceneOf);
      store.set({ notice: words.noWebGL });
      window.setTimeout(() => this._withdraw(words.noWebGL), NOTICE);
    }
    canvas.addEventListener("webglcontextlost", (event) => {
      event.preventDefault();
      store.set({ notice: words.contextLost });
    });
    canvas.addEventListener("webglcontextrestored", () => {
      this.renderer?.start();
      this._withdraw(words.contextLost);
      this.invalidate();
    });
    viewport.on("change", () => this.invalidate());
    const changing = SCENE_STATE.filter((name) => name !== "pictures");
    store.on([...changing, ...DRAWN_STATE], () => this.invalidate());
    store.on(["pictures"], ({ pictures }) => this._invalidateIfNew(pictures));
  }

  /** What is painted is drawn above the picture. @param {State["pictures"]} pictures */
  _invalidateIfNew({ not_sky, sky, ...shown }) {
    const isOld = Object.entries(shown).every(([name, picture]) => this._shown[name] === picture);
    this._shown = /** @type {Record<string, Picture>} */ (shown);
    if (!isOld) this.invalidate();
  }

  /** @param {string} notice Is no longer shown. */
  _withdraw(notice) {
    if (this.store.get().notice === notice) this.store.set({ notice: null });
  }

  /**
   * The finest tile that is here and covers a place, and its upper left corner in pixels of the image.
   * @param {number} x @param {number} y
   */
  tileAt(x, y) {
    const { hello } = this.store.get();
    const tile = hello && this.renderer?.tiles.at(x, y, hello);
    if (!tile) return null;
    const side = sideOf(hello, tile.place.level);
    return { picture: tile.picture, origin: [tile.place.column * side, tile.place.row * side] };
  }

  /** Draw again before the next frame. */
  invalidate() {
    if (this._asked) return;
    this._asked = true;
    requestAnimationFrame(() => {
      this._asked = false;
      (this.renderer ?? this.plain)?.draw();
    });
  }
}
