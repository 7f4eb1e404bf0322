// Who one is: POST /access, and tokens in each of the three places where they may be.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { it as test } from 'node:test';
import { Authority } from './lib/authority.js';
import { Browser } from './lib/h2.js';
import { refused, request } from './lib/http.js';
import { freePort } from './lib/redis-server.js';
import { Server } from './lib/server.js';
import { Stream } from './lib/sse.js';
import { MOUNT, SERVER, suite } from './lib/suite.js';
import { nowSeconds, randomId, randomSecret, sign, verify } from './lib/tokens.js';
import { WAIT_MS } from './lib/wait.js';

const FIRST = randomSecret();
const OLD = randomSecret();
const OTHER_SITE = 'https://board.example.org';

const settings = { SECRET: `${FIRST},${OLD}`, ORIGINS: OTHER_SITE, TOKEN_TTL: 900 };

suite('access', { settings }, (site, it) => {
  const access = (body, headers = {}) => site.request('POST', '/access', { body, headers });
  const bearer = (token) => ({ Authorization: `Bearer ${token}` });

  it('gives a token that says who one is and until when', async () => {
    const before = nowSeconds();
    const answer = await access({ username: 'ann' });
    const after = nowSeconds();
    assert.equal(answer.status, 200);
    assert.match(answer.headers['content-type'], /^application\/json\b/);
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.deepEqual(Object.keys(answer.json).sort(), ['expires', 'token', 'user']);
    const { token, user, expires } = answer.json;
    assert.match(user.id, /^[A-Za-z0-9_-]{14,64}$/);
    assert.equal(user.username, 'ann');
    assert.ok(expires >= before + 900 && expires <= after + 900, `${expires}, asked for at ${before}`);
    const claims = verify(token, FIRST);
    assert.equal(claims.id, user.id);
    assert.equal(claims.username, 'ann');
    assert.equal(claims.exp, expires);
  });

  it('gives it as a cookie too, which no script sees and no other site sends', async () => {
    const answer = await access({ username: 'ann' });
    assert.equal(answer.headers['set-cookie'].length, 1);
    const [pair, ...attributes] = answer.headers['set-cookie'][0].split('; ');
    assert.equal(pair, `drawbridge=${answer.json.token}`);
    assert.deepEqual(attributes.map((text) => text.toLowerCase()).sort(),
      ['httponly', 'max-age=900', `path=${MOUNT}`, 'samesite=strict']); // over plain HTTP no Secure
  });

  it('and one that travels by HTTPS alone, where a proxy says that the browser speaks it', async () => {
    const secure = async (headers) => /; Secure$/i.test((await access({ username: 'ann' }, headers)).headers['set-cookie'][0]);
    for (const headers of [{ 'X-Forwarded-Proto': 'https' }, { 'X-Forwarded-Proto': 'https,http' }, { 'X-Forwarded-Proto': 'HTTPS' },
      { Forwarded: 'for=192.0.2.1;proto=https, for=10.0.0.1;proto=http' }, { Forwarded: 'Proto="HTTPS"' }]) {
      assert.equal(await secure(headers), true, JSON.stringify(headers));
    }
    for (const headers of [{ 'X-Forwarded-Proto': 'http,https' }, { 'X-Forwarded-Proto': 'httpsx' }, { Forwarded: 'for=https' }]) {
      assert.equal(await secure(headers), false, JSON.stringify(headers));
    }
  });

  it('renews for who has a token that is valid: the same id, a new expiry', async () => {
    const id = randomId('p');
    const old = sign({ id, username: 'ann', exp: nowSeconds() + 60 }, FIRST);
    for (const body of [{ username: 'ann' }, {}]) {
      const { json } = await access(body, bearer(old));
      assert.deepEqual(json.user, { id, username: 'ann' });
      assert.ok(json.expires > nowSeconds() + 800);
      assert.equal(verify(json.token, FIRST).id, id);
    }
  });

  it('sets no cookie for who wants none, as the board: another tab’s stays', async () => {
    const first = await access({ username: 'ann', cookie: false });
    assert.equal(first.status, 200);
    assert.equal(first.headers['set-cookie'], undefined);
    assert.equal((await access({ cookie: false }, bearer(first.json.token))).headers['set-cookie'], undefined);
    assert.equal((await access({ username: 'ann', cookie: true })).headers['set-cookie'].length, 1);
    for (const cookie of [null, 0, 'false', {}]) refused(await access({ username: 'ann', cookie }), 400, String(cookie));
  });

  it('renews what a token allows, and no more', async () => {
    const id = randomId('p');
    const narrow = sign({ id, username: 'ann', exp: nowSeconds() + 60, rooms: ['team-*'] }, FIRST);
    const { token } = (await access({ username: 'ann' }, bearer(narrow))).json;
    assert.deepEqual(verify(token, FIRST).rooms, ['team-*']);
    refused(await site.request('POST', '/elsewhere/join', { token }), 403);
  });

  it('renews nothing by a cookie: two tabs of one browser are two peers', async () => {
    const first = (await access({ username: 'ann' })).json;
    const second = (await access({ username: 'ann' }, { Cookie: `drawbridge=${first.token}` })).json;
    assert.notEqual(second.user.id, first.user.id);
    const room = randomId('r');
    await site.request('POST', `/${room}/join`, { token: first.token });
    const answer = await site.request('POST', `/${room}/join`, { token: second.token });
    assert.deepEqual(answer.json.peers, [first.user]);
  });

  it('never renews a token that has expired', async () => {
    const id = randomId('p');
    const old = sign({ id, username: 'ann', exp: nowSeconds() - 5 }, FIRST);
    refused(await access({ username: 'ann' }, bearer(old)), 401);
  });

  for (const [why, username] of [
    ['a letter', 'a'],
    ['64 characters of four bytes each', '😀'.repeat(64)],
    ['quotes, a backslash and markup', '"\\</script>&'],
    ['what JavaScript once took for a line', 'a\u2028b'],
    ['spaces', ' a b '],
  ]) {
    it(`takes as a name: ${why}`, async () => {
      const { json } = await access({ username });
      assert.equal(json.user.username, username);
      assert.equal(verify(json.token, FIRST).username, username);
      // The name is what others see, letter for letter.
      const room = randomId('r');
      await site.request('POST', `/${room}/join`, { token: json.token });
      assert.deepEqual(await site.peer().join(room), [json.user]);
    });
  }

  for (const [why, body] of [
    ['nothing', ''],
    ['no JSON', '{"username":"ann"'],
    ['no object', '"ann"'],
    ['no name', '{}'],
    ['a number as name', '{"username":1}'],
    ['null as name', '{"username":null}'],
    ['an empty name', '{"username":""}'],
    ['65 characters', JSON.stringify({ username: 'x'.repeat(65) })],
    ['a line break', '{"username":"a\\nb"}'],
    ['NUL', '{"username":"a\\u0000b"}'],
    ['DEL', '{"username":"a\\u007fb"}'],
    ['a control character of Latin-1', '{"username":"a\\u0085b"}'],
    ['invalid UTF-8', Buffer.from('{"username":"a\xff"}', 'latin1')],
    ['half a surrogate pair', '{"username":"a\\ud800"}'],
  ]) {
    it(`refuses: ${why}`, async () => {
      refused(await access(body), 400);
    });
  }

  it('an old key still verifies, while the first signs', async () => {
    const id = randomId('p');
    const token = sign({ id, username: 'ann', exp: nowSeconds() + 60 }, OLD);
    assert.equal((await site.request('POST', `/${randomId('r')}/join`, { token })).status, 200);
    const renewed = (await access({}, bearer(token))).json;
    assert.equal(verify(renewed.token, OLD), undefined);
    assert.equal(verify(renewed.token, FIRST).id, id);
  });

  it('the claims may be called sub and name, as elsewhere', async () => {
    const id = randomId('p');
    const room = randomId('r');
    const token = sign({ sub: id, name: 'bob', exp: nowSeconds() + 60 }, FIRST);
    assert.equal((await site.request('POST', `/${room}/join`, { token })).status, 200);
    assert.deepEqual(await site.peer().join(room), [{ id, username: 'bob' }]);
  });

  for (const [why, more, header] of /** @type {[string, object, object?][]} */ ([
    ['no typ', {}, { alg: 'HS256' }],
    ['the typ of an access token (RFC 9068)', {}, { alg: 'HS256', typ: 'at+jwt' }],
    ['a key id, and more that nobody asks for', {}, { alg: 'HS256', typ: 'JWT', kid: '1', more: { a: [1] } }],
    ['a clock that is a minute ahead of ours', { nbf: nowSeconds() + 50 }],
    ['a fraction of a second', { nbf: nowSeconds() - 0.5, exp: nowSeconds() + 600.5 }],
    ['claims of others', { iss: 'https://id.example', aud: ['a', 'b'], iat: 1, realm: { access: { roles: ['a'] } } }],
  ])) {
    it(`takes a token with ${why}`, async () => {
      const token = sign({ id: randomId('p'), username: 'ann', exp: nowSeconds() + 60, ...more }, FIRST, { header });
      const answer = await site.request('POST', `/${randomId('r')}/join`, { token });
      assert.equal(answer.status, 200, answer.text);
    });
  }

  it('a token may say which rooms it is for', async () => {
    const peer = site.peer({ rooms: ['team-*', 'hall'] });
    for (const [room, status] of /** @type {[string, number][]} */ ([['team-1', 200], ['team-', 200], ['hall', 200],
      ['team', 403], ['hall2', 403], ['Hall', 403], ['xteam-1', 403]])) {
      const answer = await peer.ask('POST', `/${room}/join`);
      if (status === 200) assert.equal(answer.status, 200, room);
      else refused(answer, 403, room);
    }
    refused(await site.peer({ rooms: [] }).ask('POST', '/hall/join'), 403);
  });

  it('header, query and cookie: the first that is present decides', async () => {
    const room = randomId('r');
    const { token } = site.peer();
    const join = (query, headers) => site.request('POST', `/${room}/join${query}`, { headers });
    const good = { header: bearer(token), query: `?token=${token}`, cookie: { Cookie: `a=b; drawbridge=${token}; c=d` } };
    const bad = { header: bearer('x'), query: '?token=x', cookie: { Cookie: 'drawbridge=x' } };

    assert.equal((await join('', good.header)).status, 200);
    assert.equal((await join('', { Authorization: `bearer ${token}` })).status, 200); // RFC 9110: case aside
    assert.equal((await join(good.query, {})).status, 200);
    assert.equal((await join(`?a=b&token=${token}&c=d`, {})).status, 200);
    assert.equal((await join('', good.cookie)).status, 200);
    assert.equal((await join(bad.query, { ...good.header, ...bad.cookie })).status, 200);
    assert.equal((await join(good.query, bad.cookie)).status, 200);
    refused(await join(good.query, { ...bad.header, ...good.cookie }), 401);
    refused(await join(bad.query, good.cookie), 401);
    for (const query of ['?token=', '?token=%zz', '?token=%0', `?token=${'x'.repeat(6_000)}`]) {
      refused(await join(query, good.cookie), 401, query.slice(0, 20));
    }
    refused(await join('', bad.cookie), 401);
    refused(await join('', { Cookie: `xdrawbridge=${token}; drawbridgex=${token}` }), 401);
  });

  it('a cookie alone changes nothing for a page of another site', async () => {
    const { host } = site.servers[0].base;
    const [ann, bob] = await site.room(randomId('r'), 2);
    const cookie = { Cookie: `drawbridge=${ann.token}` };
    const room = randomId('r');
    for (const path of [`/${room}/join`, `/${room}/leave`, `/relay/${bob.id}/x`, `/${room}/broadcast/x`]) {
      /** @type {(origin: string, more?: Record<string, string>) => Promise<import('./lib/http.js').Answer>} */
      const from = (origin, more = cookie) => site.request('POST', path,
        { body: path.includes('x') ? '1' : '', headers: { ...more, ...(origin ? { Origin: origin } : {}) } });
      for (const origin of ['https://evil.example', 'null', `http://${host}.evil.example`, `http://x${host}`, 'http://127.0.0.1:1']) {
        refused(await from(origin), 403, `${path} from ${origin}`);
      }
      for (const origin of [undefined, `http://${host}`, `https://${host}`, OTHER_SITE]) {
        assert.notEqual((await from(origin)).status, 403, `${path} from ${origin}`);
      }
      assert.notEqual((await from('https://evil.example', bearer(ann.token))).status, 403);
    }
    // Reading changes nothing.
    await ann.join(room);
    const peers = await site.request('GET', `/${room}/peers`, { headers: { ...cookie, Origin: 'https://evil.example' } });
    assert.equal(peers.status, 200);
  });

  it('nor does it hold a stream for one, which would take the peer out of its rooms', async () => {
    const { host } = site.servers[0].base;
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    const cookie = { Cookie: `drawbridge=${ann.token}` };
    const foreign = [
      { Origin: 'https://evil.example' },
      { Origin: 'null' },
      { Origin: `http://x${host}`, 'Sec-Fetch-Site': 'same-site' },
      { 'Sec-Fetch-Site': 'same-site' }, // <img> of a page of a subdomain: SameSite does not keep it away
      { 'Sec-Fetch-Site': 'cross-site' },
      { Origin: `http://${host}`, 'Sec-Fetch-Site': 'same-site' }, // http: beside https:
    ];
    for (const headers of foreign) {
      for (const method of ['HEAD', 'GET']) {
        assert.equal((await site.request(method, '/connect', { headers: { ...headers, ...cookie } })).status, 403, JSON.stringify(headers));
      }
      refused(await site.request('POST', `/${room}/leave`, { headers: { ...headers, ...cookie } }), 403, JSON.stringify(headers));
    }
    await ann.relay(bob, 'mark', 1);
    assert.equal((await bob.stream.next()).event, 'mark'); // she has not left
    ann.stream.cut();
    bob.stream.cut();

    const { token } = site.peer();
    const open = async (headers, query = '') => {
      const stream = await Stream.open(site.url(`/connect${query}`), headers);
      assert.equal(stream.status, 200, JSON.stringify(headers));
      stream.cut();
    };
    for (const headers of [{}, { Origin: `http://${host}` }, { Origin: OTHER_SITE, 'Sec-Fetch-Site': 'cross-site' },
      { 'Sec-Fetch-Site': 'same-origin' }, { 'Sec-Fetch-Site': 'none' }]) {
      await open({ ...headers, Cookie: `drawbridge=${token}` });
    }
    // Who brings a token knows it: no browser adds that by itself.
    for (const headers of foreign) {
      await open({ ...headers, ...bearer(token) });
      await open({ ...headers }, `?token=${token}`);
    }
  });

  it('the sites in ORIGINS may use it all from a browser, others nothing', async () => {
    const { token } = site.peer();
    for (const [path, method] of [['/access', 'POST'], ['/connect', 'GET'], ['/room/join', 'POST'],
      ['/relay/bob/x', 'POST'], ['/room/peers', 'GET']]) {
      const preflight = (origin) => site.request('OPTIONS', path, { headers: {
        Origin: origin,
        'Access-Control-Request-Method': method,
        'Access-Control-Request-Headers': 'authorization, cache-control, content-type, last-event-id',
      } });
      const yes = await preflight(OTHER_SITE);
      assert.equal(yes.status, 204, path);
      assert.equal(yes.headers['access-control-allow-origin'], OTHER_SITE, path);
      assert.match(yes.headers['access-control-allow-methods'], new RegExp(`\\b${method}\\b`), path);
      // Cache-Control is sent by the eventsource of npm.
      assert.deepEqual(yes.headers['access-control-allow-headers'].toLowerCase().split(', '),
        ['authorization', 'cache-control', 'content-type', 'idempotency-key', 'last-event-id'], path);
      assert.match(yes.headers.vary ?? '', /\borigin\b/i, path);
      const no = await preflight('https://evil.example');
      assert.equal(no.headers['access-control-allow-origin'], undefined, path);
    }
    const stream = await site.peer().open({ headers: { Origin: OTHER_SITE } });
    assert.equal(stream.headers['access-control-allow-origin'], OTHER_SITE);
    stream.cut();
    for (const [path, status] of /** @type {[string, number][]} */ ([['/room/join', 200], ['/room/nothing', 404]])) {
      const answer = await site.request('POST', path, { token, headers: { Origin: OTHER_SITE } });
      assert.equal(answer.status, status);
      assert.equal(answer.headers['access-control-allow-origin'], OTHER_SITE, path); // a refusal can be read too
      const foreign = await site.request('POST', path, { token, headers: { Origin: 'https://evil.example' } });
      assert.equal(foreign.headers['access-control-allow-origin'], undefined, path);
    }
  });
});

// (Of lighttpd and Apache faults/tls.test.js asks the same.)
if (SERVER === 'nginx') {
  test('the cookie is for HTTPS alone where nginx itself speaks it', { timeout: 6 * WAIT_MS }, async () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-https-'));
    const include = path.join(folder, 'lines.conf');
    const { cert, key } = new Authority().issue();
    const port = await freePort();
    writeFileSync(include, `listen 127.0.0.1:${port} ssl http2;\nssl_certificate ${cert};\nssl_certificate_key ${key};\n`);
    const server = await Server.start({ kind: SERVER, mount: '/', include, settings: { SECRET: randomSecret() } });
    try {
      const { status, headers } = await request(new URL(`https://127.0.0.1:${port}/access`),
        { method: 'POST', headers: { 'Content-Type': 'application/json' }, body: '{"username":"ann"}' });
      assert.equal(status, 200);
      assert.match(headers['set-cookie'][0], /; Secure$/);
    } finally {
      Browser.closeAll();
      await server.stop();
      rmSync(folder, { recursive: true });
    }
  });
}
