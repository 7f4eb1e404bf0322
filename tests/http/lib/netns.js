// netns.js - a server and a client in networks of their own, so that a network can vanish and
// its kernel's settings be tried without touching this machine's. As root.
import { execFileSync, spawnSync } from 'node:child_process';

/** Why networks (and disks) of a test's own cannot be had; or undefined. */
export const unprivileged = spawnSync('unshare', ['--net', '--mount', 'true']).status === 0 ? undefined : 'this needs root';

const made = new Set();
process.on('exit', () => made.forEach((network) => network.remove()));

export class Network {
  #net = freeNetwork();
  #here = `draw${process.pid}`;
  #server = `drawbridge-server-${process.pid}`;
  #client = `drawbridge-client-${process.pid}`;

  /** The test, the server and the client: each behind a cable to the server. */
  constructor() {
    made.add(this);
    const [net, server, client] = [this.#net, this.#server, this.#client];
    for (const name of [server, client]) {
      ip('netns', 'add', name);
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    ip('link', 'add', this.#here, 'type', 'veth', 'peer', 'name', 'test', 'netns', server);
    ip('-n', server, 'link', 'add', 'client', 'type', 'veth', 'peer', 'name', 'server', 'netns', client);
    ip('addr', 'add', `${net}.2/30`, 'dev', this.#here);
    ip('link', 'set', this.#here, 'up');
    ip('-n', server, 'addr', 'add', `${net}.1/30`, 'dev', 'test');
    ip('-n', server, 'addr', 'add', `${net}.5/30`, 'dev', 'client');
    ip('-n', client, 'addr', 'add', `${net}.6/30`, 'dev', 'server');
    ip('-n', server, 'link', 'set', 'test', 'up');
    ip('-n', server, 'link', 'set', 'client', 'up');
    ip('-n', client, 'link', 'set', 'server', 'up');
    ip('-n', client, 'route', 'add', 'default', 'via', `${net}.5`);
    ip(...this.#in(client, 'sysctl', '-qw', 'net.ipv4.ip_forward=0'));
    // Else the server would find out who is not there: it is behind a router.
    const [{ address }] = JSON.parse(ip('-n', client, '-j', 'link', 'show', 'server'));
    ip('-n', server, 'neigh', 'replace', `${net}.6`, 'lladdr', address, 'dev', 'client', 'nud', 'permanent');
  }

  /** What a server is started with: see server.js. */
  get host() { return `${this.#net}.1`; }
  get within() { return ['ip', ...this.#in(this.#server)]; }

  /** A setting of the server's kernel. */
  set(name, value) {
    ip(...this.#in(this.#server, 'sysctl', '-qw', `${name}=${value}`));
  }

  /** Before a command that is to run where the client is. */
  get client() { return ['ip', ...this.#in(this.#client)]; }

  /** The client's address is gone: what is sent to it is lost, and nothing comes back. */
  vanish() {
    ip('-n', this.#client, 'addr', 'flush', 'dev', 'server');
  }

  appear() {
    ip('-n', this.#client, 'addr', 'add', `${this.#net}.6/30`, 'dev', 'server');
    ip('-n', this.#client, 'route', 'add', 'default', 'via', `${this.#net}.5`);
  }

  remove() {
    made.delete(this);
    ip('link', 'del', this.#here);
    for (const name of [this.#server, this.#client]) ip('netns', 'del', name);
  }

  #in(name, ...command) { return ['netns', 'exec', name, ...command]; }
}

/** The first three numbers of one. 198.18.0.0/15 is for tests of networks (RFC 2544). */
export function freeNetwork() {
  const taken = ip('-4', '-o', 'addr', 'show');
  for (let n = process.pid; ; n++) {
    const net = `198.${18 + (n >> 8) % 2}.${n % 256}`;
    if (!taken.includes(` ${net}.`)) return net;
  }
}

export function ip(...args) {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] });
}
