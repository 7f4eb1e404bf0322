// malformed.js - requests that were right until a generator changed one thing or three of them.
import { sign } from './tokens.js';

const ODD_TEXTS = ['', ' ', '\0', '%', '%00', '%2', '%zz', '%2F', '%2e%2e', '%ff', '%C3%28', 'caf\xe9', '..', '.', '/', '//', '\\',
  ';', '?', '#', '*', '"', "'", '<', '`', '\x7f', '\t', '$(id)', '{room}', 'channels', 'connect', 'relay', 'null', '-1', '0',
  'x'.repeat(64), 'x'.repeat(65), 'x'.repeat(200), 'x'.repeat(3_000)];
const SEGMENTS = ODD_TEXTS.filter((text) => !/[ ?#\t]/.test(text));
const METHODS = ['', 'get', 'FOO', 'HEAD', 'OPTIONS', 'PUT', 'DELETE', 'PATCH', 'TRACE', 'CONNECT', 'PRI', 'PROPFIND', 'G\0T',
  'GE T', 'X'.repeat(300)];
const VERSIONS = ['', 'HTTP/1.0', 'HTTP/0.9', 'HTTP/2.0', 'HTTP/9.9', 'HTTP/1.', 'http/1.1', 'HTTP/1.1 x', 'x'.repeat(200)];
const QUERIES = ['token', 'token=', 'token=%00', 'token=%', 'lastEventId=', '&&&&', '=', 'a=b=c', '?'.repeat(50)];
const AUTHORIZATIONS = ['Bearer', 'Bearer ', 'bearer  x', 'Basic eDp5', 'Bearer a b', 'Bearer\tx'];
const COOKIES = ['drawbridge', 'drawbridge=', '=;;=', ';'.repeat(500), 'drawbridge="x"', `${'a=b; '.repeat(200)}drawbridge=x`];
const BODIES = ['', ' ', '{', '[', '"', 'nul', '1 2', '[1,]', '{"a":1,}', '{"username":1}', '{"username":"\\u0000"}',
  '{"username":null}', '[{"event":"x","data":1}]', '[{"event":"ping","data":1}]', '[{"event":1,"data":1}]', '[[[]]]',
  '{"username":"a","username":"b"}', '"\\ud800"', '"\\u00"', '1e999', '-0', `1${'0'.repeat(400)}`, '\ufeff1', '\xff\xfe', '\0',
  '[{"event":"x"}]'];
const POSITIONS = ['', '-', '0', '1-', '-1', '1-1', '0-0', '1--1', '-1-1', '99999999999999999999-1', '1-99999999999999999999',
  'a-b', '1-1-1', '1.5-2', ' 1-1', '\xff', '9'.repeat(2_000)];
const LENGTHS = ['', '-1', '+5', '0', '1', '3', '00005', '5,5', '5, 6', '0x5', '5 5', 'abc', '4.0', '18446744073709551616',
  '99999999999'];
const HEADERS = ['Accept', 'Accept-Encoding', 'Access-Control-Request-Method', 'Connection', 'Content-Encoding', 'Content-Length',
  'Content-Type', 'Expect', 'Forwarded', 'Host', 'Last-Event-ID', 'Origin', 'Proxy', 'Range', 'Referer', 'Status',
  'Transfer-Encoding', 'Upgrade', 'X-Forwarded-For', 'X-HTTP-Method-Override'];
const VALUES = [...ODD_TEXTS, 'close', 'chunked', 'gzip, chunked', '100-continue', 'bytes=0-5', 'h2c', 'websocket', 'text/html',
  'application/json', '*/*;q=0', 'text/event-stream;q=x', ';q=', ',,,', 'null', 'https://evil.example',
  'multipart/form-data; boundary=--', 'application/+json'];
const CODINGS = ['chunked', 'chunked', 'chunked', 'Chunked', 'gzip, chunked', 'identity', 'xchunked'];
const LINE_ENDS = ['\n', '\r', '\r\n ', '\n\n', '\r\r\n'];

const isToken = (pair) => pair.startsWith('token=');

/**
 * One that is not yet written down, its body a character a byte. before: what stands before its path; head: makes another of its head;
 * ends: the client sends nothing more.
 * @typedef {{method: string, path: string[], query: string[], version: string, headers: [string, any][], body: string,
 *     before?: string, head?: (head: string) => string, ends?: boolean}} Draft
 */

/** Requests for these peers and their room. Each: {method, bytes, ends}: ends, the client sends nothing
 *  more, as nobody can tell where the request does. */
export class Malformed {
  /** @param {(n: number) => number} roll  the dice
   *  @param {{base: URL, secret: string, peers: {id: string, token: string}[], room: string}} there */
  constructor(roll, { base, secret, peers, room }) {
    this.roll = roll;
    this.secret = secret;
    this.peers = peers;
    this.room = room;
    this.prefix = base.pathname.replace(/\/$/, '');
    this.host = base.host;
  }

  #any(list) { return list[this.roll(list.length)]; }

  #many(most, make) {
    const all = [];
    for (let i = 0, count = this.roll(most); i < count; i++) all.push(make(i));
    return all;
  }

  /** How a right one looks.
   *  @returns {Draft} */
  #right() {
    const peer = this.#any(this.peers);
    const other = this.#any(this.peers);
    const [method, path, body] = this.#any([
      ['POST', ['access'], '{"username":"ann"}'],
      ['POST', [this.room, 'join']],
      ['POST', [this.room, 'leave']],
      ['GET', [this.room, 'peers']],
      ['POST', [this.room, 'broadcast', 'x'], '[1,{"a":"\\u00e4"}]'],
      ['POST', ['relay', other.id, 'x'], '{"type":"offer","sdp":"v=0"}'],
      ['POST', ['relay', other.id], '[{"event":"x","data":1},{"event":"y","data":null}]'],
      ['GET', ['ice']],
      ['GET', ['health', this.#any(['live', 'ready'])]],
      ['GET', ['metrics']],
      ['GET', [this.#any([this.room, '', 'static/drawbridge.js', 'static/board/board.js'])]],
      ['GET', ['connect']],
    ]);
    /** @type {Draft} */
    const r = { method, path, query: [], version: 'HTTP/1.1', headers: [['Host', this.host]], body: body ?? '' };
    if (path[0] === 'connect') {
      // Each that is not refused is a process of mod_fcgid's, which begins one in a second.
      if (this.roll(20)) r.headers.push(['Accept', 'text/html']);
      r.headers.push(['Last-Event-ID', this.#any(POSITIONS)]);
    }
    this.#authorize(r, peer.token);
    if (body !== undefined) r.headers.push(['Content-Type', 'application/json']);
    if (method === 'POST') r.headers.push(['Content-Length', r.body.length]);
    return r;
  }

  #hide(r) {
    r.headers = r.headers.filter(([name]) => name !== 'Authorization' && name !== 'Cookie');
    r.query = r.query.filter((pair) => !isToken(pair));
  }

  #authorize(r, token) {
    this.#hide(r);
    const where = this.roll(8);
    if (where < 5) r.headers.push(['Authorization', `Bearer ${token}`]);
    else if (where < 6) r.query.push(`token=${token}`);
    else if (where < 7) r.headers.push(['Cookie', `a=b; drawbridge=${token}`]);
  }

  /** Characters changed, taken out, put in or doubled. */
  #damage(text) {
    const at = this.roll(text.length + 1);
    const length = this.roll(8) + 1;
    return this.#any([
      () => text.slice(0, at) + String.fromCharCode(this.roll(256)) + text.slice(at + 1),
      () => text.slice(0, at) + text.slice(at + length),
      () => text.slice(0, at) + this.#any(ODD_TEXTS) + text.slice(at),
      () => text.slice(0, at) + text.slice(Math.max(0, at - length)),
      () => text.slice(0, at),
    ])();
  }

  #token() {
    const { secret } = this;
    const claims = { id: this.#any(this.peers).id, username: 'ann', exp: Math.floor(Date.now() / 1000) + 600 };
    const good = sign(claims, secret);
    return this.#any([
      () => this.#damage(good),
      () => good.split('.').reverse().join('.'),
      () => sign(claims, secret, { header: { alg: this.#any(['none', 'HS512', 'RS256', '', 'x'.repeat(500)]) }, hash: 'sha256' }),
      () => {
        const name = this.#any(['id', 'username', 'exp', 'rooms', 'sub', 'nbf']);
        return sign({ ...claims, [name]: this.#any([...ODD_TEXTS, -1, 1e300, null, [], {}, [[]], [1]]) }, secret);
      },
      () => sign(this.#damage(JSON.stringify(claims)), secret),
      () => `${good}${'x'.repeat(this.roll(6_000))}`,
      () => this.#any(['', '.', '..', '...', 'a.b.c', ' ', '\xff', '='.repeat(100)]),
    ])();
  }

  /** Each changes one thing of a request.
   *  @type {((r: Draft) => void)[]} */
  #changes = [
    (r) => {
      const at = this.roll(r.path.length);
      r.path = r.path.map((segment, i) => (i === at ? this.#any(SEGMENTS) : segment));
    },
    (r) => { r.path = [...r.path, this.#any(['', 'x', '..', 'join'])]; },
    (r) => { r.path = r.path.slice(0, -1); },
    (r) => {
      r.before = this.#any(['/', '//', `${this.prefix}//`, `${this.prefix}/./`, `http://${this.host}${this.prefix}/`, 'http://',
        '*', 'ftp://x/', '\\']);
    },
    (r) => { r.query.push(this.#any(QUERIES) + this.#any(ODD_TEXTS)); },
    (r) => { r.query.push(`lastEventId=${this.#any(POSITIONS)}`); },
    (r) => { r.query.unshift(...this.#many(400, (i) => `a${i}=${i}`)); },
    (r) => this.#authorize(r, this.#token()),
    (r) => this.#authorize(r, this.#token()),
    (r) => this.#authorize(r, this.#token()),
    (r) => { r.headers.push(['Authorization', this.#any(AUTHORIZATIONS)]); },
    (r) => { r.headers.push(['Cookie', this.#any(COOKIES)]); },
    (r) => { r.headers.push(['Last-Event-ID', this.#any(POSITIONS)]); },
    (r) => this.#rewrite(r, this.#any(BODIES)),
    (r) => this.#rewrite(r, this.#any(BODIES)),
    (r) => this.#rewrite(r, this.#damage(r.body)),
    (r) => this.#rewrite(r, '['.repeat(this.roll(3_000)) + ']'.repeat(this.roll(3_000))),
    (r) => this.#rewrite(r, `"${'x'.repeat(this.roll(80_000))}"`),
    (r) => this.#rewrite(r, JSON.stringify(this.#many(70, () => ({ event: this.#any(ODD_TEXTS), data: this.#any(ODD_TEXTS) })))),
    (r) => this.#ends(r).headers.push([this.#any(HEADERS), this.#any(VALUES)]),
    (r) => this.#ends(r).headers.push([this.#damage(this.#any(HEADERS)), this.#any(VALUES)]),
    (r) => this.#ends(r).headers.push(...this.#many(120, (i) => [`X-${i}`, 'x'.repeat(this.roll(200))])),
    (r) => {
      const without = this.#any(['Host', 'Content-Type', 'Authorization', 'Content-Length']);
      this.#ends(r).headers = r.headers.filter(([name]) => name !== without);
    },
    (r) => { this.#ends(r).method = this.#any(METHODS); },
    (r) => { this.#ends(r).version = this.#any(VERSIONS); },
    (r) => this.#ends(r).headers.push(['Content-Length', this.#any(LENGTHS)]),
    (r) => {
      const headers = r.headers.filter(([name]) => name !== 'Content-Length');
      this.#ends(r).headers = [...headers, ['Content-Length', this.#any(LENGTHS)]];
    },
    (r) => this.#chunk(this.#ends(r)),
    (r) => { this.#ends(r).head = (head) => this.#damage(head); },
    (r) => { this.#ends(r).head = (head) => head.replaceAll('\r\n', this.#any(LINE_ENDS)); },
    (r) => { this.#ends(r).head = () => this.#many(500, () => String.fromCharCode(this.roll(256))).join(''); },
  ];

  /** @param {Draft} r */
  #ends(r) {
    r.ends = true;
    return r;
  }

  /** Another body, whose length is right. */
  #rewrite(r, text) {
    r.method = 'POST';
    r.body = text;
    r.headers = [...r.headers.filter(([name]) => name !== 'Content-Length'), ['Content-Length', r.body.length]];
  }

  #chunk(r) {
    const { body } = r;
    const size = body.length.toString(16);
    r.body = this.#any([`${size}\r\n${body}\r\n0\r\n\r\n`, `${size};x=y\r\n${body}\r\n0\r\nX: y\r\n\r\n`,
      `zz\r\n${body}\r\n0\r\n\r\n`, `-1\r\n${body}\r\n`, `${size}\r\n${body}`, `ffffffffffffffff\r\n${body}`,
      `${size}\r\n${body}\r\n`, '0\r\n\r\n', body, `1\r\n${body}\r\n0\r\n\r\n`]);
    if (this.roll(4)) r.headers = r.headers.filter(([name]) => name !== 'Content-Length');
    r.headers.push(['Transfer-Encoding', this.#any(CODINGS)]);
  }

  next() {
    const right = this.#right();
    /** @type {Draft} */
    const r = { ...right, headers: [...right.headers], query: [...right.query] };
    for (let i = this.roll(20) ? 1 + this.roll(3) : 0; i > 0; i--) this.#any(this.#changes)(r);
    // Web servers log as it came what they cannot take apart.
    if (r.head) this.#hide(r);
    else if (r.before || ['method', 'path', 'version'].some((part) => r[part] !== right[part])) {
      r.query = r.query.filter((pair) => !isToken(pair));
    }
    const query = r.query.length ? `?${r.query.join('&')}` : '';
    let head = `${r.method} ${r.before ?? `${this.prefix}/`}${r.path.join('/')}${query} ${r.version}\r\n`;
    for (const [name, value] of r.headers) head += `${name}: ${value}\r\n`;
    head += '\r\n';
    if (r.head) head = r.head(head);
    return { method: r.method, bytes: Buffer.from(head + r.body, 'latin1'), ends: Boolean(r.ends) };
  }
}
