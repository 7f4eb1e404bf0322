// progress.js - what one reads while it runs, and the summary. A terminal has a last line that says what runs, how much
// is done and how long it still takes; anything else gets a line for each suite.

const SLOWEST = 10;

const clock = (seconds) => (seconds < 60 ? `${Math.ceil(seconds)} s` : `${Math.floor(seconds / 60)} min ${String(Math.round(seconds % 60)).padStart(2, '0')} s`);

export class Progress {
  #out;
  #jobs;
  #done = [];
  #start = performance.now();
  #starts = new Map(); // name: when
  #last;
  #timer;

  /**
   * @param {NodeJS.WriteStream} out
   * @param {object[]} jobs
   * @param {{wall?: number, jobs?: object}} last  seconds of the last run, see times.js
   */
  constructor(out, jobs, last) {
    this.#out = out;
    this.#jobs = jobs;
    this.#last = last;
    if (out.isTTY) this.#timer = setInterval(() => this.#showLine(), 500);
  }

  started(job) {
    this.#starts.set(job.name, performance.now());
    this.#showLine();
  }

  ended(result) {
    const { job, failed, results, output } = result;
    this.#starts.delete(job.name);
    this.#done.push(result);
    if (failed) {
      this.#say(`-- ${job.name} failed\n${output}\n`);
      for (const one of results) if (one.failed) this.#say(`not ok: ${job.name}: ${one.title}\n${one.failed.replace(/^/gm, '    ')}`);
    }
    for (const { title, skipped } of results) if (skipped) this.#say(`   ${job.name}: skipped: ${title}: ${skipped}`);
    const suite = this.#done.filter(({ job: { suite: name } }) => name === job.suite);
    if (suite.length === this.#jobs.filter(({ suite: name }) => name === job.suite).length) this.#say(this.#suiteLine(job.suite, suite));
    this.#showLine();
  }

  #suiteLine(name, results) {
    const sum = (what) => results.reduce((so, result) => so + result[what], 0);
    const longest = results.reduce((one, other) => (other.seconds > one.seconds ? other : one));
    const files = results.length > 1 ? ` in ${results.length} files, ${longest.job.name.slice(name.length + 1)} ${longest.seconds.toFixed(0)} s` : '';
    return `${name.padEnd(20)} ${sum('passed')} passed, ${sum('failed')} failed, ${sum('seconds').toFixed(1)} s${files}; ${sum('cpu').toFixed(0)} s of a processor`;
  }

  /** Seconds that it may still take: what is left of the last run's, as it shared out the processors then. */
  #left() {
    const { wall, jobs = {} } = this.#last;
    const known = (job) => jobs[job.name] ?? 10;
    const all = this.#jobs.reduce((sum, job) => sum + known(job), 0);
    if (!wall || all === 0) return undefined;
    const done = new Set(this.#done.map(({ job }) => job.name));
    const left = this.#jobs.filter(({ name }) => !done.has(name)).map((job) => {
      const since = this.#starts.get(job.name);
      return Math.max(0, known(job) - (since === undefined ? 0 : (performance.now() - since) / 1000));
    });
    const lastAll = Object.values(jobs).reduce((sum, seconds) => sum + seconds, 0);
    return Math.max(...left, left.reduce((sum, seconds) => sum + seconds, 0) * (wall / lastAll));
  }

  #showLine() {
    if (!this.#out.isTTY) return;
    const left = this.#left();
    const failed = this.#done.reduce((sum, result) => sum + result.failed, 0);
    const text = `${this.#done.length} of ${this.#jobs.length} done, ${failed ? `${failed} failed, ` : ''}${
      clock((performance.now() - this.#start) / 1000)}${left === undefined ? '' : `, about ${clock(left)} left`}: ${[...this.#starts.keys()].join(' ')}`;
    this.#out.write(`\r\x1b[K${text.slice(0, (this.#out.columns || 80) - 1)}`);
  }

  #say(text) {
    this.#out.write(`${this.#out.isTTY ? '\r\x1b[K' : ''}${text}\n`);
  }

  /** The slowest tests, and the sum as the last line. Gives whether all is well.
   *  @param {boolean} isStopped  somebody did not want to wait for the rest
   *  @param {number} share       for which the processors were at work */
  end(isStopped, share) {
    clearInterval(this.#timer);
    const tests = this.#done.flatMap(({ job, results }) => results.map(({ title, ms }) => ({ title: `${job.name}: ${title}`, ms })));
    const slowest = tests.sort((a, b) => b.ms - a.ms).slice(0, SLOWEST);
    if (tests.length > SLOWEST) this.#say(`the slowest tests:\n${slowest.map(({ title, ms }) => `${(ms / 1000).toFixed(1).padStart(7)} s  ${title}`).join('\n')}`);
    const sum = (what) => this.#done.reduce((so, result) => so + result[what], 0);
    const [passed, failed, skipped] = ['passed', 'failed', 'skipped'].map(sum);
    const missing = this.#jobs.filter(({ name }) => !this.#done.some(({ job }) => job.name === name)).map(({ name }) => name);
    this.#say(`it took ${clock((performance.now() - this.#start) / 1000)}; the processors were at work for ${Math.round(100 * share)} % of that`);
    if (isStopped) {
      this.#say(`stopped: ${this.#done.length} of ${this.#jobs.length} jobs were done, with ${passed} passed, ${failed} failed`);
      return false;
    }
    // What they need has failed.
    if (missing.length) this.#say(`not run: ${missing.join(' ')}`);
    this.#say(`${passed} passed, ${failed + missing.length} failed${skipped ? `, ${skipped} skipped` : ''}`);
    return failed + missing.length === 0 && passed > 0;
  }
}
