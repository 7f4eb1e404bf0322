/**
 * elements.js - what everybody in a room is to see alike.
 *
 * An element has an id, a version and who made that version; the higher version counts, and of
 * two that are alike the higher name. What is deleted stays as a version without a value. The
 * points of a version only ever grow. So pieces may come twice, late, from anybody and in any
 * order: who got the same pieces has the same elements.
 *
 *     {"id":"…","version":1,"by":"…","value":{…},"at":0,"points":[x,y,x,y,…]}
 *     {"id":"…","version":2,"by":"…","value":null}
 */

import { randomId } from './requests.js';

/**
 * @typedef {object} Element
 * @property {string} id
 * @property {number} version
 * @property {string} by
 * @property {{order: number} | null} value  null: it was deleted
 * @property {number[]} points               x and y by turns
 *
 * @typedef {object} Rules
 * @property {(value: any) => {order: number} | null} clean  the value as it is kept, its members always
 *     in the same order; null: there is no such value
 * @property {number} coordinateMost
 */

export const BUCKETS = 64;

// What there is is bounded, whatever peers send.
const ELEMENTS_MOST = 10_000; // those that were deleted included
const POINTS_MOST = 200_000;
const ELEMENT_POINTS_MOST = 4_000;
const VERSION_MOST = 1e9;
const HELD_MOST = 1_000; // pieces that came before those that they follow

// A message stays below 16 KiB: 16 characters a point at most.
export const PIECE_POINTS = 500;

export class Elements {
  /** @type {Element[]} those that are not deleted, from the lowest to the topmost */
  list = [];
  points = 0;

  #rules;
  /** @type {Map<string, Element>} */
  #byId = new Map();
  #held = new Map(); // by id: pieces' points by their place
  #holding = 0;
  #hashes = new Uint32Array(BUCKETS);
  #me = randomId();
  #made = 0;

  /** @param {Rules} rules */
  constructor(rules) {
    this.#rules = rules;
  }

  // --- of our own; each gives what merge() gives ---

