// @ts-check
/** @import { Store } from "./store.js" */
/** @import { Point } from "./types.js" */
/** @import { Viewport } from "./viewport.js" */

/** The zoom of one step of a wheel, as in GraXpert. */
export const STEP = 6 / 5;
/** The way of a wheel that is one step, in CSS pixels. */
const NOTCH = 100;
const LINE = 33;

/** Pan and zoom by mouse, wheel, pen and fingers; everything else on the stage is the tool's. */
export class Gestures {
  /** @param {HTMLElement} stage @param {Viewport} viewport @param {Store} store */
  constructor(stage, viewport, store) {
    this.stage = stage;
    this.viewport = viewport;
    this.store = store;
    this.spaceHeld = false;
    /** @type {Map<number, PointerEvent>} Pointers that are down. */
    this.down = new Map();
    /** The pointer that pans. @type {number | null} */
    this.panning = null;
    /** The place of the image that it holds. @type {Point} */
    this.held = [0, 0];
    stage.addEventListener("pointerdown", (event) => this._pressed(event));
    stage.addEventListener("pointermove", (event) => this._moved(event));
    for (const name of /** @type {const} */ (["pointerup", "pointercancel"])) {
      stage.addEventListener(name, (event) => this._released(event));
    }
    stage.addEventListener("wheel", (event) => this._wheeled(event), { passive: false });
    stage.addEventListener("dblclick", (event) => this._doubled(event));
    window.addEventListener("keydown", (event) => this._space(event, true));
    window.addEventListener("keyup", (event) => this._space(event, false));
    window.addEventListener("blur", () => this._hold(false));
  }

  /** Whether a pointer's event pans or zooms, so that it is not the tool's. @param {PointerEvent} event */
  takes(event) {
    const fingers = [...this.down.values()].filter((each) => each.pointerType === "touch").length;
    return (
      event.button === 1 ||
      this.spaceHeld ||
      this.store.get().tool === "hand" ||
      this.panning === event.pointerId ||
      (event.pointerType === "touch" && fingers >= 2)
    );
  }

  /** @param {PointerEvent} event */
  _pressed(event) {
    if (event.target instanceof Element && event.target.closest("button, [role=slider]")) return;
    this.down.set(event.pointerId, event);
    if (!this.takes(event)) return;
    if (event.button === 1) event.preventDefault();
    if (this.panning === null) {
      this.panning = event.pointerId;
      this.held = this.viewport.toImage(event.clientX, event.clientY);
    }
    this.stage.setPointerCapture(event.pointerId);
    this.stage.classList.add("panning");
  }

  /** @param {PointerEvent} event */
  _moved(event) {
    const before = this.down.get(event.pointerId);
    if (!before) return;
    const fingers = [...this.down.values()].filter((each) => each.pointerType === "touch");
    this.down.set(event.pointerId, event);
    if (fingers.length >= 2) this._pinched(before, event, fingers);
    else if (this.panning === event.pointerId) this.viewport.drag(this.held, event.clientX, event.clientY);
  }

  /** @param {PointerEvent} before @param {PointerEvent} event @param {PointerEvent[]} fingers */
  _pinched(before, event, fingers) {
    const other = fingers.find((each) => each.pointerId !== event.pointerId);
    if (!other) return;
    /** @param {PointerEvent} from */
    const reach = (from) => Math.hypot(from.clientX - other.clientX, from.clientY - other.clientY);
    const [x, y] = [(before.clientX + other.clientX) / 2, (before.clientY + other.clientY) / 2];
    this.viewport.zoomAt(reach(event) / Math.max(1, reach(before)), x, y);
    this.viewport.pan((event.clientX - before.clientX) / 2, (event.clientY - before.clientY) / 2);
    // The finger that stays goes on to pan from where it is.
    this.panning = other.pointerId;
    this.held = this.viewport.toImage(other.clientX, other.clientY);
  }

  /** @param {PointerEvent} event */
  _released(event) {
    this.down.delete(event.pointerId);
    if (this.panning !== event.pointerId) return;
    this.panning = null;
    this.stage.classList.remove("panning");
  }

  /** @param {WheelEvent} event */
  _wheeled(event) {
    event.preventDefault();
    const way = event.deltaMode === WheelEvent.DOM_DELTA_LINE ? event.deltaY * LINE : event.deltaY;
    // A pinch on a touch pad comes as a wheel with Ctrl, in small steps.
    const notches = Math.max(-3, Math.min(3, (way / NOTCH) * (event.ctrlKey ? 4 : 1)));
    this.viewport.zoomAt(STEP ** -notches, event.clientX, event.clientY);
  }

  /** @param {MouseEvent} event */
  _doubled(event) {
    if (this.store.get().tool !== "hand") return;
    if (this.viewport.zoom < 0.999) this.viewport.oneToOne(event.clientX, event.clientY);
    else this.viewport.fit();
  }

  /** @param {KeyboardEvent} event @param {boolean} held */
  _space(event, held) {
    if (event.key !== " ") return;
    const target = /** @type {Element} */ (event.target);
    if (held && target.closest("button, input, select, textarea, summary, a, [role=slider]")) return;
    if (held) event.preventDefault();
    this._hold(held);
  }

  /** @param {boolean} held */
  _hold(held) {
    this.spaceHeld = held;
    this.stage.classList.toggle("space", held);
  }
}
