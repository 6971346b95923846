// @ts-check
/** How many pixels become one of the small copy, or fastbg's choice. */

import { list } from "./fields.js";
import { settingsSender, withReset } from "./knobs.js";
import { words } from "./words.js";

const FACTORS = [1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];

/** @param {import("../types.js").App} app */
export function downscaling(app) {
  const name = "downscaling_factor";
  const setting = app.store.get().hello?.settings[name];
  if (!setting) return null;
  const send = settingsSender(app);
  const factors = FACTORS.filter((each) => each <= (setting.maximum ?? Infinity)).map(String);
  const field = list({
    label: words.label(name),
    help: words.help[name],
    values: ["auto", ...factors],
    names: Object.fromEntries([["auto", words.values[name].auto], ...factors.map((each) => [each, words.factor(each)])]),
    change: (value) => send({ [name]: value === "auto" ? value : Number(value) }, false),
  });
  return withReset(app, name, field);
}
