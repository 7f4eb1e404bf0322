// awkward.test.js - programs that leave, close and join where they are told of something, or twice, or too early.
import assert from 'node:assert/strict';
import test, { afterEach, beforeEach } from 'node:test';
import { Quota } from '../../src/page/client/bytes.js';
import { Connection } from '../../src/page/client/connection.js';
import { Link } from '../../src/page/client/link.js';
import { Drawbridge } from '../../src/page/drawbridge.js';
import { begin, end, json, server, settle, token } from './lib/browser.js';
import { pass } from './lib/clock.js';
import { FakeConnection, makeConnectionsOf, net } from './lib/webrtc.js';

const HOUR_S = 3_600;

beforeEach(() => {
  begin();
  net.reset();
  makeConnectionsOf(FakeConnection);
});
afterEach(end);

/** What the server answers, by path. @type {{[path: string]: (request: {body: any}) => Response | undefined}} */
let routes = {};
let tokens = 0;

/** A page with a stream, in these rooms. */
async function enter(rooms = ['tea'], options = {}) {
  routes = {
    access: ({ body }) => json({ ...token(HOUR_S), token: `t${++tokens}`, user: { id: 'ann', username: body.username } }),
    ice: () => json({ iceServers: [], expires: token(HOUR_S).expires }),
  };
  server.answer = ({ path, body }) => (routes[path] ?? (path.startsWith('relay/') ? () => json({ delivered: true }) : () => json({ peers: [] })))({ body });
  const bridge = new Drawbridge({ base: 'http://draw.test/', ...options });
  bridge.connect();
  await settle();
  server.stream.say('connected', { resumed: false, rooms: [] }, '1-0');
  for (const name of rooms) bridge.join(name);
  await settle();
  return bridge;
}

const adds = (id, { roomId = 'tea', offer = true } = {}) => server.stream.say('add-peer', { peer: { id, username: id }, roomId, offer }, '1-1');
const removes = (id, { roomId = 'tea', ...more } = {}) => server.stream.say('remove-peer', { peer: { id }, roomId, ...more }, '1-1');

/** How a promise ends, or that it does not. */
async function outcome(promise) {
  const ending = promise.then(() => 'resolved', (error) => error.message);
  await settle();
  return Promise.race([ending, settle().then(() => 'waits')]);
}

const paths = () => server.asked.map(({ path }) => path).filter((path) => /join|leave/.test(path));

test('who joins in the midst of close() is told that it was closed; afterwards, and in its listeners, all begins anew', async () => {
  const bridge = await enter();
  adds('bob');
  const joins = [];
  bridge.on('leave', () => joins.push(bridge.join('tea')));
  bridge.close();
  assert.equal(await outcome(joins[0]), 'It was closed.');
  assert.deepEqual([bridge.state, bridge.rooms], ['closed', []]);
  const stop = bridge.on('state', (state) => state === 'closed' && joins.push(bridge.join('tea')));
  bridge.connect();
  bridge.close();
  stop();
  assert.equal(await outcome(joins[1]), 'waits');
  assert.equal(bridge.state, 'connecting');
  server.stream.say('connected', { resumed: false, rooms: [] }, '1-0');
  assert.equal(await outcome(joins[1]), 'resolved');
});

test('and in the midst of being refused, why', async () => {
  const bridge = await enter();
  adds('bob');
  const joins = [];
  bridge.on('leave', () => joins.push(bridge.join('tea')));
  server.stream.say('disconnect', { reason: 'Enough.' });
  assert.equal(await outcome(joins[0]), 'Enough.');
  assert.deepEqual([bridge.state, bridge.rooms], ['refused', []]);
});

test('who joins again where it is told that it leaves comes after its goodbye, into a room that is another', async () => {
  const bridge = await enter();
  adds('bob');
  const room = /** @type {any} */ (bridge.room);
  /** @type {any} */ let again = null;
  room.on('leave', () => { again ??= bridge.join('tea'); });
  routes['tea/leave'] = () => undefined;
  room.leave();
  await settle();
  assert.deepEqual(paths(), ['tea/join', 'tea/leave']);
  server.asked.find(({ path }) => path === 'tea/leave').resolve(json({}));
  await settle();
  assert.deepEqual(paths(), ['tea/join', 'tea/leave', 'tea/join']);
  assert.deepEqual([room.state, (await again).state, bridge.room === await again], ['left', 'joined', true]);
});

