// recover.test.js - what breaks, and that the client module comes back by itself; and a real coturn.
// Each of these waits for seconds and shares nothing with the others: they wait together.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { signal } from '../http/lib/processes.js';
import { missing } from '../http/lib/programs.js';
import { RedisServer } from '../http/lib/redis-server.js';
import { nowSeconds } from '../http/lib/tokens.js';
import { steps, stepsNow } from '../http/lib/pace.js';
import { pause, until } from '../http/lib/wait.js';
import { KILLED } from '../http/lib/logs.js';
import { CHROMIUM, WAIT_MS } from './lib/boards.js';
import { suite } from './lib/suite.js';
import { TurnServer } from './lib/turn-server.js';

const skip = missing(CHROMIUM) ?? missing('turnserver');
const turn = skip ? undefined : await TurnServer.start();
after(() => turn?.abandon());

const options = { rtc: { iceTransportPolicy: 'relay' } };

/** How often a peer was seen to come, to go, and how many connections there were. */
const history = async (guest) => {
  const { joins, leaves } = await guest.seen();
  return { joins, leaves, connections: await guest.connections() };
};
const UNDISTURBED = { joins: 1, leaves: 0, connections: 1 };

const pair = async (room, how = {}) => {
  const proxy = await room.proxy();
  const ann = await room.guest('ann', { base: proxy.base, ...how });
  const bob = await room.guest('bob');
  await Promise.all([ann.meets(1), bob.meets(1)]);
  return { ann, bob, proxy };
};

/** Whether all candidates of these, who know nobody else, have been found and have arrived. */
const haveAllCandidates = async (guests) => {
  const all = await Promise.all(guests.map((guest) => guest.run(() => {
    const count = (description) => description?.sdp.match(/^a=candidate:/gm)?.length ?? 0;
    return globalThis.connections.filter(({ signalingState }) => signalingState !== 'closed').map((pc) =>
      ({ found: pc.iceGatheringState === 'complete', ours: count(pc.localDescription), theirs: count(pc.remoteDescription) }));
  })));
  const sum = (which) => all.flat().reduce((count, one) => count + one[which], 0);
  return all.flat().every(({ found }) => found) && sum('ours') === sum('theirs');
};

/** What ICE finds with these credentials: types of candidates, and error codes. */
const gather = ({ urls, username, credential }) => new Promise((resolve) => {
  const pc = new RTCPeerConnection({ iceServers: [{ urls, username, credential }], iceTransportPolicy: 'relay' });
  const found = { types: [], errors: [] };
  pc.onicecandidate = ({ candidate }) => candidate?.type && found.types.push(candidate.type);
  pc.onicecandidateerror = ({ errorCode }) => found.errors.push(errorCode);
  pc.onicegatheringstatechange = () => {
    if (pc.iceGatheringState !== 'complete') return;
    pc.close();
    resolve(found);
  };
  pc.createDataChannel('');
  pc.setLocalDescription();
});

const settings = { GRACE: 2, RATE_BYTES: 20_000, ...(turn && { TURN_URLS: turn.url, TURN_SECRET: turn.secret, TURN_TTL: 60 }) };

