// targets.js - what is measured. Each starts servers of its own, and says what its clients send. missing() says, as a
// sentence, what of it is not installed.
import { spawn } from 'node:child_process';
import {
  chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
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

/** @typedef {Drawbridge | Nchan | Pushpin | Original | InstanceType<typeof Null>} Target */

/**
 * Clients, and what is done once their streams are open.
 * @typedef {{clients: {stream: string, posts?: string[]}[], meanwhile?: () => Promise<void>}} Load
 */

// Drawbridge's peers, and the original's.

function peersWithTokens(count, secret) {
  return Array.from({ length: count }, () => {
    const id = randomId('p');
    const token = sign({ id, username: 'ann', exp: nowSeconds() + 3600 }, secret);
    return { id, token, stream: get(`/connect?token=${token}`) };
  });
}

const asPeer = (peer, where, text = '', more = '') => post(where, text, `Authorization: Bearer ${peer.token}\r\n${more}`);

/** load.c puts the number of the request there. */
const KEY = 'Idempotency-Key: "9f86d081-884c-4d63-a0d4-########"\r\n';

async function ask(base, peer, where) {
  const { status, text } = await request(new URL(where, base),
    { method: 'POST', headers: { Authorization: `Bearer ${peer.token}` } });
  if (status !== 200) throw new Error(`${where}: ${status} ${text}`);
}

/** Peers in rooms of two; so many of them are posted to, each by the other in its room.
 *  @param {Drawbridge | Original} target
 *  @param {number} count
 *  @param {{batch?: number, keyed?: boolean}} [how]  of so many messages; each request with a key of its own
 *  @returns {Load} */
function pairsOf(target, count, { batch = 0, keyed = false } = {}) {
  const peers = target.peers(count + count % 2);
  const text = batch ? JSON.stringify(Array(batch).fill({ event: 'e', data: JSON.parse(body) })) : body;
  const clients = peers.map((peer, i) => ({ ...peer,
    posts: i < count ? [asPeer(peers[i ^ 1], `/relay/${peer.id}${batch ? '' : '/e'}`, text, keyed ? KEY : '')] : [] }));
  return { clients, meanwhile: () => target.pair(peers) };
}

export class Drawbridge {
  static missing() { return ''; }

  name = 'drawbridge';
  ready = '"rooms":['; // in `connected`
  secret = randomSecret();
  /** @type {Server} */ server;
  /** @type {number} */ port;
  /** @type {Redis} */ redis;

  /** @param {{kind?: string, ping?: number, settings?: object, within?: string[], redis?: string}} [options]
   *    ping: seconds; redis: one that is there */
  static async start({ kind = KIND, ping = 10, settings = {}, within, redis } = {}) {
    const one = new Drawbridge();
    one.server = await Server.start({ kind, mount: '/', within, redis,
      settings: { SECRET: one.secret, PING: ping, RATE: 0, RATE_BYTES: 0, ACCESS_RATE: 0, ...settings } });
    one.port = Number(one.server.base.port);
    one.redis = await Redis.open(one.server.redis);
    return one;
  }

  /** Processes that, with their descendants, are all that it takes. */
  get roots() { return [this.server.pid]; }

  peers(count) { return peersWithTokens(count, this.secret); }

  /** @param {Parameters<typeof pairsOf>[2]} [how]
   *  @returns {Load} */
  pairs(count, how) { return pairsOf(this, count, how); }

  async pair(peers) {
    for (const [i, peer] of peers.entries()) await this.join(peer, `${peers[i & ~1].id}`);
  }

  join(peer, room) { return ask(this.server.base, peer, `/${room}/join`); }

  leave(peer, room) { return ask(this.server.base, peer, `/${room}/leave`); }

  /** One who joins a room and leaves it, in turn. */
  visitor(room) {
    const [peer] = this.peers(1);
    return { ...peer, posts: [asPeer(peer, `/${room}/join`), asPeer(peer, `/${room}/leave`)] };
  }

  async stop() {
    this.redis.close();
    await this.server.stop();
  }
}

const NGINX = '/usr/sbin/nginx';

/** What of these is not installed, as a sentence; each with the Debian package that has it.
 *  @param {string} name
 *  @param {{[file: string]: string}} files */
function notInstalled(name, files) {
  const packages = new Set(Object.entries(files).filter(([file]) => !existsSync(file)).map(([, debian]) => debian));
  return packages.size ? `${name} is not installed (${[...packages].join(', ')}): nothing is compared with it` : '';
}

/** @type {Set<Plain>} */ const all = new Set();
process.once('exit', () => all.forEach((one) => one.abandon()));

/** Servers that quickstart does not know, and their folder. */
class Plain {
  folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-bench-'));
  roots = [];
  /** @type {string} */ name;
  /** @type {number} */ port;

  constructor() {
    chmodSync(this.folder, 0o755);
    all.add(this);
  }

  spawn([command, ...args]) {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('error', () => {});
    if (child.pid) this.roots.push(child.pid);
  }

  /** The command that starts an nginx, which logs no requests.
   *  @param {{modules?: string[], connections?: number, http: string}} conf  modules: their files; http: lines
   *  @returns {[string, ...string[]]} */
  nginx({ modules = [], connections = 4096, http }) {
    const { folder } = this;
    writeFileSync(`${folder}/nginx.conf`, `
${modules.map((file) => `load_module ${file};`).join('\n')}
daemon off;
worker_processes 1;
worker_rlimit_nofile ${connections};
pid ${folder}/pid;
error_log ${folder}/error.log warn;
events { worker_connections ${connections}; }
http {
  access_log off;
  keepalive_requests 100000000;
${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((name) => `  ${name}_temp_path ${folder}/${name};`).join('\n')}
  ${http}
}
`);
    return [NGINX, '-p', folder, '-c', `${folder}/nginx.conf`];
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

  /** Its end at once, without waiting. */
  abandon() {
    this.#kill('SIGKILL');
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** Its folder goes at the end of all. */
  async stop() {
    const pids = this.#kill('SIGTERM');
    await until(() => !pids.some(isAlive), `${this.name} to end`);
    this.roots = [];
  }
}

const NCHAN_MODULE = '/usr/lib/nginx/modules/ngx_nchan_module.so';

/** nchan, a channel for each peer, with a Redis behind it. */
export class Nchan extends Plain {
  name = 'nchan';
  /** @type {RedisServer} */ redis;

  static missing() {
    return notInstalled('nchan', { [NGINX]: 'nginx', [NCHAN_MODULE]: 'libnginx-mod-nchan' });
  }

  /** @param {{ping?: number, connections?: number}} [options]  ping: seconds; 0: it sends none */
  static async start({ ping = 0, connections = 16000 } = {}) {
    const one = new Nchan();
    one.redis = await RedisServer.start();
    one.roots.push(one.redis.pid);
    one.port = await freePort();
    return one.begin(one.nginx({ modules: [NCHAN_MODULE], connections, http: `
  upstream redis { nchan_redis_server ${one.redis.url}; }
  server {
    listen 127.0.0.1:${one.port} backlog=4096;
    location = /pub { nchan_publisher; nchan_channel_id $arg_id; nchan_redis_pass redis; }
    location = /sub { nchan_subscriber eventsource; nchan_eventsource_ping_interval ${ping}; nchan_channel_id $arg_id; nchan_redis_pass redis; }
  }` }), '/pub?id=0');
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

/** Pushpin as Debian 12 has it, a channel for each peer. It holds the streams, of which its origin, an nginx, tells it
 *  with fixed heads that it shall; what is published is posted to another port. */
export class Pushpin extends Plain {
  name = 'pushpin';
  /** @type {number} */ postPort;

  static missing() {
    return notInstalled('pushpin', { [NGINX]: 'nginx', '/usr/bin/pushpin': 'pushpin', '/usr/bin/condure': 'condure', '/usr/bin/zurl': 'zurl' });
  }

  /** @param {{ping?: number, connections?: number}} [options]  ping: seconds; 0: it sends none */
  static async start({ ping = 0, connections = 16000 } = {}) {
    const one = new Pushpin();
    const { folder } = one;
    one.port = await freePort();
    one.postPort = await freePort();
    const origin = await freePort();
    one.spawn(one.nginx({ http: `
  server {
    listen 127.0.0.1:${origin} backlog=4096;
    location = / { return 204; }
    location = /sub {
      default_type text/event-stream;
      add_header Grip-Hold stream;
      add_header Grip-Channel $arg_id;
      ${ping ? `add_header Grip-Keep-Alive ': ping\\\\n\\\\n; format=cstring; timeout=${ping}';` : ''}
      return 200 "retry: 1000\\n\\n";
    }
  }` }));
    mkdirSync(`${folder}/pushpin`);
    writeFileSync(`${folder}/routes`, `* 127.0.0.1:${origin}\n`);
    // It starts a zurl of its own. Rates that it presets would hold messages back.
    writeFileSync(`${folder}/pushpin.conf`, `
[global]
include={libdir}/internal.conf
rundir=${folder}/pushpin
ipc_prefix=
[runner]
services=condure,zurl,pushpin-proxy,pushpin-handler
http_port=127.0.0.1:${one.port}
logdir=${folder}/pushpin
log_level=0
client_maxconn=${connections}
[proxy]
routesfile=${folder}/routes
updates_check=off
zurl_out_specs=ipc://{rundir}/zurl-in
zurl_out_stream_specs=ipc://{rundir}/zurl-in-stream
zurl_in_specs=ipc://{rundir}/zurl-out
[handler]
push_in_http_addr=127.0.0.1
push_in_http_port=${one.postPort}
message_rate=0
`);
    await one.begin(['/usr/bin/pushpin', '--config', `${folder}/pushpin.conf`], '/');
    await until(() => one.#holds(), 'pushpin to hold a stream');
    return one;
  }

  /** Its programs find each other one after the other. */
  async #holds() {
    const answer = await fetch(`http://127.0.0.1:${this.port}/sub?id=0`);
    await answer.body.cancel();
    return answer.ok;
  }

  peers(count) {
    return Array.from({ length: count }, () => {
      const channel = randomId();
      const item = { channel, formats: { 'http-stream': { content: `data: ${body}\n\n` } } };
      return { stream: get(`/sub?id=${channel}`), posts: [post('/publish/', JSON.stringify({ items: [item] }))] };
    });
  }

  /** @returns {Load} */
  pairs(count) { return { clients: this.peers(count) }; }
}

/** What Drawbridge began from: original.js, with a Redis behind it. */
export class Original extends Plain {
  name = 'original';
  secret = randomSecret();
  /** @type {RedisServer} */ redis;

  static missing() { return ''; }

  /** @param {{ping?: number}} [options]  ping: seconds; 0: it sends none */
  static async start({ ping = 0 } = {}) {
    const one = new Original();
    one.redis = await RedisServer.start();
    one.roots.push(one.redis.pid);
    one.port = await freePort();
    const program = fileURLToPath(new URL('original.js', import.meta.url));
    return one.begin([process.execPath, program, String(one.port), one.redis.url, one.secret, String(ping)], '/');
  }

  get base() { return `http://127.0.0.1:${this.port}`; }

  peers(count) { return peersWithTokens(count, this.secret); }

  /** @returns {Load} */
  pairs(count) { return pairsOf(this, count); }

  async pair(peers) {
    for (const [i, peer] of peers.entries()) await ask(this.base, peer, `/${peers[i & ~1].id}/join`);
  }

  async stop() {
    await super.stop();
    await this.redis.remove();
  }
}

/** The same kind of web server, and a program behind it that does nothing, or asks a Redis of its own for nothing. */
export class Null extends Plain {
  name = 'null';
  /** @type {RedisServer | undefined} */ redis;

  /** @param {{kind?: string, asks?: boolean}} [options] */
  static async start({ kind = KIND, asks = false } = {}) {
    const one = new Null();
    if (asks) {
      one.redis = await RedisServer.start();
      one.roots.push(one.redis.pid);
    }
    const port = one.redis?.port;
    const { folder } = one;
    one.port = await freePort();
    copyFileSync(path.join(process.env.BUILD, 'bench_null'), `${folder}/bench_null`);
    mkdirSync(`${folder}/www`);
    mkdirSync(`${folder}/fcgid`);
    chmodSync(`${folder}/fcgid`, 0o777);
    if (kind === 'apache-proxy' || kind === 'nginx') {
      one.spawn(['env', ...(port ? [`BENCH_REDIS=${port}`] : []),
        'spawn-fcgi', '-n', '-s', `${folder}/socket`, '-M', '0666', '--', `${folder}/bench_null`]);
    }
    if (kind === 'nginx') {
      return one.begin(one.nginx({ http: `
  upstream null { server unix:${folder}/socket; keepalive 16; }
  server {
    listen 127.0.0.1:${one.port};
    location / {
      fastcgi_keep_conn on;
      fastcgi_param REQUEST_METHOD $request_method;
      fastcgi_param REQUEST_URI $request_uri;
      fastcgi_param CONTENT_LENGTH $content_length;
      fastcgi_pass null;
    }
  }` }), '/');
    }
    writeFileSync(`${folder}/conf`, kind === 'lighttpd' ? `
server.modules = ( "mod_fastcgi" )
server.document-root = "${folder}/www"
server.errorlog = "${folder}/error.log"
server.bind = "127.0.0.1"
server.port = ${one.port}
server.max-keep-alive-requests = 1000000
fastcgi.server = ( "/" => (( "socket" => "${folder}/socket", "bin-path" => "${folder}/bench_null", "max-procs" => 1,
  ${port ? `"bin-environment" => ( "BENCH_REDIS" => "${port}" ),` : ''}
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
${port ? `FcgidInitialEnv BENCH_REDIS ${port}` : ''}
ScriptAlias "/" "${folder}/bench_null/"
<Directory "${folder}">
  SetHandler fcgid-script
  Options ExecCGI
</Directory>` : `ProxyPass "/" "unix:${folder}/socket|fcgi://null/"`}
`);
    return one.begin(kind === 'lighttpd' ? ['/usr/sbin/lighttpd', '-D', '-f', `${folder}/conf`]
      : ['/usr/sbin/apache2', '-f', `${folder}/conf`, '-DFOREGROUND'], '/');
  }

  /** Each a connection of its own, which its client closes once it has the head of the answer. */
  peers(count) { return Array.from({ length: count }, () => ({ stream: get('/') })); }

  /** @returns {Load} */
  pairs(count) {
    return { clients: Array.from({ length: count }, () => ({ stream: '', posts: [post('/', body.replace('~', '-'))] })) };
  }

  async stop() {
    await super.stop();
    await this.redis?.remove();
  }
}