  add(value, points = []) {
    return this.merge({ id: `${this.#me}-${++this.#made}`, version: 1, by: this.#me, value, at: 0, points });
  }

  /** Null: it is full, or somebody has changed it. */
  extend({ id, version, by, value, points }, more) {
    return this.merge({ id, version, by, value, at: points.length / 2, points: more });
  }

  remove({ id, version }) {
    return this.merge({ id, version: version + 1, by: this.#me, value: null });
  }

  // --- everybody's ---

  /**
   * Takes a piece in, if there is anything new in it.
   * @param {any} piece  as it came: from a peer, it may be anything
   * @returns {{element: Element, from: number, replaced: boolean} | null} from: the first of the
   *     new points; replaced: what it was before is to be seen no more
   */
  merge(piece) {
    const { id, version, by, value: given, at = 0, points = [] } = piece ?? {};
    if (!this.#valid(id, version, by, at, points)) return null;
    const value = given === null ? null : this.#rules.clean(given);
    if (given !== null && !value) return null;

    let element = this.#byId.get(id);
    const order = element ? compare({ version, by, value }, element) : 1;
    if (order < 0 || (!element && this.#byId.size >= ELEMENTS_MOST)) return null;
    const replaced = order > 0 && Boolean(element?.value);
    if (element) this.#hash(element);
    else this.#byId.set(id, element = { id, version, by, value: null, points: [] });
    if (order > 0) this.#replace(element, version, by, value);
    const from = element.points.length / 2;
    if (value) this.#hold(element, at, points);
    this.#hash(element);
    const news = order > 0 || element.points.length / 2 > from;
    return news ? { element, from, replaced } : null;
  }

  /** The pieces that bring an element to somebody who has so many points of it. */
  * pieces({ id, version, by, value, points }, from = 0) {
    if (!value) {
      yield { id, version, by, value };
      return;
    }
    let at = from;
    do {
      yield { id, version, by, value, at, points: points.slice(2 * at, 2 * (at + PIECE_POINTS)) };
      at += PIECE_POINTS;
    } while (2 * at < points.length);
  }

  // --- what differs between two that have met ---

  /** A number for each bucket: two who have the same in it have the same number; 0 is nothing. */
  hashes() {
    return [...this.#hashes];
  }

  /** What there is in some buckets: [id, version, by, points] each. */
  known(buckets) {
    const wanted = new Set(buckets);
    return [...this.#byId.values()].filter(({ id }) => wanted.has(bucket(id)))
      .map(({ id, version, by, points }) => [id, version, by, points.length / 2]);
  }

  /**
   * The pieces that somebody lacks in some buckets.
   * @param {number[]} buckets
   * @param {any[]} known  as known() of the other says
   */
  * lacking(buckets, known) {
    const wanted = new Set(buckets);
    const others = new Map();
    for (const entry of known) if (Array.isArray(entry)) others.set(entry[0], entry);
    for (const element of this.#byId.values()) {
      if (!wanted.has(bucket(element.id))) continue;
      const [, version, by, points] = others.get(element.id) ?? [];
      const same = version === element.version && by === element.by;
      const behind = !(version > element.version || (version === element.version && by > element.by));
      if (!same && behind) yield* this.pieces(element);
      else if (same && points >= 0 && points < element.points.length / 2) yield* this.pieces(element, points);
    }
  }

  /** All of it, in one way to write it. */
  canonical() {
    return JSON.stringify([...this.#byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
      .map(({ id, version, by, value, points }) => [id, version, by, value, points]));
  }

  #valid(id, version, by, at, points) {
    const { coordinateMost } = this.#rules;
    return name(id) && name(by) && whole(version, VERSION_MOST) && whole(at, ELEMENT_POINTS_MOST) &&
      Array.isArray(points) && points.length % 2 === 0 && points.length <= 2 * PIECE_POINTS &&
      points.every((value) => typeof value === 'number' && Math.abs(value) <= coordinateMost);
  }

  #replace(element, version, by, value) {
    if (element.value) this.list.splice(this.list.indexOf(element), 1);
    this.points -= element.points.length / 2;
    this.#holding -= this.#held.get(element.id)?.size ?? 0;
    this.#held.delete(element.id);
    Object.assign(element, { version, by, value, points: [] });
    if (value) this.#insert(element);
  }

  #insert(element) {
    let place = this.list.length;
    while (place > 0 && above(this.list[place - 1], element)) place--;
    this.list.splice(place, 0, element);
  }

  /** Points that follow what is there are added; others wait for those before them. */
  #hold(element, at, points) {
    const held = this.#held.get(element.id) ?? new Map();
    this.#grow(element, at, points);
    if (at > element.points.length / 2 && this.#holding < HELD_MOST && !(held.get(at)?.length >= points.length)) {
      this.#holding += Number(!held.has(at));
      held.set(at, points);
      this.#held.set(element.id, held);
    }
    for (let grown = true; grown && held.size;) {
      grown = false;
      for (const [place, more] of held) {
        if (place > element.points.length / 2) continue;
        held.delete(place);
        this.#holding--;
        grown = this.#grow(element, place, more) || grown;
      }
    }
    if (!held.size) this.#held.delete(element.id);
  }

  #grow(element, at, points) {
    const have = element.points.length / 2;
    if (at > have) return false;
    const fresh = points.slice(2 * (have - at));
    const more = fresh.length / 2;
    if (!more || have + more > ELEMENT_POINTS_MOST || this.points + more > POINTS_MOST) return false;
    element.points.push(...fresh);
    this.points += more;
    return true;
  }

  /** Once before a change and once after it. */
  #hash({ id, version, by, value, points }) {
    this.#hashes[bucket(id)] ^= fnv(JSON.stringify([id, version, by, value, points.length])) | 1;
  }
}

/** Above 0: the first one counts. */
function compare(a, b) {
  if (a.version !== b.version) return a.version - b.version;
  if (a.by !== b.by) return a.by < b.by ? -1 : 1;
  // Who makes two values of one version contradicts himself, but must not divide the others.
  const [one, other] = [JSON.stringify(a.value), JSON.stringify(b.value)];
  return one === other ? 0 : one < other ? -1 : 1;
}

function above(a, b) {
  return a.value.order > b.value.order || (a.value.order === b.value.order && a.id > b.id);
}

function bucket(id) {
  return fnv(id) % BUCKETS;
}

/** FNV-1a: crypto.subtle exists under HTTPS alone, and nobody is kept out by this. */
function fnv(text) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

function name(text) {
  return typeof text === 'string' && /^[\w-]{1,64}$/.test(text);
}

export function whole(value, most) {
  return Number.isInteger(value) && value >= 0 && value <= most;
}
