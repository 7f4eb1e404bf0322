// The server answers as src/doc/openapi.yaml says: each operation is driven through all answers that the document has,
// and gives no other. What can be compared with the sources without asking anybody is for tests/style/api.js.
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { described, follow, openapi, OPERATIONS, outcomes, wordOf, wrong } from './lib/api.js';
import { Door } from './lib/door.js';
import * as fastcgi from './lib/fastcgi.js';
import { Answer } from './lib/http.js';
import { Stream } from './lib/sse.js';
import { SERVER, suite } from './lib/suite.js';
import { pageFiles } from './lib/tables.js';
import { nowSeconds, randomId } from './lib/tokens.js';
import { until } from './lib/wait.js';

const OTHER_SITE = 'https://app.example';
const FOREIGN = 'https://evil.example';
const METRICS_TOKEN = 'a-token-for-metrics';
const ELSEWHERE = { 'X-Forwarded-For': '192.0.2.1' };

// mod_fcgid keeps the sockets of the programs to itself, so there nobody hears what no web server lets happen.
const IS_DIRECT = SERVER !== 'apache';
const DIRECT_WORDS = ['length', 'slow'];

/** What was heard: operation, status and outcome; and operation, status and header. */
const seen = new Set();
const headersSeen = new Set();

/** What the web server answers without the programs. */
const FILES = ['page', 'file', 'fileInFolder'];
const POSTS = OPERATIONS.filter(({ method }) => method === 'POST');
const GUARDED = OPERATIONS.filter(({ isOpen }) => !isOpen);
/** For the site's own server, which is no page and has no Origin. */
const isServers = ({ schemes }) => schemes.includes('server');
const SERVERS = OPERATIONS.filter(isServers);
const operation = (id) => OPERATIONS.find((one) => one.id === id) ?? assert.fail(`no operation ${id}`);
/** Those that have this status, and this outcome if it is given. */
const having = (status, outcome) => OPERATIONS.filter(({ responses }) =>
  responses[status] && (!outcome || outcomes(responses[status]).includes(outcome)));

/** Bodies by operation: those of its schema, and others, which are refused. */
const BODIES = {
  access: [[{ username: 'ann' }, { username: 'é'.repeat(64), cookie: false }, { cookie: true }, {}, { username: '😀', more: 1 }],
    [{ username: '' }, { username: 'x'.repeat(65) }, { username: 'a\u007f' }, { username: 1 }, { cookie: 'no' }, [], 'ann', null]],
  relay: [['"hello"', 1, null, {}, []], []],
  broadcast: [['"hello"', 1, null, {}, []], []],
  serverRoomEvent: [['"hello"', 1, null, {}, []], []],
  serverPeerEvent: [['"hello"', 1, null, {}, []], []],
  serverDisconnect: [[{}, { reason: '' }, { reason: 'é😀'.repeat(100) }, { for: 604_800 }, { reason: 'a\nb', for: 0 }],
    [{ reason: 'x'.repeat(201) }, { reason: 1 }, { reason: null }, { reason: 'a\u0000' }, { for: -1 }, { for: 604_801 }, { for: 0.5 }, { for: '1' },
      { for: null }, { until: 1 }, [], 'ann', null]],
  relayMany: [[[{ event: 'x', data: 1 }], Array(64).fill({ event: 'x', data: null })],
    [[], {}, 1, [1], [{ event: 'x' }], [{ data: 1 }], [{ event: 'ping', data: 1 }], [{ event: 'a b', data: 1 }],
      [{ event: 'x', data: 1, id: '1-0' }], Array(65).fill({ event: 'x', data: 1 })]],
  join: [[1, {}], []],
  leave: [[1, {}], []],
};
const sampleOf = (id) => (id === 'join' || id === 'leave' ? undefined : BODIES[id]?.[0][0]);

/**
 * @typedef {{ids?: object, query?: string, headers?: import('node:http').OutgoingHttpHeaders, token?: string | null,
 *     body?: any, method?: string}} How
 *     ids: of the path; token: null is none; body: not as it would be; method: HEAD
 */

