// elements.test.js - shared elements: whatever the order, repetition and delay of pieces, all
// ends are the same; and what a peer may send is bounded.
import assert from 'node:assert/strict';
import test from 'node:test';
import { BUCKETS, ELEMENTS_MAX, Elements, PIECE_POINTS, POINTS_MAX } from '../../src/page/board/elements.js';
import { BOARD_MESSAGE_MAX } from '../../src/page/board/sync.js';
import { COLOURS, COORDINATE_MAX, PRESSURE_MAX, RULES } from '../../src/page/board/shapes.js';
import { dice } from './lib/webrtc.js';

const good = { id: 'a-1', version: 1, by: 'a', at: 0, points: [0, 0, 50, 5, 5, 50],
  value: { order: 1, kind: 'pen', colour: 0, width: 3, x: 0, y: 0 } };
const shape = { ...good.value, kind: 'rectangle', w: 10, h: -10 };
const text = { ...good.value, kind: 'text', text: 'two\nlines' };

const value = (random) => ({ order: random(50), kind: 'pen', colour: random(6), width: [3, 7, 16][random(3)], x: 0, y: 0 });
const points = (random, n) => Array.from({ length: n }, () => [random(8_000) - 4_000, random(8_000) - 4_000, random(101)]).flat();

/** Pieces as they were made by some authors who also see a part of each other's. */
function history(random) {
  const authors = Array.from({ length: 3 }, () => new Elements(RULES));
  const all = [];
  for (let i = 0; i < 120; i++) {
    const author = authors[random(authors.length)];
    const one = author.list[random(author.list.length || 1)];
    const before = one ? author.count(one) : 0;
    const what = one ? random(6) : 0;
    const merged = what === 0 ? author.add(value(random), points(random, 1 + random(5)))
      : what === 1 ? author.remove(one)
        : what === 2 ? author.edit(one, { x: random(100), order: random(50) })
          : what === 3 ? restored(author, random)
            : author.extend(one, points(random, 1 + random(30)));
    if (!merged) continue;
    const pieces = [...author.pieces(merged.element, [2, 4, 5].includes(what) ? before : 0)].map((piece) => structuredClone(piece));
    all.push(...pieces);
    for (const other of authors) for (const piece of pieces) if (other !== author && random(2)) other.merge(piece);
  }
  return all;
}

/** Something that was deleted comes back, perhaps. */
function restored(author, random) {
  const { element } = author.add(value(random), points(random, 700)) ?? {};
  if (!element) return null;
  const { value: was, points: had } = element;
  author.remove(element);
  const merged = author.restore(element, was, had);
  assert.equal(author.count(merged.element), 700);
  return merged;
}

/** Two authors that extend one version contradict each other: here the first does alone. */
function consistent(pieces) {
  const longest = new Map();
  return pieces.filter(({ id, version, by, at, points: more }) => {
    if (!more) return true;
    const key = [id, version, by].join();
    const have = longest.get(key) ?? 0;
    if (at !== have) return false;
    longest.set(key, at + more.length / 3);
    return true;
  });
}

function shuffled(list, random) {
  const copy = [...list];
  for (let i = copy.length - 1; i > 0; i--) {
    const j = random(i + 1);
    [copy[i], copy[j]] = [copy[j], copy[i]];
  }
  return copy;
}

test('random changes, random delivery: the same everywhere', () => {
  for (let seed = 1; seed <= 150; seed++) {
    const random = dice(seed);
    const pieces = consistent(history(random));
    const ends = Array.from({ length: 4 }, () => new Elements(RULES));
    for (const end of ends) {
      const doubled = [...pieces, ...pieces.filter(() => random(3) === 0)];
      for (const piece of shuffled(doubled, random)) end.merge(structuredClone(piece));
    }
    for (const end of ends.slice(1)) {
      assert.equal(end.canonical(), ends[0].canonical(), `seed ${seed}`);
      assert.deepEqual(end.hashes(), ends[0].hashes(), `seed ${seed}`);
      assert.deepEqual(end.list.map(({ id }) => id), ends[0].list.map(({ id }) => id), `seed ${seed}`);
      assert.equal(end.points, ends[0].points, `seed ${seed}`);
    }
    assert.equal(ends[0].points, ends[0].list.reduce((sum, one) => sum + one.points.length / 3, 0));
  }
});

