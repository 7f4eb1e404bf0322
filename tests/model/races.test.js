// races.test.js - single races that need virtual time. (The others are rows of tests/unit/scripts_test.c.)
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { RedisServer } from '../http/lib/redis-server.js';
import { SETTINGS } from './lib/scripts.js';
import { isAbove } from './lib/stream.js';
import { World } from './lib/world.js';

const HOUR_MS = 3_600_000;
const LATE_MS = 4000; // of a beat
const user = (peer) => JSON.stringify({ id: peer });

describe('a race', () => {
  let server;
  let world;
  before(async () => { server = await RedisServer.start(); });
  after(() => server.remove());
  beforeEach(async () => {
    world = await World.open(server, 1, { ROOM_PEERS: 1000, TELL_AT_ONCE: 128 });
    world.afterScript = () => {};
  });
  afterEach(() => world.close());

  const run = (step, peer, more) => world.run(step, { peer, user: user(peer), server: world.runId, room: 'r', ...more });
  const connect = (peer, position) => run('connect', peer, { position });
  const beat = ({ peer, life }) => run('beat', peer, { life });
  const members = async () => (await world.redis.ask('SMEMBERS', 'channels:r')).sort();

  /** A stream. */
  async function open(peer) {
    const subscription = await world.subscribe(peer);
    return { peer, subscription, ...await connect(peer) };
  }

  /** Streams whose peers are in the room. */
  async function enter(...peers) {
    const streams = [];
    for (const peer of peers) streams.push(await open(peer));
    for (const peer of peers) await run('join', peer);
    return streams;
  }

  /** What a stream got, as "add-peer b". */
  async function heard({ subscription }) {
    return (await subscription.pushes()).map(JSON.parse).map(({ event, data }) => `${event} ${data.peer?.id ?? ''}`.trim());
  }

  it('a second tab begins a new life in the gap of the first: its position is gone', async () => {
    const [, b] = await enter('a', 'b');
    await b.subscription.close();
    await open('b');
    await world.subscribe('b');
    const { resumed, rooms, missed } = await connect('b', b.position);
    assert.deepEqual({ resumed, rooms, missed }, { resumed: false, rooms: [], missed: [] });
  });

  it('join and relay between SUBSCRIBE and connect: that life is over, and the others are told', async () => {
    const [a] = await enter('a');
    await world.subscribe('b');
    await run('join', 'b');
    await run('relay', 'a', { to: 'b', most: 0, messages: [`"event":"x","data":{"peer":${user('a')}}}`] });
    const { resumed, missed } = await connect('b');
    assert.deepEqual({ resumed, missed }, { resumed: false, missed: [] });
    assert.deepEqual(await heard(a), ['add-peer b', 'remove-peer b']);
  });

  it('a message in the millisecond of connect has an id above its own', async () => {
    const a = await open('a');
    await run('join', 'a');
    await enter('b');
    // Nothing before it: a first connect has nobody to tell that a life began.
    assert.deepEqual(await heard(a), ['add-peer b']);
    const { resumed, missed } = await connect('a', a.position);
    assert.deepEqual([resumed, missed.length], [true, 1]);
    assert.notEqual(missed[0][0], a.position);
    assert.equal(missed[0][0].split('-')[0], a.position.split('-')[0], 'the same millisecond');
  });

  it('a clock an hour forward, and the next beats are late: nobody with a stream loses the room', async () => {
    const streams = await enter('a', 'b', 'c', 'd', 'e', 'f');
    world.offset += HOUR_MS;
    assert.ok((await beat(streams[0])).moved);
    world.now += SETTINGS.PING_MS + LATE_MS;
    for (const stream of streams) assert.ok((await beat(stream)).accepted);
    assert.deepEqual(await members(), ['a', 'b', 'c', 'd', 'e', 'f']);
  });

  it('a host dies with 200 peers and one stream lives: it reaps all, though a look takes only a few', async () => {
    const [z] = await enter('z');
    for (let i = 0; i < 200; i++) { // without the noise of joining
      const { peer, subscription } = await open(`m${i}`);
      await world.redis.ask('SADD', 'channels:r', peer);
      await world.redis.ask('SADD', `${peer}:channels`, 'r');
      await subscription.close();
    }
    const lookAt = new Set(); // seconds, as stream.fcgi: GRACE + PING / 2 after somebody was moved
    const deadline = 60;
    let second = 0;
    for (; (await members()).length > 1 && second < deadline; second++, world.now += 1000) {
      let answer = second % 10 === 0 ? await beat(z) : lookAt.has(second) ? await run('due', '') : {};
      while (answer.moved || answer.more) {
        if (answer.moved) lookAt.add(second + 16);
        answer = answer.more ? await run('due', '') : {};
      }
    }
    assert.deepEqual(await members(), ['z']);
    // Two beats until they are silent for 1.5 PING, and GRACE + PING / 2.
    assert.ok(second <= 37, `${second} s`);
  });

  it('what a master said that is gone names nothing on the next: its life is above it', async () => {
    const [, b] = await enter('a', 'b');
    const { peer } = b;
    await world.redis.ask('COPY', `mailbox:${peer}`, 'replica');
    await run('relay', 'a', { to: peer, most: 0, messages: [`"event":"x","data":{"peer":${user('a')}}}`] });
    const last = world.published[peer].at(-1);
    await world.redis.ask('RENAME', 'replica', `mailbox:${peer}`); // which that message had not reached
    await world.redis.ask('HSET', `peer:${peer}`, 'server', 'another');
    const { resumed, life } = await connect(peer, last);
    assert.equal(resumed, false);
    assert.ok(isAbove(life, last), `${life} is not above ${last}`);
  });

  it('reaped and begun anew within one millisecond: ids are above all before', async () => {
    const [, b] = await enter('a', 'b', 'c');
    world.now += SETTINGS.PING_MS * 4;
    const { peer } = b;
    await run('leave', 'a');
    await run('leave', 'c');
    const last = world.published[peer].at(-1);
    await world.redis.ask('ZADD', 'leaving', 0, peer);
    await run('due', '');
    const { life } = await connect(peer);
    assert.ok(isAbove(life, last), `${life} is not above ${last}`);
  });

  it('a beat tells the rest of a join while its next part is on the way: each is told once', async () => {
    await world.close();
    world = await World.open(server, 1, { ROOM_PEERS: 1000, TELL_AT_ONCE: 4 });
    world.afterScript = () => {};
    const [a] = await enter('a', 'b', 'c');
    const d = await open('d');
    const { again } = await run('join', 'd');
    assert.deepEqual(again, { begun: 1 });
    await heard(a);
    await beat(d);
    assert.deepEqual(await run('join', 'd', again), []);
    assert.deepEqual((await heard(d)).sort(), ['add-peer a', 'add-peer b', 'add-peer c']);
    // A join that was not begun goes on as one.
    assert.deepEqual(await run('join', 'd', { begun: 0 }), { again: { begun: 1 } });
  });
});
