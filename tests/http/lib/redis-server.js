// redis-server.js - a Redis of the test's own, which it may kill, stall and empty.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Redis } from './resp.js';
import { isAlive, signal } from './processes.js';
import { until } from './wait.js';

/** Another that speaks as Redis does is chosen by its name: REDIS_SERVER=valkey-server. */
export const PROGRAM = process.env.REDIS_SERVER || 'redis-server';

/** Why tests with TLS to Redis are skipped, where they are. */
export function missingTls() {
  // It says what is allowed, or knows no such option, and ends either way.
  const { stdout, stderr } = spawnSync(PROGRAM, ['--port', '0', '--tls-auth-clients', '?'], { encoding: 'utf8' });
  return /must be one of/.test(stdout + stderr) ? undefined : `${PROGRAM} has no TLS`;
}

const running = new Set();
process.on('exit', () => running.forEach((server) => server.abandon()));

// Those of this job alone, as tests/run gives them out. All are below those that the kernel gives to connections, so
// that one is still free when its server comes back.
const [FIRST_PORT, LAST_PORT] = (process.env.PORTS || '18000-27999').split('-').map(Number);
const given = new Set();

/** One that nobody listens on, and that nobody is given again. */
export async function freePort() {
  return until(() => new Promise((resolve) => {
    const port = FIRST_PORT + Math.floor(Math.random() * (LAST_PORT - FIRST_PORT + 1));
    if (given.has(port)) return resolve(0);
    given.add(port);
    const probe = net.createServer();
    probe.once('error', () => resolve(0));
    return probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(port)));
  }), 'a free port');
}

/** Nothing is left of peers and rooms. (What hosts have reported stays for a minute and more.)
 *  @param {(...words: string[]) => Promise<any>} ask */
export const isEmptied = async (ask) => await ask('DBSIZE') === await ask('EXISTS', 'hosts');

export class RedisServer {
  /** @type {import('node:child_process').ChildProcess} */ #child;
  /** @type {number} */ port;
  /** @type {string} */ password;
  /** Who the programs are, with the same password. @type {{name: string, rights: string[]}} */ user;
  /**
   * It also speaks TLS, with the certificate of these files, which the authority in ca has signed; clients: it wants one of
   * them, too.
   * @type {{ca: string, cert: string, key: string, clients?: boolean}}
   */
  tls;
  /** @type {number} */ tlsPort;
  dir = mkdtempSync(path.join(tmpdir(), 'drawbridge-redis-'));

  /**
   * @template {typeof RedisServer} C
   * @this {C}
   * @param {string} [password]
   * @param {Partial<InstanceType<C>>} [more]  members that options() wants
   * @returns {Promise<InstanceType<C>>}
   */
  static async start(password, more) {
    const server = /** @type {InstanceType<C>} */ (Object.assign(new this(), more));
    server.port = await freePort();
    if (server.tls) server.tlsPort = await freePort();
    server.password = password;
    await server.start();
    return server;
  }

  /** Of its command line. */
  options() {
    return ['--port', this.port, '--bind', '127.0.0.1', '--unixsocket', this.#socket, '--save', '', '--appendonly', 'no', '--dir', this.dir,
      '--maxmemory-policy', 'noeviction', '--maxclients', '5000',
      '--stream-node-max-bytes', '1024', '--enable-debug-command', 'yes',
      ...this.tlsOptions(),
      ...(this.password ? ['--requirepass', this.password] : []),
      ...(this.user ? ['--user', this.user.name, 'on', `>${this.password}`, ...this.user.rights] : [])];
  }

  tlsOptions() {
    return this.tls ? ['--tls-port', this.tlsPort, '--tls-cert-file', this.tls.cert, '--tls-key-file', this.tls.key,
      '--tls-ca-cert-file', this.tls.ca, '--tls-auth-clients', this.tls.clients ? 'yes' : 'no'] : [];
  }

  get pid() { return this.#child.pid; }

  get #socket() { return path.join(this.dir, 'socket'); }

  /** For who asks it very often: half as dear as TCP. */
  get local() { return `unix://${this.#socket}`; }

  get #account() { return this.password ? `${this.user?.name ?? 'default'}:${this.password}@` : ''; }

  /** Where the programs go, or who stands in between. */
  get served() { return this.tls ? this.tlsPort : this.port; }

  /** The same as a URL, on whatever port.
   *  @param {{host?: string, port?: number, query?: object}} [options]  query: more of it, or other than is usual */
  urlAt({ host = '127.0.0.1', port = this.served, query } = {}) {
    const parameters = new URLSearchParams({ ...(this.tls ? { ca: this.tls.ca } : {}), ...query });
    return `redis${this.tls ? 's' : ''}://${this.#account}${host}:${port}${parameters.size ? `?${parameters}` : ''}`;
  }

  /** For the programs. (A test that uses it is the user that may do everything.) */
  get url() { return this.urlAt(); }

  /** Comes up, empty. Another that listens on this port is not taken for it. */
  async start() {
    const child = spawn(PROGRAM, this.options().map(String), { stdio: 'ignore' });
    child.unref(); // a test that failed must not wait for it
    this.#child = child;
    running.add(this);
    await until(async () => {
      if (child.exitCode !== null) throw new Error(`redis-server ended: is port ${this.port} taken?`);
      return /^process_id:(\d+)/m.exec(await this.ask('INFO', 'server').catch(() => ''))?.[1] === String(child.pid);
    }, 'Redis to answer');
  }

  /** A connection of our own. */
  connect() { return Redis.open(`redis://${this.#account}127.0.0.1:${this.port}`); }

  /** One command on a connection of its own. */
  async ask(...words) {
    const redis = await this.connect();
    try {
      return await redis.ask(...words);
    } finally {
      redis.close();
    }
  }

  async kill() {
    signal(this.#child.pid, 'SIGKILL');
    await until(() => !isAlive(this.#child.pid), 'Redis to die');
  }

  stall() { signal(this.#child.pid, 'SIGSTOP'); }
  goOn() { signal(this.#child.pid, 'SIGCONT'); }

  async remove() {
    await this.kill();
    this.abandon();
  }

  /** The same at once, without waiting. */
  abandon() {
    signal(this.#child.pid, 'SIGKILL');
    running.delete(this);
    rmSync(this.dir, { recursive: true, force: true });
  }
}
