// files.test.js - boards as files, what is read of Excalidraw's, and what is refused; styles, and what a page takes of them.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { tint } from '../../src/page/board/brush.js';
import { Drawing } from '../../src/page/board/drawing.js';
import { PALETTE } from '../../src/page/board/excalidraw.js';
import { figureOf, hits } from '../../src/page/board/figures.js';
import { beside, readFile as read, writeFile as write } from '../../src/page/board/files.js';
import { COORDINATE_MAX, NO_FILL, RULES, restyled, styleOf, styled } from '../../src/page/board/shapes.js';

const PEN = { kind: 'pen', colour: 0, width: 3, x: 0, y: 0 };
const scene = (...elements) => JSON.stringify({ type: 'excalidraw', version: 2, elements });
const BASE = { x: 10, y: 20, width: 100, height: 50, angle: 0, strokeColor: '#1e1e1e', backgroundColor: 'transparent', strokeWidth: 2,
  strokeStyle: 'solid', opacity: 100 };
const ours = (...elements) => read(scene(...elements)).drawn.map(({ value, points }) => {
  const { order, ...rest } = value;
  assert.ok(order >= 0);
  return points.length ? { ...rest, points } : rest;
});
const COMMON = { colour: 0, width: 3 };

test('what is saved is opened as it was, in its order, with what this page does not know', () => {
  const drawing = new Drawing(() => {}, () => {});
  drawing.add(PEN, [0, 0, 50, 5, 5, 100]);
  drawing.add({ ...PEN, kind: 'rectangle', w: 10, h: -10, fill: 3, dash: 1, opacity: 50, glow: { by: 2 } });
  drawing.add({ ...PEN, kind: 'image', w: 5, h: 5, hash: 'abc', format: 9 });
  drawing.add({ ...PEN, kind: 'text', text: 'two\nlines', size: 56 });
  const { list } = drawing.elements;
  const { drawn, left } = read(write(list));
  const bare = (one) => one.map(({ value: { order, ...value }, points }) => ({ value, points, order: typeof order }));
  assert.deepEqual([bare(drawn), left], [bare(list), '']);
  assert.deepEqual(drawn.map(({ value }) => value.order), [0, 1, 2, 3]);
});

for (const [why, text, says] of /** @type {[string, string, RegExp][]} */ ([
  ['no JSON', 'tea', /no drawing\.$/],
  ['nothing', 'null', /no drawing of/],
  ['something else', '{"type":"tldraw"}', /no drawing of/],
  ['no elements', '{"type":"drawbridge","version":1}', /no elements/],
  ['a newer one', '{"type":"drawbridge","version":2,"elements":[]}', /newer/],
  ['no version', '{"type":"drawbridge","elements":[]}', /newer/],
  ['too many', JSON.stringify({ type: 'drawbridge', version: 1, elements: Array(20_001).fill(0) }), /more than/],
  ['an element that is none', '{"type":"drawbridge","version":1,"elements":[null]}', /element 1 /],
  ['a value that no peer could send', JSON.stringify({ type: 'drawbridge', version: 1, elements: [{ value: { ...PEN, x: 1e9 }, points: [0, 0, 5] }] }), /element 1 /],
  ['points that are none', JSON.stringify({ type: 'drawbridge', version: 1, elements: [{ value: PEN, points: [0, 0, 500] }] }), /element 1 /],
  ['a stroke without points', JSON.stringify({ type: 'drawbridge', version: 1, elements: [{ value: PEN, points: [] }] }), /element 1 /],
  ['a list of points that is none', JSON.stringify({ type: 'drawbridge', version: 1, elements: [{ value: PEN, points: 'abc' }] }), /element 1 /],
])) {
  test(`refuses a file, in a sentence: ${why}`, () => assert.throws(() => read(text), says));
}

test('of Excalidraw: shapes, text, arrows and strokes, with their styles', () => {
  assert.deepEqual(ours(
    { ...BASE, type: 'rectangle', strokeColor: '#e03131', backgroundColor: '#b2f2bb', strokeStyle: 'dashed', strokeWidth: 4, opacity: 40 },
    { ...BASE, type: 'ellipse', isDeleted: true },
    { ...BASE, type: 'ellipse' },
    { ...BASE, type: 'text', text: 'tea\u0007\n', fontSize: 36, strokeColor: '#1971c2' },
    { ...BASE, type: 'arrow', points: [[0, 0], [50, 0], [50, 30]], endArrowhead: 'triangle' },
    { ...BASE, type: 'arrow', points: [[0, 0], [50, 0]], startArrowhead: 'arrow', endArrowhead: null, strokeStyle: 'dotted' },
    { ...BASE, type: 'line', points: [[-10, 0], [10, 0]], angle: Math.PI / 2 },
    { ...BASE, type: 'freedraw', points: [[0, 0], [5, 5]], pressures: [0, 2] },
    { ...BASE, type: 'freedraw', points: [[0, 0]], pressures: [0.1], simulatePressure: true },
  ), [
    { kind: 'rectangle', colour: 1, width: 7, x: 10, y: 20, w: 100, h: 50, format: 2, dash: 1, fill: 3, opacity: 50 },
    { kind: 'ellipse', ...COMMON, x: 10, y: 20, w: 100, h: 50 },
    { kind: 'text', colour: 4, width: 3, x: 10, y: 20, text: 'tea', format: 2, size: 32 },
    { kind: 'line', ...COMMON, x: 10, y: 20, w: 50, h: 0 },
    { kind: 'arrow', ...COMMON, x: 60, y: 20, w: 0, h: 30 },
    { kind: 'arrow', ...COMMON, x: 60, y: 20, w: -50, h: 0, format: 2, dash: 2 },
    { kind: 'line', ...COMMON, x: 10, y: 10, w: 0, h: 20 },
    { kind: 'pen', ...COMMON, x: 0, y: 0, points: [10, 20, 0, 15, 25, 100] },
    { kind: 'pen', ...COMMON, x: 0, y: 0, points: [10, 20, 50] },
  ]);
});

