// site.js - one deployment: a Redis, and one web server or two on it.
import { Redis } from './resp.js';
import { Browser } from './h2.js';
import { agent, raw, request } from './http.js';
import { Peer } from './peer.js';
import { Server } from './server.js';
import { nowSeconds, randomSecret, sign } from './tokens.js';
import { AT_STOP, unexpected } from './logs.js';
import { seconds, stepsNow } from './pace.js';
import { Silence } from './silence.js';

// Short times, so that what takes three pings and a grace takes seconds; and the tests may read /metrics.
const SETTINGS = { PING: 1, ACCESS_RATE: 0, METRICS_FROM: '127.0.0.1 ::1' };

/** Seconds in which who was cut off is back, whatever else is asked meanwhile. mod_fcgid lets a request wait for one
 *  second after another until a process is left for it. */
export const graceOf = (servers) => seconds(servers.some(([kind]) => kind === 'apache') ? 4 : 2, 16);

const STOP_MS = 2_000; // what we promise
const STOP_STEPS = 20; // and about so many processes are at work in the script that ends it all
const ENDS_A_STEP = 8; // of programs, of which mod_fcgid has one for each stream: they share the processors with other tests

export class Site {
  /** @type {(Server | import('./web-server.js').WebServer)[]} */ servers = [];
  #turn = 0;
  /** @type {Redis} */ #redis;
  /** Without their DRAWBRIDGE_. @type {Record<string, any>} */ settings;
  /** The one that signs. @type {string} */ secret;
  /** Of its Redis. @type {Silence} */ silence;

  /**
   * @param {{servers: [string, string][], redis?: string, settings?: object, host?: string,
   *     within?: string[]}} options
   *     servers: kind and mount of each; redis: the address of one of the test's own
   */
  static async start({ servers, redis, settings = {}, ...where }) {
    const site = new Site();
    site.settings = { SECRET: randomSecret(), ...SETTINGS, GRACE: graceOf(servers), ...settings };
    site.secret = site.settings.SECRET.split(',')[0]; // the first signs
    for (const [kind, mount] of servers) {
      site.servers.push(await Server.start({
        kind, mount, redis: redis ?? site.servers[0]?.redis, settings: site.settings, ...where,
      }).catch(async (error) => {
        await site.abandon();
        throw error;
      }));
    }
    site.silence = await Silence.watch(site.servers[0].redis);
    return site;
  }

  /** One server after the other takes a request, so that nothing can depend on which. */
  base() {
    return this.servers[this.#turn++ % this.servers.length].base;
  }

  url(path, base = this.base()) {
    return new URL(base.pathname.replace(/\/$/, '') + path, base);
  }

  /** Paths begin with / and are below the mount; what is no string and no bytes goes as JSON.
   *  @param {string} method
   *  @param {string} path
   *  @param {{token?: string, headers?: import('node:http').OutgoingHttpHeaders, base?: URL, body?: any, chunked?: boolean,
   *      connection?: import('node:http').Agent | Browser | false}} [options] */
  request(method, path, { token, body, headers = {}, base, ...more } = {}) {
    return request(this.url(path, base), {
      method,
      headers: { ...(token ? { Authorization: `Bearer ${token}` } : {}), ...headers },
      body: body === undefined || typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body),
      ...more,
    });
  }

  /** Bytes as they are.
   *  @param {string} method
   *  @param {string} path
   *  @param {{token?: string, headers?: import('node:http').OutgoingHttpHeaders, body?: string | Buffer}} [options] */
  raw(method, path, { token, headers = {}, body = '' } = {}) {
    const base = this.base();
    const lines = { Host: base.host, Connection: 'close', ...(token ? { Authorization: `Bearer ${token}` } : {}), ...headers };
    const head = `${method} ${base.pathname.replace(/\/$/, '')}${path} HTTP/1.1\r\n${
      Object.entries(lines).map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
    return raw(base, Buffer.concat([Buffer.from(head, 'latin1'), Buffer.from(body)]));
  }

  /** @param {import('./peer.js').Claims} [claims] */
  peer(claims) {
    return new Peer(this, claims);
  }

  /** A token of a server of the site's own.
   *  @param {import('./peer.js').Claims} [claims] */
  serverToken({ exp = nowSeconds() + 600, ...more } = {}) {
    return sign({ server: true, exp, ...more }, this.secret);
  }

  /** Peers with streams in one room; what they heard of each other's coming is read.
   *  @param {(i: number) => import('./peer.js').Claims} [claims] */
  async room(name, count, claims = () => ({})) {
    const all = Array.from({ length: count }, (_, i) => this.peer(claims(i)));
    await Promise.all(all.map(async (peer) => {
      peer.room = name;
      peer.stream = await peer.open();
    }));
    for (const [i, peer] of all.entries()) {
      await peer.join(name);
      for (const other of all.slice(0, i)) {
        await other.stream.next();
        await peer.stream.next();
      }
    }
    return all;
  }

  /** A look into its Redis. */
  async redis(...words) {
    this.#redis ??= await Redis.open(this.servers[0].redis);
    return this.#redis.ask(...words);
  }

  processes(comm) {
    return this.servers.flatMap((server) => server.processes(comm));
  }

  /** Ends it. Gives what ought not to be: in the logs, or in how it ended. */
  async finish(allowed = []) {
    agent.destroy();
    Browser.closeAll();
    this.#redis?.close();
    const expected = [...allowed, ...this.silence.end()];
    const wrong = [];
    const programs = this.processes('stream.fcgi').length + this.processes('signal.fcgi').length;
    const most = STOP_MS + await stepsNow(STOP_STEPS + programs / ENDS_A_STEP);
    for (const server of this.servers.reverse()) {
      const { ms, before, atStop, left } = await server.stop();
      if (ms > most) wrong.push(`${server.kind} took ${Math.round(ms)} ms to stop`);
      if (left) wrong.push(`${server.kind} left ${server.logs} behind`);
      const look = (texts, patterns) => {
        for (const [name, text] of texts) {
          wrong.push(...unexpected(text, patterns).map((line) => `${server.kind} ${name}: ${line}`));
          if (text.includes(this.secret)) wrong.push(`${server.kind} ${name}: the secret`);
        }
      };
      look(before, expected);
      look(atStop, [...expected, ...AT_STOP]);
    }
    this.servers = [];
    if (wrong.length) wrong.push(`Redis was silent for ${Math.round(this.silence.longest)} ms at most`);
    return wrong;
  }

  /** What the logs say by now, for a person. */
  logs() {
    return this.servers.map((server) => server.read().map(([name, text]) =>
      `--- ${server.kind} ${name}\n${text.split('\n').slice(-40).join('\n')}`).join('\n')).join('\n');
  }

  async abandon() {
    agent.destroy();
    Browser.closeAll();
    this.#redis?.close();
    this.silence?.end();
    for (const server of this.servers.reverse()) await server.abandon();
  }
}
