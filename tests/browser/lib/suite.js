// suite.js - tests in a browser, over one deployment of two web servers and one Redis.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Site } from '../../http/lib/site.js';
import { Board, launch } from './boards.js';

const SERVERS = [['lighttpd', '/'], ['apache', '/draw/']];

/**
 * @param {string} name
 * @param {{settings?: object, allowed?: RegExp[]}} options  allowed: lines in logs
 * @param {(test: (title: string, run: (room: Room) => Promise<void>) => void) => void} define
 */
export function suite(name, { settings, allowed }, define) {
  describe(`${name} (chromium)`, () => {
    let site = new Site();
    let browser;
    let rooms = 0;
    const spare = [];

    before(async () => {
      site = await Site.start({ servers: SERVERS, settings });
      browser = await launch();
    }, { timeout: 150_000 });

    define((title, run) => it(title, { timeout: 60_000 }, async () => {
      const room = new Room(site, browser, `room-${++rooms}`, spare);
      try {
        await run(room);
        assert.deepEqual(room.boards.flatMap((board) => board.errors), []);
      } catch (error) {
        console.error(`${error.stack}\n${site.logs()}`);
        throw error;
      } finally {
        await room.close();
      }
    }));

    it('no token is in any log, nothing unexpected, and all of it ends within 2 s', async () => {
      await browser.close();
      assert.deepEqual(await site.finish(allowed), []);
    });

    after(async () => {
      await browser?.close();
      await site.abandon();
    });
  });
}

export class Room {
  boards = [];
  #kept = [];
  #opened = 0;
  #spare;

  /** @param {Board[]} spare  boards that are free to use, and to be given back */
  constructor(site, browser, name, spare) {
    Object.assign(this, { site, browser, name });
    this.#spare = spare;
  }

  /** Another person's board, from one server after the other. */
  async board(options) {
    const { servers } = this.site;
    const { base } = servers[this.#opened++ % servers.length];
    const spare = options ? undefined : this.#spare.pop();
    const board = this.add(spare ?? await Board.of(this.browser, options ?? { viewport: { width: 1000, height: 700 } }));
    if (!options) this.#kept.push(board);
    await board.enter(new URL(this.name, base).href);
    return board;
  }

  add(board) {
    this.boards.push(board);
    return board;
  }

  /** So many boards, opened at once, that all have met. */
  async people(count) {
    const boards = await Promise.all(Array.from({ length: count }, () => this.board()));
    for (const board of boards) await board.meets(count - 1);
    return boards;
  }

  async close() {
    for (const board of this.boards) {
      if (this.#kept.includes(board) && !board.page.isClosed()) this.#spare.push(board);
      else await board.page.close();
    }
  }
}
