/**
 * text-merge.js - a text that two have changed at once, merged by characters: what either has written is there, and
 * what either has deleted is not.
 */

const CELLS_MAX = 250_000; // of the table of what two have in common; where that is not enough, all between counts as another

/**
 * @param {string} base    what both have changed
 * @param {string} ours
 * @param {string} theirs  at the same place it comes first
 */
export function mergeText(base, ours, theirs) {
  if (ours === base) return theirs;
  if (theirs === base || theirs === ours) return ours;
  const characters = [...base];
  const [one, other] = [changesOf(characters, [...ours]), changesOf(characters, [...theirs])];
  let merged = '';
  for (let i = 0; i <= characters.length; i++) {
    merged += other.added[i];
    if (one.added[i] !== other.added[i]) merged += one.added[i];
    if (one.stays[i] && other.stays[i]) merged += characters[i];
  }
  return merged;
}

/**
 * Where in a text that was changed is what was there; what was added just there comes after it.
 * @param {string} from
 * @param {string} to
 * @param {number} offset
 */
export function offsetIn(from, to, offset) {
  const characters = [...from];
  const { added, stays } = changesOf(characters, [...to]);
  let moved = 0;
  for (let i = 0, at = 0; at < offset; at += characters[i++].length) {
    moved += added[i].length + (stays[i] ? characters[i].length : 0);
  }
  return moved;
}

/**
 * Added: before each character, and at the end.
 * @param {string[]} from
 * @param {string[]} to
 */
function changesOf(from, to) {
  const added = Array(from.length + 1).fill('');
  const stays = Array(from.length).fill(true);
  let start = 0;
  while (start < from.length && start < to.length && from[start] === to[start]) start++;
  let [end, toEnd] = [from.length, to.length];
  while (end > start && toEnd > start && from[end - 1] === to[toEnd - 1]) [end, toEnd] = [end - 1, toEnd - 1];
  const common = commonOf(from.slice(start, end), to.slice(start, toEnd));
  let [i, k] = [start, start];
  while (i < end || k < toEnd) {
    if (i < end && k < toEnd && from[i] === to[k] && common(i - start, k - start) > common(i + 1 - start, k + 1 - start)) [i, k] = [i + 1, k + 1];
    else if (k < toEnd && (i === end || common(i - start, k + 1 - start) >= common(i + 1 - start, k - start))) added[i] += to[k++];
    else stays[i++] = false;
  }
  return { added, stays };
}

/**
 * How much two have in common at most, in order, from there on in each.
 * @param {string[]} one
 * @param {string[]} other
 * @returns {(i: number, k: number) => number}
 */
function commonOf(one, other) {
  const width = other.length + 1;
  if (width * one.length > CELLS_MAX) return () => 0;
  const table = new Uint16Array(width * (one.length + 1));
  for (let i = one.length - 1; i >= 0; i--) {
    for (let k = other.length - 1; k >= 0; k--) {
      const at = width * i + k;
      table[at] = one[i] === other[k] ? table[at + width + 1] + 1 : Math.max(table[at + width], table[at + 1]);
    }
  }
  return (i, k) => table[width * i + k];
}
