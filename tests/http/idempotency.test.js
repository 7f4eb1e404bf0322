// Requests that bear an Idempotency-Key, and are repeated: one answer, and nobody gets a message twice.
import assert from 'node:assert/strict';
import { Door } from './lib/door.js';
import { refused } from './lib/http.js';
import { KILLED } from './lib/logs.js';
import { isRelayed } from './lib/peer.js';
import { isAlive, signal } from './lib/processes.js';
import { RedisServer } from './lib/redis-server.js';
import { Server } from './lib/server.js';
import { OUTSIDE, SERVER, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';
import { until } from './lib/wait.js';

const lost = [/^(warn|info|error) at=(redis|store|stream|signal|beat|health)\.[a-z]+ /];

/** A function that makes the same request each time. */
function repeatable(peer, path, body, key = randomId('k')) {
  return (headers = {}) => peer.ask('POST', path, body, { 'Idempotency-Key': key, ...headers });
}

/** Repeats it until it is answered, as whoever has a key may; gives the answer. */
const persist = (ask) => until(async () => {
  const answer = await ask().catch(() => null);
  return answer && [200, 202].includes(answer.status) && answer; // 202, and so for ever, if its stream was yet to return
}, 'an answer');

/** What the peers have heard until a mark that another one sends: data of the events. */
async function heardUntilMark(from, ...peers) {
  return Promise.all(peers.map(async ({ id, stream }) => {
    const heard = [];
    await from.relay({ id }, 'mark', 0);
    await stream.find(({ event, data }) => {
      if (event !== 'mark') heard.push(JSON.parse(data).data);
      return event === 'mark';
    });
    return heard;
  }));
}

/** It is broadcast to two at a time. */
const LONG = 'x'.repeat(130_000);

suite('idempotency', { settings: { RATE: 0, RATE_BYTES: 0 } }, (site, it) => {
  it('a repeat has the answer of the first, on each path, and arrives once', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    for (const [path, body] of /** @type {[string, any][]} */ ([
      [`/relay/${bob.id}/x`, '1'], [`/relay/${bob.id}`, [{ event: 'x', data: 2 }, { event: 'x', data: 3 }]], [`/${ann.room}/broadcast/x`, '4'],
    ])) {
      const ask = repeatable(ann, path, body);
      const first = await ask();
      assert.equal(first.status, 200);
      for (let i = 0; i < 3; i++) {
        const { status, text } = await ask();
        assert.deepEqual([status, text], [200, first.text]);
      }
    }
    assert.deepEqual(await heardUntilMark(ann, bob), [[1, 2, 3, 4]]);
  });

  it('all at once, they are one', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    const ask = repeatable(ann, `/relay/${bob.id}/x`, '1');
    for (const { status } of await Promise.all(Array.from({ length: 20 }, () => ask()))) assert.equal(status, 200);
    assert.deepEqual(await heardUntilMark(ann, bob), [[1]]);
  });

  it('in quotes or without it is the same key; its peer’s, and no other’s', async () => {
    const [ann, bob, cat] = await site.room(randomId('r'), 3);
    const key = randomId('k');
    for (const [peer, value] of /** @type {[import('./lib/peer.js').Peer, string][]} */ ([[ann, key], [ann, `"${key}"`], [cat, key]])) {
      assert.equal((await peer.ask('POST', `/relay/${bob.id}/x`, JSON.stringify(peer.id), { 'Idempotency-Key': value })).status, 200);
    }
    assert.deepEqual(await heardUntilMark(ann, bob), [[ann.id, cat.id]]);
  });

  it('422: another body, event, peer or room under it', async () => {
    const [ann, bob, cat] = await site.room(randomId('r'), 3);
    const key = randomId('k');
    assert.equal((await repeatable(ann, `/relay/${bob.id}/x`, '1', key)()).status, 200);
    for (const [path, body] of /** @type {[string, any][]} */ ([
      [`/relay/${bob.id}/x`, '2'], [`/relay/${bob.id}/x`, ' 1'], [`/relay/${bob.id}/y`, '1'], [`/relay/${cat.id}/x`, '1'],
      [`/relay/${bob.id}`, [{ event: 'x', data: 1 }]], [`/${ann.room}/broadcast/x`, '1'],
    ])) refused(await repeatable(ann, path, body, key)(), 422);
    assert.deepEqual(await heardUntilMark(ann, bob, cat), [[1], []]);
  });

  it('of the site’s own server: likewise, and its keys are no peer’s', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    const token = site.serverToken();
    const key = randomId('k');
    for (const [path, body, answer] of /** @type {[string, string, object][]} */ ([
      [`/server/peers/${bob.id}/events/x`, '1', { delivered: true }], [`/server/rooms/${ann.room}/events/x`, '2', { peers: 2 }],
    ])) {
      const ask = (text) => site.request('POST', path, { token, body: text, headers: { 'Idempotency-Key': `${key}-${body}` } });
      for (let i = 0; i < 2; i++) assert.deepEqual((await ask(body)).json, answer);
      refused(await ask('3'), 422);
      assert.equal((await repeatable(ann, `/relay/${bob.id}/x`, '4', `${key}-${body}`)()).status, 200);
    }
    assert.deepEqual(await heardUntilMark(ann, bob), [[1, 4, 2, 4]]);
    assert.deepEqual(await heardUntilMark(bob, ann), [[2]]);
  });

  it('who is away: 202 each time, and it is kept once', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    const position = bob.stream.lastEventId;
    bob.stream.cut();
    const ask = repeatable(ann, `/relay/${bob.id}/x`, '1');
    await until(async () => (await ann.ask('POST', `/relay/${bob.id}/gone`, '0')).status === 202, 'it to be away');
    assert.equal((await ask()).status, 202);
    bob.stream = await bob.open({ after: position });
    assert.deepEqual([(await ask()).status, (await ask()).json], [202, { delivered: false }]);
    await bob.stream.find(({ event }) => event === 'x');
    assert.deepEqual(await heardUntilMark(ann, bob), [[]]);
  });

  it('what was refused is tried again', async () => {
    const room = randomId('r');
    const [ann] = await site.room(room, 1);
    const bob = site.peer();
    bob.stream = await bob.open();
    const relay = repeatable(ann, `/relay/${bob.id}/x`, '1');
    const broadcast = repeatable(bob, `/${room}/broadcast/x`, '2');
    refused(await relay(), 404);
    refused(await broadcast(), 404);
    await bob.join(room);
    assert.equal((await relay()).status, 200);
    assert.deepEqual((await broadcast()).json, { peers: 1 });
    await bob.stream.find(({ event }) => event === 'x');
    await ann.stream.find(({ event }) => event === 'x');
  });
});

