// @ts-check
/** @import { App, Picture, Point, State } from "./types.js" */
/** @import { Screen } from "./gl/screen.js" */
import { corrected } from "./correction.js";
import { byId, make } from "./dom.js";
import { indexAt, valueAt, valueBetween } from "./half.js";
import { aduText, linearText, whiteOf } from "./numbers.js";
import { words } from "./words.js";

/** After so many milliseconds without a movement, the server is asked for exact values. */
const REST = 180;

/** @typedef {"original" | "corrected" | "model" | "uncertainty"} Row */
/** @type {Row[]} */
const ROWS = ["original", "corrected", "model", "uncertainty"];
/**
 * Linear values, null = missing, that are means of cells of so many pixels; 0 = exact.
 * @typedef {{ values: Record<Row, (number | null)[]>, cell: number }} Reading
 */

/**
 * The values under the pointer or the keyboard's cursor: at once from the pixels that the page has,
 * and exact ones from the server as soon as the pointer rests.
 * @param {App} app @param {Screen} screen
 */
export function startReadout({ store, viewport, send }, screen) {
  /** @type {{ place: Point, correction: State["correction"], reading: Reading } | null} */
  let exact = null;
  let timer = 0;
  const { stage } = viewport;
  stage.addEventListener("pointermove", ({ clientX, clientY }) => {
    store.set({ pointer: viewport.toImage(clientX, clientY) });
  });
  // What a finger has touched stays read after it is lifted.
  stage.addEventListener("pointerdown", ({ clientX, clientY }) => {
    store.set({ pointer: viewport.toImage(clientX, clientY) });
  });
  stage.addEventListener("pointerleave", ({ pointerType }) => {
    if (pointerType === "mouse") store.set({ pointer: null });
  });

  /** Which of the two moved last. @type {"pointer" | "cursor"} */
  let moved = "pointer";
  store.on(["pointer"], ({ pointer }) => {
    if (pointer) moved = "pointer";
  });
  store.on(["cursor"], ({ cursor }) => {
    moved = cursor ? "cursor" : "pointer";
  });
  const placeNow = () => placeOf(store.get(), moved);

  const update = () => {
    const state = store.get();
    const place = placeNow();
    const known = exact && exact.place === place && exact.correction === state.correction ? exact.reading : null;
    show(state, place, known ?? (place && readingAt(state, place, screen)));
  };
  /** @param {Point} place */
  const ask = async (place) => {
    const { correction } = store.get();
    const answer = await send({ do: "probe", x: place[0], y: place[1] }).catch(() => null);
    if (answer?.tell !== "probed" || placeNow() !== place) return;
    exact = { place, correction, reading: { values: /** @type {any} */ (answer), cell: 0 } };
    update();
  };
  store.on(["pointer", "cursor", "correction"], () => {
    window.clearTimeout(timer);
    const place = placeNow();
    if (place) timer = window.setTimeout(() => ask(place), REST);
  });
  store.on(["pointer", "cursor", "pictures", "correction", "hello"], update);
}

/**
 * Where values are read: inside the image.
 * @param {State} state @param {"pointer" | "cursor"} moved @returns {Point | null}
 */
function placeOf({ pointer, cursor, hello }, moved) {
  const place = moved === "cursor" ? cursor : pointer ?? cursor;
  if (!place || !hello) return null;
  const [x, y] = place;
  return x >= 0 && y >= 0 && x < hello.image.width && y < hello.image.height ? place : null;
}

/** @param {State} state @param {Point} place @param {Screen} screen @returns {Reading} */
function readingAt({ pictures, correction, hello }, [x, y], screen) {
  const tile = hello && screen.tileAt(x, y);
  const original = tile ? tile.picture : pictures.original;
  const [left, top] = tile ? tile.origin : [0, 0];
  /** @param {Picture | undefined} picture @param {number} dx @param {number} dy */
  const read = (picture, dx, dy) => {
    const index = picture ? indexAt(picture.header, dx, dy) : -1;
    return picture && index >= 0 ? picture.planes.map((_, k) => number(valueAt(picture, k, index))) : [];
  };
  const values = read(original, x - left, y - top);
  const model = read(pictures.model, x, y);
  const sigma = pictures.uncertainty?.planes.map((_, k) => number(valueBetween(pictures.uncertainty, k, x, y))) ?? [];
  const after = values.map((value, k) => {
    const m = model[k] ?? null;
    return value === null || m === null || !correction ? null : corrected(value, m, correction, k);
  });
  return {
    values: { original: values, corrected: after, model, uncertainty: sigma },
    cell: original?.header.binning ?? 1,
  };
}

/** @param {number} value */
const number = (value) => (Number.isNaN(value) ? null : value);

/** @param {State} state @param {Point | null} place @param {Reading | null} reading */
function show({ hello }, place, reading) {
  const room = byId("readout");
  if (!hello || !place || !reading) {
    room.replaceChildren(make("span", { class: "hint" }, words.readoutEmpty));
    return;
  }
  const { colours } = hello.image;
  const white = whiteOf(hello.image.white);
  const precision = reading.cell === 0 ? words.exact : reading.cell > 1 ? words.meanOf(reading.cell) : "";
  const groups = ROWS.map((row) => {
    const cells = colours.map((colour, k) => {
      const value = reading.values[row][k] ?? null;
      const linear = value === null ? "–" : linearText(value, row === "uncertainty" ? 3 : 5);
      const adu = value === null ? "" : aduText(value, white);
      const sigma = row === "model" ? reading.values.uncertainty[k] ?? null : null;
      const more = sigma === null ? null : make("small", { class: "sigma" }, `± ${linearText(sigma, 3)}`);
      return make("span", { class: `value c-${colour}` }, linear, make("small", {}, adu), more);
    });
    return make("div", { class: `group ${row}` }, make("b", {}, words.view[row]), ...cells);
  });
  room.replaceChildren(
    make("div", { class: "place" }, words.place(Math.floor(place[0]), Math.floor(place[1])), make("small", {}, precision)),
    make("div", { class: "units" }, words.linear, make("small", {}, words.adu)),
    ...groups,
  );
}