/** Asks as a page of OTHER_SITE, and holds the answer against the document; gives it and its outcome.
 *  @param {(one: typeof OPERATIONS[number]) => {token?: string, ids: Record<string, string>}} defaults */
const asker = (site, defaults) => {
  /** @type {(id: string, how?: How) => Promise<Answer & {outcome: string}>} */
  return async (id, { ids, query = '', headers = {}, method, ...how } = {}) => {
    const one = operation(id);
    const all = { ...defaults(one), ...how };
    const names = { ...all.ids, ...ids };
    const path = one.path.replace(/\{(\w+)\}/g, (_, name) => names[name]) + query;
    const body = 'body' in how ? how.body : sampleOf(id);
    const options = { headers: { ...(isServers(one) ? {} : { Origin: OTHER_SITE }), ...headers }, token: all.token ?? undefined, body };
    const answer = id === 'connect' && !method ? await connect(site, path, options)
      : await site.request(method ?? one.method, path, options);
    const why = `${method ?? one.method} ${path.slice(0, 200)} (${id}): ${answer.status}`;
    assert.ok(one.responses[answer.status], `${why} is not in the document: ${answer.text.slice(0, 500)}`);
    const outcome = described(answer, one.responses[answer.status], why, { isHead: method === 'HEAD' });
    seen.add(`${id} ${answer.status} ${outcome}`);
    for (const name of Object.keys(answer.headers)) headersSeen.add(`${id} ${answer.status} ${name}`);
    return Object.assign(answer, { outcome });
  };
};

/** The answer to what may begin a stream. */
async function connect(site, path, { headers, token }) {
  const stream = await Stream.open(site.url(path), { ...headers, ...(token ? { Authorization: `Bearer ${token}` } : {}) });
  if (stream.status === 200) stream.cut();
  else await stream.end();
  return Object.assign(new Answer(stream.status, stream.headers, Buffer.from(stream.text)), { isStream: stream.status === 200 });
}

const is = (answer, status, outcome, why = '') =>
  assert.deepEqual([answer.status, answer.outcome], [status, outcome], `${why} ${answer.text.slice(0, 200)}`);

/** That there is, for an operation on files. */
const fileOf = (id) => (id === 'fileInFolder' ? { folder: 'client', file: 'peer.js' } : { file: 'drawbridge.js' });

/** One that it takes. */
const anyToken = (site, one) => (isServers(one) ? site.serverToken() : site.peer().token);

const ids = (one) => one.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);

const settings = {
  ORIGINS: OTHER_SITE, ROOM_PEERS: 2, PEER_ROOMS: 2, MAILBOX: 4, GRACE: 600, RATE: 1000, RATE_BYTES: 100_000_000,
  ACCESS_RATE: 1000, STUN_URLS: 'stun:stun.example', TURN_URLS: 'turn:turn.example', TURN_SECRET: 'x'.repeat(32),
};

