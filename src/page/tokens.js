/**
 * tokens.js - who we are: a token of this tab's own, renewed before it expires.
 *
 * A tab keeps its token from page to page. It lies in the store only between two of them: a
 * tab that is duplicated takes a copy of the store along, but is a peer of its own.
 */

import { Refusal, ask, lifetime, persist, refusal } from './requests.js';

/**
 * @typedef {{token: string, user: {id: string, username: string}, expires: number}} Pass
 *     as POST access answers; expires in Unix seconds
 */

const RENEW_LEAST_MS = 1_000;
const TIMER_MOST_MS = 2 ** 31 - 1;

export class Tokens {
  username;
  /** It is that of this tab's last page. */
  inherited = false;

  #base;
  #access;
  #failed;
  #changed;
  #store;
  /** @type {(Pass & {renew: number}) | null} renew: the time on our clock when it is to be renewed */
  #pass = null;
  /** @type {Promise<void> | null} of one */
  #passing = null;
  #timer = 0;
  #era = 0; // counts stop(): what began in an earlier one is over

  /**
   * @param {{base: URL, username?: string, access?: (old: Pass | null) => Promise<Pass>,
   *     failed: (error: Error) => void, changed: () => void}} options
   *     changed: we are somebody else now
   */
  constructor({ base, username, access, failed, changed }) {
    this.username = username;
    this.#base = base;
    this.#access = access ?? ((old) => this.#post(old?.token ?? null));
    this.#failed = failed;
    this.#changed = changed;
    this.#store = `drawbridge ${base.href}`;
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
    if (!this.#pass || renew || Date.now() >= this.#pass.renew) {
      this.#passing ??= this.#ask();
      const passing = this.#passing;
      try {
        await passing;
      } finally {
        if (this.#passing === passing) this.#passing = null;
      }
    }
    return /** @type {Pass} */ (this.#pass).token;
  }

  /** From now on it is renewed in time. Where that is refused, the old one lasts on. */
  keep() {
    const era = this.#era;
    const left = (this.#pass?.renew ?? 0) - Date.now();
    const delay = Math.min(Math.max(left, RENEW_LEAST_MS), TIMER_MOST_MS);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(async () => {
      await this.get().catch(() => {});
      if (era === this.#era) this.keep();
    }, delay);
  }

  stop() {
    this.#era++;
    this.#passing = null;
    clearTimeout(this.#timer);
  }

  async #ask() {
    const era = this.#era;
    const known = this.user?.id;
    const pass = await persist(() => era === this.#era, () => this.#access(this.#pass), this.#failed);
    this.#pass = { renew: renewal(pass.expires * 1000 - Date.now()), ...pass };
    if (known && known !== pass.user.id) this.#changed();
  }

  /**
   * @param {string | null} token  the old one
   * @returns {Promise<Pass & {renew: number}>}
   */
  async #post(token) {
    const body = JSON.stringify({ username: this.username });
    const response = await ask(this.#base, 'POST', 'access', { body, token });
    if (response.status === 401 && token) return this.#post(null);
    if (!response.ok) throw await refusal(response);
    const pass = await response.json();
    if (typeof pass?.token !== 'string') throw new Refusal(0, 'This is no Drawbridge.');
    return { ...pass, renew: renewal(lifetime(pass.expires, response)) };
  }

  // A browser may forbid the store: then a reloaded page is a new peer.

  /** For this tab's next page. */
  bequeath() {
    try {
      if (this.#pass) sessionStorage.setItem(this.#store, JSON.stringify(this.#pass));
    } catch { /* see above */ }
  }

  inherit() {
    try {
      const pass = JSON.parse(sessionStorage.getItem(this.#store) ?? 'null');
      sessionStorage.removeItem(this.#store);
      if (!pass) return;
      this.#pass = pass;
      this.inherited = true;
    } catch { /* see above */ }
  }
}

/**
 * When a token that lasts for so long is to be renewed, on our clock.
 * @param {number} ms
 */
function renewal(ms) {
  return Date.now() + ms * (0.5 + Math.random() / 6);
}