test('the goodbye to a room comes after the request to be let in', async () => {
  const bridge = await enter([]);
  routes['tea/join'] = () => undefined;
  const joining = bridge.join('tea');
  await settle();
  bridge.leave();
  assert.equal(await outcome(joining), 'The room was left.');
  assert.deepEqual(paths(), ['tea/join']);
  server.asked.find(({ path }) => path === 'tea/join').resolve(json({ peers: [] }));
  await settle();
  assert.deepEqual(paths(), ['tea/join', 'tea/leave']);
});

test('who leaves as soon as the stream is another is in no room', async () => {
  const bridge = await enter();
  const { room } = bridge;
  room.on('state', (state) => state === 'joining' && room.leave());
  server.stream.say('connected', { resumed: false, rooms: [] }, '2-0');
  await settle();
  assert.deepEqual(paths(), ['tea/join', 'tea/leave']);
  assert.deepEqual([room.state, bridge.rooms], ['left', []]);
});

test('who leaves when somebody does, has nobody there, also where that one is back already', async () => {
  for (const leave of [(bridge) => bridge.leave(), (bridge) => bridge.close()]) {
    begin();
    net.reset();
    const bridge = await enter();
    adds('bob');
    await settle();
    const { room } = bridge;
    const told = [];
    room.on('join', () => told.push('join'));
    room.on('leave', () => leave(bridge));
    net.all[0].partner = net.all[0]; // it hears itself
    net.all[0].becomes('connected');
    removes('bob');
    adds('bob');
    await settle();
    assert.deepEqual([told, room.peers], [[], []]);
    const asked = server.asked.length;
    await pass(60_000);
    assert.deepEqual(server.asked.slice(asked).map(({ path }) => path).filter((path) => path.startsWith('relay')), []);
    assert.ok(net.all.every(({ connectionState }) => connectionState === 'closed'));
  }
});

test('a room that was left cannot leave the next one of its name', async () => {
  const bridge = await enter();
  const old = bridge.room;
  old.leave();
  const room = await bridge.join('tea');
  assert.notEqual(room, old);
  old.leave();
  await settle();
  assert.deepEqual([room.state, bridge.rooms], ['joined', [room]]);
});

