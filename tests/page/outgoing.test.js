// outgoing.test.js - what is told while one draws: at most one message a frame, and no old pointers.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Elements } from '../../src/page/board/elements.js';
import { Emitter } from '../../src/page/client/events.js';
import { Outgoing } from '../../src/page/board/outgoing.js';
import { RULES } from '../../src/page/board/shapes.js';
import { Sync } from '../../src/page/board/sync.js';
import './lib/crypto.js';

const PEN = { order: 1, kind: 'pen', colour: 0, width: 3, x: 0, y: 0 };

/** A page with frames that come when they are told to, and peers in these states. */
function page(context, ...states) {
  const sent = [];
  const frames = [];
  const events = new Map();
  const bridge = /** @type {import('../../src/page/drawbridge.js').Drawbridge} */ (/** @type {object} */ (Object.assign(new Emitter(), {
    peers: states.map((state, id) => ({ id: String(id), state })),
    send: (text, to) => sent.push({ message: JSON.parse(text), to: to?.id }),
  })));
  const globals = { addEventListener: (type, run) => events.set(type, run), requestAnimationFrame: (run) => frames.push(run), document: { hidden: false } };
  for (const [name, value] of Object.entries(globals)) {
    const before = Object.getOwnPropertyDescriptor(globalThis, name);
    Object.defineProperty(globalThis, name, { value, configurable: true });
    context.after(() => (before ? Object.defineProperty(globalThis, name, before) : delete globalThis[name]));
  }
  const elements = new Elements(RULES);
  const outgoing = new Outgoing(bridge, new Sync(bridge, elements, () => {}));
  const frame = () => {
    for (const run of frames.splice(0)) run();
    return sent.splice(0);
  };
  return { elements, outgoing, frame, frames, events, sent };
}

test('all that happens in a frame is one message, with the pointer', (context) => {
  const { elements, outgoing, frame, sent } = page(context, 'open', 'open');
  const { element } = elements.add(PEN, [0, 0, 50]);
  outgoing.element(element, 0);
  for (let i = 1; i <= 5; i++) {
    elements.extend(element, [i, i, 50]);
    outgoing.element(element, i);
    outgoing.cursor({ x: i, y: i });
  }
  assert.equal(sent.length, 0);
  const [{ message, to }, ...rest] = frame();
  assert.deepEqual([rest.length, to, message.cursor], [0, undefined, { x: 5, y: 5 }]);
  assert.deepEqual(message.pieces.map(({ at, points }) => [at, points.length]), [[0, 18]]);
  elements.extend(element, [9, 9, 50]);
  outgoing.element(element, 6);
  assert.deepEqual(frame()[0].message.pieces.map(({ at, points }) => [at, points]), [[6, [9, 9, 50]]], 'and then what is new');
  assert.deepEqual(frame(), []);
  outgoing.pieces(elements.removeAll(elements.list));
  const { pieces } = frame()[0].message;
  assert.deepEqual([pieces.length, pieces[0].runs, frame()], [1, [1, 1, 2], []], 'and what is deleted');
});

test('a pointer alone goes to those who have a channel, and not in every frame', (context) => {
  const { outgoing, frame } = page(context, 'open', 'interrupted', 'connecting');
  let now = 1_000;
  context.mock.method(performance, 'now', () => now);
  outgoing.cursor({ x: 1, y: 1 });
  assert.deepEqual(frame(), [{ message: { type: 'cursor', cursor: { x: 1, y: 1 } }, to: '0' }]);
  outgoing.cursor({ x: 2, y: 2 });
  assert.deepEqual(frame(), []);
  outgoing.cursor({ x: 3, y: 3 });
  now += 39;
  assert.deepEqual(frame(), []);
  now += 1;
  assert.deepEqual(frame().map(({ message }) => message.cursor), [{ x: 3, y: 3 }], 'where it is now');
  outgoing.cursor(null);
  assert.deepEqual(frame().map(({ message }) => message.cursor), [null], 'that it has left is said at once');
});

test('where somebody is reached by the server alone, it goes more seldom; and before the page hides', async (context) => {
  const { elements, outgoing, frames, sent, events } = page(context, 'open', 'relayed');
  const { element } = elements.add(PEN, [0, 0, 50]);
  outgoing.element(element, 0);
  assert.equal(frames.length, 0);
  events.get('pagehide')();
  assert.equal(sent.length, 1);
});
