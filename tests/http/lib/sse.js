// sse.js - a client of event streams, after WHATWG HTML, "Server-sent events".
// It reconnects only when it is told to, so that tests see each stream on its own.
import http from 'node:http';
import { once } from 'node:events';
import { WAIT_MS, within } from './wait.js';

/**
 * @typedef {{id: string | null, event: string, data: string}} Event
 *     id: as that event itself had it, null if it had none
 */

/** The parsing rules alone: bytes in, {id, event, data} out. */
export class Parser {
  #decoder = new TextDecoder('utf-8'); // drops one leading BOM, as the standard says
  #line = '';
  #afterCr = false;
  #data = '';
  #type = '';
  /** @type {string | null} */ #own = null;
  /** @type {[string, string][]} */ #fields = [];

  lastEventId = '';
  /** @type {number | null} */ retry = null;

  /** @param {(event: Event) => void} dispatch
   *  @param {(fields: [string, string][]) => void} [onFields]  is given all of each block, also of one without data */
  constructor(dispatch, onFields) {
    this.dispatch = dispatch;
    this.onFields = onFields;
  }

  take(bytes) {
    for (const char of this.#decoder.decode(bytes, { stream: true })) {
      if (char === '\n' && this.#afterCr) {
        this.#afterCr = false; // the second half of CRLF
        continue;
      }
      this.#afterCr = char === '\r';
      if (char === '\n' || char === '\r') {
        this.#process(this.#line);
        this.#line = '';
      } else {
        this.#line += char;
      }
    }
  }

  #process(line) {
    if (line === '') return this.#blank();
    const colon = line.indexOf(':');
    if (colon === 0) return undefined;
    const field = colon < 0 ? line : line.slice(0, colon);
    const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
    this.#fields.push([field, value]);
    if (field === 'event') this.#type = value;
    else if (field === 'data') this.#data += `${value}\n`;
    else if (field === 'id' && !value.includes('\0')) this.#own = this.lastEventId = value;
    else if (field === 'retry' && /^[0-9]+$/.test(value)) this.retry = Number(value);
    return undefined;
  }

  #blank() {
    if (this.#data !== '') {
      this.dispatch({ id: this.#own, event: this.#type || 'message', data: this.#data.slice(0, -1) });
    }
    if (this.#fields.length) this.onFields?.(this.#fields);
    this.#fields = [];
    this.#data = this.#type = '';
    this.#own = null;
  }
}

/** One response that is an event stream, or was to be one. */
export class Stream {
  /** But for pings. @type {Event[]} */ events = [];
  pings = 0;
  #parser = new Parser((event) => this.#dispatch(event), (fields) => this.onFields?.(fields));
  #seen = 0;
  #waiting = new Set();
  /** @type {{destroy: () => void}} */ #request;

  /** @type {number} */ status;
  /** @type {http.IncomingHttpHeaders} */ headers;
  /** Of an answer that is no stream. */
  text = '';

  /** What the event `connected` said, with its id: where Peer.open() has read it.
   *  @type {{id: string, resumed: boolean, [member: string]: any}} */
  connected;

  /** Is given each event at once, pings too. @type {(event: Event) => void} */
  onEvent;

  /** Is given the fields of each event, as they came. @type {(fields: [string, string][]) => void} */
  onFields;

  /** How it ended: undefined while it is open, 'end' with its last chunk, 'ours' by cut(), else 'cut'.
   *  @type {'end' | 'cut' | 'ours' | undefined} */
  ended;

  /** Resolves once there are headers; see status.
   *  @param {URL} url
   *  @param {http.OutgoingHttpHeaders} [headers]
   *  @param {import('./h2.js').Browser} [browser]  over whose connection */
  static async open(url, headers = {}, browser = undefined) {
    const stream = new Stream();
    const response = await within(WAIT_MS, browser ? browser.request(url, { headers: { Accept: 'text/event-stream', ...headers } })
      : stream.#get(url, headers), `an answer to ${url.pathname}`);
    stream.#request ??= response;
    stream.status = response.statusCode;
    stream.headers = response.headers;
    response.on('data', (bytes) => {
      if (stream.status === 200) stream.#parser.take(bytes);
      else stream.text += bytes;
    });
    response.on('error', () => {});
    response.on('close', () => {
      stream.ended ??= response.complete ? 'end' : 'cut';
      stream.#wake();
    });
    return stream;
  }

  async #get(url, headers) {
    const request = http.get(url, { agent: false, headers: { Accept: 'text/event-stream', ...headers } });
    this.#request = request;
    const [response] = await once(request, 'response');
    request.on('error', () => {});
    return response;
  }

  get lastEventId() { return this.#parser.lastEventId; }
  get retry() { return this.#parser.retry; }

  /** As a page or a network that goes away. */
  cut() {
    this.ended ??= 'ours';
    this.#request.destroy();
  }

  /** The next event but for pings: strictly the next, so that nothing slips through. */
  async next(ms = WAIT_MS) {
    await this.#until(() => this.#seen < this.events.length, ms, 'another event');
    return this.events[this.#seen++];
  }

  /** The next that is meant, whatever comes before it. */
  async find(meant, ms = WAIT_MS) {
    for (const end = Date.now() + ms; ;) {
      const event = await this.next(Math.max(1, end - Date.now()));
      if (meant(event)) return event;
    }
  }

  /** Lets so many more pings pass: time as the server counts it. */
  async ping(count = 1, ms = WAIT_MS + 2_000 * count) {
    const goal = this.pings + count;
    await this.#until(() => this.pings >= goal, ms, `${count} pings`);
  }

  /** Waits for the end, and tells how it was. */
  async end(ms = WAIT_MS) {
    await this.#until(() => this.ended, ms, 'the end of the stream', true);
    return this.ended;
  }

  #dispatch(event) {
    if (event.event === 'ping') this.pings++;
    else this.events.push(event);
    this.onEvent?.(event);
    this.#wake();
  }

  async #until(ready, ms, what, endIsFine = false) {
    const end = Date.now() + ms;
    while (!ready()) {
      const left = end - Date.now();
      const recent = () => JSON.stringify(this.events.slice(-5)).slice(0, 2000);
      if (this.ended && !endIsFine) throw new Error(`the stream is over (${this.ended}), waited for ${what} after ${recent()}`);
      if (left <= 0) throw new Error(`waited ${ms} ms for ${what} after ${recent()}`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#waiting.add(() => { clearTimeout(timer); resolve(); });
      });
    }
  }

  #wake() {
    for (const wake of this.#waiting) wake();
    this.#waiting.clear();
  }
}
