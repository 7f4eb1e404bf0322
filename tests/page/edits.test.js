// edits.test.js - what several do to one element at once: nothing of it is lost, wherever and however late it arrives.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Drawing } from '../../src/page/board/drawing.js';
import { mergeText, offsetIn } from '../../src/page/board/text-merge.js';
import { dice } from './lib/webrtc.js';

const TEXT = { kind: 'text', colour: 0, width: 3, x: 0, y: 0 };

/** People who hear of each other when a test says so: pieces in order from each to each. */
function apart(count) {
  const queues = new Map();
  const all = Array.from({ length: count }, (_, from) => {
    const drawing = new Drawing(() => {}, (element, at) => {
      for (const piece of drawing.elements.pieces(element, at)) {
        for (let to = 0; to < count; to++) if (to !== from) queues.get(`${from} ${to}`).push(structuredClone(piece));
      }
    });
    return drawing;
  });
  for (let from = 0; from < count; from++) for (let to = 0; to < count; to++) queues.set(`${from} ${to}`, []);
  /** The next piece on that way, if there is one. */
  const deliver = (from, to) => {
    const piece = queues.get(`${from} ${to}`).shift();
    const merged = piece && all[to].elements.merge(piece);
    if (merged) all[to].heard(merged);
    return piece !== undefined;
  };
  const settle = () => {
    for (let rounds = 0, busy = true; busy; rounds++) {
      assert.ok(rounds < 1_000, 'they come to an end');
      busy = false;
      for (const key of queues.keys()) while (deliver(...key.split(' ').map(Number))) busy = true;
    }
  };
  return { all, deliver, settle };
}

const only = ({ elements }) => elements.list[0];
const edit = (drawing, change) => { drawing.edit(only(drawing), change); drawing.commit(); };
const type = (drawing, at, word) => {
  const { text } = only(drawing).value;
  edit(drawing, { text: text.slice(0, at) + word + text.slice(at) });
};
const values = (all) => all.map((one) => only(one).value);

function written(count, text) {
  const people = apart(count);
  people.all[0].add({ ...TEXT, text });
  people.all[0].commit();
  people.settle();
  return people;
}

test('a text is merged by characters', () => {
  for (const [base, ours, theirs, merged] of [
    ['tea', 'tea at four', 'green tea', 'green tea at four'],
    ['tea', 'teapot', 'teacup', 'teacuppot'],
    ['tea for two', 'tea', 'tea for two and a cake', 'tea and a cake'],
    ['tea for two', 'coffee for two', 'tea for three', 'coffee for three'],
    ['one two three', 'two three', 'one two', 'two'],
    ['same', 'same', 'other', 'other'],
    ['same', 'other', 'same', 'other'],
    ['ab', 'axb', 'axb', 'axb'],
    ['', 'mine', 'theirs', 'theirsmine'],
    ['🙂', '🙂🙃', '🙁🙂', '🙁🙂🙃'],
    ['😀', '😁', '😀!', '😁!'],
  ]) {
    assert.equal(mergeText(base, ours, theirs), merged, `${base}: ${ours} and ${theirs}`);
  }
  const long = 'x'.repeat(2_000);
  assert.equal(mergeText(long, `${long}a`, `b${long}`), `b${long}a`);
  assert.equal(mergeText(`${'a'.repeat(1_000)}`, 'b'.repeat(1_000), 'c'.repeat(1_000)).length, 2_000, 'too much for characters');
});

test('a caret stays between the characters where it was', () => {
  for (const [from, to] of [['one two', 'one and two'], ['one two', 'two'], ['one two', '🙂one two'], ['🙂 two', '🙂🙃 two'], ['tea', 'tea']]) {
    for (let offset = 0; offset <= from.length; offset++) {
      const moved = offsetIn(from, to, offset);
      assert.ok(moved >= 0 && moved <= to.length);
      assert.ok(to.slice(moved).endsWith(from.slice(Math.max(offset, from.indexOf(' ') + 1))), `${from} ${offset}, ${to} ${moved}`);
    }
  }
  assert.equal(offsetIn('one two', 'one and two', 4), 4, 'what comes at the caret comes after it');
  assert.equal(offsetIn('one two', 'oh, one two', 3), 7);
  assert.equal(offsetIn('one two', 'two', 2), 0);
});