suite('api', { settings }, (site, it) => {
  /** @type {import('./lib/peer.js').Peer} */ let ann;
  /** @type {import('./lib/peer.js').Peer} */ let bob;
  /** Whom servers disconnect. @type {import('./lib/peer.js').Peer} */ let eve;
  let room;
  // A stream that begins anew takes its peer out of its rooms.
  const tokenFor = (id, claims = undefined) => (isServers(operation(id)) ? site.serverToken(claims)
    : claims || id === 'connect' ? site.peer(claims).token : ann.token);
  const ask = asker(site, (one) => ({
    token: one.isOpen ? undefined : tokenFor(one.id),
    // Nobody leaves for good.
    ids: { room: ['leave', 'serverRemove'].includes(one.id) ? randomId('r') : room, peer: one.id === 'serverDisconnect' ? eve.id : bob.id, event: 'x', page: room, ...fileOf(one.id) },
  }));

  before(async () => {
    room = randomId('r');
    [ann, bob] = await site.room(room, 2);
    eve = site.peer();
    await eve.join(randomId('r'));
  });

  it('each operation does what it is for, as HEAD too where it is GET', async () => {
    for (const { id, method, responses } of OPERATIONS) {
      const answer = await ask(id);
      const [first] = Object.keys(responses);
      assert.equal(String(answer.status), first, id);
      if (method !== 'GET') continue;
      const head = await ask(id, { method: 'HEAD' });
      assert.equal(head.status, answer.status, id);
    }
  });

  it('each takes a token as it says, and no other way', async () => {
    const ways = {
      bearer: (token) => ({ headers: { Authorization: `Bearer ${token}` } }),
      query: (token) => ({ query: `?token=${token}` }),
      cookie: (token) => ({ headers: { Cookie: `drawbridge=${token}` } }),
    };
    for (const { id, schemes } of OPERATIONS.filter(({ schemes }) => schemes.some((name) => name in ways))) {
      for (const [name, way] of Object.entries(ways)) {
        // One that is bad shows whether it is looked at.
        const good = await ask(id, { token: null, ...way(tokenFor(id)) });
        const bad = await ask(id, { token: null, ...way('x') });
        assert.equal(good.status, 200, `${id} by ${name}`);
        assert.equal(bad.status, schemes.includes(name) ? 401 : 200, `${id} by ${name}`);
      }
    }
  });

  it('401: no token, and a bad one', async () => {
    for (const { id } of GUARDED) {
      is(await ask(id, { token: null }), 401, isServers(operation(id)) ? 'no-token.server' : 'no-token', id);
      is(await ask(id, { token: 'x' }), 401, 'token', id);
    }
    is(await ask('access', { token: 'x' }), 401, 'token');
  });

  it('401: a token that was revoked; another one of the same peer', async () => {
    const now = nowSeconds();
    const gone = site.peer({ iat: now });
    assert.deepEqual((await ask('serverDisconnect', { ids: { peer: gone.id }, body: { for: 600 } })).json, { streams: 0 });
    const ids = { peer: ann.id };
    for (const { id } of having(401, 'revoked')) is(await ask(id, { token: gone.token, ids }), 401, 'revoked', id);
    const { token } = site.peer({ id: gone.id, iat: now + 60 });
    assert.equal((await ask('ice', { token })).status, 200);
    assert.equal((await ask('access', { token })).status, 200);
  });

  it('a server’s token is taken in Authorization alone', async () => {
    const token = site.serverToken();
    for (const { id } of SERVERS) {
      is(await ask(id, { token: null, query: `?token=${token}` }), 401, 'no-token.server', id);
      is(await ask(id, { token: null, headers: { Cookie: `drawbridge=${token}` } }), 401, 'no-token.server', id);
      assert.equal((await ask(id, { query: '?token=x', headers: { Cookie: 'drawbridge=x' } })).status, 200, id);
    }
  });

  it('403: servers and peers have tokens of their own kinds; pages and bound tokens', async () => {
    for (const { id } of SERVERS) {
      is(await ask(id, { token: ann.token }), 403, 'server-token', id);
      for (const Origin of [OTHER_SITE, FOREIGN, 'null', `http://${site.servers[0].base.host}`]) is(await ask(id, { headers: { Origin } }), 403, 'origin.server', id);
    }
    for (const { id } of OPERATIONS.filter((one) => !isServers(one) && (!one.isOpen || one.id === 'access'))) {
      is(await ask(id, { token: site.serverToken() }), 403, 'server-token.peer', id);
    }
    for (const { id } of having(403, 'bounded-token')) is(await ask(id, { token: tokenFor(id, { rooms: ['*'] }) }), 403, 'bounded-token', id);
  });

  it('403: a room that one is kept out of', async () => {
    const ids = { room: randomId('r'), peer: eve.id };
    assert.deepEqual((await ask('serverRemove', { ids, query: '?for=300' })).json, { removed: false });
    is(await ask('join', { ids, token: site.peer({ id: eve.id, iat: nowSeconds() + 60 }).token }), 403, 'kept-out');
  });

  it('400: what is no number, and no cursor', async () => {
    for (const { id, parameters } of SERVERS) {
      for (const { name } of parameters.filter((one) => one.in === 'query')) {
        const bad = name === 'after' ? ['x%', 'x'.repeat(600)] : ['', '-1', '1e1', '604801', 'x', '99999999999999999999', '%201'];
        for (const value of bad) is(await ask(id, { query: `?${name}=${value}` }), 400, `input.${name}`, `${id} ${name}=${value}`);
      }
    }
    is(await ask('serverRooms', { query: '?limit=0' }), 400, 'input.limit');
    is(await ask('serverRooms', { query: '?limit=101' }), 400, 'input.limit');
  });

  it('403: another room, the cookie of another origin, an address that may not read', async () => {
    for (const { id } of having(403, 'room-denied')) is(await ask(id, { token: tokenFor(id, { rooms: ['elsewhere'] }) }), 403, 'room-denied', id);
    for (const one of GUARDED.filter((other) => !isServers(other))) {
      for (const headers of [{ Origin: FOREIGN }, { Origin: `http://${site.servers[0].base.host}`, 'Sec-Fetch-Site': 'cross-site' }]) {
        const answer = await ask(one.id, { token: null, headers: { Cookie: `drawbridge=${tokenFor(one.id)}`, ...headers } });
        if (having(403, 'origin').includes(one)) is(answer, 403, 'origin', one.id);
        else assert.equal(answer.status, 200, one.id);
      }
    }
    is(await ask('metrics', { headers: ELSEWHERE }), 403, 'address');
  });

  it('of another origin that is not allowed nobody is told anything', async () => {
    for (const { id } of OPERATIONS) {
      const { headers } = await ask(id, { headers: { Origin: FOREIGN } });
      assert.deepEqual(Object.keys(headers).filter((name) => name.startsWith('access-control-') && headers[name] !== '*'), [], id);
    }
  });

  it('406: a client that takes no event stream', async () => {
    is(await ask('connect', { headers: { Accept: 'application/json' } }), 406, 'accept');
  });

  it('400: ids that are none', async () => {
    for (const one of OPERATIONS) {
      for (const name of ids(one).filter((name) => ['room', 'peer', 'event'].includes(name))) {
        is(await ask(one.id, { ids: { [name]: 'a.b' } }), 400, name === 'event' ? 'input.event' : 'input.id', one.id);
        const { schema } = one.parameters.find((parameter) => parameter.name === name);
        assert.ok(wrong(schema, 'a.b') && wrong(schema, 'x'.repeat(65)) && !wrong(schema, 'x'.repeat(64)), name);
      }
    }
  });

  it('bodies are taken as the schema and the media type say, and no others', async () => {
    for (const { id, body } of POSTS) {
      const [good, bad] = BODIES[id];
      const token = tokenFor(id === 'access' ? 'join' : id); // of access: a renewal
      for (const [type, { schema }] of Object.entries(body.content)) {
        const inner = schema.contentSchema ?? schema;
        for (const value of good) {
          assert.equal(wrong(inner, value), undefined, id);
          const answer = await ask(id, { token, body: JSON.stringify(value), headers: { 'Content-Type': type } });
          assert.equal(answer.status, 200, `${id} ${JSON.stringify(value)}: ${answer.text}`);
        }
        for (const value of bad) {
          assert.ok(wrong(inner, value), `${id}: the schema takes ${JSON.stringify(value)}`);
          const answer = await ask(id, { token, body: JSON.stringify(value), headers: { 'Content-Type': type } });
          assert.equal(answer.status, 400, `${id} ${JSON.stringify(value)}: ${answer.text}`);
        }
      }
      assert.equal((await ask(id, { token, headers: { 'Content-Type': 'application/x+json' } })).status, 200, id);
      // Whether it may be left out.
      const none = await ask(id, { token, body: '' });
      if (body.required) is(none, 400, 'input.empty', id);
      else assert.equal(none.status, 200, id);
    }
  });

  it('400, 413, 415: bodies that are wrong for all', async () => {
    for (const { id } of POSTS) {
      is(await ask(id, { body: '{' }), 400, 'input.json', id);
      is(await ask(id, { body: '['.repeat(129) + ']'.repeat(129) }), 400, 'input.deep', id);
      is(await ask(id, { body: `"${'x'.repeat(65_536)}"` }), 413, 'too-large', id);
      // What else is wrong is not told.
      for (const more of [{}, { ids: { room: 'a.b', peer: 'a.b', event: 'a.b' } }]) {
        is(await ask(id, { ...more, body: '{}', headers: { 'Content-Type': 'text/html' } }), 415, 'media-type', id);
      }
    }
    is(await ask('access', { body: '{}' }), 400, 'input.access');
    is(await ask('relayMany', { body: '[]' }), 400, 'input.batch');
    for (const id of ['relay', 'relayMany']) is(await ask(id, { ids: { peer: ann.id } }), 400, 'input.self', id);
  });

  it('202, 429: who is away, and for whom no more is kept', async () => {
    const dan = site.peer();
    const quiet = randomId('r');
    await ann.join(quiet);
    await dan.join(quiet);
    for (const id of ['relay', 'relayMany']) is(await ask(id, { ids: { peer: dan.id } }), 202, 'application/json', id);
    for (const id of ['relay', 'relayMany']) is(await ask(id, { ids: { peer: dan.id } }), 429, 'mailbox-full', id);
    for (let i = 0; i < 2; i++) is(await ask('serverPeerEvent', { ids: { peer: dan.id } }), 202, 'application/json');
    is(await ask('serverPeerEvent', { ids: { peer: dan.id } }), 429, 'mailbox-full');
    is(await ask('join', { ids: { room: randomId('r') } }), 409, 'many-rooms');
    await ann.leave(quiet);
  });

  it('404, 409: strangers', async () => {
    const { token } = site.peer();
    for (const { id } of having(404, 'no-peer')) is(await ask(id, { token }), 404, 'no-peer', id);
    for (const { id } of having(404, 'no-peer.server')) is(await ask(id, { ids: { peer: randomId('p') }, body: id === 'serverDisconnect' ? '' : sampleOf(id) }), 404, 'no-peer.server', id);
    for (const { id } of having(404, 'not-member')) is(await ask(id, { token }), 404, 'not-member', id);
    is(await ask('join', { token }), 409, 'room-full');
  });

  it('400, 422: a key that is none, and that of another request', async () => {
    for (const { id } of having(422)) {
      const { schema } = operation(id).parameters.find(({ name }) => name === 'Idempotency-Key');
      for (const key of ['', 'a b', '"a', 'a"', '"a";x=1', 'é', 'x'.repeat(65)]) {
        assert.ok(wrong(schema, key), key);
        if (key) is(await ask(id, { headers: { 'Idempotency-Key': Buffer.from(key).toString('latin1') } }), 400, 'input.key', id);
      }
      const key = randomId('k');
      for (const value of [key, `"${key}"`, key]) {
        assert.ok(!wrong(schema, value));
        assert.equal((await ask(id, { headers: { 'Idempotency-Key': value } })).status, 200, id);
      }
      is(await ask(id, { ids: { event: 'y' }, body: id === 'relayMany' ? [{ event: 'y', data: 1 }] : '1',
        headers: { 'Idempotency-Key': key } }), 422, 'idempotency', id);
    }
  });

  it('429: over the rate', async () => {
    // As if much had been said.
    const used = async (key, run) => {
      await site.redis('SET', `rate:${key}`, 1e12, 'PX', 600_000);
      await run();
      await site.redis('DEL', `rate:${key}`);
    };
    await used(ann.id, async () => {
      for (const one of having(429, 'rate').filter(({ isOpen }) => !isOpen)) {
        if (isServers(one)) assert.equal((await ask(one.id)).status, 200, one.id);
        else is(await ask(one.id), 429, 'rate', one.id);
      }
      assert.equal((await ask('leave')).status, 200);
    });
    await used('@server', async () => {
      for (const { id } of SERVERS) is(await ask(id), 429, 'rate', id);
    });
    await used('@127.0.0.1', async () => is(await ask('access'), 429, 'rate'));
  });

  it('files and pages: each media type, what is not modified, what is not there', async () => {
    for (const name of pageFiles()) {
      const [file, folder] = name.split('/').reverse();
      const ids = { file, folder };
      const operation = folder ? 'fileInFolder' : 'file';
      const { status, headers: { etag } } = await ask(operation, { ids });
      assert.equal(status, 200, name);
      assert.equal((await ask(operation, { ids, headers: { 'If-None-Match': etag } })).status, 304, name);
    }
    const { headers: { etag } } = await ask('page');
    assert.equal((await ask('page', { headers: { 'If-None-Match': etag } })).status, 304);
    for (const operation of ['file', 'fileInFolder']) {
      assert.equal((await ask(operation, { ids: { folder: 'board', file: 'nothing.js' } })).status, 404);
    }
    const page = 'caf%C3%A9';
    is(await ask('page', { ids: { page } }), 404, 'no-route');
    const offered = await ask('page', { ids: { page }, headers: { Accept: 'text/html,*/*;q=0.8' } });
    assert.deepEqual([offered.status, offered.headers.location], [302, `static/name.html#${page}`]);
  });

  it('OPTIONS on each path, with what a browser asks before and without', async () => {
    for (const [path, { options, ...methods }] of Object.entries(openapi.paths)) {
      const at = path.replace(/\{(\w+)\}/g, 'x');
      for (const headers of [{}, { Origin: FOREIGN, 'Access-Control-Request-Method': 'POST' },
        { Origin: OTHER_SITE, 'Access-Control-Request-Method': 'POST', 'Access-Control-Request-Headers': 'authorization' }]) {
        const answer = await site.request('OPTIONS', at, { headers });
        if (options.responses[403] && headers.Origin) {
          assert.equal(answer.status, 403, path);
          assert.equal(described(answer, follow(options.responses[403]), `OPTIONS ${path}`), 'origin.server');
          continue;
        }
        assert.equal(answer.status, 204, path);
        described(answer, follow(options.responses[204]), `OPTIONS ${path}`);
        const allowed = Object.keys(methods).flatMap((method) => (method === 'get' ? ['GET', 'HEAD'] : [method.toUpperCase()]));
        assert.deepEqual(answer.headers.allow.split(', ').sort(), ['OPTIONS', ...allowed].sort(), path);
        assert.equal(answer.headers['access-control-allow-methods'] !== undefined, headers.Origin === OTHER_SITE, path);
      }
    }
  });

  it('405 for other methods, 404 for other paths', async () => {
    const { MethodNotAllowed, NotFound } = openapi.components.responses;
    for (const [path, item] of Object.entries(openapi.paths)) {
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE'].filter((one) => !(one.toLowerCase() in item))) {
        const answer = await site.request(method, path.replace(/\{(\w+)\}/g, 'x'));
        assert.equal(answer.status, 405, `${method} ${path}`);
        assert.equal(described(answer, MethodNotAllowed, `${method} ${path}`), 'method');
      }
    }
    for (const path of ['/room/nothing', '/relay', '/health', '/a/b/c/d/e']) {
      assert.equal(described(await site.request('GET', path), NotFound, path), 'no-route');
    }
  });
});

