// @ts-check
/** A small menu at a place of the image, by mouse and by keyboard. */

import { make } from "../dom.js";

/** @typedef {{text: string, help: string, press: () => void}} Item */

/** @type {HTMLElement | null} */
let open = null;
/** @type {Element | null} */
let before = null;

/** Close the menu, and give the focus back; false if there was none. */
export function closeMenu() {
  if (!open) return false;
  const had = open.contains(document.activeElement);
  open.remove();
  open = null;
  if (had && before instanceof HTMLElement) before.focus({ preventScroll: true });
  return true;
}

/**
 * Open a menu whose first item has the focus.
 *
 * @param {string} label
 * @param {Item[]} items
 * @param {[number, number]} place  in pixels of the browser's window
 */
export function openMenu(label, items, [x, y]) {
  closeMenu();
  before = document.activeElement;
  const buttons = items.map(({ text, help, press }) =>
    make("button", {
      type: "button", role: "menuitem", tabindex: -1, title: help,
      click: () => {
        closeMenu();
        press();
      },
    }, text),
  );
  const menu = make("div", { role: "menu", class: "menu", "aria-label": label },
    make("div", { class: "menu-title", role: "presentation" }, label), ...buttons);
  menu.addEventListener("keydown", (event) => {
    const at = buttons.findIndex((each) => each === document.activeElement);
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    event.stopPropagation();
    if (event.key === "Escape" || event.key === "Tab") {
      event.preventDefault();
      closeMenu();
    } else if (to !== undefined) {
      event.preventDefault();
      buttons[(to + buttons.length) % buttons.length].focus();
    }
  });
  menu.addEventListener("focusout", (event) => {
    if (!(event.relatedTarget instanceof Node && menu.contains(event.relatedTarget))) {
      setTimeout(() => open === menu && !menu.contains(document.activeElement) && closeMenu());
    }
  });
  document.body.append(menu);
  open = menu;
  const { width, height } = menu.getBoundingClientRect();
  menu.style.left = `${Math.max(4, Math.min(x + 6, innerWidth - width - 4))}px`;
  menu.style.top = `${Math.max(4, Math.min(y + 6, innerHeight - height - 4))}px`;
  buttons[0]?.focus({ preventScroll: true });
}