test('two who write in one text at once both have what they wrote', () => {
  const { all: [ann, bob], settle } = written(2, 'tea');
  type(ann, 0, 'green ');
  type(bob, 3, ' time');
  settle();
  assert.deepEqual(values([ann, bob]).map(({ text }) => text), ['green tea time', 'green tea time']);
  // And each takes back but its own.
  ann.undo();
  settle();
  assert.deepEqual(values([ann, bob]).map(({ text }) => text), ['tea time', 'tea time']);
});

test('a text that is moved and coloured while it is written in is where it was moved to, with what was written', () => {
  const { all, settle } = written(3, 'tea');
  const [ann, bob, cat] = all;
  for (let i = 0; i < 5; i++) type(ann, 3 + i, '!');
  edit(bob, { x: 50 });
  edit(cat, { colour: 4 });
  settle();
  for (const { text, x, colour } of values(all)) assert.deepEqual({ text, x, colour }, { text: 'tea!!!!!', x: 50, colour: 4 });
});

test('what others write while one writes is no part of what one undoes', () => {
  const { all: [ann, bob], settle } = written(2, 'tea');
  ann.edit(only(ann), { text: 'tea at' });
  type(bob, 0, 'green ');
  settle();
  ann.edit(only(ann), { text: `${only(ann).value.text} four` });
  ann.commit();
  settle();
  assert.equal(only(bob).value.text, 'green tea at four');
  ann.undo();
  settle();
  assert.equal(only(bob).value.text, 'green tea');
});

test('who deletes what another one wrote has deleted it', () => {
  const { all: [ann, bob], settle } = written(2, 'tea');
  type(ann, 3, ' at four');
  settle();
  edit(bob, { text: 'tea' });
  settle();
  assert.deepEqual(values([ann, bob]).map(({ text }) => text), ['tea', 'tea']);
});

test('whoever writes, moves and colours at once, in any order and however late: the same everywhere, and every letter is there, once', () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = dice(seed);
    const count = 2 + seed % 4;
    const { all, deliver, settle } = written(count, '[]');
    let letter = 0x4e00;
    for (let step = 0; step < 60; step++) {
      const one = all[random(count)];
      const what = random(8);
      if (what < 3) type(one, 1 + random(only(one).value.text.length - 1), String.fromCharCode(letter++));
      else if (what === 3) edit(one, { x: random(100) });
      else if (what === 4) edit(one, { colour: random(8) });
      else for (let i = random(6); i > 0; i--) deliver(random(count), random(count));
    }
    settle();
    for (const one of all) assert.equal(one.elements.canonical(), all[0].elements.canonical(), `seed ${seed}`);
    const { text } = only(all[0]).value;
    const letters = Array.from({ length: letter - 0x4e00 }, (_, i) => String.fromCharCode(0x4e00 + i));
    const found = [...text.slice(1, -1)].sort();
    assert.deepEqual(found, letters, `seed ${seed}: ${text}`);
  }
});

test('a base may be anything', () => {
  const { all: [ann, bob], settle } = written(2, 'tea');
  type(ann, 3, '!');
  const { id, version, by, value } = only(ann);
  for (const base of [null, 5, 'x', [], [1], [[1, 2]], [[-1, 'a']], [[1e12, 'a']], [[0, '']], [{}, {}], [[1, 'nobody']], Array(50).fill([1, 'a'])]) {
    const merged = ann.elements.merge({ id, version, by, edit: only(ann).edit + 1, editor: 'eve', base, value: { ...value, text: 'tea?' } });
    ann.heard(merged);
    assert.match(only(ann).value.text, /^tea/);
  }
  type(ann, 0, 'green ');
  settle();
  assert.equal(only(bob).value.text, only(ann).value.text);
});
