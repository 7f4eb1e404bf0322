// strangers.test.js - a page with a secret, or without one, between a browser and a server that the test plays; bob's page, too.
import assert from 'node:assert/strict';
import test, { afterEach, beforeEach } from 'node:test';
import { Seal } from '../../src/page/client/seal.js';
import { Drawbridge } from '../../src/page/drawbridge.js';
import { begin, end, json, server, settle, token } from './lib/browser.js';
import { tick } from './lib/clock.js';
import { ciphers } from './lib/crypto.js';
import { FakeConnection, makeConnectionsOf, net } from './lib/webrtc.js';

const SECRET = 'a secret of some length';
const NO_SECRET = 'Its page has no secret, and this one has.';
const HAS_SECRET = 'Its page has a secret, and this one has none.';
const OTHER_SECRET = 'Its page has another secret.';
const OFFER = { type: 'offer', sdp: 'a=fingerprint:sha-256 bob\r\na=ice-ufrag:bob\r\n' };

beforeEach(() => {
  begin();
  net.reset();
  makeConnectionsOf(FakeConnection);
});
afterEach(end);

const says = (event, data) => server.stream.say(event, { peer: { id: 'bob', username: 'bob' }, data }, '1-2');
const adds = (offer = true) => server.stream.say('add-peer', { peer: { id: 'bob', username: 'bob' }, roomId: 'tea', offer }, '1-1');

/** All that was relayed. */
const relayed = () => server.asked.filter(({ path }) => path.startsWith('relay/')).flatMap(({ body }) => body);

/** With what ciphers have to do, and what comes of it. */
async function rest() {
  for (let before = -1; ciphers.atWork > 0 || ciphers.begun + server.asked.length !== before;) {
    before = ciphers.begun + server.asked.length;
    await settle();
  }
}

/** A page in the room `tea` with bob, and what it was told of him. */
async function enter(options = {}) {
  const known = { access: () => json(token(3_600)), 'tea/join': () => json({ peers: [] }), ice: () => json({ iceServers: [], expires: token(3_600).expires }) };
  server.answer = ({ path }) => (known[path] ?? (path.startsWith('relay/') ? () => json({ delivered: true }) : () => undefined))();
  const bridge = new Drawbridge({ base: 'http://draw.test/', ...options });
  const told = [];
  for (const event of /** @type {const} */ (['join', 'leave'])) bridge.on(event, () => told.push(event));
  bridge.on('peer', ({ state, detail }) => told.push(detail || state));
  bridge.join('tea');
  await rest();
  server.stream.say('connected', { resumed: false, rooms: [] }, '1-0');
  await settle();
  return { bridge, told, sent: () => bridge.send('hello', 'bob').then(() => 'arrived', ({ status, message }) => `${status} ${message}`) };
}

/** Bob's page, with a secret. */
function sealed(secret = SECRET) {
  const opened = [];
  const seal = new Seal(secret, {
    me: () => 'bob',
    relay: async (_id, data) => { says('peer-data', data); },
    opened: (_id, event, data) => opened.push([event, data]),
    member() {}, stranger() {},
  });
  seal.open('ann');
  let read = 0;
  const goOn = async () => {
    do {
      await rest();
      for (const { event, data } of relayed().slice(read)) {
        read++;
        seal.receive('ann', event === 'peer-data' ? data : undefined);
      }
      await rest();
    } while (relayed().length > read);
  };
  return { opened, goOn, greet: () => seal.greet('ann'), say: (event, data) => seal.relay('ann', event, data).catch(() => {}) };
}

test('all that leaves is sealed, and what is sealed is heard', async () => {
  const { bridge, told } = await enter({ secret: SECRET });
  const bob = sealed();
  adds();
  await bob.goOn();
  assert.deepEqual([...new Set(relayed().map(({ event, data }) => `${event} ${Object.keys(data)}`))], ['peer-data sealed']);
  assert.equal(bob.opened[0][0], 'session-description');
  bob.say('session-description', { type: 'answer', sdp: OFFER.sdp });
  await bob.goOn();
  assert.equal(net.all[0].remoteDescription.type, 'answer');
  bob.say('peer-data', { status: { protocol: 2, session: 'bob', to: '', at: 0, way: 'relay', turn: 1, why: '', max: 100 } });
  await bob.goOn();
  assert.deepEqual([told, bridge.peers[0].state], [['join', 'relayed'], 'relayed']);
});

