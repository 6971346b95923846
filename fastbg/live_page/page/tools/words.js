// @ts-check
/** All texts of the tools: what a translator needs. */

/** @typedef {import("../types.js").Sample} Sample */

/** A number of linear units in few digits. @param {number | null} value */
const few = (value) => (value === null || Number.isNaN(value) ? "missing" : value.toPrecision(4));

/** A radius with at most one decimal. @param {number} radius */
const short = (radius) => String(Math.round(10 * radius) / 10);

/** @param {number} count @param {string} one @param {string} [many] */
export const counted = (count, one, many = `${one}s`) => `${count} ${count === 1 ? one : many}`;

/** @type {Record<string, {label: string, help: string, how: string}>} */
const TOOLS = {
  hand: {
    label: "Hand",
    help: "Drag to move the image. Space or the middle button does it with every tool.",
    how: "Drag to move the image. The wheel zooms. A double click shows 1:1, or all of it.",
  },
  not_sky: {
    label: "Not sky",
    help: "Paint what the fit must not take for sky, such as faint nebulosity.",
    how: "Paint over what is no sky. The right button erases.",
  },
  sky: {
    label: "Is sky",
    help: "Paint what is sky, although fastbg took it for an object.",
    how: "Paint over what is sky. The right button erases.",
  },
  erase: {
    label: "Erase",
    help: "Take away what was painted. fastbg decides there again.",
    how: "Paint over what was painted, to take it away.",
  },
  polygon: {
    label: "Polygon",
    help: "Click corner after corner, and the first corner again to close it.",
    how: "Click the corners, then the first one again. Backspace removes the last one.",
  },
  rectangle: {
    label: "Rectangle",
    help: "Drag from corner to corner. With Shift it becomes a square.",
    how: "Drag from corner to corner. Shift makes a square.",
  },
  ellipse: {
    label: "Ellipse",
    help: "Drag from corner to corner of the box around it. With Shift it becomes a circle.",
    how: "Drag the box around it. Shift makes a circle.",
  },
  objects: {
    label: "Objects",
    help: "Click what was found as an object, and take it for sky, grow it or shrink it.",
    how: "Click what is outlined in red, or a place of the sky.",
  },
  samples: {
    label: "Samples",
    help: "Fit the sky through points that you choose, as DBE does.",
    how: "Click to add, drag to move. The right button or Delete removes.",
  },
  borders: {
    label: "Borders",
    help: "Drag the edges inwards, to leave stacking edges out of the fit.",
    how: "Drag a line inwards. The image itself is not cropped.",
  },
};

export const words = {
  pixels: "px",
  dismiss: "Close this message",
  options: "Options of the tool",

  tools: TOOLS,
  /** A tool, its key, and what it does. @param {string} name @param {string} key */
  tool_help: (name, key) => `${TOOLS[name].label} (${key.toUpperCase()}): ${TOOLS[name].help}`,
  keys: { label: "Keys", help: "Show all keys (?)." },
  brush: {
    size: "Radius",
    size_help: "The radius of the brush in pixels of the image. Keys [ and ], or the wheel with Shift, change it.",
  },
  layer: {
    label: "Fill as",
    help: "What the shape is filled with. The right button erases.",
    names: { not_sky: "Not sky", sky: "Is sky", erase: "Erase" },
  },
  filled: {
    not_sky: "The shape was painted as not sky.",
    sky: "The shape was painted as sky.",
    erase: "What was painted in the shape was erased.",
  },
  polygon_needs: "A polygon needs at least three corners. Click them one after the other.",

  object: {
    found: "Found as an object",
    painted: "Painted as not sky",
    none: "Taken for sky",
    actions: /** @type {Record<string, {text: string, help: string}>} */ ({
      sky: { text: "Take it as sky", help: "Paint all of it as sky, whatever it looks like." },
      object: { text: "Keep it as an object", help: "Paint it as not sky, so that it stays an object whatever changes." },
      grow: { text: "Grow it", help: "Paint one more ring of cells around it as not sky." },
      shrink: { text: "Shrink it", help: "Paint its outermost ring of cells as sky." },
    }),
    of_sky: /** @type {Record<string, {text: string, help: string}>} */ ({
      object: { text: "Take what stands out here as an object", help: "Paint what is brighter than its surroundings here as not sky." },
    }),
    done: /** @type {Record<string, string>} */ ({
      sky: "The object is taken as sky now.",
      object: "It is taken as an object now.",
      grow: "The object has grown by one ring of cells.",
      shrink: "The object has shrunk by one ring of cells.",
    }),
  },

  samples: {
    generate: { label: "Generate", help: "Make a grid of samples, each moved to the darkest place near. It replaces those that are there." },
    clear: { label: "Remove all", help: "Remove all samples. Undo brings them back." },
    use: { label: "Fit through them", help: "With samples, the fit goes through them instead of the sky that fastbg finds. Without this, they are kept but not used." },
    remove: { label: "Remove", help: "Remove the chosen sample (Delete, or the right button)." },
    smaller: { label: "−", help: "Make the chosen sample smaller ([)." },
    larger: { label: "+", help: "Make the chosen sample larger (])." },
    select_first: "Choose a sample first: click it, or press Page Down.",
    done: /** @type {Record<string, string>} */ ({
      generate: "A grid of samples was made.",
      clear: "All samples were removed.",
      add: "A sample was added at the darkest place near.",
      move: "The sample was moved.",
      delete: "The sample was removed.",
      resize: "The sample has a new radius.",
    }),
    /** What a sample is, for the status line. @param {number} index @param {Sample} sample */
    tell: (index, { x, y, radius, value, used, why }) =>
      `Sample ${index + 1} at x ${Math.round(x)}, y ${Math.round(y)}, radius ${short(radius)}: ` +
      (value ? `${value.map(few).join(", ")}. ${used ? "It is used." : `It is not used: ${why}.`}` : "it is not measured yet."),
    /** The same beside the sample. @param {Sample} sample @param {string[]} colours */
    lines: ({ radius, value, weight, used, why }, colours) =>
      value
        ? [
            ...value.map((each, channel) => `${colours[channel] ?? ""} ${few(each)}`.trim()),
            `weight ${few(weight)}, radius ${short(radius)} px`,
            ...(used ? [] : [`not used: ${why}`]),
          ]
        : ["not measured yet"],
    count: (/** @type {Sample[]} */ samples) => {
      const used = samples.filter((each) => each.used).length;
      return samples.length ? `${used} of ${counted(samples.length, "sample")} ${used === 1 ? "is" : "are"} used.` : "";
    },
  },

  borders: {
    sides: ["left", "top", "right", "bottom"],
    side: (/** @type {string} */ side) => `Border at the ${side}, in pixels that are left out of the fit`,
    tell: (/** @type {number[]} */ [left, top, right, bottom]) =>
      `Left out of the fit: ${left} px at the left, ${top} at the top, ${right} at the right, ${bottom} at the bottom.`,
    how: "Drag one of the four lines at the edges of the image.",
    none: "No border",
    none_help: "Let fastbg use the image up to its edges again.",
  },

  cursor: {
    at: (/** @type {number[]} */ [x, y]) => `x ${Math.round(x)}, y ${Math.round(y)}`,
    down: "The pen is down. Move it by the arrow keys; Enter lifts it, Escape gives up.",
    up: "The pen is up.",
  },
};
