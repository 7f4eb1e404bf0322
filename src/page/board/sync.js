/**
 * sync.js - elements, kept alike among the peers of a room.
 *
 * Who changes something tells everybody. Two that meet say what they have, as a number for each
 * of 64 buckets; who finds another number there asks, one peer after the other, so that a
 * newcomer gets everything once, and from the next peer what it lacks where one has gone.
 *
 *     {"type":"pieces","pieces":[…]}, perhaps with the "cursor" of who draws
 *     {"type":"have","hashes":[…]}
 *     {"type":"want","buckets":[…],"known":[[id,version,by,points,edit,editor],…]}
 *     {"type":"done"}
 */

import { BUCKETS } from './elements.js';

export const BOARD_MESSAGE_MAX = 4_194_304; // characters; what a full board has to ask is below that

const CHUNK = 16_000; // characters
const ANSWER_MS = 10_000; // with somebody who was asked and says nothing

/** @typedef {import('../drawbridge.js').PeerInfo} PeerInfo */

export class Sync {
  #bridge;
  #elements;
  #merged;
  /** @type {Map<string, number[]>} */
  #offers = new Map(); // hashes by the id of the peer who has them, and was not asked yet
  /** @type {string | null} */
  #asked = null; // the peer's id
  #serving = new Set(); // ids
  #timer = 0;

  /**
   * @param {import('../drawbridge.js').Drawbridge} bridge
   * @param {import('./elements.js').Elements} elements
   * @param {(merged: {element: import('./elements.js').Element, from: number, replaced: boolean}) => void} merged
   */
  constructor(bridge, elements, merged) {
    this.#bridge = bridge;
    this.#elements = elements;
    this.#merged = merged;
    bridge.on('join', (peer) => this.#send({ type: 'have', hashes: elements.hashes() }, peer));
    bridge.on('leave', ({ id }) => {
      this.#offers.delete(id);
      if (this.#asked === id) this.#next();
    });
  }

  /**
   * Tells everybody of elements of ours: all of each, or its points from there on.
   * @param {[import('./elements.js').Element, number][]} elements
   * @param {{x: number, y: number} | null} [cursor]  where we are, null: not on the board
   */
  tell(elements, cursor) {
    const at = cursor !== undefined ? `,"cursor":${JSON.stringify(cursor)}` : '';
    const pieces = elements.flatMap(([element, from]) => [...this.#elements.pieces(element, from)]);
    for (const chunk of chunks(pieces)) this.#bridge.send(`{"type":"pieces","pieces":[${chunk.join()}]${at}}`);
  }

  /**
   * @param {any} message  as it came, parsed
   * @param {PeerInfo} peer
   */
  hear(message, peer) {
    switch (message?.type) {
      case 'pieces':
        if (Array.isArray(message.pieces)) this.#merge(message.pieces, peer);
        break;
      case 'have':
        if (!numbers(message.hashes)) return;
        this.#offers.set(peer.id, message.hashes);
        if (!this.#asked) this.#next();
        break;
      case 'want':
        if (numbers(message.buckets) && Array.isArray(message.known)) this.#serve(message, peer);
        break;
      case 'done':
        if (this.#asked === peer.id) this.#next();
        break;
    }
  }

  /**
   * @param {object} message
   * @param {PeerInfo | string} peer
   */
  #send(message, peer) {
    return this.#bridge.send(JSON.stringify(message), peer);
  }

  /**
   * @param {any[]} pieces
   * @param {PeerInfo} peer
   */
  #merge(pieces, peer) {
    if (this.#asked === peer.id) this.#wait();
    for (const piece of pieces) {
      const merged = this.#elements.merge(piece);
      if (merged) this.#merged(merged);
    }
  }

  /** Asks the next one who has something else. */
  #next() {
    clearTimeout(this.#timer);
    this.#asked = null;
    for (const [id, theirs] of this.#offers) {
      this.#offers.delete(id);
      const ours = this.#elements.hashes();
      const buckets = ours.flatMap((hash, i) => (theirs[i] && theirs[i] !== hash ? [i] : []));
      if (!buckets.length) continue;
      this.#asked = id;
      this.#wait();
      this.#send({ type: 'want', buckets, known: this.#elements.known(buckets) }, id);
      return;
    }
  }

  #wait() {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#next(), ANSWER_MS);
  }

  /**
   * One answer at a time to each: who asks more is not heard.
   * @param {{buckets: number[], known: any[]}} message
   * @param {PeerInfo} peer
   */
  async #serve({ buckets, known }, peer) {
    if (this.#serving.has(peer.id)) return;
    this.#serving.add(peer.id);
    for (const chunk of chunks(this.#elements.lacking(buckets, known))) {
      this.#bridge.send(`{"type":"pieces","pieces":[${chunk.join()}]}`, peer);
    }
    await this.#send({ type: 'done' }, peer).catch(() => {});
    this.#serving.delete(peer.id);
  }
}

/** @param {Iterable<object>} pieces */
function* chunks(pieces) {
  /** @type {string[]} */
  let chunk = [];
  let length = 0;
  for (const piece of pieces) {
    const json = JSON.stringify(piece);
    if (length + json.length > CHUNK && chunk.length) {
      yield chunk;
      chunk = [];
      length = 0;
    }
    chunk.push(json);
    length += json.length + 1;
  }
  if (chunk.length) yield chunk;
}

/** @param {any} list */
function numbers(list) {
  return Array.isArray(list) && list.length <= BUCKETS && list.every(Number.isInteger);
}
