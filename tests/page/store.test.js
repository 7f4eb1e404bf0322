// store.test.js - a board in the browser's store: one that is slow, one that is full, and what of it is asked for.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Elements } from '../../src/page/board/elements.js';
import { askPersistence } from '../../src/page/board/memory.js';
import { hashWith, secretIn, storeName } from '../../src/page/board/private.js';
import { RULES } from '../../src/page/board/shapes.js';
import { Store } from '../../src/page/board/store.js';
import { letTimeGo, pass, stopTime } from './lib/clock.js';
import { FakeIndexedDB, FakeKeyRange } from './lib/indexeddb.js';
import './lib/crypto.js';

const PEN = { order: 1, kind: 'pen', colour: 0, width: 3, x: 0, y: 0 };

/** Globals, for as long as a test lasts. */
function put(context, globals) {
  for (const [name, value] of Object.entries(globals)) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
    context.after(() => (before ? Object.defineProperty(globalThis, name, before) : delete globalThis[name]));
  }
}

/** A browser, and pages of it that come to a room. */
function browser(context) {
  const indexedDB = new FakeIndexedDB();
  stopTime();
  context.after(letTimeGo);
  put(context, { indexedDB, IDBKeyRange: FakeKeyRange, addEventListener: () => {}, document: { hidden: false } });
  const page = (room = 'tea') => {
    const elements = new Elements(RULES);
    const store = new Store(room, (ids) => elements.kept(ids));
    const said = [];
    const late = [];
    store.refused = (refused) => said.push(refused);
    const take = (pieces) => {
      for (const piece of pieces) {
        const merged = elements.merge(piece);
        if (merged) store.keep(merged.element);
      }
    };
    const change = (merged) => {
      for (const piece of elements.pieces(merged.element)) assert.ok(piece); // it is told
      store.keep(merged.element);
      return merged.element;
    };
    const load = async () => {
      const loading = store.load((pieces) => { late.push(pieces.length); take(pieces); });
      await pass(1);
      return loading.then(take);
    };
    return { elements, store, said, late, take, change, load };
  };
  return { indexedDB, page };
}

test('what is there is kept, what is deleted as a run of its page, and all of it is there again', async (context) => {
  const { indexedDB, page } = browser(context);
  const ann = page();
  await ann.load();
  const drawn = [1, 2, 3, 4].map((i) => ann.change(ann.elements.add(PEN, [i, i, 50])));
  await pass(5_000);
  for (const one of drawn.slice(0, 3)) ann.change(ann.elements.remove(one));
  await pass(5_000);
  assert.equal(indexedDB.stores.elements.size, 2);
  const again = page();
  await again.load();
  assert.equal(again.elements.canonical(), ann.elements.canonical());
  const other = page('coffee');
  await other.load();
  assert.equal(other.elements.canonical(), '[]');
});

test('deletions as they were kept before become a run, too', async (context) => {
  const { indexedDB, page } = browser(context);
  await page().load();
  for (let i = 1; i <= 5; i++) indexedDB.stores.elements.set(JSON.stringify(['tea', `a-${i}`]), [{ id: `a-${i}`, version: 2, by: 'a', value: null }]);
  const ann = page();
  await ann.load();
  await pass(5_000);
  assert.deepEqual([...indexedDB.stores.elements], [['["tea",".a"]', [{ dead: 'a', runs: [1, 5, 2] }]]]);
});

test('a store that opens late is not waited for; what it has is taken in then, and brings nothing back', async (context) => {
  const { indexedDB, page } = browser(context);
  const before = page();
  await before.load();
  const [kept, gone] = [1, 2].map((i) => before.change(before.elements.add(PEN, [i, i, 50])));
  await pass(5_000);
  indexedDB.slow = true;
  const ann = page();
  const loading = ann.load();
  await pass(3_000);
  await loading;
  assert.equal(ann.elements.canonical(), '[]');
  // Meanwhile she draws, and hears that something was deleted.
  ann.change(ann.elements.add(PEN, [7, 7, 50]));
  ann.take([{ id: gone.id, version: 2, by: 'b', value: null }]);
  await pass(5_000);
  indexedDB.wake();
  await pass(5_000);
  assert.deepEqual([ann.late.length, ann.elements.list.length], [1, 2]);
  assert.equal(ann.elements.get(kept.id).value.kind, 'pen');
  assert.equal(ann.elements.get(gone.id).value, null);
  // And what was done meanwhile is kept, too.
  indexedDB.slow = false;
  const again = page();
  await again.load();
  assert.equal(again.elements.canonical(), ann.elements.canonical());
});

