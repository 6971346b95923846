// @ts-check
/** @import { App, State } from "./types.js" */
/** @import { Line, Sampled } from "./histogram.js" */
import { byId, make } from "./dom.js";
import { correctedSamples, countsOf, LINES, linearOf, meanLinearOf, samplesOf, settingAt, spanOf, ticksOf } from "./histogram.js";
import { linearText } from "./numbers.js";
import { words } from "./words.js";

const HEIGHT = 120;
/** Room for the numbers below the curves. */
const AXIS = 17;
const BINS = 160;
/** So many milliseconds after the last change, the curves are counted again. */
const PAUSE = 250;
/** Room for the name of a line, in CSS pixels. */
const NAME = 84;
/** What an arrow key adds to a setting; a page key adds ten times that. */
const STEPS = { threshold_min: 0.01, quantile: 0.005, threshold_max: 0.01 };
/** @type {Record<string, string>} */
const COLOURS = { R: "--red", G: "--green", B: "--blue" };

/** The histogram and the lines of the settings on it. @param {App} app */
export function startHistogram(app) {
  new HistogramPanel(app);
}

class HistogramPanel {
  /** @param {App} app */
  constructor({ store, send }) {
    this.store = store;
    this.send = send;
    /** @type {Sampled | null} */
    this.samples = null;
    /** @type {Float64Array[]} Corrected. */
    this.after = [];
    this.span = { low: 0, high: 1 };
    /** What the user is just trying. @type {{ line: Line, value: number } | null} */
    this.tried = null;
    this.isAsking = false;
    /** The values of the lines as they were drawn. @type {number[]} */
    this.drawn = [];
    this.canvas = make("canvas", { "aria-hidden": true });
    this.plot = make("div", { class: "plot" }, this.canvas);
    this.handles = LINES.map((line) => this._handle(line));
    this.plot.append(...this.handles);
    byId("histogram").append(make("h2", {}, words.histogram), this.plot, make("p", { class: "note" }, words.histogramHelp));
    this._listen();
  }

  _listen() {
    const { store } = this;
    /** @type {State["pictures"][string] | undefined} */
    let counted;
    store.on(["pictures"], ({ pictures: { original } }) => {
      if (!original || original === counted) return;
      counted = original;
      this.samples = samplesOf(original);
      this.span = spanOf(this.samples);
    });
    // Sliders and strokes change it many times a second: the histogram follows when they rest, and
    // takes no time from a fit that the user waits for.
    let timer = 0;
    store.on(["pictures", "correction", "fitting"], ({ fitting }) => {
      window.clearTimeout(timer);
      if (!fitting) timer = window.setTimeout(() => this._count(), PAUSE);
    });
    store.on(["state", "hello"], () => {
      const tried = this.tried;
      this.tried = null;
      if (tried || LINES.some((line, i) => this._valueOf(line) !== this.drawn[i])) this._draw();
    });
    new ResizeObserver(() => this._draw()).observe(this.plot);
  }

  _count() {
    const { original, model } = this.store.get().pictures;
    const { correction } = this.store.get();
    this.after = original && model && correction ? correctedSamples(original, model, correction) : [];
    this._draw();
  }

  /** @param {Line} line */
  _valueOf(line) {
    if (this.tried?.line === line) return this.tried.value;
    const { state, hello } = this.store.get();
    return /** @type {number} */ ((state ?? hello)?.settings[line]?.value ?? { threshold_min: 0, quantile: 1, threshold_max: 1 }[line]);
  }

  /** @param {Line} line */
  _handle(line) {
    const handle = make("div", {
      class: `handle ${line}`,
      role: "slider",
      tabindex: 0,
      "aria-label": words.histogramLines[line],
      "aria-valuemin": 0,
      "aria-valuemax": 1,
      title: words.histogramLines[line],
    });
    handle.addEventListener("pointerdown", (event) => handle.setPointerCapture(event.pointerId));
    handle.addEventListener("pointermove", (event) => {
      if (!handle.hasPointerCapture(event.pointerId) || !this.samples) return;
      const { left, width } = this.plot.getBoundingClientRect();
      const linear = this.span.low + ((event.clientX - left) / width) * (this.span.high - this.span.low);
      this._try(line, settingAt(this.samples, line, linear, this._valueOf("quantile")));
    });
    handle.addEventListener("lostpointercapture", () => this._take());
    handle.addEventListener("keydown", (event) => {
      const steps = { ArrowRight: 1, ArrowUp: 1, ArrowLeft: -1, ArrowDown: -1, PageUp: 10, PageDown: -10 }[event.key];
      if (!steps) return;
      event.preventDefault();
      event.stopPropagation();
      this._try(line, this._valueOf(line) + steps * STEPS[line]);
    });
    handle.addEventListener("keyup", () => this._take());
    return handle;
  }

  /** Show a value and let the server fit with it. @param {Line} line @param {number} value */
  _try(line, value) {
    const least = line === "threshold_max" ? this._valueOf("threshold_min") + 0.01 : line === "quantile" ? 0.5 : 0;
    const most = line === "threshold_min" ? this._valueOf("threshold_max") - 0.01 : 1;
    this.tried = { line, value: Number(Math.min(most, Math.max(least, value)).toFixed(4)) };
    this._draw();
    void this._ask();
  }

