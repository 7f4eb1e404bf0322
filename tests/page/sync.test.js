// sync.test.js - who tells whom what: peers that come, go in the middle of it, and mean harm.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Elements } from '../../src/page/board/elements.js';
import { Emitter } from '../../src/page/client/events.js';
import { RULES } from '../../src/page/board/shapes.js';
import { ANSWERED_MAX, BOARDS_MAX, HAVES_MAX, MINUTE_MS, TOLD_MAX } from '../../src/page/board/quota.js';
import { Sync } from '../../src/page/board/sync.js';
import { letTimeGo, stopTime, tick } from './lib/clock.js';
import { dice, turns } from './lib/webrtc.js';

/** @typedef {import('../../src/page/drawbridge.js').Drawbridge} Drawbridge */

const BOB = /** @type {import('../../src/page/drawbridge.js').Peer} */ ({ id: 'bob', username: 'bob', state: 'open', path: 'direct', detail: '' });

const EVE = /** @type {typeof BOB} */ ({ ...BOB, id: 'eve' });

/** A room whose messages arrive when step() says so, in order between each two. */
class Room {
  sent = 0; // bytes, that arrived
  count = {}; // messages, by their type
  #members = new Map();
  #queue = [];

  add(id, elements = new Elements(RULES)) {
    const send = (text, to) => {
      const targets = to ? [to.id ?? to] : [...this.#members.keys()].filter((other) => other !== id);
      for (const target of targets) {
        if (!this.#members.has(target)) continue;
        this.#queue.push({ from: id, to: target, text });
      }
      return Promise.resolve();
    };
    const bridge = /** @type {Drawbridge} */ (/** @type {object} */ (Object.assign(new Emitter(), { send })));
    return this.enter({ id, bridge, elements, sync: new Sync(bridge, elements, () => {}) });
  }

  enter(member) {
    const { id, bridge } = member;
    const others = [...this.#members.values()];
    this.#members.set(id, member);
    for (const other of others) {
      other.bridge.emit('join', /** @type {any} */ ({ peer: { id } }));
      bridge.emit('join', /** @type {any} */ ({ peer: { id: other.id } }));
    }
    return member;
  }

  remove(id) {
    this.#members.delete(id);
    this.#queue = this.#queue.filter(({ from, to }) => from !== id && to !== id);
    for (const { bridge } of this.#members.values()) bridge.emit('leave', /** @type {any} */ ({ peer: { id } }));
  }

  async step() {
    await turns();
    const message = this.#queue.shift();
    if (!message) return false;
    this.sent += message.text.length;
    const parsed = JSON.parse(message.text);
    this.count[parsed.type] = (this.count[parsed.type] ?? 0) + 1;
    this.#members.get(message.to)?.sync.hear(parsed, { id: message.from });
    return true;
  }

  async settle() {
    for (let n = 0; await this.step(); n++) assert.ok(n < 100_000, 'it never ends');
  }
}

const stroke = (order, colour = 0) => ({ order, kind: 'pen', colour, width: 3, x: 0, y: 0 });

const fill = ({ elements }, count, random = dice(1)) => {
  for (let i = 0; i < count; i++) {
    elements.add(stroke(i, random(6)), Array.from({ length: 1 + random(20) }, () => [random(1_000), random(1_000), 50]).flat());
  }
};

const size = ({ elements }) => elements.list.reduce((sum, one) =>
  sum + [...elements.pieces(one)].reduce((bytes, piece) => bytes + JSON.stringify(piece).length, 0), 0);

async function filled(count) {
  const room = new Room();
  const ann = room.add('ann');
  fill(ann, count);
  const [bob, cat] = ['bob', 'cat'].map((id) => room.add(id));
  await room.settle();
  for (const { elements } of [bob, cat]) assert.equal(elements.canonical(), ann.elements.canonical());
  return { room, ann, bob, cat };
}

test('who comes gets everything, and once', async () => {
  const { room, ann } = await filled(500);
  room.sent = 0;
  const dan = room.add('dan');
  await room.settle();
  assert.equal(dan.elements.canonical(), ann.elements.canonical());
  assert.ok(room.sent < 1.2 * size(ann), `${room.sent} bytes for a state of ${size(ann)}`);
});

test('whoever goes in the middle of it: the next one tells the rest', async () => {
  for (let steps = 1; steps < 40; steps += 3) {
    const { room, ann } = await filled(400);
    const want = ann.elements.canonical();
    const all = size(ann);
    room.sent = 0;
    const dan = room.add('dan');
    for (let i = 0; i < steps; i++) await room.step();
    room.remove('ann'); // it was the first to be asked
    await room.settle();
    assert.equal(dan.elements.canonical(), want, `after ${steps} steps`);
    assert.ok(room.sent < 2 * all, `after ${steps} steps: ${room.sent} bytes for a state of ${all}`);
  }
});

test('what is drawn meanwhile is there too', async () => {
  const { room, ann, bob } = await filled(300);
  const dan = room.add('dan');
  for (let i = 0; i < 30; i++) {
    const { element } = [bob, dan][i % 2].elements.add(stroke(900 + i), [i, i, 50]);
    [bob, dan][i % 2].sync.tell([[element, 0]]);
    await room.step();
  }
  await room.settle();
  for (const { elements } of [bob, dan]) assert.equal(elements.canonical(), ann.elements.canonical());
});

test('two that were apart tell each other what differs, and no more', async () => {
  const { room, ann, bob } = await filled(500);
  room.remove('bob');
  fill(ann, 5, dice(2));
  fill(bob, 5, dice(3));
  ann.elements.remove(ann.elements.list[7]);
  ann.elements.edit(ann.elements.list[8], { x: 5 });
  bob.elements.edit(bob.elements.list[8], { x: 6 });
  bob.elements.edit(bob.elements.list[8], { x: 7 });
  const back = room.add('bob2');
  for (const one of bob.elements.list) for (const piece of bob.elements.pieces(one)) back.elements.merge(structuredClone(piece));
  // What it has kept is there before it meets anybody.
  room.remove('bob2');
  room.sent = 0;
  const again = room.add('bob3');
  for (const one of back.elements.list) for (const piece of back.elements.pieces(one)) again.elements.merge(structuredClone(piece));
  for (const id of ['ann', 'cat']) again.bridge.emit('join', { id });
  await room.settle();
  assert.equal(again.elements.canonical(), ann.elements.canonical());
  assert.ok(room.sent < size(ann), `${room.sent} bytes for a state of ${size(ann)}`);
});

test('who asks and asks is answered one at a time', async () => {
  const { room, ann } = await filled(200);
  room.sent = 0;
  for (let i = 0; i < 100; i++) ann.sync.hear({ type: 'want', buckets: Array.from({ length: 64 }, (_, n) => n), known: [] }, BOB);
  await room.settle();
  assert.ok(room.sent < 2 * size(ann), `${room.sent} bytes`);
});

test('what is no message is nothing', async () => {
  const { ann } = await filled(3);
  const before = ann.elements.canonical();
  for (const message of [null, 5, 'x', [], {}, { type: 'pieces' }, { type: 'pieces', pieces: [null, 5] }, { type: 'have' },
    { type: 'have', hashes: [1.5] }, { type: 'have', hashes: Array(65).fill(1) }, { type: 'want', buckets: [0], known: [null, 5, []] },
    { type: 'want', buckets: 'x', known: [] }, { type: 'done' }]) ann.sync.hear(message, BOB);
  await turns();
  assert.equal(ann.elements.canonical(), before);
});

const same = (...members) => {
  for (const { elements } of members) {
    assert.equal(elements.canonical(), members[0].elements.canonical());
    assert.deepEqual(elements.hashes(), members[0].elements.hashes());
  }
};

/** What the clock shows during a test. (A mock would keep of each look at it from where that was.) */
function showTime(context, now) {
  performance.now = now;
  context.after(() => delete performance.now);
}

/** Somebody of whom the test says what they send; what they get is in `heard`. */
function stranger(room, id) {
  const heard = [];
  const bridge = new Emitter();
  return { ...room.enter({ id, bridge, sync: { hear: (message) => heard.push(message) } }), heard };
}

const piece = (id, more = {}) => ({ id, version: 1, by: 'e', value: stroke(1), at: 0, points: [1, 1, 50], ...more });
const pieces = (...all) => ({ type: 'pieces', pieces: all });

test('what comes from elsewhere is announced once, and asked for; what nobody changed is not said again', async () => {
  const { room, ann, bob, cat } = await filled(30);
  room.count = {};
  for (const { sync } of [ann, bob, cat]) sync.announce();
  await room.settle();
  const { have: first = 0, want = 0 } = room.count;
  assert.ok(first <= 6 && want === 0, `at most once after the meeting: ${first}`);
  for (const { sync } of [ann, bob, cat]) sync.announce();
  await room.settle();
  assert.equal(room.count.have ?? 0, first, 'nothing has changed');
  ann.elements.merge(piece('late-1'));
  ann.sync.announce();
  ann.sync.announce();
  await room.settle();
  same(ann, bob, cat);
  assert.equal(bob.elements.get('late-1').value.kind, 'pen');
  assert.equal(room.count.want, 2);
});

test('who was told other things than the others finds out as soon as they compare, and all agree', async () => {
  const { room, ann, bob, cat } = await filled(30);
  const [{ id, version, by, value }] = ann.elements.list;
  for (const [i, { elements }] of [ann, bob, cat].entries()) {
    elements.merge(piece(id, { version, by, value, points: [5, i, 50] }));
    elements.merge(piece('e-1', { value: stroke(i) }));
    if (i) elements.merge({ id: ann.elements.list[3].id, version: 1 + i, by: 'e', value: null });
  }
  bob.sync.announce();
  await room.settle();
  const dan = room.add('dan');
  await room.settle();
  for (const { sync } of [ann, bob, cat, dan]) sync.announce();
  await room.settle();
  same(ann, bob, cat, dan);
  room.count = {};
  for (const { sync } of [ann, bob, cat, dan]) sync.announce();
  await room.settle();
  assert.equal(room.count.want, undefined, 'and it ends');
});

test('boards that are full become the same, and do not ask each other for ever', async () => {
  for (let seed = 1; seed <= 20; seed++) {
    const random = dice(seed);
    const room = new Room();
    const small = () => new Elements(RULES, { elements: 20, points: 150, graves: 6 });
    const members = ['ann', 'bob', 'cat'].map((id) => {
      const elements = small();
      fill({ elements }, 30, random);
      for (const one of elements.list) elements.pieces(one).next(); // others know of it
      for (let i = 0; i < 10; i++) elements.remove(elements.list[random(elements.list.length)]);
      fill({ elements }, 20, random);
      return room.add(id, elements);
    });
    await room.settle();
    for (let rounds = 0; ; rounds++) {
      assert.ok(rounds < 10, `seed ${seed}`);
      room.count = {};
      for (const { sync } of members) sync.announce();
      await room.settle();
      if (!room.count.have) break;
    }
    same(...members);
  }
});

test('who comes back with an old board brings nothing back, and deletes what is deleted', async () => {
  const { room, ann, bob, cat } = await filled(200);
  const old = new Elements(RULES);
  for (const element of cat.elements.list) for (const each of cat.elements.pieces(element)) old.merge(structuredClone(each));
  old.add(stroke(900), [7, 7, 50]); // drawn alone
  room.remove('cat');
  for (const element of ann.elements.list.slice()) {
    ann.elements.remove(element);
    ann.sync.tell([[element, 0]]);
  }
  await room.settle();
  assert.equal(bob.elements.list.length, 0);
  const dan = room.add('dan');
  await room.settle();
  room.remove('ann');
  room.remove('bob');
  const back = room.add('back', old);
  await room.settle();
  same(dan, back);
  assert.deepEqual(dan.elements.list.map(({ points }) => points), [[7, 7, 50]], 'what was not deleted is there');
});

test('a page from before: it asks once, is told of each deletion by itself, and nobody asks for ever', async () => {
  const { room, ann, bob } = await filled(20);
  for (const element of ann.elements.list.slice(0, 3)) {
    ann.elements.remove(element);
    ann.sync.tell([[element, 0]]);
  }
  await room.settle();
  const eve = stranger(room, 'eve');
  await room.settle();
  assert.deepEqual(eve.heard.map(({ type, hashes }) => [type, hashes.length]), [['have', 64], ['have', 64], ['have', 64]]);
  // Its hashes are others for the same elements; it knows what it has by six words each, deletions too.
  const before = ann.elements.list.map((one) => [one.id, one.version, one.by, one.points.length / 3, 0, '']);
  const dead = [...ann.elements.known([])].flatMap(([page, ...runs]) => [1, 2, 3].map((n) => [`${page.slice(1)}-${n}`, runs[2] - 1, 'x', 4, 0, '']));
  eve.heard.length = 0;
  for (const { sync } of [ann, bob]) sync.hear({ type: 'have', hashes: Array(64).fill(5) }, EVE);
  ann.sync.hear({ type: 'want', buckets: Array.from({ length: 64 }, (_, i) => i), known: [...before, ...dead] }, EVE);
  await room.settle();
  const told = eve.heard.filter(({ type }) => type === 'pieces').flatMap((message) => message.pieces).filter(({ id }) => id);
  assert.deepEqual(told.map(({ id, version, value }) => [id, version, value]), dead.map(([id]) => [id, 2, null]), 'no more than these');
  assert.equal(eve.heard.filter(({ type }) => type === 'want').length, 2, 'each of both asks');
  // What it answers is taken in as from anybody, single deletions too.
  eve.heard.length = 0;
  const [{ id, version }] = ann.elements.list;
  for (const { sync } of [ann, bob]) {
    sync.hear(pieces(piece('old-1'), { id, version: version + 1, by: 'old', value: null }), EVE);
    sync.hear({ type: 'done' }, EVE);
  }
  await room.settle();
  same(ann, bob);
  assert.deepEqual([ann.elements.get(id).value, ann.elements.get('old-1').value.kind], [null, 'pen']);
  // It is told that there is something else now, once, and asks again: there is an end.
  assert.equal(eve.heard.filter(({ type }) => type === 'have').length, 2);
});

for (const [why, flood, answers] of /** @type {[string, (i: number) => object, boolean][]} */ ([
  ['elements', (i) => piece(`e-${i}`), false],
  ['elements, said to be an answer', (i) => piece(`e-${i}`), true],
  ['deletions of what nobody has seen', (i) => ({ id: `e${i}`, version: 2, by: 'e', value: null }), false],
])) {
  test(`one peer brings so much in a minute, and no more: ${why}`, async (context) => {
    stopTime();
    context.after(letTimeGo);
    let now = 0;
    showTime(context, () => now);
    const room = new Room();
    const [ann, bob] = ['ann', 'bob'].map((id) => room.add(id));
    const eve = stranger(room, 'eve');
    await room.settle();
    const flooding = 1.2 * TOLD_MAX.elements;
    const brought = () => ann.elements.list.length + ann.elements.graves;
    if (answers) ann.sync.hear({ type: 'have', hashes: [1, ...Array(63).fill(0)] }, EVE);
    for (let i = 0; i < flooding; i++) ann.sync.hear(pieces(flood(i)), EVE);
    const most = answers ? TOLD_MAX.elements + flooding / 32 : TOLD_MAX.elements;
    assert.ok(brought() >= TOLD_MAX.elements && brought() <= most, `${brought()} of ${most}`);
    // Others are heard as before.
    const { element } = bob.elements.add(stroke(1), [0, 0, 50]);
    bob.sync.tell([[element, 0]]);
    await room.settle();
    assert.equal(ann.elements.get(element.id).value.kind, 'pen');
    // And what was too much is asked for a minute later, as it may have been somebody's work.
    if (answers) ann.sync.hear({ type: 'done' }, EVE);
    eve.heard.length = 0;
    now += MINUTE_MS;
    tick(MINUTE_MS);
    await room.settle();
    assert.deepEqual(eve.heard.filter(({ type }) => type === 'want').map(({ buckets }) => buckets.length), [64]);
    for (let i = 0; i < flooding; i++) ann.sync.hear(pieces(flood(i)), EVE);
    assert.ok(brought() >= flooding);
  });
}

test('one peer brings so much in all, and has us ask so often', async (context) => {
  let now = 0;
  showTime(context, () => now);
  stopTime();
  context.after(letTimeGo);
  const room = new Room();
  const ann = room.add('ann');
  const eve = stranger(room, 'eve');
  await room.settle();
  for (let i = 0; i < 100; i++) {
    ann.sync.hear({ type: 'have', hashes: Array(64).fill(i + 1) }, EVE);
    ann.sync.hear({ type: 'done' }, EVE);
  }
  await room.settle();
  assert.equal(eve.heard.filter(({ type }) => type === 'want').length, HAVES_MAX);
  // Each minute she draws as long a stroke as there may be again and again, and takes it away.
  const line = Array(3 * 500).fill(7);
  const counts = ANSWERED_MAX.points * BOARDS_MAX / 500;
  for (let i = 1; i <= counts + 1_000; i++) {
    if (i % 200 === 0) now += MINUTE_MS;
    ann.sync.hear(pieces(piece(`e-${i}`, { points: line }), { id: `e-${i}`, version: 2, by: 'e', value: null }), EVE);
  }
  ann.sync.hear(pieces(piece('e-last')), EVE);
  assert.equal(ann.elements.get('e-last'), undefined);
});

test('who is asked and comes to no end keeps nobody from asking others', async (context) => {
  stopTime();
  context.after(letTimeGo);
  let now = 0;
  showTime(context, () => now);
  const room = new Room();
  const ann = room.add('ann');
  stranger(room, 'eve');
  ann.sync.hear({ type: 'have', hashes: Array(64).fill(1) }, EVE);
  const bob = new Elements(RULES);
  fill({ elements: bob }, 20);
  room.add('bob', bob);
  await room.settle();
  assert.equal(ann.elements.list.length, 0);
  for (let i = 0; i < 30 && !ann.elements.list.length; i++) {
    ann.sync.hear(pieces(), EVE);
    now += 5_000;
    tick(5_000);
    await room.settle();
  }
  assert.equal(ann.elements.list.length, 20);
});

test('who has drawn before its store was read gets and brings what was kept, and nothing that was deleted meanwhile', async () => {
  const { room, ann, bob } = await filled(40);
  const kept = ann.elements.list.flatMap((one) => [...ann.elements.pieces(one)].map((each) => structuredClone(each)));
  for (const element of ann.elements.list.slice(0, 20)) {
    ann.elements.remove(element);
    ann.sync.tell([[element, 0]]);
  }
  await room.settle();
  const dan = room.add('dan');
  await room.settle();
  const { element } = dan.elements.add(stroke(99), [3, 3, 50]);
  dan.sync.tell([[element, 0]]);
  for (const each of [...kept, piece('kept-1')]) dan.elements.merge(each);
  dan.sync.announce();
  await room.settle();
  same(ann, bob, dan);
  assert.deepEqual([ann.elements.list.length, ann.elements.get('kept-1').version], [22, 1]);
});
