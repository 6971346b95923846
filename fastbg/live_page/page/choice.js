// @ts-check
import { make } from "./dom.js";

/**
 * A group of buttons of which one is chosen; arrow keys go from one to the next.
 *
 * @template T
 * @param {string} label
 * @param {{ value: T, text: string, title: string, keys?: string }[]} options
 * @param {(value: T) => void} choose
 * @returns {{ element: HTMLElement, show: (value: T) => void }}
 */
export function choice(label, options, choose) {
  const buttons = options.map(({ value, text, title, keys = null }) =>
    make("button", { type: "button", role: "radio", title, "aria-keyshortcuts": keys, click: () => choose(value) }, text),
  );
  const element = make("div", { class: "radio", role: "radiogroup", "aria-label": label }, ...buttons);
  element.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const here = buttons.indexOf(/** @type {HTMLButtonElement} */ (event.target));
    if (!step || here < 0) return;
    event.preventDefault();
    event.stopPropagation();
    const next = (here + step + buttons.length) % buttons.length;
    buttons[next].focus();
    choose(options[next].value);
  });
  return {
    element,
    show(value) {
      options.forEach((option, i) => {
        const chosen = option.value === value;
        const isNew = chosen && buttons[i].getAttribute("aria-checked") === "false";
        buttons[i].setAttribute("aria-checked", String(chosen));
        buttons[i].tabIndex = chosen ? 0 : -1;
        // In a narrow window, keys choose what has been scrolled away.
        if (isNew) buttons[i].scrollIntoView({ block: "nearest", inline: "center" });
      });
    },
  };
}

/**
 * A button that is on or off.
 * @param {string} text @param {string} title @param {string} keys @param {() => void} flip
 */
export function toggle(text, title, keys, flip) {
  const element = make("button", { type: "button", class: "toggle", title, "aria-keyshortcuts": keys, click: flip }, text);
  return { element, show: (/** @type {boolean} */ on) => element.setAttribute("aria-pressed", String(on)) };
}