test('who speaks in the clear is a stranger: nothing is taken, nothing is sent; who has the secret after all, begins anew', async () => {
  const { bridge, told, sent } = await enter({ secret: SECRET });
  const waiting = (adds(), sent());
  await rest();
  for (const [event, data] of [['session-description', OFFER], ['ice-candidate', { candidate: '' }], ['peer-data', { status: { protocol: 2, session: 'x' } }], ['peer-data', null]]) says(event, data);
  await rest();
  const refused = `403 This peer is a stranger. ${NO_SECRET}`;
  assert.deepEqual([await waiting, await sent()], [refused, refused]);
  assert.deepEqual([told, net.all.map(({ connectionState, remoteDescription }) => [connectionState, remoteDescription])], [['join', NO_SECRET], [['closed', null]]]);
  adds(); // it joins again, as that page
  tick(60_000);
  await rest();
  assert.equal(net.all.length, 1);
  assert.deepEqual([...new Set(relayed().map(({ event, data }) => `${event} ${Object.keys(data)}`))], ['peer-data sealed']);
  const bob = sealed();
  const before = bridge.peers[0];
  bob.greet();
  await bob.goOn();
  assert.deepEqual(told.slice(2).filter((one) => one !== 'connecting'), ['leave', 'join']);
  assert.equal(bridge.peers[0], before);
  assert.deepEqual([before.state, before.detail], ['connecting', '']);
  assert.equal(bob.opened[0][0], 'session-description');
  bridge.send('hello', 'bob');
  assert.ok(before.buffered > 0);
});

test('of offers that wait for its hello the last alone is made to a peer', async () => {
  await enter({ secret: SECRET });
  adds();
  for (let s = 0; s < 60; s++) {
    tick(1_000);
    await rest();
  }
  assert.ok(net.all.length > 2);
  const bob = sealed();
  bob.greet();
  await bob.goOn();
  const offers = bob.opened.filter(([event]) => event === 'session-description').map(([, { sdp }]) => sdp);
  assert.deepEqual(offers, [net.all[net.all.length - 1].localDescription.sdp]);
});

test('who has another secret is one, too', async () => {
  const { told, sent } = await enter({ secret: SECRET });
  const bob = sealed('another secret of some length');
  adds(false);
  await bob.goOn();
  assert.deepEqual([told, bob.opened, await sent()], [['join', OTHER_SECRET], [], `403 This peer is a stranger. ${OTHER_SECRET}`]);
});

test('who is reached by a channel is not made one by what somebody says in its name', async () => {
  const { bridge, told } = await enter({ secret: SECRET });
  const bob = sealed();
  adds();
  await bob.goOn();
  const [connection] = net.all;
  connection.becomes('connected');
  connection.channel.readyState = 'open';
  says('session-description', OFFER);
  says('peer-data', {});
  await rest();
  assert.deepEqual([told, connection.connectionState, bridge.peers[0].state], [['join'], 'connected', 'connecting']);
  bob.say('session-description', { type: 'answer', sdp: OFFER.sdp });
  await bob.goOn();
  assert.equal(connection.remoteDescription.type, 'answer');
});

test('events of other names make nobody one', async () => {
  const { told } = await enter({ secret: SECRET, events: ['news'] });
  adds();
  says('news', 'forged');
  await rest();
  assert.deepEqual(told, ['join']);
});

