/**
 * elements.js - what everybody in a room is to see alike.
 *
 * An element has an id, a version and who made that version; the higher version counts, and of
 * two that are alike the higher name. What is deleted is dead in that version and all before it
 * (graves.js), and comes back as one more. Within a version the points only ever grow, and of two
 * points for one place the higher counts; its value may be edited: the higher format counts, as a
 * page of a lower one may have lost what it did not know, and within one the higher edit, and what that has undone
 * is done again (edits.js). So
 * pieces may come twice, late, from anybody and in any order: who got the same pieces has the
 * same elements.
 *
 *     {"id":"…","version":1,"by":"…","value":{…},"at":0,"points":[x,y,pressure,x,y,pressure,…]}
 *     {"id":"…","version":1,"by":"…","edit":1,"editor":"…","base":[[…,"…"]],"value":{…},"at":0,"points":[]}
 *     {"id":"…","version":2,"by":"…","value":null}
 *     {"dead":"page","runs":[from,to,version,…],"by":"…"}  of that page's elements these numbers; by whom, where that
 *                                                   is known
 *
 * What lives is bounded, and what is dead is bounded apart from it. Where there is no place, what
 * lies lowest stays: an element more takes the place of the topmost one, points more are taken
 * from those on top. What was left out is asked for anew by whoever has place again, so two boards
 * become the same by telling each other what they have, also when they are full.
 *
 * No number is too high to be beaten: an element whose edits have come to their end is edited
 * as one more version, a version at the end of all can be deleted, and what was deleted in it
 * comes back under another id. (Nothing is clipped to what is known: that depends on what came first.)
 */

import { arePoints, isIntegerUpTo } from './checks.js';
import { Edits, baseOn, parseBase } from './edits.js';
import { Graves, RUNS_MAX, VERSION_MAX, graves, joined, makeId, parseId, parseRuns } from './graves.js';
import { EMPTY, fnv, fnvNumbers } from './hash.js';
import { randomId } from '../client/random.js';
import { firstIndex } from '../client/search.js';

/**
 * @typedef {{order: number, format?: number, [member: string]: any}} Value  as Rules.clean() leaves it; without a
 *     format it is of the first
 *
 * @typedef {object} Version
 * @property {string} id
 * @property {number} version
 * @property {string} by
 * @property {number} edit                   of this version: how often its value was changed
 * @property {string} editor                 who changed it last; empty: nobody
 * @property {import('./edits.js').Base} [base]  the edits that this one was made on top of
 * @property {number[]} points               the numbers of all points, one point after the other; a new
 *     list wherever it does not merely grow
 *
 * @typedef {Version & {value: Value}} Present  replaced as a whole, never changed
 * @typedef {Version & {value: null}} Deleted
 * @typedef {Present | Deleted} Element
 *
 * @typedef {object} Merged
 * @property {Element} element   of a run of dead ones the first
 * @property {number} from       the first of the new points
 * @property {boolean} replaced  what it was before is to be seen no more
 * @property {Removed[]} [removed]  what is deleted by it
 *
 * @typedef {{id: string, by: string, value: Value, points: number[]}} Removed  by: whom; empty: that is not known
 *
 * @typedef {{edit: number, editor: string, value: Value | null}} Edit
 *
 * @typedef {object} Rules
 * @property {(value: any) => Value | null} clean  the value as it is kept, its members always
 *     in the same order; null: there is no such value
 * @property {(base: Value, ours: Value, theirs: Value) => Value} merge  what two have made of one value
 * @property {number[]} point  what each number of a point is at most, to both sides of 0
 */

export const BUCKETS = 64;

// What there is is bounded, whatever peers send.
export const ELEMENTS_MAX = 20_000;
export const POINTS_MAX = 400_000;
export const GRAVES_MAX = 20_000; // runs
export const ELEMENT_POINTS_MAX = 4_000;
const HELD_MAX = 1_000; // pieces that came before those that they follow

