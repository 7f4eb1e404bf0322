// connection.js - a connection that goes on after an answer, for requests of which no HTTP library would hear.
import net from 'node:net';
import { WAIT_MS, within } from './wait.js';

export class Connection {
  /** @type {net.Socket} */ #socket;
  #over = new WeakSet(); // sockets from which nothing more comes
  /** @type {Buffer} */ #got = Buffer.alloc(0);
  /** @type {(value?: any) => void} */ #wake = () => {};

  /** @param {URL} url  of the server */
  constructor({ hostname, port }) {
    this.host = hostname.replace(/^\[|\]$/g, '');
    this.port = Number(port);
  }

  /**
   * Sends it, and gives the answer: {status, headers, isOurs}; status 0 is a connection that was closed.
   * @param {{method: string, bytes: Buffer, ends: boolean}} request  see malformed.js
   */
  async ask({ method, bytes, ends }) {
    this.#socket ??= this.#open();
    const socket = this.#socket;
    socket.write(bytes);
    if (ends) socket.end();
    const answer = await within(2 * WAIT_MS, this.#answer(method),
      () => `an answer to ${JSON.stringify(bytes.toString('latin1', 0, 500))}`);
    if (ends || !answer.goesOn) this.close();
    return answer;
  }

  close() {
    this.#socket?.destroy();
    this.#socket = undefined;
    this.#got = Buffer.alloc(0);
  }

  #open() {
    const socket = net.connect({ host: this.host, port: this.port, noDelay: true, allowHalfOpen: true });
    socket.on('data', (some) => { this.#got = this.#got.length ? Buffer.concat([this.#got, some]) : some; this.#wake(); });
    for (const end of ['end', 'close', 'error']) socket.on(end, () => { this.#over.add(socket); this.#wake(); });
    return socket;
  }

  /** Until the text has come; undefined: the connection was closed before. */
  async #until(found) {
    for (;;) {
      const what = found();
      if (what !== undefined) return what;
      if (this.#over.has(this.#socket)) return undefined;
      await new Promise((resolve) => { this.#wake = resolve; });
    }
  }

  #find(text) {
    const at = this.#got.indexOf(text);
    return at < 0 ? undefined : at;
  }

  #take(length) {
    const taken = this.#got.subarray(0, length);
    this.#got = this.#got.subarray(length);
    return taken;
  }

  async #answer(method) {
    const end = await this.#until(() => this.#find('\r\n\r\n'));
    if (end === undefined) return { status: 0, headers: {}, goesOn: false };
    const [first, ...lines] = this.#take(end + 4).toString('latin1').trimEnd().split('\r\n');
    const status = Number(/^HTTP\/1\.[01] (\d{3})/.exec(first)?.[1]);
    if (status < 200) return this.#answer(method);
    /** @type {Record<string, string>} */
    const headers = {};
    for (const line of lines) {
      const colon = line.indexOf(':');
      headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
    }
    const type = headers['content-type'] ?? '';
    const isOurs = type.startsWith('application/problem+json');
    const isStream = status === 200 && type.startsWith('text/event-stream');
    const goesOn = !isStream && !/close/i.test(headers.connection ?? '') && await this.#body(method, status, headers);
    return { status, headers, isOurs, goesOn };
  }

  /** Reads it away; whether that could be done. */
  async #body(method, status, headers) {
    if (method === 'HEAD' || status === 204 || status === 304) return true;
    if (/chunked/i.test(headers['transfer-encoding'] ?? '')) {
      for (;;) {
        const eol = await this.#until(() => this.#find('\r\n'));
        if (eol === undefined) return false;
        const size = parseInt(this.#take(eol + 2).toString('latin1'), 16);
        if (await this.#until(() => this.#got.length >= size + 2 || undefined) === undefined) return false;
        this.#take(size + 2);
        if (size === 0) return true;
      }
    }
    const length = Number(headers['content-length']);
    if (!(length >= 0) || await this.#until(() => this.#got.length >= length || undefined) === undefined) return false;
    this.#take(length);
    return true;
  }
}
