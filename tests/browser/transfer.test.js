// transfer.test.js - files and streams from page to page, of which neither holds more than a little.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { WAIT_MS } from './lib/boards.js';
import { suite } from './lib/suite.js';

const MIB = 1024 * 1024;
/** How much is sent where that is measured. TRANSFER_MIB=1024 is enough to see that memory does not grow with it. */
const SIZE = (Number(process.env.TRANSFER_MIB) || 64) * MIB;
const GROWTH_MIB = 256; // of which that would show: what is garbage is there for a while
const WINDOW = MIB;
const QUEUE = MIB; // the most of transfers that waits in a link

/** What pages do here: bytes that are made as they are needed, and checked as they come. */
function prepare() {
  const CHUNK = 65_536;
  /** Each word says where it is. */
  globalThis.makeStream = (size) => {
    let at = 0;
    return new ReadableStream({
      pull(controller) {
        const words = new Uint32Array(Math.min(CHUNK, size - at) / 4).fill(at / CHUNK);
        if (words.length) controller.enqueue(new Uint8Array(words.buffer));
        at += words.byteLength;
        if (at >= size) controller.close();
      },
    }, { highWaterMark: 0 });
  };
  /** Of whatever pieces. */
  globalThis.Checker = class {
    length = 0;
    wrong = 0;
    add(bytes) {
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      // One word of each KiB.
      for (let at = -this.length & 1023; at + 4 <= bytes.length; at += 1024) {
        if (view.getUint32(at, true) !== Math.floor((this.length + at) / CHUNK)) this.wrong += 1;
      }
      this.length += bytes.length;
    }
  };
  globalThis.receive = () => new Promise((resolve, reject) => {
    const off = globalThis.bridge.on('data', async (incoming) => {
      off();
      const checker = new globalThis.Checker();
      await incoming.stream.pipeTo(new WritableStream({ write: (bytes) => checker.add(bytes) })).catch(reject);
      resolve([checker.length, checker.wrong]);
    });
  });
}

/** A channel of the browser's own between the two pages, as one who cares for speed uses it. */
async function bareChannel(ann, bob) {
  const make = (page) => page.run(async () => {
    const pc = globalThis.barePc = new RTCPeerConnection();
    const channel = globalThis.bare = pc.createDataChannel('', { negotiated: true, id: 1 });
    channel.binaryType = 'arraybuffer';
    channel.bufferedAmountLowThreshold = 262_144;
  });
  const describe = (page, other) => page.run(async (remote) => {
    const pc = globalThis.barePc;
    if (remote) await pc.setRemoteDescription(remote);
    if (pc.signalingState !== 'stable' || !remote) await pc.setLocalDescription();
    while (pc.iceGatheringState !== 'complete') await new Promise((resolve) => { pc.onicegatheringstatechange = resolve; });
    return pc.localDescription.toJSON();
  }, other);
  await Promise.all([make(ann), make(bob)]);
  const offer = await describe(ann, null);
  const answer = await describe(bob, offer);
  await ann.run((remote) => globalThis.barePc.setRemoteDescription(remote), answer);
  await ann.until(() => globalThis.bare.readyState === 'open');
}

/** @returns {Promise<number>} how many ms it took */
async function sendBare(ann, bob, size) {
  const got = bob.run((total) => new Promise((resolve) => {
    const checker = new globalThis.Checker();
    globalThis.bare.onmessage = ({ data }) => {
      checker.add(new Uint8Array(data));
      if (checker.length < total) return;
      globalThis.bare.send('done');
      resolve([checker.length, checker.wrong]);
    };
  }), size);
  const ms = await ann.run(async (total) => {
    const start = performance.now();
    const channel = globalThis.bare;
    const done = new Promise((resolve) => { channel.onmessage = resolve; });
    const reader = globalThis.makeStream(total).getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (channel.bufferedAmount > 1_048_576) await new Promise((resolve) => { channel.onbufferedamountlow = resolve; });
      channel.send(next.value);
    }
    await done;
    return performance.now() - start;
  }, size);
  assert.deepEqual(await got, [size, 0]);
  return ms;
}

