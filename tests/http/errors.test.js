// What is refused, with which status, and that nothing is lost or half done by it.
import assert from 'node:assert/strict';
import { before } from 'node:test';
import { OPERATIONS } from './lib/api.js';
import { refused, refusedBySome } from './lib/http.js';
import { isRelayed } from './lib/peer.js';
import { SERVER, suite } from './lib/suite.js';
import { RESERVED, ROUTES as TABLE, SERVER_EVENTS } from './lib/tables.js';
import { nowSeconds, randomId, randomSecret, sign } from './lib/tokens.js';

const BODY_MAX = 65536;

// Who asks these needs no token. The document says so and not the table, as all else must need one.
const OPEN = OPERATIONS.filter(({ isOpen }) => isOpen).map(({ path }) => path);

/** What the programs have, so that none is left out: paths and their methods.
 *  @type {[string, string[]][]} */
const ROUTES = [...new Set(TABLE.map(({ path }) => path))]
  .map((path) => [path, TABLE.filter((route) => route.path === path).map(({ method }) => method)]);
const GUARDED = ROUTES.filter(([path]) => !OPEN.includes(path));

const POSTS = TABLE.filter(({ method }) => method === 'POST').map(({ path }) => path);
const SERVERS = TABLE.filter(({ isServers }) => isServers).map(({ path }) => path);

// [route, 'room', 'peer' or 'event']: where an id stands in a path.
const PLACES = TABLE.flatMap((route) => Array.from(route.path.matchAll(/\{(room|peer|event)\}/g),
  ([, name]) => /** @type {[typeof route, string]} */ ([route, name])));

const NOBODYS = ['/relay', '/relay/', '/relay/a/b/c', '/health', '/health/', '/health/other', '/health/live/x',
  '/room/', '/room/nothing', '/room/join/', '/room/join/x', '/room/broadcast', '/room/broadcast/', '/room/broadcast/a/b',
  '/access/', '/access/x', '/connect/', '/connect/x', '/ice/', '/ice/x', '/metrics/', '/metrics/x', '/server', '/server/', '/server/x',
  '/server/rooms/', '/server/rooms/a/members', '/server/rooms/a/events', '/server/peers/a/x', '/a/b/c/d/e', '/a/b/c/d/e/f', '/a.b', '/caf%C3%A9', '/robots.txt',
  '/channels', `/${'x'.repeat(65)}`];

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'PROPFIND'];

// What a web server itself refuses it also logs.
const REFUSED = [/request-size too long: \d+ -> 413/, /oversized request-header -> sending Status 431/,
  /AH10244: invalid URI path/, /AH00135: Invalid method in request/];

