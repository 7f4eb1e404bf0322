/**
 * paper.js - strokes as a picture.
 *
 * The canvas fills the window. The origin of the board is its middle, and the scale is such
 * that all strokes are seen, however the windows of those who draw differ in size.
 */

import { COLOURS } from './strokes.js';

/** @typedef {import('./elements.js').Elements} Elements */
/** @typedef {import('./elements.js').Element} Stroke */

// What every window shows from the beginning, in units to each side of the origin.
const HALF_WIDTH = 400;
const HALF_HEIGHT = 300;
const MARGIN = 16;
const REST_MS = 150;

export class Paper {
  #canvas;
  #context;
  #strokes;
  #colours = [];
  #half = { x: HALF_WIDTH, y: HALF_HEIGHT };
  #view = { scale: 1, x: 0, y: 0 }; // CSS pixels a unit, and where the origin is
  #held = false;
  /** @type {Map<Stroke, number>} what is to be painted, and from which point on */
  #fresh = new Map();
  #all = true; // everything is
  #frame = 0;
  #rest = 0;

  /**
   * @param {HTMLCanvasElement} canvas
   * @param {Elements} strokes
   */
  constructor(canvas, strokes) {
    this.#canvas = canvas;
    this.#context = canvas.getContext('2d');
    this.#strokes = strokes;
    new ResizeObserver(() => this.#resize()).observe(canvas);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => this.#resize());
    this.#resize();
  }

  /** While a pen is down the board does not move under it. */
  hold(held) {
    this.#held = held;
    if (!held) this.#fit();
  }

  /** Where on the board a point of the window is. */
  locate(clientX, clientY) {
    const { scale, x, y } = this.#view;
    const { left, top } = this.#canvas.getBoundingClientRect();
    return { x: (clientX - left - x) / scale, y: (clientY - top - y) / scale };
  }

  /** Shows what a stroke has from that point on. */
  show(stroke, from) {
    if (!this.#fresh.has(stroke)) this.#fresh.set(stroke, from);
    for (let i = 2 * from; i < stroke.points.length; i += 2) {
      this.#half.x = Math.max(this.#half.x, Math.abs(stroke.points[i]) + MARGIN);
      this.#half.y = Math.max(this.#half.y, Math.abs(stroke.points[i + 1]) + MARGIN);
    }
    if (!this.#held) this.#fit();
    this.#paintSoon();
    // What is painted piece by piece lies in the order in which it came: put that right when
    // there is time.
    clearTimeout(this.#rest);
    this.#rest = setTimeout(() => this.#paintAll(), REST_MS);
  }

  /** Something is to be seen no more. */
  renew() {
    this.#paintAll();
  }

  #resize() {
    const { clientWidth, clientHeight } = this.#canvas;
    const ratio = devicePixelRatio;
    this.#canvas.width = Math.round(clientWidth * ratio);
    this.#canvas.height = Math.round(clientHeight * ratio);
    const style = getComputedStyle(this.#canvas);
    this.#colours = Array.from({ length: COLOURS }, (_, n) => style.getPropertyValue(`--colour-${n}`));
    this.#view.scale = 0;
    this.#fit();
  }

  #fit() {
    const { clientWidth, clientHeight } = this.#canvas;
    const x = clientWidth / 2;
    const y = clientHeight / 2;
    const scale = Math.min(1, x / this.#half.x, y / this.#half.y);
    if (scale === this.#view.scale) return;
    this.#view = { scale, x, y };
    this.#paintAll();
  }

  #paintAll() {
    this.#all = true;
    this.#paintSoon();
  }

  #paintSoon() {
    this.#frame ||= requestAnimationFrame(() => this.#paint());
  }

  #paint() {
    const context = this.#context;
    const { scale, x, y } = this.#view;
    const ratio = devicePixelRatio;
    if (this.#all) {
      context.setTransform(1, 0, 0, 1, 0, 0);
      context.clearRect(0, 0, this.#canvas.width, this.#canvas.height);
    }
    context.setTransform(scale * ratio, 0, 0, scale * ratio, x * ratio, y * ratio);
    context.lineCap = 'round';
    context.lineJoin = 'round';
    if (this.#all) {
      for (const stroke of this.#strokes.list) this.#stroke(stroke, 0);
    } else {
      for (const [stroke, from] of this.#fresh) this.#stroke(stroke, from);
    }
    this.#fresh.clear();
    this.#all = false;
    this.#frame = 0;
  }

  /** A curve through the middles between the points: it has no corners. */
  #stroke({ points, value }, from) {
    if (!value || !points.length) return;
    const context = this.#context;
    const first = 2 * Math.max(from - 2, 0);
    let x = points[first];
    let y = points[first + 1];
    context.beginPath();
    if (first === 0) {
      context.moveTo(x, y);
    } else {
      context.moveTo((points[first - 2] + x) / 2, (points[first - 1] + y) / 2);
    }
    for (let i = first + 2; i < points.length; i += 2) {
      const [nextX, nextY] = [points[i], points[i + 1]];
      context.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
      [x, y] = [nextX, nextY];
    }
    context.lineTo(x, y);
    context.strokeStyle = this.#colours[value.colour];
    context.lineWidth = value.width;
    context.stroke();
  }
}
