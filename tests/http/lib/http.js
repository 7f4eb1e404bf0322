// http.js - requests as any client makes them, and as none should.
import assert from 'node:assert/strict';
import http from 'node:http';
import net from 'node:net';
import { Browser } from './h2.js';
import { WAIT_MS, within } from './wait.js';

// Of its own connection each, as curl does: a server may close one that is kept just when
// a request is written into it (Apache does, where streams have all its threads), which
// only browsers repair.
export const agent = new http.Agent({ keepAlive: false, maxSockets: 64 });

export class Answer {
  /** @param {number} status
   *  @param {http.IncomingHttpHeaders} headers
   *  @param {Buffer} bytes */
  constructor(status, headers, bytes) {
    this.status = status;
    this.headers = headers;
    this.bytes = bytes;
  }

  get text() { return this.bytes.toString('utf8'); }

  get json() {
    try {
      return JSON.parse(this.text);
    } catch {
      return assert.fail(`no JSON: ${this.status} ${this.text.slice(0, 500)}`);
    }
  }
}

/** Over HTTP/2 where it is https.
 * @param {URL} url
 * @param {{method?: string, headers?: http.OutgoingHttpHeaders, body?: string | Buffer, chunked?: boolean,
 *     connection?: http.Agent | Browser | false}} [options]  chunked: the body without its length
 * @returns {Promise<Answer>}
 */
export function request(url, { method = 'GET', headers = {}, body, chunked, connection = agent } = {}) {
  /** @type {Record<string, string | number>} */
  const length = method === 'GET' || method === 'HEAD' || chunked ? {}
    : { 'Content-Length': body === undefined ? 0 : Buffer.byteLength(body) };
  const answer = url.protocol === 'https:' ? (async () => {
    const browser = connection instanceof Browser ? connection : Browser.any(url.origin);
    const response = await browser.request(url, { method, headers: { ...length, ...headers }, body });
    return new Answer(response.statusCode, response.headers, Buffer.concat(await response.toArray()));
  })() : new Promise((resolve, reject) => {
    const call = http.request({
      method,
      agent: connection instanceof Browser ? agent : connection,
      host: url.hostname.replace(/^\[|\]$/g, ''),
      port: url.port,
      path: url.pathname + url.search,
      headers: { ...length, ...(chunked ? { 'Transfer-Encoding': 'chunked' } : {}), ...headers },
    });
    call.on('error', reject);
    call.on('response', (response) => {
      const bytes = [];
      response.on('error', reject);
      response.on('data', (some) => bytes.push(some));
      response.on('end', () => resolve(
        new Answer(response.statusCode, response.headers, Buffer.concat(bytes))));
    });
    call.end(body);
  });
  return within(3 * WAIT_MS, answer, `an answer to ${method} ${url.pathname}`);
}

/** Writes bytes as they are and reads what comes until the server closes; it is told to.
 * @param {URL} url
 * @param {Buffer} bytes
 */
export async function raw(url, bytes) {
  const socket = net.connect({ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port) });
  const got = [];
  socket.on('data', (some) => got.push(some));
  socket.on('error', () => {}); // a server may close before it has read all
  socket.write(bytes);
  await within(3 * WAIT_MS, new Promise((resolve) => { socket.on('close', resolve); }),
    `the end of the answer to ${JSON.stringify(bytes.toString('latin1').slice(0, 80))}`);
  const all = Buffer.concat(got);
  const end = all.indexOf('\r\n\r\n');
  const [first, ...lines] = all.toString('latin1', 0, end).split('\r\n');
  const headers = Object.fromEntries(lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
  }));
  return new Answer(Number(first.split(' ')[1]), headers, all.subarray(end + 4));
}

/** An answer with this status, and all that DESIGN promises of a refusal. */
export function refused(answer, status, why = '') {
  assert.equal(answer.status, status, `${why}: ${answer.status} ${answer.text.slice(0, 500)}`);
  assert.match(answer.headers['content-type'] ?? '', /^application\/problem\+json\b/, why);
  assert.equal(answer.headers['cache-control'], 'no-store', why);
  const { json } = answer;
  assert.equal(json.status, status, why);
  for (const member of ['type', 'title', 'detail']) {
    assert.equal(typeof json[member], 'string', `${why}: ${member}`);
    assert.notEqual(json[member], '', `${why}: ${member}`);
  }
  if (status === 429 || status === 503) assert.match(answer.headers['retry-after'], /^[0-9]+$/, why);
  return answer;
}

/** A refusal where the web server may be quicker than we: any page of its own will do. */
export function refusedBySome(answer, statuses, why = '') {
  assert.ok(statuses.includes(answer.status),
    `${why}: ${answer.status}, not ${statuses.join(' or ')}: ${answer.text.slice(0, 500)}`);
}
