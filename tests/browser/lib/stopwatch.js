// stopwatch.js - how long a page's own script works in each frame: all that runs in callbacks of frames,
// events, timers and data channels. Painting by the browser itself is not in it.

/** In the page, before anything else. */
export function stopwatch() {
  const watch = { frames: [], events: 0, now: 0 };
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
  const frame = (at) => {
    if (at === last) return;
    last = at;
    // A frame in which nobody drew says nothing.
    if (watch.events) watch.frames.push(sum);
    sum = watch.events = 0;
  };
  const { requestAnimationFrame: request, setTimeout: later } = globalThis;
  globalThis.requestAnimationFrame = (run) => request((at) => {
    frame(at);
    timed(run, undefined, [at]);
  });
  globalThis.setTimeout = (run, ms, ...details) => later(() => timed(run, undefined, details), ms);
  const { addEventListener: add } = EventTarget.prototype;
  EventTarget.prototype.addEventListener = function (type, run, ...more) {
    if (typeof run !== 'function') return add.call(this, type, run, ...more);
    return add.call(this, type, function (event) {
      if (/^pointer/.test(type)) watch.events++;
      return timed(run, this, [event]);
    }, ...more);
  };
  const { set, ...rest } = Object.getOwnPropertyDescriptor(RTCDataChannel.prototype, 'onmessage');
  Object.defineProperty(RTCDataChannel.prototype, 'onmessage', {
    ...rest,
    set(run) { set.call(this, run && function (event) { timed(run, this, [event]); }); },
  });
}

export function quantiles(numbers) {
  const sorted = [...numbers].sort((a, b) => a - b);
  const at = (part) => sorted[Math.min(sorted.length - 1, Math.floor(part * sorted.length))];
  return { count: sorted.length, median: at(0.5), p95: at(0.95), most: sorted.at(-1) };
}
