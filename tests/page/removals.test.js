// removals.test.js - what others deleted: what is offered, for how long, and that it holds no more than a board does.
import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';
import { Drawing } from '../../src/page/board/drawing.js';
import { Removals, sentenceOf } from '../../src/page/board/removals.js';

const MAX = { elements: 100, numbers: 900 };
const ANN = { id: 'a', name: 'Ann' };
const EVE = { id: 'e', name: 'Eve' };
const PEN = { kind: 'pen', colour: 0, width: 3, x: 0, y: 0 };

/** So many, of which somebody else has made those that are not her own. */
const some = (count, { own = 0, numbers = 3, from = 0 } = {}) => Array.from({ length: count }, (_, i) => ({
  id: `${i < own ? 'ann' : 'bob'}-${from + i + 1}`, by: 'ann', value: { ...PEN, order: i }, points: Array(numbers).fill(0),
}));

const { now } = performance;
let time = 0;
const tick = (ms) => { time += ms; };
beforeEach(() => { performance.now = () => time; });
afterEach(() => { performance.now = now; });

const offered = (removals) => {
  const last = removals.last();
  return last ? sentenceOf(last) : null;
};

test('it is offered where the board is empty, or more than a few were of others', () => {
  for (const [removed, peer, empty, wanted] of /** @type {[any[], any, boolean, string | null][]} */ ([
    [some(20), ANN, false, null],
    [some(21), ANN, false, 'Ann deleted 21 elements'],
    [some(60, { own: 40 }), ANN, false, null],
    [some(1), ANN, true, 'Ann cleared the board'],
    [some(1, { own: 1 }), ANN, true, null], // she took back what she did
    [some(2, { own: 2 }), ANN, true, 'Ann cleared the board'],
    [some(3), null, true, 'The board was cleared while you were away'],
    [some(50), null, false, null],
  ])) {
    const removals = new Removals(MAX);
    removals.add(removed, peer, empty);
    assert.equal(offered(removals), wanted);
  }
});

test('what comes in several messages is one removal, and what comes later another', () => {
  const removals = new Removals(MAX);
  for (let i = 0; i < 3; i++) removals.add(some(10, { from: 10 * i }), ANN, i === 2);
  assert.equal(removals.last().removed.size, 30);
  tick(60_000);
  removals.add(some(5, { from: 30 }), EVE, false);
  assert.equal(offered(removals), 'Ann cleared the board', 'that is not offered');
  removals.add(some(25, { from: 40 }), EVE, false);
  assert.equal(offered(removals), 'Eve deleted 30 elements');
  removals.dismiss(removals.last());
  assert.equal(offered(removals), 'Ann cleared the board');
});

test('what is back is no part of it, whoever brought it back', () => {
  const removals = new Removals(MAX);
  removals.add(some(30), ANN, true);
  for (let i = 1; i < 30; i++) removals.back(`bob-${i}`);
  assert.deepEqual([...removals.last().removed.keys()], ['bob-30']);
  removals.back('bob-30');
  assert.equal(offered(removals), null);
});

test('together they hold no more than a board, and what one made and deletes again pushes nothing out', () => {
  const removals = new Removals(MAX);
  removals.add(some(100, { numbers: 9 }), ANN, true);
  for (let i = 0; i < 12; i++) {
    tick(60_000);
    removals.add(some(100, { own: 100, from: 1_000 * i }), EVE, true);
  }
  removals.dismiss(removals.last());
  removals.add(some(70), ANN, true);
  for (let i = 0; i < 12; i++) {
    tick(60_000);
    removals.add(some(2, { own: 2, from: 1_000 * i }), EVE, true);
    if (!i) assert.equal(offered(removals), 'Eve cleared the board');
  }
  while (removals.last().name === 'Eve') removals.dismiss(removals.last());
  assert.equal(offered(removals), 'Ann cleared the board');
  assert.equal(removals.last().removed.size, 70);
  tick(60_000);
  removals.add(some(80, { from: 500, numbers: 9 }), EVE, false);
  assert.equal(removals.last().removed.size, 80);
  removals.dismiss(removals.last());
  assert.ok(removals.last().removed.size < 70, 'the oldest make place');
});

/** People of whom each hears the others at once, as a page does. */
function people(count) {
  const all = Array.from({ length: count }, (_, i) => {
    const removals = new Removals(MAX);
    const changed = ({ element }) => element.value && removals.back(element.id);
    const drawing = new Drawing(changed, (element, from) => {
      for (const piece of drawing.elements.pieces(element, from)) {
        for (const other of all) {
          if (other.drawing === drawing || other.away) continue;
          const merged = other.drawing.elements.merge(structuredClone(piece));
          if (!merged) continue;
          if (merged.removed?.length) other.removals.add(merged.removed, { id: String(i), name: 'Ann' }, !other.drawing.elements.list.length);
          other.drawing.heard(merged);
        }
      }
    });
    return { drawing, removals, away: false };
  });
  return all;
}

test('two who bring it back at once bring back the same, under what was drawn meanwhile', () => {
  const [ann, bob, cat] = people(3);
  for (let i = 0; i < 5; i++) bob.drawing.add(PEN, [i, 0, 50]);
  bob.drawing.commit();
  const ids = () => bob.drawing.elements.list.map(({ id }) => id);
  const before = ids();
  for (const one of ann.drawing.elements.list.slice()) ann.drawing.remove(one);
  ann.drawing.commit();
  const { id } = cat.drawing.add(PEN, [1, 1, 1]);
  cat.drawing.commit();
  const pressed = [bob, cat].map(({ removals }) => [...removals.last().removed.values()]);
  bob.away = cat.away = true; // of each other
  assert.equal(bob.drawing.bringBack(pressed[0]), 5);
  assert.equal(cat.drawing.bringBack(pressed[1]), 5);
  bob.away = cat.away = false;
  for (const [one, other] of [[bob, cat], [cat, bob], [bob, ann], [cat, ann]]) {
    const [{ drawing: from }, { drawing: to }] = [one, other];
    const buckets = Array.from({ length: 64 }, (_, i) => i);
    for (const piece of from.elements.lacking(buckets, to.elements.known(buckets))) {
      const merged = to.elements.merge(structuredClone(piece));
      if (merged) to.heard(merged);
    }
  }
  assert.deepEqual(ids(), [...before, id]);
  for (const { drawing } of [ann, cat]) assert.equal(drawing.elements.canonical(), bob.drawing.elements.canonical());
  assert.equal(offered(bob.removals), null);
  assert.equal(offered(cat.removals), null);
  bob.drawing.undo(); // it was an action
  assert.deepEqual(ids(), [id]);
});

test('what there is no place for stays away, and nothing that is there gives way to it', () => {
  const [ann, bob] = people(2);
  const points = Array(3 * 4_000).fill(1);
  for (let i = 0; i < 60; i++) ann.drawing.add(PEN, points);
  ann.drawing.commit();
  for (const one of ann.drawing.elements.list.slice()) ann.drawing.remove(one);
  ann.drawing.commit();
  const { elements } = bob.drawing;
  const removed = Array.from({ length: 60 }, (_, i) => ({ id: `zed-${i + 1}`, by: 'ann', value: { ...PEN, order: 1 }, points }));
  for (let i = 0; i < 60; i++) bob.drawing.add(PEN, points);
  bob.drawing.commit();
  const before = elements.list.map(({ id }) => id);
  assert.equal(bob.drawing.bringBack(removed), 40);
  assert.equal(elements.points, 400_000);
  assert.deepEqual(elements.list.filter(({ id }) => before.includes(id)).map((one) => elements.count(one)), Array(60).fill(4_000));
});