const others = { ORIGINS: OTHER_SITE, ACCESS: 'off', METRICS_FROM: 'none', METRICS_TOKEN, BODY_TIMEOUT: 3, STREAMS: 3 };

suite('api with other settings', { settings: others }, (site, it) => {
  const ask = asker(site, (one) => ({ token: one.isOpen ? undefined : anyToken(site, one), ids: { room: 'tea', peer: 'bob', event: 'x' } }));
  const open = new Set();
  after(() => open.forEach((one) => one.close()));

  it('404: /access is switched off', async () => {
    is(await ask('access'), 404, 'no-route');
  });

  it('/metrics by its token', async () => {
    is(await ask('metrics'), 401, 'no-token');
    is(await ask('metrics', { token: 'x' }), 401, 'token');
    assert.equal((await ask('metrics', { token: METRICS_TOKEN })).status, 200);
  });

  it('503: one stream too many', async () => {
    const streams = [];
    for (let i = 0; i < others.STREAMS; i++) streams.push(await site.peer().try());
    is(await ask('connect'), 503, 'busy');
    for (const stream of streams) stream.cut();
  });

  // mod_fcgid counts the body itself, and finds that it is empty.
  it('411, also as a page of the web server’s own, or 400: a body without a length', async () => {
    for (const one of POSTS.filter(({ id }) => id !== 'access')) {
      const { id, path, body, responses } = one;
      const { status, headers } = await site.raw('POST', path.replace(/\{\w+\}/g, 'x'), { token: anyToken(site, one) });
      assert.ok(responses[status] && (status === 411 || status === 400 || !body.required), `${id}: ${status}`);
      assert.ok(headers['content-type'].split(';')[0] in responses[status].content, `${id}: ${status} ${headers['content-type']}`);
    }
  });

  if (IS_DIRECT) {
    it('408, 411: of the programs, where the web server would not wait, or does not know', async () => {
      const straight = async (id, params) => {
        const one = operation(id);
        const { path, responses } = one;
        const connection = await fastcgi.Connection.open(fastcgi.socketOf(site.servers[0], 'signal'));
        open.add(connection);
        connection.send(fastcgi.head(fastcgi.params(site, 'POST', path.replace(/\{\w+\}/g, 'x'), { token: anyToken(site, one), ...params })));
        const { text, status } = await connection.answer();
        const [head, body] = text.split('\r\n\r\n');
        const headers = Object.fromEntries(head.split('\r\n').slice(1).map((line) => line.split(': '))
          .map(([name, value]) => [name.toLowerCase(), value]));
        const outcome = described(new Answer(status, headers, Buffer.from(body)), responses[status], id, { isDirect: true });
        seen.add(`${id} ${status} ${outcome}`);
        return { status, outcome, text };
      };
      for (const { id } of POSTS) is(await straight(id, { more: { CONTENT_LENGTH: '-1' } }), 411, 'length', id);
      await Promise.all(POSTS.map(async ({ id }) => is(await straight(id, { length: 1_000 }), 408, 'slow', id)));
    });
  }
});

