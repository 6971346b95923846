// @ts-check
/** Samples as circles: used ones, rejected ones, the one that is chosen with its values. */

import { stroke } from "./ink.js";
import { words } from "./words.js";

/**
 * @typedef {import("../types.js").App} App
 * @typedef {import("../types.js").Sample} Sample
 */

const [USED, REJECTED, CHOSEN] = ["#8ee06a", "#ff6262", "#ffffff"];
const LEAST = 4; // CSS pixels

/**
 * @param {App} app
 * @param {CanvasRenderingContext2D} context
 * @param {import("../viewport.js").Viewport} viewport
 */
export function drawSamples({ store }, context, viewport) {
  const { state, selected, hovered, dragged, tool, hello } = store.get();
  const samples = state?.samples ?? [];
  const told = tool !== "samples" ? -1 : hovered > 0 ? hovered - 1 : selected;
  samples.forEach((sample, index) => {
    const isDragged = dragged?.sample === index;
    const [x, y] = isDragged ? dragged.point : [sample.x, sample.y];
    const [cx, cy] = viewport.toScreen(x, y);
    const radius = Math.max(LEAST, sample.radius * viewport.scale);
    context.beginPath();
    context.arc(cx, cy, radius, 0, 2 * Math.PI);
    const isChosen = tool === "samples" && (index === selected || index === told);
    const colour = isChosen ? CHOSEN : sample.used ? USED : REJECTED;
    stroke(context, colour, isChosen ? 2.5 : 1.5, sample.used ? [] : [3, 3]);
    if (!sample.used) {
      const arm = radius * Math.SQRT1_2;
      context.beginPath();
      context.moveTo(cx - arm, cy - arm);
      context.lineTo(cx + arm, cy + arm);
      context.moveTo(cx + arm, cy - arm);
      context.lineTo(cx - arm, cy + arm);
      stroke(context, REJECTED, 1.5);
    }
  });
  const sample = samples[told];
  if (sample) tag(context, viewport, sample, words.samples.lines(sample, hello?.image.colours ?? []));
}

/**
 * A few lines beside a sample.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {import("../viewport.js").Viewport} viewport
 * @param {Sample} sample
 * @param {string[]} lines
 */
function tag(context, viewport, sample, lines) {
  context.font = "12px system-ui, sans-serif";
  const width = Math.max(...lines.map((each) => context.measureText(each).width)) + 16;
  const height = 16 * lines.length + 10;
  const [x, y] = viewport.toScreen(sample.x, sample.y);
  const away = Math.max(LEAST, sample.radius * viewport.scale) + 8;
  const [paneWidth, paneHeight] = viewport.pane;
  const left = x + away + width < paneWidth ? x + away : x - away - width;
  const top = Math.max(4, Math.min(paneHeight - height - 4, y - height / 2));
  context.beginPath();
  context.roundRect(left, top, width, height, 5);
  context.fillStyle = "rgba(22, 27, 35, 0.94)";
  context.fill();
  context.strokeStyle = "#2a323d";
  context.lineWidth = 1;
  context.stroke();
  context.fillStyle = "#e8edf3";
  context.textAlign = "left";
  context.textBaseline = "top";
  lines.forEach((each, index) => context.fillText(each, left + 8, top + 6 + 16 * index));
}
