// signaling.test.js - what a person is told while there is no stream; and names of rooms that cannot be.
import assert from 'node:assert/strict';
import test, { afterEach, beforeEach } from 'node:test';
import { ask } from '../../src/page/client/requests.js';
import { Signaling } from '../../src/page/client/signaling.js';
import { begin, end, json, server, settle, token } from './lib/browser.js';
import { pass } from './lib/clock.js';
import { collectGarbage } from './lib/garbage.js';

const BASE = new URL('http://draw.test/');
const HELD_BACK = 'The server answers, but something in between holds the stream back.';
const UNREACHED = 'The server cannot be reached.';
const PATIENCE_MS = 10_000;
const REQUEST_MS = 10_000;

beforeEach(() => begin());
afterEach(end);

/** A server by path; what is not there hangs. */
function serve(routes) {
  server.answer = ({ path }) => routes[path]?.();
}

const working = { access: () => json(token(3_600)), 'tea/join': () => json({ peers: [] }), 'health/live': () => json({}) };

async function enter() {
  const signaling = new Signaling({ base: BASE }, []);
  signaling.open();
  signaling.join('tea').catch(() => {});
  await settle();
  return signaling;
}

const connected = () => server.stream.say('connected', { resumed: false, rooms: [] }, '1-0');

const told = ({ state, detail }) => [state, detail];

test('where many join at once it is said, with the time until the next attempt', async () => {
  const crowd = (headers) => () => json({ status: 429, title: 'Too Many Requests' }, { status: 429, headers });
  serve({ ...working, access: crowd({ 'Retry-After': '7' }) });
  const signaling = await enter();
  assert.deepEqual(told(signaling), ['connecting', 'Many are joining at once; trying again in 7 s.']);
  serve({ ...working, access: crowd({}) }); // a web server's own, which does not say when
  await pass(7_000 * 1.25);
  await settle();
  assert.deepEqual(told(signaling), ['connecting', 'Many are joining at once; trying again.']);
  serve(working);
  await pass(2_000);
  await settle();
  connected();
  await settle();
  assert.deepEqual(told(signaling), ['connected', '']);
});

test('where something gathers the stream it is said, until it comes', async () => {
  serve(working);
  const signaling = await enter();
  await pass(PATIENCE_MS - 1_000);
  assert.deepEqual(told(signaling), ['connecting', '']);
  await pass(2_000);
  await settle();
  assert.deepEqual(told(signaling), ['connecting', HELD_BACK]);
  await pass(60_000);
  await settle();
  assert.deepEqual(told(signaling), ['connecting', HELD_BACK]);
  assert.ok(server.count('health/live') < 10, `${server.count('health/live')} questions in a minute`);
  connected();
  await settle();
  assert.deepEqual(told(signaling), ['connected', '']);
});

test('also of a stream that is to come back', async () => {
  serve(working);
  const signaling = await enter();
  connected();
  await settle();
  assert.equal(signaling.state, 'connected');
  await pass(60_000); // it falls silent, and so does the next
  await settle();
  assert.deepEqual(told(signaling), ['reconnecting', HELD_BACK]);
});

test('a server that answers nothing cannot be reached, and one that fails says how', async () => {
  serve({ access: working.access });
  const signaling = await enter();
  await pass(PATIENCE_MS + REQUEST_MS + 1_000);
  await settle();
  assert.deepEqual(told(signaling), ['connecting', UNREACHED]);
  serve({ ...working, 'health/live': () => json({ detail: 'Bad gateway.' }, { status: 502 }) });
  await pass(60_000);
  await settle();
  assert.deepEqual(told(signaling), ['connecting', 'Bad gateway.']);
});

test('a page of another origin is told what it may have to be listed in, until it has been answered', async () => {
  const place = Object.getOwnPropertyDescriptor(globalThis, 'location');
  Object.defineProperty(globalThis, 'location', { configurable: true, value: new URL('http://shop.test/') });
  try {
    const signaling = await enter();
    await pass(REQUEST_MS + 1_000);
    await settle();
    assert.deepEqual(told(signaling), ['connecting', 'The server cannot be reached, or does not list http://shop.test in DRAWBRIDGE_ORIGINS.']);
    serve({ access: working.access });
    await pass(60_000);
    await settle();
    await pass(PATIENCE_MS + REQUEST_MS + 1_000);
    await settle();
    assert.deepEqual(told(signaling), ['connecting', UNREACHED]);
  } finally {
    if (place) Object.defineProperty(globalThis, 'location', place);
    else Reflect.deleteProperty(globalThis, 'location');
  }
});

