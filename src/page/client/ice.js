/**
 * ice.js - STUN and TURN servers, with credentials that last.
 *
 * Peers on one network need none: an answer that is late keeps no connection waiting. It begins with the servers
 * that are known, or with none, and is told when there are others.
 */

import { TIMER_MAX_MS, pause } from './requests.js';

const LATE_MS = 2_000;
const LIFETIME_MIN_MS = 10_000;
const UNANSWERED_MS = 30_000; // where there was no answer

export class IceServers {
  #ask;
  #changed;
  /** @type {RTCIceServer[]} */
  #known = [];
  /** @type {Promise<RTCIceServer[]> | null} */
  #asked = null;
  #timer = 0;
  #era = 0; // counts stop()

  /**
   * @param {() => Promise<{iceServers: RTCIceServer[], lasts: number}>} ask
   * @param {(iceServers: RTCIceServer[], late: boolean) => void} changed  there are newer ones; late: some
   *     connections were begun without waiting for them
   */
  constructor(ask, changed) {
    this.#ask = ask;
    this.#changed = changed;
  }

  /** @returns {Promise<RTCIceServer[]>} within 2 s; none where the server offers none */
  get() {
    this.#asked ??= this.#fetch();
    return this.#asked;
  }

  /** Nobody needs them any more. */
  stop() {
    this.#era++;
    clearTimeout(this.#timer);
    this.#asked = null;
    this.#known = [];
  }

  #fetch() {
    const era = this.#era;
    let late = false;
    const answered = this.#ask().catch(() => ({ iceServers: [], lasts: UNANSWERED_MS })).then(({ iceServers, lasts }) => {
      const servers = Array.isArray(iceServers) ? iceServers : [];
      if (era !== this.#era) return servers;
      this.#known = servers;
      this.#asked = Promise.resolve(servers);
      this.#renewIn(lasts);
      this.#changed(servers, late);
      return servers;
    });
    const patience = pause(LATE_MS).then(() => {
      late = true;
      return this.#known;
    });
    return Promise.race([answered, patience]);
  }

  /**
   * Before they expire, and not all clients at once.
   * @param {number} lasts  milliseconds
   */
  #renewIn(lasts) {
    const wait = Math.max(lasts || 0, LIFETIME_MIN_MS) * (0.6 + Math.random() / 5);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => { this.#asked = this.#fetch(); }, Math.min(wait, TIMER_MAX_MS));
  }
}
