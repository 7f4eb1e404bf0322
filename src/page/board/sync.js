/**
 * sync.js - elements, kept alike among the peers of a room.
 *
 * Who changes something tells everybody. Two that meet say what they have, as a number for each
 * of 64 buckets; who finds another number there asks, one peer after the other, so that a
 * newcomer gets everything once, and from the next peer what it lacks where one has gone. Who has
 * asked and has now what the other had not says so, once: what has changed since is said to
 * nobody twice.
 *
 *     {"type":"pieces","pieces":[…]}, perhaps with the "cursor" of who draws
 *     {"type":"have","hashes":[…]}
 *     {"type":"want","buckets":[…],"known":[…]}, as Elements.known() says it
 *     {"type":"done"}
 *
 * Pages from before deletions were runs have other hashes, so that each "have" between such a page
 * and a new one makes them ask, and be told what they lack: that is all, as neither says it again.
 *
 * What a peer brings is bounded in each minute and in all. What came beyond that is asked for when
 * the minute is over.
 */

import { BUCKETS } from './elements.js';
import { MINUTE_MS, PeerQuota } from './quota.js';

export const BOARD_MESSAGE_MAX = 6_291_456; // characters; what a full board has to ask is below that

const CHUNK = 16_000; // characters
const ANSWER_MS = 10_000; // with somebody who was asked and says nothing
const ANSWER_MAX_MS = 120_000; // with somebody who comes to no end
const QUOTAS_MAX = 200; // peers, of those who have gone, too: who comes again has no other one
const EVERYTHING = Array(BUCKETS).fill(-1); // no hash is that

/** @typedef {import('../drawbridge.js').Peer} Peer */

export class Sync {
  #bridge;
  #elements;
  #merged;
  /** @type {Map<string, number[]>} */
  #offers = new Map(); // hashes by the id of the peer who has them, and was not asked yet
  /** @type {Map<string, string>} */
  #told = new Map(); // the hashes that each peer in the room was told last, as a text
  /** @type {Map<string, PeerQuota>} */
  #quotas = new Map();
  /** @type {Map<string, number>} timers, of those who brought too much */
  #late = new Map();
  /** @type {{id: string, hashes: number[], buckets: Set<number>, deadline: number} | null} */
  #asked = null;
  #serving = new Set(); // ids
  #timer = 0;

