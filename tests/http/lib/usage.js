// usage.js - the time and the memory that the processes of a deployment have taken.
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { descendants } from './processes.js';

const KINDS = {
  web: ['lighttpd', 'apache2', 'nginx'],
  programs: ['signal.fcgi', 'stream.fcgi', 'bench_null',
    'condure', 'pushpin', 'pushpin-proxy', 'pushpin-handler', 'zurl', 'original'], // what tests/bench compares with
  redis: ['redis-server', 'valkey-server'],
};

/** The names of all that counts. */
export const PROGRAMS = Object.values(KINDS).flat();

const TICK_US = 1e6 / Number(execFileSync('getconf', ['CLK_TCK']));

/** By kind of process, and of all. @typedef {{web: number, programs: number, redis: number, all: number}} Usage */

/** These processes and their descendants. */
export const processes = (roots) => roots.flatMap((pid) => [{ pid, comm: proc(pid, 'comm').trim() }, ...descendants(pid)]);

/** What read() gives for each of them, added up.
 *  @returns {Usage} */
function add(roots, read) {
  const all = processes(roots);
  const sum = (comms) => all.filter(({ comm }) => comms.includes(comm)).reduce((so, { pid }) => so + read(pid), 0);
  const [web, programs, redis] = [KINDS.web, KINDS.programs, KINDS.redis].map(sum);
  return { web, programs, redis, all: web + programs + redis };
}

function proc(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return ''; // it has ended
  }
}

/** The same by the names of the programs. */
export function byName(roots, read) {
  /** @type {{[comm: string]: number}} */ const sums = {};
  for (const { pid, comm } of processes(roots)) sums[comm] = (sums[comm] ?? 0) + read(pid);
  return sums;
}

function threads(pid) {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/** How many threads these processes and their descendants have. */
export const threadCount = (roots) => processes(roots).reduce((so, { pid }) => so + threads(pid).length, 0);

/** CPU time in microseconds of the threads that a process has now: to the nanosecond, where ticks would be too long. */
export const threadUs = (pid) => threads(pid)
  .reduce((so, thread) => so + (Number(proc(pid, `task/${thread}/schedstat`).split(' ')[0]) || 0) / 1000, 0);

/** Context switches of the threads that a process has now. */
export const switches = (pid) => threads(pid).reduce((so, thread) =>
  [...proc(pid, `task/${thread}/status`).matchAll(/ctxt_switches:\t(\d+)/g)].reduce((sum, [, n]) => sum + Number(n), so), 0);

/** CPU time in microseconds, with that of children that have ended. */
export const cpu = (roots) => add(roots, (pid) => {
  const fields = proc(pid, 'stat').replace(/^.*\) /s, '').split(' ');
  return fields.slice(11, 15).reduce((so, ticks) => so + Number(ticks), 0) * TICK_US;
});

/** Memory in KiB, where what several share counts once (PSS). Without pages of files: the kernel can drop
 *  those, and all who run the same program share them.
 *  @type {(roots: number[]) => {[kind: string]: number}} */
export const memory = (roots) => add(roots, (pid) => [...proc(pid, 'smaps_rollup').matchAll(/^Pss_(?:Anon|Shmem): +(\d+)/gm)]
  .reduce((so, [, kib]) => so + Number(kib), 0));

/** Of each kind what is made of it.
 *  @param {(kind: keyof Usage) => number} make
 *  @returns {Usage} */
export const eachKind = (make) => ({ web: make('web'), programs: make('programs'), redis: make('redis'), all: make('all') });

/** b - a, of either. */
export const less = (b, a) => eachKind((kind) => b[kind] - a[kind]);
