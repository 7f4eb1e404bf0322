// drawbridge.test.js - the client module as a whole, between a browser and a server that the test plays.
import assert from 'node:assert/strict';
import test, { afterEach, beforeEach } from 'node:test';
import { Names } from '../../src/page/client/names.js';
import { Drawbridge } from '../../src/page/drawbridge.js';
import { begin, end, json, server, settle, token } from './lib/browser.js';
import { pass } from './lib/clock.js';
import { FakeConnection, makeConnectionsOf, net } from './lib/webrtc.js';

const BASE = 'http://draw.test/';
const HOUR_MS = 3_600_000;

beforeEach(() => {
  begin();
  net.reset();
  makeConnectionsOf(FakeConnection);
});
afterEach(end);

const STUN = [{ urls: 'stun:draw.test' }];
const TURN = [{ urls: 'turn:draw.test', username: 'u', credential: 'c' }];
const servers = (iceServers) => json({ iceServers, expires: token(3_600).expires });

/** A page in the room `tea`. Of what it asks, `routes` answers some, and more if need be. */
async function enter(routes = {}, options = {}) {
  const known = { access: () => json(token(3_600)), 'tea/join': () => json({ peers: [] }), ice: () => servers([]), ...routes };
  server.answer = ({ path }) => (known[path] ?? (path.startsWith('relay/') ? () => json({ delivered: true }) : () => undefined))();
  const bridge = new Drawbridge({ base: BASE, ...options });
  bridge.join('tea');
  await settle();
  server.stream.say('connected', { resumed: false, rooms: [] }, '1-0');
  await settle();
  return { bridge, known };
}

const adds = (id, { username = id, offer = true } = {}) =>
  server.stream.say('add-peer', { peer: { id, username }, roomId: 'tea', offer }, '1-1');

const offers = () => server.asked.filter(({ path, body }) =>
  path.startsWith('relay/') && body.some(({ event, data }) => event === 'session-description' && data.type === 'offer'));

test('a server that does not say which STUN and TURN servers there are keeps nobody waiting for longer than 2 s', async () => {
  await enter({ ice: () => undefined });
  adds('bob');
  await pass(1_900);
  await settle();
  assert.equal(offers().length, 0);
  await pass(100);
  await settle();
  assert.equal(offers().length, 1);
  adds('cat'); // nor is it waited for again
  await settle();
  assert.equal(offers().length, 2);
  assert.deepEqual(net.all.map(({ configuration }) => configuration.iceServers), [[], []]);
});

test('when it says so after all, what is connected goes on, and what is not begins anew, with them', async () => {
  await enter({ ice: () => undefined });
  adds('bob');
  adds('cat');
  await pass(2_000);
  await settle();
  const [bob, cat] = net.all;
  bob.becomes('connected');
  // An answer has come, and nothing of it.
  Object.assign(cat, { signalingState: 'stable', remoteDescription: cat.localDescription });
  server.asked.find(({ path }) => path === 'ice').resolve(servers(STUN));
  await settle();
  await pass(1);
  await settle();
  assert.deepEqual(net.all.map(({ configuration, connectionState }) => [configuration.iceServers, connectionState]),
    [[STUN, 'connected'], [STUN, 'closed'], [STUN, 'new']]);
});

test('those that are known are used while newer ones are late', async () => {
  const { known } = await enter({ ice: () => json({ iceServers: TURN, expires: token(60).expires }) });
  adds('bob');
  await settle();
  known.ice = () => undefined;
  await pass(60_000);
  await settle();
  assert.ok(server.count('ice') > 1);
  const before = net.all.length;
  adds('cat');
  await settle();
  assert.equal(net.all.length, before + 1);
  for (const { configuration } of net.all) assert.deepEqual(configuration.iceServers, TURN);
});

test('one that is in time begins nothing anew', async () => {
  await enter({ ice: () => undefined });
  adds('bob');
  await pass(1_000);
  server.asked.find(({ path }) => path === 'ice').resolve(servers(STUN));
  await settle();
  await pass(5_000);
  await settle();
  assert.deepEqual(net.all.map(({ configuration }) => configuration.iceServers), [STUN]);
  assert.equal(offers().length, 1);
});

