// semantics.test.js - what people who come from simple-peer and PeerJS rely on, as the suites of those two have it, in our
// terms: a row is a sentence that holds for two pages, in Chromium, in Firefox, and between both.
//
// What is left out there is none of ours (SDP transforms, constraints, a choice of serialization), or is tested elsewhere:
// candidates that overtake their description (page/negotiation), a browser without WebRTC, a server that goes, ICE restarts
// (browser/recover, browser/return), two tabs with one identity (browser/token).
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { missing } from '../http/lib/programs.js';
import { freePort } from '../http/lib/redis-server.js';
import { randomId } from '../http/lib/tokens.js';
import { CHROMIUM, WAIT_MS } from '../browser/lib/boards.js';
import { FIREFOX, Firefox } from '../browser/lib/firefox.js';
import { suite } from '../browser/lib/suite.js';

/* global RTCPeerConnection */

/** @typedef {import('../browser/lib/guests.js').Guest} Guest
 *  @typedef {{ann: Guest, bob: Guest, room: string, site: import('../http/lib/site.js').Site}} Two  in a room of their own */

/** In the page: what came, so that it can be told; and what a row needs again and again. */
function prepare() {
  const told = (data) => (data instanceof Uint8Array ? { bytes: data.length > 100 ? data.length : [...data] } : typeof data === 'string' && data.length > 100 ? { text: data.length } : data);
  const outcome = (promise) => promise.then(() => 'arrived', (error) => error.status ?? error.name);
  Object.assign(globalThis, {
    told, outcome, channels: [],
    fates: (all) => Promise.all(all.map((data) => outcome(globalThis.bridge.send(data, globalThis.bridge.peers[0])))),
    sum: (bytes) => bytes.reduce((sum, byte) => (Math.imul(sum, 31) + byte) | 0, 0),
  });
  const { createDataChannel } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.createDataChannel = function watched(label, options) {
    const channel = createDataChannel.call(this, label, options);
    globalThis.channels.push(channel);
    return channel;
  };
}

/** What the other has heard by now, once it is so much. @param {Guest} guest @param {number} count @returns {Promise<any[]>} */
async function heard(guest, count) {
  await guest.until((n) => globalThis.seen.data.length >= n, count);
  return guest.run(() => globalThis.seen.data.splice(0).map(({ data }) => globalThis.told(data)));
}

const meet = ({ ann, bob }) => Promise.all([ann.meets(1), bob.meets(1)]);

const gone = (guest) => guest.until(() => globalThis.bridge.peers.length === 0);

