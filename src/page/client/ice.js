/**
 * ice.js - STUN and TURN servers, with credentials that last.
 */

import { TIMER_MAX_MS } from './requests.js';

const LIFETIME_MIN_MS = 10_000;
const UNANSWERED_MS = 30_000; // where there was no answer

export class IceServers {
  #ask;
  #changed;
  /** @type {Promise<RTCIceServer[]> | null} */
  #asked = null;
  #timer = 0;
  #era = 0; // counts stop()

  /**
   * @param {() => Promise<{iceServers: RTCIceServer[], lasts: number}>} ask
   * @param {(iceServers: RTCIceServer[]) => void} changed  there are newer ones
   */
  constructor(ask, changed) {
    this.#ask = ask;
    this.#changed = changed;
  }

  /** @returns {Promise<RTCIceServer[]>} none where the server offers none */
  get() {
    this.#asked ??= this.#fetch();
    return this.#asked;
  }

  /** Nobody needs them any more. */
  stop() {
    this.#era++;
    clearTimeout(this.#timer);
    this.#asked = null;
  }

  async #fetch() {
    const era = this.#era;
    const { iceServers, lasts } = await this.#ask().catch(() => ({ iceServers: [], lasts: UNANSWERED_MS }));
    const servers = Array.isArray(iceServers) ? iceServers : [];
    if (era !== this.#era) return servers;
    // Before they expire, and not all clients at once.
    const wait = Math.max(lasts || 0, LIFETIME_MIN_MS) * (0.6 + Math.random() / 5);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      const newer = this.#fetch();
      this.#asked = newer;
      this.#changed(await newer);
    }, Math.min(wait, TIMER_MAX_MS));
    return servers;
  }
}
