// processes.js - whose child is whose, from /proc.
import { readdirSync, readFileSync } from 'node:fs';

function stat(pid) {
  try {
    const [, comm, state, parent, threads] = /^\d+ \((.*)\) (\S) (\d+)(?: -?\d+){15} (\d+) /s
      .exec(readFileSync(`/proc/${pid}/stat`, 'utf8'));
    // Its descriptors are open until its last thread has ended, perhaps after the first.
    const dead = (state === 'Z' || state === 'X') && Number(threads) <= 1;
    return { pid: Number(pid), comm, parent: Number(parent), alive: !dead };
  } catch {
    return undefined; // it has gone meanwhile
  }
}

/** All living descendants of a process: [{pid, comm}, …]. */
export function descendants(root) {
  const all = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(stat).filter(Boolean);
  const found = [];
  const parents = new Set([root]);
  for (let more = true; more;) {
    more = false;
    for (const one of all) {
      if (parents.has(one.parent) && !parents.has(one.pid)) {
        parents.add(one.pid);
        more = true;
        if (one.alive) found.push(one);
      }
    }
  }
  return found;
}

export const isAlive = (pid) => Boolean(stat(pid)?.alive);

/** A signal to one that may be gone already. */
export function signal(pid, name) {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}