test('two that differ become the same by what each lacks, and by no more than that', () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = dice(seed);
    const pieces = consistent(history(random));
    const [one, other] = [new Elements(RULES), new Elements(RULES)];
    for (const piece of pieces) {
      const to = random(4);
      if (to !== 1) one.merge(structuredClone(piece));
      if (to !== 2) other.merge(structuredClone(piece));
    }
    // What closes a gap may bring to light what was held behind it, and so on.
    for (let round = 0; round < 20; round++) {
      const [mine, theirs] = round % 2 ? [one, other] : [other, one];
      const [ours, others] = [mine.hashes(), theirs.hashes()];
      const buckets = Array.from({ length: BUCKETS }, (_, i) => i).filter((i) => others[i] && ours[i] !== others[i]);
      const seen = new Set();
      for (const piece of theirs.lacking(buckets, mine.known(buckets))) {
        const merged = mine.merge(structuredClone(piece));
        // What follows on the first piece may have been held already, for want of that.
        assert.ok(merged || seen.has(piece.id), `seed ${seed}: new in it`);
        seen.add(piece.id);
      }
    }
    assert.equal(one.canonical(), other.canonical(), `seed ${seed}`);
  }
});

test('edits of one version: the higher counts, and points are everybody\'s', () => {
  const [ann, bob] = [new Elements(RULES), new Elements(RULES)];
  const { element } = ann.add(good.value, [0, 0, 50]);
  for (const piece of ann.pieces(element)) bob.merge(structuredClone(piece));
  const [other] = bob.list;
  // Bob moves what ann still draws.
  assert.equal(bob.edit(other, { x: 7 }).replaced, true);
  ann.extend(element, [1, 1, 50]);
  const sent = [...ann.pieces(element, 1)];
  for (const piece of bob.pieces(other, 1)) ann.merge(structuredClone(piece));
  for (const piece of sent) bob.merge(structuredClone(piece));
  assert.deepEqual([element.value.x, ann.count(element), ann.canonical()], [7, 2, bob.canonical()]);
  assert.equal(bob.merge(structuredClone(sent[0])), null, 'an earlier edit is no news');
});

test('what was deleted stays deleted, and who changed it last decides', () => {
  const [ann, bob] = [new Elements(RULES), new Elements(RULES)];
  const { element } = ann.add(good.value, [0, 0, 50]);
  const [piece] = ann.pieces(element);
  bob.merge(structuredClone(piece));
  const gone = bob.remove(bob.list[0]);
  assert.deepEqual([gone.replaced, bob.list.length, bob.points], [true, 0, 0]);
  const [tombstone] = bob.pieces(gone.element);
  assert.deepEqual(Object.keys(tombstone), ['id', 'version', 'by', 'value']);
  assert.equal(bob.merge(structuredClone(piece)), null);
  ann.extend(element, [1, 1, 50]);
  ann.merge(structuredClone(tombstone));
  assert.equal(ann.extend(element, [2, 2, 50]), null);
  assert.equal(ann.edit(element, { x: 1 }), null);
  assert.equal(ann.canonical(), bob.canonical());
});


