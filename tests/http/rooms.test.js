// Joining and leaving: who is there, who is told, and who of two begins.
import assert from 'node:assert/strict';
import http from 'node:http';
import { isAdded, isRelayed, isRemoved } from './lib/peer.js';
import { FULL, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';
import { until } from './lib/wait.js';

suite('rooms', { settings: { RATE: 0 }, together: true }, (site, it) => {
  it('joining names the others; each of both sides hears of the other, one to offer', async () => {
    const room = randomId('r');
    const [ann, bob, cat] = ['ann', 'bob', 'cat'].map((username) => site.peer({ username }));
    for (const peer of [ann, bob, cat]) peer.stream = await peer.open();
    assert.deepEqual(await ann.join(room), []);
    assert.deepEqual(await bob.join(room), [ann.user]);
    isAdded(await ann.stream.next(), bob, room, false);
    isAdded(await bob.stream.next(), ann, room, true);
    const others = await cat.join(room);
    assert.deepEqual(others.sort((a, b) => (a.username < b.username ? -1 : 1)), [ann.user, bob.user]);
    isAdded(await ann.stream.next(), cat, room, false);
    isAdded(await bob.stream.next(), cat, room, false);
    const heard = [await cat.stream.next(), await cat.stream.next()]
      .sort((a, b) => (JSON.parse(a.data).peer.username < JSON.parse(b.data).peer.username ? -1 : 1));
    isAdded(heard[0], ann, room, true);
    isAdded(heard[1], bob, room, true);
    for (const event of [...heard]) assert.match(event.id, /^[0-9]+-[0-9]+$/);
    assert.deepEqual(await cat.others(room), [ann.id, bob.id].sort());
  });

  it('a join is idempotent: the peer is told of the others again, they are not told of it', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    assert.deepEqual(await ann.join(room), [bob.user]);
    isAdded(await ann.stream.next(), bob, room, false); // as before: of a pair one offers
    assert.deepEqual(await bob.join(room), [ann.user]);
    isAdded(await bob.stream.next(), ann, room, true);
    assert.deepEqual(await bob.others(room), [ann.id]);
    await ann.leave(room);
    isRemoved(await bob.stream.next(), ann, room);
    assert.deepEqual(await bob.others(room), []);
  });

  it('twice, but it was away, or has lost what it was told: the others are told too', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    const { lastEventId: after } = ann.stream;
    ann.stream.cut();
    await until(async () => await site.redis('ZSCORE', 'present', ann.id) === null, 'it to be away');
    await ann.join(room);
    isAdded(await bob.stream.next(), ann, room, false);
    ann.stream = await ann.open({ after });
    isAdded(await ann.stream.next(), bob, room, true);
    const twin = await ann.open({ after: '1-1' });
    assert.deepEqual([twin.connected.resumed, twin.connected.rooms], [false, [room]]);
    for (const heard of [1, 0]) {
      await ann.join(room);
      if (heard) isAdded(await bob.stream.next(), ann, room, false);
      isAdded(await twin.next(), bob, room, true);
    }
    await ann.relay(bob, 'mark', 1);
    isRelayed(await bob.stream.next(), ann, 'mark', 1); // told once
  });

  it('leaving is told at once to those who stay, and is fine where one is not', async () => {
    const room = randomId('r');
    const [ann, bob, cat] = await site.room(room, 3);
    await bob.leave(room);
    isRemoved(await ann.stream.next(), bob, room);
    isRemoved(await cat.stream.next(), bob, room);
    await bob.leave(room);
    await bob.leave(randomId('r'));
    await site.peer().leave(room);
    await ann.relay(cat, 'mark', 1);
    isRelayed(await cat.stream.next(), ann, 'mark', 1); // told once
    await bob.join(room);
    for (const peer of [ann, cat]) isAdded(await peer.stream.next(), bob, room, false);
    const offers = [await bob.stream.next(), await bob.stream.next()].map((event) => JSON.parse(event.data));
    assert.deepEqual(offers.map((data) => [data.peer.id, data.offer]).sort(), [[ann.id, true], [cat.id, true]].sort());
  });

  it('in several rooms each is told by its name, and leaving one is leaving one', async () => {
    const [one, two] = [randomId('r'), randomId('r')];
    const [ann, bob] = await site.room(one, 2);
    await ann.join(two);
    await bob.join(two);
    isAdded(await ann.stream.next(), bob, two, false);
    isAdded(await bob.stream.next(), ann, two, true);
    await bob.leave(one);
    isRemoved(await ann.stream.next(), bob, one);
    assert.deepEqual(await ann.others(one), []);
    assert.deepEqual(await ann.others(two), [bob.id]);
    assert.equal(await ann.relay(bob, 'x', 1), true);
  });

  it('rooms are strangers to each other', async () => {
    const [one, two] = [randomId('r'), randomId('r')];
    const [ann, bob] = await site.room(one, 2);
    const [cat] = await site.room(two, 1);
    assert.equal((await cat.ask('POST', `/relay/${ann.id}/x`, '1')).status, 404);
    assert.equal((await cat.ask('GET', `/${one}/peers`)).status, 404);
    await ann.relay(bob, 'mark', 1);
    isRelayed(await bob.stream.next(), ann, 'mark', 1);
  });

  it('who joins before the stream hears all when it comes in time', async () => {
    const room = randomId('r');
    const [ann] = await site.room(room, 1);
    const bob = site.peer({ username: 'bob' });
    assert.deepEqual(await bob.join(room), [ann.user]);
    isAdded(await ann.stream.next(), bob, room, false);
    assert.equal(await ann.relay(bob, 'x', 1), false); // kept
    // A stream without a position begins anew, as a page does; it joins again.
    const stream = await bob.open();
    assert.equal(stream.connected.resumed, false);
    isRemoved(await ann.stream.next(), bob, room);
    assert.deepEqual(stream.connected.rooms, []);
  });

  it('who joins and never comes is gone after the grace', async () => {
    const room = randomId('r');
    const [ann] = await site.room(room, 1);
    const bob = site.peer({ username: 'bob' });
    await bob.join(room);
    isAdded(await ann.stream.next(), bob, room, false);
    isRemoved(await ann.stream.next(), bob, room);
    assert.equal(await site.redis('EXISTS', `peer:${bob.id}`, `mailbox:${bob.id}`, `${bob.id}:channels`), 0);
  });

});

