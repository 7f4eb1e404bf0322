// hostile.test.js - guests that say whatever they like, between a page and a server that the test plays.
import assert from 'node:assert/strict';
import test, { afterEach, beforeEach } from 'node:test';
import { KIND, encode, encodeText, toBase64 } from '../../src/page/client/bytes.js';
import { Modules } from '../../src/page/client/modules.js';
import { Drawbridge } from '../../src/page/drawbridge.js';
import { begin, end, json, server, settle, token } from './lib/browser.js';
import { pass } from './lib/clock.js';
import { collectGarbage } from './lib/garbage.js';
import { FakeConnection, makeConnectionsOf, net } from './lib/webrtc.js';

const FLOOD = 20_000;

beforeEach(() => {
  begin();
  net.reset();
  makeConnectionsOf(FakeConnection);
});
afterEach(end);

/** A page in the room `tea`. */
async function enter(options = {}) {
  const known = { access: () => json(token(3_600)), 'tea/join': () => json({ peers: [] }), ice: () => json({ iceServers: [], expires: token(3_600).expires }) };
  server.answer = ({ path }) => (known[path] ?? (() => json({ delivered: true })))();
  const bridge = new Drawbridge({ base: 'http://draw.test/', ...options });
  bridge.join('tea');
  await settle();
  server.stream.say('connected', { resumed: false, rooms: [] }, '1-0');
  await settle();
  return bridge;
}

/** Somebody in the room who speaks through the server alone, and confirms nothing. */
class Guest {
  session = 'its first page';
  #offset = 0;

  constructor(id = 'bob') {
    this.id = id;
    server.stream.say('add-peer', { peer: { id, username: id }, roomId: 'tea', offer: true }, '1-1');
  }

  goes() {
    server.stream.say('remove-peer', { peer: { id: this.id }, roomId: 'tea' }, '1-3');
  }

  /** What it was told by `peer-data`. */
  get heard() {
    return server.asked.filter(({ path }) => path === `relay/${this.id}`).flatMap(({ body }) => body)
      .filter(({ event }) => event === 'peer-data').map(({ data }) => data);
  }

  relays(event, data) {
    server.stream.say(event, { peer: { id: this.id, username: this.id }, data }, '1-2');
  }

  /** A status, with more beside it. */
  status(more = {}, beside = {}) {
    const to = this.heard.at(-1)?.status.session ?? '';
    this.relays('peer-data', { status: { protocol: 2, session: this.session, to, at: 0, way: 'relay', turn: 0, why: '', max: 65_536, ...more }, ...beside });
  }

  /** Both know each other's page. */
  async meets() {
    this.status({ why: 'ask' });
    await settle();
    await settle();
  }

  /** Another page of its own. */
  async reloads(session) {
    this.session = session;
    this.#offset = 0;
    await this.meets();
  }

