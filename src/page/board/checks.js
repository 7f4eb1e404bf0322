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

/**
 * Whether it is a list of the numbers of points, one point after the other.
 * @param {any} numbers
 * @param {number[]} point  what each number of a point is at most, to both sides of 0
 * @param {number} max  points
 */
export function arePoints(numbers, point, max) {
  return Array.isArray(numbers) && numbers.length % point.length === 0 && numbers.length <= max * point.length &&
    numbers.every((value, i) => typeof value === 'number' && Math.abs(value) <= point[i % point.length]);
}
