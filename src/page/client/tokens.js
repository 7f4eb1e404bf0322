/**
 * tokens.js - who we are: a token of this tab's own, renewed before it expires.
 *
 * A tab keeps its token from page to page. It lies in the store only between two of them: a
 * tab that is duplicated takes a copy of the store along, but is a peer of its own.
 *
 * Tokens expire by the server's clock, and ours may be hours from that: the Date of any answer tells
 * by how much. Until there was one, or where a site's tokens are over when they come, a token may seem
 * to need renewal at once, again and again: then each waits twice as long as the one before.
 */

import { Refusal, TIMER_MAX_MS, ask, persist, refusal } from './requests.js';

/** Which numbers those of this page have, by base: each has a place of its own in the store. @type {Map<string, Set<number>>} */
const takenNumbers = new Map();

/** @param {string} base */
function lowestNumber(base) {
  const taken = takenNumbers.get(base) ?? new Set();
  takenNumbers.set(base, taken);
  let number = 0;
  while (taken.has(number)) number++;
  return number;
}

/**
 * @typedef {{token: string, user: {id: string, username: string}, expires: number}} Pass
 *     as POST access answers; expires in Unix seconds
 *
 * @typedef {Pass & {arrived: number, share: number}} Held
 *     arrived: on our clock; share: the part of the time that was left then after which it is renewed
 */

const REVOKED = /\brevoked\b/; // in what the server says of a token
const RENEW_MIN_MS = 1_000;
const UNSURE_MIN_MS = 60_000; // as long as nothing told the server's time
const RENEW_AGAIN_MAX_MS = 30 * 60_000;
const SKEW_ERROR_MAX_MS = 11_000; // of an answer that took as long as one may, by a Date in whole seconds

export class Tokens {
  username;
  /** It is that of this tab's last page. */
  inherited = false;

  #base;
  #access;
  #failed;
  #changed;
  #wait;
  #store;
  #number;
  /** @type {Held | null} */
  #pass = null;
  /** @type {number | null} the server's clock is so many ms ahead of ours; null: nothing has told */
  #skew = null;
  #shortRenewals = 0; // how many in a row gave a token that was to be renewed almost at once
  /** @type {Promise<void> | null} the renewal that is under way */
  #pending = null;
  #timer = 0;
  #era = 0; // counts stop(): what began in an earlier one is over

  /**
   * @param {{base: URL, username?: string, access?: (old: Pass | null) => Promise<Pass>,
   *     failed: (error: Error) => void, changed: () => void, wait?: (ms: number) => Promise<boolean>}} options
   *     changed: we are somebody else now; wait: before it is tried again
   */
  constructor({ base, username, access, failed, changed, wait }) {
    this.username = username;
    this.#base = base;
    this.#access = access ?? ((old) => this.#post(old?.token ?? null));
    this.#failed = failed;
    this.#changed = changed;
    this.#wait = wait;
    this.#number = lowestNumber(base.href);
    this.#store = `drawbridge ${base.href}${this.#number ? ` ${this.#number}` : ''}`;
    this.inherit();
  }

  get user() {
    return this.#pass?.user ?? null;
  }

  get token() {
    return this.#pass?.token ?? null;
  }

