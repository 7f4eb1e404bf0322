// turn-server.js - a coturn of the test's own, on loopback.
import { spawn } from 'node:child_process';
import { createHmac } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isAlive, signal } from '../../http/lib/processes.js';
import { freePort } from '../../http/lib/redis-server.js';
import { randomSecret } from '../../http/lib/tokens.js';
import { until } from '../../http/lib/wait.js';

const running = new Set();
process.on('exit', () => running.forEach((server) => server.abandon()));

export class TurnServer {
  /** @type {import('node:child_process').ChildProcess} */ #child;
  /** @type {number} */ port;
  #dir = mkdtempSync(path.join(tmpdir(), 'drawbridge-turn-'));
  secret = randomSecret();

  static async start() {
    const server = new TurnServer();
    server.port = await freePort();
    writeFileSync(path.join(server.#dir, 'turnserver.conf'), [
      'listening-ip=127.0.0.1', 'relay-ip=127.0.0.1', `listening-port=${server.port}`, 'realm=draw.example',
      'use-auth-secret', `static-auth-secret=${server.secret}`, 'allow-loopback-peers', 'fingerprint',
      'no-tls', 'no-dtls', 'no-cli', 'log-file=stdout', 'simple-log',
      `userdb=${path.join(server.#dir, 'turndb')}`, `pidfile=${path.join(server.#dir, 'turnserver.pid')}`, '',
    ].join('\n'));
    await server.start();
    return server;
  }

  get url() { return `turn:127.0.0.1:${this.port}?transport=udp`; }

  async start() {
    this.log = '';
    const child = spawn('turnserver', ['-c', path.join(this.#dir, 'turnserver.conf')],
      { stdio: ['ignore', 'pipe', 'pipe'] });
    child.unref();
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => { this.log += text; });
    this.#child = child;
    running.add(this);
    // It takes TCP on the same port.
    await until(() => new Promise((resolve) => {
      const probe = net.connect(this.port, '127.0.0.1', () => resolve(true));
      probe.on('error', () => resolve(false));
      probe.on('connect', () => probe.destroy());
    }), () => `coturn to answer; it said:\n${this.log}`);
  }

  async kill() {
    signal(this.#child.pid, 'SIGKILL');
    await until(() => !isAlive(this.#child.pid), 'coturn to die');
  }

  /** For a user of our own choice. */
  credential(username) {
    return createHmac('sha1', this.secret).update(username).digest('base64');
  }

  abandon() {
    signal(this.#child.pid, 'SIGKILL');
    running.delete(this);
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