suite('errors', { settings: { RATE: 0 }, allowed: REFUSED }, (site, it) => {
  /** @type {import('./lib/peer.js').Peer} */ let ann;
  /** @type {import('./lib/peer.js').Peer} */ let bob;
  let room;

  before(async () => {
    room = randomId('r');
    [ann, bob] = await site.room(room, 2);
  });

  const here = (path, ids = {}) => path.replace(/\{(\w+)\}/g,
    (_, name) => ({ room, peer: bob.id, event: 'x', page: room, folder: 'board', file: path.includes('{folder}') ? 'board.js' : 'drawbridge.js', ...ids })[name]);
  /** Whoever may ask for this. */
  const tokenFor = (path, claims = undefined) => (!SERVERS.includes(path) ? claims ? site.peer(claims).token : ann.token
    : site.serverToken(claims));
  /** @type {(body: string | Buffer, more?: {event?: string, [header: string]: string}) => ReturnType<typeof ann.ask>} */
  const relay = (body, { event = 'x', ...headers } = {}) => ann.ask('POST', `/relay/${bob.id}/${event}`, body, headers);

  /** Bob hears this mark next, and both are in their room: nothing was done before it. */
  async function nothingHappened() {
    const mark = randomId('mark');
    await ann.relay(bob, 'mark', mark);
    const heard = [];
    await bob.stream.find((event) => event.data.includes(mark) || heard.push(event) === 0);
    assert.deepEqual(heard, []);
    assert.deepEqual(await ann.others(room), [bob.id]);
    assert.deepEqual((await site.redis('KEYS', '*')).filter((key) => /^channels:|:channels$/.test(key)).sort(),
      [`channels:${room}`, `${ann.id}:channels`, `${bob.id}:channels`].sort());
  }

  it('404: paths that are nobody’s, whatever the method, with a token and without', async () => {
    for (const path of NOBODYS) {
      for (const method of METHODS) {
        for (const token of [ann.token, undefined]) {
          const answer = await site.request(method, path, { token });
          if (method === 'HEAD') assert.equal(answer.status, 404, `HEAD ${path}`);
          else refused(answer, 404, `${method} ${path}`);
        }
      }
    }
  });

  it('404 comes first: before the token, the body and the method', async () => {
    refused(await site.request('PUT', '/room/nothing', { token: 'bad', body: '{', headers: { 'Content-Type': 'a/b' } }), 404);
  });

  it('405: each path has its methods, and says which', async () => {
    for (const [path, methods] of ROUTES) {
      for (const method of METHODS) {
        if (methods.includes(method) || (method === 'HEAD' && methods.includes('GET'))) continue;
        const answer = await site.request(method, here(path), { token: ann.token });
        assert.equal(answer.status, 405, `${method} ${path}`);
        if (method === 'HEAD') assert.equal(answer.bytes.length, 0);
        else refused(answer, 405, `${method} ${path}`);
        for (const allowed of [...methods, 'OPTIONS']) {
          assert.ok(answer.headers.allow?.split(/, */).includes(allowed), `${method} ${path}: ${answer.headers.allow}`);
        }
      }
    }
    await nothingHappened();
  });

  it('405 comes before the token', async () => {
    refused(await site.request('GET', '/room/join'), 405);
    refused(await site.request('POST', '/connect'), 405);
  });

  it('OPTIONS works everywhere, without a token; HEAD as GET, without a body', async () => {
    for (const [path, methods] of ROUTES) {
      const answer = await site.request('OPTIONS', here(path));
      assert.equal(answer.status, 204, path);
      assert.equal(answer.bytes.length, 0);
      for (const method of methods) assert.match(answer.headers.allow, new RegExp(`\\b${method}\\b`), path);
      if (!methods.includes('GET')) continue;
      const head = await site.request('HEAD', here(path), { token: tokenFor(path) });
      assert.equal(head.status, path === '/' ? 302 : 200, path);
      assert.equal(head.bytes.length, 0);
    }
    refused(await site.request('OPTIONS', '/room/nothing'), 404);
    await nothingHappened(); // HEAD /connect is no stream, and begins no new life
  });

  it('401: no token; the answer asks for one and knows of no error', async () => {
    for (const [path, [method]] of GUARDED) {
      const answer = refused(await site.request(method, here(path), { body: method === 'POST' ? '1' : undefined }), 401, path);
      assert.match(answer.headers['www-authenticate'], /^Bearer\b/, path);
      assert.doesNotMatch(answer.headers['www-authenticate'], /error/, path);
    }
    await nothingHappened();
  });

  /** Lists in lists. */
  const deep = (levels) => JSON.parse('['.repeat(levels) + ']'.repeat(levels));

  const exp = nowSeconds() + 600;
  const claims = { id: 'ann', username: 'ann', exp };
  for (const [why, make] of /** @type {[string, (key: string) => string][]} */ ([
    ['empty', () => 'x'],
    ['three empty parts', () => '..'],
    ['no JSON inside', (key) => sign('no', key)],
    ['no object inside', (key) => sign('"ann"', key)],
    ['expired', (key) => sign({ ...claims, exp: nowSeconds() - 1 }, key)],
    ['expired long ago', (key) => sign({ ...claims, exp: 0 }, key)],
    ['no expiry', (key) => sign({ ...claims, exp: undefined }, key)],
    ['the expiry a string', (key) => sign({ ...claims, exp: String(exp) }, key)],
    ['the expiry negative', (key) => sign({ ...claims, exp: -exp }, key)],
    ['the expiry null', (key) => sign({ ...claims, exp: null }, key)],
    ['alg none, no signature', (key) => sign(claims, key, { header: { alg: 'none', typ: 'JWT' } })],
    ['alg none, a good signature', (key) => sign(claims, key, { header: { alg: 'none' }, hash: 'sha256' })],
    ['alg NONE', (key) => sign(claims, key, { header: { alg: 'NONE' } })],
    ['no alg', (key) => sign(claims, key, { header: { typ: 'JWT' }, hash: 'sha256' })],
    ['HS256 without a signature', (key) => sign(claims, key, { hash: '' })],
    ['HS384', (key) => sign(claims, key, { header: { alg: 'HS384' } })],
    ['HS512', (key) => sign(claims, key, { header: { alg: 'HS512' } })],
    ['RS256, signed with our key as if it were HS256', (key) => sign(claims, key, { header: { alg: 'RS256' }, hash: 'sha256' })],
    ['another key', () => sign(claims, randomSecret())],
    ['an empty key', () => sign(claims, '')],
    ['changed after it was signed', (key) => sign(claims, key).replace(/\.(.*)\./, `.${Buffer.from(JSON.stringify({ ...claims, id: 'bob' })).toString('base64url')}.`)],
    ['a part too many', (key) => `${sign(claims, key)}.x`],
    ['cut short', (key) => sign(claims, key).slice(0, -3)],
    ['no id', (key) => sign({ ...claims, id: undefined }, key)],
    ['an id that is a number', (key) => sign({ ...claims, id: 1 }, key)],
    ['an empty id', (key) => sign({ ...claims, id: '' }, key)],
    ['an id of 65 characters', (key) => sign({ ...claims, id: 'x'.repeat(65) }, key)],
    ['an id with a space', (key) => sign({ ...claims, id: 'a b' }, key)],
    ['an id with NUL', (key) => sign({ ...claims, id: 'a\0b' }, key)],
    ['an id that is a reserved word', (key) => sign({ ...claims, id: 'relay' }, key)],
    ['no username', (key) => sign({ ...claims, username: undefined }, key)],
    ['a username that is an object', (key) => sign({ ...claims, username: {} }, key)],
    ['rooms that are no list', (key) => sign({ ...claims, rooms: '*' }, key)],
    ['rooms that are numbers', (key) => sign({ ...claims, rooms: [1] }, key)],
    ['rooms that are null', (key) => sign({ ...claims, rooms: null }, key)],
    ['a number as id beside a good sub', (key) => sign({ ...claims, id: 1, sub: 'ann' }, key)],
    ['a number as sub beside a good id', (key) => sign({ ...claims, sub: 1 }, key)],
    ['a list as name beside a good username', (key) => sign({ ...claims, name: [] }, key)],
    ['not valid before two minutes from now', (key) => sign({ ...claims, nbf: nowSeconds() + 120 }, key)],
    ['nbf a string', (key) => sign({ ...claims, nbf: '0' }, key)],
    ['nbf null', (key) => sign({ ...claims, nbf: null }, key)],
    ['an extension that must be understood', (key) => sign(claims, key, { header: { alg: 'HS256', crit: ['b64'], b64: false } })],
    ['rooms 1,200 deep', (key) => sign({ ...claims, rooms: deep(1200) }, key)],
    ['another claim 1,400 deep', (key) => sign({ ...claims, more: deep(1400) }, key)],
    ['a header 1,400 deep', (key) => sign(claims, key, { header: { alg: 'HS256', more: deep(1400) } })],
    ['1,400 deep, and signed by nobody', () => sign({ ...claims, more: deep(1400) }, randomSecret())],
    ['100 KB of it', (key) => sign({ ...claims, more: 'x'.repeat(3000) }, key).slice(0, 4000)],
  ])) {
    it(`401: a token that is bad: ${why}`, async () => {
      const token = make(site.secret);
      for (const [path, method] of [['/room/join', 'POST'], ['/room/peers', 'GET'], ['/connect', 'GET']]) {
        for (const [at, options] of /** @type {[string, Parameters<typeof site.request>[2]][]} */ ([
          [path, { token }],
          [`${path}?token=${token}`, {}],
          [path, { headers: { Cookie: `drawbridge=${token}` } }],
        ])) {
          const answer = refused(await site.request(method, at, options), 401, why);
          assert.match(answer.headers['www-authenticate'], /^Bearer\b.*error="invalid_token"/, why);
          assert.equal(answer.text.includes(token) && token.length > 5, false);
        }
      }
      await nothingHappened(); // the streams live on
    });
  }

  it('401: a token that is bad, wherever one is needed', async () => {
    for (const [path, [method]] of GUARDED) {
      for (const token of [sign(claims, randomSecret()), sign({ ...claims, exp: nowSeconds() - 1 }, site.secret)]) {
        const answer = refused(await site.request(method, here(path), { token, body: method === 'POST' ? '1' : undefined }), 401, path);
        assert.match(answer.headers['www-authenticate'], /^Bearer\b.*error="invalid_token"/, path);
      }
    }
    await nothingHappened();
  });

  it('a bad token is not looked at where none is needed, and does not renew', async () => {
    for (const [path, [method]] of ROUTES.filter(([path]) => OPEN.includes(path))) {
      const answer = await site.request(method, here(path), { token: 'x', body: method === 'POST' ? '{"username":"ann"}' : undefined });
      assert.equal(answer.status, { '/access': 401, '/': 302 }[path] ?? 200, path);
    }
  });

  it('401 comes before what is wrong with the rest', async () => {
    refused(await site.request('POST', '/a%20b/join'), 401);
    refused(await site.request('POST', `/relay/${bob.id}/x`, { body: '{' }), 401);
    refused(await site.request('GET', '/connect', { headers: { Accept: 'text/html' } }), 401);
  });

  it('403: a token that is not for the room, before what is wrong with the body', async () => {
    for (const { method, path } of TABLE.filter((route) => route.path.includes('{room}'))) {
      const token = tokenFor(path, { rooms: ['elsewhere'] });
      const answer = await site.request(method, here(path), { token, body: method === 'POST' ? '{' : undefined });
      assert.match(refused(answer, 403, path).json.detail, /does not cover/);
    }
    await nothingHappened();
  });

  it('406: /connect for a client that takes no event stream', async () => {
    for (const accept of ['application/json', 'text/html, image/*', 'text/event-stream;q=0', '*/*, text/event-stream;q=0']) {
      refused(await ann.ask('GET', '/connect', undefined, { Accept: accept }), 406, accept);
    }
    for (const accept of ['*/*', 'text/*', 'application/json, text/event-stream;q=0.5', 'TEXT/Event-Stream', '*/*;q=0, text/event-stream']) {
      const stream = await site.peer().open({ headers: { Accept: accept } });
      stream.cut();
    }
  });

  it('411: a body without a length', async () => {
    for (const path of [`/relay/${bob.id}/x`, `/relay/${bob.id}`, `/${room}/broadcast/x`]) {
      refusedBySome(await site.raw('POST', path, { token: ann.token }),
        // mod_fcgid and nginx pass it on as a body that is empty.
        ['apache', 'nginx'].includes(SERVER) ? [400] : [411], path);
    }
    await nothingHappened();
  });

  it('413: a body over the limit, by its length or by what comes; one at the limit passes', async () => {
    const text = (length) => `"${'x'.repeat(length - 2)}"`;
    for (const length of [BODY_MAX + 1, 2 * BODY_MAX, 900_000]) {
      for (const chunked of [false, true]) {
        const answer = await site.request('POST', `/relay/${bob.id}/x`, { token: ann.token, body: text(length), chunked });
        refused(answer, 413, `${length} bytes${chunked ? ' in chunks' : ''}`);
      }
    }
    await nothingHappened();
    for (const chunked of [false, true]) {
      const answer = await site.request('POST', `/relay/${bob.id}/x`, { token: ann.token, body: text(BODY_MAX), chunked });
      assert.equal(answer.status, 200, answer.text);
      assert.equal((await bob.stream.next()).data.length, BODY_MAX + JSON.stringify({ peer: ann.user, data: 0 }).length - 1);
    }
  });

  it('413, from whom it may, or a closed connection: bodies over the web server’s own limit', async () => {
    for (const length of [5_000_000, 9_000_000]) {
      const answer = await site.raw('POST', `/relay/${bob.id}/x`,
        { token: ann.token, headers: { 'Content-Length': length }, body: `"${'x'.repeat(length - 2)}"` });
      if (answer.status) refusedBySome(answer, [413], `${length} bytes`);
    }
    const chunks = await site.request('POST', `/relay/${bob.id}/x`,
      { token: ann.token, body: `"${'x'.repeat(3_000_000)}"`, chunked: true }).catch(() => null);
    if (chunks) refusedBySome(chunks, [413], 'in chunks');
    await nothingHappened();
  });

  it('415: a body that says it is something else than JSON', async () => {
    for (const type of ['application/xml', 'multipart/form-data; boundary=x', 'application/x-www-form-urlencoded',
      'text/html', 'application/jsonp', 'json', 'nonsense']) {
      refused(await relay('1', { 'Content-Type': type }), 415, type);
    }
    await nothingHappened();
    for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/JSON', 'text/plain',
      'text/plain;charset=UTF-8']) {
      assert.equal((await relay('1', { 'Content-Type': type })).status, 200, type);
      isRelayed(await bob.stream.next(), ann, 'x', 1);
    }
  });

  it('400: no JSON', async () => {
    for (const [why, body] of /** @type {[string, string | Buffer][]} */ ([
      ['empty', ''],
      ['only space', ' \n'],
      ['a word', 'hello'],
      ['not closed', '{"a":1'],
      ['a comma too many', '[1,]'],
      ['a comma too many in an object', '{"a":1,}'],
      ['single quotes', "'a'"],
      ['a key without quotes', '{a:1}'],
      ['almost null', 'nul'],
      ['NaN', 'NaN'],
      ['Infinity', '-Infinity'],
      ['a leading zero', '01'],
      ['a plus', '+1'],
      ['no digit after the point', '1.'],
      ['hexadecimal', '0x10'],
      ['two values', '1 2'],
      ['rubbish after it', '{} x'],
      ['a comment', '/* */ 1'],
      ['a byte order mark', '\ufeff1'],
      ['a line break in a string', '"a\nb"'],
      ['NUL after it', '1\0'],
      ['NUL in a string', '"a\0b"'],
      ['an unknown escape', '"\\x41"'],
      ['half an escape', '"\\u12"'],
      ['half a surrogate pair', '"\\ud800"'],
      ['the other half', '"\\udc00"'],
      ['invalid UTF-8', Buffer.from('"a\xff"', 'latin1')],
      ['overlong UTF-8', Buffer.from('"\xc0\xaf"', 'latin1')],
      ['a surrogate in UTF-8', Buffer.from('"\xed\xa0\x80"', 'latin1')],
      ['UTF-8 cut short', Buffer.from('"\xe2\x80"', 'latin1')],
      ['UTF-16', Buffer.from('"a"', 'utf16le')],
      ['129 brackets deep', '['.repeat(129) + ']'.repeat(129)],
      ['129 objects deep', '{"a":'.repeat(129) + '1' + '}'.repeat(129)],
      ['129 deep, behind a string that seems to close them', `["\\"]]", ${'['.repeat(128)}${']'.repeat(128)}]`],
      ['2,000 brackets deep', '['.repeat(2000) + ']'.repeat(2000)],
      ['30,000 brackets deep', '['.repeat(30_000) + ']'.repeat(30_000)],
      ['30,000 objects deep', '{"a":'.repeat(10_000) + '1' + '}'.repeat(10_000)],
      ['a number without end', `1${'0'.repeat(400)}.0e9999`],
    ])) {
      refused(await relay(body), 400, why);
    }
    await nothingHappened();
  });

  it('400: a batch that is none', async () => {
    const item = { event: 'x', data: 1 };
    for (const [why, body] of /** @type {[string, any][]} */ ([
      ['empty', []],
      ['65', Array(65).fill(item)],
      ['an object', item],
      ['a number', '1'],
      ['of numbers', [1]],
      ['of lists', [[item]]],
      ['no event', [{ data: 1 }]],
      ['no data', [{ event: 'x' }]],
      ['event a number', [{ event: 1, data: 1 }]],
      ['event null', [{ event: null, data: 1 }]],
      ['event empty', [{ event: '', data: 1 }]],
      ['event no ID', [{ event: 'a b', data: 1 }]],
      ['event with a line break', [{ event: 'a\nb', data: 1 }]],
      ['event with NUL', [{ event: 'a\0b', data: 1 }]],
      ['event of 65', [{ event: 'x'.repeat(65), data: 1 }]],
      ['event of the server', [{ event: 'ping', data: 1 }]],
      ['a member more', [{ ...item, id: '1-1' }]],
      ['event twice', '[{"event":"x","event":"y","data":1}]'],
      ['data twice', '[{"event":"x","data":1,"data":2}]'],
      ['63 good ones and one that is bad', [...Array(63).fill(item), { event: 'add-peer', data: 1 }]],
      ['the first bad', [{ event: 'x' }, item]],
      ['not closed', '[{"event":"x","data":1}'],
    ])) {
      refused(await ann.ask('POST', `/relay/${bob.id}`, typeof body === 'string' ? body : JSON.stringify(body)), 400, why);
    }
    await nothingHappened(); // all or none
  });

  it('400, 415: a body that is no JSON, wherever one is taken or may be', async () => {
    for (const path of POSTS) {
      const token = tokenFor(path);
      refused(await site.request('POST', here(path), { token, body: '{' }), 400, path);
      refused(await site.request('POST', here(path), { token, body: '{}', headers: { 'Content-Type': 'text/html' } }), 415, path);
    }
    await nothingHappened();
    assert.equal((await ann.ask('POST', `/${randomId('r')}/leave`, '{}')).status, 200);
  });

  it('400: names of server events cannot be relayed or broadcast', async () => {
    for (const event of SERVER_EVENTS) {
      refused(await relay('1', { event }), 400, event);
      refused(await ann.ask('POST', `/${room}/broadcast/${event}`, '1'), 400, event);
    }
    await nothingHappened();
  });

  // Where a web server refuses a path itself, its own page is fine.
  it('400: ids that are none, wherever they stand', async () => {
    const ids = ['x'.repeat(65), 'a.b', 'a%20b', 'a%2Cb', 'caf%C3%A9', '%0A', 'a%0Ab', '%0D%0Aid:%201', '%00', 'a%00b', '%FF', '%7F', 'a;b', '*', '%25'];
    for (const id of ids) {
      for (const [route, name] of PLACES) {
        const path = here(route.path, { [name]: id });
        const body = path.includes('relay') && path.split('/').length === 3 ? '[{"event":"x","data":1}]' : '1';
        const answer = await site.request(route.method, path,
          { token: tokenFor(route.path), body: route.method === 'POST' ? body : undefined });
        if (answer.headers['content-type']?.startsWith('application/problem')) refused(answer, 400, path);
        else refusedBySome(answer, [400, 404], path);
      }
    }
    await nothingHappened();
  });

  it('paths that a web server answers by itself, or makes another of, are no rooms either', async () => {
    for (const method of METHODS) {
      // Debian's lighttpd denies what ends in a tilde, and takes a dot away.
      refusedBySome(await site.request(method, '/~', { token: ann.token }), SERVER === 'lighttpd' ? [403] : [404], `${method} /~`);
      const root = await site.request(method, '/', { token: ann.token });
      const dot = await site.request(method, '/.', { token: ann.token });
      refusedBySome(dot, SERVER === 'lighttpd' ? [root.status] : [root.status, 404], `${method} /.`);
      refusedBySome(root, ['GET', 'HEAD'].includes(method) ? [302] : [405], `${method} /`);
    }
    await nothingHappened();
  });

  it('reserved words are no rooms and no peers', async () => {
    for (const word of RESERVED) {
      const body = '[{"event":"x","data":1}]';
      for (const { method, path } of TABLE.filter((route) => route.path.includes('{room}'))) {
        const at = here(path, { room: word });
        // Another route, of the word's own, that fits: it has another method, or no such peer or file.
        const own = TABLE.some((route) => route.path !== path && route.path.startsWith(`/${word}/`)
          && new RegExp(`^${route.path.replace(/\{\w+\}/g, '[^/]+')}$`).test(at));
        const answer = await site.request(method, at, { token: tokenFor(path), body: method === 'POST' ? body : undefined });
        refusedBySome(answer, own ? [404, 405] : [400], `${method} ${at}`);
      }
      refused(await ann.ask('POST', `/relay/${word}`, body), 400, word);
    }
    await nothingHappened();
  });

  it('bytes that are no path, from a client that is none', async () => {
    for (const path of ['/relay/\xff/x', '/relay/caf\xe9/x', '/%', '/%zz/join', '/relay/%u0041/x', '/\\..\\x', '//', '/..//..', '/relay/a\tb/x']) {
      const answer = await site.raw('POST', path, { token: ann.token, headers: { 'Content-Length': 1 }, body: '1' });
      refusedBySome(answer, [400, 404, 405], JSON.stringify(path));
    }
    await nothingHappened();
  });

  it('a token in a request that the web server itself refuses', async () => {
    // The last test looks for it in the logs.
    for (const path of [`/connect?token=${ann.token}&x=%00`, `/connect?token=${ann.token}\x01`, `/connect/%00?token=${ann.token}`,
      `/connect?${'x=y&'.repeat(5000)}token=${ann.token}`]) {
      const answer = await site.raw('GET', path, { headers: { Accept: 'text/html' } });
      refusedBySome(answer, [400, 404, 406, 414, 431], path.slice(0, 40));
    }
    await nothingHappened();
  });

  it('a path of 9,000 bytes, a token of 9,000, 200 headers', async () => {
    refusedBySome(await ann.ask('POST', `/${'x'.repeat(9000)}/join`), [400, 404, 414, 431]);
    refusedBySome(await site.request('POST', '/room/join', { token: 'x'.repeat(9000) }), [400, 401, 431]);
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`X-${i}`, 'x']));
    refusedBySome(await ann.ask('GET', `/${randomId('r')}/peers`, undefined, many), [400, 404, 431]);
    await nothingHappened();
  });

  it('400: a relay to oneself', async () => {
    refused(await ann.ask('POST', `/relay/${ann.id}/x`, '1'), 400);
    refused(await ann.ask('POST', `/relay/${ann.id}`, [{ event: 'x', data: 1 }]), 400);
  });

  it('404: a stranger, somebody in another room and somebody who has gone look alike', async () => {
    const other = site.peer();
    await other.join(randomId('r'));
    const gone = site.peer();
    await gone.join(room);
    await gone.leave(room);
    for (let i = 0; i < 2; i++) {
      await ann.stream.next();
      await bob.stream.next();
    }
    const answers = [];
    for (const { id } of [{ id: 'nobody' }, other, gone]) {
      const { headers, text } = refused(await ann.ask('POST', `/relay/${id}/x`, '1'), 404, id);
      answers.push(text, JSON.stringify({ ...headers, date: '', 'keep-alive': '' }));
    }
    assert.deepEqual(answers.slice(2), [...answers.slice(0, 2), ...answers.slice(0, 2)]);
    await other.leave((await site.redis('SMEMBERS', `${other.id}:channels`))[0]);
    await nothingHappened();
  });

  it('the detail is of the error that is told, and of no other', async () => {
    const batch = await ann.ask('POST', '/relay/nobody', [{ event: 'x', data: 1 }]);
    assert.equal(refused(batch, 404).json.detail, refused(await ann.ask('POST', '/relay/nobody/x', '1'), 404).json.detail);
    const html = { 'Content-Type': 'text/html' };
    const both = await ann.ask('POST', '/a.b/join', '1', html);
    assert.equal(refused(both, 415).json.detail, refused(await ann.ask('POST', '/room/join', '1', html), 415).json.detail);
  });

  it('404: peers and broadcast are for members', async () => {
    const other = site.peer();
    refused(await other.ask('GET', `/${room}/peers`), 404);
    refused(await other.ask('POST', `/${room}/broadcast/x`, '1'), 404);
    refused(await other.ask('GET', '/nobodys/peers'), 404);
    await nothingHappened();
  });

  it('no request makes a 500, however odd', async () => {
    // A generator of our own, so that what failed once fails again.
    let seed = 20260101;
    const random = (below) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    const pick = (list) => list[random(list.length)];
    const words = [room, ann.id, bob.id, 'relay', 'join', 'leave', 'peers', 'broadcast', 'access', 'health', 'server', 'rooms', 'x', '..', '.',
      '%00', '%0a', '%2f', '%', '?', '&', '#', ';', '', '\xff', '%ff', ' ', '\x01', 'y'.repeat(70)];
    const bodies = ['', '1', '{', '[{"event":"x","data":1}]', '{"username":"a"}', '\xff\xfe', '[[[', '\0\0\0', '"\\ud800"'];
    for (let i = 0; i < (SERVER === 'lighttpd' ? 400 : 150); i++) {
      const path = `/${Array.from({ length: 1 + random(5) }, () => pick(words)).join(pick(['/', '/', '/', '']))}`;
      const method = pick(['GET', 'POST', 'POST', 'PUT', 'OPTIONS', 'HEAD', 'X', 'get']);
      const body = Buffer.from(pick(bodies), 'latin1');
      const answer = await site.raw(method, path, {
        token: pick([ann.token, ann.token, site.serverToken(), undefined, 'x.y.z']),
        headers: pick([{ 'Content-Length': body.length }, { 'Content-Length': body.length, 'Content-Type': pick(['application/json', 'a/b', ';', '']) },
          { 'Content-Length': body.length, Origin: pick(['x', 'null', '']), Accept: pick(['', ';q', '*/*']), 'Last-Event-ID': pick(['', 'x', '1-1', '\xff']) }]),
        body,
      });
      const line = `${method} ${JSON.stringify(path)} ${JSON.stringify(body.toString('latin1'))}: ${answer.status}`;
      assert.ok(answer.status >= 200 && answer.status !== 500 && answer.status !== 502, line);
    }
  });
});