test('where something else answers it is said where', async () => {
  const html = Object.defineProperty(new Response('<h1>Not Found</h1>', { status: 404 }), 'url', { value: 'http://draw.test/access?token=t' });
  serve({ access: () => html });
  assert.deepEqual(told(await enter()), ['refused', 'No Drawbridge at http://draw.test/access: status 404']);
});

test('a stream that comes while it is asked about is none that is held back', async () => {
  serve({ ...working, 'health/live': () => undefined });
  const signaling = await enter();
  await pass(PATIENCE_MS + 1_000);
  assert.equal(server.count('health/live'), 1);
  await pass(2_000); // the next stream
  connected();
  await settle();
  server.asked.find(({ path }) => path === 'health/live').resolve(json({}));
  await settle();
  assert.deepEqual(told(signaling), ['connected', '']);
});

test('a name that no room can have is refused in words, is asked for nowhere, and changes nothing', async () => {
  serve(working);
  const signaling = await enter();
  connected();
  await settle();
  const asked = server.asked.length;
  for (const name of /** @type {any[]} */ (['//evil.example/x', 'https://evil.example', '..', '', 'a/b', 'tea?x', 'tea#x', 'a b', 'é', 'x'.repeat(65), '\\\\evil.example', undefined, 5, null])) {
    await assert.rejects(signaling.join(name), { name: 'Refusal', status: 400, message: "A room's name is 1 to 64 letters, digits, _ or -." }, name);
  }
  assert.equal(server.asked.length, asked);
  assert.deepEqual([signaling.room?.name, ...told(signaling)], ['tea', 'connected', '']);
});

test('a name for which the server has another use is refused, and the stream goes on', async () => {
  serve({ ...working, 'tea/leave': () => json({}), 'access/join': () => json({ detail: 'Not a room.' }, { status: 404 }), 'milk/join': working['tea/join'] });
  const signaling = await enter();
  connected();
  await settle();
  const joined = assert.rejects(signaling.join('access'), { name: 'Refusal', status: 404, message: 'Not a room.' });
  await settle();
  await joined;
  assert.deepEqual([signaling.room?.name, ...told(signaling)], ['tea', 'connected', '']);
  await Promise.all([signaling.join('milk'), settle()]);
  assert.deepEqual([signaling.room?.name, ...told(signaling)], ['milk', 'connected', '']);
});

test('the stream waits for what it has to wait for; where that fails the page is refused, and may try again', async () => {
  serve({});
  let fail = () => {};
  const signaling = new Signaling({ base: BASE, ready: () => new Promise((_, reject) => { fail = () => reject(new Error('It is not there.')); }) }, []);
  signaling.open();
  await settle();
  assert.deepEqual([signaling.state, server.streams.length], ['connecting', 0]);
  fail();
  await settle();
  assert.deepEqual([signaling.state, signaling.detail, server.streams.length], ['refused', 'It is not there.', 0]);
  signaling.open();
  await settle();
  signaling.close();
  fail();
  await settle();
  assert.deepEqual([signaling.state, server.streams.length], ['closed', 0]);
});

test('no request goes anywhere but below the base', async () => {
  const below = new URL('http://draw.test/board/');
  for (const path of ['//evil.example/x', 'http://evil.example/', '/access', '../access', 'https://draw.test/board/access']) {
    await assert.rejects(ask(below, 'POST', path, { token: 'secret' }), /is not below http:/, path);
  }
  assert.equal(server.asked.length, 0);
});

/** As a browser has it, at each estimate of how fast the network is. @param {string} [type] */
function networkChange(type) {
  const { connection } = /** @type {Navigator & {connection: EventTarget & {type: string}}} */ (navigator);
  if (type) connection.type = type;
  connection.dispatchEvent(new Event('change'));
}

/** In a room, at this address, which the server tells of each request for ICE servers. */
async function enterAt(address) {
  let networks = 0;
  const server = { ...working, ice: () => json({ iceServers: [], expires: 2 ** 31, address: at.address }) };
  serve(server);
  const signaling = await enter();
  signaling.on('network', () => { networks++; });
  connected();
  const at = { signaling, address, get networks() { return networks; } };
  await settle();
  await Promise.all([signaling.ice(), settle()]);
  return at;
}

