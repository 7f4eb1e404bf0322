// firefox.test.js - the client module in Firefox, and between Firefox and Chromium.
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { missing } from '../http/lib/programs.js';
import { until } from '../http/lib/wait.js';
import { CHROMIUM, WAIT_MS } from './lib/boards.js';
import { FIREFOX, Firefox } from './lib/firefox.js';
import { suite } from './lib/suite.js';
import { TurnServer } from './lib/turn-server.js';

const skip = missing(CHROMIUM) ?? missing(FIREFOX);
const turn = skip || missing('turnserver') ? undefined : await TurnServer.start();
after(() => turn?.abandon());

const settings = turn && { TURN_URLS: turn.url, TURN_SECRET: turn.secret };

suite('firefox', { settings, skip }, (test) => {
  /** @type {Firefox} */ let firefox;
  before(async () => { firefox = await Firefox.launch(); }, { timeout: 10 * WAIT_MS });
  after(() => firefox?.close());

  const inFirefox = async (room, username, how) => room.guest(username, { page: await firefox.newPage(), ...how });

  test('two pages of it and one of Chromium talk, each to each, directly', async (room) => {
    const all = [await inFirefox(room, 'ann'), await room.guest('bob'), await inFirefox(room, 'cat')];
    await Promise.all(all.map((guest) => guest.meets(2)));
    for (const guest of all) {
      await guest.until(() => globalThis.bridge.peers.every(({ path }) => path === 'direct'));
      assert.equal(await guest.connections(), 2, 'one connection to each other is enough');
    }
    await Promise.all(all.map((guest) => guest.run(() => globalThis.bridge.send(`from ${globalThis.bridge.user.username}`))));
    for (const guest of all) await guest.until(() => globalThis.seen.data.length === 2);
    assert.deepEqual((await all[0].seen()).data.map(({ from, data }) => `${from}: ${data}`).sort(), ['bob: from bob', 'cat: from cat']);
  });

  test('data of any size and kind arrives as it was, both ways', async (room) => {
    const ann = await inFirefox(room, 'ann');
    const bob = await room.guest('bob');
    await Promise.all([ann.meets(1), bob.meets(1)]);
    for (const [from, to] of [[ann, bob], [bob, ann]]) {
      await from.run(async () => {
        const big = new Uint8Array(1_000_000).map((_, i) => i * i % 251);
        await Promise.all(['', 'ä€😀'.repeat(50_000), new Uint8Array(0), big, 'x'].map((data) => globalThis.bridge.send(data)));
      });
      const got = await to.run(() => globalThis.seen.data.map(({ data }) => (typeof data === 'string' ? data.length
        : [data.length, data.every((value, i) => value === i * i % 251)])));
      assert.deepEqual(got, [0, 200_000, [0, true], [1_000_000, true], 1]);
    }
  });

  test('what it says a message may have is heeded', async (room) => {
    const ann = await inFirefox(room, 'ann', { options: { maxReceive: 1_000 } });
    const bob = await room.guest('bob');
    await Promise.all([ann.meets(1), bob.meets(1)]);
    const refused = await bob.run(() => globalThis.bridge.send('x'.repeat(1_001), globalThis.bridge.peers[0]).catch((error) => error.message));
    assert.equal(refused, 'This peer takes messages of up to 1000 bytes.');
  });

  test('channels by name, which may lose messages or not; a connection made anew has them again', async (room) => {
    const prepare = () => {
      const { createDataChannel } = RTCPeerConnection.prototype;
      globalThis.channels = [];
      RTCPeerConnection.prototype.createDataChannel = function watched(label, options) {
        if (options.negotiated) this.addEventListener('datachannel', ({ channel }) => globalThis.channels.push(channel));
        const channel = createDataChannel.call(this, label, options);
        globalThis.channels.push(channel);
        return channel;
      };
    };
    const ann = await inFirefox(room, 'ann', { prepare });
    const bob = await room.guest('bob', { prepare });
    const both = [ann, bob];
    for (const guest of both) {
      await guest.run(async () => {
        globalThis.heard = [];
        globalThis.chat = await globalThis.bridge.channel('chat');
        globalThis.cursor = await globalThis.bridge.channel('cursor', { ordered: false, maxRetransmits: 0 });
        for (const channel of [globalThis.chat, globalThis.cursor]) channel.on('data', (data) => globalThis.heard.push(data));
      });
    }
    const talk = async (text) => {
      for (const [guest, other] of [[ann, bob], [bob, ann]]) {
        await guest.run((data) => globalThis.chat.send(data), text);
        await other.until((data) => globalThis.heard.includes(data), text);
        await until(async () => { // of some that may get lost one is heard
          await guest.run((x) => { globalThis.cursor.send({ x }); }, text);
          return other.run((x) => globalThis.heard.some((data) => data.x === x), text);
        }, `${text} to be heard on the other channel`, WAIT_MS);
      }
    };
    await talk('one');
    for (const guest of both) {
      assert.deepEqual(await guest.run((label) => globalThis.channels.filter(({ label: one, readyState }) => one === label && readyState === 'open')
        .map(({ ordered, maxRetransmits }) => [ordered, maxRetransmits]), `${room.name}/cursor`), [[false, 0], [false, 0]]);
      const before = await Promise.all(both.map((one) => one.connections()));
      await guest.run(() => { globalThis.channels.filter(({ negotiated, id }) => negotiated && id === 0).pop().close(); });
      for (const [i, one] of both.entries()) await one.until((n) => globalThis.connections.length > n && globalThis.bridge.peers[0].state === 'open', before[i]);
      await talk(`after ${both.indexOf(guest)}`);
    }
  });

  test('stats of a peer: both browsers say how quick it is, by which candidates, and how much has passed', async (room) => {
    const both = [await inFirefox(room, 'ann'), await room.guest('bob')];
    for (const guest of both) await guest.until(() => globalThis.bridge.peers[0]?.path === 'direct');
    for (const guest of both) {
      await guest.run(() => globalThis.bridge.send('x'.repeat(100_000)));
      const { path, rtt, loss, sent, received, candidateTypes, protocol } = await guest.run(() => globalThis.bridge.peers[0].stats());
      assert.deepEqual([path, loss ?? null, protocol], ['direct', null, 'udp']);
      assert.ok(rtt >= 0 && rtt < 10_000, `${rtt} ms`);
      assert.ok(sent.bytes > 100_000 && sent.rate > 0 && received.bytes > 0 && received.rate > 0, JSON.stringify([sent, received]));
      for (const type of [candidateTypes.local, candidateTypes.remote]) assert.ok(['host', 'prflx'].includes(type), type);
    }
  });

  test('what is sealed in one is opened in the other, by a channel and by the server; who has no secret is a stranger to both', async (room) => {
    const sealed = { options: { secret: 'a secret of theirs, as long as it takes' } };
    const blocked = { ...sealed, prepare: () => { addEventListener('DOMContentLoaded', () => { globalThis.blocked = true; }, { once: true }); } };
    const members = [await inFirefox(room, 'ann', sealed), await room.guest('bob', sealed), await inFirefox(room, 'cat', blocked), await room.guest('dan', blocked)];
    const all = [...members, await room.guest('eve'), await inFirefox(room, 'fay')];
    const states = { ann: 'open relayed relayed', bob: 'open relayed relayed', cat: 'relayed relayed relayed', dan: 'relayed relayed relayed' };
    for (const guest of members) {
      await guest.until((wanted) => {
        const { user, peers } = globalThis.bridge;
        return wanted[user.username] === peers.filter(({ username }) => username in wanted).map(({ state }) => state).sort().join(' ') &&
          peers.filter(({ username }) => !(username in wanted)).every(({ state, detail }) => state === 'stranger' && /has no secret/.test(detail));
      }, states, 2 * WAIT_MS); // it is 15 s until data goes by the server
      await guest.run(() => globalThis.bridge.send(`from ${globalThis.bridge.user.username} ${'ä€😀'.repeat(10_000)}`));
    }
    for (const guest of members) await guest.until(() => globalThis.seen.data.length === 3);
    for (const guest of all.slice(4)) {
      await guest.until(() => globalThis.bridge.peers.filter(({ state }) => state === 'stranger').length === 4);
      assert.deepEqual((await guest.seen()).data, []);
    }
  });

  if (turn) {
    test('where a TURN server is the only way that is said, too', async (room) => {
      const options = { rtc: { iceTransportPolicy: 'relay' } };
      const ann = await inFirefox(room, 'ann', { options });
      const bob = await room.guest('bob', { options });
      await Promise.all([ann.meets(1), bob.meets(1)]);
      for (const guest of [ann, bob]) {
        await guest.until(() => globalThis.bridge.peers[0].path === 'turn');
        assert.deepEqual(await guest.run(async () => (await globalThis.bridge.peers[0].stats()).candidateTypes), { local: 'relay', remote: 'relay' });
      }
    });
  }
});
