/**
 * selection.js - which elements are selected, and what is done to all of them.
 */

import { boxOf, grow, within } from './figures.js';
import { coordinate } from './shapes.js';

const MARGIN_PX = 6;
const DASH_PX = [4, 4];

export class Selection {
  /** @type {import('./figures.js').Box | null} that is being pulled up, in units of the board */
  frame = null;
  #drawing;
  #changed;
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
    return [...this.#chosen].filter(({ value }) => value);
  }

  get box() {
    return boxOf(this.list);
  }

  has(element) {
    return this.#chosen.has(element);
  }

  set(elements) {
    this.#chosen = new Set(elements);
    this.#changed();
  }

  /** That one: alone, or with (or no longer with) the others. */
  take(element, more) {
    const rest = this.list.filter((other) => other !== element);
    const there = this.has(element);
    this.set(more ? (there ? rest : [...rest, element]) : [element]);
  }

  clear() {
    if (this.#chosen.size) this.set([]);
  }

  inside(elements, box) {
    return elements.filter((element) => within(boxOf([element]), box));
  }

  move(dx, dy) {
    this.carry(dx, dy);
    this.#drawing.commit();
  }

  /** A part of a move, which is not done. */
  carry(dx, dy) {
    for (const element of this.list) {
      const { x, y } = element.value;
      this.#drawing.edit(element, { x: coordinate(x + dx), y: coordinate(y + dy) });
    }
  }

  /** @param {{colour?: number, width?: number}} style */
  restyle(style) {
    for (const element of this.list) this.#drawing.edit(element, style);
    this.#drawing.commit();
  }

  remove() {
    for (const element of this.list) this.#drawing.remove(element);
    this.#drawing.commit();
    this.clear();
  }

  copy(distance) {
    const copies = this.list.map(({ value, points }) =>
      this.#drawing.add({ ...value, x: coordinate(value.x + distance), y: coordinate(value.y + distance) }, points));
    this.#drawing.commit();
    this.set(copies.filter(Boolean));
  }

  /** In CSS pixels. */
  paint(context, view, { accent }, shift) {
    const box = this.box;
    context.strokeStyle = accent;
    context.lineWidth = 1;
    if (box) this.#rectangle(context, view, grow(shifted(box, shift), MARGIN_PX / view.scale), []);
    if (this.frame) this.#rectangle(context, view, this.frame, DASH_PX);
  }

  #rectangle(context, view, box, dash) {
    const from = view.toWindow({ x: box.left, y: box.top });
    const to = view.toWindow({ x: box.right, y: box.bottom });
    const [x, y] = [Math.round(from.x), Math.round(from.y)];
    context.setLineDash(dash);
    context.strokeRect(x + 0.5, y + 0.5, Math.round(to.x) - x, Math.round(to.y) - y);
    context.setLineDash([]);
  }
}

function shifted({ left, top, right, bottom }, { x, y }) {
  return { left: left + x, top: top + y, right: right + x, bottom: bottom + y };
}
