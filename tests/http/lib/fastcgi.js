// fastcgi.js - a web server's side of FastCGI 1.0, record by record, whole or not.
import { readdirSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { within } from './wait.js';

export const BEGIN = 1, ABORT = 2, END = 3, PARAMS = 4, STDIN = 5, STDOUT = 6, GET_VALUES = 9, VALUES = 10, UNKNOWN_TYPE = 11;
export const COMPLETE = 0, CANT_MULTIPLEX = 1, UNKNOWN_ROLE = 3;
const RESPONDER = 1, KEEP_CONN = 1;
const PATIENCE_MS = 10_000;

/** The socket of a program, where a web server finds it outside of itself. */
export function socketOf(server, name) {
  const folder = path.join(path.dirname(server.logs), 'sockets');
  const file = readdirSync(folder).find((one) => one.startsWith(`${name}.sock`));
  return path.join(folder, file);
}

/**
 * @param {number} type
 * @param {number} id
 * @param {Buffer | string | number[]} [content]
 */
export function record(type, id, content = '', padding = 0) {
  const body = Buffer.from(/** @type {string} */ (content));
  const header = Buffer.from([1, type, id >> 8, id & 255, body.length >> 8, body.length & 255, padding, 0]);
  return Buffer.concat([header, body, Buffer.alloc(padding, 1)]);
}

export const begin = ({ id = 1, role = RESPONDER, keep = false } = {}) =>
  record(BEGIN, id, [role >> 8, role & 255, keep ? KEEP_CONN : 0, 0, 0, 0, 0, 0]);

const lengthOf = (text) => (text.length < 128 ? Buffer.from([text.length])
  : Buffer.from([text.length >>> 24 | 128, text.length >>> 16 & 255, text.length >>> 8 & 255, text.length & 255]));

/** Names and values, as PARAMS and GET_VALUES have them. */
export function pairs(of) {
  return Buffer.concat(Object.entries(of).flatMap(([name, value]) => {
    const [a, b] = [Buffer.from(name), Buffer.from(value)];
    return [lengthOf(a), lengthOf(b), a, b];
  }));
}

/** What pairs() made; none is longer than 127 bytes. */
export function unpair(content) {
  const of = {};
  for (let at = 0; at < content.length;) {
    const [name, value] = [content[at], content[at + 1]];
    const text = content.toString('latin1', at + 2, at + 2 + name + value);
    of[text.slice(0, name)] = text.slice(name);
    at += 2 + name + value;
  }
  return of;
}

/** Bytes as records of up to `most` bytes, and the empty one that ends them. */
export function records(type, id, bytes, { most = 65_535, padding = 0 } = {}) {
  const all = [];
  for (let at = 0; at < bytes.length; at += most) all.push(record(type, id, bytes.subarray(at, at + most), padding));
  return Buffer.concat([...all, record(type, id, '', padding)]);
}

/** The parameters of a request.
 *  length: of the body, as it is announced
 *  @type {(site: import('./site.js').Site, method: string, to: string,
 *      of?: {token?: string, body?: string, length?: number, more?: object}) => object} */
export const params = (site, method, to, { token, body, length = body && Buffer.byteLength(body), more = {} } = {}) => ({
  REQUEST_METHOD: method, REQUEST_URI: site.url(to).pathname, REMOTE_ADDR: '127.0.0.1',
  ...(token && { HTTP_AUTHORIZATION: `Bearer ${token}` }),
  ...(length !== undefined && { CONTENT_LENGTH: String(length) }), ...more,
});
/** All records of a request's head; and of a request.
 *  @typedef {{id?: number, keep?: boolean, most?: number, padding?: number}} How  see records()
 *  @type {(of: object, how?: How) => Buffer} */
export const head = (of, { id = 1, keep, ...how } = {}) => Buffer.concat([begin({ id, keep }), records(PARAMS, id, pairs(of), how)]);
/** @type {(of: object, body?: Buffer | string, how?: How) => Buffer} */
export const request = (of, body = '', how = {}) => Buffer.concat([head(of, how), records(STDIN, how.id ?? 1, Buffer.from(/** @type {string} */ (body)), how)]);

export class Connection {
  #socket;
  #bytes = Buffer.alloc(0);
  #wake = () => {};
  isClosed = false;

  static async open(file) {
    const connection = new Connection();
    const socket = net.connect(file);
    connection.#socket = socket;
    await new Promise((resolve, reject) => { socket.on('connect', () => resolve(true)); socket.on('error', reject); });
    socket.on('data', (bytes) => { connection.#bytes = Buffer.concat([connection.#bytes, bytes]); connection.#wake(); });
    const closed = () => { connection.isClosed = true; connection.#wake(); };
    socket.on('error', closed);
    socket.on('close', closed);
    return connection;
  }

  send(...bytes) {
    for (const one of bytes) this.#socket.write(one);
    return this;
  }

  /** Reads nothing, until it goes on. */
  stall() { this.#socket.pause(); }
  goOn() { this.#socket.resume(); }

  close() { this.#socket.destroy(); }

  async #until(what, ask) {
    const found = (async () => {
      for (;;) {
        const answer = ask();
        if (answer !== undefined) return answer;
        await new Promise((resolve) => { this.#wake = () => resolve(true); });
      }
    })();
    return within(PATIENCE_MS, found, what);
  }

  /** The next record, {type, id, content}; null: there is none any more. */
  next() {
    return this.#until('a record', () => {
      const bytes = this.#bytes;
      const length = bytes.length < 8 ? 0 : bytes.readUInt16BE(4);
      const whole = 8 + length + (bytes[6] ?? 0);
      if (bytes.length < 8 || bytes.length < whole) return this.isClosed ? null : undefined;
      this.#bytes = bytes.subarray(whole);
      return { type: bytes[1], id: bytes.readUInt16BE(2), content: bytes.subarray(8, 8 + length) };
    });
  }

  /** All of a request's output, to its end. */
  async answer(id = 1) {
    const out = [];
    for (;;) {
      const one = await this.next();
      if (!one) throw new Error(`closed before the end, after ${Buffer.concat(out)}`);
      if (one.id !== id) throw new Error(`a record of type ${one.type} with the id ${one.id}`);
      if (one.type === END) {
        const text = Buffer.concat(out).toString();
        return { ended: one.content[4], text, status: Number(/^Status: (\d+)/.exec(text)?.[1]) };
      }
      out.push(one.content);
    }
  }

  closed() {
    return this.#until('it to be closed', () => this.isClosed || undefined);
  }
}
