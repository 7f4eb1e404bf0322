// browser.js - what the client module uses of a browser, between it and a server that a test answers for.
import './crypto.js';
import { letTimeGo, stopTime, trueTime, turns } from './clock.js';

/** How many turns a request takes at most: a token, the request, its body. */
const TURNS = 10;

/** @typedef {{method: string, path: string, body: any, headers: object, keepalive?: boolean, resolve: (response: Response) => void, reject: (error: Error) => void}} Request */

/** What was asked, and how the server answers: a response or an Error, or nothing, and the request hangs. */
export const server = {
  /** @type {Request[]} */ asked: [],
  /** @type {(request: {method: string, path: string, body: any, headers: any}) => Response | Error | undefined} */ answer: () => undefined,
  /** @type {FakeSource[]} */ streams: [],
  get stream() { return server.streams[server.streams.length - 1]; },
  /** How often this path was asked for. */
  count: (path) => server.asked.filter((request) => request.path === path).length,
};

/** @param {any} body @param {{status?: number, headers?: Record<string, string>}} [how] */
export function json(body, { status = 200, headers } = {}) {
  return new Response(JSON.stringify(body), { status, headers: { Date: new Date(trueTime()).toUTCString(), ...headers } });
}

/** A token as a server makes it, which lasts for so many seconds. */
export const token = (lasts) => ({ token: `t${trueTime()}`, user: { id: 'ann', username: 'ann' }, expires: Math.floor(trueTime() / 1000) + lasts });

function fetch(url, { method, body, headers, keepalive, signal }) {
  const path = new URL(url).pathname.slice(1);
  return new Promise((resolve, reject) => {
    const request = { method, path, body: body && JSON.parse(body), headers, keepalive };
    server.asked.push({ ...request, resolve, reject });
    signal?.addEventListener('abort', () => reject(signal.reason));
    const answer = server.answer(request);
    if (answer instanceof Error) reject(answer);
    else if (answer) resolve(answer);
  });
}

/** Node forgets to remove a listener whose signal aborts, where the target has a later one with a signal and the garbage
 *  collector was there between: it holds but the last of them. */
class Target extends EventTarget {
  /** @param {string} type @param {any} listener @param {AddEventListenerOptions} [options] */
  addEventListener(type, listener, { signal, ...options } = {}) {
    super.addEventListener(type, listener, options);
    signal?.addEventListener('abort', () => this.removeEventListener(type, listener, options));
  }
}

/** An EventSource: what it hears, the test says. */
class FakeSource extends EventTarget {
  static CONNECTING = 0;
  static OPEN = 1;
  static CLOSED = 2;
  readyState = FakeSource.CONNECTING;
  onerror = () => {};

  constructor(url) {
    super();
    this.url = new URL(url);
    server.streams.push(this);
  }

  say(event, data, id = '') {
    this.readyState = FakeSource.OPEN;
    this.dispatchEvent(new MessageEvent(event, { data: JSON.stringify(data), lastEventId: id }));
  }

  close() {
    this.readyState = FakeSource.CLOSED;
  }
}

/** A browser whose clock is so many ms ahead. */
export function begin(ahead = 0) {
  stopTime(ahead);
  const kept = new Map();
  const page = new Target();
  const fakes = {
    fetch, EventSource: FakeSource, document: Object.assign(new Target(), { hidden: false }),
    addEventListener: page.addEventListener.bind(page), dispatchEvent: page.dispatchEvent.bind(page),
    navigator: { connection: Object.assign(new Target(), { type: 'wifi' }), locks: { request: async (_name, _options, run) => run({}) } },
    sessionStorage: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value), removeItem: (key) => kept.delete(key) },
  };
  for (const [name, value] of Object.entries(fakes)) {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  }
  Object.assign(server, { asked: [], streams: [], answer: () => undefined });
}

export function end() {
  letTimeGo();
}

/** All that was answered is done with. */
export async function settle() {
  for (let i = 0; i < TURNS; i++) await turns();
}
