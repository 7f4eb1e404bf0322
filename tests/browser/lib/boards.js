// boards.js - a browser, and boards in it, as a person has them before them.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { steps } from '../../http/lib/pace.js';
import { until } from '../../http/lib/wait.js';

/** The same engine with windows and menus around it is used where there is no other, or where CHROMIUM names it. */
const SHELL = '/usr/bin/chromium-headless-shell', WHOLE = '/usr/bin/chromium';
export const CHROMIUM = process.env.CHROMIUM || [SHELL, WHOLE].find((file) => existsSync(file)) || SHELL;
const FLAGS = [
  '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-sync',
  '--disable-background-networking', '--disable-component-update',
  // Addresses on loopback are offered as they are: names under .local need an mDNS responder.
  '--disable-features=WebRtcHideLocalIpsWithMdns',
  // Names that are ours, and, other than 127.0.0.1, no secure context.
  '--host-resolver-rules=MAP *.test 127.0.0.1',
  // Everybody has a camera and a microphone, which it makes up, and lets pages use them.
  '--use-fake-device-for-media-stream', '--use-fake-ui-for-media-stream',
  // Timers of a page that is not in front would be held back.
  '--disable-background-timer-throttling', '--disable-renderer-backgrounding', '--disable-backgrounding-occluded-windows',
];

/** As that of wait.js, of pages: they load, and connect by ICE. */
export const WAIT_MS = 15_000 + steps(200);

/** What is told at once is seen within it: before any grace is over. */
export const SOON_MS = 3_000 + steps(10);

/** The profile is a new one, in a temporary folder that goes with the browser.
 *  @param {import('playwright-core').LaunchOptions} [options] */
export function launch(options) {
  return chromium.launch({ executablePath: CHROMIUM, args: FLAGS, timeout: 4 * WAIT_MS, ...options });
}

/** Somebody's browser, of which everything is waited for as long as elsewhere here. */
export async function newContext(browser, options) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(2 * WAIT_MS);
  return context;
}

/** What a test must know and a page does not say. */
function watch() {
  const facts = { connections: 0, fewest: Infinity, states: [], said: [], all: [] };
  globalThis.watched = facts;
  globalThis.RTCPeerConnection = class extends RTCPeerConnection {
    constructor(...args) {
      super(...args);
      facts.connections += 1;
      facts.all.push(this);
    }
  };
  // What is on the board is known to the page's modules alone: they are asked when something is merged.
  if (location.protocol === 'http:') {
    import(new URL('static/board/elements.js', location.href).href).then(({ Elements }) => {
      const { merge } = Elements.prototype;
      Elements.prototype.merge = function (piece) {
        facts.elements = this;
        return merge.call(this, piece);
      };
    });
  }
  new MutationObserver((records) => {
    const open = document.querySelectorAll('#people li[data-state=open]').length - 1;
    facts.fewest = Math.min(facts.fewest, open);
    for (const { target, attributeName, oldValue, addedNodes } of records) {
      if (target === document.documentElement && attributeName === 'data-state') facts.states.push(oldValue);
      if (target instanceof Element && target.id === 'notice') for (const { textContent } of addedNodes) facts.said.push(textContent);
    }
  }).observe(document, { subtree: true, childList: true, attributes: true, attributeOldValue: true });
}

export class Board {
  #thrown = [];
  #logged = []; // errors in the console
  #allowed = [];

