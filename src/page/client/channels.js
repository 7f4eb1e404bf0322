/**
 * channels.js - channels by name, in rooms; the module that links know.
 *
 * Each page tells every other which channels it has open, in the rooms that both are in: {open: [key…]}, all of them
 * whenever they are others; a key is "room/name", which no name of a room can be. Nothing goes to a page that has not
 * opened the channel, so that nobody need keep what it may never want:
 *
 * A reliable channel is what send() is, with the key in place of the room's name, and as sure. What is sent before the
 * other page has opened the channel waits here, for 15 s.
 *
 * An unreliable one has datagrams (datagrams.js) with the key as their label. What is sent before the other page has
 * opened the channel, or while there is no connection, is dropped.
 */

import { ReliableChannel, UnreliableChannel, checkName, checkedOptions, isReliable, keyOf } from './channel.js';
import { ChannelEnd } from './channel-end.js';
import { otherPage, peerGone } from './link.js';
import { Refusal } from './requests.js';

/**
 * @typedef {import('./link.js').Link} Link
 * @typedef {import('./channel.js').Channel} Channel
 */

const CHANNELS_MAX = 64;

export class Channels {
  /** By key. @type {Map<string, {channel: ReliableChannel | UnreliableChannel, listening: (() => void)[]}>} */
  #channels = new Map();
  /** @type {Map<Link, ChannelEnd>} */
  #ends = new Map();
  #isDue = false;

  /**
   * @param {import('./channel.js').Place} room
   * @param {string} name
   * @param {import('./channel.js').ChannelOptions} [options]
   * @returns {ReliableChannel | UnreliableChannel} the one that there is, if it is like this
   * @throws {TypeError | RangeError | Refusal}
   */
  open(room, name, options = {}) {
    checkName(name);
    const checked = checkedOptions(options);
    if (room.state === 'left') throw new Refusal(404, 'The room was left.');
    const known = this.#channels.get(keyOf(room, name))?.channel;
    if (known && JSON.stringify(known.options) === JSON.stringify(checked)) return known;
    if (known) throw new TypeError(`The channel ${name} is open already, with other options.`);
    if (this.#channels.size === CHANNELS_MAX) throw new RangeError(`The most is ${CHANNELS_MAX} channels at a time.`);
    const channel = new (isReliable(checked) ? ReliableChannel : UnreliableChannel)(this, room, name, checked);
    const listening = [
      room.on('join', () => this.#syncSoon()),
      room.on('leave', () => this.#syncSoon()),
      room.on('state', (state) => state === 'left' && this.close(channel)),
    ];
    this.#channels.set(channel.key, { channel, listening });
    this.#syncSoon();
    return channel;
  }

  /** @param {Channel} channel */
  close(channel) {
    const known = this.#channels.get(channel.key);
    if (known?.channel !== channel) return;
    for (const end of known.listening) end();
    this.#channels.delete(channel.key);
    for (const end of this.#ends.values()) end.fail(channel.key, new Refusal(0, 'The channel was closed.'));
    this.#syncSoon();
  }

  /**
   * @param {Channel} channel
   * @param {Link} link
   * @param {Uint8Array} message
   * @returns {Promise<void>} once it has arrived
   */
  send(channel, link, message) {
    if (link.isClosed) return link.send(channel.key, message); // which says why
    if (this.#isOpen(channel)) return this.#end(link).send(channel.key, message);
    return Promise.reject(new Refusal(0, 'The channel was closed.'));
  }

  /**
   * @param {Channel} channel
   * @param {Link} link
   * @param {Uint8Array<ArrayBuffer>} message
   * @returns {boolean} whether it goes
   */
  sendNow(channel, link, message) {
    return this.#isOpen(channel) && !link.isClosed && this.#end(link).sendNow(channel, message);
  }

  /** @param {Channel} channel */
  buffered({ key }) {
    return [...this.#ends.values()].reduce((sum, end) => sum + end.buffered(key), 0);
  }

  // --- what links say ---

  /** @param {Link} link */
  opened(link) {
    this.#end(link).reached();
    this.#syncSoon();
  }

  /** @param {Link} link */
  reset(link) {
    this.#forget(link, otherPage());
  }

  /** @param {Link} link */
  closed(link) {
    this.#forget(link, peerGone());
  }

  /**
   * @param {Link} link
   * @param {any} payload  as it came
   */
  heard(link, payload) {
    const keys = payload?.open;
    if (Array.isArray(keys)) this.#end(link).heed(keys.slice(0, CHANNELS_MAX));
  }

  /**
   * Data on a reliable channel, or of an unreliable one through the server.
   * @param {Link} link
   * @param {string} key  as it came
   * @param {() => any} decode
   */
  said(link, key, decode) {
    const channel = this.#channels.get(key)?.channel;
    // What comes after we have closed it is dropped, as what comes from a peer who is not in that room.
    if (channel && link.rooms.has(channel.room)) channel.emit('data', { data: decode(), peer: link.peer });
  }

  // ---

  /** @param {Channel} channel */
  #isOpen(channel) {
    return this.#channels.get(channel.key)?.channel === channel;
  }

  /** @param {Link} link */
  #end(link) {
    const end = this.#ends.get(link) ?? new ChannelEnd(link, (key, decode) => this.said(link, key, decode));
    this.#ends.set(link, end);
    return end;
  }

  /**
   * @param {Link} link
   * @param {Refusal} why
   */
  #forget(link, why) {
    this.#ends.get(link)?.close(why);
    this.#ends.delete(link);
    this.#syncSoon();
  }

  /** What happens in this turn is told together. */
  #syncSoon() {
    if (this.#isDue) return;
    this.#isDue = true;
    queueMicrotask(() => {
      this.#isDue = false;
      const channels = [...this.#channels.values()].map(({ channel }) => channel);
      const links = new Set([...this.#ends.keys(), ...channels.flatMap(({ room }) => [...room.links])]);
      for (const link of links) if (!link.isClosed) this.#end(link).sync(channels.filter(({ room }) => link.rooms.has(room)));
    });
  }
}
