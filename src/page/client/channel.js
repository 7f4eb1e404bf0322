/**
 * channel.js - a channel by name, as the page sees it: a stream of its own, or messages that need not arrive.
 */

import { contentLength, encodeData } from './bytes.js';
import { DATAGRAM_MAX } from './datagrams.js';
import { Emitter } from './events.js';
import { Refusal } from './requests.js';
import { isSource } from './transfer.js';

/**
 * @typedef {import('./link.js').Link} Link
 * @typedef {import('./peer.js').Peer} Peer
 *
 * @typedef {Peer | string | (Peer | string)[] | {to?: Peer | string | (Peer | string)[]} | undefined} Recipients  everybody in the room if not given
 * @typedef {{arrived: Peer[], failed: {peer: Peer, error: Error}[]}} Outcome  as that of a room
 *
 * @typedef {object} Place  the room
 * @property {string} name
 * @property {string} state
 * @property {Iterable<Link>} links
 * @property {(to: Recipients) => Link[]} linksTo
 * @property {(to: Recipients, run: (link: Link) => Promise<any>) => Promise<any>} each
 * @property {(type: 'join' | 'leave' | 'state', listener: (...details: any[]) => void) => () => void} on
 *
 * @typedef {{ordered?: true}} ReliableOptions  of a channel whose data arrives once and in order
 *
 * @typedef {{relay?: boolean} & ({ordered: false} | {maxRetransmits: number} | {maxPacketLifeTime: number}) & ChannelOptions} UnreliableOptions
 *     of one whose data may be lost, see ChannelOptions
 *
 * @typedef {object} ChannelOptions  the first three as those of RTCDataChannelInit: with any of them set, the channel is unreliable
 * @property {boolean} [ordered]  true if not given
 * @property {number} [maxRetransmits]
 * @property {number} [maxPacketLifeTime]  ms; not together with maxRetransmits
 * @property {boolean} [relay]  of an unreliable one: where a peer is reached through the server, what is sent goes that way, as
 *     far as that is quick enough. If not given, it is dropped
 *
 * @typedef {object} ChannelHooks
 * @property {(channel: Channel) => void} close
 * @property {(channel: Channel, link: Link, message: Uint8Array) => Promise<void>} send
 * @property {(channel: Channel, link: Link, message: Uint8Array<ArrayBuffer>) => boolean} sendNow  whether it goes
 * @property {(channel: Channel) => number} buffered
 */

const NAME_MAX = 64;

/**
 * What both kinds of channels are.
 * @extends {Emitter<{data: {data: any, peer: Peer}}, {data: (data: any, peer: Peer) => void}>}
 */
export class Channel extends Emitter {
  /** @readonly @type {string} */
  name;
  /** @internal @type {Place} */
  room;
  /** @internal @type {string} */
  key;
  /** @internal @type {ChannelOptions} */
  options;
  /** @internal @type {ChannelHooks} */
  hooks;

  /**
   * @param {ChannelHooks} hooks
   * @param {Place} room
   * @param {string} name
   * @param {ChannelOptions} options
   * @internal
   */
  constructor(hooks, room, name, options) {
    super();
    this.name = name;
    this.room = room;
    this.key = keyOf(room, name);
    this.options = options;
    this.hooks = hooks;
  }

  /** Nothing is heard on it any more, and nothing more is sent. */
  close() {
    this.hooks.close(this);
  }
}

/** Whose data arrives once and in the order of the calls, as that of send(), whichever way it takes. */
export class ReliableChannel extends Channel {
  #pending = 0;

  /** Bytes that were sent, and have not arrived. */
  get buffered() {
    return this.#pending;
  }

