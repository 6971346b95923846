// @ts-check
/** @import { Hello, Picture, Point } from "../types.js" */
import { decode } from "../connection.js";

/** Bytes of tiles that are kept, as they travelled. */
const MOST_BYTES = 96 << 20;
/** Tiles that are asked for at a time. */
const AT_ONCE = 6;
/** A tile that could not be had is asked for again after so many milliseconds. */
const AGAIN = 3000;

/** @typedef {{ level: number, row: number, column: number, key: string }} Place */
/** @typedef {{ place: Place, picture: Picture, bytes: number }} Tile */

/** The tiles of the image that have been seen: the visible ones are loaded, the oldest forgotten. */
export class Tiles {
  /** @param {(tile: Tile) => void} onTile @param {(tile: Tile) => void} onForgotten */
  constructor(onTile, onForgotten) {
    this.onTile = onTile;
    this.onForgotten = onForgotten;
    /** @type {Map<string, Tile>} From the one that was seen longest ago. */
    this.kept = new Map();
    this.bytes = 0;
    this.mostBytes = MOST_BYTES;
    /** @type {Map<string, AbortController>} */
    this.asked = new Map();
    /** @type {Map<string, number>} When a tile may be asked for again. */
    this.failed = new Map();
    /** @type {Place[]} */
    this.wanted = [];
  }

  /**
   * Tell what is seen; what is not seen any more is no longer asked for.
   * @param {Place[]} places The nearest to the middle first.
   * @returns {{ tiles: Tile[], isWhole: boolean }} Those that are here, and whether these are all.
   */
  see(places) {
    this.wanted = places;
    const keys = new Set(places.map((place) => place.key));
    for (const [key, controller] of this.asked) {
      if (!keys.has(key)) controller.abort();
    }
    const here = places.flatMap(({ key }) => {
      const tile = this.kept.get(key);
      if (!tile) return [];
      this.kept.delete(key);
      this.kept.set(key, tile);
      return [tile];
    });
    this._forgetOldest();
    this._ask();
    return { tiles: here, isWhole: places.length > 0 && here.length === places.length };
  }

  /** The finest tile that is here and covers a place. @param {number} x @param {number} y @param {Hello} hello */
  at(x, y, hello) {
    for (let level = 0; level < hello.tiles.levels; level++) {
      const side = sideOf(hello, level);
      const tile = this.kept.get(`${level}/${Math.floor(y / side)}/${Math.floor(x / side)}`);
      if (tile) return tile;
    }
    return null;
  }

  _ask() {
    for (const place of this.wanted) {
      if (this.asked.size >= AT_ONCE) return;
      const { key } = place;
      const rests = (this.failed.get(key) ?? 0) > performance.now();
      if (!this.kept.has(key) && !this.asked.has(key) && !rests) void this._load(place);
    }
  }

  /** @param {Place} place */
  async _load(place) {
    const controller = new AbortController();
    this.asked.set(place.key, controller);
    try {
      const answer = await fetch(`tile/${place.key}`, { signal: controller.signal });
      if (!answer.ok) throw new Error(answer.statusText);
      const buffer = await answer.arrayBuffer();
      this._keep({ place, picture: decode(buffer), bytes: buffer.byteLength });
    } catch {
      if (!controller.signal.aborted) {
        this.failed.set(place.key, performance.now() + AGAIN);
        window.setTimeout(() => this._ask(), AGAIN + 1);
      }
    } finally {
      this.asked.delete(place.key);
      this._ask();
    }
  }

  /** @param {Tile} tile */
  _keep(tile) {
    this.kept.set(tile.place.key, tile);
    this.bytes += tile.bytes;
    this._forgetOldest();
    this.onTile(tile);
  }

  /** Forget what was seen longest ago and is out of sight, until there is room. */
  _forgetOldest() {
    const wanted = new Set(this.wanted.map((place) => place.key));
    for (const [key, old] of this.kept) {
      if (this.bytes <= this.mostBytes) break;
      if (wanted.has(key)) continue;
      this.kept.delete(key);
      this.bytes -= old.bytes;
      this.onForgotten(old);
    }
  }
}

/** The side of a tile, in pixels of the image. @param {Hello} hello @param {number} level */
export function sideOf({ tiles: { size, pixel = 1 } }, level) {
  return size * pixel * 2 ** level;
}

/**
 * The tiles that show a part of the image in at least the pixels of the screen, or none where the
 * overview does.
 *
 * @param {Hello} hello
 * @param {number} binning Of the overview.
 * @param {number} zoom Pixels of the screen per pixel of the image.
 * @param {Point} from The upper left corner of the part, in pixels of the image. @param {Point} to
 * @returns {Place[]} The nearest to the middle first.
 */
export function placesIn(hello, binning, zoom, from, to) {
  const { levels, pixel = 1 } = hello.tiles;
  const level = Math.min(levels - 1, Math.max(0, Math.floor(Math.log2(1 / (zoom * pixel)) + 1e-6)));
  if (!levels || pixel * 2 ** level >= binning || zoom * binning <= 1) return [];
  const side = sideOf(hello, level);
  const { width, height } = hello.image;
  /** @param {number} x @param {number} most */
  const within = (x, most) => Math.floor(Math.min(most - 1, Math.max(0, x)) / side);
  const [left, right] = [within(from[0], width), within(to[0], width)];
  const [top, bottom] = [within(from[1], height), within(to[1], height)];
  const places = [];
  for (let row = top; row <= bottom; row++) {
    for (let column = left; column <= right; column++) {
      places.push({ level, row, column, key: `${level}/${row}/${column}` });
    }
  }
  const [x, y] = [(from[0] + to[0]) / 2 / side - 0.5, (from[1] + to[1]) / 2 / side - 0.5];
  /** @param {Place} place */
  const distance = ({ row, column }) => Math.hypot(column - x, row - y);
  return places.sort((a, b) => distance(a) - distance(b));
}