test('only another network counts, and not each estimate of how fast one is', async () => {
  const at = await enterAt('192.0.2.1');
  const streams = server.streams.length;
  for (let i = 0; i < 5; i++) networkChange();
  await pass(1);
  await settle();
  assert.deepEqual([server.streams.length, at.networks, server.count('ice')], [streams, 0, 2]);
  networkChange('cellular');
  await pass(1);
  await settle();
  assert.deepEqual([server.streams.length, at.networks], [streams + 1, 1]);
});

test('another of the same type is told by the address that the server sees, which it is asked once in 5 s at most', async () => {
  const at = await enterAt('192.0.2.1');
  networkChange();
  await pass(1);
  await settle();
  const streams = server.streams.length;
  at.address = '192.0.2.2';
  for (let i = 0; i < 4; i++) {
    networkChange();
    server.stream.say('ping', {});
    await pass(1_000);
  }
  assert.deepEqual([server.count('ice'), server.streams.length, at.networks], [2, streams, 0]);
  await pass(2_000);
  await settle();
  assert.deepEqual([server.count('ice'), server.streams.length, at.networks], [3, streams + 1, 1]);
  for (const address of ['192.0.2.2', null, '192.0.2.2']) { // the same, and one that proxies are not certain of
    connected();
    at.address = address;
    await pass(30_000);
    networkChange();
    await pass(1);
    await settle();
  }
  assert.equal(at.networks, 1);
});

test('where a network goes without a word, half of the silence is enough', async () => {
  const at = await enterAt('192.0.2.1');
  const streams = server.streams.length;
  at.address = '192.0.2.2';
  await pass(12_000);
  await settle();
  assert.deepEqual([server.streams.length, at.networks], [streams, 0]);
  await pass(4_000);
  await settle();
  assert.deepEqual([server.streams.length, at.networks], [streams + 1, 1]);
});

test('a server whose pings are rare is waited for', async () => {
  const at = await enterAt('192.0.2.1');
  const streams = server.streams.length;
  await pass(20_000);
  assert.equal(server.streams.length, streams);
  for (let i = 0; i < 5; i++) { // twice as long each time
    await pass(60_000);
    server.stream.say(server.streams.length > streams + i ? 'connected' : 'ping', { resumed: true, rooms: ['tea'] });
  }
  const after = server.streams.length;
  for (let i = 0; i < 5; i++) {
    await pass(60_000);
    server.stream.say('ping', {});
  }
  assert.equal(server.streams.length, after);
  assert.equal(at.networks, 0);
});

test('of a computer that has slept timers go on where they were, and the clock tells', async () => {
  const at = await enterAt('192.0.2.1');
  server.stream.say('ping', {});
  const streams = server.streams.length;
  await pass(1_000);
  const { now } = Date;
  Date.now = () => now() + 3_600_000;
  await pass(5_000);
  await settle();
  assert.deepEqual([server.streams.length, at.networks], [streams + 1, 1]);
  connected();
  Date.now = () => now(); // set back
  for (let i = 0; i < 10; i++) {
    server.stream.say('ping', {});
    await pass(10_000);
  }
  assert.deepEqual([server.streams.length, at.networks], [streams + 1, 1]);
});

test('what has failed is tried again at once when there is a network, or a stream, and soon where that was too early', async () => {
  let isThere = false;
  const at = await enterAt('192.0.2.1');
  const { answer } = server;
  server.answer = (request) => (isThere ? answer(request) : new Error('no network'));
  const outcome = at.signaling.ice();
  const asked = () => server.count('ice');
  for (let i = 0; i < 60; i++) await pass(1_000); // attempts are far apart by now
  const before = asked();
  dispatchEvent(new Event('online'));
  await settle();
  assert.equal(asked(), before + 1);
  await pass(1_500);
  assert.equal(asked(), before + 2);
  for (let i = 0; i < 60; i++) await pass(1_000);
  isThere = true;
  const beforeStream = asked();
  connected();
  await settle();
  assert.equal(asked(), beforeStream + 1);
  await outcome;
});

test('a stream that does not begin is asked for again within 3 s, and one that ends comes back by itself', async () => {
  await enterAt('192.0.2.1');
  const fails = () => {
    server.stream.readyState = EventSource.CONNECTING;
    server.stream.onerror();
  };
  const before = server.streams.length;
  fails();
  await pass(9_000);
  assert.equal(server.streams.length, before);
  await pass(5_000); // for too long, though
  for (let i = 1; i < 10; i++) {
    const streams = server.streams.length;
    fails();
    await pass(3_000);
    await settle();
    assert.equal(server.streams.length, streams + 1, `attempt ${i}`);
  }
});