  /**
   * As send() of the room, to those who have opened the channel. To who has not it waits for 15 s.
   * @overload
   * @param {unknown} data  a string, bytes or JSON
   * @param {Peer | string | {to: Peer | string}} to
   * @returns {Promise<void>} once it has arrived. Rejected with a Refusal when the peer goes first, or does not open the
   *     channel (404), or takes no message so long (413); with a TypeError where the data is nothing that can be sent.
   */
  /**
   * @overload
   * @param {unknown} data
   * @param {(Peer | string)[] | {to?: (Peer | string)[]}} [to]
   * @returns {Promise<Outcome>}
   */
  /**
   * @overload
   * @param {unknown} data
   * @param {Recipients} [to]
   * @returns {Promise<void | Outcome>}
   */
  /**
   * @param {unknown} data
   * @param {Recipients} [to]
   * @returns {Promise<any>}
   */
  send(data, to) {
    try {
      const message = encodeSmall(data);
      return this.room.each(to, (link) => this.#sendTo(link, message));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * @param {Link} link
   * @param {Uint8Array} message
   */
  #sendTo(link, message) {
    const bytes = contentLength(message);
    this.#pending += bytes;
    const done = () => { this.#pending -= bytes; };
    const sent = this.hooks.send(this, link, message);
    sent.then(done, done);
    return sent;
  }
}

/** Whose data may get lost, or be late; but it does not wait for what was lost before, nor for anything else. */
export class UnreliableChannel extends Channel {
  /** Bytes that wait in the browser, those to each peer counted. */
  get buffered() {
    return this.hooks.buffered(this);
  }

  /**
   * @param {unknown} data  a string, bytes or JSON, of less than 16 KiB. What has more than 1 KiB goes in several packets, and
   *     is lost with any of them.
   * @param {Recipients} [to]  those in the room who have opened the channel, if not given
   * @returns {number} to how many it goes now; to others it does not. Whether it arrives nobody knows.
   * @throws {TypeError | Refusal} it is nothing that can be sent, or too long (413)
   */
  send(data, to) {
    const message = encodeSmall(data);
    if (contentLength(message) >= DATAGRAM_MAX) throw new Refusal(413, 'A message on an unreliable channel has less than 16 KiB.');
    return this.room.linksTo(to).filter((link) => this.hooks.sendNow(this, link, message)).length;
  }
}

/**
 * @param {ChannelOptions} options
 * @internal
 */
export function isReliable({ ordered, maxRetransmits, maxPacketLifeTime }) {
  return ordered && maxRetransmits === undefined && maxPacketLifeTime === undefined;
}

/**
 * @param {Place} room
 * @param {string} name
 * @internal
 */
export function keyOf(room, name) {
  return `${room.name}/${name}`;
}

/**
 * @param {unknown} name
 * @throws {TypeError} it can be none
 * @internal
 */
export function checkName(name) {
  if (typeof name !== 'string' || !name || name.length > NAME_MAX || /\p{Surrogate}/u.test(name)) {
    throw new TypeError(`The name of a channel is a text of 1 to ${NAME_MAX} characters.`);
  }
}

/**
 * @param {ChannelOptions} options
 * @returns {ChannelOptions} as RTCDataChannelInit has them, and none besides
 * @throws {TypeError} as createDataChannel()
 * @internal
 */
export function checkedOptions({ ordered = true, maxRetransmits, maxPacketLifeTime, relay = false }) {
  for (const [name, value] of Object.entries({ maxRetransmits, maxPacketLifeTime })) {
    if (value !== undefined && !(Number.isInteger(value) && value >= 0 && value <= 65_535)) throw new TypeError(`${name} is a number from 0 to 65535.`);
  }
  if (maxRetransmits !== undefined && maxPacketLifeTime !== undefined) {
    throw new TypeError('maxRetransmits and maxPacketLifeTime exclude each other.');
  }
  return { ordered: Boolean(ordered), relay: Boolean(relay), ...(maxRetransmits !== undefined && { maxRetransmits }),
    ...(maxPacketLifeTime !== undefined && { maxPacketLifeTime }) };
}

/**
 * @param {unknown} data
 * @throws {TypeError} it is nothing that a channel sends
 */
function encodeSmall(data) {
  if (isSource(data)) throw new TypeError('A Blob or a ReadableStream is sent by send() of the room.');
  return encodeData(data);
}
