/**
 * paper.js - the board as a picture, of two canvases.
 *
 * The lower one keeps what rests. Where something there changes, that part alone is painted anew;
 * when the view does, all of it, a slice in each frame: meanwhile what was there is shown moved and
 * scaled. The upper one has, in each frame anew, what is being drawn or moved, by us or by others.
 */

import { paint, palette } from './brush.js';
import { contextOf, figureOf, grow, meet } from './figures.js';

/**
 * @typedef {import('./elements.js').Element} Element
 * @typedef {import('./elements.js').Present} Present
 * @typedef {import('./figures.js').Box} Box
 * @typedef {import('./brush.js').Palette} Palette
 * @typedef {{scale: number, x: number, y: number}} Place  of a view
 */

const REST_MS = 300; // an element that did not change for so long is painted on the lower canvas
const LIFTED_MAX = 40; // elements on the upper canvas: people do not change more of them at once
const PARTS_MAX = 24; // of the lower canvas to be painted anew, one by one
const PATCH_MAX = 400; // elements in them: more are painted in slices
const SLICE_MS = 3;
const SLICE_CHECK = 8; // elements between two looks at the clock

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
  /** @type {{list: Present[], next: number, view: Place} | null} all of it, being painted */
  #job = null;
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
      canvas.width = Math.round(clientWidth * this.#ratio);
      canvas.height = Math.round(clientHeight * this.#ratio);
    }
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
    const { scale, x, y } = this.#view;
    const moved = scale !== this.#shown.scale || x !== this.#shown.x || y !== this.#shown.y;
    if ((moved || this.#all || this.#restless(now)) && !this.#job) this.#begin();
    if (this.#job) this.#slice(this.#job, now);
    this.#patch(now);
    this.#place();
    this.#paintUpper();
    if (this.#job || this.#all) this.requestPaint();
    this.#wake();
    this.painted(!this.#job && !this.#all && !this.#patched && !this.#lifted.size);
  }

  // --- the lower canvas ---

  #begin() {
    const { scale, x, y } = this.#view;
    this.#all = false;
    this.#stale = [];
    this.#again = [];
    this.#patched = 0;
    this.#job = { list: this.#elements.list.slice(), next: 0, view: { scale, x, y } };
    this.#clear(this.#back);
  }

  /**
   * @param {{list: Present[], next: number, view: Place}} job
   * @param {number} began
   */
  #slice(job, began) {
    const { list, view } = job;
    const seen = this.#seen(view);
    this.#transform(this.#back, view);
    while (job.next < list.length) {
      this.#rest(this.#back, list[job.next++], seen);
      if (job.next % SLICE_CHECK === 0 && performance.now() - began > SLICE_MS) return;
    }
    this.#clear(this.#lower);
    this.#lower.drawImage(this.#back.canvas, 0, 0);
    this.#shown = view;
    this.#job = null;
    this.#stale.push(...this.#again);
    this.#again = [];
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
    const { scale, x, y } = this.#shown;
    const ratio = this.#ratio;
    const parts = this.#stale.map((part) => {
      const seen = grow(part, 2 / scale / ratio);
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
      const left = Math.floor((part.left * scale + x) * ratio) - 1;
      const top = Math.floor((part.top * scale + y) * ratio) - 1;
      const right = Math.ceil((part.right * scale + x) * ratio) + 1;
      const bottom = Math.ceil((part.bottom * scale + y) * ratio) + 1;
      context.save();
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.beginPath();
      context.rect(left, top, right - left, bottom - top);
      context.clip();
      context.clearRect(left, top, right - left, bottom - top);
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
    const moved = grown !== 1 || x !== this.#shown.x || y !== this.#shown.y;
    this.#lower.canvas.style.transform = moved
      ? `matrix(${grown}, 0, 0, ${grown}, ${x - this.#shown.x * grown}, ${y - this.#shown.y * grown})` : '';
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
    context.setTransform(scale * ratio, 0, 0, scale * ratio, x * ratio, y * ratio);
  }

  /** @param {Place} view */
  #seen({ scale, x, y }) {
    const { width, height } = this.#view;
    return { left: -x / scale, top: -y / scale, right: (width - x) / scale, bottom: (height - y) / scale };
  }
}