  /** @param {...Uint8Array} messages */
  says(...messages) {
    const bytes = Uint8Array.from(messages.flatMap((message) => [...message]));
    this.status({}, { offset: this.#offset, bytes: toBase64(bytes) });
    this.#offset += bytes.length;
  }
}

const control = (module, payload) => encodeText(KIND.control, JSON.stringify([module, payload]));
const chunk = (number, length) => encode(KIND.chunk, new Uint8Array(new Uint32Array([number]).buffer).reverse(), new Uint8Array(length));
const hello = [encodeText(KIND.room, 'tea'), encodeText(KIND.text, 'hello')];

test('JSON of any depth, and names of prototypes, are what they are, and what comes after them is heard', async () => {
  const bridge = await enter();
  const bob = new Guest();
  await bob.meets();
  const heard = [];
  bridge.on('data', (data) => heard.push(data));
  const deep = (n) => '['.repeat(n) + ']'.repeat(n);
  const named = ['__proto__', 'constructor', 'prototype', 'hasOwnProperty', 'toString'];
  bob.says(encodeText(KIND.control, `["peer",{"data":${deep(30_000)}}]`), ...hello);
  for (const name of named) {
    bob.says(control(name, {}), control('transfer', { step: name, number: 1 }), control('channels', { open: [name, `tea/${name}`] }),
      control('media', { muted: { [name]: [name] } }), control('peer', JSON.parse(`{"${name}":{"data":1,"renamed":1}}`)),
      encodeText(KIND.room, name), encodeText(KIND.text, name), encodeText(KIND.room, `tea/${name}`), encodeText(KIND.text, name));
    bob.relays(name, {});
    bob.status({ [name]: 1, session: name === 'constructor' ? { a: 1 } : bob.session });
  }
  bob.says(encodeText(KIND.json, 'no JSON'), encode(77, new Uint8Array(9)), ...hello);
  await settle();
  assert.deepEqual(heard, ['hello', 'hello']);
  assert.equal(bridge.peers[0].data, undefined);
  bob.says(encodeText(KIND.room, 'tea'), encodeText(KIND.json, deep(200_000)), encodeText(KIND.text, 'and this'));
  await settle();
  assert.equal(heard.at(-1), 'and this');
});

test('who begins what it is refused, and confirms nothing, is not listened to for ever', async () => {
  const bridge = await enter();
  const bob = new Guest();
  await bob.meets();
  bridge.on('data', () => {});
  for (let i = 0; i < FLOOD && bridge.peers[0].detail === ''; i += 50) {
    bob.says(...Array.from({ length: 50 }, (_, j) => control('transfer', { step: 'begin', number: i + j, room: 'tea' })));
  }
  await settle();
  assert.match(bridge.peers[0].detail, /not taken any more/);
  assert.ok(bridge.peers[0].buffered < 2 * 1024 * 1024, `${bridge.peers[0].buffered}`);
});

test('of what came whole from pages that are gone, and nobody reads, so much is kept and no more', async () => {
  const bridge = await enter();
  const files = [];
  bridge.on('data', (file) => files.push(file));
  for (let page = 0; page < 20; page++) {
    const bob = new Guest(`bob${page}`);
    await bob.meets();
    for (let n = 0; n < 10; n++) bob.says(control('transfer', { step: 'begin', number: n, room: 'tea', size: 9 }), chunk(n, 9), control('transfer', { step: 'end', number: n }));
    await settle();
    bob.goes();
  }
  assert.equal(files.length, 200);
  const read = await Promise.all(files.map((file) => file.blob().then(({ size }) => size, ({ message }) => message)));
  assert.deepEqual(read.slice(-64), Array(64).fill(9));
  assert.deepEqual([...new Set(read.slice(0, -64))], ['The peer has gone.']);
});

test('who asks and asks is answered one thing after the other', async () => {
  await enter();
  const bob = new Guest();
  await bob.meets();
  const { answer } = server;
  server.answer = (request) => (request.path.startsWith('relay/') ? undefined : answer(request));
  const before = bob.heard.length;
  for (let i = 0; i < 500; i++) {
    bob.status({ why: 'ask' });
    if (i % 50 === 0) await settle();
  }
  await settle();
  assert.ok(bob.heard.length - before <= 2, `${bob.heard.length - before}`);
  server.answer = answer;
  for (const { path, resolve } of server.asked) if (path.startsWith('relay/')) resolve(json({ delivered: true }));
  await settle();
  assert.ok(bob.heard.length - before <= 4, `${bob.heard.length - before}`);
  assert.equal(bob.heard.at(-1).status.why, 'answer');
});

test('who says that it is another page, again and again, comes and goes once in a second', async () => {
  const bridge = await enter();
  const bob = new Guest();
  await bob.meets();
  let joins = 0;
  bridge.on('join', () => { joins += 1; });
  for (let i = 0; i < 100; i++) bob.status({ session: `page ${i}`, why: 'ask' });
  await settle();
  assert.equal(joins, 0);
  await pass(1_000);
  for (let i = 0; i < 100; i++) bob.status({ session: `page ${i}`, why: 'ask' });
  assert.equal(joins, 1);
});

test('by a channel there speaks one page', async () => {
  const bridge = await enter();
  new Guest();
  await settle();
  const [pc] = net.all;
  pc.partner = pc; // it hears itself
  pc.becomes('connected');
  let joins = 0;
  bridge.on('join', () => { joins += 1; });
  for (let i = 0; i < 100; i++) {
    pc.channel.onmessage({ data: JSON.stringify({ protocol: 2, session: `page ${i}`, to: '', at: 0, way: 'channel', turn: 0, why: 'ask', max: 9 }) });
    await pass(1_000);
  }
  assert.deepEqual([joins, bridge.peers[0].state], [0, 'open']);
});

test('data channels that nobody has asked for are closed', async () => {
  await enter();
  new Guest();
  await settle();
  const [pc] = net.all;
  let closed = 0;
  for (let i = 0; i < 10; i++) pc.ondatachannel?.({ channel: /** @type {any} */ ({ close: () => { closed += 1; } }) });
  assert.equal(closed, 10);
});

test('what comes for a module that is being loaded has a bound, and ends with the link', async () => {
  /** @type {(module: any) => void} */ let resolve = () => {};
  const loading = new Promise((done) => { resolve = done; });
  const [one, other] = /** @type {any[]} */ ([{ isOpened: false, isClosed: false }, { isOpened: false, isClosed: false }]);
  const modules = new Modules(() => [one]);
  modules.addLater('late', () => loading);
  for (let i = 0; i < FLOOD; i++) modules.heard('late', one, i);
  modules.heard('late', other, 'gone');
  other.isClosed = true;
  const heard = [];
  resolve({ heard: (link, payload) => heard.push([link, payload]) });
  await settle();
  assert.ok(heard.length < 1_000, `${heard.length}`);
  assert.ok(heard.every(([link]) => link === one));
  modules.heard('late', one, 'now');
  assert.deepEqual(heard.at(-1), [one, 'now']);
});

for (const [who, meet] of /** @type {[string, (bob: Guest) => any][]} */ ([
  ['guests', (bob) => bob.meets()],
  ['guests who have no page of this kind', () => {}],
  ['strangers', async (bob) => {
    bob.relays('peer-data', { sealed: 'AA==' });
    await settle();
  }],
  ['guests who begin transfers and open channels', async (bob) => {
    await bob.meets();
    bob.says(control('channels', { open: ['tea/chat', 'tea/cursors'] }), control('transfer', { step: 'begin', number: 1, room: 'tea' }), control('media', { muted: {} }), ...hello);
  }],
])) {
  test(`of ${who} that came and went nothing is held`, async () => {
    const bridge = await enter();
    const room = /** @type {any} */ (bridge.room);
    const chat = await room.channel('chat');
    await room.channel('cursors', { ordered: false });
    const peers = [];
    for (let i = 0; i < 20; i++) {
      const bob = new Guest(`bob${i}`);
      await settle();
      await meet(bob);
      await settle();
      peers.push(new WeakRef(bridge.peers[0]));
      bridge.send('hello');
      chat.send('hello');
      await settle();
      bob.goes();
      await settle();
    }
    assert.deepEqual(bridge.peers, []);
    Object.assign(server, { asked: [] });
    net.reset();
    await pass(600_000);
    Object.assign(server, { asked: [] });
    net.reset();
    await collectGarbage();
    assert.deepEqual(peers.filter((peer) => peer.deref()).length, 0);
    assert.equal(chat.buffered, 0);
  });
}

test('what is sent to a stranger on a channel is rejected as what is sent in the room', async () => {
  const bridge = await enter();
  const room = /** @type {any} */ (bridge.room);
  const chat = await room.channel('chat');
  const bob = new Guest();
  bob.relays('peer-data', { sealed: 'AA==' });
  await settle();
  const [peer] = bridge.peers;
  assert.equal(peer.state, 'stranger');
  const results = await Promise.all([bridge.send('x', peer), chat.send('x', peer)].map((sent) => sent.catch(({ status, message }) => [status, message])));
  assert.deepEqual(results[1], results[0]);
});