test('no name turns round what a page shows beside it', async () => {
  const { bridge } = await enter();
  const told = [];
  bridge.on('peer', ({ username }) => told.push(username));
  adds('bob', { username: '\u202Ebob\u202C' });
  adds('cat', { username: '\u2066\u2067\u2068\u2069\u200E\u200F\u061C\u202A\u202B\u202D' }); // nothing is left
  adds('dan', { username: 'דן 👩‍💻' });
  await settle();
  assert.deepEqual(bridge.peers.map(({ username }) => username), ['bob', 'cat', 'דן 👩‍💻']);
  adds('bob', { username: 'rob\u2067ert' });
  adds('bob', { username: 'rob\u2069ert' }); // the same, as it is shown
  assert.deepEqual(told, ['robert']);
});

test('a site whose tokens are over when they come, by our clock, is asked for few, whether or not the server tells the time', async () => {
  for (const [why, headers, most] of /** @type {[string, Record<string, string>, number][]} */ ([
    ['Date is read', {}, 8], ['Date is hidden from the page', { Date: '' }, 40]])) {
    begin(2 * HOUR_MS);
    let asked = 0;
    const access = async () => {
      asked++;
      return token(3_600);
    };
    const { bridge } = await enter({ 'tea/join': () => json({ peers: [] }, { headers }), ice: () => json({ iceServers: [], expires: token(3_600).expires }, { headers }) }, { access });
    for (let minute = 0; minute < 180; minute++) {
      await pass(60_000);
      await settle();
      server.stream.say('ping', {});
    }
    assert.ok(asked >= 3 && asked <= most, `${asked} tokens in three hours, where ${why}`);
    assert.equal(bridge.room?.name, 'tea');
    bridge.close();
    end();
  }
});

test('what one message to this page may have is a number of bytes', () => {
  for (const maxReceive of /** @type {any[]} */ ([0, -1, 1.5, NaN, Infinity, '16 MiB', 2 ** 28 + 1])) {
    assert.throws(() => new Drawbridge({ base: BASE, maxReceive }), { name: 'RangeError', message: 'maxReceive is 1 to 268435456 bytes.' }, String(maxReceive));
  }
  assert.equal(new Drawbridge({ base: BASE, maxReceive: 2 ** 28 }).state, 'closed');
});

test('a peer that the site has removed goes at once, with its channel; one that the server has given up may stay', async () => {
  const { bridge } = await enter();
  const left = [];
  bridge.on('leave', ({ id }) => left.push(id));
  adds('bob');
  adds('cat');
  await settle();
  for (const connection of net.all) connection.becomes('connected');
  await settle();
  const remove = (id, more = {}) => server.stream.say('remove-peer', { peer: { id, username: id }, roomId: 'tea', ...more }, '1-2');
  remove('bob');
  remove('cat', { cause: 'removed' });
  await settle();
  assert.deepEqual(left, ['cat']);
  assert.deepEqual(bridge.peers.map(({ id }) => id), ['bob']);
});

test('a connection is made to whom the page wants one, and to others when something is said', async () => {
  const { bridge } = await enter({}, { connect: ({ username }) => username === 'bob' });
  adds('bob');
  adds('cat', { offer: false });
  await settle();
  const states = () => bridge.peers.map(({ username, state }) => `${username} ${state}`);
  assert.deepEqual([states(), net.all.length], [['bob connecting', 'cat idle'], 1]);
  bridge.send('hello', 'cat').catch(() => {});
  await settle();
  assert.deepEqual([states(), net.all.length], [['bob connecting', 'cat connecting'], 2]);
  assert.equal(offers().length, 2, 'whoever has something to say offers');
});

test('whoever is offered something is idle no more', async () => {
  const { bridge } = await enter({}, { connect: 'none' });
  adds('bob');
  await settle();
  server.stream.say('ice-candidate', { peer: { id: 'bob' }, data: {} }, '1-2');
  assert.equal(bridge.peers[0].state, 'idle');
  server.stream.say('session-description', { peer: { id: 'bob' }, data: { type: 'offer', sdp: 'a=fingerprint:sha-256 x\r\na=ice-ufrag:u\r\n' } }, '1-3');
  await settle();
  assert.deepEqual([bridge.peers[0].state, net.all.length, net.all[0].signalingState], ['connecting', 1, 'stable']);
});

