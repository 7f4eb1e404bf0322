// group.js - a control group, which also counts what the kernel keeps for its processes: sockets, epoll, page tables.
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { until } from '../http/lib/wait.js';

export class Group {
  #folder;
  /** The file that says how much memory it takes. @type {string} */ usage;

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