  /**
   * @param {import('../drawbridge.js').Drawbridge} bridge
   * @param {import('./elements.js').Elements} elements
   * @param {(merged: import('./elements.js').Merged, by: Peer | null) => void} merged  by: who told it of its own accord
   */
  constructor(bridge, elements, merged) {
    this.#bridge = bridge;
    this.#elements = elements;
    this.#merged = merged;
    bridge.on('join', ({ id }) => this.#announce(id));
    bridge.on('leave', ({ id }) => {
      clearTimeout(this.#late.get(id));
      for (const map of [this.#offers, this.#told, this.#late]) map.delete(id);
      if (this.#asked?.id === id) this.#next();
    });
  }

  /** Something came from elsewhere than from a peer or from our hand: whoever lacks it may ask. */
  announce() {
    for (const id of this.#told.keys()) this.#announce(id);
  }

  /**
   * Tells everybody of elements of ours: all of each, or its points from there on.
   * @param {[import('./elements.js').Element, number][]} elements
   * @param {{x: number, y: number} | null} [cursor]  where we are, null: not on the board
   * @param {object[]} [whole]  pieces that say all there is to say
   */
  tell(elements, cursor, whole = []) {
    const at = cursor !== undefined ? `,"cursor":${JSON.stringify(cursor)}` : '';
    const pieces = [...elements.flatMap(([element, from]) => [...this.#elements.pieces(element, from)]), ...whole];
    for (const chunk of chunks(pieces)) this.#bridge.send(`{"type":"pieces","pieces":[${chunk.join()}]${at}}`);
  }

  /**
   * @param {any} message  as it came, parsed
   * @param {Peer} peer
   */
  hear(message, peer) {
    switch (message?.type) {
      case 'pieces':
        if (Array.isArray(message.pieces)) this.#merge(message.pieces, peer);
        break;
      case 'have':
        if (!numbers(message.hashes)) return;
        if (this.#quota(peer.id).allowsHave()) this.#offer(peer.id, message.hashes);
        else this.#postpone(peer.id);
        break;
      case 'want':
        if (numbers(message.buckets) && Array.isArray(message.known)) this.#serve(message, peer);
        break;
      case 'done':
        if (this.#asked?.id === peer.id) this.#answered(this.#asked);
        break;
    }
  }

  /**
   * @param {string} id
   * @param {number[]} [theirs]  who has just these need not be told of them
   */
  #announce(id, theirs) {
    const hashes = this.#elements.hashes();
    const text = hashes.join();
    if (this.#told.get(id) === text || theirs?.join() === text) return;
    this.#told.set(id, text);
    this.#send({ type: 'have', hashes }, id);
  }

  /**
   * @param {object} message
   * @param {Peer | string} peer
   */
  #send(message, peer) {
    return this.#bridge.send(JSON.stringify(message), peer);
  }

  /**
   * @param {any[]} pieces
   * @param {Peer} peer
   */
  #merge(pieces, peer) {
    const asked = this.#asked?.id === peer.id ? this.#asked : null;
    if (asked) this.#wait(asked);
    const quota = this.#quota(peer.id);
    for (const piece of pieces) {
      const answers = Boolean(asked?.buckets.has(this.#elements.bucketOf(piece)));
      if (!quota.allows(answers)) {
        this.#postpone(peer.id);
        continue;
      }
      const before = this.#elements.get(piece?.id);
      const { graves } = this.#elements;
      const merged = this.#elements.merge(piece);
      if (!merged) continue;
      const { element, from } = merged;
      const restored = before?.value === null; // it was counted when it came first
      quota.spend(answers, {
        elements: Number(!before && element.value !== null),
        points: restored ? 0 : this.#elements.count(element) - from,
        graves: Math.max(this.#elements.graves - graves, Number(element.value === null && !before)),
      });
      this.#merged(merged, answers ? null : peer);
    }
  }

  /**
   * @param {string} id
   * @param {number[]} hashes
   */
  #offer(id, hashes) {
    this.#offers.set(id, hashes);
    if (!this.#asked) this.#next();
  }

  /** Asks the next one who has something else. */
  #next() {
    clearTimeout(this.#timer);
    this.#asked = null;
    for (const [id, hashes] of this.#offers) {
      this.#offers.delete(id);
      const ours = this.#elements.hashes();
      const buckets = ours.flatMap((hash, i) => (hashes[i] && hashes[i] !== hash ? [i] : []));
      if (!buckets.length) {
        this.#announce(id, hashes);
        continue;
      }
      this.#asked = { id, hashes, buckets: new Set(buckets), deadline: performance.now() + ANSWER_MAX_MS };
      this.#wait(this.#asked);
      this.#send({ type: 'want', buckets, known: this.#elements.known(buckets) }, id);
      return;
    }
  }

  /** @param {{id: string, hashes: number[]}} asked */
  #answered({ id, hashes }) {
    this.#next();
    this.#announce(id, hashes);
  }

  /** @param {{deadline: number}} asked */
  #wait({ deadline }) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#next(), Math.min(ANSWER_MS, deadline - performance.now()));
  }

  // --- what one may bring ---

  /** @param {string} id */
  #quota(id) {
    const quota = this.#quotas.get(id) ?? new PeerQuota();
    if (!this.#quotas.has(id) && this.#quotas.size >= QUOTAS_MAX) this.#quotas.delete(this.#quotas.keys().next().value ?? '');
    this.#quotas.set(id, quota);
    return quota;
  }

  /**
   * Asks for what was too much, when it is not any more.
   * @param {string} id
   */
  #postpone(id) {
    if (this.#late.has(id) || !this.#told.has(id) || this.#quota(id).spent) return;
    this.#late.set(id, setTimeout(() => {
      this.#late.delete(id);
      this.#offer(id, EVERYTHING);
    }, MINUTE_MS));
  }

  /**
   * One answer at a time to each: who asks more is not heard.
   * @param {{buckets: number[], known: any[]}} message
   * @param {Peer} peer
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