test('of Excalidraw: what is left out is said, and nothing that a file may hold breaks it', () => {
  const { drawn, left } = read(scene({ ...BASE, type: 'image' }, { ...BASE, type: 'image' }, { ...BASE, type: 'diamond' }, { ...BASE, type: '<b>' },
    { ...BASE, type: 'rectangle', angle: 1 }, null, 5, { type: 'ellipse' }, { ...BASE, type: 'line', points: 'ab' }, { ...BASE, type: 'line', points: [[0, 'x']] },
    { ...BASE, type: 'rectangle', x: 1e300 }, { ...BASE, type: 'text', text: { a: 1 } }, { ...BASE, type: 'freedraw', points: [] },
    { ...BASE, type: 'ellipse', strokeColor: {}, strokeWidth: 'x', opacity: null, strokeStyle: 5, backgroundColor: 'red' }));
  assert.deepEqual(drawn.map(({ value }) => value.kind), ['rectangle', 'ellipse']);
  assert.equal(left, 'image × 2, diamond × 1, unknown element × 1, rotation × 1, ellipse × 1, line × 2, rectangle × 1, text × 1, freedraw × 1');
  // A stroke longer than one may be goes on in another.
  const long = read(scene({ ...BASE, type: 'freedraw', points: Array.from({ length: 9_000 }, (_, i) => [i, 0]) })).drawn;
  assert.deepEqual(long.map(({ points }) => points.length / 3), [4_000, 4_000, 1_002]);
  assert.deepEqual(long[0].points.slice(-3), long[1].points.slice(0, 3));
});

test('the palette is that of the page in the light, and its colours are found there', () => {
  const css = readFileSync(new URL('../../src/page/board.css', import.meta.url), 'utf8');
  for (const [i, colour] of PALETTE.entries()) {
    assert.equal(/--colour-(\d): (#\w+)/.exec(css.slice(css.indexOf(`--colour-${i}:`)))?.[2], colour);
    assert.equal(ours({ ...BASE, type: 'ellipse', strokeColor: colour })[0].colour, i);
  }
});

test('what is opened lies beside what is there, on the board', () => {
  const box = (left, top, right, bottom) => ({ left, top, right, bottom });
  assert.deepEqual(beside(box(0, 0, 10, 10), null, 80), { x: 0, y: 0 });
  assert.deepEqual(beside(box(0, 0, 10, 10), box(5, 5, 20, 20), 80), { x: 100, y: 5 });
  const there = box(COORDINATE_MAX - 100, 0, COORDINATE_MAX, 100);
  assert.deepEqual(beside(box(0, 0, 10, 10), there, 80), { x: COORDINATE_MAX - 190, y: 0 });
});

test('a style: each kind has what it can have, and what is as ever is not said', () => {
  const all = { colour: 1, width: 7, fill: 2, dash: 1, opacity: 50, size: 14 };
  assert.deepEqual(styled('pen', all), { colour: 1, width: 7, dash: 1, opacity: 50 });
  assert.deepEqual(styled('ellipse', all), { colour: 1, width: 7, fill: 2, dash: 1, opacity: 50 });
  assert.deepEqual(styled('text', all), { colour: 1, width: 7, opacity: 50, size: 14 });
  const plain = { colour: 1, width: 3, fill: NO_FILL, dash: 0, opacity: 100, size: 20 };
  for (const kind of ['pen', 'text', 'rectangle']) assert.deepEqual(styled(kind, plain), { colour: 1, width: 3 });
  assert.deepEqual([restyled('text', { width: 7 }), restyled('pen', { fill: 1 }), restyled('arrow', { size: 14 })], [null, null, null]);
  assert.deepEqual(restyled('rectangle', { fill: NO_FILL }), { fill: undefined });
  for (const bad of [{ fill: 99 }, { fill: '<b>' }, { dash: -1 }, { opacity: 1e9 }, { opacity: [50] }, { size: 5_000 }, { size: null }]) {
    assert.ok(RULES.clean({ order: 1, ...PEN, kind: 'ellipse', w: 1, h: 1, ...bad }), 'it is kept');
    assert.deepEqual(styleOf({ kind: 'ellipse', width: 3, ...bad }), { fill: NO_FILL, dash: 0, opacity: 100, size: 20 }, 'and says nothing');
  }
});

test('what is filled is hit inside; dashes are those of lines, and not of heads', () => {
  const element = (value) => ({ id: 'a-1', version: 1, by: 'a', edit: 0, editor: '', points: [], value: { order: 1, ...PEN, w: 100, h: 60, ...value } });
  const at = (one, x, y) => hits(one, { x, y }, { x, y }, 2);
  const [box, round] = ['rectangle', 'ellipse'].map((kind) => element({ kind, fill: 1 }));
  assert.deepEqual([at(box, 50, 30), at(round, 50, 30), at(round, 4, 4), at(box, 120, 30)], [true, true, false, false]);
  assert.equal(at(element({ kind: 'rectangle', w: -100, fill: 1 }), -50, 30), true);
  assert.equal(at(element({ kind: 'line', fill: 1 }), 80, 10), false, 'a line has no inside');
  assert.deepEqual(figureOf(element({ kind: 'arrow', dash: 2 })).lines.map(({ dashes }) => dashes), [[0, 9], undefined]);
  assert.equal(tint('#000000', '#ffffff'), '#bfbfbf');
});
