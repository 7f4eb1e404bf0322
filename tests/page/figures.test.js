// figures.test.js - what elements look like, where they can be hit, and which part of the board is seen.
import assert from 'node:assert/strict';
import test from 'node:test';
import { boxOfMost, figureOf, handlesOf, hits, meet } from '../../src/page/board/figures.js';
import { COORDINATE_MAX } from '../../src/page/board/shapes.js';
import { SCALE_MIN, View } from '../../src/page/board/view.js';

const VERSION = { id: 'a-1', version: 1, by: 'a', edit: 0, editor: '' };
const base = { order: 1, colour: 0, width: 3, x: 10, y: 20 };
/** @typedef {import('../../src/page/board/elements.js').Present} Present */
/** @type {(value: object, points?: number[]) => Present} */
const element = (value, points = []) => ({ ...VERSION, value: { ...base, ...value }, points });
const shape = (kind, w = 100, h = 60) => element({ kind, w, h });
const pen = (points) => element({ kind: 'pen' }, points);
const at = (x, y) => ({ x, y });

for (const [why, drawn, x, y, hit] of /** @type {[string, Present, number, number, boolean][]} */ ([
  ['on a line', shape('line'), 60, 50, true],
  ['beside a line', shape('line'), 90, 30, false],
  ['on an arrow', shape('arrow'), 60, 50, true],
  ['on an edge of a rectangle', shape('rectangle'), 110, 50, true],
  ['in a rectangle', shape('rectangle'), 60, 50, false],
  ['on a rectangle that was drawn backwards', shape('rectangle', -100, -60), -90, -10, true],
  ['on an ellipse', shape('ellipse'), 60, 20, true],
  ['in a corner of its box', shape('ellipse'), 12, 22, false],
  ['on a stroke that was moved', pen([0, 0, 50, 100, 0, 50]), 60, 20, true],
  ['where it was before', pen([0, 0, 50, 100, 0, 50]), 60, 0, false],
  ['on a dot', pen([5, 5, 50]), 15, 25, true],
  ['beside it', pen([5, 5, 50]), 30, 25, false],
])) {
  test(`${hit ? 'hits' : 'misses'}: ${why}`, () => assert.equal(hits(drawn, at(x, y), at(x, y), 2), hit));
}

test('what a later format has is nowhere to be hit, and has nothing to be seen', () => {
  const note = shape('note');
  const bare = element({ kind: 'note' });
  for (const one of [note, bare]) {
    assert.deepEqual([figureOf(one).lines, figureOf(one).text, hits(one, at(10, 20), at(10, 20), 5), handlesOf(one)], [[], null, false, []]);
  }
  assert.equal(figureOf(note).box.right, 111.5);
  assert.equal(figureOf(bare).box.right, 11.5);
});

test('handles: the ends of what is a line, the corners of what has four, and none of what is drawn by hand', () => {
  const count = (one) => handlesOf(one).length;
  assert.deepEqual([shape('line'), shape('arrow'), shape('rectangle'), shape('ellipse')].map(count), [2, 2, 4, 4]);
  assert.deepEqual([pen([0, 0, 50, 100, 0, 50]), element({ kind: 'text', text: 'tea' })].map(count), [0, 0]);
  // What stays is across from each.
  for (const { x, y, stays } of handlesOf(shape('rectangle', -100, 60))) {
    assert.deepEqual([Math.abs(x - stays.x), Math.abs(y - stays.y)], [100, 60]);
  }
});

test('what goes straight across is hit, however far it went in one step', () => {
  assert.equal(hits(shape('line'), at(60, -500), at(60, 500), 1), true);
  assert.equal(hits(shape('line'), at(200, -500), at(200, 500), 1), false);
});

test('a stroke of one pressure is one line, another pressure another width', () => {
  const even = figureOf(pen([0, 0, 50, 10, 0, 50, 20, 5, 50, 30, 0, 50]));
  assert.deepEqual(even.lines.map(({ width }) => width), [3]);
  assert.match(even.lines[0].d, /^M10 20Q.*L40 20$/);
  const { lines } = figureOf(pen(Array.from({ length: 20 }, (_, i) => [10 * i, 0, 5 * i]).flat()));
  assert.ok(lines.length > 5);
  for (const [i, { width }] of lines.entries()) if (i) assert.ok(width > lines[i - 1].width);
});

test('a figure follows its element', () => {
  const dot = pen([0, 0, 50]);
  assert.equal(figureOf(dot), figureOf(dot));
  const before = figureOf(dot).box.right;
  dot.points.push(50, 0, 50);
  assert.equal(figureOf(dot).box.right, before + 50);
  dot.value = { ...dot.value, x: 0 };
  assert.equal(figureOf(dot).box.right, before + 40);
});