// A message stays below 16 KiB: 24 characters a point at most.
export const PIECE_POINTS = 500;

export class Elements {
  /** @type {Present[]} those that are not deleted, from the lowest to the topmost */
  list = [];
  points = 0;
  /** @type {(element: Element) => void} it was in the way of another piece, which took it away or shortened it */
  lost = () => {};

  #rules;
  #max;
  #graves;
  #edits = new Edits();
  #stride; // numbers a point
  /** @type {Map<string, Present>} */
  #byId = new Map();
  /** @type {Map<string, Set<Present>>} */
  #byPage = new Map();
  /** @type {WeakMap<Version, number>} a hash of its points */
  #sums = new WeakMap();
  /** What each adds to the hashes, while it does. @type {WeakMap<Present, number>} */
  #marks = new WeakMap();
  /** @type {Set<string>} ids of ours that have not left this page */
  #untold = new Set();
  /** @type {Map<string, Map<number, number[]>>} by id: pieces' points by their place */
  #held = new Map();
  #holding = 0;
  #hashes = new Uint32Array(BUCKETS);
  #me = pageId();
  #made = 0;

  /**
   * @param {Rules} rules
   * @param {{elements: number, points: number, graves: number}} [max]
   */
  constructor(rules, max = { elements: ELEMENTS_MAX, points: POINTS_MAX, graves: GRAVES_MAX }) {
    this.#rules = rules;
    this.#max = max;
    this.#stride = rules.point.length;
    this.#graves = new Graves(max.graves, (page, hash) => { this.#hashes[bucket(page)] ^= hash | 1; });
  }

  /**
   * @param {string} id
   * @returns {Element | undefined} a deleted one, too
   */
  get(id) {
    const version = this.#graves.version(id);
    return this.#byId.get(id) ?? (version ? deleted(id, version) : undefined);
  }

