// state.test.js - a board's state: who comes late, who reloads, and who means harm.
import assert from 'node:assert/strict';
import { dice } from '../http/lib/dice.js';
import { stepsNow } from '../http/lib/pace.js';
import { pause, until } from '../http/lib/wait.js';
import { alike, WAIT_MS, wave } from './lib/boards.js';
import { fill } from './lib/filler.js';
import { suite } from './lib/suite.js';

const STROKES = 5_000;

/** What data channels have brought to this page, in bytes. */
const received = (board) => board.page.evaluate(async () => {
  let bytes = 0;
  for (const pc of globalThis.watched.all) {
    for (const one of (await pc.getStats()).values()) if (one.type === 'data-channel') bytes += one.bytesReceived;
  }
  return bytes;
});

/** Until the store has so many strokes of this room that are not deleted. */
const isKept = (board, strokes) => until(() => board.page.evaluate(async (wanted) => {
  const done = (request) => new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const room = location.pathname.split('/').pop();
  const db = await done(indexedDB.open('drawbridge'));
  const all = await done(db.transaction('elements').objectStore('elements').getAll(IDBKeyRange.bound([room], [room, []])));
  db.close();
  return all.filter(([{ value }]) => value).length === wanted;
}, strokes), `${strokes} strokes to be kept`);

/** What is written is refused, as by a browser without space, which none is for as little as a test writes. */
function withoutSpace() {
  globalThis.full = true;
  const { transaction } = IDBDatabase.prototype;
  IDBDatabase.prototype.transaction = function (names, mode, ...more) {
    const work = transaction.call(this, names, mode, ...more);
    if (globalThis.full && mode === 'readwrite') {
      Object.defineProperty(work, 'error', { value: new DOMException('There is no space.', 'QuotaExceededError') });
      work.commit = () => {}; // what is being committed cannot be aborted from here
      queueMicrotask(() => work.abort());
    }
    return work;
  };
}

