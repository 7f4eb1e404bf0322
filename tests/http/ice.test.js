// GET /ice: what a browser is told of STUN and TURN.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { refused } from './lib/http.js';
import { suite } from './lib/suite.js';
import { nowSeconds, randomSecret } from './lib/tokens.js';

const TURN_SECRET = randomSecret();
const STUN = ['stun:stun.example:3478', 'stun:[2001:db8::1]:3478'];
const TURN = ['turn:turn.example:3478?transport=udp', 'turns:turn.example:5349?transport=tcp'];
const OTHER_SITE = 'https://board.example.org';

const settings = {
  STUN_URLS: STUN.join(' '), TURN_URLS: TURN.join(','), TURN_SECRET, TURN_TTL: 600, ORIGINS: OTHER_SITE, PROXIES: '127.0.0.1',
};

suite('ice', { settings }, (site, it) => {
  it('names the servers as RTCConfiguration wants them, and until when they hold', async () => {
    const ann = site.peer();
    const before = nowSeconds();
    const answer = await ann.ask('GET', '/ice');
    const after = nowSeconds();
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.headers['content-type'], /^application\/json\b/);
    assert.equal(answer.headers['cache-control'], 'no-store');
    assert.deepEqual(Object.keys(answer.json).sort(), ['address', 'expires', 'iceServers']);
    const { iceServers: [stun, turn, ...more], expires } = answer.json;
    assert.deepEqual(more, []);
    assert.deepEqual(stun, { urls: STUN });
    assert.ok(expires >= before + 600 && expires <= after + 600, `${expires}, asked for at ${before}`);
    assert.equal(turn.username, `${expires}:${ann.id}`);
    const credential = createHmac('sha1', TURN_SECRET).update(turn.username).digest('base64');
    assert.deepEqual(turn, { urls: TURN, username: turn.username, credential });
  });

  it('tells each its own address: of IPv6 the network, and none that proxies are not certain of', async () => {
    /** @type {[string | null, Record<string, string>][]} */
    const rows = [
      ['127.0.0.1', {}],
      ['192.0.2.1', { 'X-Forwarded-For': '192.0.2.1' }],
      ['192.0.2.1', { 'X-Forwarded-For': '198.51.100.7, 192.0.2.1' }], // what a client may say of itself
      ['192.0.2.1', { Forwarded: 'for="[::ffff:192.0.2.1]:4711"' }],
      ['2001:db8:0:1::', { 'X-Forwarded-For': '2001:db8:0:1:2:3:4:5' }],
      [null, { 'X-Forwarded-For': 'unknown' }],
      [null, { 'X-Forwarded-For': '192.0.2.1', Forwarded: 'for=192.0.2.2' }],
    ];
    for (const [address, headers] of rows) {
      assert.equal((await site.peer().ask('GET', '/ice', undefined, headers)).json.address, address, JSON.stringify(headers));
    }
  });

  it('is for those with a valid token, however it comes', async () => {
    const { token } = site.peer();
    for (const [query, headers] of /** @type {[string, Record<string, string>][]} */ ([
      ['', { Authorization: `Bearer ${token}` }], [`?token=${token}`, {}], ['', { Cookie: `drawbridge=${token}` }]])) {
      assert.equal((await site.request('GET', `/ice${query}`, { headers })).status, 200);
    }
    refused(await site.request('GET', '/ice'), 401);
    refused(await site.request('GET', '/ice', { token: 'x' }), 401);
    refused(await site.request('GET', '/ice', { token: site.peer({ exp: nowSeconds() - 5 }).token }), 401);
  });

  it('is read by the sites in ORIGINS alone, with the time that expires is told in', async () => {
    const ask = (origin) => site.peer().ask('GET', '/ice', undefined, { Origin: origin });
    const before = nowSeconds();
    const { headers } = await ask(OTHER_SITE);
    assert.equal(headers['access-control-allow-origin'], OTHER_SITE);
    assert.match(headers['access-control-expose-headers'], /\bdate\b/i);
    const date = Date.parse(headers.date) / 1000;
    assert.ok(date >= before - 1 && date <= nowSeconds(), `${date}, asked at ${before}`); // a server looks once a second
    assert.equal((await ask('https://evil.example')).headers['access-control-allow-origin'], undefined);
  });

  it('answers HEAD, and nothing but reading', async () => {
    const ann = site.peer();
    const head = await ann.ask('HEAD', '/ice');
    assert.equal(head.status, 200);
    assert.equal(head.bytes.length, 0);
    assert.match(refused(await ann.ask('POST', '/ice'), 405).headers.allow, /\bGET\b/);
    refused(await ann.ask('POST', '/ice/join'), 400);
  });

  it('the secret of the TURN server is in no log', async () => {
    await site.peer().ask('GET', '/ice');
    assert.equal(site.logs().includes(TURN_SECRET), false);
  });
});

suite('ice of a deployment without servers', {}, (site, it) => {
  it('is empty', async () => {
    const { status, json } = await site.peer().ask('GET', '/ice');
    assert.equal(status, 200);
    assert.deepEqual(json.iceServers, []);
    assert.ok(json.expires > nowSeconds());
  });
});