suite('recover', { settings, together: true }, (test) => {
  test('the stream is away for 20 s, and data goes on', async (room) => {
    const { ann, bob, proxy } = await pair(room);
    await ann.count();
    await bob.count();
    proxy.cut();
    await ann.inState('reconnecting');
    // Longer than the grace: the server has told bob that ann is gone.
    await pause(20_000);
    const sent = await ann.run(() => globalThis.sent);
    await bob.until((n) => globalThis.seen.data.length >= n, sent, 2_000 + steps(10)); // and not later, all at once
    assert.match(await ann.run(() => globalThis.bridge.detail), /cannot be reached/);
    proxy.allow();
    await Promise.all([ann.meets(1, 'open', 3 * WAIT_MS), bob.meets(1, 'open', 3 * WAIT_MS)]);
    assert.ok(await bob.counted(await ann.stop()));
    assert.ok(await ann.counted(await bob.stop()));
    for (const guest of [ann, bob]) assert.deepEqual(await history(guest), UNDISTURBED);
    // And who really goes, goes.
    await ann.page.close();
    await bob.until(() => globalThis.bridge.peers.length === 0, undefined, 5_000 + steps(10));
  });

  test('who was cut off and closes meanwhile is seen to go', async (room) => {
    const { ann, bob, proxy } = await pair(room);
    proxy.cut();
    await until(async () => await room.site.redis('SCARD', `channels:${room.name}`) === 1, 'bob to be told that ann is gone');
    assert.equal((await bob.peers()).length, 1);
    await ann.page.close();
    await bob.until(() => globalThis.bridge.peers.length === 0);
  });

  test('a stream that falls silent is noticed, and replaced', async (room) => {
    const { ann, bob, proxy } = await pair(room);
    await ann.run(() => { globalThis.seen.states = []; });
    proxy.stall();
    await ann.until(() => globalThis.seen.states.some(({ state }) => state === 'reconnecting'), undefined, 2 * WAIT_MS);
    await Promise.all([ann.inState('connected'), bob.meets(1)]);
    for (const guest of [ann, bob]) assert.deepEqual(await history(guest), UNDISTURBED);
  });

  test('a tab that was frozen recovers', async (room) => {
    const { ann, bob } = await pair(room);
    const session = await ann.page.context().newCDPSession(ann.page);
    await ann.run(() => {
      let last = Date.now();
      globalThis.gap = 0;
      setInterval(() => {
        globalThis.gap = Math.max(globalThis.gap, Date.now() - last);
        last = Date.now();
      }, 100);
    });
    await bob.count(5);
    await session.send('Debugger.enable');
    await session.send('Debugger.pause');
    await pause(35_000); // more than it takes for silence
    await session.send('Debugger.resume');
    await session.detach();
    await ann.until(() => globalThis.gap > 30_000); // it was frozen, and its timers go on
    await Promise.all([ann.meets(1), bob.meets(1)]);
    assert.ok(await ann.counted(await bob.stop()));
    assert.deepEqual(await history(ann), UNDISTURBED);
  });

  test('a network that goes and comes back is used at once', async (room) => {
    const { ann, bob, proxy } = await pair(room);
    const more = await stepsNow(10); // as busy as the machine is just then
    await ann.page.context().setOffline(true);
    proxy.cut();
    await ann.inState('reconnecting');
    await pause(8_000); // attempts are far apart by now
    proxy.allow();
    await ann.page.context().setOffline(false);
    await ann.inState('connected', 2_000 + more);
    await bob.meets(1);
    // Another network: the old connection is dead, and nobody says so.
    proxy.stall();
    const connected = ann.page.waitForResponse((response) => response.url().includes('/connect?'), { timeout: 3_000 + more });
    await ann.run(() => {
      const { connection } = /** @type {{connection?: EventTarget}} */ (navigator);
      Object.defineProperty(connection, 'type', { value: 'cellular', configurable: true });
      connection.dispatchEvent(new Event('change'));
    });
    await connected;
    await Promise.all([ann.inState('connected', 2_000 + more), bob.meets(1)]);
    assert.deepEqual(await history(ann), UNDISTURBED);
  });

  test('where WebRTC finds no way, data goes through the server, and later by the channel', async (room) => {
    const prepare = () => { addEventListener('DOMContentLoaded', () => { globalThis.blocked = true; }, { once: true }); };
    const ann = await room.guest('ann', { prepare, join: false });
    const bob = await room.guest('bob', { prepare, join: false });
    const began = Date.now();
    for (const guest of [ann, bob]) {
      assert.equal(await guest.run(() => globalThis.blocked), true);
      await guest.join(room.name);
    }
    const joined = Date.now();
    await Promise.all([ann.meets(1, 'connecting'), bob.meets(1, 'connecting')]);
    await ann.count(); // from before there is any way
    await bob.count();
    await Promise.all([ann.meets(1, 'relayed', 2 * WAIT_MS), bob.meets(1, 'relayed', 2 * WAIT_MS)]);
    const now = Date.now();
    assert.ok(now - began > 13_000 && now - joined < 18_000 + steps(20), `after ${now - began} ms, of which ${joined - began} to join`);
    assert.equal((await ann.peers())[0].path, 'server');
    await ann.until(() => globalThis.seen.data.length > 100);
    await bob.until(() => globalThis.seen.data.length > 100);
    for (const guest of [ann, bob]) {
      await guest.run(() => {
        globalThis.blocked = false;
        const { createDataChannel } = RTCPeerConnection.prototype;
        RTCPeerConnection.prototype.createDataChannel = function watched(label, options) {
          const channel = createDataChannel.call(this, label, options);
          channel.addEventListener('open', () => { globalThis.openedAt = Date.now(); });
          return channel;
        };
        dispatchEvent(new Event('online'));
      });
    }
    await Promise.all([ann.meets(1, 'open', 2 * WAIT_MS), bob.meets(1, 'open', 2 * WAIT_MS)]);
    for (const guest of [ann, bob]) {
      const [opened, moved] = await guest.run(() => [globalThis.openedAt,
        globalThis.seen.peers.findLast(({ state, path }) => state === 'open' && path !== 'server').at]);
      assert.ok(moved - opened < 5_000 + steps(10), `${moved - opened} ms after it opened`);
    }
    for (const guest of [ann, bob]) { // by the channel, too
      const heard = await guest.run(() => globalThis.seen.data.length);
      await guest.until((n) => globalThis.seen.data.length > n + 20, heard);
    }
    assert.ok(await bob.counted(await ann.stop()), 'nothing lost, doubled or out of order');
    assert.ok(await ann.counted(await bob.stop()), 'nothing lost, doubled or out of order');
  });

  test('a browser without WebRTC is reached through the server', async (room) => {
    const ann = await room.guest('ann', { prepare: () => { delete globalThis.RTCPeerConnection; } });
    const bob = await room.guest('bob');
    await Promise.all([ann.meets(1, 'relayed', 2 * WAIT_MS), bob.meets(1, 'relayed', 2 * WAIT_MS)]);
    const length = await ann.run(async () => {
      const data = new Uint8Array(100_000).map((_, i) => i * i % 251);
      await globalThis.bridge.send(data);
      return data.length;
    });
    assert.ok(await bob.run((n) => globalThis.seen.data[0].data.every((value, i) => value === i * i % 251) &&
      globalThis.seen.data[0].data.length === n, length));
    await bob.send('hello');
    await ann.until(() => globalThis.seen.data.length === 1);
  });

  test('through the server it goes no faster than the limits, and nothing is lost by that', async (room) => {
    // As of somebody who sends much more than the server takes of one peer.
    const prepare = () => { delete globalThis.RTCPeerConnection; };
    const ann = await room.guest('ann', { prepare });
    const bob = await room.guest('bob', { prepare });
    const statuses = [];
    ann.page.on('response', (response) => {
      if (response.url().includes('/relay/')) statuses.push(response.status());
    });
    const bodies = [];
    ann.page.on('request', (request) => {
      if (request.url().includes('/relay/')) bodies.push(request.postDataBuffer()?.length ?? 0);
    });
    await Promise.all([ann.meets(1, 'relayed', 2 * WAIT_MS), bob.meets(1, 'relayed', 2 * WAIT_MS)]);
    await ann.run(async () => {
      for (let i = 1; i <= 3_000; i++) globalThis.bridge.send(String(i));
      await globalThis.bridge.send('x'.repeat(300_000));
    });
    assert.ok(statuses.includes(429), 'it was to be too much');
    assert.ok(Math.max(...bodies) <= 65_536);
    assert.ok(await bob.run(() => globalThis.seen.data.length === 3_001 &&
      globalThis.seen.data.slice(0, 3_000).every(({ data }, i) => data === String(i + 1)) &&
      globalThis.seen.data[3_000].data.length === 300_000));
    assert.equal(await ann.state(), 'connected', 'a rate is no failure');
  });

  test('who reloads is somebody new, and nothing of before is in what it gets', async (room) => {
    const { ann, bob } = await pair(room);
    await bob.count();
    await ann.until(() => globalThis.seen.data.length > 10);
    await ann.page.reload();
    await bob.until(() => globalThis.seen.leaves === 1 && globalThis.bridge.peers.length === 0, undefined, 5_000 + steps(10));
  });
});

