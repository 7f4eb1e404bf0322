/**
 * selection.js - which elements are selected, and what is done to all of them.
 */

import { boxOf, figureOf, grow, handlesOf, within } from './figures.js';
import { coordinate, restyled } from './shapes.js';

/**
 * @typedef {import('./elements.js').Element} Element
 * @typedef {import('./elements.js').Present} Present
 * @typedef {import('./figures.js').Box} Box
 * @typedef {import('./figures.js').Handle} Handle
 * @typedef {import('./view.js').View} View
 * @typedef {{x: number, y: number}} Place
 */

const MARGIN_PX = 6;
const DASH_PX = [4, 4];
const HANDLE_PX = 8;
const HANDLE_REACH_PX = 12;
const SMALL_PX = 30; // what is smaller would be all handles, and not to be moved

export class Selection {
  /** @type {Box | null} that is being pulled up, in units of the board */
  frame = null;
  #drawing;
  #changed;
  /** @type {Set<Element>} */
  #chosen = new Set();

  /**
   * @param {import('./drawing.js').Drawing} drawing
   * @param {() => void} changed
   */
  constructor(drawing, changed) {
    this.#drawing = drawing;
    this.#changed = changed;
  }

  /** Those that are still there. */
  get list() {
    return [...this.#chosen].filter(isPresent);
  }

  get box() {
    return boxOf(this.list);
  }

  /**
   * Of one that is selected alone.
   * @param {View} view
   */
  #handles({ scale }) {
    const [element, other] = this.list;
    if (!element || other) return [];
    const { w = 0, h = 0 } = element.value;
    const small = Math.hypot(w, h) * scale < SMALL_PX;
    return small ? [] : handlesOf(element).map((handle) => ({ element, handle }));
  }

  /**
   * @param {Place} place
   * @param {View} view
   * @returns {{element: Present, handle: Handle} | undefined} the nearest, within reach
   */
  handleAt({ x, y }, view) {
    const away = (/** @type {{handle: Handle}} */ { handle }) => view.scale * Math.hypot(handle.x - x, handle.y - y);
    return this.#handles(view).filter((taken) => away(taken) <= HANDLE_REACH_PX).sort((a, b) => away(a) - away(b))[0];
  }

  /** @param {Element} element */
  has(element) {
    return this.#chosen.has(element);
  }

  /** @param {Present[]} elements */
  set(elements) {
    this.#chosen = new Set(elements);
    this.#changed();
  }

  /**
   * That one: alone, or with (or no longer with) the others.
   * @param {Present} element
   * @param {boolean} more
   */
  select(element, more) {
    const rest = this.list.filter((other) => other !== element);
    const there = this.has(element);
    this.set(more ? (there ? rest : [...rest, element]) : [element]);
  }

  clear() {
    if (this.#chosen.size) this.set([]);
  }

  /**
   * @param {Present[]} elements
   * @param {Box} box
   */
  inside(elements, box) {
    return elements.filter((element) => within(figureOf(element).box, box));
  }

  /**
   * @param {number} dx
   * @param {number} dy
   */
  move(dx, dy) {
    this.carry(dx, dy);
    this.#drawing.commit();
  }

  /**
   * A part of a move, which is not done.
   * @param {number} dx
   * @param {number} dy
   */
  carry(dx, dy) {
    for (const element of this.list) {
      const { x, y } = element.value;
      this.#drawing.edit(element, { x: coordinate(x + dx), y: coordinate(y + dy) });
    }
  }

  /**
   * By the end that a shape was drawn to.
   * @param {number} dx
   * @param {number} dy
   */
  stretch(dx, dy) {
    for (const element of this.list) {
      const { w, h } = element.value;
      if (w !== undefined) this.#drawing.edit(element, { w: coordinate(w + dx), h: coordinate(h + dy) });
    }
    this.#drawing.commit();
  }

  /** @param {Partial<import('./shapes.js').Style>} style */
  restyle(style) {
    for (const element of this.list) {
      const change = restyled(element.value.kind, style);
      if (change) this.#drawing.edit(element, change);
    }
    this.#drawing.commit();
  }

  remove() {
    this.#drawing.removeAll(this.list);
    this.#drawing.commit();
    this.clear();
  }

  /** @param {number} distance */
  copy(distance) {
    const copies = this.list.map(({ value, points }) =>
      this.#drawing.add({ ...value, x: coordinate(value.x + distance), y: coordinate(value.y + distance) }, points));
    this.#drawing.commit();
    this.set(copies.filter((element) => element !== null));
  }

  /**
   * In CSS pixels.
   * @param {CanvasRenderingContext2D} context
   * @param {View} view
   * @param {import('./brush.js').Palette} palette
   * @param {Place} shift
   */
  paint(context, view, { accent, paper }, shift) {
    const box = this.box;
    context.strokeStyle = accent;
    context.fillStyle = paper;
    context.lineWidth = 1;
    if (box) this.#rectangle(context, view, grow(shifted(box, shift), MARGIN_PX / view.scale), []);
    for (const { handle: { x, y } } of this.#handles(view)) {
      this.#square(context, view.toWindow({ x: x + shift.x, y: y + shift.y }));
    }
    if (this.frame) this.#rectangle(context, view, this.frame, DASH_PX);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Place} middle
   */
  #square(context, { x, y }) {
    /** @type {[number, number, number, number]} */
    const corner = [Math.round(x - HANDLE_PX / 2) + 0.5, Math.round(y - HANDLE_PX / 2) + 0.5, HANDLE_PX, HANDLE_PX];
    context.fillRect(...corner);
    context.strokeRect(...corner);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {View} view
   * @param {Box} box
   * @param {number[]} dash
   */
  #rectangle(context, view, box, dash) {
    const from = view.toWindow({ x: box.left, y: box.top });
    const to = view.toWindow({ x: box.right, y: box.bottom });
    const [x, y] = [Math.round(from.x), Math.round(from.y)];
    context.setLineDash(dash);
    context.strokeRect(x + 0.5, y + 0.5, Math.round(to.x) - x, Math.round(to.y) - y);
    context.setLineDash([]);
  }
}

/**
 * @param {Element} element
 * @returns {element is Present}
 */
function isPresent(element) {
  return element.value !== null;
}

/**
 * @param {Box} box
 * @param {Place} by
 */
function shifted({ left, top, right, bottom }, { x, y }) {
  return { left: left + x, top: top + y, right: right + x, bottom: bottom + y };
}
