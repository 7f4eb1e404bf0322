// bytes.test.js - messages as bytes, over ways that lose, double and reorder.
import assert from 'node:assert/strict';
import test from 'node:test';
import {
  KIND, MESSAGE_MAX, OFFSET_BYTES, Quota, Receiver, Sender, decodeData, encode as encodeKind, encodeData as encode, fromBase64, toBase64,
} from '../../src/page/client/bytes.js';
import { collectGarbage } from './lib/garbage.js';
import { dice } from './lib/webrtc.js';

/** One that takes all that may be sent, if not told otherwise; `whys` has why it does not any more. */
function receiver({ max = MESSAGE_MAX, quota = new Quota(MESSAGE_MAX) } = {}) {
  const whys = [];
  return Object.assign(new Receiver({ max, quota, refused: (why) => whys.push(why) }), { whys });
}

/** What announces so many bytes. */
function head(length) {
  const bytes = new Uint8Array(5);
  new DataView(bytes.buffer).setUint32(0, length);
  return bytes;
}

const dataOf = ({ kind, content }) => decodeData(kind, content);
const text = (message) => {
  const data = dataOf(message);
  return data instanceof Uint8Array ? `bytes ${data.join()}` : typeof data === 'string' ? data : JSON.stringify(data);
};

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
    ['an object', { a: [1, null, 'ä'] }, '{"a":[1,null,"ä"]}'], ['a number', -0.5, '-0.5'], ['true', true, 'true'],
    ['null', null, 'null'], ['one without a prototype', Object.create(null), '{}'], ['half of a pair in JSON', ['\ud800'], '["\\ud800"]'],
  ])) {
    assert.deepEqual(receiver().receive(0, encode(data)).map(text), [want], why);
  }
});

test('what would arrive as something else is not taken', () => {
  for (const data of [undefined, NaN, Infinity, 5n, Symbol('x'), () => 1, new Map(), new Date(), new Blob(['x'])]) {
    assert.throws(() => encode(/** @type {any} */ (data)), { name: 'TypeError', message: /^What can be sent is a string, an ArrayBuffer/ }, String(data));
  }
  for (const data of [{ chunk: new Uint8Array(1) }, [new ArrayBuffer(1)], { file: { part: [new Blob(['x'])] } }]) {
    assert.throws(() => encode(/** @type {any} */ (data)), { name: 'TypeError', message: /^Bytes are sent by themselves/ });
  }
  for (const data of ['a\ud800', '\udc00a', '\udc00\ud800']) assert.throws(() => encode(data), { name: 'TypeError', message: /surrogate/ });
});

