// guests.js - somebody else's page, on an origin of its own, that imports the client module.
import { readFileSync } from 'node:fs';
import http from 'node:http';
import { sitePage } from '../../http/lib/documents.js';
import { WAIT_MS } from './boards.js';

/** The page's host. One under .test is no secure context, 127.0.0.1 is. */
export const SECURE = '127.0.0.1';
export const INSECURE = 'guest.test';

const PAGE = `<!doctype html><title>A guest</title><script type="module">
  const { Drawbridge } = await import(new URLSearchParams(location.search).get('module'));
  Object.assign(globalThis, { Drawbridge, ready: true });
</script>`;

/** The page that README.md shows, for another deployment. */
function example(base) {
  const readme = readFileSync(new URL('../../../README.md', import.meta.url), 'utf8');
  return /```html\n(.*?)```/s.exec(readme)[1].replace('https://draw.example/', base);
}

/** The page of a site with tokens of its own that src/doc/from-your-server.md shows, likewise. */
const site = (base) => `<!doctype html><title>A site</title><script type="module">
${sitePage().replace('https://draw.example/', base)}
Object.assign(globalThis, { bridge });
</script>`;

export class Pages {
  /** Whatever else there is, by its path. @type {Map<string, {type: string, body: string}>} */ files = new Map();
  /** What /draw-token answers to who has this id, or ''; null: it is refused. @type {(id: string) => object | null} */ access;
  /** Who answers what is asked for below a folder, as /shop/. @type {Map<string, http.RequestListener>} */ folders = new Map();
  server = http.createServer((request, response) => {
    const { pathname, searchParams } = new URL(request.url, 'http://guest.test');
    const folder = this.folders.get(pathname.slice(0, pathname.indexOf('/', 1) + 1));
    if (folder) {
      folder(request, response);
      return;
    }
    if (pathname === '/draw-token') {
      const pass = this.access(searchParams.get('id'));
      response.writeHead(pass ? 200 : 403, { 'Content-Type': 'application/json' }).end(JSON.stringify(pass));
      return;
    }
    const file = this.files.get(pathname);
    response.setHeader('Content-Type', file?.type ?? 'text/html; charset=utf-8');
    if (file) {
      response.end(file.body);
      return;
    }
    response.end(searchParams.has('example') ? example(searchParams.get('example'))
      : searchParams.has('site') ? site(searchParams.get('site')) : PAGE);
  });
  #host;
  /** @type {number} */ #port;

  constructor(host) {
    this.#host = host;
  }

  /** @param {string} [host]  the address where they are */
  static async start(host = SECURE) {
    const pages = new Pages(host);
    await new Promise((resolve) => { pages.server.listen(0, host, () => resolve(true)); });
    pages.#port = /** @type {import('node:net').AddressInfo} */ (pages.server.address()).port;
    return pages;
  }