test('a network that has gone is no use yet, and is used once there is one', async () => {
  const at = await enterAt('192.0.2.1');
  const becomes = (word) => {
    Object.assign(navigator, { onLine: word === 'online' });
    dispatchEvent(new Event(word));
  };
  becomes('offline');
  await pass(5_000);
  await settle();
  assert.equal(at.networks, 0);
  becomes('online');
  assert.equal(at.networks, 1);
});

test('two of one page are two peers, also on the page that comes back, and on the next', async () => {
  let ids = 0;
  serve({ ...working, access: () => json({ ...token(3_600), user: { id: `peer${++ids}`, username: 'ann' } }) });
  const two = () => [0, 1].map(() => new Signaling({ base: BASE }, []));
  const open = async (all) => {
    for (const one of all) one.open();
    await settle();
    return all.map(({ user }) => user.id);
  };
  const page = (event, more = {}) => dispatchEvent(Object.assign(new Event(event), more));
  const both = two();
  assert.deepEqual(await open(both), ['peer1', 'peer2']);
  page('pagehide');
  page('pageshow', { persisted: true });
  await settle();
  assert.deepEqual(both.map(({ user, state }) => [user.id, state]), [['peer1', 'connecting'], ['peer2', 'connecting']]);
  page('pagehide');
  assert.deepEqual(await open(two()), ['peer1', 'peer2']);
});

test('the goodbye of a page that goes outlives it, and nothing cuts it off', async () => {
  serve({ ...working, 'tea/leave': () => undefined });
  for (const goes of [(signaling) => signaling.close(), () => dispatchEvent(new Event('pagehide'))]) {
    server.asked = [];
    const signaling = await enter();
    connected();
    await settle();
    goes(signaling);
    const goodbye = server.asked.find(({ path }) => path === 'tea/leave'); // in this turn: a page that goes has no other
    assert.deepEqual([goodbye?.method, goodbye?.keepalive], ['POST', true]);
    assert.deepEqual(goodbye?.headers, {}, 'no preflight');
    await pass(60_000);
    goodbye.resolve(json({})); // it is under way still
    await settle();
  }
});

test('nothing holds what was closed', async () => {
  serve({ ...working, 'tea/leave': () => json({}) });
  const used = async () => {
    const signaling = await enter();
    connected();
    await settle();
    signaling.close();
    return new WeakRef(signaling);
  };
  const refs = [];
  for (let i = 0; i < 10; i++) refs.push(await used());
  await pass(60_000);
  Object.assign(server, { asked: [], streams: [] });
  await collectGarbage();
  assert.equal(refs.filter((ref) => ref.deref()).length, 0);
});

/** Told of bob in tea, where it is. */
async function enterWithBob() {
  const signaling = await enter();
  connected();
  await settle();
  server.stream.say('add-peer', { peer: { id: 'bob', username: 'bob' }, roomId: 'tea', offer: true }, '2-0');
  await settle();
  assert.deepEqual([...signaling.room?.peers.keys() ?? []], ['bob']);
  return signaling;
}

/** The relays that were asked for: key and events of each. */
const relays = () => server.asked.filter(({ path }) => path === 'relay/bob')
  .map(({ headers, body }) => [headers['Idempotency-Key'], body.map(({ event }) => event).join()]);

test('a relay is repeated with its key where there is no answer, or 503, or 429; what comes after it waits', async () => {
  const answers = [new Error('the network failed'), json({}, { status: 503 }), json({}, { status: 429, headers: { 'Retry-After': '1' } })];
  serve({ ...working, 'relay/bob': () => answers.shift() ?? json({ delivered: true }) });
  const signaling = await enterWithBob();
  const first = signaling.relay('bob', 'first', 1);
  await settle();
  const second = signaling.relay('bob', 'second', 2);
  await pass(30_000);
  await settle();
  assert.deepEqual(await Promise.all([first, second]), [{ delivered: true }, { delivered: true }]);
  const [[key]] = relays();
  assert.match(key, /^"[\w-]{1,64}"$/);
  assert.deepEqual(relays().slice(0, 4), Array(4).fill([key, 'first']));
  assert.equal(relays().length, 5);
  assert.equal(relays()[4][1], 'second');
  assert.notEqual(relays()[4][0], key);
});

