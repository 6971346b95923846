// @ts-check
/** Elements of the page, made without inline code or styles. */

/**
 * An element. Attributes whose value is `false` or `null` are left out; functions are listeners.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Record<string, string | number | boolean | null | ((event: any) => void)>} [attributes]
 * @param {...(Node | string | null)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  assign(element, attributes);
  element.append(...children.filter((child) => child !== null));
  return element;
}

/**
 * @param {Element} element
 * @param {Record<string, string | number | boolean | null | ((event: any) => void)>} attributes
 */
export function assign(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) {
    if (typeof value === "function") element.addEventListener(name, value);
    else if (value === false || value === null) element.removeAttribute(name);
    else if (element.getAttribute(name) !== String(value)) {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
}

/**
 * A drawing of 24 x 24 units from one path.
 *
 * @param {string} path
 */
export function icon(path) {
  const space = "http://www.w3.org/2000/svg";
  const drawing = document.createElementNS(space, "svg");
  assign(drawing, { viewBox: "0 0 24 24", "aria-hidden": "true", class: "icon" });
  const line = document.createElementNS(space, "path");
  assign(line, { d: path });
  drawing.append(line);
  return drawing;
}

/**
 * A button with a text.
 *
 * @param {string} text
 * @param {string} help  what it does, and its key
 * @param {() => void} press
 * @param {Record<string, string | number | boolean | null>} [attributes]
 */
export function button(text, help, press, attributes = {}) {
  return make("button", { type: "button", title: help, ...attributes, click: press }, text);
}

/**
 * The text of an element, written only where it differs, so that nothing is announced twice.
 *
 * @param {Element} element
 * @param {string} text
 */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * The element of the page with this id, which the page always has.
 *
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`The page has no element #${id}.`);
  return element;
}