  /** Try the newest value, one at a time. */
  async _ask() {
    if (this.isAsking || !this.tried) return;
    this.isAsking = true;
    const { line, value } = this.tried;
    await this.send({ do: "set", settings: { [line]: value }, more: true }).catch(() => null);
    this.isAsking = false;
    if (this.tried && this.tried.value !== value) void this._ask();
  }

  /** Make what was tried an edit. */
  _take() {
    if (!this.tried) return;
    const { line, value } = this.tried;
    this.send({ do: "set", settings: { [line]: value } }).catch(({ message }) => {
      this.tried = null;
      this.store.set({ problems: [...this.store.get().problems, message] });
      this._draw();
    });
  }

  _draw() {
    const { samples, canvas, plot } = this;
    const width = plot.clientWidth;
    if (!samples || !width) return;
    this.drawn = LINES.map((line) => this._valueOf(line));
    const density = window.devicePixelRatio || 1;
    Object.assign(canvas, { width: Math.round(width * density), height: Math.round((HEIGHT + AXIS) * density) });
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
    context.scale(density, density);
    this._drawAxis(context, width);
    this._drawCurves(context, width, samples);
    this._drawLines(context, width, samples);
  }

  /** @param {CanvasRenderingContext2D} context @param {number} width */
  _drawAxis(context, width) {
    const { low, high } = this.span;
    const { fontFamily, fontSize } = getComputedStyle(this.plot);
    context.font = `${0.78 * parseFloat(fontSize)}px ${fontFamily}`;
    context.textAlign = "center";
    for (const tick of ticksOf(this.span)) {
      const x = ((tick - low) / (high - low)) * width;
      context.fillStyle = this._css("--rule");
      context.fillRect(x, 0, 1, HEIGHT + 4);
      context.fillStyle = this._css("--muted");
      const text = Number(tick.toPrecision(4)).toString();
      const half = context.measureText(text).width / 2;
      if (x > half && x < width - half) context.fillText(text, x, HEIGHT + 14);
    }
  }

  /** @param {CanvasRenderingContext2D} context @param {number} width @param {Sampled} samples */
  _drawCurves(context, width, { sorted }) {
    const before = sorted.map((values) => countsOf(values, this.span, BINS));
    const after = this.after.map((values) => countsOf(values, this.span, BINS));
    const top = Math.log10(1 + Math.max(10, ...[...before, ...after].map((counts) => Math.max(...counts)))) * 1.06;
    /** @param {Uint32Array} counts */
    const trace = (counts) => {
      const path = new Path2D();
      counts.forEach((count, i) => {
        const [x, y] = [((i + 0.5) / BINS) * width, HEIGHT * (1 - Math.log10(1 + count) / top)];
        if (i) path.lineTo(x, y);
        else path.moveTo(x, y);
      });
      return path;
    };
    context.lineJoin = "round";
    before.forEach((counts, k) => {
      const area = trace(counts);
      area.lineTo(width, HEIGHT);
      area.lineTo(0, HEIGHT);
      context.fillStyle = this._colour(k);
      context.globalAlpha = 0.3;
      context.fill(area);
    });
    after.forEach((counts, k) => {
      context.strokeStyle = this._colour(k);
      context.lineWidth = 1.4;
      context.globalAlpha = 1;
      context.stroke(trace(counts));
    });
  }

  /** @param {CanvasRenderingContext2D} context @param {number} width @param {Sampled} samples */
  _drawLines(context, width, samples) {
    const q = this._valueOf("quantile");
    /** @param {number} linear */
    const across = (linear) => ((linear - this.span.low) / (this.span.high - this.span.low)) * width;
    /** @type {number[]} */
    const places = [];
    LINES.forEach((line, i) => {
      const value = this._valueOf(line);
      context.globalAlpha = 0.75;
      context.lineWidth = 1;
      context.setLineDash(line === "quantile" ? [] : [4, 3]);
      samples.sorted.forEach((_, k) => {
        const x = across(linearOf(samples, k, line, value, q));
        context.strokeStyle = this._colour(k);
        context.beginPath();
        context.moveTo(x, 0);
        context.lineTo(x, HEIGHT);
        context.stroke();
      });
      const linear = meanLinearOf(samples, line, value, q);
      const handle = this.handles[i];
      places[i] = Math.min(width, Math.max(0, across(linear)));
      handle.style.left = `${places[i]}px`;
      handle.classList.toggle("at-left", places[i] < NAME / 2);
      handle.classList.toggle("at-right", places[i] > width - NAME / 2);
      handle.dataset.text = `${words.histogramShort[line]} ${value}`;
      handle.setAttribute("aria-valuenow", String(value));
      handle.setAttribute("aria-valuetext", words.histogramLine(String(value), linearText(linear, 4)));
    });
    context.setLineDash([]);
    // The names of both thresholds do not fit beside each other where the two are close.
    this.plot.classList.toggle("close", places[2] - places[0] < NAME);
  }

  /** @param {number} k */
  _colour(k) {
    const name = COLOURS[this.store.get().hello?.image.colours[k] ?? ""] ?? "--mono";
    return this._css(name);
  }

  /** @param {string} name Of a colour of style.css. */
  _css(name) {
    return getComputedStyle(this.plot).getPropertyValue(name).trim();
  }
}
