// targets.js - what is measured. Each starts servers of its own, and says what its clients send.
import { spawn } from 'node:child_process';
import {
  chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { request } from '../http/lib/http.js';
import { descendants, isAlive, signal } from '../http/lib/processes.js';
import { RedisServer, freePort } from '../http/lib/redis-server.js';
import { Redis } from '../http/lib/resp.js';
import { Server } from '../http/lib/server.js';
import { nowSeconds, randomId, randomSecret, sign } from '../http/lib/tokens.js';
import { until } from '../http/lib/wait.js';

const KIND = process.env.SERVER || 'lighttpd';
export const BODY = 200; // bytes of a message

/** JSON of so many bytes, with the mark that load.c counts. */
const body = `{"pad":"~${'x'.repeat(BODY - 11)}"}`;

const get = (where, more = '') => `GET ${where} HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n${more}\r\n`;
const post = (where, text = '', more = '') => `POST ${where} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n`
  + `Content-Length: ${text.length}\r\n${more}\r\n${text}`;

/**
 * Clients, and what is done once their streams are open.
 * @typedef {{clients: {stream: string, posts?: string[]}[], meanwhile?: () => Promise<void>}} Load
 */

export class Drawbridge {
  name = 'drawbridge';
  ready = '"rooms":['; // in `connected`
  secret = randomSecret();
  /** @type {Server} */ server;
  /** @type {number} */ port;
  /** @type {Redis} */ redis;

  /** @param {{kind?: string, settings?: object, within?: string[], redis?: string}} [options]  redis: one that is there */
  static async start({ kind = KIND, settings = {}, within, redis } = {}) {
    const one = new Drawbridge();
    one.server = await Server.start({ kind, mount: '/', within, redis,
      settings: { SECRET: one.secret, RATE: 0, RATE_BYTES: 0, ACCESS_RATE: 0, ...settings } });
    one.port = Number(one.server.base.port);
    one.redis = await Redis.open(one.server.redis);
    return one;
  }

  /** Processes that, with their descendants, are all that it takes. */
  get roots() { return [this.server.pid]; }

  peers(count) {
    return Array.from({ length: count }, () => {
      const id = randomId('p');
      const token = sign({ id, username: 'ann', exp: nowSeconds() + 3600 }, this.secret);
      return { id, token, stream: get(`/connect?token=${token}`) };
    });
  }

  #asPeer(peer, where, text) { return post(where, text, `Authorization: Bearer ${peer.token}\r\n`); }

  /** Peers in rooms of two; so many of them are posted to, each by the other in its room.
   *  @returns {Load} */
  pairs(count, batch = 0) {
    const peers = this.peers(count + count % 2);
    const text = batch ? JSON.stringify(Array(batch).fill({ event: 'e', data: JSON.parse(body) })) : body;
    const clients = peers.map((peer, i) => ({ ...peer,
      posts: i < count ? [this.#asPeer(peers[i ^ 1], `/relay/${peer.id}${batch ? '' : '/e'}`, text)] : [] }));
    return { clients, meanwhile: () => this.pair(peers) };
  }

  async pair(peers) {
    for (const [i, peer] of peers.entries()) await this.join(peer, `${peers[i & ~1].id}`);
  }

  async #ask(peer, where) {
    const { status, text } = await request(new URL(where, this.server.base),
      { method: 'POST', headers: { Authorization: `Bearer ${peer.token}` } });
    if (status !== 200) throw new Error(`${where}: ${status} ${text}`);
  }

  join(peer, room) { return this.#ask(peer, `/${room}/join`); }

  leave(peer, room) { return this.#ask(peer, `/${room}/leave`); }

  /** One who joins a room and leaves it, in turn. */
  visitor(room) {
    const [peer] = this.peers(1);
    return { ...peer, posts: [this.#asPeer(peer, `/${room}/join`), this.#asPeer(peer, `/${room}/leave`)] };
  }

  async stop() {
    this.redis.close();
    await this.server.stop();
  }
}

/** Servers that quickstart does not know, and their folder. */
class Plain {
  folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-bench-'));
  roots = [];
  /** @type {string} */ name;
  /** @type {number} */ port;

  constructor() {
    chmodSync(this.folder, 0o755);
    process.once('exit', () => {
      this.#kill('SIGKILL');
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  spawn([command, ...args]) {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('error', () => {});
    if (child.pid) this.roots.push(child.pid);
  }

  /** Starts the web server, and waits until it answers. */
  async begin(command, where) {
    this.spawn(command);
    await until(() => request(new URL(where, `http://127.0.0.1:${this.port}`)).then(({ status }) => status < 500, () => false),
      () => `${command[0]} to serve; it said:\n${this.#said()}`);
    return this;
  }

  #said() {
    const log = `${this.folder}/error.log`;
    return existsSync(log) ? readFileSync(log, 'utf8') : '';
  }

  #kill(how) {
    const pids = this.roots.flatMap((pid) => [pid, ...descendants(pid).map((one) => one.pid)]);
    for (const pid of pids) signal(pid, how);
    return pids;
  }

  /** Its folder goes at the end of all. */
  async stop() {
    const pids = this.#kill('SIGTERM');
    await until(() => !pids.some(isAlive), `${this.name} to end`);
    this.roots = [];
  }
}

/** nchan, a channel for each peer, with a Redis behind it. */
export class Nchan extends Plain {
  name = 'nchan';
  /** @type {RedisServer} */ redis;

  static missing() {
    return existsSync('/usr/sbin/nginx') && existsSync('/usr/lib/nginx/modules/ngx_nchan_module.so') ? ''
      : 'nchan is not installed (nginx, libnginx-mod-nchan): nothing is compared with it';
  }

  /** @param {{ping?: number, connections?: number}} [options]  ping: seconds; 0: it sends none */
  static async start({ ping = 0, connections = 16000 } = {}) {
    const one = new Nchan();
    one.redis = await RedisServer.start();
    one.roots.push(one.redis.pid);
    one.port = await freePort();
    writeFileSync(`${one.folder}/nginx.conf`, `
load_module /usr/lib/nginx/modules/ngx_nchan_module.so;
daemon off;
worker_processes 1;
worker_rlimit_nofile ${connections};
pid ${one.folder}/pid;
error_log ${one.folder}/error.log warn;
events { worker_connections ${connections}; }
http {
  access_log off;
  keepalive_requests 100000000;
${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `  ${name}_temp_path ${one.folder}/${name};`).join('\n')}
  upstream redis { nchan_redis_server ${one.redis.url}; }
  server {
    listen 127.0.0.1:${one.port} backlog=4096;
    location = /pub { nchan_publisher; nchan_channel_id $arg_id; nchan_redis_pass redis; }
    location = /sub { nchan_subscriber eventsource; nchan_eventsource_ping_interval ${ping}; nchan_channel_id $arg_id; nchan_redis_pass redis; }
  }
}
`);
    return one.begin(['/usr/sbin/nginx', '-p', one.folder, '-c', `${one.folder}/nginx.conf`], '/pub?id=0');
  }

  peers(count) {
    return Array.from({ length: count }, () => {
      const id = randomId();
      return { stream: get(`/sub?id=${id}`), posts: [post(`/pub?id=${id}`, body)] };
    });
  }

  /** @returns {Load} */
  pairs(count) { return { clients: this.peers(count) }; }

  async stop() {
    await super.stop();
    await this.redis.remove();
  }
}

/** The same kind of web server, and a program that does nothing behind it. */
export class Null extends Plain {
  name = 'null';

  static async start(kind = KIND) {
    const one = new Null();
    const { folder } = one;
    one.port = await freePort();
    copyFileSync(path.join(process.env.BUILD, 'bench_null'), `${folder}/bench_null`);
    mkdirSync(`${folder}/www`);
    mkdirSync(`${folder}/fcgid`);
    chmodSync(`${folder}/fcgid`, 0o777);
    if (kind === 'apache-proxy') {
      one.spawn(['spawn-fcgi', '-n', '-s', `${folder}/socket`, '-M', '0666', '--', `${folder}/bench_null`]);
    }
    writeFileSync(`${folder}/conf`, kind === 'lighttpd' ? `
server.modules = ( "mod_fastcgi" )
server.document-root = "${folder}/www"
server.errorlog = "${folder}/error.log"
server.bind = "127.0.0.1"
server.port = ${one.port}
server.max-keep-alive-requests = 1000000
fastcgi.server = ( "/" => (( "socket" => "${folder}/socket", "bin-path" => "${folder}/bench_null", "max-procs" => 1,
  "check-local" => "disable" )) )
` : `
${['mpm_event', 'authz_core', 'alias', ...(kind === 'apache' ? ['fcgid'] : ['proxy', 'proxy_fcgi'])]
    .map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`).join('\n')}
ServerRoot "${folder}"
ServerName localhost
Listen 127.0.0.1:${one.port}
User www-data
Group www-data
PidFile "${folder}/pid"
DefaultRuntimeDir "${folder}"
ErrorLog "${folder}/error.log"
DocumentRoot "${folder}/www"
MaxKeepAliveRequests 0
<Directory "${folder}">
  Require all granted
</Directory>
${kind === 'apache' ? `
FcgidIPCDir "${folder}/fcgid"
FcgidProcessTableFile "${folder}/fcgid/shm"
FcgidMinProcessesPerClass 16
ScriptAlias "/" "${folder}/bench_null/"
<Directory "${folder}">
  SetHandler fcgid-script
  Options ExecCGI
</Directory>` : `ProxyPass "/" "unix:${folder}/socket|fcgi://null/"`}
`);
    return one.begin(kind === 'lighttpd' ? ['/usr/sbin/lighttpd', '-D', '-f', `${folder}/conf`]
      : ['/usr/sbin/apache2', '-f', `${folder}/conf`, '-DFOREGROUND'], '/');
  }

  /** @returns {Load} */
  pairs(count) {
    return { clients: Array.from({ length: count }, () => ({ stream: '', posts: [post('/', body.replace('~', '-'))] })) };
  }
}