  /**
   * @param {boolean} [renew]
   * @returns {Promise<string>} a token that lasts, once there is one
   */
  async get(renew = false) {
    if (renew || Date.now() >= this.#renewAt) {
      this.#pending ??= this.#ask();
      const pending = this.#pending;
      try {
        await pending;
      } finally {
        if (this.#pending === pending) this.#pending = null;
      }
    }
    return /** @type {Pass} */ (this.#pass).token;
  }

  /**
   * @param {string} username  ours from now on
   * @returns {Promise<void>} once the token has it, if there is one
   */
  async rename(username) {
    this.username = username;
    if (!this.#pass && !this.#pending) return;
    const era = this.#era;
    await this.#pending?.catch(() => {}); // it may have been asked for under the last one
    if (era === this.#era) await this.get(true);
  }

  /** From now on it is renewed in time. Where that is refused, the old one lasts on. */
  renewInTime() {
    const era = this.#era;
    const delay = Math.min(Math.max(this.#renewAt - Date.now(), RENEW_MIN_MS), TIMER_MAX_MS);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      await this.get().catch(() => {});
      if (era === this.#era) this.renewInTime();
    }, delay);
  }

  stop() {
    this.#era++;
    this.#pending = null;
    clearTimeout(this.#timer);
    this.#timer = 0;
  }

  /**
   * Any answer tells the server's time.
   * @param {Response} response
   */
  readClock(response) {
    const date = Date.parse(response.headers.get('Date') ?? '');
    if (!date) return;
    // The longer an answer was on its way the further behind the server's clock seems to be.
    const skew = date - Date.now();
    const known = this.#skew ?? -Infinity;
    if (skew < known && skew > known - SKEW_ERROR_MAX_MS) return;
    this.#skew = skew;
    if (this.#timer) this.renewInTime();
  }

  /**
   * In how many milliseconds that is, by the server's clock.
   * @param {number} expires  Unix seconds
   * @param {number} [now]    on our clock
   */
  timeLeft(expires, now = Date.now()) {
    return 1000 * expires - now - (this.#skew ?? 0);
  }

  /** After how many milliseconds the token is to be renewed; 0 where a site does not say when it expires. */
  get #lasts() {
    const { expires, arrived, share } = /** @type {Held} */ (this.#pass);
    return share * this.timeLeft(expires, arrived) || 0;
  }

  get #isShort() {
    return this.#lasts < (this.#skew === null ? UNSURE_MIN_MS : RENEW_MIN_MS);
  }

  /** When the token is to be renewed, on our clock: before it expires, and not all tabs at once. */
  get #renewAt() {
    if (!this.#pass) return 0;
    const min = this.#isShort ? Math.min(RENEW_MIN_MS * 2 ** this.#shortRenewals, RENEW_AGAIN_MAX_MS) : 0;
    return this.#pass.arrived + Math.max(this.#lasts, min);
  }

  async #ask() {
    const era = this.#era;
    const known = this.user?.id;
    const pass = await persist(() => era === this.#era, () => this.#access(this.#pass), this.#failed, { wait: this.#wait });
    this.#pass = { ...pass, arrived: Date.now(), share: 0.5 + Math.random() / 6 };
    this.#shortRenewals = this.#isShort ? this.#shortRenewals + 1 : 0;
    if (known && known !== pass.user.id) this.#changed();
  }

  /**
   * @param {string | null} token  the old one
   * @returns {Promise<Pass>}
   */
  async #post(token) {
    // Without a cookie: all tabs of a browser share one, and each tab is a peer of its own.
    const body = JSON.stringify({ username: this.username, cookie: false });
    const response = await ask(this.#base, 'POST', 'access', { body, token });
    if (!response.ok) {
      const error = await refusal(response);
      // As somebody else we would be let in. But who was disconnected is to stay so.
      if (error.status === 401 && token && !REVOKED.test(error.message)) return this.#post(null);
      throw error;
    }
    const pass = await response.json();
    if (typeof pass?.token !== 'string') throw new Refusal(0, 'This is not a Drawbridge server.');
    this.readClock(response);
    return pass;
  }

  // A browser may forbid the store: then a reloaded page is a new peer.

  /** For this tab's next page. */
  bequeath() {
    takenNumbers.get(this.#base.href)?.delete(this.#number);
    try {
      if (this.#pass) sessionStorage.setItem(this.#store, JSON.stringify({ ...this.#pass, skew: this.#skew }));
    } catch { /* see above */ }
  }

  inherit() {
    takenNumbers.get(this.#base.href)?.add(this.#number);
    try {
      const { skew, ...pass } = JSON.parse(sessionStorage.getItem(this.#store) ?? '{}');
      sessionStorage.removeItem(this.#store);
      if (!pass.arrived) return;
      this.#pass = pass;
      this.#skew = skew;
      this.inherited = true;
    } catch { /* see above */ }
  }
}