test('whatever pieces, repetitions and gaps: each message once, in order', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const random = dice(seed);
    const sender = new Sender();
    const other = receiver();
    const messages = Array.from({ length: 1 + random(40) }, (_, i) => `${i}:${'x'.repeat(random(3) ? random(9) : random(500))}`);
    for (const message of messages) sender.push(encode(message));
    const got = [];
    let next = 0;
    while (other.received < sender.end) {
      next = Math.max(next, sender.acked);
      const piece = sender.slice(next, 1 + random(200)).subarray(OFFSET_BYTES);
      const lost = random(4) === 0;
      if (!lost) got.push(...other.receive(next, piece).map(dataOf));
      next += piece.length;
      if (random(8) === 0) sender.ack(other.received);
      // Another way, or the same again: from somewhere that is not confirmed.
      if (lost || next >= sender.end || random(10) === 0) next = sender.acked + random(other.received - sender.acked + 1);
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

test('a message that fits into a piece is not cut, and a long one not copied', () => {
  const sender = new Sender();
  const lengths = [100, 100, 900, 20, 600, 1_200, 30];
  const messages = lengths.map((length) => encode(new Uint8Array(length - encode('').length)));
  for (const message of messages) sender.push(message);
  const pieces = [];
  for (let at = 0; at < sender.end;) {
    const piece = sender.slice(at, 1_000);
    pieces.push(piece);
    at += piece.length - OFFSET_BYTES;
  }
  assert.deepEqual(pieces.map(({ length }) => length - OFFSET_BYTES), [200, 900, 1_000, 850]);
  assert.deepEqual(pieces.map(({ buffer }) => messages.findIndex((message) => message.buffer === buffer)), [-1, 2, -1, -1]);
  assert.deepEqual(Buffer.concat(pieces.map((piece) => piece.subarray(OFFSET_BYTES))), Buffer.concat(messages));
});

test('what comes in one piece is copied where it is the page’s, who may want its buffer, and nowhere else', () => {
  const chunk = encodeKind(KIND.chunk, new Uint8Array([1, 2, 3]));
  const bytes = encode(new Uint8Array([4, 5]));
  const piece = Uint8Array.from([...chunk, ...bytes, ...chunk]);
  const whole = receiver().receive(0, piece).map(({ content }) => content);
  assert.deepEqual(whole.map((content) => [...content]), [[1, 2, 3], [4, 5], [1, 2, 3]]);
  assert.deepEqual(whole.map(({ buffer }) => buffer === piece.buffer), [true, false, true]);
  assert.equal(whole[1].buffer.byteLength, 2);
  for (let cut = 1; cut < piece.length; cut++) {
    const other = receiver();
    const parts = [...other.receive(0, piece.subarray(0, cut)), ...other.receive(cut, piece.subarray(cut))];
    assert.deepEqual(parts.map(({ content }) => [...content]), [[1, 2, 3], [4, 5], [1, 2, 3]], `${cut}`);
  }
});

test('a piece in the middle of a message that is half confirmed', () => {
  const sender = new Sender();
  sender.push(encode('abcdef'));
  sender.push(encode('gh'));
  sender.ack(8);
  assert.deepEqual([...sender.slice(8, 100).subarray(OFFSET_BYTES)], [...encode('abcdef').subarray(8), ...encode('gh')]);
  assert.deepEqual([...sender.slice(9, 2)], [0, 0, 0, 0, 0, 0, 0, 0, ...encode('abcdef').subarray(9, 11)]);
});

test('strange offsets are nothing', () => {
  for (const offset of /** @type {any[]} */ ([-1, 1, 1e300, NaN, undefined, '1', {}, -Infinity])) {
    assert.deepEqual(receiver().receive(offset, new Uint8Array(0)), [], String(offset));
    const other = receiver();
    other.receive(0, encode('a'));
    assert.deepEqual(other.receive(offset === -1 ? 7 : offset, encode('b')), [], String(offset));
  }
});

test('a message that is too long is refused before it is here; those before it arrive, none after', () => {
  const other = receiver({ max: 3 });
  const before = encode('abc');
  assert.deepEqual(other.receive(0, new Uint8Array([...before, ...encode('abcd')])).map(dataOf), ['abc']);
  assert.deepEqual(other.whys, ['It sent a message of 4 bytes, and 3 are taken.']);
  assert.equal(other.received, before.length);
  assert.deepEqual(other.receive(before.length, encode('a')), []);
  for (const [length, refused] of [[MESSAGE_MAX, false], [MESSAGE_MAX + 1, true]]) {
    const most = receiver();
    most.receive(0, head(length));
    assert.equal(most.refused, refused, `${length} bytes`);
  }
});

test('what is not whole costs what came of it, in whatever pieces, and not what was announced', async () => {
  const LENGTH = 200_000;
  const quota = new Quota(1_000);
  const many = Array.from({ length: 100 }, () => receiver({ quota }));
  for (const one of many) {
    one.receive(0, head(LENGTH));
    one.receive(5, new Uint8Array(5));
  }
  assert.ok(many.every(({ refused }) => !refused));
  const other = receiver();
  other.receive(0, head(LENGTH));
  const pieces = [];
  let copied = 0;
  const { set } = Uint8Array.prototype;
  Uint8Array.prototype.set = function counted(from, at) {
    copied += from.length;
    set.call(this, from, at);
  };
  try {
    for (let i = 0; i < LENGTH - 1; i++) {
      const piece = new Uint8Array([i % 251]);
      if (i % 1_000 === 0) pieces.push(new WeakRef(piece.buffer));
      other.receive(5 + i, piece);
    }
  } finally {
    Uint8Array.prototype.set = set;
  }
  assert.ok(copied < 4 * LENGTH, `${copied} bytes were copied`);
  await collectGarbage();
  assert.equal(pieces.filter((piece) => piece.deref()).length, 0, 'no piece is kept');
  const [{ content: whole }] = other.receive(LENGTH + 4, new Uint8Array([0]));
  assert.ok(whole instanceof Uint8Array && whole.length === LENGTH && whole.buffer.byteLength === LENGTH);
  assert.ok(whole.subarray(0, -1).every((value, i) => value === i % 251));
});

test('of several who send too much together, who has sent most is refused, and the others are heard', () => {
  const quota = new Quota(100);
  const [small, large, honest] = [1, 2, 3].map(() => receiver({ max: 100, quota }));
  for (const one of [small, large]) one.receive(0, head(100));
  small.receive(5, new Uint8Array(30));
  large.receive(5, new Uint8Array(60));
  assert.deepEqual(honest.receive(0, encode('x'.repeat(40))).map(dataOf), ['x'.repeat(40)]);
  assert.deepEqual([small, large, honest].map(({ whys }) => whys.length), [0, 1, 0]);
  assert.equal(small.receive(35, new Uint8Array(70)).length, 1);
  // Who goes gives back what was collected.
  for (let i = 0; i < 10; i++) {
    const one = receiver({ max: 100, quota });
    one.receive(0, head(100));
    one.receive(5, new Uint8Array(90));
    one.close();
  }
  const whole = encode(new Uint8Array(100));
  assert.equal(honest.receive(honest.received, whole).length, 1);
  assert.deepEqual(honest.whys, []);
});

test('what the other end does not take is taken back before anything is sent, and the rest goes in order', async () => {
  const sender = new Sender();
  const sent = ['a', 'too long', 'b'].map((message) => sender.push(encode(message)));
  sender.failLonger(3, new Error('too long'));
  assert.deepEqual([...sender.slice(0, 100).subarray(OFFSET_BYTES)], [...encode('a'), ...encode('b')]);
  sender.ack(12);
  assert.deepEqual((await Promise.allSettled(sent)).map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled']);
});

test('base64 of any bytes, and of many', () => {
  const bytes = new Uint8Array(50_000).map((_, i) => i * 7);
  assert.deepEqual(fromBase64(toBase64(bytes)), bytes);
  assert.equal(toBase64(new Uint8Array([0, 255])), 'AP8=');
  assert.throws(() => fromBase64('no base64!'));
});
