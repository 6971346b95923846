// @ts-check
/** The tools by name, and which of them is in use. */

/**
 * @typedef {import("./tool.js").Tool} Tool
 * @typedef {import("../types.js").App} App
 */

/** @type {Map<string, Tool>} */
const registered = new Map();

/** @param {Tool} tool */
export function registerTool(tool) {
  registered.set(tool.name, tool);
}

/** All tools in the order in which they were registered. */
export function tools() {
  return [...registered.values()];
}

/**
 * The tool in use.
 *
 * @param {App} app
 * @returns {Tool}
 */
export function activeTool({ store }) {
  const tool = registered.get(store.get().tool);
  return tool ?? { name: "", key: "", icon: "", cursor: "default" };
}

/**
 * Take up a tool, after what the last one had half done was given up.
 *
 * @param {App} app
 * @param {string} name
 */
export function chooseTool(app, name) {
  const before = activeTool(app);
  if (before.name === name || !registered.has(name)) return;
  before.cancel?.();
  before.stop?.();
  app.store.set({ tool: name });
  activeTool(app).start?.();
}