test('a view shows all until it is moved, and keeps what is under the pointer when it scales', () => {
  const view = new View();
  view.resize(1000, 700);
  assert.deepEqual([view.scale, view.x, view.y], [1, 500, 350]);
  view.include({ left: -900, right: 0, top: 0, bottom: 0 });
  assert.ok(view.toWindow({ x: -900, y: 0 }).x > 0);
  const under = view.toBoard(100, 200);
  view.zoom(2, 100, 200);
  assert.deepEqual(view.toBoard(100, 200), under);
  const { scale, x } = view;
  view.include({ left: -5000, right: 0, top: 0, bottom: 0 });
  assert.deepEqual([view.scale, view.x], [scale, x]);
});

test('nobody gets lost', () => {
  const view = new View();
  view.resize(1000, 700);
  for (let i = 0; i < 100; i++) view.zoom(2);
  assert.equal(view.scale, 8);
  view.pan(1e12, -1e12);
  const { x, y } = view.toBoard(500, 350);
  assert.deepEqual([Math.round(x), Math.round(y)], [-COORDINATE_MAX, COORDINATE_MAX]);
  for (let i = 0; i < 100; i++) view.zoom(0.5);
  assert.equal(view.scale, 0.1);
  view.fit({ left: 4_000, top: 4_000, right: 4_100, bottom: 4_100 });
  assert.deepEqual(view.toWindow({ x: 4_050, y: 4_050 }), { x: 500, y: 350 });
});

test('a phone begins at full size', () => {
  const view = new View();
  view.resize(360, 740);
  assert.deepEqual([view.scale, view.x, view.y], [1, 180, 370]);
  view.fit(null);
  assert.deepEqual([view.scale, view.x, view.y], [1, 180, 370]);
});

test('whatever lies wherever: the first view, and all of it, show something', async () => {
  const far = 49_000;
  const square = (x, y) => element({ kind: 'rectangle', x, y, w: 100, h: 100 });
  for (const [why, drawn, scale] of /** @type {[string, Present[], number?][]} */ ([
    ['one in a corner of all there may be', [square(far, far)], 1],
    ['two at some distance', [square(far, far), square(far - 11_000, far)]],
    ['three at both ends, of which two lie together', [square(far, far), square(-far, -far), square(far - 300, far)]],
    ['one that is too long to be seen whole', [element({ kind: 'line', x: -far, y: -far, w: 2 * far, h: 2 * far })]],
  ])) {
    for (const [width, height] of [[1440, 900], [360, 740], [640, 320]]) {
      for (const fits of [false, true]) {
        const view = new View();
        view.most = () => boxOfMost(drawn, { width: view.width / SCALE_MIN, height: view.height / SCALE_MIN });
        view.resize(width, height);
        for (const one of drawn) view.include(figureOf(one).box);
        await null;
        if (fits) view.fit({ left: Math.min(...drawn.map((one) => figureOf(one).box.left)), top: Math.min(...drawn.map((one) => figureOf(one).box.top)),
          right: Math.max(...drawn.map((one) => figureOf(one).box.right)), bottom: Math.max(...drawn.map((one) => figureOf(one).box.bottom)) });
        const seen = drawn.filter((one) => meet(figureOf(one).box, view.box)).length;
        assert.ok(seen >= (drawn.length > 2 ? 2 : 1), `${why}, ${width} wide: ${seen} are seen at ${view.scale}`);
        assert.ok(view.scale >= 0.05 && view.scale <= 1, `${why}: ${view.scale}`);
        if (scale) assert.equal(view.scale, scale, why);
      }
    }
  }
});

test('a hand does not make it smaller than a tenth, nor larger at once where it was smaller', () => {
  const view = new View();
  view.resize(1000, 700);
  view.fit({ left: -8_000, top: 0, right: 8_000, bottom: 10 });
  const { scale } = view;
  assert.ok(scale > 0.05 && scale < 0.1);
  view.zoom(0.5);
  assert.equal(view.scale, scale);
  view.zoom(1.1);
  assert.ok(Math.abs(view.scale - 1.1 * scale) < 1e-9);
});

test('a view is brought back as it was, in a window of another size, too; and only what is one', () => {
  const view = new View();
  view.resize(1000, 700);
  assert.equal(view.kept, null);
  view.zoom(2);
  view.pan(300, 40);
  const other = new View();
  other.resize(360, 740);
  other.restore(JSON.parse(JSON.stringify(view.kept)));
  assert.deepEqual(other.kept, view.kept);
  for (const bad of [null, 5, {}, { x: 0, y: 0 }, { x: 'a', y: 0, scale: 1 }, { x: 0, y: 0, scale: Infinity }]) other.restore(bad);
  assert.deepEqual(other.kept, view.kept);
  other.restore({ x: 1e12, y: 0, scale: 1e12 });
  assert.deepEqual([other.scale, other.kept?.x], [8, COORDINATE_MAX]);
});
