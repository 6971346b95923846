// What the modules of the page hand to each other. No module is compiled; tsc only checks.

export type ViewName = "original" | "corrected" | "model" | "residual" | "sky" | "uncertainty";
export type StretchName = "none" | "stf" | "10" | "15" | "20" | "30";
export type Layout = "single" | "split" | "side";
export type Point = [number, number];
/** What is painted. */
export type Layer = "not_sky" | "sky" | "erase";

/** The header of a binary message: a picture on its own grid, or a tile of the image. */
export interface Header {
  picture: string;
  revision: number;
  width: number;
  height: number;
  channels: number;
  type: "half" | "byte" | "label";
  offset: number[];
  scale: number[];
  /** Pixels of the image along the side of one pixel of the picture. */
  binning?: number;
  /** Width and height of what it covers, in pixels of the image, where its pixels are not whole ones. */
  extent?: Point;
  statistics?: Statistics;
  level?: number;
  row?: number;
  column?: number;
}

/** Of pixels at full resolution, one number a channel, linear; the MAD is without 1.4826. */
export interface Statistics {
  median: number[];
  mad: number[];
  minimum: number[];
  maximum: number[];
}

/** Pixels as they travelled: half floats as their 16 bits, labels as numbers, bytes as bytes. */
export interface Picture {
  name: string;
  header: Header;
  /** One plane a channel, row by row. */
  planes: (Uint16Array | Uint8Array)[];
}

export interface ImageFacts {
  name: string;
  width: number;
  height: number;
  channels: number;
  colours: string[];
  white: number | null;
  pattern: string | null;
}

export interface Setting {
  value: any;
  automatic: boolean;
  choices?: any[];
  minimum?: number;
  maximum?: number;
  help?: string;
}

export interface Hello {
  tell: "hello";
  protocol: number;
  image: ImageFacts;
  grid: { width: number; height: number; binning: number };
  /** At level n, a pixel of a tile covers `pixel * 2 ** n` pixels of the image along its side. */
  tiles: { size: number; levels: number; pixel?: number };
  settings: Record<string, Setting>;
  host: boolean;
  folder: string;
  recovered: { edits: number; time: string } | null;
  /** Lines about the file itself. */
  warnings?: string[];
  version: string;
}

export interface Sample {
  x: number;
  y: number;
  radius: number;
  /** Null until it was measured, as the weight. */
  value: number[] | null;
  weight: number | null;
  used: boolean;
  why: string;
}

/** What the user has made of the image: told after every edit. Settings are complete here. */
export interface EditState {
  revision: number;
  settings: Record<string, Setting>;
  undo: number;
  redo: number;
  snapshots: string[];
  edits: { not_sky: number; sky: number };
  border: [number, number, number, number];
  samples: Sample[];
  use_samples: boolean;
  /** Whether something was changed since the last saving. */
  unsaved?: boolean;
}

export interface Warning {
  text: string;
  kind: "halo" | "dark" | "uncertain" | "other";
  x?: number;
  y?: number;
  radius?: number;
}

/** A surface that was compared with others. */
export interface Candidate {
  number: number;
  name: string;
  /** The part of the frame that lies on it, in [0, 1]. */
  explained: number | null;
  tried: boolean;
}

export interface Fitted {
  revision: number;
  seconds: number;
  words: string;
  numbers: Record<string, number>;
  level: number[];
  strength: number;
  mode: "subtract" | "divide";
  divisor?: number;
  /** Null where the sky was not searched for. */
  flexibility: {
    chosen: number;
    automatic: number;
    candidates: Candidate[];
  } | null;
  warnings: Warning[];
}

/** How the page takes the model out: see `correction.js`. */
export interface Correction {
  /** From 0 to 1. */
  strength: number;
  mode: "subtract" | "divide";
  level: number[];
  /** Of the pedestal "bgoptimizer"; 1 where it is not told. */
  divisor?: number;
}

/** The one observable object of the page: see `store.js`. */
export interface State {
  connection: "connecting" | "open" | "lost" | "ended";
  hello: Hello | null;
  state: EditState | null;
  fitted: Fitted | null;
  /** Whether a newer fit runs, so that what is shown is out of date. */
  fitting: boolean;
  /** Why the newest state cannot be fitted. */
  failure: string | null;
  pictures: Record<string, Picture>;
  correction: Correction | null;

  view: ViewName;
  /** Whether the view is swapped with the one that it is compared with, while a key is held. */
  blink: boolean;
  layout: Layout;
  /** Where the split is, as a part of the width. */
  splitAt: number;
  stretch: StretchName;
  linked: boolean;
  boost: 1 | 2 | 4;
  inverted: boolean;
  falseColour: boolean;
  /** The only channel that is shown, or null for all. */
  channel: number | null;
  /** Whether painted and found marks are drawn over the views of the image, too. */
  marks: boolean;

  tool: string;
  /** What shapes are filled with: the layer that was used last. */
  layer: Layer;
  /** A shape that is being drawn. */
  outline: { shape: "polygon" | "rectangle" | "ellipse"; points: Point[]; layer: Layer } | null;
  /** What is under the pointer, by the tool in use: an object, a sample or a side from 1; 0 = nothing. */
  hovered: number;
  /** The index of the chosen sample, or -1. */
  selected: number;
  dragged: { sample: number; point: Point } | null;
  /** Left, top, right, bottom while a border is dragged. */
  border: [number, number, number, number] | null;
  /** The index of the warning that was looked at last. */
  warned: number;
  /** Whether the circles of warnings are drawn. */
  circles: boolean;
  /** The brush's radius, in pixels of the image. */
  brush: number;
  /** The keyboard's cursor, in pixels of the image. */
  cursor: Point | null;
  /** Where the pointer is, in pixels of the image. */
  pointer: Point | null;
  jobs: Record<string, { stage: string; done: number; total: number }>;
  problems: string[];
  /** A line over the image that stays until its cause is gone, or null. */
  notice: string | null;
}

/** A text message of the server. */
export type Message = { tell: string; id?: any; [name: string]: any };

export interface Connection {
  /** Resolves with the answer, rejects with an Error where the server tells a problem. */
  send(message: Record<string, any>): Promise<Message>;
  close(): void;
}

export interface OverlayLayer {
  /** Draw in CSS pixels of a pane, for every pane that shows the image. */
  draw(context: CanvasRenderingContext2D, viewport: import("./viewport.js").Viewport): void;
}

/** What the parts of the page share. */
export interface App {
  store: import("./store.js").Store;
  viewport: import("./viewport.js").Viewport;
  overlay: import("./overlay.js").Overlay;
  send: Connection["send"];
}
