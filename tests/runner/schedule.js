// schedule.js - runs jobs side by side, as many as keep the processors at work: most of a test is waiting.
//
// The longest come first. While the processors have time left one more is started, until JOBS_MAX run; so a machine
// that does something else besides runs fewer. A job that is `alone` runs while no other does, at the end; of those
// that are `busy` one runs at a time; one that `needs` another starts when that has passed.
import { readFileSync } from 'node:fs';

export const JOBS_MAX = 10;
const JOBS_MIN = 4; // whatever else the machine does: they wait more than they work
const TICK_MS = 250;
const IDLE_SHARE = 0.25; // of the processors' time, before one more starts

const FIRST_PORT = 18_000, PORTS = 1_000; // of each place: below those that the kernel gives to connections

/** The processors' time so far, in ticks: all of it, and what was left. */
function processorTime() {
  const ticks = /^cpu +(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))[1].split(' ').map(Number);
  return { all: ticks.slice(0, 8).reduce((sum, n) => sum + n, 0), idle: ticks[3] + ticks[4] };
}

/** Of the processors' time between two readings, what was left. */
const idleShare = (from, to) => (to.idle - from.idle) / Math.max(1, to.all - from.all);

/** Tells, when it is asked, for which share of the time since now the processors were at work. */
export function workShare() {
  const from = processorTime();
  return () => 1 - idleShare(from, processorTime());
}

export class Schedule {
  #waiting;
  #running = new Map(); // job: its place
  #passed = new Set();  // names
  #failed = new Set();
  #last = processorTime();

  /**
   * @param {object[]} jobs  the longest first
   * @param {{run: (job: object, env: object) => Promise<{failed: number}>, max?: number}} how
   */
  constructor(jobs, { run, max = JOBS_MAX }) {
    this.#waiting = [...jobs.filter((job) => !job.alone), ...jobs.filter((job) => job.alone)];
    this.run = run;
    this.max = max;
  }

  get running() { return [...this.#running.keys()]; }
  get waiting() { return this.#waiting; }

  /** Until all have run, or it was told to stop. */
  async all(signal) {
    await new Promise((resolve) => {
      const step = () => {
        if (signal?.aborted) this.#waiting.length = 0;
        this.#startSome();
        if (this.#running.size === 0 && this.#waiting.length === 0) {
          clearInterval(timer);
          resolve();
        }
      };
      const timer = setInterval(step, TICK_MS);
      this.step = step;
      step();
    });
  }

  #startSome() {
    const now = processorTime();
    const idle = idleShare(this.#last, now);
    this.#last = now;
    if (this.#running.size < Math.min(JOBS_MIN, this.max) || (this.#running.size < this.max && idle >= IDLE_SHARE)) this.#startOne();
  }

  #startOne() {
    const at = this.#waiting.findIndex((job) => this.#mayStart(job));
    if (at < 0) return;
    const [job] = this.#waiting.splice(at, 1);
    const places = [...this.#running.values()];
    const place = Array.from({ length: this.max }, (_, i) => i).find((i) => !places.includes(i));
    this.#running.set(job, place);
    const first = FIRST_PORT + place * PORTS;
    this.run(job, { PORTS: `${first}-${first + PORTS - 1}` }).then(({ failed }) => {
      this.#running.delete(job);
      (failed ? this.#failed : this.#passed).add(job.name);
      if (failed) this.#waiting = this.#waiting.filter(({ needs }) => needs !== job.name);
    });
  }

  #mayStart(job) {
    if (job.needs && !this.#passed.has(job.needs)) return false;
    if (job.alone) return this.#running.size === 0 && this.#waiting.every((other) => other.alone);
    if (this.running.some((other) => other.alone)) return false;
    return !job.busy || !this.running.some((other) => other.busy);
  }
}
