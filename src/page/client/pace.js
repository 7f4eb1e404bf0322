/**
 * pace.js - how fast a page has the server relay: a few requests at a time, and no more than the server takes.
 *
 * That is a token bucket, measured in seconds: whatever a server takes of a peer in a second costs one. Servers take
 * 100 messages and 256 KiB a second, and six times that at once, if nobody has told them otherwise (DRAWBRIDGE_RATE,
 * DRAWBRIDGE_RATE_BYTES). Half of what they take at once is left to what does not go by here, such as joins. One
 * that takes less says 429: then all wait, and go on half as fast, and faster again in the course of ten minutes.
 */

import { Refusal } from './requests.js';

// Of the six connections that a browser has to a server over HTTP/1.1 the stream has one, and one is left to the rest.
const REQUESTS_MAX = 4;
const MESSAGES = 100; // a second
const BYTES = 262_144; // a second
const BURST_S = 3;
const RECOVERY_S = 600; // until it goes as fast as ever
const SHARE_MIN = 1 / 32;
const RETRY_MS = 1_000; // where the server does not say when

/**
 * @typedef {object} Waiting
 * @property {() => boolean} urgent
 * @property {() => {messages: number, bytes: number} | null} take
 * @property {(admitted: boolean) => void} resolve
 */

export class Pace {
  #running = 0;
  /** @type {Waiting[]} */
  #waiting = [];
  #credit = BURST_S; // what may go at once
  #share = 1; // of the rate that servers have by default
  #countedAt = Date.now();
  #pausedUntil = 0;
  #timer = 0;

  /**
   * Waits until a request may begin. What is urgent goes first.
   * @param {() => boolean} urgent
   * @param {() => {messages: number, bytes: number} | null} take  what is in it, which is asked for when it may begin;
   *     null: it is not wanted any more
   * @returns {Promise<boolean>} whether it begins; then leave() is to be called once it is over
   */
  enter(urgent, take) {
    return new Promise((resolve) => {
      this.#waiting.push({ urgent, take, resolve });
      this.#admit();
    });
  }

  /** @param {unknown} [error]  with which it failed */
  leave(error) {
    this.#running--;
    if (error instanceof Refusal && error.status === 429) this.#slowDown(error.retryAfter || RETRY_MS);
    this.#admit();
  }

  #admit() {
    clearTimeout(this.#timer);
    while (this.#waiting.length && this.#running < REQUESTS_MAX) {
      const wait = this.#wait();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.#admit(), wait);
        return;
      }
      const first = Math.max(this.#waiting.findIndex(({ urgent }) => urgent()), 0);
      const [{ take, resolve }] = this.#waiting.splice(first, 1);
      const cost = take();
      if (cost) {
        this.#running++;
        this.#credit -= Math.max(cost.messages / MESSAGES, cost.bytes / BYTES) / this.#share;
      }
      resolve(cost !== null);
    }
  }

  /** @returns {number} the milliseconds until the next may begin */
  #wait() {
    const now = Date.now();
    const seconds = Math.max(now - this.#countedAt, 0) / 1000; // clocks are set
    this.#countedAt = now;
    this.#credit = Math.min(this.#credit + seconds, BURST_S);
    this.#share = Math.min(this.#share + seconds / RECOVERY_S, 1);
    return Math.max(this.#pausedUntil - now, Math.ceil(-1000 * this.#credit));
  }

  /** @param {number} ms */
  #slowDown(ms) {
    const now = Date.now();
    if (now >= this.#pausedUntil) this.#share = Math.max(this.#share / 2, SHARE_MIN); // those under way meet the same
    this.#pausedUntil = Math.max(this.#pausedUntil, now + ms);
    this.#credit = Math.min(this.#credit, 0);
  }
}