suite('coturn', { settings, together: true, skip }, (test) => {
  test('two browsers exchange data by coturn alone', async (room) => {
    const ann = await room.guest('ann', { options });
    const bob = await room.guest('bob', { options });
    await Promise.all([ann.meets(1), bob.meets(1)]);
    await ann.send('hello');
    await bob.send('hello');
    for (const guest of [ann, bob]) {
      await guest.until(() => globalThis.seen.data.length === 1);
      await guest.until(() => globalThis.bridge.peers[0].path === 'turn');
    }
    await ann.run(() => globalThis.bridge.send(new Uint8Array(500_000)));
    await bob.until(() => globalThis.seen.data[1]?.data.length === 500_000);
  });

  test('a credential that has expired is refused, and one that is right is not', async (room) => {
    const ann = await room.guest('ann', { join: false });
    const good = `${nowSeconds() + 60}:ann`;
    const expired = `${nowSeconds() - 60}:ann`;
    const ask = (username, credential = turn.credential(username)) => ann.run(gather, { urls: turn.url, username, credential });
    assert.deepEqual((await ask(good)).types, ['relay']);
    for (const refused of [await ask(expired), await ask(good, turn.credential('another'))]) {
      assert.deepEqual(refused.types, []);
      assert.ok(refused.errors.includes(401), `${refused.errors}`);
    }
  });

  test('credentials are asked for again before they expire', async (room) => {
    const ann = await room.guest('ann', { options });
    const bob = await room.guest('bob', { options });
    const name = () => globalThis.connections[0]?.getConfiguration().iceServers[0].username;
    await Promise.all([ann.meets(1), bob.meets(1)]);
    const first = await ann.run(name);
    await ann.until((old) => globalThis.connections[0].getConfiguration().iceServers[0].username !== old, first, 40_000 + WAIT_MS);
    assert.ok(Number(first.split(':')[0]) > nowSeconds(), 'the old one still holds');
    assert.ok(Number((await ann.run(name)).split(':')[0]) > Number(first.split(':')[0]) + 20);
  });
});

