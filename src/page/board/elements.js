/**
 * elements.js - what everybody in a room is to see alike.
 *
 * An element has an id, a version and who made that version; the higher version counts, and of
 * two that are alike the higher name. What is deleted stays as a version without a value, and
 * comes back as one more. Within a version the points only ever grow, and its value may be
 * edited: the higher edit counts. So pieces may come twice, late, from anybody and in any order:
 * who got the same pieces has the same elements.
 *
 *     {"id":"…","version":1,"by":"…","value":{…},"at":0,"points":[x,y,pressure,x,y,pressure,…]}
 *     {"id":"…","version":1,"by":"…","edit":1,"editor":"…","value":{…},"at":0,"points":[]}
 *     {"id":"…","version":2,"by":"…","value":null}
 */

import { randomId } from '../client/random.js';

/**
 * @typedef {{order: number, [member: string]: any}} Value  as Rules.clean() leaves it
 *
 * @typedef {object} Version
 * @property {string} id
 * @property {number} version
 * @property {string} by
 * @property {number} edit                   of this version: how often its value was changed
 * @property {string} editor                 who changed it last; empty: nobody
 * @property {number[]} points               the numbers of all points, one point after the other
 *
 * @typedef {Version & {value: Value}} Present  replaced as a whole, never changed
 * @typedef {Version & {value: null}} Deleted
 * @typedef {Present | Deleted} Element
 *
 * @typedef {object} Merged
 * @property {Element} element
 * @property {number} from       the first of the new points
 * @property {boolean} replaced  what it was before is to be seen no more
 *
 * @typedef {{edit: number, editor: string, value: Value | null}} Edit
 *
 * @typedef {object} Rules
 * @property {(value: any) => Value | null} clean  the value as it is kept, its members always
 *     in the same order; null: there is no such value
 * @property {number[]} point  what each number of a point is at most, to both sides of 0
 */

export const BUCKETS = 64;

// What there is is bounded, whatever peers send.
export const ELEMENTS_MAX = 20_000; // deleted ones included
export const POINTS_MAX = 400_000;
const ELEMENT_POINTS_MAX = 4_000;
const VERSION_MAX = 1e9;
const HELD_MAX = 1_000; // pieces that came before those that they follow

// A message stays below 16 KiB: 24 characters a point at most.
export const PIECE_POINTS = 500;

export class Elements {
  /** @type {Present[]} those that are not deleted, from the lowest to the topmost */
  list = [];
  points = 0;

  #rules;
  #stride; // numbers a point
  /** @type {Map<string, Element>} */
  #byId = new Map();
  /** @type {Map<string, Map<number, number[]>>} by id: pieces' points by their place */
  #held = new Map();
  #holding = 0;
  #hashes = new Uint32Array(BUCKETS);
  #me = randomId();
  #made = 0;

  /** @param {Rules} rules */
  constructor(rules) {
    this.#rules = rules;
    this.#stride = rules.point.length;
  }

  /**
   * @param {string} id
   * @returns {Element | undefined} a deleted one, too
   */
  get(id) {
    return this.#byId.get(id);
  }

  /** There is no place for another element, or for another point. */
  get full() {
    return this.#byId.size >= ELEMENTS_MAX || this.points >= POINTS_MAX;
  }

  /**
   * How many points an element has.
   * @param {{points: number[]}} element
   */
  count({ points }) {
    return points.length / this.#stride;
  }

  // --- of our own; each gives what merge() gives ---

  /**
   * @param {object} value
   * @param {number[]} [points]
   */
  add(value, points = []) {
    return this.#insertVersion(`${this.#me}-${++this.#made}`, 1, value, points);
  }

  /**
   * Null: it is full, or was deleted.
   * @param {Element} element
   * @param {number[]} more
   */
  extend(element, more) {
    const { id, version, by, edit, editor, value } = element;
    return this.merge({ id, version, by, edit, editor, value, at: this.count(element), points: more });
  }

