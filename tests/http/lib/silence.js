// silence.js - how long a Redis has given no answer: where a machine stands still for a second, the programs give up what
// they have asked, and log that. Such a line is right where the test itself had no answer meanwhile, and wrong otherwise.
import { Redis } from './resp.js';

const GIVEN_UP_MS = 900; // the shorter of DIAL_MS and COMMAND_MS of store/dial.h
const ASKED_EVERY_MS = 100;

const LATE = /^warn at=redis\.[a-z]+ redis=(lost why=timeout|late ms=\d+)$/;

export class Silence {
  /** Between two answers, in ms. */
  longest = 0;
  #redis;
  #answeredAt = performance.now();
  #timer;

  /** @param {string} url */
  static async watch(url) {
    const silence = new Silence();
    // Not one that wants TLS, or is no more than a door: then there is none to ask.
    silence.#redis = await Redis.open(url).catch(() => undefined);
    if (silence.#redis) silence.#ask();
    return silence;
  }

  #note() {
    const now = performance.now();
    this.longest = Math.max(this.longest, now - this.#answeredAt);
    return now;
  }

  async #ask() {
    try {
      await this.#redis.ask('PING');
    } catch {
      return; // it has ended
    }
    this.#answeredAt = this.#note();
    this.#timer = setTimeout(() => this.#ask(), ASKED_EVERY_MS).unref();
  }

  /** Lines of logs that it explains. */
  end() {
    if (!this.#redis) return [];
    clearTimeout(this.#timer);
    this.#note();
    this.#redis.close();
    return this.longest > GIVEN_UP_MS - ASKED_EVERY_MS ? [LATE] : [];
  }
}
