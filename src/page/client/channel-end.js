/**
 * channel-end.js - channels with one other page: which it has open, what waits for it to open one, and datagrams.
 */

import { decodeData } from './bytes.js';
import { isReliable } from './channel.js';
import { Datagrams } from './datagrams.js';
import { tooMuchWaits } from './link.js';
import { Refusal, deferred } from './requests.js';

/**
 * @typedef {import('./link.js').Link} Link
 * @typedef {import('./channel.js').Channel} Channel
 * @typedef {{message: Uint8Array, timer: ReturnType<typeof setTimeout> | 0} & import('./requests.js').Deferred} Waiting
 */

const WAIT_MS = 15_000;
const WAITING_MAX = 64 * 1024 * 1024; // bytes, for a page that may never want them
const HEED_MS = 100; // so often, of what the other page says that it has open
const RELAY_BUFFER_MAX = 8_192;

export class ChannelEnd {
  #link;
  #heard;
  /** @type {Channel[]} */
  #ours = []; // open here, in rooms where it is
  #told = '[]'; // of that
  #theirs = new Set(); // open there
  /** @type {any[] | null} */
  #news = null; // of that, which is not heeded yet
  /** @type {ReturnType<typeof setTimeout> | 0} */
  #heeding = 0;
  #isReached = false;
  /** By key. @type {Map<string, Waiting[]>} */
  #waiting = new Map();
  #waitingBytes = 0;
  /** @type {Datagrams | null} */
  #datagrams = null;

  /**
   * @param {Link} link
   * @param {(key: string, decode: () => any) => void} heard
   */
  constructor(link, heard) {
    this.#link = link;
    this.#heard = heard;
  }

  /** @param {Channel[]} channels  open here, in rooms where it is */
  sync(channels) {
    this.#ours = channels;
    const open = channels.map(({ key }) => key);
    const told = JSON.stringify(open);
    if (told !== this.#told) {
      this.#told = told;
      // Where that does not arrive, nothing does.
      this.#link.control('channels', { open }).catch((error) => this.#failAll(error));
    }
    for (const key of [...this.#waiting.keys()]) if (!open.includes(key)) this.fail(key, new Refusal(404, 'The peer has left the room.'));
    this.#update();
  }

  /** Its page is known. */
  reached() {
    this.#isReached = true;
    for (const [key, all] of this.#waiting) for (const waiting of all) this.#limit(key, waiting);
  }

  /**
   * However often a page says what it has open, we heed it ten times a second.
   * @param {any[]} keys  each may be anything
   */
  heed(keys) {
    this.#news = keys;
    if (this.#heeding) return;
    this.#theirs = new Set(keys);
    this.#news = null;
    this.#heeding = setTimeout(() => {
      this.#heeding = 0;
      if (this.#news) this.heed(this.#news);
    }, HEED_MS);
    this.#update();
    for (const key of keys) this.#release(key);
  }

  /**
   * @param {string} key
   * @param {Uint8Array} message
   * @returns {Promise<void>}
   */
  send(key, message) {
    if (this.#theirs.has(key)) return this.#link.send(key, message);
    if (this.#waitingBytes && this.#waitingBytes + message.length > WAITING_MAX) {
      return Promise.reject(tooMuchWaits());
    }
    /** @type {Waiting} */
    const waiting = { message, timer: 0, ...deferred() };
    const all = this.#waiting.get(key) ?? [];
    all.push(waiting);
    this.#waiting.set(key, all);
    this.#waitingBytes += message.length;
    if (this.#isReached) this.#limit(key, waiting);
    return waiting.promise;
  }

  /**
   * @param {Channel} channel
   * @param {Uint8Array<ArrayBuffer>} message
   */
  sendNow({ key, options }, message) {
    if (this.#datagrams?.send(key, message)) return true;
    const { peer, buffered } = this.#link;
    if (!options.relay || peer.state !== 'relayed' || !this.#theirs.has(key) || buffered + message.length > RELAY_BUFFER_MAX) return false;
    this.#link.send(key, message).catch(() => {});
    return true;
  }

  /** @param {string} key */
  buffered(key) {
    return this.#datagrams?.buffered(key) ?? 0;
  }

  /**
   * @param {string} key
   * @param {Error} error  why what waits for the channel does so no longer
   */
  fail(key, error) {
    for (const { reject } of this.#take(key)) reject(error);
  }

  /** @param {Refusal} why */
  close(why) {
    clearTimeout(this.#heeding);
    this.#failAll(why);
    this.#datagrams?.close();
  }

  /** @param {Error} error */
  #failAll(error) {
    for (const key of [...this.#waiting.keys()]) this.fail(key, error);
  }

  /**
   * @param {string} key
   * @param {Waiting} waiting
   */
  #limit(key, waiting) {
    waiting.timer ||= setTimeout(() => {
      this.#waiting.get(key)?.shift(); // it is the first
      this.#waitingBytes -= waiting.message.length;
      waiting.reject(new Refusal(404, 'The peer has not opened this channel.'));
    }, WAIT_MS);
  }

  /**
   * They have opened it.
   * @param {string} key
   */
  #release(key) {
    for (const { message, resolve, reject } of this.#take(key)) this.#link.send(key, message).then(resolve, reject);
  }

  /**
   * @param {string} key
   * @returns {Waiting[]} what waited
   */
  #take(key) {
    const all = this.#waiting.get(key) ?? [];
    this.#waiting.delete(key);
    for (const { message, timer } of all) {
      clearTimeout(timer);
      this.#waitingBytes -= message.length;
    }
    return all;
  }

  /** Datagrams go where both have the channel. */
  #update() {
    const { connection } = this.#link;
    if (!connection) return;
    const wanted = this.#ours.filter(({ key, options }) => !isReliable(options) && this.#theirs.has(key));
    this.#datagrams ??= new Datagrams(connection, {
      heard: (label, kind, content) => this.#hear(label, kind, content),
      flooded: () => this.#link.complain('It has opened too many channels. What it sends on unreliable ones is not taken any more.'),
    });
    this.#datagrams.want(new Map(wanted.map(({ key, options }) => [key, options])));
  }

  /**
   * @param {string} label
   * @param {number} kind
   * @param {Uint8Array} content  it may be anything
   */
  #hear(label, kind, content) {
    try {
      const data = decodeData(kind, content);
      this.#heard(label, () => data);
    } catch { /* no JSON: none of ours */ }
  }
}
