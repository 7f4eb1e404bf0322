/**
 * drawing.js - what is on the board, and what one does to it: each change is seen here at once, told
 * to the others in the next frame, kept in this browser, and can be undone.
 */

import { Elements } from './elements.js';
import { History, state } from './history.js';
import { ORDER_MAX, RULES, formatFor } from './shapes.js';

/**
 * @typedef {import('./elements.js').Element} Element
 * @typedef {import('./elements.js').Present} Present
 * @typedef {import('./elements.js').Merged} Merged
 */

/** What there is to say where nothing can be added any more. */
export const FULL = 'The board is full. Delete something, or go on in a new room.';

const ORDER_GAP = 1e6; // more than that at once, nobody draws

export class Drawing {
  elements = new Elements(RULES);
  /** An action has ended: what can be undone and redone may be another. */
  acted = () => {};
  #changed;
  #tell;
  #bury;
  #history;
  #clock = 0; // the highest order of what was deleted: that may come back, below what is drawn now

  /**
   * @param {(merged: Merged) => void} changed  whoever changed it
   * @param {(element: Element, from: number) => void} tell  the others, of ours
   * @param {(pieces: object[]) => void} bury  the others, what we have deleted
   */
  constructor(changed, tell, bury = () => {}) {
    this.#changed = changed;
    this.#tell = tell;
    this.#bury = bury;
    this.#history = new History(this.elements, (merged) => this.#made({ ...merged, from: 0 }));
  }

  get canUndo() {
    return this.#history.canUndo;
  }

  get canRedo() {
    return this.#history.canRedo;
  }

  /**
   * A piece of somebody else's was merged. What was edited here meanwhile, and that has undone, is done again.
   * @param {Merged} merged
   */
  heard(merged) {
    const { element, removed = [] } = merged;
    const { version } = element;
    for (const { value } of removed) this.#gone(value);
    const again = merged.replaced ? this.elements.editAgain(element) : null;
    if (again) this.#history.rebase(element.id, again.before, again.after);
    if (again?.merged) this.#made(again.merged, element.version === version ? Infinity : 0);
    else this.#changed(merged);
  }

  // --- an action is some of these, and then commit() or cancel() ---

  /**
   * @param {object} value
   * @param {number[]} [points]
   * @returns {Present | null} null: the board is full
   */
  add(value, points) {
    if (this.elements.full) return null;
    const merged = this.elements.add({ ...value, format: formatFor(value), order: this.#above() }, points);
    if (!merged) throw new TypeError(`shapes.js allows no such element: ${JSON.stringify(value)}`);
    this.#history.note(merged.element.id, null);
    this.#made(merged);
    return /** @type {Present} */ (merged.element);
  }

  /**
   * @param {Element} element
   * @param {number[]} points
   * @returns {boolean} whether it has these points now
   */
  extend(element, points) {
    const merged = !this.elements.full && this.elements.extend(element, points);
    if (merged) this.#made(merged);
    return Boolean(merged);
  }

  /**
   * @param {Element} element
   * @param {object} change
   */
  edit(element, change) {
    if (!element.value) return;
    this.#history.note(element.id, state(element));
    this.#edit(element, change);
  }

  /** @param {Element} element */
  remove(element) {
    if (!element.value) return;
    this.#history.note(element.id, state(element));
    this.#gone(element.value);
    this.#made(this.elements.remove(element));
  }

  /**
   * Many at once, which costs less than one after the other.
   * @param {Present[]} all
   */
  removeAll(all) {
    for (const element of all) {
      this.#history.note(element.id, state(element));
      this.#gone(element.value);
    }
    this.#bury(this.elements.removeAll(all));
  }

  /**
   * Brings back what somebody deleted, where nothing that is there has to give way.
   * @param {Iterable<import('./elements.js').Removed>} removed
   * @returns {number} how many of these are there now
   */
  bringBack(removed) {
    let back = 0;
    for (const { id, value, points } of removed) {
      const gone = this.elements.get(id) ?? { id, version: 0, value: null };
      if (gone.value || !this.elements.hasPlace(this.elements.count({ points }))) continue;
      const merged = this.elements.restore(gone, value, points);
      if (!merged) continue;
      this.#history.note(merged.element.id, null);
      this.#made({ ...merged, from: 0 });
      back++;
    }
    this.commit();
    return back;
  }

  commit() {
    this.#history.commit();
    this.acted();
  }

  cancel() {
    this.#history.cancel();
  }

  undo() {
    this.commit();
    this.#history.undo();
  }

  redo() {
    this.commit();
    this.#history.redo();
  }

  /** @param {import('./elements.js').Value} value */
  #gone({ order }) {
    if (order < this.#clock + ORDER_GAP) this.#clock = Math.max(this.#clock, order);
  }

  /** The order of what lies above all. */
  #above() {
    const { list } = this.elements;
    const orderAt = (/** @type {number} */ i) => list[i]?.value.order ?? 0;
    const top = orderAt(list.length - 1);
    const above = Math.max(top, this.#clock) + 1;
    if (above <= ORDER_MAX) return above;
    this.#clock = 0;
    if (top < ORDER_MAX) return top + 1;
    // Nobody gets there by drawing. What lies above a gap is brought down to the rest, as it lies.
    let first = list.length - 1;
    while (first > 0 && orderAt(first) - orderAt(first - 1) <= ORDER_GAP) first--;
    let order = orderAt(first - 1);
    for (const element of list.slice(first)) this.#edit(element, { order: ++order });
    return Math.min(order + 1, ORDER_MAX);
  }

  /**
   * @param {Element} element
   * @param {object} change
   */
  #edit(element, change) {
    const { version } = element;
    const merged = this.elements.edit(element, { ...change, format: formatFor({ ...element.value, ...change }) });
    this.#made(merged, element.version === version ? Infinity : 0);
  }

  /**
   * @param {Merged | null} merged
   * @param {number} [from]  Infinity: no points of it are new
   */
  #made(merged, from = merged?.from ?? 0) {
    if (!merged) return;
    this.#changed(merged);
    this.#tell(merged.element, Math.min(from, this.elements.count(merged.element)));
  }
}
