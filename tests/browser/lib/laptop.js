// laptop.js - a computer with a browser on it, in a network of its own: it moves from one network to another, and sleeps.
// As root.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freeNetwork, ip, unprivileged } from '../../http/lib/netns.js';
import { signal } from '../../http/lib/processes.js';
import { CHROMIUM, launch } from './boards.js';

const running = new Set();
process.on('exit', () => running.forEach((laptop) => laptop.remove()));

/** Why there can be none; or undefined. What it changes of the network is that of the test, which tests/run gives it. */
export const noLaptop = unprivileged ??
  (JSON.parse(ip('-j', 'link', 'show')).length > 1 ? 'this needs a network of its own: tests/run' : undefined);

/** The first three numbers of all addresses here. */
const net = noLaptop ? '127.0.0' : freeNetwork();
/** The address of servers, pages, and browsers that are not on the laptop. */
export const HOST = `${net}.1`;

/** Networks that the laptop can be in, all behind one router: the last number of the router's address there; the laptop's is the next. */
const NETWORKS = { home: 5, cafe: 9, vpn: 13 };

/** @typedef {keyof typeof NETWORKS} Place */

export class Laptop {
  #name = `drawbridge-laptop-${process.pid}`;
  #router = `drawbridge-router-${process.pid}`;
  #dir = mkdtempSync(path.join(tmpdir(), 'drawbridge-laptop-'));
  /** @type {import('playwright-core').Browser} */ browser;

  constructor() {
    running.add(this);
    for (const name of [this.#name, this.#router]) {
      ip('netns', 'add', name);
      ip('-n', name, 'link', 'set', 'lo', 'up');
    }
    // What comes from an address of another network is dropped, as where a VPN has taken over all routes.
    for (const setting of ['ip_forward=1', 'conf.all.rp_filter=1', 'conf.default.rp_filter=1']) {
      ip('netns', 'exec', this.#router, 'sysctl', '-qw', `net.ipv4.${setting}`);
    }
    // Who asks for a router's hardware address gives its own on that network, whoever's packet it is for.
    ip('netns', 'exec', this.#name, 'sysctl', '-qw', 'net.ipv4.conf.all.arp_announce=2');
    // TCP gives up within seconds who does not answer, and not after a quarter of an hour.
    execFileSync('sysctl', ['-qw', 'net.ipv4.tcp_retries2=2']);
    // Nothing changes but what is changed here: of IPv6 addresses come later, by themselves.
    for (const name of [this.#name, this.#router]) {
      for (const which of ['all', 'default']) ip('netns', 'exec', name, 'sysctl', '-qw', `net.ipv6.conf.${which}.disable_ipv6=1`);
    }
    ip('link', 'add', 'here', 'type', 'veth', 'peer', 'name', 'there', 'netns', this.#router);
    ip('addr', 'add', `${HOST}/30`, 'dev', 'here');
    ip('-n', this.#router, 'addr', 'add', `${net}.2/30`, 'dev', 'there');
    ip('-n', this.#router, 'link', 'set', 'there', 'up');
    ip('link', 'set', 'here', 'up');
    ip('route', 'add', `${net}.0/24`, 'via', `${net}.2`);
  }

  /** Starts the browser. */
  async start() {
    this.join('home');
    const program = path.join(this.#dir, 'chromium');
    writeFileSync(program, `#!/bin/sh\nexec ip netns exec ${this.#name} ${CHROMIUM} "$@"\n`);
    chmodSync(program, 0o755);
    this.browser = await launch({ executablePath: program, ignoreDefaultArgs: ['--disable-back-forward-cache'] });
  }

  /** @param {Place} place */
  address(place) { return `${net}.${NETWORKS[place] + 1}`; }

  /** It is in this network from now on, too.
   *  @param {Place} place
   *  @param {string} [route]  to where it takes that: to everywhere, if nothing else is said */
  join(place, route = 'default') {
    const gateway = `${net}.${NETWORKS[place]}`;
    ip('-n', this.#router, 'link', 'add', place, 'type', 'veth', 'peer', 'name', place, 'netns', this.#name);
    ip('-n', this.#router, 'addr', 'add', `${gateway}/30`, 'dev', place);
    ip('-n', this.#router, 'link', 'set', place, 'up');
    ip('-n', this.#name, 'addr', 'add', `${this.address(place)}/30`, 'dev', place);
    ip('-n', this.#name, 'link', 'set', place, 'up');
    ip('-n', this.#name, 'route', 'replace', route, 'via', gateway);
  }

  /** @param {Place} place */
  leave(place) { ip('-n', this.#name, 'link', 'del', place); }

  /** What goes anywhere takes this network again. @param {Place} place */
  route(place) { ip('-n', this.#name, 'route', 'replace', 'default', 'via', `${net}.${NETWORKS[place]}`); }

  sleep() { for (const pid of this.#processes()) signal(pid, 'SIGSTOP'); }

  wake() { for (const pid of this.#processes()) signal(pid, 'SIGCONT'); }

  #processes() { return ip('netns', 'pids', this.#name).split('\n').filter(Boolean).map(Number); }

  async close() {
    this.wake();
    await this.browser?.close();
    this.remove();
  }

  remove() {
    running.delete(this);
    for (const pid of this.#processes()) signal(pid, 'SIGKILL');
    for (const name of [this.#name, this.#router]) ip('netns', 'del', name);
    rmSync(this.#dir, { recursive: true, force: true });
  }
}