for (const [why, change, taken = false] of /** @type {[string, any, boolean?][]} */ ([
  ['the piece as it ought to be', {}, true],
  ['a member more, which is not kept', { value: { ...good.value, html: '<img>' } }, true],
  ['no id', { id: undefined }],
  ['an id that is too long', { id: 'x'.repeat(33) }],
  ['an id with markup', { id: '<b>' }],
  ['nobody who made it', { by: '' }],
  ['a version that nobody could follow', { version: 1e300 }],
  ['half a version', { version: 1.5 }],
  ['a value of another type', { value: 'stroke' }],
  ['a value that is not there', { value: undefined }],
  ['an order that would stop the clock', { value: { ...good.value, order: 1e300 } }],
  ['a colour that is none', { value: { ...good.value, colour: COLOURS } }],
  ['a colour in words', { value: { ...good.value, colour: 'red' } }],
  ['a width that is none', { value: { ...good.value, width: 1e6 } }],
  ['a negative place', { at: -1 }],
  ['half a point', { points: [1, 2, 3, 4] }],
  ['no number', { points: [1, '2', 3] }],
  ['not a number', { points: [1, NaN, 3] }],
  ['no list', { points: { length: 3 } }],
  ['too far out', { points: [0, COORDINATE_MAX + 1, 0] }],
  ['a pressure that breaks the pen', { points: [0, 0, PRESSURE_MAX + 1] }],
  ['too many at once', { points: Array(3 * PIECE_POINTS + 3).fill(0) }],
  ['a shape', { value: shape }, true],
  ['a shape without a size', { value: { ...shape, w: undefined } }],
  ['a shape that never ends', { value: { ...shape, w: 1e300 } }],
  ['a place that is none', { value: { ...good.value, x: null } }],
  ['a kind that is none', { value: { ...good.value, kind: 'constructor' } }],
  ['a text', { value: text }, true],
  ['a text with control characters', { value: { ...text, text: 'a\u0007b' } }],
  ['a text that is empty', { value: { ...text, text: '' } }],
  ['a text that is a list', { value: { ...text, text: ['a'] } }],
  ['a text that is too long', { value: { ...text, text: 'x'.repeat(2_001) } }],
  ['an edit', { edit: 1, editor: 'b' }, true],
  ['an edit by nobody', { edit: 1 }],
  ['an editor of nothing', { editor: 'b' }],
  ['an edit that nobody could follow', { edit: 1e300, editor: 'b' }],
  ['an edit of what is deleted', { edit: 1, editor: 'b', value: null }],
])) {
  test(`${taken ? 'takes' : 'refuses'}: ${why}`, () => {
    const elements = new Elements(RULES);
    assert.equal(elements.merge({ ...good, ...change }) !== null, taken);
    const kept = { ...good.value, ...change.value };
    delete kept.html;
    if (taken) assert.deepEqual(elements.list[0].value, kept);
    else assert.equal(elements.canonical(), '[]');
  });
}

test('refuses what is no piece at all', () => {
  for (const piece of [null, undefined, 5, 'x', [], [[]], true]) assert.equal(new Elements(RULES).merge(piece), null);
});

test('a hostile peer fills a board, and no more', () => {
  const elements = new Elements(RULES);
  assert.equal(elements.full, false);
  for (let i = 0; i < ELEMENTS_MAX + 2_000; i++) elements.merge({ ...good, id: `b-${i}`, points: [0, 0, 0] });
  assert.equal(elements.list.length, ELEMENTS_MAX);
  assert.equal(elements.full, true);
  const long = new Elements(RULES);
  const far = Array.from({ length: 3 * PIECE_POINTS }, (_, i) => (i % 3 === 2 ? 100 : -49_999.9));
  for (let i = 0; i < 400; i++) {
    for (let at = 0; at < 5_000; at += PIECE_POINTS) long.merge({ ...good, id: `b-${i}`, at, points: far });
  }
  assert.ok(long.points <= POINTS_MAX);
  for (const stroke of long.list) {
    for (const piece of long.pieces(stroke)) assert.ok(JSON.stringify(piece).length < 16_384);
  }
  // With the longest names that there are, two that differ in everything can still ask each other.
  const asking = new Elements(RULES);
  const long32 = (i) => `${i}`.padStart(32, 'x');
  for (let i = 0; i < ELEMENTS_MAX; i++) {
    asking.merge({ ...good, id: long32(i), version: 1e9, by: long32(0), edit: 1e9, editor: long32(1) });
  }
  const want = JSON.stringify({ type: 'want', known: asking.known(Array.from({ length: BUCKETS }, (_, i) => i)) });
  assert.equal(asking.list.length, ELEMENTS_MAX);
  assert.ok(want.length < BOARD_MESSAGE_MAX - 1_000, `${want.length} characters`);
  const holes = new Elements(RULES);
  for (let i = 0; i < 3_000; i++) holes.merge({ ...good, id: `b-${i}`, at: 1 + i % 3_000, points: [1, 1, 1] });
  assert.equal(holes.points, 0);
});