test('a browser without space: that is said once, nothing is lost while the page lives, and it is written when there is space', async (context) => {
  const { indexedDB, page } = browser(context);
  const ann = page();
  await ann.load();
  ann.change(ann.elements.add(PEN, [1, 1, 50]));
  await pass(5_000);
  indexedDB.full = true;
  const before = page();
  await before.load();
  assert.equal(before.elements.list.length, 1, 'it can be read all the same');
  for (let i = 0; i < 3; i++) {
    ann.change(ann.elements.add(PEN, [i, i, 50]));
    await pass(5_000);
  }
  assert.deepEqual(ann.said, [true]);
  indexedDB.full = false;
  await pass(60_000);
  assert.deepEqual(ann.said, [true], 'nothing is tried by itself');
  ann.change(ann.elements.add(PEN, [9, 9, 50]));
  await pass(5_000);
  assert.deepEqual(ann.said, [true, false]);
  const again = page();
  await again.load();
  assert.equal(again.elements.canonical(), ann.elements.canonical());
});

test('what is copied is there under the other name, and what is drawn there is there alone', async (context) => {
  const { indexedDB, page } = browser(context);
  const ann = page();
  await assert.rejects(ann.store.copy('tea 1', []), /Nothing is kept here/);
  await ann.load();
  const [one, gone] = [1, 2].map((i) => ann.change(ann.elements.add(PEN, [i, i, 50])));
  ann.change(ann.elements.remove(gone));
  await ann.store.copy('tea 1', ann.elements.list.map(({ id }) => id)); // before it was written otherwise
  const there = page('tea 1');
  await there.load();
  assert.deepEqual(there.elements.list.map(({ id }) => id), [one.id]);
  there.change(there.elements.add(PEN, [3, 3, 50]));
  await pass(5_000);
  const again = page();
  await again.load();
  assert.equal(again.elements.list.length, 1);
  indexedDB.full = true;
  await assert.rejects(ann.store.copy('tea 2', [one.id]), { name: 'QuotaExceededError' });
});

test('no part of a secret is in the name under which a board is kept, and each has its own', async () => {
  assert.equal(await storeName('tea', null), 'tea');
  const [one, other, elsewhere] = await Promise.all([['tea', 'the first of secrets'], ['tea', 'another of secrets'], ['coffee', 'the first of secrets']]
    .map(([room, secret]) => storeName(room, secret)));
  for (const [name, room] of [[one, 'tea'], [other, 'tea'], [elsewhere, 'coffee']]) assert.match(name, new RegExp(`^${room} [0-9a-f]{32}$`));
  assert.notEqual(one, other);
  assert.equal(secretIn(hashWith('a b&c=d#e%')), 'a b&c=d#e%');
  assert.deepEqual([secretIn(''), secretIn('#x'), secretIn('#secret=')], [null, null, '']);
});

test('the browser is asked once to keep it, whatever it says', async (context) => {
  let asked = 0;
  const kept = new Map();
  put(context, {
    localStorage: { getItem: (key) => kept.get(key) ?? null, setItem: (key, value) => kept.set(key, value) },
    navigator: { storage: {} },
  });
  askPersistence();
  assert.equal(kept.size, 0, 'there is nobody to be asked');
  put(context, { navigator: { storage: { persist: () => { asked++; return Promise.reject(new Error('no')); } } } });
  for (let i = 0; i < 5; i++) askPersistence();
  assert.equal(asked, 1);
  assert.equal(JSON.parse(kept.get('drawbridge')).persist, 1);
});