test('a name of a room is a text', async () => {
  const bridge = await enter([]);
  for (const name of /** @type {any[]} */ ([undefined, null, 42, ['tea'], true])) {
    assert.match(await outcome(bridge.join(name)), /^A room's name is/, String(name));
  }
  assert.deepEqual([paths(), bridge.rooms], [[], []]);
});

test('of names the last counts, however quickly they are given, and before there is any', async () => {
  const bridge = await enter([]);
  for (const name of ['bob', 'cat']) bridge.rename(name);
  await bridge.rename('dan');
  assert.equal(bridge.user.username, 'dan');
  bridge.close();

  routes.access = () => undefined;
  const next = new Drawbridge({ base: 'http://draw.test/' });
  next.connect();
  await settle();
  next.rename('eve');
  const access = routes.access = ({ body }) => json({ ...token(HOUR_S), user: { id: 'eve', username: body.username } });
  server.asked.at(-1).resolve(access(server.asked.at(-1)));
  await settle();
  assert.equal(next.user.username, 'eve');
});

test('who is renamed while it joins joins under the new name', async () => {
  const bridge = await enter([]);
  routes['tea/join'] = () => undefined;
  const joining = bridge.join('tea');
  await settle();
  bridge.rename('bob');
  await settle();
  routes['tea/join'] = () => json({ peers: [] });
  for (const { path, resolve } of server.asked) if (path === 'tea/join') resolve(json({ peers: [] }));
  assert.equal(await outcome(joining), 'resolved');
  const joins = server.asked.filter(({ path }) => path === 'tea/join').map(({ headers }) => /** @type {any} */ (headers).Authorization);
  assert.deepEqual([joins.length, joins[0] === joins[1]], [2, false]);
});

test('who is renamed and joins before there is a stream joins once there is one, with a token', async () => {
  await enter([]);
  const bridge = new Drawbridge({ base: 'http://draw.test/' });
  const from = server.asked.length;
  bridge.rename('bob');
  bridge.join('tea');
  await settle();
  assert.deepEqual(server.asked.slice(from).filter(({ path }) => path === 'tea/join'), []);
  server.stream.say('connected', { resumed: false, rooms: [] }, '1-0');
  await settle();
  const joins = server.asked.slice(from).filter(({ path }) => path === 'tea/join').map(({ headers }) => /** @type {any} */ (headers).Authorization);
  assert.deepEqual([joins.length, /^Bearer t/.test(joins[0])], [1, true]);
  bridge.close();
});

test('what a page asks of the peers to connect to may fail: that is told, and the peer is there', async () => {
  const errors = [];
  const listener = (error) => errors.push(error.message);
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', listener);
  try {
    const bridge = await enter(['tea'], { connect: () => { throw new Error('of the page'); } });
    adds('bob');
    await settle();
    assert.deepEqual(bridge.peers.map(({ id, state }) => [id, state]), [['bob', 'idle']]);
    assert.deepEqual(errors, ['of the page']);
  } finally {
    process.off('uncaughtException', listener);
  }
});

test('a page that was closed as it went stays so when it is shown again', async () => {
  const bridge = await enter();
  globalThis.dispatchEvent(new Event('pagehide'));
  bridge.close();
  globalThis.dispatchEvent(Object.assign(new Event('pageshow'), { persisted: true }));
  await settle();
  assert.deepEqual([bridge.state, bridge.rooms], ['closed', []]);
});

test('to whom something is sent is told by what is rejected, never thrown; a peer that is named twice gets it once', async () => {
  const bridge = await enter();
  adds('bob');
  await settle();
  const [bob] = bridge.peers;
  for (const to of /** @type {any[]} */ ([null, [null], { to: null }, { to: [undefined] }, 42])) {
    assert.match(await outcome(bridge.send('x', to)), /^Whom it is to is a peer or its id/);
  }
  const cost = (to) => {
    const before = bob.buffered;
    bridge.send('x', to);
    return bob.buffered - before;
  };
  cost(bob); // and says where
  assert.equal(cost([bob, 'bob', bob]), cost(bob));
  const source = new ReadableStream({ start(controller) { controller.enqueue(new Uint8Array(9)); controller.close(); } });
  assert.match(await outcome(bridge.send(source, /** @type {any} */ ({ to: bob, name: 42 }))), /not a function/);
});

test('messages(): of a room that was left, and with a signal that was aborted before, there are none', async () => {
  const bridge = await enter();
  const { room } = bridge;
  const aborted = room.messages({ signal: AbortSignal.abort() });
  const asked = [room.messages(), room.messages()];
  const [iterator] = asked;
  const both = Promise.all([iterator.next(), iterator.next(), iterator.next()]);
  room.emit('data', { data: 1, peer: null, room });
  room.emit('data', { data: 2, peer: null, room });
  assert.deepEqual(await aborted.next(), { value: undefined, done: true });
  await settle();
  room.leave();
  assert.equal(await outcome(both), 'resolved');
  assert.deepEqual((await both).map(({ value, done }) => value?.data ?? done), [1, 2, true]);
  assert.equal(await outcome(room.messages().next()), 'resolved');
});

test('a link that is closed by whom it tells something says nothing more, and a connection makes no more', async () => {
  const session = { protocol: 2, session: 's', to: '', at: 0, way: 'relay', turn: 0, why: 'ask', max: 1_000 };
  for (const telling of ['opened', 'anew', 'changed']) {
    net.reset();
    /** @type {any[]} */ const relayed = [];
    const hooks = { relay: async (event) => relayed.push(event), iceServers: async () => [] };
    for (const name of ['withdraw', 'data', 'control', 'chunk', 'changed', 'lost', 'opened', 'ended', 'gone', 'anew']) hooks[name] = () => {};
    const link = new Link({ id: 'bob', polite: true, maxReceive: 1_000, quota: new Quota(1_000) }, /** @type {any} */ (hooks));
    if (telling === 'anew') link.relayed({ status: { ...session, session: 'the last', way: '' } });
    hooks[telling] = () => link.close();
    link.relayed({ status: session });
    const before = relayed.length;
    await pass(120_000);
    assert.deepEqual(relayed.slice(before), [], telling);
  }
  /** @type {Connection} */
  const connection = new Connection({ offers: true, polite: true }, /** @type {any} */ ({
    iceServers: async () => [], withdraw() {}, media() {}, signal() {}, changed: () => connection.close(),
  }));
  await settle();
  assert.deepEqual(net.all, []);
});
