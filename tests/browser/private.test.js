// private.test.js - pages and boards with a secret: who has none, what the server sees, and what it can do.
import assert from 'node:assert/strict';
import net from 'node:net';
import { RedisServer } from '../http/lib/redis-server.js';
import { until } from '../http/lib/wait.js';
import { WAIT_MS, alike, wave } from './lib/boards.js';
import { Guest, INSECURE } from './lib/guests.js';
import { suite } from './lib/suite.js';

const SECRET = '0123456789abcdef0123456789abcdef';
const OTHER = 'another secret that is long enough';
const HAS_SECRET = 'Its page has a secret, and this one has none.';
const NO_SECRET = 'Its page has no secret, and this one has.';
const OTHER_SECRET = 'Its page has another secret.';
const RELAYED_MS = 15_000 + 2 * WAIT_MS; // after which data goes by the server

const sealed = { options: { secret: SECRET } };

/** No way is found but by the server. */
const block = () => { addEventListener('DOMContentLoaded', () => { globalThis.blocked = true; }, { once: true }); };

/** As blocked; and what the server brings from peers comes when a test says so, as it says. */
const hostile = () => {
  addEventListener('DOMContentLoaded', () => { globalThis.blocked = true; }, { once: true });
  globalThis.holding = false;
  globalThis.held = []; // data of events
  const brought = new WeakSet();
  const { addEventListener: listen } = EventSource.prototype;
  EventSource.prototype.addEventListener = function heard(type, listener, options) {
    globalThis.bring = (data) => {
      const event = new MessageEvent('peer-data', { data });
      brought.add(event);
      globalThis.source.dispatchEvent(event);
    };
    globalThis.source = this;
    listen.call(this, type, (event) => {
      if (type !== 'peer-data' || brought.has(event) || !globalThis.holding) listener(event);
      else globalThis.held.push(/** @type {MessageEvent} */ (event).data);
    }, options);
  };
};

const states = async (guest) => Object.fromEntries((await guest.peers()).map(({ username, state, detail }) => [username, detail || state]));

/** All of these pages are known so to each other. */
const known = (guest, wanted) => until(async () => {
  const now = await states(guest);
  return Object.keys(now).length === Object.keys(wanted).length && Object.entries(wanted).every(([name, state]) => now[name] === state);
}, () => `what peers are: ${JSON.stringify(wanted)}`, 2 * WAIT_MS);

/** All that a page sends, as the server gets it. */
function requestsOf({ page }) {
  const all = [];
  page.on('request', (request) => all.push(`${request.method()} ${request.url()} ${JSON.stringify(request.headers())} ${request.postData() ?? ''}`));
  return all;
}

/** All that Redis is told. */
async function monitor(port) {
  const socket = net.connect(port, '127.0.0.1');
  let text = '';
  socket.on('data', (bytes) => { text += bytes; });
  socket.write('MONITOR\r\n');
  await until(() => text.startsWith('+OK'), 'MONITOR');
  return { text: () => text, close: () => socket.destroy() };
}

/** A text with what is in it as base64. */
const readable = (text) => text + [...text.matchAll(/[A-Za-z0-9+/]{40,}={0,2}/g)].map(([part]) => Buffer.from(part, 'base64').toString('latin1')).join();

/** What is said in the clear. The words that are short stand where chance does not put them into what is sealed. */
const CLEAR = /\\*"sdp\\*"|"?(fingerprint|candidate|session-description|status|offset|secret)\b"?|tea at four|x{9}/;

