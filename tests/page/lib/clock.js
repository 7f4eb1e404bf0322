// clock.js - timers that run when a test says so. (Those of node:test are others in each version of Node.)

const { setTimeout: laterReally, clearTimeout: neverReally } = globalThis;

/** By the number that setTimeout() gave. @type {Map<number, {at: number, run: () => void}>} */
const timers = new Map();
let now = 0; // ms
let last = 0;

export function stopTime() {
  timers.clear();
  globalThis.setTimeout = /** @type {typeof setTimeout} */ ((run, ms = 0, ...details) => {
    timers.set(++last, { at: now + ms, run: () => run(...details) });
    return last;
  });
  globalThis.clearTimeout = (timer) => { timers.delete(Number(timer)); };
}

export function letTimeGo() {
  globalThis.setTimeout = laterReally;
  globalThis.clearTimeout = neverReally;
}

/** So many ms pass. What is due in them runs in order, each when it is due. */
export function tick(ms) {
  const end = now + ms;
  for (;;) {
    const due = [...timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at);
    if (due.length === 0) break;
    const [[timer, { at, run }]] = due;
    timers.delete(timer);
    now = Math.max(now, at);
    run();
  }
  now = end;
}
