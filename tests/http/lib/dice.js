// dice.js - a generator of our own, so that what failed once fails again.

/** @returns {(n: number) => number}  a whole number below n */
export function dice(seed) {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor(state / 2 ** 32 * n);
  };
}
