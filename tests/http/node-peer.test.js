// One room shared with the Node application: a peer that speaks as DESIGN 4 describes it.
import assert from 'node:assert/strict';
import { isRelayed, isRemoved } from './lib/peer.js';
import { Redis } from './lib/resp.js';
import { GRACE, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';
import { until } from './lib/wait.js';

/** A peer of that application, with its own hands in Redis. */
class NodePeer {
  id = randomId('n');
  user = { id: this.id, username: 'node', iat: 1764000000 }; // it says all that its token says
  /** @type {Redis} */ redis;
  /** @type {Redis} */ listener;
  /** @type {string[]} */ messages;

  static async connect(site) {
    const peer = new NodePeer();
    peer.redis = await Redis.open(site.servers[0].redis);
    peer.listener = await Redis.open(site.servers[0].redis);
    peer.messages = await peer.listener.subscribe(`messages:${peer.id}`);
    return peer;
  }

  publish(to, event, data) {
    return this.redis.ask('PUBLISH', `messages:${to}`, JSON.stringify({ event, data }));
  }

  /** Each other member hears of it, and it of each other, to whom it is told to offer. */
  async join(room) {
    for (const other of await this.redis.ask('SMEMBERS', `channels:${room}`)) {
      await this.publish(other, 'add-peer', { peer: this.user, roomId: room, offer: false });
      await this.publish(this.id, 'add-peer', { peer: { id: other }, roomId: room, offer: true });
    }
    await this.redis.ask('SADD', `channels:${room}`, this.id);
    await this.redis.ask('SADD', `${this.id}:channels`, room);
  }

  async leave(room) {
    await this.redis.ask('SREM', `channels:${room}`, this.id);
    await this.redis.ask('SREM', `${this.id}:channels`, room);
    for (const other of await this.redis.ask('SMEMBERS', `channels:${room}`)) {
      await this.publish(other, 'remove-peer', { peer: this.user, roomId: room });
    }
  }

  async relay(to, event, data) {
    await this.publish(to.id, event, { peer: this.user, data });
  }

  /** The next message on its channel. */
  async next() {
    await until(() => this.messages.length, 'a message to the Node application’s peer');
    return this.messages.shift();
  }

  close() {
    this.redis.close();
    this.listener.close();
  }
}

suite('node peer', { settings: { RATE: 0 }, together: true, allowed: [/^warn at=stream\.message .*why=malformed/] }, (site, it) => {
  const fresh = (run) => async () => {
    const node = await NodePeer.connect(site);
    try {
      await run(node);
    } finally {
      node.close();
    }
  };

  it('it joins our room: told in its own words, without an id', fresh(async (node) => {
    const room = randomId('r');
    const [ann] = await site.room(room, 1);
    await node.join(room);
    const event = await ann.stream.next();
    assert.deepEqual({ ...event, data: JSON.parse(event.data) },
      { id: null, event: 'add-peer', data: { peer: node.user, roomId: room, offer: false } });
    assert.deepEqual(JSON.parse(await node.next()), { event: 'add-peer', data: { peer: { id: ann.id }, roomId: room, offer: true } });
    assert.deepEqual((await ann.ask('GET', `/${room}/peers`)).json.peers, [{ id: node.id }]);
  }));

  it('we join its room: it is told as its own are, without an id, and is not told to offer', fresh(async (node) => {
    const room = randomId('r');
    await node.join(room);
    const ann = site.peer();
    ann.stream = await ann.open();
    assert.deepEqual(await ann.join(room), [{ id: node.id }]);
    assert.deepEqual(JSON.parse(await node.next()), { event: 'add-peer', data: { peer: ann.user, roomId: room, offer: false } });
    const event = await ann.stream.next();
    assert.match(event.id, /^[0-9]+-[0-9]+$/);
    assert.deepEqual([event.event, JSON.parse(event.data)], ['add-peer', { peer: { id: node.id }, roomId: room, offer: true }]);
  }));

  it('relays go both ways, and neither has what the other does not expect', fresh(async (node) => {
    const room = randomId('r');
    await node.join(room);
    const [ann] = await site.room(room, 1);
    await node.next();
    await ann.stream.next();
    const description = { type: 'offer', sdp: 'v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\n' };
    assert.equal(await ann.relay(node, 'session-description', description), true);
    assert.equal(await node.next(), JSON.stringify({ event: 'session-description', data: { peer: ann.user, data: description } }));
    await node.relay(ann, 'ice-candidate', { candidate: 'c' });
    const event = await ann.stream.next();
    assert.deepEqual({ ...event, data: JSON.parse(event.data) },
      { id: null, event: 'ice-candidate', data: { peer: node.user, data: { candidate: 'c' } } });
    // A batch and a broadcast are single messages to it.
    await ann.ask('POST', `/relay/${node.id}`, [{ event: 'a', data: 1 }, { event: 'b', data: 2 }]);
    await ann.ask('POST', `/${room}/broadcast/c`, '3');
    for (const [name, data] of [['a', 1], ['b', 2], ['c', 3]]) {
      assert.deepEqual(JSON.parse(await node.next()), { event: name, data: { peer: ann.user, data } });
    }
    assert.equal(await site.redis('EXISTS', `mailbox:${node.id}`, `peer:${node.id}`), 0);
  }));

  it('its messages move no position: who was cut resumes behind them', fresh(async (node) => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    await node.join(room);
    await ann.stream.next();
    await bob.stream.next();
    await bob.relay(ann, 'n', 1);
    await ann.stream.next();
    const { lastEventId } = ann.stream;
    await node.relay(ann, 'x', 1);
    assert.equal((await ann.stream.next()).id, null);
    assert.equal(ann.stream.lastEventId, lastEventId);
    ann.stream.cut();
    await bob.relay(ann, 'n', 2);
    const again = await ann.open({ after: lastEventId });
    assert.equal(again.connected.resumed, true);
    isRelayed(await again.next(), bob, 'n', 2);
  }));

  it('whoever leaves, the other hears it', fresh(async (node) => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    await node.join(room);
    await ann.stream.next();
    await bob.stream.next();
    await node.next();
    await node.next();
    await bob.leave(room);
    isRemoved(await ann.stream.next(), bob, room);
    assert.deepEqual(JSON.parse(await node.next()), { event: 'remove-peer', data: { peer: bob.user, roomId: room } });
    await node.leave(room);
    isRemoved(await ann.stream.next(), node, room);
    assert.equal((await ann.ask('POST', `/relay/${node.id}/x`, '1')).status, 404);
  }));

  it('one of ours that dies is told to it after the grace, and the room is its own again', fresh(async (node) => {
    const room = randomId('r');
    await node.join(room);
    const [ann] = await site.room(room, 1);
    const watcher = await site.peer().open(); // one stream of the deployment lives
    await node.next();
    assert.ok(await site.redis('PTTL', `channels:${room}`) > 0);
    ann.stream.cut();
    assert.deepEqual(JSON.parse(await node.next()), { event: 'remove-peer', data: { peer: ann.user, roomId: room } });
    assert.deepEqual(await site.redis('SMEMBERS', `channels:${room}`), [node.id]);
    assert.equal(await site.redis('PTTL', `channels:${room}`), -1);
    watcher.cut();
  }));

  it('its peer stays, though it has no stream of ours', fresh(async (node) => {
    const room = randomId('r');
    await node.join(room);
    const [ann] = await site.room(room, 1);
    await ann.stream.next();
    await ann.stream.ping(GRACE + 4); // 3 PING and one more
    assert.equal(await ann.relay(node, 'x', 1), true);
    assert.deepEqual(await ann.others(room), [node.id]);
  }));

  it('whatever it publishes that is no message of these does no harm', fresh(async (node) => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    for (const text of ['', '{', 'null', '[]', '{}', '{"event":1,"data":1}', '{"event":"a\\nb","data":1}', '{"event":"x"}', 'x'.repeat(100_000)]) {
      await node.redis.ask('PUBLISH', `messages:${ann.id}`, text);
    }
    await bob.relay(ann, 'mark', 1);
    isRelayed(await ann.stream.find((event) => event.event === 'mark'), bob, 'mark', 1);
    assert.equal(ann.stream.ended, undefined);
  }));
});
