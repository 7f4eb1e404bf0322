// history.test.js - what one did oneself is undone and done again, whatever others did meanwhile.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Drawing } from '../../src/page/board/drawing.js';
import { ORDER_MAX } from '../../src/page/board/shapes.js';
import { dice } from './lib/webrtc.js';

const PEN = { kind: 'pen', colour: 0, width: 3, x: 0, y: 0 };

/** People who hear of each other's changes at once. */
function people(count) {
  const all = [];
  for (let i = 0; i < count; i++) {
    const drawing = new Drawing(() => {}, (element, from) => {
      for (const piece of drawing.elements.pieces(element, from)) {
        for (const other of all) if (other !== drawing) other.elements.merge(structuredClone(piece));
      }
    });
    all.push(drawing);
  }
  return all;
}

function draw(drawing, points = [0, 0, 50]) {
  const { id } = drawing.add(PEN, points);
  drawing.commit();
  return id;
}

const ids = ({ elements }) => elements.list.map(({ id }) => id);
const alike = (all) => {
  for (const one of all) assert.equal(one.elements.canonical(), all[0].elements.canonical());
};

test('an element that no peer would accept is a fault of ours, and not a full board', () => {
  const [ann] = people(1);
  assert.throws(() => ann.add({ ...PEN, kind: 'Star' }), /shapes\.js allows no such element: .*Star/);
  assert.deepEqual(ids(ann), []);
});

test('a member that was added goes again by undo, and what it is written in stays', () => {
  const [ann, bob] = people(2);
  draw(ann);
  ann.edit(ann.elements.list[0], { lock: true });
  ann.commit();
  ann.undo();
  assert.deepEqual(bob.elements.list[0].value, { order: 1, ...PEN, format: 2 });
  ann.redo();
  assert.equal(/** @type {any} */ (bob.elements.list[0].value).lock, true);
  alike([ann, bob]);
});

test('two who draw by turns undo each their own, and do it again', () => {
  const [ann, bob] = people(2);
  const [a, b, c, d] = [draw(ann), draw(bob), draw(ann), draw(bob)];
  ann.undo();
  assert.deepEqual(ids(bob), [a, b, d]);
  bob.undo();
  bob.undo();
  assert.deepEqual(ids(ann), [a]);
  assert.equal(bob.canUndo, false);
  bob.redo();
  ann.redo();
  assert.deepEqual(ids(bob), [a, b, c]);
  assert.equal(ann.canRedo, false);
  bob.redo();
  assert.deepEqual(ids(ann), [a, b, c, d], 'each where it was');
  alike([ann, bob]);
});

test('clear is one action, of all that is there, and comes back whole', () => {
  const [ann, bob] = people(2);
  draw(bob, Array.from({ length: 3 * 1_200 }, (_, i) => i % 100));
  draw(ann);
  const before = ids(ann);
  for (const one of ann.elements.list.slice()) ann.remove(one);
  ann.commit();
  assert.equal(bob.elements.list.length, 0);
  assert.equal(bob.elements.points, 0);
  ann.undo();
  assert.deepEqual(ids(bob), before);
  assert.equal(bob.elements.points, 1_201);
  ann.redo();
  assert.equal(bob.elements.list.length, 0);
  ann.undo();
  alike([ann, bob]);
});

test('a move is taken back by as much as it moved, although others moved it too', () => {
  const [ann, bob] = people(2);
  const id = draw(ann);
  const move = (drawing, x, colour) => {
    drawing.edit(drawing.elements.get(id), { x: drawing.elements.get(id).value.x + x, colour });
    drawing.commit();
  };
  move(ann, 10, 1);
  move(bob, 5, 2);
  ann.undo();
  assert.deepEqual([5, 2], [bob.elements.get(id).value.x, bob.elements.get(id).value.colour], 'bob\'s colour stays');
  bob.undo();
  assert.deepEqual([0, 1], [ann.elements.get(id).value.x, ann.elements.get(id).value.colour]);
  alike([ann, bob]);
});

test('what is done again comes back as others had left it', () => {
  const [ann, bob] = people(2);
  const id = draw(ann);
  bob.edit(bob.elements.get(id), { x: 5 });
  bob.commit();
  ann.extend(ann.elements.get(id), [7, 7, 50]);
  ann.undo();
  assert.equal(bob.elements.list.length, 0);
  ann.redo();
  assert.deepEqual([bob.elements.get(id).value.x, bob.elements.points], [5, 2]);
});

