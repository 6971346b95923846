// @ts-check
/** @import { App, Layout, State, StretchName } from "./types.js" */
import { VIEWS } from "./comparison.js";
import { choice, toggle } from "./choice.js";
import { byId, make } from "./dom.js";
import { words } from "./words.js";

/** @type {StretchName[]} */
const STRETCH_NAMES = ["none", "stf", "10", "15", "20", "30"];
/** @type {Layout[]} */
const LAYOUTS = ["single", "split", "side"];

/** The bar above the picture: which view, and how it is shown. @param {App} app */
export function startDisplay({ store }) {
  const views = choice(
    words.views,
    VIEWS.map((value, i) => {
      const keys = String(i + 1);
      return { value, text: words.view[value], title: `${words.viewHelp[value]} (${keys})`, keys };
    }),
    (view) => store.set({ view }),
  );
  const layouts = choice(
    words.layouts,
    LAYOUTS.map((value) => ({ value, text: words.layout[value], title: words.layoutHelp[value] })),
    (layout) => store.set({ layout }),
  );
  byId("views").append(views.element, layouts.element, blinkButton(store));
  store.on(["view", "layout"], ({ view, layout }) => {
    views.show(view);
    layouts.show(layout);
  });
  const bar = make("div", { id: "display-bar", role: "group", "aria-label": words.display });
  const opener = make("button", { type: "button", class: "opener", "aria-controls": "display-bar" }, words.display);
  bar.append(stretchChoice(store), ...switches(store), channelChoice(store));
  byId("display").append(opener, bar);
  folds(opener, byId("display"));
  folds(byId("sheet"), byId("panel"));
}

/** Let a button unfold what a narrow window has no room for. @param {HTMLElement} button @param {HTMLElement} part */
function folds(button, part) {
  button.setAttribute("aria-expanded", "false");
  button.addEventListener("click", () => {
    button.setAttribute("aria-expanded", String(part.classList.toggle("open")));
  });
}

/** Shows the other view while it is held. @param {App["store"]} store */
function blinkButton(store) {
  const button = make("button", { type: "button", class: "toggle", title: words.blinkHelp, "aria-keyshortcuts": "B" }, words.blink);
  /** @param {boolean} blink */
  const hold = (blink) => store.set({ blink });
  button.addEventListener("pointerdown", (event) => {
    button.setPointerCapture(event.pointerId);
    hold(true);
  });
  button.addEventListener("lostpointercapture", () => hold(false));
  button.addEventListener("keydown", (event) => {
    if (event.key === " " || event.key === "Enter") hold(true);
  });
  button.addEventListener("keyup", () => hold(false));
  button.addEventListener("blur", () => hold(false));
  store.on(["blink"], ({ blink }) => button.setAttribute("aria-pressed", String(blink)));
  return button;
}

/** @param {App["store"]} store */
function stretchChoice(store) {
  const select = make(
    "select",
    { "aria-label": words.stretch, title: words.stretch },
    ...STRETCH_NAMES.map((value) => make("option", { value }, words.stretches[value])),
  );
  select.addEventListener("change", () => store.set({ stretch: /** @type {StretchName} */ (select.value) }));
  store.on(["stretch"], ({ stretch }) => {
    select.value = stretch;
  });
  return select;
}

/** @param {App["store"]} store */
function switches(store) {
  const boosts = choice(
    words.boost,
    /** @type {const} */ ([1, 2, 4]).map((value) => ({ value, text: `×${value}`, title: words.boostHelp, keys: "X" })),
    (boost) => store.set({ boost }),
  );
  store.on(["boost"], ({ boost }) => boosts.show(boost));
  /** @param {"linked" | "inverted" | "falseColour" | "marks"} name @param {string} text @param {string} title @param {string} keys */
  const flip = (name, text, title, keys) => {
    const button = toggle(text, title, keys, () => store.set({ [name]: !store.get()[name] }));
    store.on([name], (state) => button.show(state[name]));
    return button.element;
  };
  const linked = flip("linked", words.linked, words.linkedHelp, "L");
  store.on(["hello"], ({ hello }) => {
    linked.hidden = hello?.image.channels === 1;
  });
  return [
    linked,
    boosts.element,
    flip("inverted", words.inverted, words.invertedHelp, "I"),
    flip("falseColour", words.falseColour, words.falseColourHelp, "F"),
    flip("marks", words.marks, words.marksHelp, "V"),
  ];
}

/** @param {App["store"]} store */
function channelChoice(store) {
  const room = make("div", { class: "room" });
  store.on(["hello"], ({ hello }) => {
    room.replaceChildren();
    if (!hello || hello.image.channels !== 3) return;
    const channels = choice(
      words.channels,
      [
        { value: /** @type {number | null} */ (null), text: hello.image.colours.join(""), title: words.allChannels },
        ...hello.image.colours.map((text, value) => ({ value, text, title: words.oneChannel(text) })),
      ],
      (channel) => store.set({ channel }),
    );
    room.append(channels.element);
    stop();
    stop = store.on(["channel"], (/** @type {State} */ state) => channels.show(state.channel));
  });
  return room;
}

/** Ends listening for a group of channels that is no longer there. */
let stop = () => {};
