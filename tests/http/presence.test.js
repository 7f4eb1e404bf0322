// Who is there: peers that close, return, reload, and have two streams.
import assert from 'node:assert/strict';
import { isAdded, isRelayed, isRemoved } from './lib/peer.js';
import { steps } from './lib/pace.js';
import { GRACE, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';
import { timed, until } from './lib/wait.js';

const PING = 1; // seconds

suite('presence', { settings: { PING, RATE: 0 }, together: true }, (site, it) => {
  const subscribers = async (peer) => (await site.redis('PUBSUB', 'NUMSUB', `messages:${peer.id}`))[1];

  it('a client that closes is gone for the others after the grace, not before', async () => {
    const room = randomId('r');
    const [ann, bob, cat] = await site.room(room, 3);
    const told = timed(() => ann.stream.next());
    bob.stream.cut();
    const { value, ms } = await told;
    isRemoved(value, bob, room);
    isRemoved(await cat.stream.next(), bob, room);
    assert.ok(ms > GRACE * 1000 - 50, `after ${ms} ms`);
    // Apache notices only when it writes: at the second ping.
    assert.ok(ms < (GRACE + 3 * PING) * 1000 + steps(4), `after ${ms} ms`);
    assert.equal((await ann.ask('POST', `/relay/${bob.id}/x`, '1')).status, 404);
    assert.equal(await site.redis('EXISTS', `peer:${bob.id}`, `mailbox:${bob.id}`, `${bob.id}:channels`), 0);
    assert.equal(await site.redis('SISMEMBER', `channels:${room}`, bob.id), 0);
  });

  it('one that comes back with its position was never away', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    for (let i = 0; i < 3; i++) {
      bob.stream.cut();
      await until(async () => await subscribers(bob) === 0, 'the end of the stream');
      bob.stream = await bob.open({ after: bob.stream.lastEventId });
      assert.equal(bob.stream.connected.resumed, true);
    }
    await ann.stream.ping(GRACE + 3 * PING); // by now it would have been told
    await bob.relay(ann, 'mark', 1);
    isRelayed(await ann.stream.next(), bob, 'mark', 1);
    assert.deepEqual(await ann.others(room), [bob.id]);
  });

  it('a page that reloads is a new partner: remove-peer, then add-peer', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    bob.stream.cut();
    bob.stream = await bob.open();
    assert.equal(bob.stream.connected.resumed, false);
    assert.deepEqual(bob.stream.connected.rooms, []);
    isRemoved(await ann.stream.next(), bob, room);
    await bob.join(room);
    isAdded(await ann.stream.next(), bob, room, false);
    isAdded(await bob.stream.next(), ann, room, true);
    assert.equal(await ann.relay(bob, 'x', 1), true);
    isRelayed(await bob.stream.next(), ann, 'x', 1);
  });

  it('the same while its old stream is still open, which hears no more than that it is over', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    const old = bob.stream;
    bob.stream = await bob.open();
    isRemoved(await ann.stream.next(), bob, room);
    await bob.join(room);
    isAdded(await ann.stream.next(), bob, room, false);
    isAdded(await bob.stream.next(), ann, room, true);
    const told = await old.next();
    assert.equal(told.event, 'connected');
    assert.equal(JSON.parse(told.data).resumed, false);
    old.cut();
    await until(async () => await subscribers(bob) === 1, 'the end of the old stream');
    await ann.stream.ping(GRACE + 3 * PING);
    await bob.relay(ann, 'mark', 1);
    isRelayed(await ann.stream.next(), bob, 'mark', 1);
  });

  it('a second stream with a position is legal, and the end of one changes nothing', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    await ann.relay(bob, 'n', 1);
    const { id } = await bob.stream.next();
    const second = await bob.open({ after: id });
    assert.deepEqual(second.connected, { id, user: bob.user, resumed: true, rooms: [room] });
    await ann.relay(bob, 'n', 2);
    isRelayed(await bob.stream.next(), ann, 'n', 2);
    isRelayed(await second.next(), ann, 'n', 2);
    second.cut();
    await until(async () => await subscribers(bob) === 1, 'the end of the second stream');
    await ann.stream.ping(GRACE + 3 * PING);
    assert.equal(await ann.relay(bob, 'n', 3), true);
    isRelayed(await bob.stream.next(), ann, 'n', 3);
    await bob.relay(ann, 'mark', 1);
    isRelayed(await ann.stream.next(), bob, 'mark', 1);
    bob.stream.cut(); // the last
    isRemoved(await ann.stream.next(), bob, room);
  });

  it('a tab whose position is lost, beside one that lives: told, and nobody is thrown out', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    const second = await bob.open({ after: '1-1' });
    assert.equal(second.connected.resumed, false);
    assert.deepEqual(second.connected.rooms, [room]);
    await ann.relay(bob, 'x', 1);
    isRelayed(await bob.stream.next(), ann, 'x', 1);
    isRelayed(await second.next(), ann, 'x', 1);
    await bob.relay(ann, 'mark', 1);
    isRelayed(await ann.stream.next(), bob, 'mark', 1);
    second.cut();
  });

  it('two tabs of one browser are two peers to everybody', async () => {
    const room = randomId('r');
    const [ann] = await site.room(room, 1);
    let cookie = '';
    const tabs = [];
    for (let i = 0; i < 2; i++) {
      const answer = await site.request('POST', '/access', { body: { username: 'bob' }, headers: cookie ? { Cookie: cookie } : {} });
      [cookie] = answer.headers['set-cookie'][0].split(';');
      const tab = site.peer(answer.json.user);
      tab.token = answer.json.token;
      tab.stream = await tab.open({ headers: { Cookie: cookie } });
      await tab.join(room);
      isAdded(await ann.stream.next(), tab, room, false);
      tabs.push(tab);
    }
    assert.notEqual(tabs[0].id, tabs[1].id);
    assert.deepEqual(await ann.others(room), tabs.map((tab) => tab.id).sort());
    await tabs[0].leave(room);
    isRemoved(await ann.stream.next(), tabs[0], room);
    assert.deepEqual(await ann.others(room), [tabs[1].id]);
  });

  it('leaving is immediate, and what follows it says nothing twice', async () => {
    const room = randomId('r');
    const [ann, bob, cat] = await site.room(room, 3);
    await bob.leave(room);
    await cat.relay(ann, 'mark', 1); // it was on its way before the answer to bob
    isRemoved(await ann.stream.next(), bob, room);
    isRelayed(await ann.stream.next(), cat, 'mark', 1);
    bob.stream.cut();
    await ann.stream.ping(GRACE + 4 * PING);
    const dan = site.peer();
    await dan.join(room);
    isAdded(await ann.stream.next(), dan, room, false);
  });

  it('every key expires, at most two days after', async () => {
    for (const key of await site.redis('KEYS', '*')) {
      const left = await site.redis('PTTL', key);
      assert.ok(left === -2 || (left > 0 && left <= 2 * 86_400_000), `${key}: ${left} ms`);
    }
  });
});