suite('state', { settings: { GRACE: 2 } }, (test) => {
  test('late onto 5,000 strokes, once, and even when the one who sends them goes', async (room) => {
    const [ann, bob, cat] = await room.people(3);
    const size = await fill(ann, STROKES);
    for (const board of [ann, bob, cat]) await board.until({ strokes: STROKES, peers: 2 }, 2 * WAIT_MS);
    const began = Date.now();
    const dan = await room.board();
    const load = Date.now() - began; // what a browser takes for a page just then
    await dan.until({ strokes: STROKES }, 2 * WAIT_MS);
    const took = Date.now() - began;
    const bytes = await received(dan);
    console.log(`# 5,000 strokes, ${size} bytes: ${took} ms, ${bytes} bytes received`);
    const most = 5_000 + 4 * load + await stepsNow(20);
    assert.ok(took <= most, `${took} ms of ${most}`);
    assert.ok(bytes <= 2 * size, `${bytes} bytes for a state of ${size}`);

    // Eve gets a part from whom she asks first, who then goes.
    const eve = await room.board({ viewport: { width: 1000, height: 700 } });
    await eve.page.waitForFunction(() => Number(document.documentElement.dataset.strokes) > 0, undefined, { polling: 1 });
    const first = await eve.page.evaluate(() => document.documentElement.dataset.strokes);
    console.log(`# eve had ${first} when one left`);
    await ann.page.close();
    await eve.until({ strokes: STROKES, peers: 3 }, 2 * WAIT_MS);
  });

  test('who reloads alone loses nothing', async (room) => {
    const [ann] = await room.people(1);
    await ann.draw(wave(200, 200));
    await ann.draw(wave(200, 300));
    await ann.page.keyboard.press('Control+z');
    await ann.until({ strokes: 1 });
    await ann.until({ rests: true }); // it is painted
    await isKept(ann, 1);
    const before = await ann.picture();
    await ann.page.reload();
    await ann.until({ state: 'connected', strokes: 1, points: 20 });
    await alike([ann], 1);
    assert.deepEqual(await ann.picture(), before);
    // And who has something that the others lack tells them.
    const bob = await room.board();
    await alike([ann, bob], 1);
  });

  test('two boards that were apart become one', async (room) => {
    const [ann] = await room.people(1);
    await ann.draw(wave(200, 200));
    await isKept(ann, 1);
    await ann.page.goto('about:blank');
    const bob = await room.board();
    await bob.until({ state: 'connected' });
    await bob.draw(wave(250, 300), { colour: 3 });
    await ann.page.goBack();
    await Promise.all([ann.meets(1), bob.meets(1)]);
    await alike([ann, bob], 2);
  });

  test('who comes back with an old board brings nothing back of what was cleared', async (room) => {
    const [ann, bob] = await room.people(2);
    await ann.draw(wave(200, 200));
    await bob.draw(wave(250, 300), { colour: 3 });
    await alike([ann, bob], 2);
    await isKept(bob, 2);
    await bob.page.goto('about:blank');
    await ann.meets(0);
    await ann.page.keyboard.press('Control+Delete');
    await ann.page.keyboard.press('Enter');
    await ann.until({ strokes: 0, points: 0 });
    await ann.draw(wave(200, 400));
    await bob.page.goBack();
    await Promise.all([ann.meets(1), bob.meets(1)]);
    await alike([ann, bob], 1);
    await isKept(bob, 1);
  });

  test('a browser that has no space for a board says so, and keeps it when it has', async (room) => {
    const ann = await room.board({ prepare: withoutSpace });
    await ann.until({ state: 'connected' });
    await ann.draw(wave(200, 200));
    await until(async () => /no space left to keep the board/.test(await ann.status()), 'it to be said', WAIT_MS);
    await ann.page.evaluate(() => { globalThis.full = false; });
    await ann.draw(wave(200, 300));
    await isKept(ann, 2);
    await until(async () => !/no space/.test(await ann.status()), 'it to be over', WAIT_MS);
  });

  test('a hostile peer harms nobody', async (room) => {
    const [ann, bob] = await room.people(2);
    await ann.draw(wave(200, 200));
    await alike([ann, bob], 1);
    const eve = await room.guest('<img src=x onerror=alert(1)>', { base: room.site.servers[0].base });
    await eve.meets(2);
    await eve.run(async () => {
      const good = { id: 'e-1', version: 1, by: 'e', at: 0, points: [0, 0, 50, 5, 5, 50],
        value: { order: 1, kind: 'pen', colour: 0, width: 3, x: 0, y: 0 } };
      const bad = [
        { ...good, points: [1e300, 0, 0] }, { ...good, points: Array(3_000_000).fill(0) }, { ...good, value: { type: 'unknown' } },
        { ...good, version: 1e300 }, { ...good, version: '<b>' }, { ...good, id: '<script>' }, { ...good, value: { ...good.value, colour: 'url(x)' } },
      ];
      const say = (data) => globalThis.bridge.send(data);
      for (const piece of bad) say(JSON.stringify({ type: 'pieces', pieces: [piece] }));
      for (const text of ['', 'null', '5', '[]', '{', '{"type":"pieces"}', '{"type":"pieces","pieces":[null]}', '{"type":"have"}',
        '{"type":"want","buckets":"x"}', '{"type":"want","buckets":[0],"known":[[]]}', '{"type":"done"}', '{"type":"name","name":5}', '{"type":"name","name":"\\u0000","colour":99}', '{"type":"cursor","cursor":{"x":1e300,"y":0}}',
        '{"type":"cursor","cursor":[5]}', '{"cursor":{"x":"1","y":{}}}', '{"type":"pieces","pieces":[],"cursor":7}']) say(text);
      say(new Uint8Array(100_000));
      for (let i = 0; i < 200; i++) say(JSON.stringify({ type: 'want', buckets: Array.from({ length: 64 }, (_, k) => k), known: [] }));
      say(JSON.stringify({ type: 'name', name: '<img src=x onerror=alert(1)>'.repeat(100) }));
      await say(JSON.stringify({ type: 'pieces', pieces: [{ ...good, id: 'last' }] }));
    });
    await alike([ann, bob], 2);
    for (const board of [ann, bob]) {
      assert.equal((await board.facts()).points, '22');
      assert.equal(await board.page.locator('#people img').count(), 0);
    }
    await bob.draw(wave(300, 300));
    await alike([ann, bob], 3);
  });

  test('peers come and go at random, 50 rounds, and each ends in a full mesh', async (room) => {
    const { base } = room.site.servers[0];
    const names = ['a', 'b', 'c', 'd'];
    const guests = [];
    for (const name of names) guests.push(await room.guest(name, { base, join: false }));
    const inside = new Set();
    const random = dice(Number(process.env.SEED) || 1); // another SEED draws others
    for (let round = 0; round < 50; round++) {
      // What happens does not wait for what happened before.
      await Promise.all(guests.map(async (guest) => {
        const drawn = random(4);
        await pause(random(60));
        if (drawn === 0) {
          inside.delete(guest);
          await guest.run(() => globalThis.bridge.leave());
        } else if (drawn === 1 && inside.has(guest)) {
          await guest.run((name) => { globalThis.bridge.leave(); globalThis.bridge.join(name); }, room.name);
        } else {
          inside.add(guest);
          await guest.run((name) => { globalThis.bridge.join(name); }, room.name);
        }
      }));
      for (const guest of inside) await guest.meets(inside.size - 1);
    }
    for (const guest of guests) await guest.join(room.name);
    for (const guest of guests) await guest.meets(3);
    await guests[0].send('hello');
    for (const guest of guests.slice(1)) await guest.until(() => globalThis.seen.data.at(-1)?.data === 'hello');
  });
});