// They keep a machine busy for seconds, in which nobody else's grace should end.
suite('rooms that many join', { settings: { RATE: 0 } }, (site, it) => {
  const PAIRS = FULL ? 500 : 25;
  it(`${2 * PAIRS} join at the same moment, two to a room: of each pair one side is to offer`, async () => {
    const pairs = Array.from({ length: PAIRS }, () => ({
      room: randomId('r'), peers: [site.peer({ username: 'ann' }), site.peer({ username: 'bob' })],
    }));
    await Promise.all(pairs.flatMap(({ peers }) => peers.map(async (peer) => { peer.stream = await peer.open(); })));
    const together = new http.Agent({ keepAlive: false, maxSockets: Infinity });
    await Promise.all(pairs.map(async ({ room, peers }) => {
      const [first, second] = await Promise.all(peers.map((peer) => peer.join(room, together)));
      assert.equal(first.length + second.length, 1, 'one came first, and one found it');
    }));
    await Promise.all(pairs.map(async ({ room, peers }) => {
      const heard = [];
      for (const [i, peer] of peers.entries()) {
        const event = await peer.stream.next();
        const data = JSON.parse(event.data);
        assert.equal(event.event, 'add-peer');
        assert.deepEqual(data, { peer: peers[1 - i].user, roomId: room, offer: data.offer });
        heard.push(data.offer);
      }
      assert.deepEqual(heard.sort(), [false, true]);
      // And heard of it once.
      await peers[0].relay(peers[1], 'mark', 0);
      await peers[1].relay(peers[0], 'mark', 1);
      isRelayed(await peers[1].stream.next(), peers[0], 'mark', 0);
      isRelayed(await peers[0].stream.next(), peers[1], 'mark', 1);
      for (const { stream } of peers) stream.cut();
    }));
  });

  it('20 that join one room at once: each pair has one side to offer, and all see all', async () => {
    const room = randomId('r');
    const all = await Promise.all(Array.from({ length: 20 }, async (_, i) => {
      const peer = site.peer({ username: `u${i}` });
      peer.stream = await peer.open();
      return peer;
    }));
    await Promise.all(all.map((peer) => peer.join(room)));
    const offers = new Map();
    for (const peer of all) {
      for (let i = 1; i < all.length; i++) {
        const event = await peer.stream.next();
        assert.equal(event.event, 'add-peer');
        const data = JSON.parse(event.data);
        const pair = [peer.id, data.peer.id].sort().join(' ');
        offers.set(pair, [...(offers.get(pair) ?? []), data.offer]);
      }
      assert.deepEqual(await peer.others(room), all.map((other) => other.id).filter((id) => id !== peer.id).sort());
    }
    assert.equal(offers.size, (all.length * (all.length - 1)) / 2);
    for (const [pair, both] of offers) assert.deepEqual(both.sort(), [false, true], pair);
  });
});
