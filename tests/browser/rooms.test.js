// rooms.test.js - several rooms on one object; whom a connection is made to; what peers say of themselves.
import assert from 'node:assert/strict';
import { randomId } from '../http/lib/tokens.js';
import { suite } from './lib/suite.js';

const MANY = 99;

suite('rooms', {}, (test) => {
  test('several rooms, on one stream and with one connection to each other peer', async (room) => {
    const other = randomId('other');
    const [ann, bob, cat] = await Promise.all(['ann', 'bob', 'cat'].map((name) => room.guest(name)));
    await Promise.all([ann, bob, cat].map((guest) => guest.meets(2)));
    for (const guest of [ann, bob]) {
      await guest.run(async (names) => {
        const heard = globalThis.heard = [];
        globalThis.bridge.on('data', (data, peer, { name }) => heard.push([names.indexOf(name), peer.username, data]));
        await globalThis.bridge.join(names[1]);
      }, [room.name, other]);
    }
    await Promise.all([ann, bob].map((guest) => guest.meets(1)));
    assert.deepEqual(await ann.run(() => globalThis.bridge.rooms.map(({ name, peers, state }) => [name, peers.length, state])), [[room.name, 2, 'joined'], [other, 1, 'joined']]);
    assert.equal(await ann.connections(), 2);
    const sent = await ann.run(async () => {
      const [first, second] = globalThis.bridge.rooms;
      const results = await Promise.all([first.send('to two'), second.send({ to: 'one' }), first.send('again')]);
      const [cats] = first.peers.filter(({ username }) => username === 'cat');
      return [...results.map(({ arrived, failed }) => [arrived.length, failed.length]), (await second.send(1, cats).catch(({ status }) => status))];
    });
    assert.deepEqual(sent, [[2, 0], [1, 0], [2, 0], 404]);
    await bob.until(() => globalThis.heard.length === 3);
    assert.deepEqual(await bob.run(() => globalThis.heard), [[0, 'ann', 'to two'], [1, 'ann', { to: 'one' }], [0, 'ann', 'again']]);
    assert.deepEqual((await cat.seen()).data.map(({ data }) => data), ['to two', 'again']);
    // Out of one: there is still the other.
    await ann.run(() => globalThis.bridge.rooms[0].leave());
    await cat.meets(1);
    await bob.until(() => globalThis.bridge.rooms[0].peers.length === 1 && globalThis.bridge.rooms[1].peers.length === 1);
    await ann.run(() => globalThis.bridge.send('still here'));
    await bob.until(() => globalThis.heard.length === 4);
    assert.equal(await bob.connections(), 2);
    assert.deepEqual(await ann.run(() => globalThis.bridge.rooms.map(({ name }) => name)), [other]);
  });

  test('to some: what became of it with each; and one message after the other', async (room) => {
    const [ann, bob, cat] = await Promise.all(['ann', 'bob', 'cat'].map((name) => room.guest(name)));
    await Promise.all([ann, bob, cat].map((guest) => guest.meets(2)));
    await bob.run(() => {
      globalThis.read = [];
      (async () => { for await (const { data, peer } of globalThis.bridge.messages()) globalThis.read.push([peer.username, data]); globalThis.read.push('over'); })();
    });
    const result = await ann.run(async () => {
      const { peers } = globalThis.bridge;
      const [{ id }] = peers.filter(({ username }) => username === 'bob');
      const { arrived, failed } = await globalThis.bridge.send([1, null], { to: [id, 'nobody'] });
      return [arrived.map(({ username }) => username), failed.map(({ peer, error }) => [peer, error.status])];
    });
    assert.deepEqual(result, [['bob'], [['nobody', 404]]]);
    await bob.until(() => globalThis.read.length === 1);
    await bob.run(() => globalThis.bridge.leave());
    await bob.until(() => globalThis.read.length === 2);
    assert.deepEqual(await bob.run(() => globalThis.read), [['ann', [1, null]], 'over']);
    assert.deepEqual((await cat.seen()).data, []);
  });

  test('a name and what goes with it: those present hear of both', async (room) => {
    const ann = await room.guest('ann', { options: { data: { hat: 'red' } } });
    const bob = await room.guest('bob');
    await Promise.all([ann.meets(1), bob.meets(1)]);
    await bob.until(() => globalThis.bridge.peers[0].data?.hat === 'red');
    const refused = await ann.run(() => {
      const bridge = globalThis.bridge;
      try {
        bridge.data = 'x'.repeat(1_100);
      } catch (error) {
        bridge.data = { hat: 'blue' };
        bridge.rename('Ann of Cleves');
        return error.message;
      }
    });
    assert.equal(refused, 'data is JSON of at most 1024 bytes.');
    await bob.until(() => globalThis.bridge.peers[0].data?.hat === 'blue' && globalThis.bridge.peers[0].username === 'Ann of Cleves');
    const cat = await room.guest('cat');
    await cat.until(() => globalThis.bridge.peers.some(({ username, data }) => username === 'Ann of Cleves' && data?.hat === 'blue'));
  });
});

suite('a large room', { settings: { ROOM_PEERS: MANY + 5, GRACE: 600, RATE: 0 }, servers: [['lighttpd', '/']] }, (test) => {
  test(`${MANY} others, and no connection but to whom something is said`, async (room) => {
    await Promise.all(Array.from({ length: MANY }, () => room.site.peer({ username: 'away' }).join(room.name)));
    const [ann, bob] = await Promise.all(['ann', 'bob'].map((name) => room.guest(name, { options: { connect: 'none' } })));
    await Promise.all([ann, bob].map((guest) => guest.until((n) => globalThis.bridge.peers.length === n, MANY + 1)));
    assert.deepEqual(await ann.run(() => [...new Set(globalThis.bridge.peers.map(({ state }) => state))]), ['idle']);
    assert.deepEqual(await Promise.all([ann, bob].map((guest) => guest.connections())), [0, 0]);
    await ann.run(() => globalThis.bridge.send('hello', globalThis.bridge.peers.find(({ username }) => username === 'bob')));
    assert.deepEqual((await bob.seen()).data, [{ from: 'ann', data: 'hello' }]);
    await bob.run(() => globalThis.bridge.send('you too', globalThis.bridge.peers.find(({ username }) => username === 'ann')));
    assert.deepEqual(await Promise.all([ann, bob].map((guest) => guest.connections())), [1, 1]);
    assert.equal(await ann.run(() => globalThis.bridge.peers.filter(({ state }) => state !== 'idle').length), 1);
  });
});
