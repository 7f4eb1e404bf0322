/**
 * quota.js - how much of a board one peer may bring: more than a fast hand, a large copy or an old board
 * needs, and little enough that a board is not full before somebody has seen whose work that is.
 */

import { ELEMENTS_MAX, GRAVES_MAX, POINTS_MAX } from './elements.js';

/** @typedef {{elements: number, points: number, graves: number}} Amount  that was not there before */

export const MINUTE_MS = 60_000;

/** @type {Amount} of its own accord, in a minute: half a board */
export const TOLD_MAX = { elements: ELEMENTS_MAX / 2, points: POINTS_MAX / 2, graves: GRAVES_MAX / 2 };
/** @type {Amount} as an answer, in a minute: a whole board */
export const ANSWERED_MAX = { elements: ELEMENTS_MAX, points: POINTS_MAX, graves: GRAVES_MAX };
export const BOARDS_MAX = 10; // in all
export const HAVES_MAX = 20; // in a minute: each may have us ask

export class PeerQuota {
  #told = none();
  #answered = none();
  #haves = 0;
  #total = none();
  #began = -Infinity;

  /** @param {boolean} answers  that is what we asked for */
  allows(answers) {
    this.#pass();
    return !this.spent && (answers ? below(this.#answered, ANSWERED_MAX) : below(this.#told, TOLD_MAX));
  }

  /** There will be no more of it in any minute. */
  get spent() {
    return !below(this.#total, ANSWERED_MAX, BOARDS_MAX);
  }

  allowsHave() {
    this.#pass();
    return this.#haves++ < HAVES_MAX;
  }

  /**
   * @param {boolean} answers
   * @param {Amount} amount
   */
  spend(answers, amount) {
    for (const sum of [this.#total, answers ? this.#answered : this.#told]) {
      sum.elements += amount.elements;
      sum.points += amount.points;
      sum.graves += amount.graves;
    }
  }

  #pass() {
    const now = performance.now();
    if (now - this.#began < MINUTE_MS) return;
    this.#began = now;
    this.#told = none();
    this.#answered = none();
    this.#haves = 0;
  }
}

/** @returns {Amount} */
function none() {
  return { elements: 0, points: 0, graves: 0 };
}

/**
 * @param {Amount} amount
 * @param {Amount} max
 * @param {number} [times]
 */
function below(amount, max, times = 1) {
  return amount.elements < times * max.elements && amount.points < times * max.points && amount.graves < times * max.graves;
}
