// server.js - one web server with the programs behind it, as ./quickstart starts it.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readdirSync, readSync, fstatSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { descendants, isAlive, signal } from './processes.js';
import { pause, until, WAIT_MS } from './wait.js';

const QUICKSTART = fileURLToPath(new URL('../../../quickstart', import.meta.url));
const running = new Set();

// Whatever ends a test, nothing of it stays.
process.on('exit', () => running.forEach((child) => signal(child.pid, 'SIGTERM')));
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(name, () => process.exit(1));

export class Server {
  /** @type {import('node:child_process').ChildProcess} */ #child;
  #said = '';
  /** @type {Map<string, number>} */ #files = new Map();
  isOver = false;
  /** @type {string} */ kind;
  /** @type {Promise<unknown>} */ exited;
  /** The mount's address. @type {URL} */ base;
  /** The folder of its logs. @type {string} */ logs;
  /** @type {string} */ redis;

  /**
   * @param {{kind: string, mount: string, redis?: string, settings: object, include?: string,
   *     host?: string, within?: string[], more?: string[]}} options
   *     settings: without their DRAWBRIDGE_; include: a file of more lines for the web server;
   *     within: a command that runs it somewhere else; more: options of quickstart
   */
  static async start({ kind, mount, redis, settings, include, host, within = [], more = [] }) {
    const server = new Server();
    const [command, ...args] = [...within, QUICKSTART, '--server', kind, '--port', '0', '--mount', mount,
      ...(redis ? ['--redis', redis] : []), ...(include ? ['--include', include] : []), ...(host ? ['--host', host] : []), ...more];
    const env = Object.fromEntries([
      ...Object.entries(process.env).filter(([name]) => !name.startsWith('DRAWBRIDGE_')),
      ...Object.entries(settings).map(([name, value]) => [`DRAWBRIDGE_${name}`, String(value)]),
    ]);
    const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
    server.#child = child;
    server.kind = kind;
    server.exited = new Promise((resolve) => {
      child.on('error', resolve);
      child.on('close', resolve);
    });
    running.add(child);
    server.exited.then(() => { running.delete(child); server.isOver = true; });
    child.stdout.on('data', (text) => { server.#said += text; });
    child.stderr.on('data', (text) => { server.#said += text; });
    const line = (word) => new RegExp(`^ *${word}: (\\S+)\\n`, 'm').exec(server.#said)?.[1];
    await until(() => {
      if (server.isOver) throw new Error(`quickstart ended:\n${server.#said}`);
      return line('open') && line('logs') && line('redis');
    }, () => `quickstart to be ready; it said:\n${server.#said}`, 12 * WAIT_MS);
    server.base = new URL(line('open'));
    server.logs = line('logs');
    server.redis = line('redis');
    server.#keep();
    return server;
  }

  get pid() { return this.#child.pid; }

  /** What quickstart has said by now, on either stream. */
  get said() { return this.#said; }

  /** The name of its shared memory. */
  get shm() { return path.basename(path.dirname(this.logs)); }

  /** The program for the command line, as it is installed. */
  get drawbridge() { return path.join(path.dirname(this.logs), 'install/usr/local/bin/drawbridge'); }

  /** The folder of the programs, as they are installed. */
  get programs() { return path.join(path.dirname(this.logs), 'install/usr/local/libexec/drawbridge'); }

  /** The folder of the programs' sockets, where they are started outside of it. */
  get sockets() { return path.join(path.dirname(this.logs), 'sockets'); }

  /** The folder of the page, as it is installed. */
  get page() { return path.join(path.dirname(this.logs), 'install/usr/local/share/drawbridge/page'); }

  /** The file of its settings. */
  get conf() { return path.join(path.dirname(this.logs), 'drawbridge.conf'); }

  /** Ids of the processes of this name, as signal.fcgi. */
  processes(comm) {
    return descendants(this.pid).filter((one) => one.comm === comm).map((one) => one.pid);
  }

  /** What each log file holds by now: [[name, text], …]. They can be read after the
   *  run folder has been removed, which is when all is in them.
   *  @returns {[string, string][]} */
  read() {
    this.#keep();
    return [...this.#files].map(([name, file]) => {
      const bytes = Buffer.alloc(fstatSync(file).size);
      const length = readSync(file, bytes, 0, bytes.length, 0);
      return [name, bytes.toString('utf8', 0, length)];
    });
  }

  /** Ends it by SIGTERM, which is to be all that it takes. The logs are told apart in
   *  what they said until then, and what they said of the end. */
  async stop() {
    if (this.isOver) throw new Error(`quickstart ended by itself:\n${this.#said}`);
    const before = new Map(this.read());
    const all = descendants(this.pid);
    const start = performance.now();
    signal(this.pid, 'SIGTERM');
    await until(() => this.isOver && !all.some((one) => isAlive(one.pid)), 'quickstart and all its processes to end');
    const ms = performance.now() - start;
    const whole = this.read();
    this.#files.forEach((file) => closeSync(file));
    this.#files.clear();
    /** @type {[string, string][]} */
    const atStop = whole.map(([name, text]) => [name, text.slice(before.get(name)?.length)]);
    return { ms, before, atStop, left: existsSync(this.logs) || existsSync(`/dev/shm/${this.shm}`) };
  }

  /** For when a test went wrong: ends it as hard as it takes, and shows what it logged. */
  async abandon() {
    if (this.isOver) return;
    const all = descendants(this.pid);
    signal(this.pid, 'SIGTERM');
    for (let i = 0; i < 250 && !this.isOver; i++) await pause(20);
    if (!this.isOver) signal(this.pid, 'SIGKILL');
    for (const { pid } of all) if (isAlive(pid)) signal(pid, 'SIGKILL');
  }

  #keep() {
    if (!existsSync(this.logs)) return;
    for (const name of readdirSync(this.logs, { encoding: 'utf8', recursive: true })) {
      const file = path.join(this.logs, name);
      if (this.#files.has(name)) continue;
      const descriptor = openSync(file, 'r');
      if (fstatSync(descriptor).isFile()) this.#files.set(name, descriptor);
      else closeSync(descriptor);
    }
  }
}
