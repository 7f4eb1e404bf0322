// job.js - runs one job and tells how it went: {job, seconds, cpu, results, failed, passed, skipped, output}.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { unprivileged } from '../http/lib/netns.js';

const REPORTER = fileURLToPath(new URL('reporter.js', import.meta.url));
const LONGEST_MS = 15 * 60_000; // then something hangs
const OUTPUT_MAX = 400_000;     // characters of what a job says are kept: the last ones

/**
 * @typedef {{env: object, title?: string, signal?: AbortSignal}} How
 *     env: of this job alone; title: a regular expression of tests' titles
 */

/** Tells on descriptor 3 what time of the processors a command took, and all that it started and waited for: times(1p). */
const TIMED = ['sh', '-c', '"$@" 3>&-; status=$?; times >&3; exit $status', 'sh'];

/** The last line is that of the children: "1m2.50s 0m0.31s", of the user and of the system. */
function cpuSeconds(times) {
  const parts = [...(times.trim().split('\n').pop() ?? '').matchAll(/(\d+)m([\d.]+)s/g)];
  return parts.reduce((sum, [, minutes, seconds]) => sum + 60 * Number(minutes) + Number(seconds), 0);
}

/** Runs a command to its end: {status, output, cpu}. Its process group ends with it.
 *  @param {string[]} words
 *  @param {object} env  besides ours
 *  @param {AbortSignal} [signal] */
function run(words, env, signal) {
  return new Promise((resolve) => {
    const [command, ...args] = [...TIMED, ...words];
    const child = spawn(command, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe', 'pipe'], detached: true });
    let output = '', times = '';
    const end = (name) => {
      try {
        process.kill(-child.pid, name);
      } catch {
        // it has ended
      }
    };
    const stop = () => { end('SIGTERM'); setTimeout(() => end('SIGKILL'), 10_000).unref(); };
    const late = setTimeout(() => { output += `\nstopped after ${LONGEST_MS / 60_000} minutes\n`; stop(); }, LONGEST_MS);
    signal?.addEventListener('abort', stop);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text) => { output = (output + text).slice(-OUTPUT_MAX); });
    }
    /** @type {import('node:stream').Readable} */ (child.stdio[3]).setEncoding('utf8').on('data', (text) => { times += text; });
    const over = (status) => {
      clearTimeout(late);
      signal?.removeEventListener('abort', stop);
      resolve({ status, output, cpu: cpuSeconds(times) });
    };
    child.on('error', (error) => { output += error.message; over(-1); });
    child.on('close', over);
  });
}

const count = (results, kind) => results.filter((result) => result[kind]).length;

/** Before a command that is to have a network of its own: the loopback interface alone, as long as it runs. */
const OWN_NETWORK = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];

/** A file of node's tests. (Without the right to make networks its tests are skipped.)
 *  @param {{file?: string, ownNetwork?: boolean}} job
 *  @param {How} how */
async function runFile({ file, ownNetwork }, { env, title, signal }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-run-'));
  try {
    const told = path.join(folder, 'results');
    const { status, output, cpu } = await run([...(ownNetwork && !unprivileged ? OWN_NETWORK : []),
      process.execPath, `--test-reporter=${REPORTER}`, `--test-reporter-destination=${told}`,
      ...(title ? [`--test-name-pattern=${title}`] : []), file], env, signal);
    const results = readFileSync(told, { encoding: 'utf8', flag: 'a+' }).split('\n').filter(Boolean).map((line) => JSON.parse(line))
      .filter(({ skipped }) => skipped !== 'test name does not match pattern');
    // An error that belongs to no test.
    if (status !== 0 && !results.some(({ failed }) => failed)) results.push({ title: 'the file as a whole', ms: 0, failed: `status ${status}` });
    return { results, output, cpu };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** A target of make; `check` counts its programs, any other is one result.
 *  @param {{make?: string, build?: string}} job
 *  @param {How} how */
async function runMake({ make, build }, { env, signal }) {
  const start = performance.now();
  const parallel = make === 'distcheck' ? [] : [`-j${availableParallelism()}`];
  // VERBOSE prints the logs of programs that failed, also of those that distcheck has built.
  const { status, output, cpu } = await run(['make', '-s', ...parallel, '-C', build, make, 'VERBOSE=1'], env, signal);
  const ms = performance.now() - start;
  const passed = make === 'check' ? Number(/^# PASS: *(\d+)$/m.exec(output)?.[1] ?? 0) : 1;
  if (status === 0 && passed > 0) return { results: Array.from({ length: passed }, () => ({ title: make, ms: ms / passed, passed: true })), output, cpu };
  return { results: [{ title: `make ${make}`, ms, failed: `status ${status}` }], output, cpu };
}

/** @param {{command?: string[]}} job
 *  @param {How} how */
async function runCommand({ command }, { env, signal }) {
  const { status, output, cpu } = await run(command, env, signal);
  return { results: status === 0 ? [] : [{ title: command.slice(1).join(' '), ms: 0, failed: `status ${status}` }], output, cpu };
}

/**
 * @param {{[member: string]: any}} job  see suites.js
 * @param {How} how
 */
export async function runJob(job, how) {
  const start = performance.now();
  const runs = job.file ? runFile : job.make ? runMake : runCommand;
  const { results, output, cpu } = await runs(job, { ...how, env: { ...job.env, ...how.env } })
    .catch((error) => ({ results: [{ title: job.name, ms: 0, failed: error.stack }], output: '', cpu: 0 }));
  return { job, seconds: (performance.now() - start) / 1000, cpu, results, output,
    passed: count(results, 'passed'), failed: count(results, 'failed'), skipped: count(results, 'skipped') };
}
