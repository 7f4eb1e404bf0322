// channels.test.js - channels by name: what arrives, what may get lost, and what holds back nothing.
import assert from 'node:assert/strict';
import { until } from '../http/lib/wait.js';
import { WAIT_MS } from './lib/boards.js';
import { LossyPath } from './lib/lossy-path.js';
import { suite } from './lib/suite.js';

/** Remembers the data channels of the page: those that it has made, and those that it was given. */
function watchChannels() {
  globalThis.channels = [];
  const { createDataChannel } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.createDataChannel = function watched(label, options) {
    if (!globalThis.channels.some(({ pc }) => pc === this)) {
      this.addEventListener('datachannel', ({ channel }) => globalThis.channels.push({ pc: this, channel, side: 'theirs' }));
    }
    const channel = createDataChannel.call(this, label, options);
    globalThis.channels.push({ pc: this, channel, side: 'ours' });
    return channel;
  };
}

const prepare = watchChannels;
const LOSSY = { ordered: false, maxRetransmits: 0 };

/** Opens channels in the page, as globalThis.opened[name], which remember what they hear as globalThis.heard[name]. */
function open(guest, options, rooms = [undefined]) {
  return guest.run(async ([all, names]) => {
    globalThis.opened ??= {};
    globalThis.heard ??= {};
    for (const [name, given] of Object.entries(all)) {
      for (const room of names) {
        const key = room ? `${room}/${name}` : name;
        const place = room ? globalThis.bridge.rooms.find((one) => one.name === room) : globalThis.bridge;
        const channel = await place.channel(name, given);
        globalThis.opened[key] = channel;
        globalThis.heard[key] = [];
        channel.on('data', (data, peer) => globalThis.heard[key].push([peer.username, data]));
      }
    }
  }, [options, rooms]);
}

const send = (guest, name, data) => guest.run(([key, value]) => { globalThis.opened[key].send(value); }, [name, data]);
const heard = (guest, name) => guest.run((key) => globalThis.heard[key], name);
const hears = (guest, name, count) => guest.until(([key, n]) => globalThis.heard[key].length >= n, [name, count]);
/** An unreliable one goes to so many. */
const reaches = (guest, name, count = 1) => guest.until(([key, n]) => globalThis.opened[key].send('are you there?') === n, [name, count]);
/** It goes to who has opened it, and once it has arrived with them it is heard: of some that may get lost one is.
 *  @param {import('./lib/guests.js').Guest} from  @param {import('./lib/guests.js').Guest[]} to */
const arrives = (from, to, name, data) => until(async () => {
  await send(from, name, data);
  const all = await Promise.all(to.map((guest) => heard(guest, name)));
  return all.every((some) => some.some(([, one]) => one === data));
}, `“${data}” to be heard on ${name}`, WAIT_MS);
/** Those of this label that live: who has made them, and how they are. */
const dataChannels = (guest, label) => guest.run((wanted) => globalThis.channels
  .filter(({ channel }) => channel.label === wanted && channel.readyState === 'open')
  .map(({ side, channel: { ordered, maxRetransmits, maxPacketLifeTime } }) => [side, ordered, maxRetransmits, maxPacketLifeTime].join()).sort(), label);
/** Waits until they are these: which the other end makes come when they do. */
const hasChannels = async (guest, label, ...wanted) => {
  /** @type {string[]} */ let now;
  await until(async () => (now = await dataChannels(guest, label)).join(' ') === wanted.join(' '), () => `${wanted.join(' ')}, not ${now.join(' ')}`, WAIT_MS);
};