  /**
   * Null: there is no such value, or nothing to be changed.
   * @param {Element} element
   * @param {object} change
   */
  edit({ id, version, by, edit, value }, change) {
    return value && this.merge({ id, version, by, edit: edit + 1, editor: this.#me, value: { ...value, ...change } });
  }

  /** @param {Element} element */
  remove({ id, version }) {
    return this.merge({ id, version: version + 1, by: this.#me, value: null });
  }

  /**
   * Something that was deleted, as it was before.
   * @param {Element} element
   * @param {object} value
   * @param {number[]} points
   */
  restore({ id, version }, value, points) {
    return this.#insertVersion(id, version + 1, value, points);
  }

  /**
   * @param {string} id
   * @param {number} version
   * @param {object} value
   * @param {number[]} points
   */
  #insertVersion(id, version, value, points) {
    const part = PIECE_POINTS * this.#stride;
    const merged = this.merge({ id, version, by: this.#me, value, at: 0, points: points.slice(0, part) });
    for (let i = part; merged && i < points.length; i += part) this.extend(merged.element, points.slice(i, i + part));
    return merged;
  }

  // --- everybody's ---

  /**
   * Takes a piece in, if there is anything new in it.
   * @param {any} piece  as it came: from a peer, it may be anything
   * @returns {Merged | null}
   */
  merge(piece) {
    const { id, version, by, edit = 0, editor = '', value: given, at = 0, points = [] } = piece ?? {};
    if (!this.#valid(id, version, by, at, points) || !validEdit(edit, editor, given)) return null;
    const value = given === null ? null : this.#rules.clean(given);
    if (given !== null && !value) return null;

    let element = this.#byId.get(id);
    const order = element ? compare({ version, by }, element) : 1;
    if (order < 0 || (!element && this.#byId.size >= ELEMENTS_MAX)) return null;
    const newer = order > 0 || !element || compareEdits({ edit, editor, value }, element) > 0;
    const replaced = newer && Boolean(element?.value);
    if (element) this.#hash(element);
    else this.#byId.set(id, element = { id, version, by, edit, editor, value: null, points: [] });
    if (order > 0) this.#empty(element);
    if (newer) this.#set(element, { version, by, edit, editor, value });
    const from = this.count(element);
    if (value) this.#hold(element, at, points);
    this.#hash(element);
    return newer || this.count(element) > from ? { element, from, replaced } : null;
  }

  /**
   * The pieces that bring an element to somebody who has so many points of it.
   * @param {Element} element
   * @param {number} [from]
   */
  * pieces({ id, version, by, edit, editor, value, points }, from = 0) {
    if (!value) {
      yield { id, version, by, value };
      return;
    }
    const head = { id, version, by, ...(edit ? { edit, editor } : {}), value };
    let at = from;
    do {
      yield { ...head, at, points: points.slice(this.#stride * at, this.#stride * (at + PIECE_POINTS)) };
      at += PIECE_POINTS;
    } while (this.#stride * at < points.length);
  }

  // --- what differs between two that have met ---

  /** A number for each bucket: two who have the same in it have the same number; 0 is nothing. */
  hashes() {
    return [...this.#hashes];
  }

  /**
   * What there is in some buckets: [id, version, by, points, edit, editor] each.
   * @param {number[]} buckets
   */
  known(buckets) {
    const wanted = new Set(buckets);
    return [...this.#byId.values()].filter(({ id }) => wanted.has(bucket(id)))
      .map((element) => [element.id, element.version, element.by, this.count(element), element.edit, element.editor]);
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
      const [, version = -1, by = '', points, edit = 0, editor = ''] = others.get(element.id) ?? [];
      const order = compare(element, { version, by });
      if (order > 0) yield* this.pieces(element);
      if (order !== 0 || !isIntegerUpTo(points, ELEMENT_POINTS_MAX)) continue;
      const outdated = compare({ version: element.edit, by: element.editor }, { version: edit, by: editor }) > 0;
      const count = this.count(element);
      if (outdated || points < count) yield* this.pieces(element, Math.min(points, count));
    }
  }

  /** All of it, in one way to write it. */
  canonical() {
    return JSON.stringify([...this.#byId.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
      .map(({ id, version, by, edit, editor, value, points }) => [id, version, by, edit, editor, value, points]));
  }

  /**
   * @param {any} id
   * @param {any} version
   * @param {any} by
   * @param {any} at
   * @param {any} points
   */
  #valid(id, version, by, at, points) {
    const { point } = this.#rules;
    return isName(id) && isName(by) && isIntegerUpTo(version, VERSION_MAX) && isIntegerUpTo(at, ELEMENT_POINTS_MAX) &&
      Array.isArray(points) && points.length % this.#stride === 0 && points.length <= this.#stride * PIECE_POINTS &&
      points.every((value, i) => typeof value === 'number' && Math.abs(value) <= point[i % this.#stride]);
  }

  /** @param {Element} element */
  #empty(element) {
    this.points -= this.count(element);
    this.#holding -= this.#held.get(element.id)?.size ?? 0;
    this.#held.delete(element.id);
    element.points = []; // a new list: somebody may keep the old one, to restore it
  }

  /**
   * @param {Element} element
   * @param {Partial<Element>} change
   */
  #set(element, change) {
    const moves = element.value?.order !== change.value?.order;
    if (moves && element.value) this.list.splice(this.list.lastIndexOf(element), 1);
    Object.assign(element, change);
    if (moves && element.value) this.#insert(element);
  }

  /** @param {Present} element */
  #insert(element) {
    let place = this.list.length;
    while (place > 0 && above(this.list[place - 1], element)) place--;
    this.list.splice(place, 0, element);
  }

  /**
   * Points that follow what is there are added; others wait for those before them.
   * @param {Element} element
   * @param {number} at
   * @param {number[]} points
   */
  #hold(element, at, points) {
    const held = this.#held.get(element.id) ?? new Map();
    this.#grow(element, at, points);
    if (at > this.count(element) && this.#holding < HELD_MAX && !((held.get(at)?.length ?? -1) >= points.length)) {
      this.#holding += Number(!held.has(at));
      held.set(at, points);
      this.#held.set(element.id, held);
    }
    for (let grown = true; grown && held.size;) {
      grown = false;
      for (const [place, more] of held) {
        if (place > this.count(element)) continue;
        held.delete(place);
        this.#holding--;
        grown = this.#grow(element, place, more) || grown;
      }
    }
    if (!held.size) this.#held.delete(element.id);
  }

  /**
   * @param {Element} element
   * @param {number} at
   * @param {number[]} points
   */
  #grow(element, at, points) {
    const have = this.count(element);
    if (at > have) return false;
    const fresh = points.slice(this.#stride * (have - at));
    const more = fresh.length / this.#stride;
    if (!more || have + more > ELEMENT_POINTS_MAX || this.points + more > POINTS_MAX) return false;
    element.points.push(...fresh);
    this.points += more;
    return true;
  }

  /**
   * Once before a change and once after it.
   * @param {Element} element
   */
  #hash({ id, version, by, edit, editor, value, points }) {
    this.#hashes[bucket(id)] ^= fnv(JSON.stringify([id, version, by, edit, editor, value, points.length])) | 1;
  }
}

/**
 * Above 0: the first one counts.
 * @param {{version: number, by: string}} a
 * @param {{version: number, by: string}} b
 */
function compare(a, b) {
  if (a.version !== b.version) return a.version - b.version;
  return a.by === b.by ? 0 : a.by < b.by ? -1 : 1;
}

/**
 * The same of two edits of one version.
 * @param {Edit} a
 * @param {Edit} b
 */
function compareEdits(a, b) {
  const order = compare({ version: a.edit, by: a.editor }, { version: b.edit, by: b.editor });
  if (order) return order;
  // A peer that sends two values for one edit is faulty, but must not make the others diverge.
  const [one, other] = [JSON.stringify(a.value), JSON.stringify(b.value)];
  return one === other ? 0 : one < other ? -1 : 1;
}

/**
 * What was not edited has no editor; what is deleted is not edited.
 * @param {any} edit
 * @param {any} editor
 * @param {any} value
 */
function validEdit(edit, editor, value) {
  return edit === 0 ? editor === '' : isIntegerUpTo(edit, VERSION_MAX) && isName(editor) && value !== null;
}

/**
 * @param {Present} a
 * @param {Present} b
 */
function above(a, b) {
  return a.value.order > b.value.order || (a.value.order === b.value.order && a.id > b.id);
}

/** @param {string} id */
function bucket(id) {
  return fnv(id) % BUCKETS;
}

/**
 * FNV-1a: crypto.subtle exists in secure contexts only, and this hash protects nothing.
 * @param {string} text
 */
function fnv(text) {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** @param {any} text */
function isName(text) {
  return typeof text === 'string' && /^[\w-]{1,32}$/.test(text);
}

/**
 * @param {any} value
 * @param {number} max
 */
export function isIntegerUpTo(value, max) {
  return Number.isInteger(value) && value >= 0 && value <= max;
}
