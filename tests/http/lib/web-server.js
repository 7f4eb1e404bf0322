// web-server.js - a web server that a test may reload and restart. Programs, settings and
// configuration are those of a quickstart, beside which it runs and with which it ends.
import { execFileSync, spawn } from 'node:child_process';
import {
  chownSync, closeSync, mkdirSync, openSync, readdirSync, readFileSync, statSync, unlinkSync, writeFileSync, writeSync,
} from 'node:fs';
import path from 'node:path';
import { request } from './http.js';
import { descendants, isAlive, signal } from './processes.js';
import { freePort } from './redis-server.js';
import { steps } from './pace.js';
import { until, WAIT_MS } from './wait.js';

/** @typedef {import('./server.js').Server} Server */

const running = new Set();
process.on('exit', () => running.forEach((server) => server.drop()));

export class WebServer {
  /** @type {Record<string, import('node:child_process').ChildProcess>} */ #units = {};
  /** @type {import('node:child_process').ChildProcess} */ #web;
  /** Where its logs are on a disk of their own: its folder. @type {string} */ disk;
  /** As whom the servers run. @type {{uid: number, gid: number}} */ user;
  /** With which the paths of its logs begin. @type {string} */ prefix;
  /** That starts it. @type {string[]} */ command;

  /** Takes the place of the site's only server.
   *  @param {import('./site.js').Site} site
   *  @param {{units?: boolean, tls?: boolean, disk?: boolean}} options
   *     units: the programs are started outside of it, as by systemd; tls: HTTPS, HTTP/2 too;
   *     disk: its logs are on a disk of their own, see fillDisk */
  static async instead(site, options) {
    const origin = /** @type {Server} */ (site.servers[0]);
    site.servers = [await new WebServer(origin, await freePort(), await freePort(), options).#start()];
  }

  /** @param {Server} origin
   *  @param {number} port
   *  @param {number} plainPort  where it speaks no TLS, of a server that does on the other
   *  @param {{units?: boolean, tls?: boolean, disk?: boolean}} options  as of instead() */
  constructor(origin, port, plainPort, { units = false, tls = false, disk = false }) {
    running.add(this);
    this.origin = origin;
    this.port = port;
    this.plainPort = plainPort;
    this.units = units;
    this.tls = tls;
    this.hasDisk = disk;
    this.kind = origin.kind;
    this.redis = origin.redis;
    this.logs = origin.logs;
    this.run = path.dirname(origin.logs);
    this.folder = path.join(this.run, 'own');
    this.base = new URL(origin.base);
    this.base.port = String(port);
    if (tls) this.base.protocol = 'https:';
  }

  async #start() {
    this.user = statSync(this.logs);
    for (const name of ['', 'sockets', 'fcgid', 'nginx', 'tmp']) {
      mkdirSync(path.join(this.folder, name));
      this.#give(path.join(this.folder, name));
    }
    if (this.hasDisk) {
      this.disk = path.join(this.folder, 'disk');
      mkdirSync(this.disk);
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=1m,mode=755', 'drawbridge-test', this.disk]);
    }
    this.prefix = path.join(this.disk || this.logs, 'own-');
    for (const name of ['error', 'access', 'web', 'signal', 'stream']) this.#log(name);
    if (this.tls) this.#certify();
    if (this.kind === 'lighttpd') this.#configureLighttpd();
    else if (this.kind === 'nginx') this.#configureNginx();
    else this.#configureApache();
    if (this.units) for (const name of ['signal', 'stream']) this.#startUnit(name);
    await this.begin();
    return this;
  }

  #give(file) { chownSync(file, this.user.uid, this.user.gid); }