/** Each row begins as soon as the two know of each other, before there is a connection. @type {Record<string, (two: Two) => Promise<unknown>>} */
const ROWS = {
  'what is said before there is a connection arrives once there is one, each to the other alone': async ({ ann, bob }) => {
    await Promise.all([ann.send('from ann'), bob.send('from bob')]);
    assert.deepEqual([await heard(ann, 1), await heard(bob, 1)], [['from bob'], ['from ann']]);
  },

  'one of the two begins, by one connection, and both see the same of it': async (two) => {
    await meet(two);
    for (const guest of [two.ann, two.bob]) {
      assert.equal(await guest.connections(), 1);
      assert.equal((await guest.peers()).length, 1);
    }
    const [about, self] = [await two.ann.run(() => globalThis.bridge.peers[0].id), await two.bob.run(() => globalThis.bridge.user.id)];
    assert.equal(about, self);
  },

  'both begin at once: there is one connection': async (two) => {
    await meet(two);
    // As where both have lost it in the same moment.
    await Promise.all([two.ann, two.bob].map((guest) => guest.run(() => {
      globalThis.connections[0].restartIce();
      globalThis.dispatchEvent(new Event('online'));
    })));
    await Promise.all([two.ann.send('a'), two.bob.send('b')]);
    assert.deepEqual([await heard(two.ann, 1), await heard(two.bob, 1)], [['b'], ['a']]);
    await meet(two);
    for (const guest of [two.ann, two.bob]) assert.deepEqual([await guest.connections(), (await guest.seen()).leaves], [1, 0]);
  },

  'texts arrive as they were: none, long, of any script, with NUL and a byte order mark': async ({ ann, bob }) => {
    const texts = ['', 'x'.repeat(300_000), 'ä€😀 \u05d0', '\u0000a\u0000', '\ufeffb', '{"not":"json"}'];
    assert.deepEqual(await ann.run((all) => globalThis.fates(all), texts), texts.map(() => 'arrived'));
    assert.deepEqual(await heard(bob, texts.length), ['', { text: 300_000 }, ...texts.slice(2)]);
  },

  'bytes of any kind arrive as a Uint8Array: a buffer, a view, a part of one, none': async ({ ann, bob }) => {
    await ann.run(() => {
      const bytes = new Uint8Array([0, 1, 2, 253, 254, 255]);
      return globalThis.fates([bytes, bytes.buffer, bytes.subarray(2, 4), new Int32Array([-1, 256]), new DataView(bytes.buffer, 1, 2),
        new Float32Array([0.5]), new Uint8Array(0), new ArrayBuffer(0)]);
    });
    assert.deepEqual(await heard(bob, 8), [[0, 1, 2, 253, 254, 255], [0, 1, 2, 253, 254, 255], [2, 253], [255, 255, 255, 255, 0, 1, 0, 0],
      [1, 2], [0, 0, 0, 63], [], []].map((bytes) => ({ bytes })));
  },

  'JSON arrives as what it is, and a date in it as JSON has it': async ({ ann, bob }) => {
    const values = [0, -1.5, 1e300, true, false, null, [], {}, [1, [2, [3]], 'four'], { a: { b: [null, { c: 'ä' }] }, '': 0 }];
    await ann.run((all) => globalThis.fates([...all, { at: new Date(0), no: undefined }, Object.assign(Object.create(null), { bare: 1 })]), values);
    assert.deepEqual(await heard(bob, values.length + 2), [...values, { at: '1970-01-01T00:00:00.000Z' }, { bare: 1 }]);
  },

  'what cannot be sent is refused, and nothing of it arrives': async ({ ann, bob }) => {
    const fates = await ann.run(() => {
      const round = {};
      Object.assign(round, { round });
      return globalThis.fates([undefined, NaN, Infinity, () => {}, Symbol('s'), 1n, new Map(), new Date(), round, { a: 1n }, 'half: \ud800', 'last']);
    });
    assert.deepEqual(fates, [...Array(11).fill('TypeError'), 'arrived']);
    assert.deepEqual(await heard(bob, 1), ['last']);
  },

  'kinds do not overtake each other': async ({ ann, bob }) => {
    await ann.run(() => globalThis.fates(Array.from({ length: 30 }, (_, i) => [`${i}`, new Uint8Array([i]), { i }][i % 3])));
    assert.deepEqual(await heard(bob, 30), Array.from({ length: 30 }, (_, i) => [`${i}`, { bytes: [i] }, { i }][i % 3]));
  },

  'thousands at once arrive in order, both ways, each once': async ({ ann, bob }) => {
    const COUNT = 3_000;
    const all = (guest) => guest.run((count) => Promise.all(Array.from({ length: count }, (_, i) => globalThis.bridge.send(i))).then(() => {}), COUNT);
    await Promise.all([all(ann), all(bob)]);
    for (const guest of [ann, bob]) {
      assert.ok(await guest.run((count) => globalThis.seen.data.length === count && globalThis.seen.data.every(({ data }, i) => data === i), COUNT));
    }
  },

  'megabytes arrive whole; what waits is told, and once it has arrived nothing does': async ({ ann, bob }) => {
    const sent = await ann.run(async () => {
      const bytes = new Uint8Array(4_000_000).map((_, i) => i * i % 251);
      const [peer] = globalThis.bridge.peers;
      const arrived = globalThis.bridge.send(bytes, peer);
      const { buffered } = peer;
      await arrived;
      return [buffered >= bytes.length, peer.buffered, globalThis.sum(bytes)];
    });
    const got = await bob.run(() => globalThis.sum(globalThis.seen.data.pop().data));
    assert.deepEqual(sent, [true, 0, got]);
  },

  'what is longer than the other takes is refused, and the next is taken': async ({ ann, bob }) => {
    await meet({ ann, bob });
    assert.deepEqual(await ann.run(() => globalThis.fates([new Uint8Array(17_000_000), 'short'])), [413, 'arrived']);
    assert.deepEqual(await heard(bob, 1), ['short']);
  },

  'when it says that it has arrived it has': async ({ ann, bob }) => {
    await meet({ ann, bob });
    for (let i = 0; i < 5; i++) {
      await ann.run((n) => globalThis.bridge.send(n, globalThis.bridge.peers[0]), i);
      assert.equal(await bob.run(() => globalThis.seen.data.length), i + 1);
    }
  },

  'who leaves is seen to, and what waits for it is refused': async (two) => {
    await meet(two);
    const fate = two.ann.run(() => {
      const [peer] = globalThis.bridge.peers;
      const end = globalThis.bridge.on('leave', () => {
        end(); // or those who leave in other rows are told this, too
        globalThis.late = globalThis.outcome(globalThis.bridge.send('late', peer));
      });
      return globalThis.outcome(globalThis.bridge.send(new Uint8Array(16_000_000), peer));
    });
    await two.bob.run(() => globalThis.bridge.leave());
    await gone(two.ann);
    assert.ok([404, 'arrived'].includes(await fate));
    assert.equal(await two.ann.run(() => globalThis.late), 404);
    assert.deepEqual([(await two.ann.seen()).leaves, await two.bob.run(() => globalThis.bridge.peers.length)], [1, 0]);
  },

  'who leaves in the middle of the first offer, and comes again, is reached': async (two) => {
    await two.bob.until(() => globalThis.connections.length > 0);
    for (let i = 0; i < 3; i++) {
      await two.bob.run(() => globalThis.bridge.leave());
      await two.bob.join(two.room);
    }
    await meet(two);
    await two.bob.send('here');
    assert.deepEqual(await heard(two.ann, 1), ['here']);
  },

  'who comes again under its id is told apart: nothing of before arrives': async (two) => {
    await meet(two);
    const id = await two.bob.run(() => globalThis.bridge.user.id);
    await two.bob.run(() => { globalThis.bridge.close(); });
    await gone(two.ann);
    const lost = await two.ann.run((old) => globalThis.outcome(globalThis.bridge.send('to nobody', old)), id);
    await two.bob.join(two.room);
    await meet(two);
    assert.deepEqual([lost, await two.bob.run(() => globalThis.bridge.user.id)], [404, id]);
    await two.ann.send('to bob');
    assert.deepEqual(await heard(two.bob, 1), ['to bob']);
    const { joins, leaves } = await two.ann.seen();
    assert.deepEqual([joins, leaves], [2, 1]);
  },

  'half of it closes: what was under way arrives, and neither has gone': async (two) => {
    await meet(two);
    await Promise.all([two.ann.count(50), two.bob.count(50)]);
    await two.bob.until(() => globalThis.seen.data.length > 2);
    // A connection that a browser gives up at one end, which the other may not hear of.
    await two.ann.run(() => { globalThis.connections[0].close(); });
    const [fromAnn, fromBob] = [await two.ann.stop(), await two.bob.stop()];
    // The browser does not tell who closes it; as nothing else does here.
    await two.ann.run(() => { globalThis.dispatchEvent(new Event('online')); });
    assert.ok(await two.bob.counted(fromAnn, 4 * WAIT_MS));
    assert.ok(await two.ann.counted(fromBob, 4 * WAIT_MS));
    for (const guest of [two.ann, two.bob]) assert.equal((await guest.seen()).leaves, 0);
  },

  'a channel that closes takes nothing along': async (two) => {
    await meet(two);
    await Promise.all([two.ann.count(50), two.bob.count(50)]);
    await two.bob.until(() => globalThis.seen.data.length > 2);
    await two.ann.run(() => { globalThis.channels[0].close(); });
    await two.bob.until(() => globalThis.channels.length > 1);
    await meet(two);
    for (const [from, to] of [[two.ann, two.bob], [two.bob, two.ann]]) assert.ok(await to.counted(await from.stop(), 4 * WAIT_MS));
  },

  'signals that make no sense change nothing': async (two) => {
    await meet(two);
    const [from, to] = await Promise.all([two.ann, two.bob].map((guest) => guest.run(() => globalThis.bridge.user)));
    const forged = two.site.peer({ id: from.id, username: from.username });
    const mdns = 'candidate:1 1 udp 2113937151 11111111-2222-4333-8444-555555555555.local 50000 typ host';
    for (const [event, data] of [
      ...[null, {}, { candidate: null }, { candidate: '', sdpMid: '0' }, { candidate: 'x' }, { candidate: mdns, sdpMid: '0', sdpMLineIndex: 0 }, 'x', []].map((data) => ['ice-candidate', data]),
      ...[null, {}, { type: 'rollback' }, { type: 'offer' }, { type: 'answer', sdp: 'x' }, { type: 'pranswer', sdp: 'v=0' }, 7].map((data) => ['session-description', data]),
      ...[null, {}, { status: 1 }, { bytes: '%' }].map((data) => ['peer-data', data]),
    ]) await forged.relay(to, event, data);
    await Promise.all([two.ann.send('still'), two.bob.send('here')]);
    assert.deepEqual([await heard(two.bob, 1), await heard(two.ann, 1)], [['still'], ['here']]);
    assert.equal((await two.bob.peers())[0].state, 'open');
  },

  'nobody is there by that id: it is said': async ({ ann }) => {
    assert.deepEqual(await ann.run(() => Promise.all(['nobody', '', '../x'].map((id) => globalThis.outcome(globalThis.bridge.send('x', id))))), [404, 404, 404]);
  },

  'to several: with whom it has arrived, and with whom not': async (two) => {
    await meet(two);
    const result = await two.ann.run(async () => {
      const { arrived, failed } = await globalThis.bridge.send({ to: 'some' }, [globalThis.bridge.peers[0], 'nobody']);
      const none = await globalThis.bridge.send('x', []);
      return [arrived.map(({ username }) => username), failed.map(({ peer, error }) => [peer, error.status]), none];
    });
    assert.deepEqual(result, [['bob'], [['nobody', 404]], { arrived: [], failed: [] }]);
    assert.deepEqual(await heard(two.bob, 1), [{ to: 'some' }]);
  },

  'what is said in a room is heard there, by one connection for all': async (two) => {
    await meet(two);
    for (const guest of [two.ann, two.bob]) {
      await guest.run(async (name) => {
        globalThis.heardIn = [];
        const end = globalThis.bridge.on('data', (data, _peer, { name: where }) => globalThis.heardIn.push([where === name, data]));
        await globalThis.bridge.join(name);
        globalThis.endHeardIn = end;
      }, `${two.room}-2`);
    }
    for (const guest of [two.ann, two.bob]) await guest.until(() => globalThis.bridge.rooms.every(({ peers }) => peers.length === 1));
    await two.ann.run(() => { for (let i = 0; i < 10; i++) globalThis.bridge.rooms[i % 2].send(i); });
    await two.bob.until(() => globalThis.heardIn.length === 10);
    assert.deepEqual(await two.bob.run(() => globalThis.heardIn), Array.from({ length: 10 }, (_, i) => [i % 2 === 1, i]));
    assert.equal(await two.ann.connections(), 1);
    // One object for a peer, whatever the room; and of it one room remains.
    assert.ok(await two.ann.run(() => globalThis.bridge.rooms[0].peers[0] === globalThis.bridge.rooms[1].peers[0]));
    await two.bob.run(() => { globalThis.bridge.leave(); });
    await two.ann.until(() => globalThis.bridge.rooms[1].peers.length === 0 && globalThis.bridge.rooms[0].peers[0]?.state === 'open');
    await two.ann.run(() => { globalThis.bridge.leave(); globalThis.endHeardIn(); });
    await two.bob.run(() => globalThis.endHeardIn());
  },

  'listeners: once, until a signal, taken off, and one that throws stops no other': async (two) => {
    await meet(two);
    await two.bob.run(() => {
      const { bridge } = /** @type {any} */ (globalThis);
      const calls = globalThis.calls = [];
      const signal = new AbortController();
      const off = (data) => calls.push(`off ${data}`);
      bridge.addEventListener('data', ({ data }) => calls.push(`once ${data}`), { once: true });
      bridge.addEventListener('data', ({ data }) => { calls.push(`signal ${data}`); signal.abort(); }, { signal: signal.signal });
      bridge.on('data', off);
      bridge.off('data', off);
      globalThis.end = bridge.on('data', (data, { username }) => calls.push(`on ${data} of ${username}`));
    });
    await two.ann.run(() => globalThis.fates(['1', '2']));
    assert.deepEqual(await two.bob.run(() => { globalThis.end(); return globalThis.calls; }), ['once 1', 'signal 1', 'on 1 of ann', 'on 2 of ann']);
  },

  'without a room, or closed, twice: what is sent is refused, and nothing is thrown': async ({ ann, bob }) => {
    await meet({ ann, bob });
    const fates = await ann.run(async () => {
      const { bridge, outcome } = /** @type {any} */ (globalThis);
      bridge.leave();
      bridge.leave();
      const alone = outcome(bridge.send('x'));
      bridge.send('nobody waits for the answer');
      bridge.close();
      bridge.close();
      return [await alone, await outcome(bridge.send('x')), bridge.state, bridge.peers.length, bridge.room];
    });
    assert.deepEqual(fates, [404, 404, 'closed', 0, null]);
    await gone(bob);
  },

  'a server that is not there is told of, and waited for until it is closed': async ({ ann }) => {
    const base = `http://127.0.0.1:${await freePort()}/`;
    const result = await ann.run(async (href) => {
      const bridge = new globalThis.Drawbridge({ base: href });
      const states = [];
      bridge.on('state', (state, detail) => states.push([state, detail]));
      const fate = globalThis.outcome(bridge.connect());
      while (!bridge.detail) await new Promise((resolve) => { setTimeout(resolve, 50); });
      bridge.close();
      return [states, await fate];
    }, base);
    // A browser does not tell a page which of both it is.
    assert.match(result[0][1][1], /^The server cannot be reached, or does not list http:\/\/\S+ in DRAWBRIDGE_ORIGINS\.$/);
    assert.deepEqual(result, [[['connecting', ''], ['connecting', result[0][1][1]], ['closed', '']], 0]);
    ann.allow(/Cross-Origin Request Blocked/); // so Firefox says it, when it comes to that
  },
};