suite('private', { redis: () => RedisServer.start(), together: true }, (test) => {
  test('who has the secret meets who has it; who has none, or another, is a stranger, until its page has it', async (room) => {
    const ann = await room.guest('ann', sealed);
    const bob = await room.guest('bob', sealed);
    const cat = await room.guest('cat');
    const dan = await room.guest('dan', { options: { secret: OTHER } });
    await known(ann, { bob: 'open', cat: NO_SECRET, dan: OTHER_SECRET });
    await known(bob, { ann: 'open', cat: NO_SECRET, dan: OTHER_SECRET });
    await known(cat, { ann: HAS_SECRET, bob: HAS_SECRET, dan: HAS_SECRET });
    await known(dan, { ann: OTHER_SECRET, bob: OTHER_SECRET, cat: NO_SECRET });
    const fates = (guest) => guest.run(async () => {
      const { arrived, failed } = await globalThis.bridge.send('hello');
      return [...arrived.map(({ username }) => username), ...failed.map(({ peer, error }) => `${peer.username}: ${error.status} ${error.message}`)].sort();
    });
    assert.deepEqual(await fates(ann), ['bob', `cat: 403 This peer is a stranger. ${NO_SECRET}`, `dan: 403 This peer is a stranger. ${OTHER_SECRET}`]);
    assert.deepEqual(await fates(cat), ['ann', 'bob', 'dan'].map((name) => `${name}: 403 This peer is a stranger. ${HAS_SECRET}`));
    const seen = async (guest) => (await guest.seen()).data;
    assert.deepEqual([await seen(ann), await seen(bob), await seen(cat), await seen(dan)], [[], [{ from: 'ann', data: 'hello' }], [], []]);
    const again = await Guest.open(cat.page, cat.page.url(), { options: { username: 'cat', base: room.site.servers[0].base.href, secret: SECRET } });
    await again.join(room.name);
    await known(ann, { bob: 'open', cat: 'open', dan: OTHER_SECRET });
    await known(again, { ann: 'open', bob: 'open', dan: OTHER_SECRET });
    await ann.send('welcome');
    await again.until(() => globalThis.seen.data.length === 1);
  });

  test('where no secret can be used, or what is given is none, that is said', async (room) => {
    const ann = await room.guest('ann', { host: INSECURE, join: false });
    const refusal = (guest, secret) => guest.run((given) => {
      try {
        new globalThis.Drawbridge({ secret: given });
      } catch (error) {
        return error.message;
      }
    }, secret);
    assert.equal(await refusal(ann, SECRET), 'A secret can be used in a secure context only: by HTTPS, or on localhost.');
    const bob = await room.guest('bob', { join: false });
    for (const secret of ['short', null, 7]) assert.match(await refusal(bob, secret), /^A secret is a string of at least 16 characters/);
  });

  test('by the server alone: neither requests nor Redis have a word of it', async (room) => {
    const redis = await monitor(room.redis.port);
    const ann = await room.guest('ann', { ...sealed, prepare: block, join: false });
    const bob = await room.guest('bob', { ...sealed, prepare: block, join: false });
    const requests = [ann, bob].map(requestsOf);
    for (const guest of [ann, bob]) await guest.join(room.name);
    await Promise.all([ann, bob].map((guest) => guest.meets(1, 'relayed', RELAYED_MS)));
    await ann.send('tea at four');
    await bob.run(() => { globalThis.bridge.send({ tea: 'x'.repeat(20_000) }); });
    for (const guest of [ann, bob]) await guest.until(() => globalThis.seen.data.length === 1);
    assert.equal((await bob.seen()).data[0].data, 'tea at four');
    const relays = requests.flat().filter((line) => line.includes('/relay/'));
    assert.ok(relays.length > 4 && relays.every((line) => line.includes('"sealed"')), relays.find((line) => !line.includes('"sealed"')));
    const ids = await Promise.all([ann, bob].map((guest) => guest.run(() => globalThis.bridge.user.id)));
    const toldOf = () => redis.text().split('\n').filter((line) => ids.some((id) => line.includes(id))); // others use this Redis, too
    await until(() => toldOf().some((line) => line.includes('sealed')), 'what Redis is told');
    redis.close();
    const told = toldOf();
    const offer = JSON.stringify({ data: { type: 'offer', sdp: 'v=0' } });
    for (const text of [offer, JSON.stringify(offer), Buffer.from(offer.padEnd(64)).toString('base64')]) assert.match(readable(text), CLEAR);
    for (const text of [...requests.flat(), ...told]) {
      const words = CLEAR.exec(readable(text).replaceAll(/sec-[a-z-]+/g, ''));
      assert.equal(words?.[0], undefined, text.slice(0, 300));
      for (const part of [SECRET, SECRET.slice(0, 12), btoa(SECRET).slice(0, 12)]) assert.ok(!text.includes(part), text.slice(0, 300));
    }
  });

  test('a server that changes, repeats, turns round, mixes up or drops what it brings is not believed; when it is honest all arrives', async (room) => {
    const [ann, bob, cat] = await Promise.all(['ann', 'bob', 'cat'].map((name) => room.guest(name, { ...sealed, prepare: hostile })));
    const requests = new Map([ann, bob, cat].map((guest) => [guest, requestsOf(guest)]));
    await Promise.all([ann, bob, cat].map((guest) => guest.meets(2, 'relayed', RELAYED_MS)));
    await ann.send('one');
    for (const guest of [bob, cat]) await guest.until(() => globalThis.seen.data.length === 1);
    const all = [ann, bob, cat];
    for (const guest of all) await guest.run(() => { globalThis.holding = true; });
    for (const guest of all) await guest.run(() => { globalThis.bridge.send(`two of ${globalThis.bridge.user.username}`); });
    for (const guest of all) await guest.until(() => globalThis.held.length >= 2);
    const held = new Map();
    // Messages: hellos that do not fit make strangers, see below.
    const isMessage = (text) => Buffer.from(text, 'base64')[0] === 1;
    for (const guest of all) {
      const events = await guest.run(() => globalThis.held.splice(0).map((data) => JSON.parse(data)));
      held.set(guest, events.filter(({ data }) => isMessage(data.sealed)));
    }
    const ids = new Map();
    for (const guest of all) ids.set(guest, (await guest.run(() => globalThis.bridge.user)).id);
    const bring = (guest, events) => guest.run((list) => { for (const event of list) globalThis.bring(JSON.stringify(event)); }, events);
    const turnBit = ({ peer, data }, i) => {
      const bytes = Buffer.from(data.sealed, 'base64');
      bytes[(bytes.length + i) % bytes.length] ^= 1;
      return { peer, data: { sealed: bytes.toString('base64') } };
    };
    for (const guest of all) {
      const others = all.filter((one) => one !== guest);
      const mine = held.get(guest);
      // With a bit turned: in the text, its tag, the count, the challenge.
      await bring(guest, mine.flatMap((event) => [-1, -20, 40, 20, 5].map((i) => turnBit(event, i))));
      // Of one in the name of another; what was for another; what this page itself has said.
      await bring(guest, mine.map((event) => ({ ...event, peer: { ...event.peer, id: [...ids.values()].find((id) => id !== event.peer.id && id !== ids.get(guest)) } })));
      for (const other of others) await bring(guest, held.get(other).filter(({ peer }) => peer.id !== ids.get(guest)));
      const said = requests.get(guest).flatMap((line) => [...line.matchAll(/"sealed":"([^"]+)"/g)].map(([, text]) => text)).filter(isMessage).slice(-20);
      for (const other of others) await bring(guest, said.map((text) => ({ peer: { id: ids.get(other), username: 'x' }, data: { sealed: text } })));
    }
    assert.deepEqual(await Promise.all(all.map(async (guest) => (await guest.seen()).data.length)), [0, 1, 1]);
    for (const guest of all) await guest.run(() => { globalThis.holding = false; });
    const arrived = (word) => Promise.all(all.map((guest) => guest.until((wanted) =>
      globalThis.seen.data.filter(({ data }) => data.startsWith(wanted)).length === 2, word, RELAYED_MS)));
    await arrived('two');
    // In the clear, as a page without a secret says it: now they are strangers, until they greet each other again.
    for (const guest of all) {
      await guest.run(() => {
        globalThis.details = new Map();
        globalThis.bridge.on('peer', ({ id, detail }) => detail && globalThis.details.set(id, detail));
      });
      await bring(guest, all.filter((one) => one !== guest).map((other) => ({ peer: { id: ids.get(other) },
        data: { status: { protocol: 2, session: 'forged', to: '', at: 0, way: 'relay', turn: 9, why: 'ask', max: 1 } } })));
      await guest.until(() => globalThis.details.size === 2);
      assert.deepEqual(await guest.run(() => [...globalThis.details.values()]), [NO_SECRET, NO_SECRET]);
    }
    for (const guest of all) await guest.meets(2, 'relayed', 2 * RELAYED_MS + 30_000);
    for (const guest of all) await guest.run(() => { globalThis.bridge.send(`three of ${globalThis.bridge.user.username}`); });
    await arrived('three');
    for (const guest of all) {
      const { data } = await guest.seen();
      assert.equal(new Set(data.map(({ from, data: text }) => `${from}: ${text}`)).size, data.length, 'none came twice');
      assert.ok(data.every(({ from, data: text }) => text === 'one' || text.endsWith(` of ${from}`)));
    }
  });

  test('a server that puts fingerprints of its own into all that it can read: with a secret that is nothing', async (room) => {
    const counted = { put: 0 };
    const putOwn = (guest) => guest.page.route('**/relay/*', async (route) => {
      const body = route.request().postData();
      const own = body?.replaceAll(/(a=fingerprint:sha-256 )[0-9A-F:]+/g, (_, name) => {
        counted.put++;
        return name + Array(32).fill('AB').join(':');
      });
      await route.continue({ postData: own });
    });
    const meet = async (options) => {
      const name = `${room.name}-${Object.keys(options).length}`;
      const pair = await Promise.all(['ann', 'bob'].map((who) => room.guest(who, { options, join: false })));
      for (const guest of pair) await putOwn(guest);
      for (const guest of pair) await guest.join(name);
      return pair;
    };
    await Promise.all((await meet({ secret: SECRET })).map((guest) => guest.meets(1)));
    assert.equal(counted.put, 0);
    const [ann] = await meet({});
    // Without one they are believed. (The server that put them there would have the keys.)
    await ann.until(() => globalThis.connections.some(({ remoteDescription }) => remoteDescription?.sdp.includes('AB:AB')));
    assert.ok(counted.put > 0);
  });

  test('a board is made private, and goes along; who has the link is on it, who stays is a stranger', async (room) => {
    const ann = await room.board();
    const bob = await room.board();
    await Promise.all([ann, bob].map((board) => board.meets(1)));
    await ann.draw(wave(300, 200));
    await bob.until({ strokes: 1 });
    const requests = [requestsOf(ann), requestsOf(bob)];
    await ann.page.click('#menu summary');
    await ann.page.click('#make-private');
    await ann.page.waitForSelector('#lock', { state: 'visible' }); // the hash is another before the page is
    for (const board of [ann, bob]) await board.until({ state: 'connected', strokes: 1, strangers: 1, peers: 0 });
    assert.equal(await ann.status(), 'Connected. Nobody else is here yet.');
    for (const board of [ann, bob]) assert.equal(await board.page.textContent('#list [data-state=stranger] .how'), 'stranger');
    assert.equal(await ann.page.getAttribute('#list [data-state=stranger]', 'title').then((title) => title.split(': ')[1]), NO_SECRET);
    assert.deepEqual(await Promise.all([ann, bob].map((board) => board.page.isVisible('#lock'))), [true, false]);
    const url = await ann.page.inputValue('#link');
    assert.equal(url, await ann.page.evaluate(() => location.href));
    const cat = await room.board();
    await cat.enter('about:blank');
    await cat.enter(url);
    await Promise.all([ann.meets(1), cat.meets(1)]);
    await ann.draw(wave(300, 400));
    await alike([ann, cat], 2);
    // What is drawn in private stays there, in this browser, too.
    await ann.page.evaluate(() => { location.hash = ''; });
    await ann.page.waitForFunction(() => document.documentElement.dataset.state === 'connected' && !document.querySelector('#make-private[hidden]'));
    await Promise.all([ann.meets(1), bob.meets(1)]);
    await alike([ann, bob], 1);
    await ann.page.goBack();
    await Promise.all([ann.meets(1), cat.meets(1)]);
    await alike([ann, cat], 2);
    const secret = new URL(url).hash.slice('#secret='.length);
    assert.match(secret, /^[0-9a-f]{32}$/);
    for (const line of requests.flat()) assert.ok(!line.includes(secret) && !line.includes('#'), line);
  });

  test('a link that was cut off opens nothing', async (room) => {
    const ann = await room.board();
    const bob = await room.guest('bob');
    await Promise.all([ann.meets(1), bob.meets(1)]);
    await ann.draw(wave(300, 200));
    await ann.page.evaluate(() => { location.hash = '#secret=0123'; });
    await ann.page.waitForFunction(() => document.documentElement.dataset.state === 'refused');
    assert.equal(await ann.status(), 'No way in: The link is not whole: what follows the # is too short.');
    assert.equal((await ann.facts()).strokes, '0');
    await bob.until(() => globalThis.bridge.peers.length === 0); // the open board's page has gone
    await ann.page.fill('#name', 'Ann');
    await ann.page.press('#name', 'Enter');
    assert.equal((await ann.facts()).state, 'refused');
    assert.equal((await bob.peers()).length, 0);
  });
});