suite('idempotency, and Redis stands still', {
  settings: { RATE: 0, RATE_BYTES: 0, GRACE: 600 }, redis: () => RedisServer.start(), allowed: lost,
}, (site, it) => {
  it('503, and then the same again until there is an answer: once', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    const relay = repeatable(ann, `/relay/${bob.id}/x`, '1');
    const broadcast = repeatable(ann, `/${ann.room}/broadcast/x`, '2');
    site.server.stall();
    try {
      // What is given up on is with Redis, and runs later.
      for (const ask of [relay, relay, broadcast, broadcast]) refused(await ask(), 503);
    } finally {
      site.server.goOn();
    }
    await persist(relay);
    assert.deepEqual((await persist(broadcast)).json, { peers: 1 });
    assert.deepEqual((await heardUntilMark(ann, bob))[0].sort(), [1, 2]);
  });
});

suite('idempotency, and answers that get lost', {
  settings: { RATE: 0, RATE_BYTES: 0, GRACE: 600, BODY_MAX: 200_000 }, redis: () => Door.start(), allowed: [...lost, ...KILLED],
}, (site, it) => {
  it('of Redis: 503, and the repeat is answered and not sent', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    assert.deepEqual(await heardUntilMark(ann, bob), [[]]); // Redis knows the script
    const key = randomId('lost');
    const ask = repeatable(ann, `/relay/${bob.id}/x`, '1', key);
    site.server.keeps = [key];
    refused(await ask(), 503);
    isRelayed(await bob.stream.next(), ann, 'x', 1);
    site.server.keeps = [];
    assert.deepEqual((await persist(ask)).json, { delivered: true });
    assert.deepEqual(await heardUntilMark(ann, bob), [[]]);
  });

  it('a broadcast that ended between two of its parts goes on there, by another host, too', async () => {
    const there = await Server.start({ kind: SERVER, mount: '/', redis: site.server.url, settings: site.settings });
    const [here] = site.servers;
    try {
      const [ann, ...others] = await site.room(randomId('r'), 7);
      const [, second] = others.map(({ id }) => id).sort(); // after whom the first part of two ends
      const key = randomId('parts');
      const path = `/${ann.room}/broadcast/x`;
      const ask = (base) => site.request('POST', path, { token: ann.token, base, body: JSON.stringify(LONG), headers: { 'Idempotency-Key': key } });
      site.server.keeps = [key, ` ${second}`]; // a beat of many peers has the latter, too
      refused(await ask(here.base), 503);
      site.server.keeps = [];
      const { status, json } = await persist(() => ask(there.base));
      assert.deepEqual([status, json], [200, { peers: 6 }]);
      assert.deepEqual((await persist(() => ask(here.base))).json, { peers: 6 });
      for (const heard of await heardUntilMark(ann, ...others)) assert.deepEqual(heard.map((data) => data === LONG), [true]);
    } finally {
      await there.stop();
    }
  });

  // Elsewhere nobody in the tests starts those again that ended.
  if (!OUTSIDE) {
    it('signal.fcgi is killed between the script and its answer: the repeat is answered and not sent', async () => {
      const [ann, bob] = await site.room(randomId('r'), 2);
      const key = randomId('killed');
      const ask = repeatable(ann, `/relay/${bob.id}/x`, '1', key);
      site.server.keeps = [key];
      const first = ask().catch(() => null);
      isRelayed(await bob.stream.next(), ann, 'x', 1);
      const killed = site.processes('signal.fcgi');
      for (const pid of killed) signal(pid, 'SIGKILL');
      await until(() => !killed.some(isAlive), 'it to die');
      assert.notEqual((await first)?.status, 200);
      site.server.keeps = [];
      assert.deepEqual((await persist(ask)).json, { delivered: true });
      assert.deepEqual(await heardUntilMark(ann, bob), [[]]);
    });
  }
});
