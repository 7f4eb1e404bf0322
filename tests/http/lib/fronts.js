// fronts.js - Debian's proxies, as people put them in front of a web server that they have.
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { isAlive, signal } from './processes.js';
import { missing } from './programs.js';
import { freePort } from './redis-server.js';
import { until } from './wait.js';

const running = new Set();
process.on('exit', () => running.forEach((front) => front.drop()));

/**
 * port: where it listens; to: what it passes requests on to, as HOST:PORT or as it calls a socket; folder: of its own.
 * @typedef {{port: number, to: string, folder: string}} Place
 * @typedef {{program: string, args: (file: string, folder: string) => string[],
 *     text: (place: Place, lines: string) => string}} Kind
 *     text: its configuration, with lines of a test's own
 */

const MODULES = ['mpm_event', 'authz_core', 'headers', 'proxy', 'proxy_http'];

/** @type {Record<string, Kind>} */
const KINDS = {
  nginx: {
    program: '/usr/sbin/nginx',
    args: (file, folder) => ['-p', folder, '-c', file],
    text: ({ port, to, folder }, lines) => `daemon off; master_process off; pid ${folder}/pid; error_log stderr;
events { worker_connections 512; }
http {
  access_log off;
  ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `${name}_temp_path ${folder}/${name};`).join(' ')}
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://${to}; ${lines} }
  }
}`,
  },
  haproxy: {
    program: '/usr/sbin/haproxy',
    args: (file) => ['-db', '-f', file],
    text: ({ port, to }, lines) => `defaults
  mode http
  timeout connect 5s
  timeout client 50s
  timeout server 50s
  ${lines.replaceAll('\n', '\n  ')}
listen front
  bind 127.0.0.1:${port}
  server one ${to}
`,
  },
  caddy: {
    program: '/usr/bin/caddy',
    args: (file) => ['run', '--adapter', 'caddyfile', '--config', file],
    text: ({ port, to }, lines) => `{
  admin off
  auto_https off
}
http://127.0.0.1:${port} {
  reverse_proxy ${to} {
    ${lines}
  }
}
`,
  },
  // By FastCGI: the lines are its whole configuration, as src/caddy has it.
  caddy_fastcgi: {
    program: '/usr/bin/caddy',
    args: (file) => ['run', '--adapter', 'caddyfile', '--config', file],
    text: ({ port }, lines) => lines.replace('{\n', '{\n\tadmin off\n\tauto_https off\n')
      .replace(/^draw\.example(?= \{$)/m, `http://127.0.0.1:${port}`),
  },
  mod_proxy: {
    program: '/usr/sbin/apache2',
    args: (file) => ['-DFOREGROUND', '-f', file],
    text: ({ port, to, folder }, lines) => `ServerRoot "${folder}"
ServerName localhost
Listen 127.0.0.1:${port}
${MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
PidFile "${folder}/pid"
DefaultRuntimeDir "${folder}"
ErrorLog "${folder}/error.log"
${process.getuid() === 0 ? 'User www-data\nGroup www-data' : ''}
AllowEncodedSlashes NoDecode
ProxyPass "/" "http://${to}/" nocanon
${lines}
`,
  },
};

/** Why tests with this one are skipped, where they are. */
export const missingFront = (name) => missing(KINDS[name].program);

export class Front {
  /** @type {import('node:child_process').ChildProcess} */ #child;
  #said = '';
  /** Where it answers: the mount of what it stands in front of. @type {URL} */ base;
  /** @type {string} */ folder;

  /** @param {string} name  nginx, haproxy, caddy, caddy_fastcgi or mod_proxy
   *  @param {URL} behind
   *  @param {string} [lines]  more of its configuration
   *  @param {string} [to]  what it passes requests on to, if not that */
  static async start(name, behind, lines = '', to = behind.host) {
    const front = new Front();
    const { program, args, text } = KINDS[name];
    front.folder = mkdtempSync(path.join(tmpdir(), `drawbridge-${name}-`));
    front.base = new URL(behind);
    front.base.port = String(await freePort());
    const file = path.join(front.folder, 'conf');
    writeFileSync(file, text({ port: Number(front.base.port), to, folder: front.folder }, lines));
    front.#child = spawn(program, args(file, front.folder), { stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, HOME: front.folder, XDG_DATA_HOME: front.folder, XDG_CONFIG_HOME: front.folder } });
    running.add(front);
    for (const stream of [front.#child.stdout, front.#child.stderr]) stream.on('data', (some) => { front.#said += some; });
    try {
      await until(() => {
        if (!isAlive(front.#child.pid)) throw new Error(`${name} ended:\n${front.said}`);
        return front.#listens();
      }, () => `${name} to listen; it said:\n${front.said}`);
    } catch (error) {
      front.drop();
      throw error;
    }
    return front;
  }

  /** What it has said by now, on its standard error or in its log. */
  get said() {
    try {
      return this.#said + readFileSync(path.join(this.folder, 'error.log'), 'utf8');
    } catch {
      return this.#said;
    }
  }

  #listens() {
    return new Promise((resolve) => {
      const socket = net.connect({ host: this.base.hostname, port: Number(this.base.port) });
      socket.on('connect', () => { socket.destroy(); resolve(true); });
      socket.on('error', () => resolve(false));
    });
  }

  /** Whatever ends a test, nothing of it stays. */
  drop() {
    running.delete(this);
    signal(this.#child.pid, 'SIGTERM');
    rmSync(this.folder, { recursive: true, force: true });
  }

  async stop() {
    this.drop();
    await until(() => !isAlive(this.#child.pid), 'the proxy to end');
  }
}
