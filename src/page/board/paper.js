/**
 * paper.js - the board as a picture, of two canvases.
 *
 * The lower one keeps what rests, and of the board around the window a margin. Where something there changes, that
 * part alone is painted anew. When the view moves, it is shown moved; before the margin ends, and once the view
 * rests, it is shifted, and what came in is painted. When the scale changes, it is shown scaled, and all of it is
 * painted. Both are jobs, of which each frame does a slice. The upper one has, in each frame anew, what is being
 * drawn or moved, by us or by others.
 */

import { paint, palette } from './brush.js';
import { contextOf, figureOf, grow, meet } from './figures.js';

/**
 * @typedef {import('./elements.js').Element} Element
 * @typedef {import('./elements.js').Present} Present
 * @typedef {import('./figures.js').Box} Box
 * @typedef {import('./brush.js').Palette} Palette
 * @typedef {{scale: number, x: number, y: number}} Place  of a view
 *
 * @typedef {object} Job  what becomes the next lower canvas, being painted
 * @property {Present[]} list
 * @property {number} next
 * @property {Place} view
 * @property {Box[]} parts  of the board, to which it is bounded; none: it is all
 */

const REST_MS = 300; // an element that did not change for so long is painted on the lower canvas
const LIFTED_MAX = 40; // elements on the upper canvas: people do not change more of them at once
const PARTS_MAX = 24; // of the lower canvas to be painted anew, one by one
const PATCH_MAX = 400; // elements in them: more are painted in slices
const MARGIN = 256; // of the lower canvas around the window, in CSS pixels
const SLICE_MS = 3; // of our own time, at most
const SLICE_CHECK = 8; // elements between two looks at the clock
// Elements in a slice. How long they take to be seen only the time between two frames shows.
const SLICE_MIN = 256;
const SLICE_MAX = 2_048;
const FRAME_LATE_MS = 20;
const UNSEEN = 1e-3; // of a pixel

export class Paper {
  /** @type {(context: CanvasRenderingContext2D, colours: Palette) => void} paints what is no element, in CSS pixels */
  overlay = () => {};
  /** @type {(rests: boolean) => void} whether the lower canvas has all there is, as it will stay */
  painted = () => {};

  #lower;
  #upper;
  #back = contextOf(document.createElement('canvas')); // becomes the lower one when all is painted
  #elements;
  #view;
  #palette = palette();
  #shown = { scale: 1, x: 0, y: 0 }; // the view of the lower canvas
  #ratio = 1;
  /** @type {Map<Present, number>} those on the upper canvas, and until when; Infinity: until it is let go */
  #lifted = new Map();
  #shift = { x: 0, y: 0 }; // of those that are held, in units of the board
  /** @type {WeakMap<Element, Box>} where it was painted on the lower canvas */
  #painted = new WeakMap();
  /** @type {Box[]} to be painted anew */
  #stale = [];
  /** @type {Box[]} and once more when all of it, which is under way, has been */
  #again = [];
  #all = true;
  #patched = 0; // when a part was painted anew: its edges may differ by a shade from the whole
  /** @type {Job | null} */
  #job = null;
  #slice = SLICE_MIN; // elements
  #sliced = 0; // when the last slice was painted
  #moved = 0; // when the view was last seen to move
  #seenView = { scale: 1, x: 0, y: 0 };
  #frame = 0;
  #timer = 0;

