// graves.test.js - what is dead: in any order the same, in few runs, and within bounds.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Graves, makeId, parseId } from '../../src/page/board/graves.js';
import { dice } from './lib/webrtc.js';

const MAX = 1_000;
const all = (graves) => graves.pages.map((page) => [page, ...graves.of(page)]);

test('random runs, in another order and doubled: each number has the highest version that was said, in as few runs as may be', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = dice(seed);
    const runs = Array.from({ length: 1 + random(40) }, () => {
      const from = random(60);
      return { from, to: from + random(random(3) ? 3 : 30), version: 1 + random(4) };
    });
    const graves = new Graves(MAX);
    const wanted = new Map();
    let hash = 0;
    const again = new Graves(MAX, (_page, one) => { hash ^= one; });
    for (const run of runs) {
      let news = false;
      for (let n = run.from; n <= run.to; n++) {
        news ||= (wanted.get(n) ?? 0) < run.version;
        wanted.set(n, Math.max(run.version, wanted.get(n) ?? 0));
      }
      assert.equal(graves.add('a', run), news, `seed ${seed}: is it news`);
    }
    for (const run of [...runs.slice(3), ...runs.slice().reverse()]) again.add('a', run);
    for (let n = 0; n < 100; n++) assert.equal(graves.version(makeId({ page: 'a', number: n })), wanted.get(n) ?? 0, `seed ${seed}: ${n}`);
    assert.deepEqual(all(again), all(graves), `seed ${seed}`);
    const edges = Array.from({ length: 101 }, (_, n) => wanted.get(n) ?? 0).filter((version, n, list) => version && version !== list[n - 1]);
    assert.equal(graves.size, edges.length, `seed ${seed}: runs`);
    // And another who gets what it lacks has the same.
    const other = new Graves(MAX, (_page, one) => { hash ^= one; });
    for (const run of runs.slice(0, 2)) other.add('a', run);
    for (const { runs: [from, to, version] } of graves.pieces('a', other)) assert.ok(from <= to && version > 0);
    assert.deepEqual(all(other), all(graves), `seed ${seed}`);
    assert.equal(hash, 0, `seed ${seed}: what has come and gone adds up to the same`);
  }
});

test('beyond the bound those of the pages that came first are forgotten, by everybody alike', () => {
  const names = Array.from({ length: 50 }, (_, i) => `p${String(i).padStart(2, '0')}`);
  const random = dice(7);
  const ends = [names, names.slice().reverse(), names.slice().sort(() => random(3) - 1)].map((order) => {
    const graves = new Graves(20);
    for (const page of order) for (const at of [1, 5]) graves.add(page, { from: at, to: at, version: 2 });
    return graves;
  });
  for (const graves of ends) {
    assert.equal(graves.size, 20);
    assert.deepEqual(all(graves), names.slice(40).map((page) => [page, 1, 1, 2, 5, 5, 2]));
  }
});

for (const [id, page, number] of /** @type {[string, string, number][]} */ ([
  ['a-1', 'a', 1], ['a-b-12', 'a-b', 12], ['a-0', 'a-0', 0], ['a-01', 'a-01', 0], ['a', 'a', 0], ['-1', '-1', 0], ['7', '7', 0],
  ['a-1234567890', 'a-1234567890', 0],
])) {
  test(`an id: ${id}`, () => {
    assert.deepEqual(parseId(id), { page, number });
    assert.equal(makeId({ page, number }), id);
  });
}
