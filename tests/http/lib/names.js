// names.js - a command that knows the names of hosts from a file and a name server of the test's own. As root.
import dgram from 'node:dgram';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

let made = 0;

export class Names {
  #folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-names-'));
  #server = dgram.createSocket('udp4');

  /** The name server takes every question, and never answers.
   *  @param {string} hosts  as hosts(5)
   *  @param {string} [options]  as resolv.conf(5): how long it is waited for */
  static async start(hosts, options = '') {
    const names = new Names();
    // Nobody else's, beside other tests and a resolver of the machine's own.
    const address = `127.${1 + process.pid % 254}.${process.pid >> 8 & 255}.${53 + made++}`;
    await new Promise((resolve, reject) => {
      names.#server.on('error', reject);
      names.#server.bind(53, address, () => resolve(undefined));
    });
    names.hosts = hosts;
    writeFileSync(names.#file('resolv.conf'), `nameserver ${address}\n${options}\n`);
    return names;
  }

  /** From now on. */
  set hosts(text) { writeFileSync(this.#file('hosts'), text); }

  #file(name) { return path.join(this.#folder, name); }

  /** Before the command. */
  get within() {
    const binds = ['hosts', 'resolv.conf'].map((name) => `mount --bind ${this.#file(name)} /etc/${name}`);
    return ['unshare', '--mount', 'sh', '-c', `${binds.join(' && ')} && exec "$@"`, 'sh'];
  }

  remove() {
    this.#server.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
