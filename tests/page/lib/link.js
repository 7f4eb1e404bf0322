// link.js - two ends of a link, as modules see them: what one says arrives at the other once and in order, when a test lets it.
import { turns } from './clock.js';

/** One end. What is said to it goes to its `module`. */
export class FakeLink {
  /** A Module. @type {any} */ module;
  /** @type {FakeLink} */ other;
  /** All that it was told to say. @type {any[]} */ said = [];
  /** The page's own messages that came. @type {any[]} */ got = [];
  /** Bytes that wait or are not confirmed: now, and the most there were. */
  buffered = 0;
  most = 0;
  #sending = [];
  #confirmed = [];
  #closed = false;

  /** @param {string} name */
  constructor(name) {
    this.peer = { id: name };
  }

  /** Both ends of one. @returns {any[]} */
  static pair() {
    const [one, other] = [new FakeLink('bob'), new FakeLink('ann')];
    one.other = other;
    other.other = one;
    return [one, other];
  }

  control(module, payload) {
    const copy = JSON.parse(JSON.stringify(payload));
    this.said.push(copy);
    return this.#push(0, () => this.other.module.heard?.(this.other, copy));
  }

  chunk(number, bytes) {
    const copy = bytes.slice();
    return this.#push(bytes.length, () => this.other.module.chunk?.(this.other, number, copy));
  }

  /** A message of the page. */
  send(data) {
    return this.#push(0, () => this.other.got.push(data));
  }

  #push(bytes, arrive) {
    /** @type {Promise<void>} */
    const arrived = new Promise((resolve, reject) => {
      if (this.#closed) return reject(new Error('The peer has gone.'));
      this.buffered += bytes;
      this.most = Math.max(this.most, this.buffered);
      const done = () => {
        this.buffered -= bytes;
        resolve();
      };
      this.#sending.push({ arrive, done, reject });
    });
    arrived.catch(() => {});
    return arrived;
  }

  /** The next of what is on its way arrives. @returns {boolean} whether there was any */
  deliver() {
    const next = this.#sending.shift();
    next?.arrive();
    if (next) this.#confirmed.push(next);
    return Boolean(next);
  }

  /** This end hears that what has arrived did. */
  confirm() {
    for (const { done } of this.#confirmed.splice(0)) done();
  }

  /** The other end is another page. */
  reset() {
    this.#fail();
    this.module.reset?.(this);
  }

  close() {
    this.#closed = true;
    this.#fail();
    this.module.closed?.(this);
  }

  #fail() {
    this.buffered = 0;
    for (const { reject } of [...this.#confirmed.splice(0), ...this.#sending.splice(0)]) reject(new Error('The peer has gone.'));
  }
}

/** All that they say arrives, and all answers to it, until nothing is said any more.
 *  @param {...FakeLink} links */
export async function settleLinks(...links) {
  for (let quiet = 0; quiet < 5;) {
    await turns();
    const some = links.map((link) => link.deliver()).some(Boolean);
    for (const link of links) link.confirm();
    quiet = some ? 0 : quiet + 1;
  }
}