  /** How much of the place is taken, of 1. */
  get filled() {
    return Math.max(this.list.length / this.#max.elements, this.points / this.#max.points);
  }

  /** There is no place for another element, or for another point. */
  get full() {
    return this.filled >= 1;
  }

  /**
   * There is place for so many points, of one element or more, and nothing has to give way.
   * @param {number} points
   * @param {number} [count]  elements
   */
  hasPlace(points, count = 1) {
    return this.list.length + count <= this.#max.elements && this.points + points <= this.#max.points;
  }

  /** How many runs of dead ones there are. */
  get graves() {
    return this.#graves.size;
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
   * Null: it is full.
   * @param {object} value
   * @param {number[]} [points]
   */
  add(value, points = []) {
    // Somebody may have said that what we shall make is dead.
    while (this.get(makeId({ page: this.#me, number: this.#made + 1 }))) [this.#me, this.#made, this.#edits] = [pageId(), 0, new Edits()];
    const id = makeId({ page: this.#me, number: ++this.#made });
    this.#untold.add(id);
    const merged = this.#insertVersion(id, 1, value, points);
    if (!merged) this.#untold.delete(id);
    return merged;
  }

  /**
   * Null: it is full, or was deleted.
   * @param {Element} element
   * @param {number[]} more
   */
  extend(element, more) {
    const { id, version, by, edit, editor, value } = element;
    return value && this.merge({ id, version, by, edit, editor, value, at: this.count(element), points: more });
  }

  /**
   * Null: there is no such value, or nothing to be changed.
   * @param {Element} element
   * @param {object} change
   */
  edit(element, change) {
    const { value } = element;
    if (!value) return null;
    const merged = this.#edit(element, { ...value, ...change });
    const made = merged?.element;
    if (made?.value) this.#edits.made(made, value);
    return merged;
  }

  /**
   * Somebody else has edited it: what was edited here meanwhile, and that has undone, is done again.
   * @param {Element} element
   * @returns {{before: Value, after: Value, merged: Merged | null} | null}  what it was before that, and is now; null:
   *     it was not edited here
   */
  editAgain(element) {
    const { value } = element;
    const rebased = value && this.#edits.rebase(element, this.#me, this.#rules.merge);
    if (!rebased) return null;
    const same = Object.keys(value).every((name) => value[name] === rebased.after[name]);
    return { ...rebased, merged: same ? null : this.#edit(element, rebased.after) };
  }

  /**
   * @param {Present} element
   * @param {object} value
   */
  #edit(element, value) {
    const { id, version, by, edit, points } = element;
    if (edit === VERSION_MAX) return this.#insertVersion(id, version + 1, value, points);
    return this.merge({ id, version, by, edit: edit + 1, editor: this.#me, base: baseOn(element), value });
  }

  /**
   * What nobody was told of leaves nothing behind.
   * @param {Element} element
   * @returns {Merged | null}
   */
  remove({ id, version }) {
    const element = this.#byId.get(id);
    if (!element || !this.#untold.has(id)) {
      return this.merge({ id, version: versionAfter(version), by: this.#me, value: null });
    }
    this.#drop(element, version);
    return { element, from: 0, replaced: true };
  }

  /**
   * Many at once: others are told in few words.
   * @param {Present[]} elements
   * @returns {import('./graves.js').Grave[]} the pieces that say so; those that nobody was told of are in none
   */
  removeAll(elements) {
    /** @type {[Present, number][]} */
    const gone = [];
    /** @type {Map<string, import('./graves.js').Run[]>} */
    const runs = new Map();
    for (const element of elements) {
      const told = !this.#untold.has(element.id);
      const version = told ? versionAfter(element.version) : element.version;
      gone.push([element, version]);
      if (!told) continue;
      const { page, number } = parseId(element.id);
      const numbers = runs.get(page) ?? [];
      numbers.push({ from: number, to: number, version });
      runs.set(page, numbers);
    }
    const pieces = [];
    for (const [page, numbers] of runs) {
      const all = joined(numbers);
      for (const run of all) this.#graves.add(page, run);
      pieces.push(...graves(page, all).map((piece) => ({ ...piece, by: this.#me })));
    }
    this.#dropAll(gone);
    return pieces;
  }

  /**
   * Something that was deleted, as it was before; perhaps under another id.
   * @param {{id: string, version: number}} element
   * @param {object} value
   * @param {number[]} points
   */
  restore({ id, version }, value, points) {
    return version < VERSION_MAX ? this.#insertVersion(id, version + 1, value, points) : this.add(value, points);
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
    const { id, version, by, edit = 0, editor = '', base, value: given, at = 0, points = [], dead, runs } = piece ?? {};
    if (dead !== undefined) return this.#bury(dead, runs, by);
    if (!this.#valid(id, version, by, at, points) || !validEdit(edit, editor, given)) return null;
    if (given === null) return this.#kill(id, version, by);
    const value = this.#rules.clean(given);
    if (!value || version <= this.#graves.version(id)) return null;

    let element = this.#byId.get(id);
    const order = element ? compare({ version, by }, element) : 1;
    if (order < 0) return null;
    const newer = order > 0 || !element || compareEdits({ edit, editor, value }, element) > 0;
    const replaced = newer && Boolean(element);
    if (element) {
      this.#hash(element);
      if (order > 0) this.#empty(element);
      if (newer) this.#set(element, { version, by, edit, editor, base: parseBase(base), value });
      if (newer) this.#edits.note(element);
    } else {
      element = this.#insert({ id, version, by, edit, editor, value, points: [] });
      if (!element) return null;
    }
    const count = this.count(element);
    const from = this.#hold(element, at, points);
    this.#hash(element);
    return newer || from < Infinity ? { element, from: Math.min(from, count), replaced: replaced || from < count } : null;
  }

  /**
   * The pieces that bring an element to somebody who has so many points of it. Neither another page nor this
   * browser's store has it but by these.
   * @param {Element} element
   * @param {number} [from]
   */
  * pieces({ id, version, by, edit, editor, base, value, points }, from = 0) {
    this.#untold.delete(id);
    if (!value) {
      const dead = this.#graves.version(id);
      if (dead) yield { id, version: dead, by: this.#me, value };
      return;
    }
    const head = { id, version, by, ...(edit ? { edit, editor, base } : {}), value };
    let at = from;
    do {
      yield { ...head, at, points: points.slice(this.#stride * at, this.#stride * (at + PIECE_POINTS)) };
      at += PIECE_POINTS;
    } while (this.#stride * at < points.length);
  }

  /**
   * What is to be kept of elements that have changed: pieces by their key; null: nothing any more.
   * @param {Iterable<string>} ids
   */
  kept(ids) {
    /** @type {Map<string, object[] | null>} */
    const kept = new Map();
    const pages = new Set();
    for (const id of ids) {
      const element = this.#byId.get(id);
      kept.set(id, element ? [...this.pieces(element)] : null);
      pages.add(parseId(id).page);
    }
    for (const page of pages) {
      const runs = [...this.#graves.pieces(page)];
      kept.set(graveKey(page), runs.length ? runs : null);
    }
    return kept;
  }

  // --- what differs between two that have met ---

  /** A number for each bucket: two who have the same in it have the same number; 0 is nothing. */
  hashes() {
    return [...this.#hashes];
  }

  /**
   * In which bucket it is what a piece is of.
   * @param {any} piece
   */
  bucketOf(piece) {
    return bucket(String(piece?.dead ?? piece?.id));
  }

  /**
   * What there is in some buckets: [id, version, by, points, edit, editor, hash of the points, hash of the value,
   * format] each; and all that is dead, [.page, from, to, version, …] for each page that made it.
   * @param {number[]} buckets
   */
  known(buckets) {
    const wanted = new Set(buckets);
    const living = this.list.filter(({ id }) => wanted.has(bucket(id))).map((element) => [element.id, element.version,
      element.by, this.count(element), element.edit, element.editor, this.#sum(element), valueSum(element), formatOf(element)]);
    const dead = this.#graves.pages.map((page) => [graveKey(page), ...this.#graves.of(page)]);
    return [...living, ...dead];
  }

  /**
   * The pieces that somebody lacks in some buckets.
   * @param {number[]} buckets
   * @param {any[]} known  as known() of the other says
   */
  * lacking(buckets, known) {
    const wanted = new Set(buckets);
    const others = new Map();
    for (const entry of known) if (Array.isArray(entry)) others.set(entry[0], entry.slice(1));
    const dead = new Graves(this.#max.graves);
    for (const [id, numbers] of others) {
      if (typeof id !== 'string' || id[0] !== '.') continue;
      for (const run of parseRuns(numbers)) if (dead.size < this.#max.graves) dead.add(id.slice(1), run);
    }
    for (const page of this.#graves.pages) if (wanted.has(bucket(page))) yield* this.#graves.pieces(page, dead);
    yield* this.#news(others);
    for (const element of this.list) {
      if (!wanted.has(bucket(element.id)) || element.version <= dead.version(element.id)) continue;
      const [version = -1, by = '', points, edit = 0, editor = '', sum, sumOfValue, format = 1] = others.get(element.id) ?? [];
      const order = compare(element, { version, by });
      if (order > 0) yield* this.pieces(element);
      if (order !== 0 || !isIntegerUpTo(points, ELEMENT_POINTS_MAX)) continue;
      const edited = formatOf(element) - format || compare({ version: element.edit, by: element.editor }, { version: edit, by: editor });
      const outdated = edited > 0 || (edited === 0 && sumOfValue !== undefined && sumOfValue !== valueSum(element));
      const count = this.count(element);
      const same = sum === undefined || points > count || sum === this.#sum(element, points);
      if (outdated || points < count || !same) yield* this.pieces(element, same ? Math.min(points, count) : 0);
    }
  }

  /**
   * A page from before there were runs is told of each that is dead by itself.
   * @param {Map<any, any[]>} others
   */
  * #news(others) {
    for (const [id, known] of others) {
      if (known.length !== 5 || typeof id !== 'string' || this.#byId.has(id)) continue;
      if (known[0] < this.#graves.version(id)) yield* this.pieces(deleted(id, known[0]));
    }
  }

  /** All of it, in one way to write it. */
  canonical() {
    const living = this.list.map(({ id, version, by, edit, editor, value, points }) => [id, version, by, edit, editor, value, points]);
    const dead = this.#graves.pages.map((page) => [graveKey(page), this.#graves.of(page)]);
    return JSON.stringify([...living, ...dead].sort(([one], [other]) => (one < other ? -1 : 1)));
  }

  /**
   * @param {any} id
   * @param {any} version
   * @param {any} by
   * @param {any} at
   * @param {any} points
   */
  #valid(id, version, by, at, points) {
    return isName(id) && isName(by) && isIntegerUpTo(version, VERSION_MAX) && isIntegerUpTo(at, ELEMENT_POINTS_MAX) &&
      arePoints(points, this.#rules.point, PIECE_POINTS);
  }

  // --- the dead ---

  /**
   * @param {string} id
   * @param {number} version
   * @param {string} by
   * @returns {Merged | null}
   */
  #kill(id, version, by) {
    const { page, number } = parseId(id);
    if (!version || !this.#graves.add(page, { from: number, to: number, version })) return null;
    const element = this.#byId.get(id);
    const replaced = element !== undefined && element.version <= version;
    const removed = replaced ? [removedBy(by, element)] : [];
    if (replaced) this.#drop(element, version);
    return { element: element ?? deleted(id, version), from: 0, replaced, removed };
  }

  /**
   * @param {any} page
   * @param {any} numbers
   * @param {any} by
   * @returns {Merged | null}
   */
  #bury(page, numbers, by) {
    if (!isName(page) || !Array.isArray(numbers) || numbers.length > 3 * RUNS_MAX) return null;
    const [first] = parseRuns(numbers).filter((run) => this.#graves.add(page, run));
    if (!first) return null;
    /** @type {[Present, number][]} */
    const gone = [];
    for (const element of this.#byPage.get(page) ?? []) {
      const version = this.#graves.version(element.id);
      if (element.version <= version) gone.push([element, version]);
    }
    const removed = gone.map(([element]) => removedBy(isName(by) ? by : '', element));
    this.#dropAll(gone);
    return { element: deleted(makeId({ page, number: first.from }), first.version), from: 0, replaced: false, removed };
  }

  // --- the living ---

  /**
   * Undefined: there is no place for it.
   * @param {Present} element
   * @returns {Present | undefined}
   */
  #insert(element) {
    const { id } = element;
    const place = this.#place(element);
    if (place >= this.#max.elements) return undefined;
    this.list.splice(place, 0, element);
    this.#byId.set(id, element);
    const { page } = parseId(id);
    const others = this.#byPage.get(page) ?? new Set();
    this.#byPage.set(page, others.add(element));
    if (this.list.length > this.#max.elements) {
      const top = this.list[this.list.length - 1];
      this.#drop(top, top.version);
      this.lost(top);
    }
    return element;
  }

  /**
   * They are not on the board any more. Who has them still sees that.
   * @param {[Present, number][]} elements  and in which version that is
   */
  #dropAll(elements) {
    const gone = new Set(elements.map(([element]) => element));
    if (gone.size) this.list = this.list.filter((element) => !gone.has(/** @type {Present} */ (element)));
    for (const [element, version] of elements) {
      this.#forget(element, version);
      this.lost(element);
    }
  }

  /**
   * @param {Present} element
   * @param {number} version
   */
  #drop(element, version) {
    this.list.splice(this.#place(element), 1);
    this.#forget(element, version);
  }

  /**
   * @param {Present} element
   * @param {number} version
   */
  #forget(element, version) {
    const { id } = element;
    const { page } = parseId(id);
    this.#hash(element);
    this.#empty(element);
    this.#byId.delete(id);
    this.#untold.delete(id);
    this.#edits.forget(id);
    const others = this.#byPage.get(page);
    others?.delete(element);
    if (!others?.size) this.#byPage.delete(page);
    Object.assign(element, deleted(id, version));
  }

  /** @param {Present} element */
  #empty(element) {
    this.points -= this.count(element);
    this.#forgetHeld(element.id);
    this.#setPoints(element, []);
  }

  /**
   * @param {Present} element
   * @param {Omit<Present, 'id' | 'points'>} change
   */
  #set(element, change) {
    const moves = element.value.order !== change.value.order;
    if (moves) this.list.splice(this.#place(element), 1);
    Object.assign(element, change);
    if (moves) this.list.splice(this.#place(element), 0, element);
  }

  /**
   * Where it is in the list, or would be.
   * @param {Present} element
   */
  #place(element) {
    return firstIndex(this.list, (other) => !above(element, other));
  }

  // --- points ---

  /**
   * Points that follow what is there are added; others wait for those before them.
   * @param {Present} element
   * @param {number} at
   * @param {number[]} points
   * @returns {number} the first that is another now; Infinity: none
   */
  #hold(element, at, points) {
    const { id } = element;
    if (at > this.count(element)) {
      this.#wait(id, at, points);
      return Infinity;
    }
    let from = this.#grow(element, at, points);
    for (let grown = from < Infinity; grown;) {
      grown = false;
      const held = this.#held.get(id) ?? new Map();
      for (const [place, more] of held) {
        if (place > this.count(element)) continue;
        held.delete(place);
        this.#holding--;
        const first = this.#grow(element, place, more);
        grown ||= first < Infinity;
        from = Math.min(from, first);
      }
      if (!held.size) this.#held.delete(id);
    }
    return from;
  }

  /**
   * @param {string} id
   * @param {number} at
   * @param {number[]} points
   */
  #wait(id, at, points) {
    if (this.#holding >= HELD_MAX) this.#forgetHeld(this.#held.keys().next().value ?? '');
    const held = this.#held.get(id) ?? new Map();
    const has = held.get(at);
    this.#holding += Number(!has);
    const [one, other] = has && has.length > points.length ? [has, points] : [points, has ?? []];
    held.set(at, higher(one, 0, other, this.#stride).points);
    this.#held.set(id, held);
  }

  /** @param {string} id */
  #forgetHeld(id) {
    this.#holding -= this.#held.get(id)?.size ?? 0;
    this.#held.delete(id);
  }

  /**
   * @param {Present} element
   * @param {number} at  not after its end
   * @param {number[]} points
   * @returns {number} the first that is another now; Infinity: none
   */
  #grow(element, at, points) {
    const have = this.count(element);
    const old = points.slice(0, this.#stride * (have - at));
    const { points: both, from } = higher(element.points, this.#stride * at, old, this.#stride);
    if (from < Infinity) this.#setPoints(element, both);
    const more = Math.min(points.length / this.#stride - (have - at), ELEMENT_POINTS_MAX - have);
    const fresh = more > 0 ? this.#claim(element, more) : 0;
    if (fresh > 0) {
      const numbers = points.slice(old.length, old.length + this.#stride * fresh);
      this.#sums.set(element, fnvNumbers(this.#sum(element), numbers));
      element.points.push(...numbers);
      this.points += fresh;
    }
    return from < Infinity ? from : fresh > 0 ? have : Infinity;
  }

  /**
   * Of so many more points those that there is place for, where what lies above gives way.
   * @param {Present} element
   * @param {number} more
   */
  #claim(element, more) {
    const { list } = this;
    let over = this.points + more - this.#max.points;
    for (let i = list.length - 1; over > 0 && list[i] !== element; i--) over -= this.#shorten(list[i], over);
    return more - Math.max(0, over);
  }

  /**
   * @param {Present} element
   * @param {number} by
   * @returns {number} by how many points it could be
   */
  #shorten(element, by) {
    const less = Math.min(by, this.count(element));
    if (!less) return 0;
    this.#hash(element);
    this.#setPoints(element, element.points.slice(0, -this.#stride * less));
    this.points -= less;
    this.#hash(element);
    this.lost(element);
    return less;
  }

  // --- hashes ---

  /**
   * @param {Present} element
   * @param {number[]} points
   */
  #setPoints(element, points) {
    element.points = points;
    this.#sums.delete(element);
  }

  /**
   * Of all its points, or of the first ones.
   * @param {Present} element
   * @param {number} [count]
   */
  #sum(element, count = this.count(element)) {
    if (count < this.count(element)) return fnvNumbers(EMPTY, element.points, 0, this.#stride * count);
    const sum = this.#sums.get(element) ?? fnvNumbers(EMPTY, element.points);
    this.#sums.set(element, sum);
    return sum;
  }

  /**
   * Once before a change and once after it.
   * @param {Present} element
   */
  #hash(element) {
    const mark = this.#marks.get(element) ?? this.#mark(element);
    if (!this.#marks.delete(element)) this.#marks.set(element, mark);
    this.#hashes[bucket(element.id)] ^= mark;
  }

  /** @param {Present} element */
  #mark(element) {
    const { id, version, by, edit, editor, value } = element;
    return fnv(JSON.stringify([id, version, by, edit, editor, value, this.count(element), this.#sum(element)])) | 1;
  }
}

/** Those that came earlier have the lower names. */
function pageId() {
  return `${Math.floor(Date.now() / 60_000).toString(36)}${randomId()}`;
}

/**
 * In which an element is deleted that lives in this one.
 * @param {number} version
 */
function versionAfter(version) {
  return Math.min(version + 1, VERSION_MAX);
}

/**
 * Under which key a page's dead are; no element has such an id.
 * @param {string} page
 */
function graveKey(page) {
  return `.${page}`;
}

/**
 * @param {string} id
 * @param {number} version
 * @returns {Deleted}
 */
function deleted(id, version) {
  return { id, version, by: '', edit: 0, editor: '', value: null, points: [] };
}

/**
 * @param {string} by
 * @param {Present} element
 * @returns {Removed}
 */
function removedBy(by, { id, value, points }) {
  return { id, by, value, points };
}

/** @param {Present} element */
function valueSum({ value }) {
  return fnv(JSON.stringify(value));
}

/**
 * Of two points for one place the higher counts: a faulty peer that sends two must not make others diverge.
 * @param {number[]} points
 * @param {number} start  the place in it of the first one of the others
 * @param {number[]} others
 * @param {number} stride
 * @returns {{points: number[], from: number}} the same list where nothing is another; the first point that is
 */
function higher(points, start, others, stride) {
  let from = Infinity;
  for (let i = 0; i < others.length; i += stride) {
    const at = start + i;
    let k = 0;
    while (k < stride && others[i + k] === points[at + k]) k++;
    if (k === stride || others[i + k] < points[at + k]) continue;
    if (from === Infinity) [points, from] = [points.slice(), at / stride];
    for (k = 0; k < stride; k++) points[at + k] = others[i + k];
  }
  return { points, from };
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

/** @param {{value: Value | null}} element */
function formatOf({ value }) {
  return value?.format ?? 1;
}

/**
 * The same of two edits of one version.
 * @param {Edit} a
 * @param {Edit} b
 */
function compareEdits(a, b) {
  const order = formatOf(a) - formatOf(b) || compare({ version: a.edit, by: a.editor }, { version: b.edit, by: b.editor });
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

/** @param {any} text */
function isName(text) {
  return typeof text === 'string' && /^[\w-]{1,32}$/.test(text);
}
