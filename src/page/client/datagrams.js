/**
 * datagrams.js - messages to a peer that need not arrive, each on an RTCDataChannel of its label.
 *
 * Each end makes the channels that it sends on, and hears on those that the other has made: so it need not be agreed who
 * makes one, nor what its options are. They end with their RTCPeerConnection, and are made again in the next.
 *
 * A message is its kind (1 byte) and its content, as in bytes.js. What cannot go at once is dropped.
 */

import { KIND } from './bytes.js';

export const DATAGRAM_MAX = 16_384; // of what every browser takes as one message

const HEAD_BYTES_LEFT_OUT = 4; // of a message of bytes.js: here, a length has been said
const BUFFER_MAX = 65_536; // of a channel: what waits longer is old
const HEARD_MAX = 128; // channels that the other end has made, and not closed

/**
 * @typedef {object} DatagramHooks
 * @property {(label: string, kind: number, content: Uint8Array) => void} heard  any of them may be anything
 * @property {() => void} flooded  the other end has made too many channels, and is heard on none any more
 */

export class Datagrams {
  #connection;
  #hooks;
  #end;
  /** @type {RTCPeerConnection | null} */
  #pc = null;
  /** By label. @type {Map<string, RTCDataChannelInit>} */
  #wanted = new Map();
  /** @type {Map<string, {init: RTCDataChannelInit, channel: RTCDataChannel}>} */
  #made = new Map();
  /** @type {Set<RTCDataChannel>} */
  #heard = new Set();
  #flooded = false;

  /**
   * @param {import('./connection.js').Connection} connection
   * @param {DatagramHooks} hooks
   */
  constructor(connection, hooks) {
    this.#connection = connection;
    this.#hooks = hooks;
    this.#end = connection.use((pc) => this.#begin(pc));
  }

  /**
   * @param {Map<string, RTCDataChannelInit>} wanted  channels to send on, by label; others are closed
   */
  want(wanted) {
    this.#wanted = wanted;
    for (const [label, { init, channel }] of this.#made) {
      if (wanted.get(label) === init) continue;
      this.#made.delete(label);
      channel.close();
    }
    for (const [label, init] of wanted) if (!this.#made.has(label)) this.#make(label, init);
  }

  /**
   * @param {string} label
   * @param {Uint8Array<ArrayBuffer>} message  of encodeData()
   * @returns {boolean} whether it goes
   */
  send(label, message) {
    const channel = this.#made.get(label)?.channel;
    const datagram = message.subarray(HEAD_BYTES_LEFT_OUT);
    if (!this.#connection.up || channel?.readyState !== 'open' || channel.bufferedAmount + datagram.length > BUFFER_MAX) return false;
    try {
      channel.send(datagram);
      return true;
    } catch {
      return false; // it has just ended, or the other end takes less
    }
  }

  /** @param {string} label */
  buffered(label) {
    return this.#made.get(label)?.channel.bufferedAmount ?? 0;
  }

  close() {
    this.#end();
    this.want(new Map());
    this.#hearNone();
  }

  /** @param {RTCPeerConnection} pc */
  #begin(pc) {
    this.#made.clear();
    this.#heard.clear();
    this.#pc = pc;
    pc.ondatachannel = ({ channel }) => this.#hear(channel);
    this.want(this.#wanted);
  }

  /**
   * @param {string} label
   * @param {RTCDataChannelInit} init
   */
  #make(label, init) {
    try {
      const channel = this.#pc?.createDataChannel(label, init);
      if (channel) this.#made.set(label, { init, channel });
    } catch { /* the connection was just closed; the next will have it */ }
  }

  /** @param {RTCDataChannel} channel */
  #hear(channel) {
    if (this.#heard.size === HEARD_MAX && !this.#flooded) {
      this.#flooded = true;
      this.#hearNone();
      this.#hooks.flooded();
    }
    if (this.#flooded) {
      channel.close();
      return;
    }
    this.#heard.add(channel);
    channel.binaryType = 'arraybuffer';
    channel.onclose = () => this.#heard.delete(channel);
    channel.onmessage = ({ data }) => {
      if (!(data instanceof ArrayBuffer) || !this.#heard.has(channel)) return;
      const [kind] = new Uint8Array(data, 0, Math.min(data.byteLength, 1));
      if (kind <= KIND.json && data.byteLength <= DATAGRAM_MAX) this.#hooks.heard(channel.label, kind, new Uint8Array(data.slice(1)));
    };
  }

  #hearNone() {
    for (const channel of this.#heard) channel.close();
    this.#heard.clear();
  }
}