test('a page without a secret tells who seals that it has none, and takes what comes in the clear', async () => {
  const { bridge, told, sent } = await enter();
  const bob = sealed();
  adds();
  await rest();
  const before = relayed().length;
  bob.greet();
  await rest();
  assert.deepEqual(relayed().slice(before), [{ event: 'peer-data', data: {} }]);
  assert.deepEqual([told, await sent()], [['join', HAS_SECRET], `403 This peer is a stranger. ${HAS_SECRET}`]);
  assert.equal(net.all[0].connectionState, 'closed');
  says('session-description', OFFER); // its next page
  await rest();
  assert.deepEqual(told.slice(2).filter((one) => one !== 'connecting'), ['leave', 'join']);
  assert.equal(bridge.peers[0].detail, '');
  assert.ok(net.all.length === 2 && net.all[1].connectionState !== 'closed');
});

test('where connections are made when they are wanted, so are hellos; a stranger stays one', async () => {
  let wanted = false;
  const { bridge, told, sent } = await enter({ secret: SECRET, connect: () => wanted });
  const bob = sealed();
  adds();
  await rest();
  assert.deepEqual([relayed(), bridge.peers[0].state], [[], 'idle']);
  says('peer-data', {});
  await rest();
  assert.equal(await sent(), `403 This peer is a stranger. ${NO_SECRET}`);
  wanted = true;
  adds();
  await rest();
  assert.deepEqual([net.all.length, bridge.peers[0].state], [0, 'stranger']);
  wanted = false;
  bob.greet();
  await bob.goOn();
  assert.deepEqual(told, ['join', NO_SECRET, 'leave', 'join']);
  assert.equal(net.all.length, 0);
  bridge.send('hello', 'bob');
  await bob.goOn();
  assert.deepEqual([net.all.length, bob.opened[0][0]], [1, 'session-description']);
});

test('a peer that goes takes what was sealed for it along, and one that comes under its id is another', async () => {
  const { bridge, told } = await enter({ secret: SECRET });
  const bob = sealed();
  adds();
  await bob.goOn();
  server.stream.say('remove-peer', { peer: { id: 'bob', username: 'bob' }, roomId: 'tea' }, '1-3');
  await rest();
  assert.deepEqual([told, bridge.peers], [['join', 'leave'], []]);
  says('peer-data', {});
  bob.say('session-description', OFFER);
  adds();
  await bob.goOn();
  assert.deepEqual([told, bridge.peers[0].state], [['join', 'leave', 'join'], 'connecting']);
  says('peer-data', {});
  server.stream.say('remove-peer', { peer: { id: 'bob', username: 'bob' }, roomId: 'tea' }, '1-3');
  await rest();
  const before = relayed().length;
  tick(60_000); // a stranger would be greeted
  await rest();
  assert.equal(relayed().length, before);
});

test('a page that leaves when a stranger turns out to be none hears nothing more of it', async () => {
  const { bridge, told } = await enter({ secret: SECRET });
  const bob = sealed();
  adds();
  await bob.goOn();
  says('peer-data', {});
  bridge.on('join', () => bridge.leave());
  bob.say('session-description', OFFER);
  await bob.goOn();
  assert.deepEqual([told.includes(NO_SECRET), bridge.peers, net.all.every(({ remoteDescription }) => !remoteDescription)], [true, [], true]);
});

test('what is no secret is refused, and null, too: it might have been meant as one', () => {
  for (const secret of /** @type {any[]} */ ([null, '', 'short', 7])) assert.throws(() => new Drawbridge({ base: 'http://draw.test/', secret }), TypeError);
});

test('who publishes connects to a stranger that is none after all, though nobody else wants a connection', async () => {
  class Stream extends EventTarget {
    id = 'one';
    getTracks() { return [Object.assign(new EventTarget(), { kind: 'video', readyState: 'live', enabled: true })]; }
    addTrack() {}
    removeTrack() {}
  }
  globalThis.MediaStream = /** @type {any} */ (Stream);
  const { bridge } = await enter({ secret: SECRET, connect: 'none' });
  adds();
  await rest();
  says('peer-data', {}); // in the clear
  await rest();
  assert.equal(bridge.peers[0].state, 'stranger');
  await bridge.publish(/** @type {any} */ (new Stream()));
  await rest();
  assert.equal(net.all.length, 0);
  const bob = sealed();
  bob.greet();
  await bob.goOn();
  assert.notEqual(bridge.peers[0].state, 'stranger');
  assert.equal(net.all.length, 1);
});
