// clock.js - timers that run when a test says so, and a clock that may be wrong. (Those of node:test are others in
// each version of Node.)

const { setTimeout: laterReally, clearTimeout: neverReally } = globalThis;
const { now: nowReally } = Date;
const EPOCH = Date.UTC(2026, 0, 1);

/** By the number that setTimeout() gave. @type {Map<number, {at: number, run: () => void}>} */
const timers = new Map();
let now = 0; // ms
let last = 0;

/** The time, whatever Date.now() says. */
export const trueTime = () => EPOCH + now;

/** @param {number} [ahead]  by so many ms Date.now() is wrong */
export function stopTime(ahead = 0) {
  timers.clear();
  Date.now = () => trueTime() + ahead;
  globalThis.setTimeout = /** @type {typeof setTimeout} */ ((run, ms = 0, ...details) => {
    timers.set(++last, { at: now + (ms || 0), run: () => run(...details) });
    return last;
  });
  globalThis.clearTimeout = (timer) => { timers.delete(Number(timer)); };
}

export function letTimeGo() {
  globalThis.setTimeout = laterReally;
  globalThis.clearTimeout = neverReally;
  Date.now = nowReally;
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

/** The time passes until the next timer is due, and that runs. */
export function tickOnce() {
  tick(Math.max(Math.min(...[...timers.values()].map(({ at }) => at)) - now, 0));
}

/** As tick(), in steps of a second, with what promises have to do after each. */
export async function pass(ms) {
  await turns();
  for (let rest = ms; rest > 0; rest -= 1_000) {
    tick(Math.min(rest, 1_000));
    await turns();
  }
}

/** What promises have to do is done. */
export const turns = () => new Promise((resolve) => { setImmediate(resolve); });