  get origins() { return [this.#host, INSECURE].map((host) => `http://${host}:${this.#port}`); }

  url(base, host = this.#host) {
    return `http://${host}:${this.#port}/?module=${encodeURIComponent(new URL('static/drawbridge.js', base).href)}`;
  }

  close() {
    this.server.closeAllConnections();
    return new Promise((resolve) => { this.server.close(resolve); });
  }
}

/** A page that has a Drawbridge, and remembers what it was told. */
export class Guest {
  /** @type {string[]} */ told = [];
  #allowed = [];

  /** @param {import('playwright-core').Page} page */
  constructor(page) {
    this.page = page;
  }

  /** Those of its page that the test has not allowed, be it later. */
  get errors() {
    return this.told.filter((line) => !this.#allowed.some((pattern) => pattern.test(line)));
  }

  allow(pattern) {
    this.#allowed.push(pattern);
  }

  /**
   * @param {import('playwright-core').Page} page
   * @param {string} url
   * @param {{options?: object, prepare?: () => void}} [more]  of Drawbridge, and what the page does first
   */
  static async open(page, url, { options = {}, prepare } = {}) {
    const guest = new Guest(page);
    page.on('pageerror', (error) => guest.told.push(String(error)));
    await page.addInitScript(watchConnections);
    if (prepare) await page.addInitScript(prepare);
    await page.goto(url);
    await page.waitForFunction(() => globalThis.ready, undefined, { timeout: WAIT_MS });
    await page.evaluate((given) => {
      const bridge = new globalThis.Drawbridge(given);
      const seen = { data: [], states: [], peers: [], joins: 0, leaves: 0 };
      bridge.on('state', (state, detail) => seen.states.push({ state, detail, at: Date.now() }));
      bridge.on('peer', ({ username, state, path }) => seen.peers.push({ username, state, path, at: Date.now() }));
      bridge.on('join', () => { seen.joins += 1; });
      bridge.on('leave', () => { seen.leaves += 1; });
      bridge.on('data', (data, peer) => seen.data.push({ from: peer.username, data }));
      Object.assign(globalThis, { bridge, seen });
    }, options);
    return guest;
  }

  run(what, argument) {
    return this.page.evaluate(what, argument);
  }

  join(room) {
    return this.run((name) => globalThis.bridge.join(name), room);
  }

  send(data) {
    return this.run((text) => { globalThis.bridge.send(text); }, data);
  }

  state() {
    return this.run(() => globalThis.bridge.state);
  }

  peers() {
    return this.run(() => globalThis.bridge.peers);
  }

  seen() {
    return this.run(() => globalThis.seen);
  }

  connections() {
    return this.run(() => globalThis.connections.length);
  }

  /** Waits until a function in the page is true. */
  async until(what, argument, ms = WAIT_MS) {
    await this.page.waitForFunction(what, argument, { timeout: ms, polling: 50 }).catch(async () => {
      const facts = await this.run(() => ({ state: globalThis.bridge.state, peers: globalThis.bridge.peers,
        states: globalThis.seen.states.slice(-8), said: globalThis.seen.peers.slice(-8), data: globalThis.seen.data.length }));
      throw new Error(`waited ${ms} ms for ${what} ${JSON.stringify(argument)}: ${JSON.stringify(facts)}`);
    });
  }

  /** In the room, with so many others, all of them in this state. */
  meets(count, state = 'open', ms = WAIT_MS) {
    return this.until(([n, wanted]) => globalThis.bridge.state === 'connected' &&
      globalThis.bridge.peers.length === n && globalThis.bridge.peers.every((peer) => peer.state === wanted), [count, state], ms);
  }

  inState(state, ms) {
    return this.until((wanted) => globalThis.bridge.state === wanted, state, ms);
  }

  /** Sends numbers until told to stop, so many a second. */
  count(rate = 20) {
    return this.run((ms) => {
      globalThis.sent = 0;
      globalThis.counting = setInterval(() => globalThis.bridge.send(String(++globalThis.sent)), ms);
    }, 1000 / rate);
  }

  /** @returns {Promise<number>} how many were sent */
  stop() {
    return this.run(() => {
      clearInterval(globalThis.counting);
      return globalThis.sent;
    });
  }

  /** Waits for so many, and tells whether they are 1, 2, 3, ... */
  async counted(last, ms = WAIT_MS) {
    await this.until((n) => globalThis.seen.data.length >= n, last, ms);
    return this.run((n) => globalThis.seen.data.length === n &&
      globalThis.seen.data.every(({ data }, i) => data === String(i + 1)), last);
  }
}

/** Each RTCPeerConnection of the page, and whether they are allowed to find a way. */
function watchConnections() {
  globalThis.connections = [];
  globalThis.blocked ??= false; // which script of a page is first is up to the browser
  if (!globalThis.RTCPeerConnection) return;
  globalThis.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(configuration) {
      super(globalThis.blocked ? { ...configuration, iceServers: [], iceTransportPolicy: 'relay' } : configuration);
      globalThis.connections.push(this);
    }
  };
}
