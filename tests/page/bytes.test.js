// bytes.test.js - messages as bytes, over ways that lose, double and reorder.
import assert from 'node:assert/strict';
import test from 'node:test';
import { MESSAGE_MAX, Receiver, Sender, encode, fromBase64, toBase64 } from '../../src/page/client/bytes.js';
import { dice } from './lib/webrtc.js';

const text = (message) => (typeof message === 'string' ? message : `bytes ${message.join()}`);

test('kinds and sizes come back as they were', () => {
  for (const [why, data, want] of /** @type {[string, Parameters<typeof encode>[0], string][]} */ ([
    ['empty text', '', ''],
    ['a text', 'aä€😀\0', 'aä€😀\0'],
    ['a BOM', '\uFEFFa\uFEFF', '\uFEFFa\uFEFF'],
    ['no bytes', new Uint8Array(0), 'bytes '],
    ['an ArrayBuffer', new Uint8Array([1, 2]).buffer, 'bytes 1,2'],
    ['a view of a part', new Uint8Array([1, 2, 3]).subarray(1), 'bytes 2,3'],
    ['a DataView', new DataView(new Uint8Array([7]).buffer), 'bytes 7'],
    ['numbers of two bytes', new Uint16Array([257]), 'bytes 1,1'],
  ])) {
    assert.deepEqual(new Receiver().receive(0, encode(data)).map(text), [want], why);
  }
});

test('what would arrive as something else is not taken', () => {
  for (const data of [{ a: 1 }, 42, null, undefined, new Blob(['x']), [1, 2]]) {
    assert.throws(() => encode(/** @type {any} */ (data)), { name: 'TypeError', message: 'Only a string, an ArrayBuffer or a view of one can be sent.' });
  }
  for (const data of ['a\ud800', '\udc00a', '\udc00\ud800']) assert.throws(() => encode(data), { name: 'TypeError', message: /surrogate/ });
});

test('whatever pieces, repetitions and gaps: each message once, in order', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = dice(seed);
    const sender = new Sender();
    const receiver = new Receiver();
    const messages = Array.from({ length: 1 + random(40) }, (_, i) => `${i}:${'x'.repeat(random(3) ? random(9) : random(500))}`);
    for (const message of messages) sender.push(encode(message));
    const got = [];
    let next = 0;
    while (receiver.received < sender.end) {
      next = Math.max(next, sender.acked);
      const piece = sender.slice(next, 1 + random(200));
      const lost = random(4) === 0;
      if (!lost) got.push(...receiver.receive(next, piece));
      next += piece.length;
      if (random(8) === 0) sender.ack(receiver.received);
      // Another way, or the same again: from somewhere that is not confirmed.
      if (lost || next >= sender.end || random(10) === 0) next = sender.acked + random(receiver.received - sender.acked + 1);
    }
    assert.deepEqual(got, messages, `seed ${seed}`);
  }
});

test('what was sent is done when it has arrived, and not before', async () => {
  const sender = new Sender();
  const done = [];
  const sent = ['a', 'b', 'c'].map((message) => sender.push(encode(message)).then(() => done.push(message), (error) => done.push(error.message)));
  sender.ack(11);
  await sent[0];
  assert.deepEqual(done, ['a']);
  sender.ack(12);
  await sent[1];
  sender.ack(3); // an older word
  sender.ack(1e6); // what was never sent
  sender.ack(NaN);
  assert.equal(sender.acked, 12);
  sender.fail(new Error('gone'));
  await sent[2];
  assert.deepEqual(done, ['a', 'b', 'gone']);
});

test('a piece in the middle of a message that is half confirmed', () => {
  const sender = new Sender();
  sender.push(encode('abcdef'));
  sender.push(encode('gh'));
  sender.ack(8);
  assert.deepEqual([...sender.slice(8, 100)], [...encode('abcdef').subarray(8), ...encode('gh')]);
  assert.deepEqual([...sender.slice(9, 2, 3)], [0, 0, 0, ...encode('abcdef').subarray(9, 11)]);
});

test('strange offsets are nothing', () => {
  for (const offset of /** @type {any[]} */ ([-1, 1, 1e300, NaN, undefined, '1', {}, -Infinity])) {
    assert.deepEqual(new Receiver().receive(offset, new Uint8Array(0)), [], String(offset));
    const receiver = new Receiver();
    receiver.receive(0, encode('a'));
    assert.deepEqual(receiver.receive(offset === -1 ? 7 : offset, encode('b')), [], String(offset));
  }
});

test('a message that is longer than any may be is an error, before it is here', () => {
  const head = new Uint8Array(5);
  new DataView(head.buffer).setUint32(0, MESSAGE_MAX + 1);
  assert.throws(() => new Receiver().receive(0, head), RangeError);
});

test('base64 of any bytes, and of many', () => {
  const bytes = new Uint8Array(50_000).map((_, i) => i * 7);
  assert.deepEqual(fromBase64(toBase64(bytes)), bytes);
  assert.equal(toBase64(new Uint8Array([0, 255])), 'AP8=');
  assert.throws(() => fromBase64('no base64!'));
});
