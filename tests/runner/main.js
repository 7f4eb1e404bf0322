// main.js - the command line of tests/run.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { measure } from '../http/lib/pace.js';
import { runJob } from './job.js';
import { Progress } from './progress.js';
import { JOBS_MAX, Schedule, workShare } from './schedule.js';
import { QUICK, TOP, WHOLE, jobs as jobsOf } from './suites.js';
import { readTimes, writeTimes } from './times.js';

const USAGE = `usage: tests/run [-t PATTERN] [-j N] [--list] [quick | SUITE | SUITE/FILE]...

  Without any name: ${WHOLE.join(' ')}
  quick: ${QUICK.join(' ')}
  Others: asan-all tsan-all, which are tests/http as a whole on programs with sanitizers

  -t PATTERN  only tests whose titles match this regular expression
  -j N        at most N jobs at a time (${JOBS_MAX}); 1: one after the other
  --list      which jobs that would be

  BUILD=FOLDER has what was built, .build without it. tests/README.md says more.
`;

/** @returns {never} */
function fail(text) {
  process.stderr.write(`run: ${text}\n`);
  process.exit(2);
}

function commandLine() {
  try {
    return parseArgs({ allowPositionals: true, options: {
      title: { type: 'string', short: 't' }, jobs: { type: 'string', short: 'j' }, list: { type: 'boolean' }, help: { type: 'boolean', short: 'h' },
    } });
  } catch (error) {
    return fail(`${error.message}; see tests/run --help`);
  }
}

const { values, positionals } = commandLine();
if (values.help) {
  process.stdout.write(USAGE);
  process.exit(0);
}
const max = Number(values.jobs ?? JOBS_MAX);
if (!(Number.isInteger(max) && max >= 1 && max <= JOBS_MAX)) fail(`-j ${values.jobs}: a number from 1 to ${JOBS_MAX}`);
const build = path.resolve(process.env.BUILD || path.join(TOP, '.build'));
const words = positionals.length ? positionals.flatMap((word) => (word === 'quick' ? QUICK : word)) : WHOLE;
let jobs;
try {
  jobs = jobsOf(words, build);
} catch (error) {
  fail(error.message);
}
if (values.list) {
  process.stdout.write(jobs.map(({ name, alone }) => `${name}${alone ? `   alone: ${alone}` : ''}\n`).join(''));
  process.exit(0);
}
if (!existsSync(path.join(build, 'Makefile'))) fail(`${build} has no build: ./quickstart check quick makes one`);

const last = readTimes(build);
const seconds = (job) => last.jobs[job.name] ?? job.likely;
jobs.sort((a, b) => seconds(b) - seconds(a));

const stop = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => stop.abort());

process.env.PACE_MS ??= String(await measure(max));
process.stdout.write(`a step takes ${process.env.PACE_MS} ms here (tests/http/lib/pace.js)\n`);
const progress = new Progress(process.stdout, jobs, last);
const results = [];
const start = performance.now();
const share = workShare();
const schedule = new Schedule(jobs, { max, run: async (job, env) => {
  progress.started(job);
  const result = await runJob(job, { env: { ...env, BUILD: build }, title: values.title, signal: stop.signal });
  if (stop.signal.aborted) return result;
  results.push(result);
  progress.ended(result);
  return result;
} });
await schedule.all(stop.signal);
writeTimes(build, last, results, words === WHOLE && !stop.signal.aborted ? (performance.now() - start) / 1000 : undefined);
process.exitCode = progress.end(stop.signal.aborted, share()) ? 0 : stop.signal.aborted ? 130 : 1;
