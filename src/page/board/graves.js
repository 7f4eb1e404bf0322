/**
 * graves.js - which elements are deleted.
 *
 * A page numbers its elements, so what is deleted of it is a few runs, {from, to, version}: these numbers are
 * dead in that version and in all before it. A board that was cleared is one run for each page that drew on it,
 * and an erased drawing has no more runs than there is left around them; so nobody needs to agree on when a
 * deletion may be forgotten, and it holds for who comes back after a year, too. Runs of two are merged by the
 * higher version: in any order, as often as one likes.
 *
 * There are bounds all the same. Beyond `max` runs those of the page whose name is the lowest go first. Names
 * begin with the time when the page came: those who could bring anything back have been away the longest.
 */

import { firstIndex } from '../client/search.js';
import { isIntegerUpTo } from './checks.js';
import { fnv } from './hash.js';

/**
 * @typedef {{from: number, to: number, version: number}} Run
 * @typedef {{dead: string, runs: number[], by?: string, id?: undefined}} Grave  as it is sent and kept: from, to, version, from, to,
 *     version, …; by whom, where that is known
 */

export const RUNS_MAX = 100; // in one piece
export const VERSION_MAX = 1e9;
const NUMBER_MAX = 1e9;

export class Graves {
  /** How many runs there are. */
  size = 0;
  #max;
  #hashed;
  /** @type {Map<string, Run[]>} by page, from the lowest number on; none touches another of its version */
  #runs = new Map();
  /** @type {string[]} from the lowest on */
  #pages = [];

  /**
   * @param {number} max
   * @param {(page: string, hash: number) => void} [hashed]  a run of it, which has come or gone
   */
  constructor(max, hashed = () => {}) {
    this.#max = max;
    this.#hashed = hashed;
  }

  /**
   * The highest version in which an element is deleted; 0: none.
   * @param {string} id
   */
  version(id) {
    const { page, number } = parseId(id);
    const runs = this.#runs.get(page) ?? [];
    const run = runs[firstIndex(runs, ({ from }) => from > number) - 1];
    return run && run.to >= number ? run.version : 0;
  }

  /**
   * @param {string} page
   * @param {Run} run
   * @returns {boolean} whether that is news
   */
  add(page, run) {
    const runs = this.#runs.get(page) ?? [];
    const first = Math.max(0, firstIndex(runs, ({ from }) => from >= run.from) - 1);
    const last = firstIndex(runs, ({ from }) => from > run.to + 1);
    const was = runs.slice(first, last);
    const now = overlay(was, run);
    if (now.length === was.length && now.every((one, i) => equal(one, was[i]))) return false;
    runs.splice(first, last - first, ...now);
    if (!this.#runs.has(page)) this.#pages.splice(firstIndex(this.#pages, (other) => other > page), 0, page);
    this.#runs.set(page, runs);
    this.#count(page, was, -1);
    this.#count(page, now, 1);
    while (this.size > this.#max) this.#forget();
    return true;
  }

  /** Those who have any. */
  get pages() {
    return this.#pages;
  }

  /**
   * @param {string} page
   * @returns {number[]} all its runs, as they are sent
   */
  of(page) {
    return flatten(this.#runs.get(page) ?? []);
  }

  /**
   * The runs of a page that these do not have, and get now.
   * @param {string} page
   * @param {Graves} [others]  none, if not given
   * @returns {Grave[]}
   */
  pieces(page, others) {
    return graves(page, (this.#runs.get(page) ?? []).filter((run) => !others || others.add(page, run)));
  }

  /** The first run of the page that came first is the least likely to be needed. */
  #forget() {
    const [lowest] = this.#pages;
    const runs = this.#runs.get(lowest) ?? [];
    this.#count(lowest, runs.splice(0, 1), -1);
    if (runs.length) return;
    this.#runs.delete(lowest);
    this.#pages.shift();
  }

  /**
   * @param {string} page
   * @param {Run[]} runs
   * @param {number} sign
   */
  #count(page, runs, sign) {
    this.size += sign * runs.length;
    for (const { from, to, version } of runs) this.#hashed(page, fnv(JSON.stringify([page, from, to, version])));
  }
}

/**
 * An element's id is that of the page that made it and a number; of any other id the number is 0.
 * @param {string} id
 */
export function parseId(id) {
  const [, page, number] = /^(.+)-([1-9]\d{0,8})$/.exec(id) ?? [];
  return page ? { page, number: Number(number) } : { page: id, number: 0 };
}

/** @param {{page: string, number: number}} parsed */
export function makeId({ page, number }) {
  return number ? `${page}-${number}` : page;
}

/**
 * Runs as they are sent.
 * @param {string} page
 * @param {Run[]} runs
 * @returns {Grave[]}
 */
export function graves(page, runs) {
  const parts = Array.from({ length: Math.ceil(runs.length / RUNS_MAX) }, (_, i) => runs.slice(i * RUNS_MAX, (i + 1) * RUNS_MAX));
  return parts.map((part) => ({ dead: page, runs: flatten(part) }));
}

/**
 * Single numbers, in any order, as runs.
 * @param {Run[]} numbers
 */
export function joined(numbers) {
  /** @type {Run[]} */
  const runs = [];
  for (const run of numbers.sort((a, b) => a.from - b.from)) append(runs, run);
  return runs;
}

/**
 * Appends a run, as a part of the last one where it goes on from that. An empty one is left out.
 * @param {Run[]} runs
 * @param {Run} run
 */
function append(runs, { from, to, version }) {
  const last = runs[runs.length - 1];
  if (from > to) return;
  if (last && last.to === from - 1 && last.version === version) last.to = to;
  else runs.push({ from, to, version });
}

/** @param {Run[]} runs */
function flatten(runs) {
  return runs.flatMap(({ from, to, version }) => [from, to, version]);
}

/**
 * @param {any[]} given  from a peer: it may be anything
 * @returns {Run[]}
 */
export function parseRuns(given) {
  const runs = [];
  for (let i = 0; i + 2 < given.length; i += 3) {
    const [from, to, version] = given.slice(i, i + 3);
    const sound = isIntegerUpTo(to, NUMBER_MAX) && isIntegerUpTo(from, to) && isIntegerUpTo(version, VERSION_MAX);
    if (sound && version > 0) runs.push({ from, to, version });
  }
  return runs;
}

/**
 * Runs, with another one over them: of two versions the higher counts.
 * @param {Run[]} runs
 * @param {Run} over
 */
function overlay(runs, over) {
  /** @type {Run[]} */
  const all = [];
  let next = over.from; // what is over them lies up to here
  for (const { from, to, version } of runs) {
    append(all, { from, to: Math.min(to, over.from - 1), version });
    append(all, { from: next, to: Math.min(from - 1, over.to), version: over.version });
    append(all, { from: Math.max(from, over.from), to: Math.min(to, over.to), version: Math.max(version, over.version) });
    append(all, { from: Math.max(from, over.to + 1), to, version });
    next = Math.max(next, Math.min(to, over.to) + 1);
  }
  append(all, { from: next, to: over.to, version: over.version });
  return all;
}

/**
 * @param {Run} a
 * @param {Run} b
 */
function equal(a, b) {
  return a.from === b.from && a.to === b.to && a.version === b.version;
}