  /** A log, as a web server that is no longer root can open it, too. */
  #log(name) {
    const file = `${this.prefix}${name}.log`;
    closeSync(openSync(file, 'a'));
    this.#give(file);
    return file;
  }

  #certify() {
    execFileSync('openssl', ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes',
      '-days', '1', '-subj', '/CN=localhost', '-addext', 'subjectAltName=IP:127.0.0.1', '-addext', 'basicConstraints=critical,CA:FALSE',
      '-keyout', path.join(this.folder, 'privkey.pem'), '-out', path.join(this.folder, 'fullchain.pem')], { stdio: 'ignore' });
  }

  /** A configuration of quickstart's, with what must be our own.
   *  @param {string} name
   *  @param {(string | RegExp)[][]} changes  what, and what in its place */
  #borrow(name, ...changes) {
    let text = readFileSync(path.join(this.run, name), 'utf8');
    for (const [from, to] of changes) text = text.replaceAll(from, String(to));
    writeFileSync(path.join(this.folder, name), text);
  }

  // lighttpd/README.md, "HTTPS", and the head of lighttpd/drawbridge.conf.
  #configureLighttpd() {
    const [plain, added] = this.tls ? [this.plainPort, `
server.modules += ( "mod_openssl" )
ssl.privkey = "${this.folder}/privkey.pem"
ssl.pemfile = "${this.folder}/fullchain.pem"
$SERVER["socket"] == "127.0.0.1:${this.port}" { ssl.engine = "enable" }
`] : [this.port, ''];
    this.#borrow('lighttpd.conf', [/^server\.port = .*$/gm, `server.port = ${plain}`],
      [`${this.logs}/`, this.prefix], [/$(?![^])/g, added]);
    this.#borrow('drawbridge-local.conf', [`${this.run}/sockets`, `${this.folder}/sockets`],
      ...(this.units ? [[/^var\.drawbridge_(signal|stream) .*$/gm, 'var.drawbridge_$1 := ""'], [/$(?![^])/g, `
server.systemd-socket-activation = "enable"
server.feature-flags += ( "server.graceful-restart-bg" => "enable" )
`]] : []));
    this.command = ['/usr/sbin/lighttpd', '-D', '-f', path.join(this.folder, 'lighttpd.conf')];
  }

  // apache/README.md, "The site".
  #configureApache() {
    const modules = '/usr/lib/apache2/modules';
    this.#borrow('apache2.conf', [`"${this.run}"`, `"${this.folder}"`], [`${this.run}/fcgid`, `${this.folder}/fcgid`],
      [`${this.run}/apache2.pid`, `${this.folder}/apache2.pid`], [`${this.logs}/`, this.prefix],
      [/^(Listen .*|<VirtualHost .*):\d+/gm, `$1:${this.port}`],
      ...(this.tls ? [[/^ServerName .*$/gm, `$&\nLoadModule socache_shmcb_module ${modules}/mod_socache_shmcb.so
LoadModule ssl_module ${modules}/mod_ssl.so\nSSLSessionCache "shmcb:${this.folder}/ssl_scache(512000)"\nLoadModule http2_module ${modules}/mod_http2.so`],
      ['\tUse Drawbridge', `\tUse Drawbridge\n\tSSLEngine on
\tSSLCertificateFile ${this.folder}/fullchain.pem\n\tSSLCertificateKeyFile ${this.folder}/privkey.pem\n\tProtocols h2 http/1.1`]] : []));
    this.#borrow('drawbridge-local.conf', [`${this.run}/sockets`, `${this.folder}/sockets`]);
    this.command = ['/usr/sbin/apache2', '-f', path.join(this.folder, 'apache2.conf'), '-DFOREGROUND'];
  }

  #configureNginx() {
    const folders = ['nginx', 'sockets', 'tmp'].map((name) => [`${this.run}/${name}/`, `${this.folder}/${name}/`]);
    this.#borrow('nginx.conf', ...folders, [`working_directory ${this.run}`, `working_directory ${this.folder}`],
      [`${this.run}/nginx.pid`, `${this.folder}/nginx.pid`], [`${this.logs}/`, this.prefix], [/^(\s*listen .*):\d+/gm, `$1:${this.port}`]);
    for (const name of ['drawbridge', 'drawbridge-site', 'drawbridge-common']) {
      this.#borrow(`nginx/${name}.conf`, ...folders, [`${this.logs}/`, this.prefix]);
    }
    this.command = ['/usr/sbin/nginx', '-p', this.folder, '-e', `${this.prefix}error.log`, '-c', path.join(this.folder, 'nginx.conf')];
  }

  /** @param {string} name  of its log
   *  @param {string[]} run
   *  @param {Record<string, string>} [env] */
  #spawn(name, [command, ...args], env = {}) {
    const log = openSync(this.#log(name), 'a');
    const child = spawn(command, args, { detached: true, stdio: ['ignore', log, log], env: { ...process.env, ...env } });
    closeSync(log);
    child.unref();
    return child;
  }

  /** As a socket unit of systemd's: the parent keeps the listening socket, on which a tool of
   *  systemd's waits for a connection, and becomes the program, whose standard input it is. When
   *  that has ended, the same again. */
  #startUnit(name) {
    const { uid, gid } = this.user;
    const activate = 'LISTEN_FDS=1 LISTEN_PID=$$ exec systemd-socket-activate --inetd -E DRAWBRIDGE_CONF "$0"';
    this.#units[name] = this.#spawn(name, ['spawn-fcgi', '-n', '-s', path.join(this.folder, 'sockets', `${name}.sock`),
      '-M', '0660', '-b', '4096', ...(process.getuid() === 0 ? ['-u', String(uid), '-g', String(gid)] : []), '--',
      '/bin/sh', '-c', `while :; do sh -c '${activate}' "$0" 3<&0; done`, path.join(this.origin.programs, `${name}.fcgi`)],
    { DRAWBRIDGE_CONF: path.join(this.run, 'drawbridge.conf'), SYSTEMD_LOG_LEVEL: 'warning' });
  }

  /** Starts it, and waits until it serves. */
  async begin() {
    this.#web = this.#spawn('web', this.command);
    const status = (what) => request(new URL(what, this.base)).then((answer) => answer.status, () => 0);
    await until(async () => await status('health/live') === 200 && await status('connect') === 401,
      () => `${this.kind} to serve; its logs: ${JSON.stringify(this.read())}`, 2 * WAIT_MS);
  }

  /** What "systemctl reload" does; returns at once. */
  reload() { signal(this.#web.pid, this.kind === 'nginx' ? 'SIGHUP' : 'SIGUSR1'); }

  /** Ends it in order: it accepts nobody, and what it waits for is its own affair. (Apache and nginx wait
   *  for streams; systemd then sends them a SIGTERM.) */
  async end() {
    const all = descendants(this.#web.pid);
    if (this.kind === 'lighttpd') {
      signal(this.#web.pid, 'SIGINT');
    } else {
      signal(this.#web.pid, this.kind === 'nginx' ? 'SIGQUIT' : 'SIGWINCH');
      await until(() => request(new URL('health/live', this.base)).then(() => false, () => true), `${this.kind} to accept nobody`);
      signal(this.#web.pid, 'SIGTERM');
    }
    await until(() => !isAlive(this.#web.pid) && !all.some((one) => isAlive(one.pid)), `${this.kind} to end`, 2 * WAIT_MS);
  }

  /** Ends a program, as "systemctl restart" of its service does first. */
  async restartUnit(name) {
    const pids = this.processes(`${name}.fcgi`);
    for (const pid of pids) signal(pid, 'SIGTERM');
    await until(() => !pids.some(isAlive), `${name}.fcgi to end`, 2_000 + steps(4));
  }

  /** Until none of it runs, and the next request to its socket starts it. */
  async waits(name) {
    await until(() => descendants(this.#units[name].pid).some(({ comm }) => comm === 'systemd-socket-'), `${name}.sock to be waited on`);
  }

  get pid() { return this.#web.pid; }

  processes(comm) {
    return [this.#web, ...Object.values(this.#units)].flatMap(({ pid }) => [{ pid, comm: '' }, ...descendants(pid)])
      .filter((one) => one.comm === comm).map((one) => one.pid);
  }

  /** Until nothing more can be written to it. */
  fillDisk() {
    const file = openSync(path.join(this.disk, 'filler'), 'w');
    try {
      for (;;) writeSync(file, Buffer.alloc(4096));
    } catch (error) {
      if (error.code !== 'ENOSPC') throw error;
    } finally {
      closeSync(file);
    }
  }

  emptyDisk() { unlinkSync(path.join(this.disk, 'filler')); }

  /** @returns {[string, string][]} */
  read() {
    /** @type {[string, string][]} */
    const own = this.disk ? readdirSync(this.disk).filter((name) => name.endsWith('.log'))
      .map((name) => [name, readFileSync(path.join(this.disk, name), 'utf8')]) : [];
    return [...this.origin.read(), ...own];
  }

  /** As that of Server: what each log said before, and at the end. */
  async stop() {
    const before = new Map(this.read());
    const start = performance.now();
    const all = this.kill('SIGTERM');
    await until(() => !all.some(isAlive), 'all processes to end');
    const ms = performance.now() - start;
    /** @type {[string, string][]} */
    const atStop = this.read().map(([name, text]) => [name, text.slice(before.get(name)?.length)]);
    this.#unmount();
    const rest = await this.origin.stop();
    return { ms: Math.max(ms, rest.ms), before, left: rest.left, atStop: [...atStop, ...rest.atStop] };
  }

  kill(how = 'SIGKILL') {
    running.delete(this);
    const parents = Object.values(this.#units).map(({ pid }) => pid);
    const all = [...parents, this.#web?.pid].filter(Boolean).flatMap((pid) => [pid, ...descendants(pid).map((one) => one.pid)]);
    for (const pid of parents) signal(pid, 'SIGKILL'); // or they would start what ends
    for (const pid of all) signal(pid, how);
    return all;
  }

  #unmount() {
    if (this.disk) execFileSync('umount', ['-l', this.disk]);
    this.disk = '';
  }

  /** At once. */
  drop() {
    this.kill();
    this.#unmount();
  }

  async abandon() {
    this.drop();
    await this.origin.abandon();
  }
}
