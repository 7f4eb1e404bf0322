/**
 * view.js - which part of the board a window shows: {scale, x, y}, CSS pixels a unit and where the
 * origin is in them.
 *
 * Until somebody moves it, it shows all that is there: the origin in the middle, and as small as
 * that takes.
 */

import { COORDINATE_MAX } from './shapes.js';

export const SCALE_MIN = 0.1;
export const SCALE_MAX = 8;

// What every window shows from the beginning, in units to each side of the origin.
const HALF_WIDTH = 400;
const HALF_HEIGHT = 300;
const FIRST = { left: -HALF_WIDTH, top: -HALF_HEIGHT, right: HALF_WIDTH, bottom: HALF_HEIGHT };
const SHOWN_MARGIN = 16;
const FIT_MARGIN = 0.04; // of what is free, to each side

export class View {
  scale = 1;
  x = 0;
  y = 0;
  width = 0;
  height = 0;
  changed = () => {};
  #half = { x: HALF_WIDTH, y: HALF_HEIGHT };
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
   * @param {import('./figures.js').Box} box
   */
  include({ left, top, right, bottom }) {
    this.#half.x = Math.max(this.#half.x, SHOWN_MARGIN - left, SHOWN_MARGIN + right);
    this.#half.y = Math.max(this.#half.y, SHOWN_MARGIN - top, SHOWN_MARGIN + bottom);
    if (!this.#own) this.#showAll(this.width, this.height);
  }

  /** From now on it moves only by hand. */
  own() {
    this.#own = true;
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
    const scale = Math.min(SCALE_MAX, Math.max(SCALE_MIN, this.scale * factor));
    const grown = scale / this.scale;
    this.#set(scale, x - (x - this.x) * grown, y - (y - this.y) * grown);
  }

  /**
   * @param {import('./figures.js').Box | null} box  null: there is nothing
   * @param {{left: number, top: number, right: number, bottom: number}} [inset]  what lies over the board's edges
   */
  fit(box, inset = { left: 0, top: 0, right: 0, bottom: 0 }) {
    this.own();
    const { left, top, right, bottom } = box ?? FIRST;
    const width = Math.max(1, this.width - inset.left - inset.right);
    const height = Math.max(1, this.height - inset.top - inset.bottom);
    const room = (1 - 2 * FIT_MARGIN) * Math.min(width / (right - left), height / (bottom - top));
    const scale = Math.min(1, Math.max(SCALE_MIN, room));
    const x = inset.left + (width - scale * (left + right)) / 2;
    const y = inset.top + (height - scale * (top + bottom)) / 2;
    this.#set(scale, x, y);
  }

  /**
   * @param {number} width
   * @param {number} height
   */
  #showAll(width, height) {
    const [x, y] = [width / 2, height / 2];
    this.#set(Math.max(SCALE_MIN, Math.min(1, x / this.#half.x, y / this.#half.y)), x, y, width, height);
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
