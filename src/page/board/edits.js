/**
 * edits.js - edits that two made of one element at once. One of them counts (elements.js); who made the other one finds
 * here that it is undone, and does it again on top of that.
 *
 * An edit names its base: of each editor the last edit that it was made on top of, as a version vector. So who gets it knows
 * which of its own edits are not in it, and each of these is merged into it: three ways, from what it was made of. Nobody
 * does another one's edits again, so none is done twice.
 */

const EDITED_MAX = 50; // elements: those that were edited here last
const OWN_MAX = 100; // edits of each
const BASE_MAX = 8; // editors, those who edited last

/**
 * @typedef {{order: number, [member: string]: any}} Value  as that of elements.js
 * @typedef {[edit: number, editor: string][]} Base
 * @typedef {{id: string, version: number, edit: number, editor: string, base?: Base, value: Value}} Edited
 * @typedef {{version: number, value: Value, before: Value, own: {edit: number, before: Value, after: Value}[]}} Course
 *     before: what it was before it was this; own: the edits that were made here
 */

export class Edits {
  /** @type {Map<string, Course>} by id, the one edited last at the end */
  #courses = new Map();

  /**
   * It was edited here.
   * @param {Edited} element
   * @param {Value} before
   */
  made({ id, version, edit, value }, before) {
    const course = this.#courses.get(id);
    const own = course?.version === version ? course.own : [];
    own.push({ edit, before, after: value });
    if (own.length > OWN_MAX) own.shift();
    this.#courses.delete(id);
    this.#courses.set(id, { version, value, before, own });
    if (this.#courses.size > EDITED_MAX) this.#courses.delete(this.#courses.keys().next().value ?? '');
  }

  /**
   * It is another one now, whoever made it so.
   * @param {Edited} element
   */
  note({ id, version, value }) {
    const course = this.#courses.get(id);
    if (!course) return;
    if (course.version !== version) course.own = [];
    Object.assign(course, { version, value, before: course.value });
  }

  /** @param {string} id */
  forget(id) {
    this.#courses.delete(id);
  }

  /**
   * Of one that somebody else has just edited: what it was here, and what it is with what that has undone.
   * @param {Edited} element
   * @param {string} me
   * @param {(base: Value, ours: Value, theirs: Value) => Value} merge
   * @returns {{before: Value, after: Value} | null}  null: it was not edited here
   */
  rebase({ id, base, value }, me, merge) {
    const course = this.#courses.get(id);
    if (!course || !base) return null;
    const [seen] = base.find(([, editor]) => editor === me) ?? [0];
    const undone = course.own.filter(({ edit }) => edit > seen);
    return { before: course.before, after: undone.reduce((theirs, { before, after }) => merge(before, after, theirs), value) };
  }
}

/**
 * Of what is made of an element.
 * @param {{edit: number, editor: string, base?: Base}} element
 * @returns {Base}
 */
export function baseOn({ edit, editor, base = [] }) {
  if (!edit) return [];
  /** @type {Base} */
  const all = [[edit, editor], ...base.filter(([, other]) => other !== editor)];
  return all.slice(0, BASE_MAX);
}

/**
 * @param {any} base  as it came: it may be anything
 * @returns {Base | undefined}
 */
export function parseBase(base) {
  const sound = Array.isArray(base) && base.length <= BASE_MAX && base.every((pair) => Array.isArray(pair) && pair.length === 2 &&
    Number.isInteger(pair[0]) && typeof pair[1] === 'string' && pair[1].length <= 32);
  return sound ? base : undefined;
}