// Not beside the others: all streams there are end with these programs.
suite('programs that are killed', { settings, allowed: KILLED }, (test) => {
  test('the responders are killed while two negotiate', async (room) => {
    const ann = await room.guest('ann', { join: false });
    const bob = await room.guest('bob', { join: false });
    await ann.join(room.name);
    await bob.run((name) => { globalThis.bridge.join(name); }, room.name);
    await bob.until(() => globalThis.seen.joins > 0);
    for (const name of ['stream.fcgi', 'signal.fcgi']) {
      for (const pid of room.site.processes(name)) signal(pid, 'SIGKILL');
    }
    await Promise.all([ann.meets(1, 'open', 2 * WAIT_MS), bob.meets(1, 'open', 2 * WAIT_MS)]);
    await ann.send('hello');
    await bob.until(() => globalThis.seen.data.length === 1);
  });
});

suite('Redis that is lost', {
  settings: { GRACE: 2 },
  redis: () => RedisServer.start(),
  allowed: [/^(warn|error) at=(redis|store|signal|stream|beat|health)\.[a-z]+ /],
}, (test) => {
  test('it is said, and tried until Redis is back; meanwhile channels live on', async (room) => {
    const ann = await room.guest('ann');
    const bob = await room.guest('bob');
    await Promise.all([ann.meets(1), bob.meets(1)]);
    // A candidate that is still on its way to the server would be refused, and that is said.
    await until(() => haveAllCandidates([ann, bob]), 'all candidates to arrive', WAIT_MS);
    await ann.run(() => globalThis.bridge.rename('ann')); // and the answer to the last has come
    await ann.count();
    await room.redis.kill();
    const cat = await room.guest('cat', { join: false });
    await cat.run((name) => { globalThis.bridge.join(name); }, room.name);
    const isTold = (guest) => guest.until(() => /cannot (be reached|reach Redis)/.test(globalThis.bridge.detail));
    await isTold(cat);
    assert.equal(await ann.state(), 'connected');
    // Also one who has a stream, and asks something of the server.
    await bob.run(() => globalThis.bridge.leave());
    await bob.run((name) => { globalThis.bridge.join(name); }, room.name);
    await isTold(bob);
    await room.redis.start(); // empty
    await Promise.all([ann, bob, cat].map((guest) => guest.meets(2, 'open', 3 * WAIT_MS)));
    await ann.stop();
    await cat.send('hello');
    await ann.until(() => globalThis.seen.data.some(({ data }) => data === 'hello'));
  });
});

suite('coturn that is lost', { settings, skip }, (test) => {
  test('ICE is restarted, and the channel and what is in it lives on', async (room) => {
    const ann = await room.guest('ann', { options });
    const bob = await room.guest('bob', { options });
    await Promise.all([ann.meets(1), bob.meets(1)]);
    await ann.count();
    await bob.count();
    // What it had for them is lost. That they notice later: ICE has one attempt, for which it is to be there again.
    await turn.kill();
    await turn.start();
    for (const guest of [ann, bob]) await guest.until(() => globalThis.seen.peers.some(({ state }) => state === 'interrupted'), undefined, 2 * WAIT_MS);
    await Promise.all([ann.meets(1, 'open', 2 * WAIT_MS), bob.meets(1, 'open', 2 * WAIT_MS)]);
    assert.ok(await bob.counted(await ann.stop()));
    assert.ok(await ann.counted(await bob.stop()));
    for (const guest of [ann, bob]) assert.equal(await guest.connections(), 1);
  });
});