test('what others deleted is not undone, and an action without an effect is passed over', () => {
  const [ann, bob] = people(2);
  const [a, b] = [draw(ann), draw(ann)];
  bob.remove(bob.elements.get(b));
  bob.commit();
  ann.undo();
  assert.deepEqual(ids(bob), [], 'the stroke before it');
  bob.undo();
  assert.deepEqual(ids(ann), [b]);
  ann.redo();
  assert.deepEqual(ids(ann), [a, b]);
  alike([ann, bob]);
});

test('what is given up was never there', () => {
  const [ann] = people(1);
  const a = draw(ann);
  ann.add(PEN, [1, 1, 1]);
  ann.edit(ann.elements.get(a), { x: 9 });
  ann.cancel();
  assert.deepEqual(ids(ann), [a]);
  assert.equal(ann.elements.get(a).value.x, 0);
  ann.undo();
  assert.equal(ann.elements.list.length, 0);
  ann.cancel();
  assert.equal(ann.canUndo, false, 'nothing is given up twice');
});

test('anything by anybody, undone and done again at random: all see the same, and nothing is left to undo', () => {
  for (let seed = 1; seed <= 40; seed++) {
    const random = dice(seed);
    const all = people(3);
    for (let i = 0; i < 150; i++) {
      const one = all[random(3)];
      const some = one.elements.list[random(one.elements.list.length || 1)];
      const what = some ? random(7) : 0;
      if (what === 0) draw(one);
      if (what === 1) one.remove(some);
      if (what === 2) one.edit(some, { x: random(100), colour: random(6) });
      if (what === 3) one.extend(some, [1, 1, 1]);
      if (what === 4) one.undo();
      if (what === 5) one.redo();
      if (what === 6) for (const each of one.elements.list.slice()) one.remove(each);
      one.commit();
      alike(all);
    }
    // What one takes back may make something of another's to be taken back again.
    for (let i = 0; i < 1_000 && all.some((one) => one.canUndo); i++) all[i % 3].undo();
    for (const one of all) assert.equal(one.canUndo, false, `seed ${seed}`);
    alike(all);
  }
});

test('nobody can lie above all for good: what is out of reach is brought down', () => {
  const [ann, bob] = people(2);
  draw(ann);
  const hostile = (id, order) => {
    for (const { elements } of [ann, bob]) elements.merge({ id, version: 1, by: 'e', value: { ...PEN, order }, at: 0, points: [0, 0, 50] });
  };
  for (const [i, order] of [ORDER_MAX, ORDER_MAX, ORDER_MAX - 1, ORDER_MAX - 1e6].entries()) hostile(`zzz-${i + 1}`, order);
  const below = ids(ann);
  const [a, b] = [draw(ann), draw(bob)];
  assert.deepEqual(ids(ann), [...below, a, b]);
  assert.equal(ann.elements.list.at(-1).value.order, 7);
  alike([ann, bob]);
  ann.undo();
  assert.deepEqual(ids(bob), [...below, b], 'that it was brought down is not undone');
});

test('what was deleted in the last of all versions comes back as another, and is undone as that', () => {
  const [ann, bob] = people(2);
  const id = draw(ann);
  ann.edit(ann.elements.get(id), { x: 5 });
  ann.commit();
  ann.remove(ann.elements.get(id));
  ann.commit();
  for (const { elements } of [ann, bob]) elements.merge({ id, version: 1e9, by: 'e', value: null });
  ann.undo();
  const [other, ...more] = ids(ann);
  assert.deepEqual([more, other === id, ann.elements.list[0].value.x], [[], false, 5]);
  ann.undo();
  assert.equal(bob.elements.list[0].value.x, 0);
  ann.undo();
  assert.deepEqual([ids(bob), ann.canUndo], [[], false]);
  ann.redo();
  assert.equal(ids(bob).length, 1);
  alike([ann, bob]);
});

test('an edit in place of one that is the last of all reaches the others with all points', () => {
  const [ann, bob] = people(2);
  const id = draw(ann, [0, 0, 50, 1, 1, 50]);
  const { version, by, value, points } = ann.elements.get(id);
  for (const { elements } of [ann, bob]) elements.merge({ id, version, by, edit: 1e9, editor: 'e', value, at: 0, points });
  ann.edit(ann.elements.get(id), { x: 5 });
  ann.commit();
  assert.deepEqual([bob.elements.get(id).value.x, bob.elements.points], [5, 2]);
  ann.undo();
  assert.equal(bob.elements.get(id).value.x, 0);
  alike([ann, bob]);
});

test('what was undone before anybody was told of it can be done again', () => {
  const ann = new Drawing(() => {}, () => {});
  const id = draw(ann);
  ann.undo();
  assert.equal(ann.elements.canonical(), '[]');
  ann.redo();
  assert.deepEqual([ids(ann), ann.canUndo, ann.canRedo], [[id], true, false]);
});
