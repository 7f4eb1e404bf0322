/**
 * hash.js - FNV-1a: crypto.subtle exists in secure contexts only, and these hashes protect nothing.
 */

const PRIME = 0x01000193;
export const EMPTY = 0x811c9dc5;

const float = new Float64Array(1);
const words = new Uint32Array(float.buffer);

/** @param {string} text */
export function fnv(text) {
  let hash = EMPTY;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), PRIME);
  return hash >>> 0;
}

/**
 * Goes on with a hash, by numbers that follow.
 * @param {number} hash
 * @param {number[]} numbers
 * @param {number} [from]
 * @param {number} [to]
 */
export function fnvNumbers(hash, numbers, from = 0, to = numbers.length) {
  for (let i = from; i < to; i++) {
    float[0] = numbers[i] + 0; // of -0 it makes 0, as JSON does
    hash = Math.imul(Math.imul(hash ^ words[0], PRIME) ^ words[1], PRIME);
  }
  return hash >>> 0;
}
