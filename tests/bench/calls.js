// calls.js - system calls and context switches by program: the same on every machine, and what a relay and an opening
// cost beside work.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { load } from './load.js';
import { PROGRAMS, byName, processes, switches } from '../http/lib/usage.js';
import { until } from '../http/lib/wait.js';

const TIMES = 500;

/** Why nothing is counted; or undefined. */
export const noCalls = existsSync('/usr/bin/strace') ? undefined : 'strace is not installed';

/** What is counted: it does something so often, once begin() has returned.
 *  @typedef {import('./targets.js').Drawbridge | import('./targets.js').Nchan} Counted
 *  @typedef {(target: Counted, begin: () => Promise<void>) => Promise<unknown>} Run */

/** @type {{[what: string]: Run}} */
export const RUNS = {
  'a relay, until its event is there': (target, begin) => {
    const { clients, meanwhile } = target.pairs(1);
    return load('post', target, clients, ['-e', '-n', TIMES], async () => {
      await meanwhile?.();
      await begin();
    });
  },
  'a stream, opened and closed': async (target, begin) => {
    await begin();
    return load('open', target, target.peers(TIMES), ['-c', 1]);
  },
};

/** Of each time, by program. */
const each = (sums) => Object.fromEntries(PROGRAMS.filter((name) => name in sums).map((name) => [name, sums[name] / TIMES]));

/** @param {Counted} target
 *  @param {Run} run */
export async function switchesOf(target, run) {
  /** @type {{[comm: string]: number}} */ let before;
  await run(target, async () => { before = byName(target.roots, switches); });
  const after = byName(target.roots, switches);
  return each(Object.fromEntries(Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)])));
}

/** strace of a process and its threads.
 *  @returns {Promise<() => Promise<number>>}  ends it, and says how many calls there were */
async function trace(pid, file) {
  const child = spawn('strace', ['-f', '-c', '-o', file, '-p', String(pid)], { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'close');
  let said = '';
  child.stderr.on('data', (text) => { said += text; });
  await until(() => / attached/.test(said), () => `strace to attach to ${pid}; it said: ${said}`);
  return async () => {
    child.kill('SIGINT');
    await ended;
    return Number(/^ *100\.00 +\S+ +\S+ +(\d+)/m.exec(readFileSync(file, 'utf8'))?.[1] ?? 0);
  };
}

/** @param {Counted} target
 *  @param {Run} run */
export async function callsOf(target, run) {
  const folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-calls-'));
  const programs = processes(target.roots).filter(({ comm }) => PROGRAMS.includes(comm));
  /** @type {{comm: string, end: () => Promise<number>}[]} */ const traces = [];
  const sums = {};
  try {
    await run(target, async () => {
      for (const { pid, comm } of programs) traces.push({ comm, end: await trace(pid, path.join(folder, String(pid))) });
    });
  } finally {
    for (const { comm, end } of traces) sums[comm] = (sums[comm] ?? 0) + await end();
    rmSync(folder, { recursive: true });
  }
  return each(sums);
}
