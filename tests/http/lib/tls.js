// tls.js - TLS to Redis: whether it can be tried here, and stunnel, which does it in front of programs without.
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { BUILD } from './pace.js';
import { isAlive, signal } from './processes.js';
import { stunnelLines } from './documents.js';
import { freePort, missingTls } from './redis-server.js';
import { until } from './wait.js';

/** Whether the programs know it, as they were built. */
export function hasTls() {
  const { stdout, error } = spawnSync(path.join(BUILD, 'drawbridge'), ['check', '--settings'], { encoding: 'utf8',
    env: { DRAWBRIDGE_CONF: '/nowhere', DRAWBRIDGE_SECRET: 'x'.repeat(32), DRAWBRIDGE_REDIS_URL: 'rediss://redis.example' } });
  if (error) throw error;
  return !stdout.includes('no TLS');
}

/** Why tests of it are skipped, where they are. */
export const withoutTls = () => missingTls() ?? (hasTls() ? undefined : 'this build has no TLS to Redis');

const running = new Set();
process.on('exit', () => running.forEach((tunnel) => tunnel.abandon()));

/** A Redis that speaks TLS, and stunnel as drawbridge-operations(7) has it, in front of programs that need not. */
export class Tunnel {
  /** @type {import('node:child_process').ChildProcess} */ #child;
  #folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-stunnel-'));
  #said = '';
  /** @type {import('./redis-server.js').RedisServer} */ redis;
  /** @type {number} */ port;

  /** @param {import('./redis-server.js').RedisServer} redis  the tunnel's, from then on */
  static async start(redis) {
    const tunnel = new Tunnel();
    tunnel.redis = redis;
    tunnel.port = await freePort();
    const lines = Object.entries({
      '127.0.0.1:6379': `127.0.0.1:${tunnel.port}`,
      'redis.example:6379': `127.0.0.1:${redis.tlsPort}`,
      '/etc/ssl/certs/ca-certificates.crt': redis.tls.ca,
    }).reduce((text, [from, to]) => text.replace(from, to), stunnelLines());
    const file = path.join(tunnel.#folder, 'redis.conf');
    // Only root may become another.
    writeFileSync(file, process.getuid() === 0 ? lines : lines.replaceAll(/^set[ug]id .*\n/gm, ''));
    tunnel.#child = spawn('stunnel4', [file], { stdio: ['ignore', 'ignore', 'pipe'] });
    tunnel.#child.stderr.on('data', (text) => { tunnel.#said += text; });
    running.add(tunnel);
    await until(() => {
      if (!isAlive(tunnel.#child.pid)) throw new Error(`stunnel ended:\n${tunnel.#said}`);
      return tunnel.#said.includes('Configuration successful');
    }, () => `stunnel to listen; it said:\n${tunnel.#said}`);
    return tunnel;
  }

  /** For the programs. */
  get url() { return `redis://127.0.0.1:${this.port}`; }

  async remove() {
    this.abandon();
    await until(() => !isAlive(this.#child.pid), 'stunnel to end');
    await this.redis.remove();
  }

  /** The same at once, without waiting. */
  abandon() {
    signal(this.#child.pid, 'SIGTERM');
    running.delete(this);
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
