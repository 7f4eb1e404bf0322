/**
 * view.js - which part of the board a window shows: {scale, x, y}, CSS pixels a unit and where the
 * origin is in them.
 *
 * Until somebody moves it, it shows all that is there: the origin in the middle, and as small as that takes; where
 * that would be too small, what is there in the middle, and smaller than a hand may make it; where even that would be
 * too small, where most is.
 */

import { COORDINATE_MAX } from './shapes.js';

/** @typedef {import('./figures.js').Box} Box */

export const SCALE_MIN = 0.1;
export const SCALE_MAX = 8;

const FIT_MIN = 0.05; // nothing would be recognized
const ORIGIN = { left: 0, top: 0, right: 0, bottom: 0 };
const SHOWN_MARGIN = 16;
const FIT_MARGIN = 0.04; // of what is free, to each side

export class View {
  scale = 1;
  x = 0;
  y = 0;
  width = 0;
  height = 0;
  changed = () => {};
  /** @type {() => Box | null} where most of what is there is */
  most = () => null;
  #half = { x: 0, y: 0 }; // around the origin
  /** @type {Box} around what is there */
  #all = { left: Infinity, top: Infinity, right: -Infinity, bottom: -Infinity };
  #searching = false; // where most is
  #own = false;

  /**
   * @param {number} width
   * @param {number} height
   */
  resize(width, height) {
    if (!this.#own) return this.#showAll(width, height);
    this.#set(this.scale, this.x + (width - this.width) / 2, this.y + (height - this.height) / 2, width, height);
  }

  /**
   * Something is there.
   * @param {Box} box
   */
  include({ left, top, right, bottom }) {
    this.#half.x = Math.max(this.#half.x, SHOWN_MARGIN - left, SHOWN_MARGIN + right);
    this.#half.y = Math.max(this.#half.y, SHOWN_MARGIN - top, SHOWN_MARGIN + bottom);
    this.#all = {
      left: Math.min(this.#all.left, left), top: Math.min(this.#all.top, top),
      right: Math.max(this.#all.right, right), bottom: Math.max(this.#all.bottom, bottom),
    };
    if (!this.#own) this.#showAll(this.width, this.height);
  }

  /** From now on it moves only by hand. */
  own() {
    this.#own = true;
  }

  /** What brings it back: what is in the middle of the window, and how large. Null: nobody moved it. */
  get kept() {
    const { x, y } = this.toBoard(this.width / 2, this.height / 2);
    return this.#own ? { x, y, scale: this.scale } : null;
  }

  /** @param {any} kept  by this browser: it may be anything */
  restore(kept) {
    const { x, y, scale } = kept ?? {};
    if (![x, y, scale].every(Number.isFinite)) return;
    this.own();
    const at = Math.min(SCALE_MAX, Math.max(FIT_MIN, scale));
    this.#set(at, this.width / 2 - at * x, this.height / 2 - at * y);
  }

  /**
   * Where on the board a point of the window is.
   * @param {number} x
   * @param {number} y
   */
  toBoard(x, y) {
    return { x: (x - this.x) / this.scale, y: (y - this.y) / this.scale };
  }

  /** @param {{x: number, y: number}} place */
  toWindow({ x, y }) {
    return { x: x * this.scale + this.x, y: y * this.scale + this.y };
  }

  /** What of the board is seen. */
  get box() {
    const { x: left, y: top } = this.toBoard(0, 0);
    const { x: right, y: bottom } = this.toBoard(this.width, this.height);
    return { left, top, right, bottom };
  }

  /**
   * @param {number} dx
   * @param {number} dy
   */
  pan(dx, dy) {
    this.own();
    this.#set(this.scale, this.x + dx, this.y + dy);
  }

  /**
   * What is at that point of the window stays there.
   * @param {number} factor
   * @param {number} [x]
   * @param {number} [y]
   */
  zoom(factor, x = this.width / 2, y = this.height / 2) {
    this.own();
    const scale = Math.min(SCALE_MAX, Math.max(Math.min(SCALE_MIN, this.scale), this.scale * factor));
    const grown = scale / this.scale;
    this.#set(scale, x - (x - this.x) * grown, y - (y - this.y) * grown);
  }

  /**
   * @param {Box | null} box  null: there is nothing
   * @param {{left: number, top: number, right: number, bottom: number}} [inset]  what lies over the board's edges
   */
  fit(box, inset = { left: 0, top: 0, right: 0, bottom: 0 }) {
    this.own();
    this.#fit(box ?? ORIGIN, inset, this.width, this.height);
  }

  /**
   * @param {Box} box
   * @param {{left: number, top: number, right: number, bottom: number}} inset
   * @param {number} width
   * @param {number} height
   */
  #fit(box, inset, width, height) {
    const free = { width: Math.max(1, width - inset.left - inset.right), height: Math.max(1, height - inset.top - inset.bottom) };
    const roomFor = (/** @type {Box} */ { left, top, right, bottom }) =>
      (1 - 2 * FIT_MARGIN) * Math.min(free.width / (right - left), free.height / (bottom - top));
    const shown = roomFor(box) < FIT_MIN ? this.most() ?? box : box;
    const scale = Math.min(1, Math.max(FIT_MIN, roomFor(shown)));
    const { left, top, right, bottom } = shown;
    this.#set(scale, inset.left + (free.width - scale * (left + right)) / 2, inset.top + (free.height - scale * (top + bottom)) / 2,
      width, height);
  }

  /**
   * @param {number} width
   * @param {number} height
   */
  #showAll(width, height) {
    const [x, y] = [width / 2, height / 2];
    const scale = Math.min(1, x / (this.#half.x || 1), y / (this.#half.y || 1));
    if (scale >= SCALE_MIN || !width || !height) return this.#set(Math.max(SCALE_MIN, scale), x, y, width, height);
    Object.assign(this, { width, height });
    // Many come at once.
    if (!this.#searching) queueMicrotask(() => this.#showMost());
    this.#searching = true;
  }

  #showMost() {
    this.#searching = false;
    if (!this.#own) this.#fit(this.#all, ORIGIN, this.width, this.height);
  }

  /**
   * @param {number} scale
   * @param {number} x
   * @param {number} y
   * @param {number} [width]
   * @param {number} [height]
   */
  #set(scale, x, y, width = this.width, height = this.height) {
    // The middle of the window stays on the board.
    const max = COORDINATE_MAX * scale;
    /**
     * @param {number} at
     * @param {number} middle
     */
    const inside = (at, middle) => Math.max(middle - max, Math.min(middle + max, at));
    const next = { scale, x: inside(x, width / 2), y: inside(y, height / 2), width, height };
    const names = /** @type {(keyof typeof next)[]} */ (Object.keys(next));
    if (names.every((name) => next[name] === this[name])) return;
    Object.assign(this, next);
    this.changed();
  }
}
