// @ts-check
/** @import { State } from "./types.js" */

/** One observable object. Those who listen to a value are told after the task that changed it. */
export class Store {
  /** @param {State} state */
  constructor(state) {
    this._state = state;
    /** @type {{ names: Set<string>, callback: (state: State) => void }[]} */
    this._listeners = [];
    /** @type {Set<string>} */
    this._changed = new Set();
  }

  get() {
    return this._state;
  }

  /**
   * Change some values. Equal ones are no change.
   * @param {Partial<State>} partial
   */
  set(partial) {
    const before = /** @type {Record<string, any>} */ (this._state);
    const names = Object.keys(partial).filter(
      (name) => !Object.is(before[name], /** @type {Record<string, any>} */ (partial)[name]),
    );
    if (!names.length) return;
    this._state = { ...this._state, ...partial };
    if (!this._changed.size) queueMicrotask(() => this._tell());
    for (const name of names) this._changed.add(name);
  }

  /**
   * Call back after any of the named values has changed; and at once, to begin with.
   * @param {(keyof State)[]} names
   * @param {(state: State) => void} callback
   * @returns {() => void} Stops the calls.
   */
  on(names, callback) {
    const listener = { names: new Set(/** @type {string[]} */ (names)), callback };
    this._listeners.push(listener);
    callback(this._state);
    return () => {
      this._listeners = this._listeners.filter((each) => each !== listener);
    };
  }

  _tell() {
    const changed = this._changed;
    this._changed = new Set();
    for (const { names, callback } of this._listeners) {
      if ([...changed].some((name) => names.has(name))) callback(this._state);
    }
  }
}

/** @returns {State} What the page shows before the server has said anything. */
export function initialState() {
  return {
    connection: "connecting",
    hello: null,
    state: null,
    fitted: null,
    fitting: false,
    failure: null,
    pictures: {},
    correction: null,
    view: "corrected",
    blink: false,
    layout: "single",
    splitAt: 0.5,
    stretch: "stf",
    linked: false,
    boost: 1,
    inverted: false,
    falseColour: false,
    channel: null,
    marks: false,
    tool: "hand",
    layer: "not_sky",
    outline: null,
    hovered: 0,
    selected: -1,
    dragged: null,
    border: null,
    warned: -1,
    circles: true,
    brush: 40,
    cursor: null,
    pointer: null,
    jobs: {},
    problems: [],
    notice: null,
  };
}
