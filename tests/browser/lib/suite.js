// suite.js - tests in a browser, over one deployment of two web servers and one Redis.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { missing } from '../../http/lib/programs.js';
import { Site } from '../../http/lib/site.js';
import { Board, CHROMIUM, launch, newContext, WAIT_MS } from './boards.js';
import { Guest, Pages } from './guests.js';
import { Proxy } from './proxy.js';

/** @type {[string, string][]} */
const SERVERS = [['lighttpd', '/'], ['apache', '/draw/']];

/** @typedef {import('../../http/lib/redis-server.js').RedisServer} RedisServer */

/**
 * @param {string} name
 * @param {{settings?: object, allowed?: RegExp[], together?: boolean,
 *     servers?: [string, string][], host?: string, redis?: () => Promise<RedisServer>, skip?: string}} options
 *     host: the address of servers and pages; redis: starts one of the test's own, room.redis; allowed: lines in logs;
 *     together: the tests wait a lot and share nothing, so they wait at the same time;
 *     skip: why it cannot be tried here
 * @param {(test: (title: string, run: (room: Room) => Promise<void>) => void) => void} define
 */
export function suite(name, { settings, allowed, together, servers = SERVERS, host, redis, skip = missing(CHROMIUM) }, define) {
  describe(`${name} (chromium)`, { skip }, () => {
    let site = new Site();
    /** @type {import('playwright-core').Browser} */ let browser;
    /** @type {Pages} */ let pages;
    /** @type {RedisServer} */ let server;
    let rooms = 0;
    const spare = [];

    before(async () => {
      pages = await Pages.start(host);
      server = await redis?.();
      site = await Site.start({ servers, host, redis: server?.url, settings: { ORIGINS: pages.origins.join(' '), ...settings } });
      browser = await launch();
    }, { timeout: 10 * WAIT_MS });

    describe('each', { concurrency: together ? 16 : 1 }, () => {
      define((title, run) => it(title, { timeout: 6 * WAIT_MS }, async () => {
        const room = new Room({ site, redis: server, browser, pages, name: `room-${++rooms}` }, spare);
        try {
          await run(room);
          assert.deepEqual([...room.boards, ...room.guests].flatMap(({ errors }) => errors), []);
        } catch (error) {
          console.error(`${error.stack}\n${site.logs()}`);
          throw error;
        } finally {
          await room.close();
        }
      }));
    });

    it('no token is in any log, nothing unexpected, and all of it ends within 2 s', async () => {
      await browser.close();
      assert.deepEqual(await site.finish(allowed), []);
    });

    after(async () => {
      await browser?.close();
      await pages?.close();
      await site.abandon();
      await server?.remove();
    });
  });
}

/** One that is closed has no handlers, and one may close just then. */
const unroute = (page) => (page.isClosed() ? undefined : page.unrouteAll({ behavior: 'ignoreErrors' }).catch((error) => { if (!page.isClosed()) throw error; }));

/** When one goes, a candidate for it may be on its way. */
const FOR_WHO_WENT = /\/relay\/.*\b404\b/;
/** @type {any[]} */
const GOES = ['close', 'domcontentloaded']; // away, or again: events of a page

export class Room {
  /** @type {Board[]} */ boards = [];
  /** @type {Guest[]} */ guests = [];
  #proxies = [];
  #contexts = [];
  #pages = []; // of other browsers
  #kept = [];
  #opened = 0;
  #spare;

  /** @param {{site: Site, redis?: RedisServer, browser: import('playwright-core').Browser, pages: Pages, name: string}} there
   *  @param {Board[]} spare  boards that are free to use, and to be given back */
  constructor({ site, redis, browser, pages, name }, spare) {
    this.site = site;
    this.redis = redis;
    this.browser = browser;
    this.pages = pages;
    this.name = name;
    this.#spare = spare;
  }

  /** Another person's board, from one server after the other, or from there.
   *  @param {Parameters<typeof Board.of>[1]} [options]
   *  @param {URL} [from] */
  async board(options, from) {
    const { servers } = this.site;
    const base = from ?? servers[this.#opened++ % servers.length].base;
    const spare = options ? undefined : this.#spare.pop();
    const board = spare ?? await Board.of(this.browser, options ?? { viewport: { width: 1000, height: 700 } });
    this.boards.push(board);
    if (!options) this.#kept.push(board);
    await board.enter(new URL(this.name, base).href);
    this.#watch(board);
    return board;
  }

  /**
   * Somebody's page of another origin, in the room, from one server after the other.
   * @param {string} username
   * @param {{host?: string, context?: import('playwright-core').BrowserContext, page?: any, base?: URL, options?: object,
   *     prepare?: () => void, join?: boolean}} [how]  page: of another browser; base: where to Drawbridge; options: of
   *     the module
   */
  async guest(username, { host, context, page, base, options, prepare, join = true } = {}) {
    const { servers } = this.site;
    const to = base ?? servers[this.#opened++ % servers.length].base;
    if (page) this.#pages.push(page);
    const own = page ?? await (context ?? await this.context()).newPage();
    const guest = await Guest.open(own, this.pages.url(to, host), { options: { username, ...options }, prepare });
    this.guests.push(guest);
    if (join) await guest.join(this.name);
    return guest;
  }

  /** Somebody's browser. */
  async context() {
    const context = await newContext(this.browser);
    this.#contexts.push(context);
    return context;
  }

  /** A piece of network to one of the servers.
   *  @param {Parameters<typeof Proxy.start>[1]} [how] */
  async proxy(how) {
    const { servers } = this.site;
    const proxy = await Proxy.start(servers[this.#opened++ % servers.length].base, how);
    this.#proxies.push(proxy);
    return proxy;
  }

  add(board) {
    this.boards.push(board);
    this.#watch(board);
    return board;
  }

  #watch(board) {
    for (const event of GOES) board.page.on(event, this.#oneGoes);
  }

  #oneGoes = () => {
    for (const board of this.boards) board.allow(FOR_WHO_WENT);
  };

  /** So many boards, opened at once, that all have met. */
  async people(count) {
    const boards = await Promise.all(Array.from({ length: count }, () => this.board()));
    for (const board of boards) await board.meets(count - 1);
    return boards;
  }

  async close() {
    // A request that is on its way through a test's own handler ends with its page.
    for (const { page } of [...this.boards, ...this.guests]) if (!this.#pages.includes(page)) await unroute(page);
    for (const board of this.boards) {
      for (const event of GOES) board.page.off(event, this.#oneGoes);
      if (this.#kept.includes(board) && !board.page.isClosed()) this.#spare.push(board);
      else await board.page.close();
    }
    for (const page of this.#pages) await page.close();
    for (const context of this.#contexts) await context.close();
    for (const proxy of this.#proxies) await proxy.close();
  }
}