test('rooms come and go one by one; the short names are those of the last', async () => {
  const { bridge } = await enter({ 'milk/join': () => json({ peers: [] }), 'tea/leave': () => json({}), 'milk/leave': () => json({}) });
  const happened = [];
  bridge.on('join', (peer, { name }) => happened.push(`+${peer.id} ${name}`));
  bridge.on('leave', (peer, { name }) => happened.push(`-${peer.id} ${name}`));
  const tea = bridge.room;
  bridge.join('milk');
  await settle();
  const milk = bridge.room;
  assert.deepEqual([tea?.name, milk?.name, bridge.rooms], ['tea', 'milk', [tea, milk]]);
  const says = (event, roomId, more = {}) => server.stream.say(event, { peer: { id: 'bob', username: 'bob' }, roomId, ...more }, '1-1');
  says('add-peer', 'tea', { offer: true });
  says('add-peer', 'milk', { offer: true });
  await settle();
  assert.equal(tea?.peers[0], milk?.peers[0]);
  assert.equal(net.all.length, 1);
  says('remove-peer', 'tea');
  assert.deepEqual([tea?.peers.length, milk?.peers.length, net.all[0].connectionState], [0, 1, 'new']);
  milk?.leave();
  assert.deepEqual([bridge.room, bridge.peers, milk?.state, net.all[0].connectionState], [tea, [], 'left', 'closed']);
  await settle();
  assert.equal(server.count('milk/leave'), 1);
  assert.deepEqual(happened, ['+bob tea', '+bob milk', '-bob tea', '-bob milk']);
  await assert.rejects(/** @type {any} */ (milk).send('x'), { status: 404, message: 'This page is not in the room.' });
  bridge.leave();
  assert.equal(bridge.room, null);
  await assert.rejects(bridge.send('x'), { status: 404, message: 'This page is in no room.' });
});

test('where it is mounted is said with or without a slash at its end', async () => {
  for (const base of ['http://draw.test/at', new URL('http://draw.test/at/')]) {
    const { bridge } = await enter({ 'at/access': () => json(token(3_600)) }, { base });
    assert.equal(server.stream.url.pathname, '/at/connect', String(base));
    bridge.close();
  }
});

test('who was looked for and not found is not everybody', async () => {
  const { bridge } = await enter();
  await assert.rejects(bridge.send('x', /** @type {any} */ (null)), { name: 'TypeError' });
});

test('who is removed from one of its rooms is in the others', async () => {
  const { bridge } = await enter({ 'milk/join': () => json({ peers: [] }) });
  const tea = bridge.room;
  bridge.join('milk');
  await settle();
  server.stream.say('remove-peer', { peer: { id: 'ann', username: 'ann' }, roomId: 'tea', cause: 'removed' }, '1-1');
  assert.deepEqual([tea?.state, tea?.detail, bridge.state, bridge.room?.name], ['left', 'You were removed from the room.', 'connected', 'milk']);
});

test('a name that a peer says is another is asked of the server, once for all who say so', async () => {
  const users = [{ id: 'bob', username: 'Robert' }, { id: 'cat', username: 'Katze' }];
  const told = [];
  let asked = 0;
  const names = new Names(() => [{ peers: new Map([['bob', {}]]), look: async () => { asked++; return users; } }], (id, name) => told.push(`${id}: ${name}`));
  for (let i = 0; i < 100; i++) names.changed('bob');
  await pass(2_000);
  await settle();
  assert.deepEqual([asked, told], [1, ['bob: Robert']]);
  names.changed('bob');
  await pass(2_000);
  assert.equal(asked, 2);
});

test('listeners: once, until a signal, off', () => {
  const bridge = new Drawbridge({ base: BASE });
  const heard = [];
  const end = new AbortController();
  const listener = (...details) => heard.push(['on', ...details]);
  bridge.addEventListener('event', ({ name, data }) => heard.push(['once', name, data]), { once: true });
  bridge.addEventListener('event', ({ name }) => heard.push(['signal', name]), { signal: end.signal });
  bridge.on('event', listener);
  bridge.on('event', listener); // as with addEventListener(), it is one
  const emit = (name) => bridge.emit('event', { name, data: 1 });
  emit('a');
  end.abort();
  bridge.off('event', listener);
  emit('b');
  assert.deepEqual(heard, [['once', 'a', 1], ['signal', 'a'], ['on', 'a', 1]]);
  const remove = bridge.on('event', listener);
  remove();
  emit('c');
  assert.equal(heard.length, 3);
});