  /** @param {import('playwright-core').Page} page */
  constructor(page) {
    this.page = page;
    page.on('pageerror', (error) => this.#thrown.push(String(error)));
    page.on('console', (message) => {
      if (message.type() === 'error') this.#logged.push(`${message.location().url.replace(/\?.*/, '')} ${message.text()}`);
    });
  }

  /** Those that the test has not allowed, be it later: what a page logs may be told sooner than why it does. */
  get errors() {
    return [...this.#thrown, ...this.#logged.filter((line) => !this.#allowed.some((pattern) => pattern.test(line)))];
  }

  /** Somebody's browser, that is one with a store of its own; `prepare` is what its pages do first.
   *  @param {import('playwright-core').Browser} browser
   *  @param {import('playwright-core').BrowserContextOptions & {prepare?: () => void}} options */
  static async of(browser, { prepare, ...options }) {
    const context = await newContext(browser, options);
    await context.addInitScript(watch);
    if (prepare) await context.addInitScript(prepare);
    return new Board(await context.newPage());
  }

  /** Goes to a room. A board may be used for one test after the other: pages are dear. */
  async enter(url) {
    this.#allowed = [];
    // Until the page before it has gone, that may say something.
    this.page.once('framenavigated', () => { [this.#thrown, this.#logged] = [[], []]; });
    await this.page.goto(url);
  }

  /** Another tab of the same browser, opened by this one. */
  async tab() {
    const opened = this.page.context().waitForEvent('page');
    await this.page.evaluate(() => { globalThis.open(location.href); });
    const board = new Board(await opened);
    return board;
  }

  allow(pattern) {
    this.#allowed.push(pattern);
  }

  facts() {
    return this.page.evaluate(() => ({ ...document.documentElement.dataset }));
  }

  watched() {
    return this.page.evaluate(() => ({ connections: globalThis.watched.connections, fewest: globalThis.watched.fewest }));
  }

  /** From now on the fewest open channels count anew, and states. */
  countAnew() {
    return this.page.evaluate(() => { Object.assign(globalThis.watched, { fewest: Infinity, states: [] }); });
  }

  /** Waits until it was in this state since countAnew(): it may be in another by now. */
  was(state) {
    return this.page.waitForFunction((wanted) => globalThis.watched.states.includes(wanted) || document.documentElement.dataset.state === wanted,
      state, { timeout: WAIT_MS, polling: 20 });
  }

  /** Waits until the page has given such a notice: one goes again by itself. */
  async says(sentence) {
    /** @type {string[]} */ let said;
    await until(async () => (said = await this.page.evaluate(() => globalThis.watched.said)).some((one) => sentence.test(one)),
      () => `${sentence} to be said, not ${JSON.stringify(said)}`, WAIT_MS);
  }

  status() {
    return this.page.textContent('#status');
  }

  /** The others, as the list shows them. */
  others() {
    return this.page.$$eval('#people li:not(#me)', (items) => items.map((item) => item.querySelector('.name').textContent));
  }

  /** Waits until <html> says all of this. */
  async until(wanted, ms = WAIT_MS) {
    const words = Object.fromEntries(Object.entries(wanted).map(([name, value]) => [name, String(value)]));
    const all = (want) => Object.entries(want).every(([name, value]) => document.documentElement.dataset[name] === value);
    await this.page.waitForFunction(all, words, { timeout: ms, polling: 20 }).catch(async () => {
      assert.deepEqual({ ...await this.facts(), text: await this.status() }, words, `after ${ms} ms`);
    });
  }

  /** In the room, with so many others. */
  meets(others, ms) {
    return this.until({ state: 'connected', peers: others }, ms);
  }

  /** Chooses a tool by its key. */
  async tool(key) {
    await this.page.focus('#board');
    await this.page.keyboard.press(key);
  }

  /** What is on the board, from the lowest to the topmost. */
  elements({ points = false } = {}) {
    return this.page.evaluate((all) => (globalThis.watched.elements?.list ?? []).map(({ id, value, points: line }) =>
      ({ id, value, points: all ? line : line.length / 3 })), points);
  }

  /** @param {number[][]} points */
  async draw(points, { colour = 0, width = 3 } = {}) {
    const { page } = this;
    await this.tool('p');
    await page.check(`[name=colour][value="${colour}"]`);
    await page.check(`[name=width][value="${width}"]`);
    const [[x, y], ...rest] = points;
    await page.mouse.move(x, y);
    await page.mouse.down();
    for (const [toX, toY] of rest) await page.mouse.move(toX, toY);
    await page.mouse.up();
  }

  /** What is seen: a checksum of the pixels, and how many of them are not empty. */
  picture() {
    return this.page.evaluate(() => {
      const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById('paper'));
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height);
      let sum = 0;
      let ink = 0;
      for (const pixel of new Uint32Array(data.buffer)) {
        sum = (Math.imul(sum, 31) + pixel) | 0;
        if (pixel) ink += 1;
      }
      return { sum, ink };
    });
  }
}

/** Waits until all canvases show the same, and not nothing. (The upper one has what is under way.) */
export async function alike(boards, strokes) {
  for (const board of boards) await board.until({ strokes, rests: true });
  /** @type {{sum: number, ink: number}[]} */
  let pictures;
  await until(async () => {
    pictures = await Promise.all(boards.map((board) => board.picture()));
    return pictures[0].ink > 0 && pictures.every(({ sum }) => sum === pictures[0].sum);
  }, () => `canvases that are alike: ${JSON.stringify(pictures)}`, WAIT_MS);
  return pictures[0];
}

/** A wave, from left to right. */
export function wave(x, y, steps = 20) {
  return Array.from({ length: steps }, (_, i) => [x + 12 * i, y + Math.round(40 * Math.sin(i / 2))]);
}
