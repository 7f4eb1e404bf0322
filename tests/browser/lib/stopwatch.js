// stopwatch.js - how long a page's own script works in each frame: all that runs in callbacks of frames,
// events, timers and data channels. Painting by the browser itself is not in it.
//
// A page cannot tell the time that it worked from the time in which another process had its core. So in each frame
// that counts it also does a piece of work that is always the same, of some milliseconds: what that takes longer than
// at its best others have taken, of what else was measured as well.

/** In the page, before anything else. */
export function stopwatch() {
  const watch = { frames: [], pieces: [], events: 0, now: 0 };
  globalThis.stopwatch = watch;
  let sum = 0;
  let depth = 0;
  let last = 0;
  const timed = (run, target, details) => {
    if (depth++) {
      try { return run.apply(target, details); } finally { depth--; }
    }
    const began = performance.now();
    try {
      return run.apply(target, details);
    } finally {
      sum += performance.now() - began;
      depth--;
    }
  };
  const piece = () => {
    const began = performance.now();
    let x = 1;
    for (let i = 0; i < 3_000_000; i++) x = (Math.imul(x, 1664525) + 1013904223) | 0;
    watch.now = x;
    return performance.now() - began;
  };
  const frame = (at) => {
    if (at === last) return;
    last = at;
    // A frame in which nobody drew says nothing.
    if (watch.events) {
      watch.frames.push(sum);
      watch.pieces.push(piece());
    }
    sum = watch.events = 0;
  };
  const { requestAnimationFrame: request, setTimeout: later } = globalThis;
  globalThis.requestAnimationFrame = (run) => request((at) => {
    frame(at);
    timed(run, undefined, [at]);
  });
  globalThis.setTimeout = /** @type {typeof setTimeout} */ ((run, ms, ...details) => later(() => timed(run, undefined, details), ms));
  const { addEventListener: add } = EventTarget.prototype;
  EventTarget.prototype.addEventListener = function (type, run, ...more) {
    if (typeof run !== 'function') return add.call(this, type, run, ...more);
    return add.call(this, type, /** @this {EventTarget} */ function (event) {
      if (/^pointer/.test(type)) watch.events++;
      return timed(run, this, [event]);
    }, ...more);
  };
  const { set, ...rest } = Object.getOwnPropertyDescriptor(RTCDataChannel.prototype, 'onmessage');
  Object.defineProperty(RTCDataChannel.prototype, 'onmessage', {
    ...rest,
    set(run) { set.call(this, run && /** @this {RTCDataChannel} */ function (event) { timed(run, this, [event]); }); },
  });
}

export function quantiles(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
  return { count: sorted.length, least: sorted[0], median: at(0.5), p95: at(0.95), most: sorted.at(-1) };
}