/** @returns {Promise<number>} likewise */
async function sendStream(ann, bob, size) {
  const got = bob.run(() => globalThis.receive());
  const ms = await ann.run(async (total) => {
    const start = performance.now();
    await globalThis.bridge.send(globalThis.makeStream(total), globalThis.bridge.peers[0]);
    return performance.now() - start;
  }, size);
  assert.deepEqual(await got, [size, 0]);
  return ms;
}

/** What a process had in memory at most, in MiB; 0: it has ended. */
function memoryOf(pid) {
  try {
    return Math.round(Number(/^VmHWM:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) / 1024);
  } catch {
    return 0;
  }
}

/** What the browser's processes for pages had in memory at most, in MiB, and how many seconds of a processor they took, by
 *  their ids: it may start one for a page that is to come, and end that. */
async function cost(browser) {
  const session = await browser.newBrowserCDPSession();
  const { processInfo } = await session.send('SystemInfo.getProcessInfo');
  await session.detach();
  const pages = processInfo.filter(({ type }) => type === 'renderer').map(({ id, cpuTime }) => ({ id, most: memoryOf(id), seconds: cpuTime }));
  return new Map(pages.filter(({ most }) => most).map((one) => [one.id, one]));
}

suite('transfer', {}, (test) => {
  const meet = async (room, names, how = {}) => {
    const guests = [];
    for (const name of names) guests.push(await room.guest(name, { prepare, ...how }));
    await Promise.all(guests.map((guest) => guest.meets(names.length - 1)));
    return guests;
  };

  test('a stream is nearly as fast as a channel, and takes no more memory the longer it is', async (room) => {
    const [ann, bob] = await meet(room, ['ann', 'bob']);
    await bareChannel(ann, bob);
    for (const send of [sendBare, sendStream]) await send(ann, bob, 4 * MIB); // nothing is compiled yet
    const before = await cost(room.browser);
    let bare = await sendBare(ann, bob, SIZE / 2);
    const middle = await cost(room.browser);
    const ours = await sendStream(ann, bob, SIZE);
    const after = await cost(room.browser);
    bare += await sendBare(ann, bob, SIZE / 2); // before and after, as this machine has other work
    const last = await cost(room.browser);
    const pages = [...before.keys()].filter((id) => [middle, after, last].every((one) => one.has(id)));
    assert.ok(pages.length > 0);
    const seconds = (costs) => pages.reduce((sum, id) => sum + costs.get(id).seconds, 0);
    const took = { bare: seconds(middle) - seconds(before) + seconds(last) - seconds(after), ours: seconds(after) - seconds(middle) };
    const rate = (ms) => `${(SIZE / MIB / ms * 1000).toFixed(1)} MiB/s`;
    console.log(`${SIZE / MIB} MiB: ${rate(bare)} by a channel, ${rate(ours)} as a transfer, ${(bare / ours).toFixed(2)} of it; ` +
      `${took.bare.toFixed(1)} s and ${took.ours.toFixed(1)} s of a processor, ${(took.bare / took.ours).toFixed(2)}`);
    console.log(`memory of the pages: ${pages.map((id) => `${before.get(id).most} MiB before, at most ${after.get(id).most} then`).join('; ')}`);
    // The time of a processor, as other work slows the one down or the other.
    assert.ok(took.bare / took.ours > 0.5, JSON.stringify(took));
    for (const [then, now] of pages.map((id) => [before.get(id).most, after.get(id).most])) assert.ok(now < then + GROWTH_MIB, `${now} MiB, ${then} before`);
  });

  test('the source is read no faster than the other end reads, and messages go on meanwhile', async (room) => {
    const [ann, bob] = await meet(room, ['ann', 'bob']);
    await bob.run(() => {
      const off = globalThis.bridge.on('data', (incoming) => {
        off();
        globalThis.incoming = incoming;
      });
    });
    await ann.run(() => {
      globalThis.control = new AbortController();
      globalThis.made = 0;
      const counted = new TransformStream({
        transform(chunk, controller) {
          globalThis.made += chunk.length;
          controller.enqueue(chunk);
        },
      }, undefined, { highWaterMark: 0 });
      globalThis.bridge.send(globalThis.makeStream(2 ** 30).pipeThrough(counted), { signal: globalThis.control.signal, name: 'big', size: 2 ** 30 })
        .then((result) => { globalThis.result = result; });
    });
    await bob.until(() => globalThis.incoming?.received >= 32_768);
    assert.deepEqual(await bob.run(() => [globalThis.incoming.size, globalThis.incoming.name, globalThis.incoming.received <= 65_536]), [2 ** 30, 'big', true]);
    const read = await bob.run(async () => {
      globalThis.reader = globalThis.incoming.stream.getReader();
      let length = 0;
      while (length < 4_194_304) length += (await globalThis.reader.read()).value.length;
      return length;
    });
    await bob.until((length) => globalThis.incoming.received - length >= 300_000, read);
    for (const text of ['one', 'two']) await ann.send(text);
    await bob.until(() => globalThis.seen.data.length >= 3); // the Incoming is the first
    const [made, received] = [await ann.run(() => globalThis.made), await bob.run(() => globalThis.incoming.received)];
    assert.ok(received - read <= WINDOW, `${received - read} bytes have come and nobody has read them`);
    assert.ok(made - received <= QUEUE + 4 * 65_536, `${made - received} bytes were made and have not come`);
    // Then it is enough.
    await ann.run(() => globalThis.control.abort());
    const why = await bob.run(async () => {
      try {
        for (;;) await globalThis.reader.read();
      } catch (error) {
        return `${error.name}: ${error.message}`;
      }
    });
    assert.equal(why, 'Refusal: The peer has stopped sending it.');
    await ann.until(() => globalThis.result);
    assert.deepEqual(await ann.run(() => [globalThis.result.arrived.length, globalThis.result.failed[0].error.name]), [0, 'AbortError']);
  });

  test('a File goes to several, each of whom takes it, does not want it, or goes', async (room) => {
    const guests = await meet(room, ['ann', 'bob', 'cat', 'dan']);
    const [ann, bob, cat, dan] = guests;
    await bob.run(() => { globalThis.bridge.on('data', async (incoming) => { globalThis.file = await incoming.blob({ max: 2 ** 30 }); }); });
    await cat.run(() => { globalThis.bridge.on('data', (incoming) => incoming.cancel('No, thanks.')); });
    await ann.run(async () => {
      globalThis.told = {};
      const file = new File([await new Response(globalThis.makeStream(3_000_000)).blob()], 'tea.bin', { type: 'application/x-tea' });
      globalThis.bridge.send(file, { progress: ({ peer, sent, size }) => { globalThis.told[peer.username] = [sent, size]; } })
        .then(({ arrived, failed }) => {
          globalThis.result = [arrived.map(({ username }) => username), failed.map(({ peer, error }) => `${peer.username} ${error.status} ${error.message}`).sort()];
        });
    });
    await bob.until(() => globalThis.file);
    await dan.until(() => globalThis.seen.data.length);
    await dan.page.close();
    await ann.until(() => globalThis.result);
    assert.deepEqual(await ann.run(() => globalThis.result), [['bob'], ['cat 403 The peer does not want it: No, thanks.', 'dan 404 The peer has gone.']]);
    assert.deepEqual(await ann.run(() => globalThis.told.bob), [3_000_000, 3_000_000]);
    assert.deepEqual(await bob.run(async () => {
      const checker = new globalThis.Checker();
      checker.add(new Uint8Array(await globalThis.file.arrayBuffer()));
      return [globalThis.file.type, checker.length, checker.wrong];
    }), ['application/x-tea', 3_000_000, 0]);
  });

  test('by the server, where there is no other way', async (room) => {
    const relayed = () => { globalThis.blocked = true; };
    const ann = await room.guest('ann', { prepare: relayed });
    const bob = await room.guest('bob', { prepare: relayed });
    await Promise.all([ann, bob].map((guest) => guest.meets(1, 'relayed', 2 * WAIT_MS)));
    await bob.run(() => { globalThis.bridge.on('data', async (data) => { globalThis.text = typeof data === 'string' ? data : await (await data.blob()).text(); }); });
    const status = await ann.run(() => globalThis.bridge.send(new Blob(['tea'.repeat(40_000)]), globalThis.bridge.peers[0]).then(() => 'read'));
    assert.equal(status, 'read');
    await bob.until(() => globalThis.text !== undefined); // it has read all, and is putting that together
    assert.ok(await bob.run(() => globalThis.text === 'tea'.repeat(40_000)));
  });
});