suite('api without Redis', {
  redis: () => Door.start(),
  settings: { ORIGINS: OTHER_SITE, ACCESS_RATE: 1000 },
  allowed: [/^(warn|error) at=(redis|store|stream|signal|beat|health)\.[a-z]+ /],
}, (site, it) => {
  const ask = asker(site, (one) => ({ token: one.isOpen ? undefined : anyToken(site, one), ids: { room: 'tea', peer: 'bob', event: 'x' } }));

  for (const [word, what, shut] of /** @type {[string, string, () => void][]} */ ([
    ['redis-version', 'is too old', () => { site.server.version = '6.0.16'; }],
    ['redis', 'is away', () => { site.server.closes = Infinity; }],
  ])) {
    it(`503 where it ${what}, and nowhere else`, async () => {
      shut();
      site.server.clear({ listeners: true });
      await until(async () => (await ask('ready')).outcome === word, 'it to be noticed');
      for (const one of OPERATIONS.filter(({ id }) => !FILES.includes(id))) {
        if (having(503, word).includes(one)) is(await ask(one.id), 503, word, one.id);
        else assert.ok([200, 302].includes((await ask(one.id)).status), one.id);
      }
    });
  }
});

test(`all answers of the document were heard (${SERVER})`, () => {
  const wanted = OPERATIONS.flatMap(({ id, responses }) => Object.entries(responses).flatMap(([status, response]) =>
    outcomes(response).map((outcome) => `${id} ${status} ${outcome}`)));
  // Other web servers than nginx tell of a file that is not there by themselves.
  const unheard = wanted.filter((one) => !seen.has(one) && (IS_DIRECT || !DIRECT_WORDS.includes(wordOf(one.split(' ')[2]))) &&
    (SERVER === 'nginx' || !one.endsWith(' 404 no-route.file')));
  assert.deepEqual(unheard, []);
  // Those of files are the web server's; and no web server hands these errors of the programs on everywhere.
  const headers = OPERATIONS.filter(({ id }) => !FILES.includes(id)).flatMap(({ id, responses }) =>
    Object.entries(responses).filter(([status]) => !['408', '411'].includes(status)).flatMap(([status, response]) =>
      Object.keys(response.headers).map((name) => `${id} ${status} ${name.toLowerCase()}`)));
  // nginx keeps to itself what was said to it.
  const kept = SERVER === 'nginx' ? ['connect 200 x-accel-buffering'] : [];
  assert.deepEqual(headers.filter((one) => !headersSeen.has(one)), kept);
});
