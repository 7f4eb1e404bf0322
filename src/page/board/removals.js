/**
 * removals.js - what others have deleted, for as long as it can be brought back: by anybody, as who did it may have left.
 *
 * What one peer deletes in one go is one removal. It is offered where the board is empty after it, or where more than a few
 * of it were others'. What is back, whoever brought it, is no part of it any more. All removals together hold no
 * more than a board does: beyond that the oldest goes first, and what somebody drew and deleted again is not taken. Of
 * more than a few removals that with the least of others goes.
 */

import { parseId } from './graves.js';

const BURST_MS = 5_000; // between two deletions of one removal
const FEW = 20;
const REMOVALS_MAX = 10;

/**
 * @typedef {import('./elements.js').Removed} Removed
 *
 * @typedef {object} Removal
 * @property {string} by             which peer's; empty: it was found to be gone
 * @property {string} name
 * @property {number} at             when the last of it was
 * @property {boolean} cleared       the board was empty after it
 * @property {number} others         so many of it another one had made
 * @property {Map<string, Removed>} removed  by id
 */

export class Removals {
  #max;
  /** @type {Removal[]} the newest at the end */
  #all = [];
  #elements = 0;
  #points = 0; // the numbers of them

  /** @param {{elements: number, numbers: number}} max  numbers: of points */
  constructor(max) {
    this.#max = max;
  }

  /**
   * @param {Removed[]} removed
   * @param {{id: string, name: string} | null} peer  null: it was found to be gone
   * @param {boolean} empty  the board is, now
   */
  add(removed, peer, empty) {
    const removal = this.#current(peer);
    for (const one of removed) {
      const own = parseId(one.id).page === one.by;
      removal.removed.set(one.id, one);
      removal.others += Number(!own);
      this.#elements++;
      this.#points += one.points.length;
      if (own && this.#isFull) this.#forget(removal, one.id);
    }
    if (empty) removal.cleared ||= removal.others > 0 || removal.removed.size > 1;
    while (this.#isFull) this.#forgetOne();
  }

  /**
   * It is on the board.
   * @param {string} id
   */
  back(id) {
    for (const removal of this.#all) this.#forget(removal, id);
    this.#all = this.#all.filter(({ removed }) => removed.size);
  }

  /** The one to be offered. */
  last() {
    return this.#all.findLast(isOffered);
  }

  /** @param {Removal} removal */
  dismiss(removal) {
    for (const id of [...removal.removed.keys()]) this.#forget(removal, id);
    this.#all = this.#all.filter((other) => other !== removal);
  }

  /** @param {{id: string, name: string} | null} peer */
  #current(peer) {
    const { id, name } = peer ?? { id: '', name: '' };
    const at = performance.now();
    const open = (/** @type {Removal} */ one) => at - one.at < BURST_MS;
    const going = this.#all.findLast((one) => one.by === id && open(one) && !one.cleared);
    if (going) return Object.assign(going, { at });
    for (const one of this.#all) if (!open(one) && !isOffered(one)) this.dismiss(one);
    if (this.#all.length >= REMOVALS_MAX) this.dismiss(this.#all.reduce((least, one) => (one.others < least.others ? one : least)));
    const removal = { by: id, name, at, cleared: false, others: 0, removed: new Map() };
    this.#all.push(removal);
    return removal;
  }

  get #isFull() {
    return this.#elements > this.#max.elements || this.#points > this.#max.numbers;
  }

  #forgetOne() {
    const [oldest] = this.#all;
    const [id] = oldest.removed.keys();
    this.#forget(oldest, id);
    if (!oldest.removed.size) this.#all.shift();
  }

  /**
   * @param {Removal} removal
   * @param {string} id
   */
  #forget({ removed }, id) {
    const one = removed.get(id);
    if (!one || !removed.delete(id)) return;
    this.#elements--;
    this.#points -= one.points.length;
  }
}

/** @param {Removal} removal */
function isOffered({ by, cleared, others }) {
  return cleared || (by !== '' && others > FEW);
}

/** @param {Removal} removal */
export function sentenceOf({ name, cleared, removed: { size } }) {
  if (!name) return 'The board was cleared while you were away';
  return cleared ? `${name} cleared the board` : `${name} deleted ${size} elements`;
}