const KINDS = { chromium: ['chromium', 'chromium'], firefox: ['firefox', 'firefox'], both: ['firefox', 'chromium'] };

suite('interop', { servers: [['lighttpd', '/']], skip: missing(CHROMIUM) }, (test) => {
  /** @type {Firefox | undefined} */ let firefox;
  const noFirefox = missing(FIREFOX);
  before(async () => { if (!noFirefox) firefox = await Firefox.launch(); }, { timeout: 10 * WAIT_MS });
  after(() => firefox?.close());

  for (const [kind, [first, second]] of Object.entries(KINDS)) {
    if (noFirefox && kind !== 'chromium') continue;
    test(`${kind}: ${Object.keys(ROWS).length} rows`, async (room) => {
      const open = async (username, browser) => room.guest(username, { join: false, prepare, ...(browser === 'firefox' && { page: await firefox.newPage() }) });
      const [ann, bob] = await Promise.all([open('ann', first), open('bob', second)]);
      for (const [title, run] of Object.entries(ROWS)) {
        const two = { ann, bob, room: randomId('r'), site: room.site };
        for (const guest of [ann, bob]) {
          await guest.run(() => {
            Object.assign(globalThis.seen, { data: [], states: [], peers: [], joins: 0, leaves: 0 });
            Object.assign(globalThis, { connections: [], channels: [] });
          });
          await guest.join(two.room);
        }
        try {
          for (const guest of [ann, bob]) await guest.until(() => globalThis.bridge.peers.length === 1);
          await run(two);
          for (const guest of [ann, bob]) {
            await guest.run(() => { clearInterval(globalThis.counting); globalThis.bridge.leave(); });
            assert.deepEqual(guest.errors, []);
          }
        } catch (error) {
          throw new Error(`${title} (${first}, ${second}): ${error.message}`, { cause: error });
        }
      }
    });
  }
});