  /**
   * @param {HTMLCanvasElement} lower
   * @param {HTMLCanvasElement} upper
   * @param {import('./elements.js').Elements} elements
   * @param {import('./view.js').View} view
   */
  constructor(lower, upper, elements, view) {
    this.#lower = contextOf(lower);
    this.#upper = contextOf(upper);
    this.#elements = elements;
    this.#view = view;
    new ResizeObserver(() => this.#resize()).observe(upper);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#resize());
    this.#resize();
  }

  /**
   * What merge() has found: another version, or more points.
   * @param {Element} element
   */
  changed(element) {
    if (element.value) this.#view.include(figureOf(element).box);
    const was = /** @type {Present} */ (element); // until now
    if (!this.#lifted.has(was)) this.#forget(was);
    if (!element.value) this.#lifted.delete(was);
    else if (this.#lifted.get(element) !== Infinity) this.#lift(element);
    this.painted(false);
    this.requestPaint();
  }

  /**
   * These are held: they stay on top until they are let go.
   * @param {Present[]} elements
   */
  hold(elements) {
    for (const element of elements) {
      if (!this.#lifted.has(element)) this.#forget(element);
      this.#lifted.set(element, Infinity);
    }
    this.requestPaint();
  }

  /**
   * What is held is shown that far from where it is.
   * @param {number} x
   * @param {number} y
   */
  shift(x, y) {
    this.#shift = { x, y };
    this.requestPaint();
  }

  get shifted() {
    return this.#shift;
  }

  release() {
    this.#shift = { x: 0, y: 0 };
    for (const [element, expiry] of this.#lifted) if (expiry === Infinity) this.#lifted.set(element, 0);
    this.requestPaint();
  }

  /** It is painted in the next frame. */
  requestPaint() {
    this.#frame ||= requestAnimationFrame(() => this.#paint());
  }

  /** @param {Present} element */
  #lift(element) {
    if (this.#lifted.size < LIFTED_MAX || this.#lifted.has(element)) {
      this.#lifted.set(element, performance.now() + REST_MS);
    } else if (!this.#all) {
      this.#invalidate(figureOf(element).box);
    }
  }

  /**
   * It is not to be seen any more where it was.
   * @param {Present} element
   */
  #forget(element) {
    const box = this.#painted.get(element);
    if (box) this.#invalidate(box);
    this.#painted.delete(element);
  }

  /** @param {Box} box */
  #invalidate(box) {
    this.#stale.push(box);
    if (this.#stale.length > PARTS_MAX) this.#all = true;
  }

  #resize() {
    const { clientWidth, clientHeight } = this.#upper.canvas;
    this.#ratio = devicePixelRatio;
    for (const { canvas } of [this.#lower, this.#upper, this.#back]) {
      const around = canvas === this.#upper.canvas ? 0 : 2 * MARGIN;
      canvas.width = Math.round((clientWidth + around) * this.#ratio);
      canvas.height = Math.round((clientHeight + around) * this.#ratio);
    }
    Object.assign(this.#lower.canvas.style, {
      inset: `${-MARGIN}px`, width: `${clientWidth + 2 * MARGIN}px`, height: `${clientHeight + 2 * MARGIN}px`,
    });
    this.#palette = palette();
    this.#job = null;
    this.#all = true;
    this.#view.resize(clientWidth, clientHeight);
    this.requestPaint();
    // A canvas is empty once its size was set: do not wait with an empty one.
    cancelAnimationFrame(this.#frame);
    this.#paint();
  }

  #paint() {
    this.#frame = 0;
    if (devicePixelRatio !== this.#ratio) return this.#resize();
    const now = performance.now();
    this.#settle(now);
    this.#look(now);
    if (!this.#job) this.#begin(now);
    if (this.#job) this.#paintSlice(this.#job, now);
    this.#patch(now);
    this.#place();
    this.#paintUpper();
    if (this.#job || this.#all) this.requestPaint();
    this.#wake();
    this.painted(!this.#job && !this.#all && !this.#patched && !this.#lifted.size && samePlace(this.#view, this.#shown));
  }

  // --- the lower canvas ---

  /** @param {number} now */
  #look(now) {
    const { scale, x, y } = this.#view;
    if (samePlace(this.#view, this.#seenView)) return;
    this.#seenView = { scale, x, y };
    this.#moved = now;
  }

  /**
   * A job, if one is due.
   * @param {number} now
   */
  #begin(now) {
    const [{ scale, x, y }, shown, ratio] = [this.#view, this.#shown, this.#ratio];
    const view = { scale, x, y };
    if (this.#all || this.#restless(now)) return this.#beginAll(view);
    if (samePlace(view, shown)) return;
    const [dx, dy] = [(x - shown.x) * ratio, (y - shown.y) * ratio];
    const [right, down] = [Math.round(dx), Math.round(dy)];
    const far = Math.max(Math.abs(dx), Math.abs(dy));
    if (scale !== shown.scale || far >= 2 * MARGIN * ratio) return this.#beginAll(view);
    if (now - this.#moved < REST_MS) {
      if (far >= MARGIN / 2 * ratio) this.#beginShift(right, down, { scale, x: shown.x + right / ratio, y: shown.y + down / ratio });
    } else if (Math.max(Math.abs(right - dx), Math.abs(down - dy)) > UNSEEN) {
      this.#beginAll(view);
    } else {
      this.#beginShift(right, down, view);
    }
  }

  /** @param {Place} view */
  #beginAll(view) {
    this.#all = false;
    this.#stale = [];
    this.#again = [];
    this.#patched = 0;
    this.#job = { list: this.#elements.list.slice(), next: 0, view, parts: [] };
    this.#clear(this.#back);
  }

  /**
   * What is there already, and what came in.
   * @param {number} right  pixels of the canvas
   * @param {number} down
   * @param {Place} view
   */
  #beginShift(right, down, view) {
    this.#clear(this.#back);
    this.#back.drawImage(this.#lower.canvas, right, down);
    const all = this.#seen(view);
    const [wide, high] = [right, down].map((by) => Math.abs(by) / view.scale / this.#ratio);
    /** @type {Box[]} */
    const parts = [];
    if (right) parts.push(right > 0 ? { ...all, right: all.left + wide } : { ...all, left: all.right - wide });
    if (down) parts.push(down > 0 ? { ...all, bottom: all.top + high } : { ...all, top: all.bottom - high });
    const list = this.#elements.list.filter((element) => parts.some((part) => meet(figureOf(element).box, part)));
    this.#job = { list, next: 0, view, parts };
  }

  /**
   * @param {Job} job
   * @param {number} began
   */
  #paintSlice(job, began) {
    if (began - this.#sliced > FRAME_LATE_MS) this.#slice = Math.max(SLICE_MIN, this.#slice / 2);
    else this.#slice = Math.min(SLICE_MAX, this.#slice * 1.5);
    this.#sliced = began;
    if (!this.#fill(this.#back, job, began)) return;
    this.#clear(this.#lower);
    this.#lower.drawImage(this.#back.canvas, 0, 0);
    this.#shown = job.view;
    this.#job = null;
    this.#stale.push(...this.#again);
    this.#again = [];
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Job} job
   * @param {number} began
   * @returns {boolean} whether it is done
   */
  #fill(context, job, began) {
    const { list, view, parts } = job;
    const seen = this.#seen(view);
    const end = job.next + this.#slice;
    context.save();
    if (parts.length) this.#clip(context, parts.map((part) => this.#pixels(part, view)));
    this.#transform(context, view);
    while (job.next < list.length && job.next < end) {
      this.#rest(context, list[job.next++], seen);
      if (job.next % SLICE_CHECK === 0 && performance.now() - began > SLICE_MS) break;
    }
    context.restore();
    return job.next >= list.length;
  }

  /**
   * Whole pixels, so that nothing is painted in half.
   * @param {CanvasRenderingContext2D} context
   * @param {Box[]} boxes  of the canvas
   */
  #clip(context, boxes) {
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.beginPath();
    for (const { left, top, right, bottom } of boxes) context.rect(left, top, right - left, bottom - top);
    context.clip();
  }

  /**
   * Paints it where it rests, if it does.
   * @param {CanvasRenderingContext2D} context
   * @param {Present} element
   * @param {Box} seen
   */
  #rest(context, element, seen) {
    if (!element.value || this.#lifted.has(element)) return;
    const { box } = figureOf(element);
    this.#painted.set(element, box);
    if (meet(box, seen)) paint(context, element, this.#palette);
  }

  /**
   * What was spoiled on the lower canvas.
   * @param {number} now
   */
  #patch(now) {
    if (!this.#stale.length || this.#all) return;
    const parts = this.#stale.map((part) => {
      const seen = grow(part, 2 / this.#shown.scale / this.#ratio);
      return { part, seen, elements: this.#elements.list.filter((element) => meet(figureOf(element).box, seen)) };
    });
    if (parts.reduce((sum, { elements }) => sum + elements.length, 0) > PATCH_MAX) {
      this.#all = true;
      return;
    }
    if (this.#job) this.#again.push(...this.#stale);
    this.#stale = [];
    const context = this.#lower;
    for (const { part, seen, elements } of parts) {
      context.save();
      this.#clip(context, [this.#pixels(part, this.#shown, 1)]);
      this.#clear(context);
      this.#transform(context, this.#shown);
      for (const element of elements) this.#rest(context, element, seen);
      context.restore();
    }
    this.#patched = now;
  }

  /**
   * Those that have come to rest go to the lower canvas.
   * @param {number} now
   */
  #settle(now) {
    for (const [element, expiry] of this.#lifted) {
      if (expiry > now) continue;
      this.#lifted.delete(element);
      if (this.#all || this.#job) this.#invalidate(figureOf(element).box);
      else this.#lay(element);
    }
  }

  /**
   * If nothing lies above it, it is simply added.
   * @param {Present} element
   */
  #lay(element) {
    const { box } = figureOf(element);
    const { list } = this.#elements;
    const lies = (/** @type {Present} */ other) => other === element || (!this.#lifted.has(other) && meet(figureOf(other).box, box));
    if (list.findLast(lies) !== element || this.#stale.length) return this.#invalidate(box);
    this.#transform(this.#lower, this.#shown);
    this.#rest(this.#lower, element, this.#seen(this.#shown));
  }

  /**
   * What was patched is painted as a whole when nobody draws.
   * @param {number} now
   */
  #restless(now) {
    return this.#patched && now - this.#patched >= REST_MS && !this.#lifted.size;
  }

  #place() {
    const { scale, x, y } = this.#view;
    const grown = scale / this.#shown.scale;
    const at = (/** @type {number} */ now, /** @type {number} */ before) => now - before * grown + MARGIN * (1 - grown);
    this.#lower.canvas.style.transform = samePlace(this.#view, this.#shown) ? ''
      : `matrix(${grown}, 0, 0, ${grown}, ${at(x, this.#shown.x)}, ${at(y, this.#shown.y)})`;
  }

  // --- the upper canvas ---

  #paintUpper() {
    const context = this.#upper;
    this.#clear(context);
    const { scale, x, y } = this.#view;
    const shifted = { scale, x: x + this.#shift.x * scale, y: y + this.#shift.y * scale };
    for (const [element, expiry] of this.#lifted) {
      this.#transform(context, expiry === Infinity ? shifted : this.#view);
      paint(context, element, this.#palette);
    }
    context.setTransform(this.#ratio, 0, 0, this.#ratio, 0, 0);
    this.overlay(context, this.#palette);
  }

  /** Something will have to be done without anything happening. */
  #wake() {
    const times = [...this.#lifted.values()].filter((expiry) => expiry !== Infinity);
    if (this.#patched && !this.#lifted.size) times.push(this.#patched + REST_MS);
    if (!samePlace(this.#view, this.#shown)) times.push(this.#moved + REST_MS);
    clearTimeout(this.#timer);
    if (times.length) this.#timer = setTimeout(() => this.requestPaint(), Math.max(0, Math.min(...times) - performance.now()));
  }

  // --- contexts ---

  /** @param {CanvasRenderingContext2D} context */
  #clear(context) {
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Place} view
   */
  #transform(context, { scale, x, y }) {
    const ratio = this.#ratio;
    const margin = context === this.#upper ? 0 : MARGIN;
    context.setTransform(scale * ratio, 0, 0, scale * ratio, (x + margin) * ratio, (y + margin) * ratio);
  }

  /**
   * Where a part of the board lies on the lower canvas, in whole pixels.
   * @param {Box} part
   * @param {Place} view
   * @param {number} [more]  to each side
   */
  #pixels(part, { scale, x, y }, more = 0) {
    const [left, right] = [part.left, part.right].map((at) => (at * scale + x + MARGIN) * this.#ratio);
    const [top, bottom] = [part.top, part.bottom].map((at) => (at * scale + y + MARGIN) * this.#ratio);
    return { left: floor(left) - more, top: floor(top) - more, right: ceil(right) + more, bottom: ceil(bottom) + more };
  }

  /**
   * What the lower canvas shows of the board.
   * @param {Place} view
   */
  #seen({ scale, x, y }) {
    const { width, height } = this.#view;
    return {
      left: (-x - MARGIN) / scale, top: (-y - MARGIN) / scale,
      right: (width - x + MARGIN) / scale, bottom: (height - y + MARGIN) / scale,
    };
  }
}

/**
 * @param {Place} one
 * @param {Place} other
 */
function samePlace(one, other) {
  return one.scale === other.scale && one.x === other.x && one.y === other.y;
}

// What should be whole is so but for rounding.
const floor = (/** @type {number} */ x) => Math.floor(x + UNSEEN);
const ceil = (/** @type {number} */ x) => Math.ceil(x - UNSEEN);
