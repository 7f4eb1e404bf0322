// pace.test.js - how fast things are relayed: to many peers at once, and no faster than a server takes. Time is the test's own.
import assert from 'node:assert/strict';
import test, { afterEach, beforeEach } from 'node:test';
import { Outbox } from '../../src/page/client/outbox.js';
import { Refusal, persist } from '../../src/page/client/requests.js';
import { letTimeGo, stopTime, tick, tickOnce, trueTime, turns } from './lib/clock.js';

const OTHERS = 31;
const SDP = 'x'.repeat(700);
const CANDIDATE = 'x'.repeat(180);
const RTT_MS = 50;

beforeEach(() => stopTime());
afterEach(letTimeGo);

const now = () => trueTime();

/** A server that takes so much a second of a peer, and six times that at once, as ours do, and answers after a while. */
class Server {
  posts = [];
  running = 0;
  most = 0; // requests at once
  refused = 0;
  #levels = { messages: 6, bytes: 6 }; // seconds
  #at = now();

  constructor({ messages = 100, bytes = 262_144, retryAfter = 1_000 } = {}) {
    this.rates = { messages, bytes };
    this.retryAfter = retryAfter;
  }

  async post(peer, body) {
    const events = JSON.parse(body).map(({ event }) => event);
    this.most = Math.max(this.most, ++this.running);
    const post = { peer, events, at: now(), status: this.#takes({ messages: events.length, bytes: body.length }) ? 200 : 429 };
    this.posts.push(post);
    await new Promise((resolve) => { setTimeout(resolve, RTT_MS); });
    this.running--;
    if (post.status === 200) return { delivered: true };
    this.refused++;
    throw Object.assign(new Refusal(429, 'Too Many Requests'), { retryable: true, retryAfter: this.retryAfter });
  }

  #takes(cost) {
    const seconds = (now() - this.#at) / 1000;
    this.#at = now();
    for (const name of Object.keys(this.#levels)) this.#levels[name] = Math.min(6, this.#levels[name] + seconds);
    if (Object.values(this.#levels).some((level) => level < 0)) return false;
    for (const name of Object.keys(this.#levels)) this.#levels[name] -= cost[name] / this.rates[name];
    return true;
  }

  /** Of all that it took. */
  get events() {
    return this.posts.filter(({ status }) => status === 200).flatMap(({ peer, events }) => events.map((event) => `${peer} ${event}`));
  }
}

const outboxTo = (server) => new Outbox((peer, body) => server.post(peer, body), (_peer, attempt) => persist(() => true, attempt));

/** Lets time pass until all of it is there. @returns {Promise<number>} after how many ms */
async function done(sent) {
  const began = now();
  let took = 0;
  Promise.all(sent).then(() => { took = now() - began; });
  for (await turns(); !took; await turns()) tickOnce();
  return took;
}

/** An offer to each of the others, each as it is made, and what ICE finds for it. */
function join(outbox, { candidates = 8 } = {}) {
  const sent = [];
  for (let i = 0; i < OTHERS; i++) {
    const push = (event, data, urgent) => sent.push(outbox.push(`p${i}`, event, data, urgent));
    setTimeout(() => {
      push('offer', SDP, true);
      for (let n = 0; n < candidates; n++) setTimeout(() => push(`candidate ${n}`, CANDIDATE), 3 * n);
    }, 10 * i);
  }
  return sent;
}

test('31 offers have left within a second, before candidates, four at a time; and candidates go together', async () => {
  const server = new Server();
  const outbox = outboxTo(server);
  const began = now();
  const sent = join(outbox);
  tick(10 * OTHERS - 10); // until the last one is made
  await turns();
  const took = now() - began + await done(sent);
  const offers = server.posts.filter(({ events }) => events.includes('offer'));
  assert.equal(offers.length, OTHERS);
  assert.ok(offers.at(-1).at - began <= 1_000, `the last offer left after ${offers.at(-1).at - began} ms`);
  assert.ok(took <= 2_000, `all of it was there after ${took} ms`);
  assert.equal(server.most, 4);
  assert.ok(server.posts.length <= 3 * OTHERS, `${server.posts.length} requests`);
  assert.equal(server.refused, 0);
  for (let i = 0; i < OTHERS; i++) {
    assert.deepEqual(server.events.filter((event) => event.startsWith(`p${i} `)),
      ['offer', ...Array.from({ length: 8 }, (_, n) => `candidate ${n}`)].map((event) => `p${i} ${event}`));
  }
});

test('an offer that is made while candidates wait overtakes those for others, and none for its own peer', async () => {
  const server = new Server();
  const outbox = outboxTo(server);
  const sent = [];
  for (let i = 0; i < 20; i++) sent.push(outbox.push(`p${i}`, 'candidate', CANDIDATE));
  await turns();
  sent.push(outbox.push('p19', 'offer', SDP, true), outbox.push('late', 'offer', SDP, true));
  await done(sent);
  assert.deepEqual(server.posts.slice(4, 6).map(({ peer, events }) => `${peer} ${events}`), ['p19 candidate,offer', 'late offer']);
});

test('a server with its default limits is never hit, whatever there is to relay', async () => {
  for (const [why, count, size] of /** @type {[string, number, number][]} */ ([
    ['much', 3_000, 10], ['large', 300, 11_000], ['as a room of 256 does', 256 * 9, 200]])) {
    const server = new Server();
    const outbox = outboxTo(server);
    const sent = Array.from({ length: count }, (_, i) => outbox.push(`p${i % 7}`, 'e', 'x'.repeat(size)));
    const took = await done(sent);
    assert.equal(server.events.length, count, why);
    assert.equal(server.refused, 0, why);
    const least = Math.max(count / 100, count * size / 262_144) - 6; // seconds, of a client that knows the limits
    assert.ok(took / 1000 < Math.max(least, 0) + 5, `${why}: ${took} ms, and ${least} s is the least`);
  }
});

test('one that takes less is asked for less, and nothing while it says to wait', async () => {
  const server = new Server({ messages: 20, retryAfter: 3_000 });
  const outbox = outboxTo(server);
  const sent = Array.from({ length: 1_000 }, (_, i) => outbox.push(`p${i % 7}`, `e${i}`, 'x'));
  const took = await done(sent);
  assert.equal(server.events.length, 1_000);
  const refusals = server.posts.filter(({ status }) => status === 429);
  assert.ok(refusals.length > 0);
  for (const { at } of refusals) {
    const during = server.posts.filter((post) => post.at > at + RTT_MS && post.at < at + RTT_MS + 3_000);
    assert.equal(during.length, 0, `${at - server.posts[0].at} ms`);
  }
  assert.ok(took < 2 * 1_000 * 1_000 / 20, `${took} ms`);
  assert.ok(refusals.length <= 12, `${refusals.length} refusals`);
});

test('peers for whom the server keeps no more keep no others waiting, however many they are', async () => {
  const server = new Server();
  const full = Object.assign(new Refusal(503, 'full'), { retryable: true, retryAfter: 30_000 });
  const outbox = new Outbox(async (peer, body) => {
    const answer = await server.post(peer, body);
    if (peer.startsWith('full')) throw full;
    return answer;
  }, (_peer, attempt) => persist(() => true, attempt));
  for (let i = 0; i < 20; i++) outbox.push(`full${i}`, 'e');
  const took = await done([outbox.push('bob', 'e')]);
  assert.ok(took < 1_000, `${took} ms`);
});
