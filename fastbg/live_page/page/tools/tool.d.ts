import type { App, Point } from "../types.js";

/** Where and how a tool is used: by mouse, pen or finger, or by the keyboard's cursor. */
export interface Touch {
  point: Point;
  /** The same in pixels of the browser's window. */
  place: Point;
  by: "mouse" | "pen" | "touch" | "keyboard";
  /** The right button, or the eraser at the end of a pen. */
  alternate: boolean;
  /** A double click, or Enter twice at one place. */
  twice: boolean;
  shift: boolean;
}

export interface Tool {
  name: string;
  key: string;
  /** A path of 24 x 24 units. */
  icon: string;
  /** The CSS cursor over the image. */
  cursor: string;
  /** Enter presses and releases at once, where a drag makes no sense. */
  clicks?: boolean;
  /** The tool has a brush, whose size the keys [ and ] and the wheel with Shift change. */
  sized?: boolean;
  /** False if nothing is held now, so that there is nothing to drag. */
  down?(touch: Touch): void | false;
  /** New points since the last event; `pressed` while the pen is down. */
  move?(touches: Touch[], pressed: boolean): void;
  up?(touch: Touch): void;
  /** Give up what is half done; false if nothing was. */
  cancel?(): boolean;
  /** A key while the image has the focus; true if the tool used it. */
  key_down?(event: KeyboardEvent): boolean;
  /** Make the brush, or what is selected, larger by this factor. */
  resize?(factor: number): void;
  /** Controls of the tool, made once. */
  options?(): HTMLElement[];
  start?(): void;
  stop?(): void;
}

export type Send = App["send"];
