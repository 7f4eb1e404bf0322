// wait.js - waiting for what must become true, never for time alone.
import { setTimeout as pause } from 'node:timers/promises';
import { steps } from './pace.js';

export { pause };

/** So long it is waited for what comes when all is well: longer than anything that we promise takes, and it costs
 *  nothing while tests pass. */
export const WAIT_MS = 10_000 + steps(100);

/**
 * Asks until the answer is truthy, and gives that.
 * @param {() => any} ask  may be async
 * @param {string | (() => string)} what  completes "waited … ms for"
 */
export async function until(ask, what, ms = WAIT_MS) {
  const end = Date.now() + ms;
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() > end) {
      throw new Error(`waited ${ms} ms for ${typeof what === 'function' ? what() : what}`);
    }
    await pause(20);
  }
}

/** A promise with a bound.
 * @param {number} ms
 * @param {string | (() => string)} what  as of until() */
export async function within(ms, promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited ${ms} ms for ${typeof what === 'function' ? what() : what}`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** How long it took, in milliseconds, beside what it gave. The clock is read before it begins, or it would seem shorter. */
export async function timed(run) {
  const start = performance.now();
  const value = await run();
  return { value, ms: performance.now() - start };
}
