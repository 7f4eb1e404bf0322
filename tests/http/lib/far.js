// far.js - a Redis of the test's own that is some milliseconds away: tests/bench/far.c is between. As root.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { freeNetwork, ip, unprivileged } from './netns.js';
import { RedisServer } from './redis-server.js';
import { until } from './wait.js';

export const BUILD = path.resolve(process.env.BUILD || fileURLToPath(new URL('../../../.build', import.meta.url)));

/** Why there can be none; or undefined. */
export const noFar = unprivileged ?? (existsSync('/dev/net/tun') ? undefined : 'this needs /dev/net/tun');

let made = 0;

/** @typedef {{trips: number, connections: number, asks: number, dropped: number, quiet_ms: number}} Counts
 *     trips: round trips in a row; asks: all of them */

export class Far {
  /** To be asked without delay. @type {RedisServer} */ redis;
  /** @type {import('node:child_process').ChildProcess} */ #child;
  /** @type {AsyncIterator<string>} */ #lines;
  #address;

  /** @param {{ms: number, password?: string}} options  ms: each way */
  static async start({ ms, password }) {
    const far = new Far();
    const net = freeNetwork();
    const name = `far${process.pid}-${++made}`;
    far.#address = `${net}.2`;
    execFileSync('make', ['-s', '-C', BUILD, 'bench_far'], { stdio: 'inherit' });
    far.redis = await RedisServer.start(password);
    await far.#begin(net, name, ms).catch(async (error) => {
      await far.remove();
      throw error;
    });
    return far;
  }

  async #begin(net, name, ms) {
    this.#child = spawn(path.join(BUILD, 'bench_far'), [name, String(this.redis.port), String(ms)], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
    await this.#line();
    // Whatever waits for far to read it is late, and not lost.
    ip('link', 'set', name, 'txqueuelen', '50000', 'up');
    ip('addr', 'add', `${net}.1`, 'peer', this.#address, 'dev', name);
    await this.redis.ask('CONFIG', 'SET', 'bind', `127.0.0.1 ${net}.1`);
  }

  /** For the programs. */
  get url() { return this.redis.url.replace('127.0.0.1', this.#address); }

  get pid() { return this.#child.pid; }

  async #line() {
    const { value } = await this.#lines.next();
    if (value === undefined) throw new Error('far has ended');
    return JSON.parse(value);
  }

  /** @returns {Promise<Counts>} */
  #tell(command) {
    this.#child.stdin.write(`${command}\n`);
    return this.#line();
  }

  /** From now on, each way. */
  delay(ms) { return this.#tell(`delay ${ms}`); }

  reset() { return this.#tell('reset'); }

  count() { return this.#tell('count'); }

  /** Once nothing new has been on its way for so long. */
  quiet(ms) {
    return until(async () => {
      const counts = await this.count();
      return counts.quiet_ms >= ms && counts;
    }, 'nothing to be on its way to Redis');
  }

  async remove() {
    const ended = once(this.#child, 'close');
    this.#child.stdin.end();
    await ended; // the interface has gone with it
    await this.redis.remove();
  }
}
