// sync.test.js - who tells whom what: peers that come, go in the middle of it, and mean harm.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Elements } from '../../src/page/board/elements.js';
import { Emitter } from '../../src/page/client/events.js';
import { RULES } from '../../src/page/board/shapes.js';
import { Sync } from '../../src/page/board/sync.js';
import { dice, turns } from './lib/webrtc.js';

/** @typedef {import('../../src/page/drawbridge.js').Drawbridge} Drawbridge */

/** @type {import('../../src/page/drawbridge.js').PeerInfo} */
const BOB = { id: 'bob', username: 'bob', state: 'open', path: 'direct' };

/** A room whose messages arrive when step() says so, in order between each two. */
class Room {
  sent = 0; // bytes, that arrived
  #members = new Map();
  #queue = [];

  add(id) {
    const elements = new Elements(RULES);
    const send = (text, to) => {
      const targets = to ? [to.id ?? to] : [...this.#members.keys()].filter((other) => other !== id);
      for (const target of targets) {
        if (!this.#members.has(target)) continue;
        this.#queue.push({ from: id, to: target, text });
      }
      return Promise.resolve();
    };
    const bridge = /** @type {Drawbridge} */ (/** @type {object} */ (Object.assign(new Emitter(), { send })));
    const sync = new Sync(bridge, elements, () => {});
    const member = { id, bridge, elements, sync };
    const others = [...this.#members.values()];
    this.#members.set(id, member);
    for (const other of others) {
      other.bridge.emit('join', { id });
      bridge.emit('join', { id: other.id });
    }
    return member;
  }

  remove(id) {
    this.#members.delete(id);
    this.#queue = this.#queue.filter(({ from, to }) => from !== id && to !== id);
    for (const { bridge } of this.#members.values()) bridge.emit('leave', { id });
  }

  async step() {
    await turns();
    const message = this.#queue.shift();
    if (!message) return false;
    this.sent += message.text.length;
    this.#members.get(message.to)?.sync.hear(JSON.parse(message.text), { id: message.from });
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