suite('channels', {}, (test) => {
  test('both open them at the same time: each hears the other, and an unreliable one has its options at both ends', async (room) => {
    const all = [await room.guest('ann', { prepare }), await room.guest('bob', { prepare })];
    const loaded = () => performance.getEntriesByType('resource').some(({ name }) => name.endsWith('/channels.js'));
    await Promise.all(all.map((guest) => guest.meets(1)));
    assert.equal(await all[0].run(loaded), false, 'what nobody uses is not loaded');
    await Promise.all(all.map((guest) => open(guest, { chat: {}, cursor: LOSSY, late: { maxPacketLifeTime: 200 } })));
    for (const guest of all) {
      await guest.run(() => Promise.all(['hello', { x: 1 }, new Uint8Array([1, 2])].map((data) => globalThis.opened.chat.send(data))));
      for (const name of ['cursor', 'late']) await reaches(guest, name);
      await guest.run(() => { globalThis.opened.cursor.send({ x: 1 }); });
    }
    for (const guest of all) {
      await hears(guest, 'chat', 3);
      await arrives(guest, all.filter((one) => one !== guest), 'late', 'in time');
      await hasChannels(guest, `${room.name}/cursor`, 'ours,false,0,', 'theirs,false,0,');
      await hasChannels(guest, `${room.name}/late`, 'ours,true,,200', 'theirs,true,,200');
    }
    const got = await all[1].run(() => globalThis.heard.chat.map(([from, data]) => [from, data instanceof Uint8Array ? [...data] : data]));
    assert.deepEqual(got, [['ann', 'hello'], ['ann', { x: 1 }], ['ann', [1, 2]]]);
    assert.equal(await all[0].connections(), 1);
    await all[1].run(() => globalThis.opened.cursor.close());
    await all[0].until((label) => globalThis.channels.every(({ channel }) => channel.label !== label || channel.readyState === 'closed'), `${room.name}/cursor`);
  });

  test('on a path that loses packets, what is reliable arrives all in order; the rest once at most, and in order if it is to be', async (room) => {
    const path = new LossyPath();
    const all = [];
    for (const name of ['ann', 'bob']) {
      const page = await (await room.context()).newPage();
      await path.attach(page);
      all.push(await room.guest(name, { page }));
    }
    const [ann, bob] = all;
    await Promise.all(all.map((guest) => guest.meets(1)));
    await Promise.all(all.map((guest) => open(guest, { chat: {}, cursor: LOSSY, line: { maxRetransmits: 0 } })));
    for (const name of ['cursor', 'line']) await reaches(ann, name);
    path.every = 5;
    const went = await ann.run(async () => {
      const sent = { cursor: 0, line: 0 };
      for (let i = 0; i < 300; i++) {
        globalThis.opened.chat.send(i);
        for (const name of ['cursor', 'line']) sent[name] += globalThis.opened[name].send(i);
        await new Promise((resolve) => { setTimeout(resolve, 5); });
      }
      return sent;
    });
    path.every = 0;
    await hears(bob, 'chat', 300);
    assert.ok(path.lost > 20, `${path.lost} packets were lost`);
    assert.deepEqual((await heard(bob, 'chat')).map(([, data]) => data), Array.from({ length: 300 }, (_, i) => i));
    for (const name of ['cursor', 'line']) {
      const got = (await heard(bob, name)).map(([, data]) => data).filter(Number.isInteger);
      console.log(`${name}: ${went[name]} of 300 went, ${got.length} arrived`);
      assert.ok(got.length < went[name] && got.length > 30, `${name}: ${got.length} of ${went[name]}`);
      assert.equal(new Set(got).size, got.length);
      if (name === 'line') assert.deepEqual(got, [...got].sort((one, other) => one - other));
    }
    path.close();
  });

  test('a connection made anew has them again, and what is reliable has lost nothing', async (room) => {
    const [ann, bob] = [await room.guest('ann', { prepare }), await room.guest('bob', { prepare })];
    await Promise.all([ann, bob].map((guest) => open(guest, { chat: {}, cursor: LOSSY })));
    await reaches(ann, 'cursor');
    await ann.run(() => {
      let n = 0;
      globalThis.counting = setInterval(() => globalThis.opened.chat.send(n++), 10);
      globalThis.channels[0].channel.close(); // the one that all is built on
    });
    for (const guest of [ann, bob]) {
      await guest.until(() => globalThis.seen.peers.some(({ state }) => state === 'interrupted')); // and it may be over already
      await guest.until(() => globalThis.connections.length > 1);
    }
    await Promise.all([ann.meets(1), bob.meets(1)]);
    for (const guest of [ann, bob]) await reaches(guest, 'cursor');
    const sent = await ann.run(async () => {
      clearInterval(globalThis.counting);
      return (await globalThis.opened.chat.send('end')).arrived.length;
    });
    assert.equal(sent, 1);
    const numbers = (await heard(bob, 'chat')).slice(0, -1).map(([, data]) => data);
    assert.deepEqual(numbers, numbers.map((_, i) => i));
    assert.ok(numbers.length > 10);
  });

  test('through the server goes what is reliable, and of the rest what the page asks for', async (room) => {
    const without = { prepare: () => { delete globalThis.RTCPeerConnection; } };
    const [ann, bob] = [await room.guest('ann', without), await room.guest('bob', without)];
    await Promise.all([ann, bob].map((guest) => open(guest, { chat: {}, cursor: LOSSY, marks: { ...LOSSY, relay: true } })));
    await send(ann, 'chat', 'from before there is any way');
    assert.deepEqual(await ann.run(() => ['cursor', 'marks'].map((name) => globalThis.opened[name].send('x'))), [0, 0]);
    await Promise.all([ann, bob].map((guest) => guest.meets(1, 'relayed', 2 * WAIT_MS)));
    await hears(bob, 'chat', 1);
    await reaches(ann, 'marks');
    await hears(bob, 'marks', 1);
    assert.equal(await ann.run(() => globalThis.opened.cursor.send('x')), 0);
    const many = await ann.run(() => Array.from({ length: 100 }, () => globalThis.opened.marks.send('x'.repeat(500))).filter(Boolean).length);
    assert.ok(many > 1 && many < 20, `${many} of 100 were not dropped`);
    await send(ann, 'chat', 'last');
    await hears(bob, 'chat', 2);
    assert.equal((await heard(bob, 'marks')).filter(([, data]) => data !== 'are you there?').length, many);
    assert.deepEqual(await heard(bob, 'cursor'), []);
    const { path, sent, rtt } = await ann.run(() => globalThis.bridge.peers[0].stats());
    assert.deepEqual([path, rtt], ['server', undefined]);
    assert.ok(sent.bytes > many * 500, `${sent.bytes} bytes`);
  });

  test('10,000 cursor messages hold back nothing that is sent', async (room) => {
    const [ann, bob] = [await room.guest('ann'), await room.guest('bob')];
    await Promise.all([ann, bob].map((guest) => open(guest, { cursor: LOSSY })));
    await reaches(ann, 'cursor');
    const took = await ann.run(async () => {
      const data = new Uint8Array(200_000);
      const [peer] = globalThis.bridge.peers;
      const once = async () => {
        const began = performance.now();
        await globalThis.bridge.send(data, peer);
        return performance.now() - began;
      };
      const sends = { alone: [], beside: [] };
      for (let i = 0; i < 5; i++) sends.alone.push(await once());
      let went = 0;
      let tried = 0;
      // As many pages at 60 Hz.
      const moving = setInterval(() => {
        for (let i = 0; i < 50; i++) went += globalThis.opened.cursor.send({ x: tried++, y: 0 });
      }, 1000 / 60);
      while (tried < 10_000 || sends.beside.length < 4) sends.beside.push(await once());
      clearInterval(moving);
      return { ...sends, tried, went };
    });
    await hears(bob, 'cursor', took.went / 2); // what went last is on its way
    const arrived = (await heard(bob, 'cursor')).length;
    const mean = (all) => Math.round(all.reduce((sum, ms) => sum + ms, 0) / all.length);
    console.log(`200 kB took ${mean(took.alone)} ms, beside the cursor ${mean(took.beside)} ms (${took.beside.length} times); ` +
      `${took.went} of ${took.tried} went, ${arrived} arrived`);
    assert.ok(took.went > 1_000, `${took.went} of ${took.tried} went`);
  });

  test('rooms have channels of their own, also of the same name; who comes later has them, too', async (room) => {
    const rooms = [room.name, `${room.name}-milk`];
    const join = async (guest, names) => {
      for (const name of names) await guest.join(name);
      await open(guest, { chat: {}, cursor: LOSSY }, names);
    };
    const [ann, bob, cat] = [await room.guest('ann', { join: false }), await room.guest('bob', { join: false }), await room.guest('cat', { join: false })];
    await Promise.all([join(ann, rooms), join(bob, rooms)]);
    for (const name of rooms) await reaches(ann, `${name}/cursor`);
    await join(cat, [rooms[1]]); // late, and into one
    await reaches(ann, `${rooms[1]}/cursor`, 2);
    for (const name of rooms) {
      await send(ann, `${name}/chat`, name);
      await arrives(ann, name === rooms[1] ? [bob, cat] : [bob], `${name}/cursor`, name);
    }
    for (const name of rooms) {
      await hears(bob, `${name}/chat`, 1);
      assert.deepEqual(await heard(bob, `${name}/chat`), [['ann', name]]);
    }
    await hears(cat, `${rooms[1]}/chat`, 1);
    assert.deepEqual(new Set(await cat.run(() => Object.values(globalThis.heard).flat().map(([, data]) => data).filter((data) => data !== 'are you there?'))), new Set([rooms[1]]));
    // Who leaves one of them has those of the other.
    await bob.run((name) => globalThis.bridge.rooms.find((one) => one.name === name).leave(), rooms[1]);
    await reaches(ann, `${rooms[1]}/cursor`, 1);
    await reaches(ann, `${rooms[0]}/cursor`, 1);
    assert.equal(await bob.run((key) => globalThis.opened[key].send('x'), `${rooms[1]}/cursor`), 0);
  });

  test('a page that makes data channels without end is heard on none, and the others are', async (room) => {
    const all = [];
    for (const name of ['ann', 'bob', 'eve']) all.push(await room.guest(name));
    const [ann, bob, eve] = all;
    await Promise.all(all.map((guest) => open(guest, { cursor: LOSSY, chat: {} })));
    for (const guest of all) await reaches(guest, 'cursor', 2);
    await eve.run(() => {
      for (const pc of globalThis.connections) for (let i = 0; i < 300; i++) pc.createDataChannel(`${i}`);
    });
    for (const guest of [ann, bob]) {
      await guest.until(() => /^It has opened too many channels/.test(globalThis.bridge.peers.find(({ username }) => username === 'eve').detail));
      await guest.run(() => { globalThis.heard.cursor.length = 0; });
    }
    await reaches(ann, 'cursor', 2);
    await eve.run(() => { globalThis.opened.cursor.send('x'); });
    await eve.run(() => globalThis.opened.chat.send('and what is reliable goes on'));
    await hears(bob, 'chat', 1);
    assert.deepEqual((await heard(bob, 'cursor')).filter(([from]) => from === 'eve'), []);
  });
});
