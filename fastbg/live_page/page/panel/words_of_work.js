// @ts-check
/** All texts of the history and of saving: what a translator needs. */

import { counted } from "../tools/words.js";

export const words = {
  history: {
    title: "History",
    undo: { label: "Undo", help: "Take back the last change (Ctrl+Z)." },
    redo: { label: "Redo", help: "Make the change again (Ctrl+Shift+Z)." },
    steps: (/** @type {number} */ count) => `${counted(count, "step")} can be taken.`,
    done: { undo: "The last change was taken back.", redo: "The change was made again." },
    nothing: { undo: "There is nothing to take back.", redo: "There is nothing to make again." },
  },
  snapshots: {
    name: (/** @type {string} */ name) => `Snapshot ${name}`,
    buttons: (/** @type {string} */ name) => {
      const number = name.charCodeAt(0) - 64;
      return {
        store: { text: "Store", help: `Keep the present state as snapshot ${name} (Shift+${number}).` },
        show: { text: "Show", help: `Go to snapshot ${name} (Alt+${number}). Undo comes back.` },
        compare: { text: "Compare", help: `Hold to see snapshot ${name}; nothing is changed (A: the newest one).` },
      };
    },
    stored: (/** @type {string} */ name) => `The present state is snapshot ${name}.`,
    shown: (/** @type {string} */ name) => `Snapshot ${name} is the present state. Undo goes back.`,
    comparing: (/** @type {string} */ name) => `Snapshot ${name} is shown while you hold.`,
    none: (/** @type {string} */ name) => `There is no snapshot ${name} that this page has seen. Store one first.`,
  },
  recovered: {
    title: "Continue the last session?",
    tell: (/** @type {{edits: number, time: string}} */ { edits, time }) =>
      `fastbg ended on ${time} before ${counted(edits, "change")} to this image ${edits === 1 ? "was" : "were"} saved.`,
    accept: { label: "Bring them back", help: "Make the changes of that session again." },
    refuse: { label: "Begin anew", help: "Forget the changes of that session." },
    accepted: "The changes of the last session are back.",
    refused: "The last session was forgotten.",
  },

  saving: {
    title: "Save",
    save: { label: "Save", help: "Write the files at full resolution (Ctrl+S)." },
    parts: {
      corrected: { label: "Corrected image", help: "The image without the gradient, at full resolution." },
      model: { label: "Model", help: "The background that was taken out, at full resolution." },
      report: { label: "Report", help: "What was done and found, as a page and as JSON." },
      mask: { label: "Masks", help: "What was painted, as images and polygons." },
      preset: { label: "Preset", help: "The settings as a file, for other images." },
      preview: { label: "Preview", help: "A PNG with the image before and after." },
    },
    format: { label: "Format", help: "The format of the image files." },
    formats: { "": "Same", ".xisf": "XISF", ".fits": "FITS", ".tif": "TIFF" },
    overwrite: { label: "Replace files that exist", help: "Without this, saving stops rather than replace a file." },
    nothing: "Nothing is chosen to be saved. Tick at least one file.",
    begins: "Saving at full resolution …",
    none: "Nothing was saved.",
    saved: "Saved.",
    failed: (/** @type {number} */ count) => `${counted(count, "image")} could not be corrected.`,
    unsaved: "There are changes that are not saved yet. fastbg keeps them if this page is closed.",
    output: (/** @type {string} */ what) => what.replaceAll("_", " "),
    copied: "The command line was copied.",
    select: "The browser does not allow to copy. The command line is selected: press Ctrl+C.",
    command: {
      label: "Copy the command line",
      help: "Copy the command that writes the same files, bit for bit.",
      area: "Command line that writes the same files",
      copy: "Copy",
      copy_help: "Copy this command line.",
    },
    send_back: { label: "Send back", help: "Give the result to the program that opened this page.", done: "The result was sent back." },
    exports: {
      title: "Export what was painted",
      help: "Files that the command line, PixInsight, Siril or QGIS read.",
      kept: (/** @type {string} */ path) => `Written: ${path}`,
      what: /** @type {Record<string, {label: string, help: string}>} */ ({
        "not_sky.png": { label: "Not sky, PNG", help: "What was painted as not sky, as a mask for -m." },
        "sky.png": { label: "Is sky, PNG", help: "What was painted as sky, as a mask for --sky." },
        "not_sky.geojson": { label: "Not sky, GeoJSON", help: "The same as polygons, for -m." },
        "sky.geojson": { label: "Is sky, GeoJSON", help: "The same as polygons, for --sky." },
        "samples.csv": { label: "Samples, CSV", help: "The sample points, for --samples." },
        "preset.toml": { label: "Preset, TOML", help: "The settings, for --preset." },
      }),
    },
    batch: {
      title: "Apply to a folder",
      help: "Every image in the folder is corrected with these settings. What was painted, and the samples, belong to this image alone and are not used.",
      folder: { label: "Folder", help: "The name of a folder beside this image.", hint: "lights" },
      run: { label: "Apply to the folder", help: "Correct all images in the folder." },
    },
  },
  jobs: {
    label: "Progress",
    stage: (/** @type {string} */ stage, /** @type {number} */ done, /** @type {number} */ total) =>
      total > 1 ? `${stage}: ${Math.floor((100 * done) / total)} %` : `${stage} …`,
    cancel: "Cancel",
    cancel_help: "Stop this. No unfinished file is left behind.",
    cancelled: "Cancelled. No unfinished file was left behind.",
  },
};
