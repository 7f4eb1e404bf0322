// processes.js - the time and the memory that the processes of a deployment have taken.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { descendants } from '../http/lib/processes.js';
import { until } from '../http/lib/wait.js';

const KINDS = {
  web: ['lighttpd', 'apache2', 'nginx'],
  programs: ['signal.fcgi', 'stream.fcgi', 'bench_null'],
  redis: ['redis-server'],
};
const TICK_US = 1e6 / Number(execFileSync('getconf', ['CLK_TCK']));

/** What read() gives for each of these processes and their descendants, added up. */
function add(roots, read) {
  const all = roots.flatMap((pid) => [{ pid, comm: proc(pid, 'comm').trim() }, ...descendants(pid)]);
  const sum = Object.fromEntries(Object.entries(KINDS).map(([kind, comms]) =>
    [kind, all.filter(({ comm }) => comms.includes(comm)).reduce((so, { pid }) => so + read(pid), 0)]));
  return { ...sum, all: sum.web + sum.programs + sum.redis };
}

function proc(pid, file) {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'utf8');
  } catch {
    return ''; // it has ended
  }
}

/** CPU time in microseconds, with that of children that have ended. */
export const cpu = (roots) => add(roots, (pid) => {
  const fields = proc(pid, 'stat').replace(/^.*\) /s, '').split(' ');
  return fields.slice(11, 15).reduce((so, ticks) => so + Number(ticks), 0) * TICK_US;
});

/** Memory in KiB, where what several share counts once (PSS). Without pages of files: the kernel can drop
 *  those, and all who run the same program share them. */
export const memory = (roots) => add(roots, (pid) => [...proc(pid, 'smaps_rollup').matchAll(/^Pss_(?:Anon|Shmem): +(\d+)/gm)]
  .reduce((so, [, kib]) => so + Number(kib), 0));

/** b - a, of either. */
export const less = (b, a) => Object.fromEntries(Object.keys(b).map((kind) => [kind, b[kind] - a[kind]]));

/** A control group, which also counts what the kernel keeps for the processes in it: sockets, epoll, page tables. */
export class Group {
  #folder;

  /** Undefined where none can be made: it takes root, and a memory controller that is ours to use. */
  static make() {
    const group = new Group();
    const v2 = existsSync('/sys/fs/cgroup/cgroup.controllers');
    group.#folder = `/sys/fs/cgroup/${v2 ? '' : 'memory/'}drawbridge-bench-${process.pid}`;
    try {
      if (v2) writeFileSync('/sys/fs/cgroup/cgroup.subtree_control', '+memory');
      mkdirSync(group.#folder);
      group.usage = `${group.#folder}/memory.${v2 ? 'current' : 'usage_in_bytes'}`;
      readFileSync(group.usage);
      return group;
    } catch {
      return undefined;
    }
  }

  /** Before a command that is to run in it. */
  get command() {
    return ['sh', '-c', 'echo $$ >"$0"/cgroup.procs && exec "$@"', this.#folder];
  }

  /** KiB of all but the cache of files. */
  memory() {
    const cache = /^(?:file|cache) (\d+)$/m.exec(readFileSync(`${this.#folder}/memory.stat`, 'utf8'))[1];
    return (Number(readFileSync(this.usage, 'utf8')) - Number(cache)) / 1024;
  }

  /** Once the processes have ended. */
  remove() {
    return until(() => {
      try {
        rmdirSync(this.#folder);
        return true;
      } catch {
        return false;
      }
    }, 'the control group to be empty');
  }
}
