/**
 * checks.js - what came from a peer may be anything.
 */

/**
 * @param {any} value
 * @param {number} max
 */
export function isIntegerUpTo(value, max) {
  return Number.isInteger(value) && value >= 0 && value <= max;
}
