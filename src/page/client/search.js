/**
 * search.js - binary search.
 */

/**
 * The index of the first in a list that is so, where all after it are, too; the list's length: none is.
 * @template T
 * @param {T[]} list
 * @param {(one: T) => boolean} isSo
 */
export function firstIndex(list, isSo) {
  let [low, high] = [0, list.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isSo(list[middle])) high = middle;
    else low = middle + 1;
  }
  return low;
}