test('for less than the five minutes in which the server knows it, and then the next goes', async () => {
  let isBack = false;
  serve({ ...working, 'relay/bob': () => isBack ? json({ delivered: true }) : json({ detail: 'No Redis.' }, { status: 503 }) });
  const signaling = await enterWithBob();
  const first = assert.rejects(signaling.relay('bob', 'first', 1), { name: 'Refusal', status: 503, message: 'No Redis.' });
  await settle();
  const second = signaling.relay('bob', 'second', 2);
  await pass(300_000);
  await first;
  assert.ok(relays().length > 8 && relays().length < 40, String(relays().length));
  isBack = true;
  await pass(30_000);
  await settle();
  assert.deepEqual(await second, { delivered: true });
});

const removed = { peer: { id: 'ann', username: 'ann' }, roomId: 'tea', cause: 'removed' };

/** It knows of nobody any more, and asks for nothing, however long one waits. */
async function staysAway(signaling, detail) {
  assert.deepEqual([signaling.rooms.size, ...told(signaling)], [0, 'refused', detail]);
  assert.equal(server.stream.readyState, EventSource.CLOSED);
  const [asked, streams] = [server.asked.length, server.streams.length];
  await pass(600_000);
  await settle();
  assert.deepEqual([server.asked.length, server.streams.length], [asked, streams]);
}

test('who is disconnected is told why, forgets the room, and does not come back by itself', async () => {
  serve(working);
  for (const [reason, detail] of [['Out of time.', 'Out of time.'], ['', 'You were disconnected.']]) {
    const signaling = await enterWithBob();
    let cleared = 0;
    signaling.on('cleared', () => cleared++);
    server.stream.say('disconnect', { reason, for: 60 }, '3-0');
    await staysAway(signaling, detail);
    assert.equal(cleared, 1);
  }
});

test('so is who is removed from the room; a person may join again', async () => {
  serve(working);
  const signaling = await enterWithBob();
  server.stream.say('remove-peer', { ...removed, roomId: 'milk' }, '3-0');
  assert.equal(signaling.state, 'connected');
  server.stream.say('remove-peer', removed, '3-1');
  await staysAway(signaling, 'You were removed from the room.');
  signaling.open();
  const joined = signaling.join('tea');
  await settle();
  connected();
  await settle();
  await joined;
  assert.deepEqual(told(signaling), ['connected', '']);
});

test('who was removed while its stream was away hears so before it would join again', async () => {
  serve(working);
  const signaling = await enterWithBob();
  server.stream.say('connected', { resumed: true, rooms: [] }, '2-0');
  await settle();
  server.stream.say('remove-peer', removed, '3-0');
  await staysAway(signaling, 'You were removed from the room.');
  assert.equal(server.count('tea/join'), 1);
});

test('who is no member for another reason, as its last page said goodbye late, joins again', async () => {
  serve(working);
  const signaling = await enterWithBob();
  server.stream.say('connected', { resumed: true, rooms: [] }, '2-0');
  await pass(2_000);
  await settle();
  assert.equal(server.count('tea/join'), 2);
  assert.deepEqual(told(signaling), ['connected', '']);
});

test('who is kept out of the room is told so, and does not try again', async () => {
  const detail = 'You were removed from this room and are kept out of it for 60 s.';
  serve({ ...working, 'tea/join': () => json({ detail }, { status: 403 }) });
  const signaling = await enter();
  connected();
  await settle();
  await staysAway(signaling, detail);
});

test('who was disconnected does not come back as somebody else, unlike who was away for too long', async () => {
  const revoked = { detail: 'The token was revoked; another one, issued since, is required.' };
  const expired = { detail: 'The token is invalid or has expired.' };
  const givesUp = () => {
    server.stream.readyState = EventSource.CLOSED; // as after any status but 200
    server.stream.onerror();
  };
  for (const problem of [revoked, expired]) {
    serve(working);
    const signaling = await enterWithBob();
    const renewals = server.count('access');
    server.answer = ({ path, headers }) => path !== 'access' ? undefined :
      headers.Authorization ? json(problem, { status: 401 }) : json(token(3_600));
    givesUp();
    await pass(2_000);
    await settle();
    if (problem === revoked) await staysAway(signaling, revoked.detail);
    assert.equal(server.count('access') - renewals, problem === revoked ? 1 : 2);
    assert.equal(signaling.state, problem === revoked ? 'refused' : 'reconnecting');
    signaling.close();
  }
});
