/**
 * history.js - undo and redo, of one's own actions alone.
 *
 * An action is a set of changes to elements, each from one state to another: {value, points}, or null
 * where there was none. What others did to the same elements meanwhile stays: a move is taken back by
 * as much as it moved, of a text what one wrote, another value only where it is still ours, and what
 * they deleted is gone.
 */

import { cleanText, coordinate } from './shapes.js';
import { mergeText } from './text-merge.js';

const ACTIONS_MAX = 500;
const MOVED = ['x', 'y', 'w', 'h'];

/**
 * @typedef {import('./elements.js').Element} Element
 * @typedef {import('./elements.js').Value} Value
 *
 * @typedef {{value: Value, points: number[]} | null} State
 * @typedef {{from: State, to: State}} Change
 * @typedef {Map<string, Change>} Action  by an element's id
 */

export class History {
  #elements;
  #changed;
  /** @type {Action[]} */
  #done = [];
  /** @type {Action[]} */
  #undone = [];
  /** @type {Action | null} */
  #open = null;

  /**
   * @param {import('./elements.js').Elements} elements
   * @param {(merged: import('./elements.js').Merged) => void} changed  what merge() gave
   */
  constructor(elements, changed) {
    this.#elements = elements;
    this.#changed = changed;
  }

  get canUndo() {
    return Boolean(this.#done.findLast((action) => this.#effective(action, 'to', 'from')));
  }

  get canRedo() {
    return Boolean(this.#undone.findLast((action) => this.#effective(action, 'from', 'to')));
  }

  /**
   * Notes what an element was, before its first change in an action.
   * @param {string} id
   * @param {State} from
   */
  note(id, from) {
    this.#open ??= new Map();
    if (!this.#open.has(id)) this.#open.set(id, { from, to: null });
  }

  /**
   * Somebody else has changed an element from one value to another: that is no part of the action.
   * @param {string} id
   * @param {Value} before
   * @param {Value} after
   */
  rebase(id, before, after) {
    const { from } = this.#open?.get(id) ?? {};
    if (from) from.value = { ...from.value, ...this.#difference(from.value, before, after) };
  }

  /** The action ends: what the elements are now is what it made of them. */
  commit() {
    const action = this.#close();
    if (!action.size) return;
    this.#done.push(action);
    this.#undone = [];
    if (this.#done.length > ACTIONS_MAX) this.#done.shift();
  }

  /** The action ends as if it had not been. */
  cancel() {
    this.#apply(this.#close(), 'to', 'from');
  }

  #close() {
    /** @type {Action} */
    const action = this.#open ?? new Map();
    this.#open = null;
    for (const [id, change] of action) {
      change.to = state(this.#elements.get(id));
      if (same(change.from, change.to)) action.delete(id);
    }
    return action;
  }

  undo() {
    this.#step(this.#done, this.#undone, 'to', 'from');
  }

  redo() {
    this.#step(this.#undone, this.#done, 'from', 'to');
  }

  /**
   * The last action that still has an effect: others may have undone some.
   * @param {Action[]} one
   * @param {Action[]} other
   * @param {keyof Change} now
   * @param {keyof Change} then
   */
  #step(one, other, now, then) {
    let action = one.pop();
    while (action && !this.#effective(action, now, then)) action = one.pop();
    if (!action) return;
    this.#apply(action, now, then);
    other.push(action);
  }

  /**
   * @param {Action} action
   * @param {keyof Change} now
   * @param {keyof Change} then
   */
  #effective(action, now, then) {
    for (const [id, change] of action) {
      const alive = Boolean(this.#elements.get(id)?.value);
      if (alive === Boolean(change[now]) && (alive || change[then])) return true;
    }
    return false;
  }

  /**
   * @param {Action} action
   * @param {keyof Change} now
   * @param {keyof Change} then
   */
  #apply(action, now, then) {
    const changes = [...action];
    if (now === 'to') changes.reverse(); // backwards, as it was done
    for (const [id, change] of changes) {
      const element = this.#elements.get(id);
      const [had, wanted] = [change[now], change[then]];
      let merged = null;
      if (!had) {
        // What nobody was told of left nothing when it went.
        const gone = element ?? { id, version: 0, value: null };
        if (!gone.value && wanted) merged = this.#elements.restore(gone, wanted.value, wanted.points);
        if (merged && merged.element.id !== id) this.#rename(id, merged.element.id, action);
      } else if (element?.value && !wanted) {
        change[now] = state(element); // with what others made of it
        merged = this.#elements.remove(element);
      } else if (element?.value && wanted) {
        const difference = this.#difference(element.value, had.value, wanted.value);
        merged = this.#elements.edit(element, difference);
      }
      if (merged) this.#changed(merged);
    }
  }

  /**
   * It came back as another one.
   * @param {string} id
   * @param {string} other
   * @param {Action} applied  the one that is in neither list now
   */
  #rename(id, other, applied) {
    for (const action of [applied, ...this.#done, ...this.#undone]) {
      const change = action.get(id);
      if (change) action.set(other, change);
      action.delete(id);
    }
  }

  /**
   * @param {Value} is
   * @param {Value} now
   * @param {Value} then
   */
  #difference(is, now, then) {
    /** @type {Record<string, any>} */
    const difference = {};
    for (const name of Object.keys({ ...now, ...then })) {
      if (name === 'format') continue; // it does not go back
      if (MOVED.includes(name)) difference[name] = coordinate(is[name] + then[name] - now[name]);
      else if (name === 'text') difference[name] = cleanText(mergeText(now[name], is[name], then[name])) || is[name];
      else if (is[name] === now[name]) difference[name] = then[name];
    }
    return difference;
  }
}

/**
 * @param {Element} [element]
 * @returns {State}
 */
export function state(element) {
  return element?.value ? { value: element.value, points: element.points } : null;
}

/**
 * @param {State} one
 * @param {State} other
 */
function same(one, other) {
  return one?.value === other?.value && one?.points === other?.points;
}
