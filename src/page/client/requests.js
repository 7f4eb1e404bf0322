/**
 * requests.js - requests to the server, repeated where that helps.
 */

const REQUEST_MS = 10_000;
/** The longest that setTimeout() takes. */
export const TIMER_MAX_MS = 2 ** 31 - 1;

const BACKOFF_MS = 1_000;
const BACKOFF_MAX_MS = 30_000;

/** A request failed for good: to repeat it does not help, unless it is `retryable`. */
export class Refusal extends Error {
  /** After retryAfter milliseconds. @internal */
  retryable = false;
  /** @internal */
  retryAfter = 0;

  /**
   * @param {number} status
   * @param {string} detail
   */
  constructor(status, detail) {
    super(detail);
    this.name = 'Refusal';
    /** As that of an answer of HTTP; 0: there was none, and nobody waits for one any more. @readonly */
    this.status = status;
  }
}

/**
 * One request; the answer, whatever it is. It bears our token: to a path that leads elsewhere, as names may that nobody
 * has checked, none is made.
 * @param {URL} base
 * @param {string} method
 * @param {string} path  below base
 * @param {{token?: string | null, body?: string, key?: string, keepalive?: boolean}} [options]
 *     key: it may be repeated under this one; keepalive: it outlives the page
 */
export async function ask(base, method, path, { token, body, key, keepalive = false } = {}) {
  const url = new URL(path, base);
  if (!url.href.startsWith(base.href)) throw new Refusal(0, `${url.href} is not below ${base.href}`);
  /** @type {Record<string, string>} */
  const headers = {};
  // A page that goes has no time for a preflight: without headers of its own the request needs none.
  if (token && keepalive) url.searchParams.set('token', token);
  else if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers['Content-Type'] = 'application/json';
  if (key) headers['Idempotency-Key'] = `"${key}"`;
  const end = new AbortController();
  if (!keepalive) setTimeout(() => end.abort(), REQUEST_MS);
  return fetch(url, {
    method, headers, body, keepalive, signal: end.signal, cache: 'no-store', credentials: 'same-origin',
  });
}

/**
 * What an answer that is not ok says.
 * @param {Response} response
 */
export async function refusal(response) {
  const problem = await response.json().catch(() => ({})); // the web server's own are HTML
  const words = problem.detail ?? problem.title ?? `No Drawbridge at ${response.url.split('?')[0]}: status ${response.status}`;
  const error = new Refusal(response.status, String(words));
  error.retryable = response.status === 429 || response.status >= 500;
  error.retryAfter = 1000 * (Number(response.headers.get('Retry-After')) || 0);
  return error;
}

/**
 * Attempts until it works, is refused for good, or is not wanted any more.
 * @template T
 * @param {() => boolean} wanted
 * @param {() => Promise<T>} attempt
 * @param {(error: Error) => void} [failed]  each time, before the next
 * @param {{ms?: number, times?: number, wait?: (ms: number) => Promise<void | boolean>}} [how]  for so long, and so often;
 *     wait: before the next, where the server does not say how long. True: the waits are short again
 * @returns {Promise<T>}
 */
export async function persist(wanted, attempt, failed = () => {}, { ms = Infinity, times = Infinity, wait = pause } = {}) {
  const end = Date.now() + ms;
  let fails = 0;
  for (let n = 0; ; n++) {
    let after = 0;
    let last;
    try {
      return await attempt();
    } catch (error) {
      last = asError(error);
      // Not a Refusal: the network failed, or what came was no JSON.
      const refused = error instanceof Refusal;
      if (refused && !error.retryable) throw error;
      after = refused ? error.retryAfter : 0;
      if (wanted()) failed(last);
    }
    if (wanted() && after) await pause(after * (1 + Math.random() / 4));
    else if (wanted()) fails = await wait(backoff(fails)) ? 0 : fails + 1;
    if (!wanted()) throw new Refusal(0, 'This request is no longer needed.');
    // After the wait, in which a computer may have slept.
    if (n + 1 >= times || Date.now() >= end) throw last instanceof Refusal ? last : new Refusal(0, last.message);
  }
}

/**
 * The n-th wait: longer each time, and never the same for all who wait.
 * @param {number} n
 */
export function backoff(n) {
  return Math.min(BACKOFF_MS * 2 ** n, BACKOFF_MAX_MS) * (0.5 + Math.random() / 2);
}

/**
 * @param {number} ms
 * @returns {Promise<void>}
 */
export function pause(ms) {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}

/** Waits that end before their time when the network is back. */
export class Waits {
  /** @type {Set<() => void>} */
  #ends = new Set();

  /**
   * @param {number} ms
   * @returns {Promise<boolean>} whether it was ended
   */
  pause = (ms) => new Promise((resolve) => {
    const over = (/** @type {boolean} */ isEnded) => {
      clearTimeout(timer);
      this.#ends.delete(end);
      resolve(isEnded);
    };
    const end = () => over(true);
    const timer = setTimeout(over, ms, false);
    this.#ends.add(end);
  });

  end() {
    for (const end of [...this.#ends]) end();
  }
}

/**
 * @param {unknown} error
 * @returns {Promise<never>} rejected with it
 */
export function rejected(error) {
  const promise = Promise.reject(error);
  promise.catch(() => {}); // who is not interested need not say so
  return promise;
}

/** Of what is to be done in a room that was left. */
export function notInRoom() {
  return new Refusal(404, 'This page is not in the room.');
}

/** Of what was to be relayed, and is of no use any more. */
export function notSent() {
  return new Refusal(0, 'It was not sent.');
}

/** @typedef {{promise: Promise<void>, resolve: () => void, reject: (error: Error) => void}} Deferred */

/** @returns {Deferred} a promise, and what settles it */
export function deferred() {
  let resolve = () => {};
  /** @type {(error: Error) => void} */
  let reject = () => {};
  /** @type {Promise<void>} */
  const promise = new Promise((...both) => { [resolve, reject] = both; });
  promise.catch(() => {}); // who is not interested need not say so
  return { promise, resolve, reject };
}

/**
 * What was thrown, which may be anything.
 * @param {unknown} thrown
 */
export function asError(thrown) {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
