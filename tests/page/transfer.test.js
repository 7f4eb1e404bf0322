// transfer.test.js - Blobs and streams between two ends of a link: all of it arrives, or both ends hear why not.
import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import test from 'node:test';
import { Transfers, isSource } from '../../src/page/client/transfer.js';
import { letTimeGo, stopTime, tick, turns } from './lib/clock.js';
import { collectGarbage } from './lib/garbage.js';
import { FakeLink, settleLinks } from './lib/link.js';
import { dice } from './lib/webrtc.js';

const KIB = 1024;
const WINDOW = 1024 * KIB;
const CHUNK = 64 * KIB;
const AT_ONCE = 64;
const PATIENCE_MS = 300_000;

/** @typedef {import('../../src/page/client/transfer.js').Incoming} Incoming */

/** Two pages and the link between them. `ann` and `bob` are its ends; each has `transfers` and `incoming`. */
function pages({ blobMax = Infinity } = {}) {
  const links = FakeLink.pair();
  const [ann, bob] = links.map((link) => {
    /** @type {Incoming[]} */
    const incoming = [];
    const transfers = new Transfers({ blobMax, incoming: (one) => incoming.push(one) });
    link.module = transfers;
    const send = (source, how) => {
      const result = transfers.from(source, { room: 'tea', ...how })(link);
      return { result, fate: fate(result) };
    };
    return { link, transfers, incoming, send };
  });
  return { ann, bob, settle: () => settleLinks(...links) };
}

/** What became of a promise: undefined as long as it is not settled. */
function fate(promise) {
  const known = { error: undefined, value: undefined, settled: false };
  promise.then((value) => Object.assign(known, { value, settled: true }), (error) => Object.assign(known, { error, settled: true }));
  return known;
}

/** Bytes of which none is like its neighbours: so many, from there on. */
const PERIOD = 251;
const PATTERN = new Uint8Array(6 * WINDOW).map((_, i) => i * 31 % PERIOD);
const pattern = (length, from = 0) => PATTERN.slice(from % PERIOD, from % PERIOD + length);

/** A source that says how much was taken of it, and why no more. */
function source(chunks, { fails } = /** @type {{fails?: Error}} */ ({})) {
  const rest = [...chunks];
  const facts = { pulled: 0, cancelled: undefined };
  const stream = new ReadableStream({
    pull(controller) {
      if (rest.length) {
        facts.pulled += 1;
        controller.enqueue(rest.shift());
      } else if (fails) controller.error(fails);
      else controller.close();
    },
    cancel(reason) { facts.cancelled = reason ?? 'no reason'; },
  }, { highWaterMark: 0 });
  return Object.assign(facts, { stream });
}

/** Everything that it has. */
function readAll(incoming) {
  const facts = { length: 0, sums: true, ...fate(Promise.resolve()) };
  const reader = incoming.stream.getReader();
  const reading = (async () => {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      facts.sums &&= Buffer.compare(next.value, pattern(next.value.length, facts.length)) === 0;
      facts.length += next.value.length;
    }
  })();
  reading.then(() => { facts.settled = true; }, (error) => Object.assign(facts, { error, settled: true }));
  return facts;
}

test.beforeEach(() => stopTime());
test.afterEach(letTimeGo);

test('a File arrives as it was, and is announced before it is read', async () => {
  const { ann, bob, settle } = pages();
  const content = pattern(3 * WINDOW + 17);
  const { fate: sent } = ann.send(new File([content], 'tea.bin', { type: 'application/x-tea' }));
  await settle();
  const [incoming] = bob.incoming;
  assert.deepEqual([incoming.size, incoming.type, incoming.name], [content.length, 'application/x-tea', 'tea.bin']);
  assert.ok(incoming.received <= CHUNK, `${incoming.received} bytes came, and nobody reads`);
  assert.equal(sent.settled, false);
  const got = fate(incoming.blob());
  await settle();
  assert.deepEqual(new Uint8Array(await got.value.arrayBuffer()), content);
  assert.equal(got.value.type, 'application/x-tea');
  assert.deepEqual([sent.settled, sent.error, incoming.received], [true, undefined, content.length]);
});

test('sources of any kind: no bytes, tiny chunks, huge ones, of unknown and of known length', async () => {
  for (const [why, chunks, about] of /** @type {[string, Uint8Array[], any][]} */ ([
    ['nothing', [], {}],
    ['empty chunks', [new Uint8Array(0), new Uint8Array(0)], {}],
    ['a byte at a time', Array.from(pattern(3_000), (_, i) => pattern(1, i)), {}],
    ['one chunk of much', [pattern(5 * WINDOW)], {}],
    ['a view of a part', [pattern(100).subarray(0, 50)], {}],
    ['with a length, a type and a name', [pattern(10)], { size: 10, type: 'text/plain', name: 'x.txt' }],
  ])) {
    const { ann, bob, settle } = pages();
    const { fate: sent } = ann.send(source(chunks).stream, about);
    await settle();
    const [incoming] = bob.incoming;
    const got = readAll(incoming);
    await settle();
    const length = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
    assert.deepEqual([got.settled, got.error, got.length, got.sums], [true, undefined, length, true], why);
    assert.deepEqual([sent.settled, sent.error], [true, undefined], why);
    assert.deepEqual([incoming.size, incoming.type, incoming.name], [about.size, about.type ?? '', about.name], why);
  }
  const { ann, bob, settle } = pages();
  const { fate: sent } = ann.send(new Blob([]));
  await settle();
  assert.deepEqual([bob.incoming[0].size, bob.incoming[0].name, (await bob.incoming[0].blob()).size, sent.settled], [0, undefined, 0, true]);
});

test('the source is read as fast as the other end reads, which holds no more than a window', async () => {
  const { ann, bob, settle } = pages();
  const chunks = Array.from({ length: 200 }, (_, i) => pattern(CHUNK, i * CHUNK));
  const from = source(chunks);
  ann.send(from.stream);
  await settle();
  assert.ok(from.pulled <= 3, `${from.pulled} chunks were read, and nobody reads`);
  const reader = bob.incoming[0].stream.getReader();
  let read = (await reader.read()).value.length;
  for (let n = 0; n < 20; n++) {
    await settle();
    const held = bob.incoming[0].received - read;
    assert.ok(held <= WINDOW, `${held} bytes are held`);
    assert.ok(held > WINDOW / 2, `${held} bytes are there for who reads`);
    assert.ok(from.pulled * CHUNK <= read + WINDOW + 2 * CHUNK, `${from.pulled} chunks were read`);
    for (let i = n % 8; i >= 0; i--) read += (await reader.read()).value.length;
  }
});

test('a window of tiny chunks is no more than a thousand of them', async () => {
  const { ann, bob, settle } = pages();
  const from = source(Array.from({ length: 3_000 }, (_, i) => pattern(1, i)));
  ann.send(from.stream);
  await settle();
  bob.incoming[0].stream.getReader().read();
  await settle();
  assert.ok(bob.incoming[0].received > 900 && bob.incoming[0].received <= 1_025, `${bob.incoming[0].received} chunks`);
});

test('a message comes right behind what is in the queue, which is what goes in a moment', async (t) => {
  let now = 0;
  t.mock.method(performance, 'now', () => now);
  const { ann, bob } = pages();
  for (let i = 0; i < 3; i++) ann.send(source(Array.from({ length: 500 }, () => pattern(CHUNK))).stream);
  /** So many ms a chunk, there and back. */
  const go = async (ms, times) => {
    ann.link.most = 0;
    for (let i = 0; i < times; i++) {
      await turns();
      for (const one of bob.incoming) if (!one.stream.locked) readAll(one);
      bob.link.deliver();
      bob.link.confirm();
      now += ms;
      ann.link.deliver();
      ann.link.confirm();
    }
    return ann.link.most;
  };
  const fast = await go(1, 300);
  assert.ok(fast > 900 * KIB && fast <= WINDOW, `${fast} bytes in the queue`);
  await go(200, 100);
  const slow = await go(200, 100);
  assert.ok(slow <= 5 * CHUNK, `${slow} bytes in the queue`);
  ann.link.send('hello');
  let chunks = 0;
  for (; !bob.link.got.length; chunks++) ann.link.deliver();
  assert.ok(chunks <= 20, `${chunks} before it`);
});

test('what came quickly while there was little of it says nothing of how much may wait', async () => {
  const { ann, bob, settle } = pages();
  /** @type {ReadableStreamDefaultController} */ let controller;
  ann.send(new ReadableStream({ start(given) { controller = given; } }));
  await settle();
  readAll(bob.incoming[0]);
  for (let i = 0; i < 100; i++) {
    controller.enqueue(pattern(CHUNK / 4));
    await settle();
  }
  controller.enqueue(pattern(8 * CHUNK));
  for (let i = 0; i < 10; i++) await turns();
  assert.ok(ann.link.buffered <= 2 * CHUNK, `${ann.link.buffered} bytes in the queue`);
});

test('who sends long chunks has its turn among many that send short ones', async () => {
  const { ann, bob, settle } = pages();
  const long = source(Array.from({ length: 10 }, () => pattern(CHUNK)));
  ann.send(long.stream);
  for (let i = 0; i < 40; i++) ann.send(source(Array.from({ length: 400 }, () => pattern(2_000))).stream);
  await settle();
  const [first] = bob.incoming.map(readAll);
  for (let i = 0; i < 2_000; i++) {
    await turns();
    for (const { link } of [ann, bob]) {
      link.deliver();
      link.confirm();
    }
  }
  assert.ok(first.length > 2 * CHUNK, `${first.length} bytes of it came`);
});

test('several at once take turns', async () => {
  const { ann, bob, settle } = pages();
  for (let i = 0; i < 4; i++) ann.send(source(Array.from({ length: 100 }, () => pattern(CHUNK))).stream);
  await settle();
  const got = bob.incoming.map(readAll);
  for (let i = 0; i < 250; i++) {
    await turns();
    for (const { link } of [ann, bob]) {
      link.deliver();
      link.confirm();
    }
  }
  const lengths = got.map(({ length }) => length);
  assert.ok(Math.max(...lengths) < 100 * CHUNK && Math.min(...lengths) > 0.7 * Math.max(...lengths), lengths.join());
});

test('progress is told at both ends, and at last all of it', async () => {
  const { ann, bob, settle } = pages();
  const told = { sent: [], received: [] };
  for (const content of [new Blob([pattern(WINDOW)]), source([pattern(WINDOW)]).stream]) {
    ann.send(content, { progress: ({ sent, size, peer }) => told.sent.push([sent, size, peer.id]) });
  }
  await settle();
  for (const one of bob.incoming) {
    one.addEventListener('progress', (/** @type {any} */ { received, size }) => told.received.push([received, size]));
    readAll(one);
  }
  await settle();
  for (const size of [WINDOW, undefined]) {
    const sent = told.sent.filter((one) => one[1] === size);
    assert.deepEqual(sent.at(-1), [WINDOW, size, 'bob']);
    assert.deepEqual(sent.map(([bytes]) => bytes), sent.map(([bytes]) => bytes).sort((a, b) => a - b));
    assert.deepEqual(told.received.filter((one) => one[1] === size).at(-1), [WINDOW, size]);
  }
});

test('a progress function that throws stops nothing, and the page hears of it', async (t) => {
  const thrown = [];
  t.mock.method(globalThis, 'queueMicrotask', (run) => thrown.push(run));
  const { ann, bob, settle } = pages();
  const { fate: sent } = ann.send(new Blob(['x']), { progress: () => { throw new Error('mine'); } });
  await settle();
  readAll(bob.incoming[0]);
  await settle();
  assert.deepEqual([sent.settled, sent.error], [true, undefined]);
  assert.throws(thrown[0], { message: 'mine' });
});

test('who sends aborts: both ends hear why, and the source is let go', async () => {
  for (const [why, reason, said] of /** @type {[string, any, string][]} */ ([
    ['without a reason', undefined, 'The peer has stopped sending it.'],
    ['with words', 'Too late.', 'The peer has stopped sending it: Too late.'],
    ['with an error', new Error('No\u202E time.'), 'The peer has stopped sending it: No time.'],
    ['with a long one', new Error('x'.repeat(10_000)), `The peer has stopped sending it: ${'x'.repeat(200)}`],
  ])) {
    for (const begun of [false, true]) {
      const { ann, bob, settle } = pages();
      const from = source(Array.from({ length: 100 }, () => pattern(CHUNK)));
      const control = new AbortController();
      const { fate: sent } = ann.send(from.stream, { signal: control.signal });
      await settle();
      const [incoming] = bob.incoming;
      const reader = incoming.stream.getReader();
      if (begun) await reader.read();
      await settle();
      control.abort(reason);
      await settle();
      assert.equal(sent.error, control.signal.reason, why);
      await assert.rejects(reader.read(), { name: 'Refusal', status: 0, message: said }, why);
      assert.ok(from.cancelled, why);
    }
  }
});

test('aborted before it begins: nothing is said, and a stream is let go', async () => {
  const { ann, settle } = pages();
  const from = source([pattern(1)]);
  const { fate: sent } = ann.send(from.stream, { signal: AbortSignal.abort() });
  await settle();
  assert.deepEqual([sent.error.name, from.pulled, ann.link.said], ['AbortError', 0, []]);
  assert.ok(from.cancelled);
});

test('what aborts later changes nothing, and is not held', async () => {
  const { ann, bob, settle } = pages();
  const control = new AbortController();
  const { fate: sent } = ann.send(new Blob(['x']), { signal: control.signal });
  await settle();
  assert.equal(getEventListeners(control.signal, 'abort').length, 1);
  readAll(bob.incoming[0]);
  await settle();
  assert.equal(getEventListeners(control.signal, 'abort').length, 0);
  const said = ann.link.said.length;
  control.abort();
  await settle();
  assert.deepEqual([sent.settled, sent.error, ann.link.said.length], [true, undefined, said]);
});

test('who receives cancels: the promise of who sends says so, and the source is let go', async () => {
  const by = {
    'cancel()': (incoming) => incoming.cancel(),
    'cancel() with words': (incoming) => incoming.cancel('No space.'),
    'cancel() of who reads': (incoming) => {
      const reader = incoming.stream.getReader();
      reader.read().then(() => reader.cancel(new Error('No space.')));
    },
    'a pipe that breaks': (incoming) => {
      incoming.stream.pipeTo(new WritableStream({ write() { throw new Error('No space.'); } })).catch(() => {});
    },
  };
  for (const [why, cancel] of Object.entries(by)) {
    const { ann, bob, settle } = pages();
    const from = source(Array.from({ length: 100 }, () => pattern(CHUNK)));
    const { fate: sent } = ann.send(from.stream);
    await settle();
    cancel(bob.incoming[0]);
    await settle();
    const { name, status, message } = sent.error;
    assert.deepEqual([name, status, message], ['Refusal', 403, `The peer does not want it${why === 'cancel()' ? '.' : ': No space.'}`], why);
    assert.ok(from.cancelled, why);
  }
  const { ann, bob, settle } = pages();
  ann.send(new Blob([pattern(WINDOW)]));
  await settle();
  bob.incoming[0].cancel();
  await assert.rejects(bob.incoming[0].blob(), { name: 'AbortError' });
  const other = pages();
  other.ann.send(new Blob([pattern(WINDOW)]));
  await other.settle();
  other.bob.incoming[0].cancel('No space.');
  await assert.rejects(other.bob.incoming[0].blob(), { name: 'Refusal', status: 403, message: 'No space.' });
});

test('a source that fails, or gives what is no Uint8Array, or another length than was said', async () => {
  for (const [why, from, how, want] of /** @type {[string, any, any, RegExp][]} */ ([
    ['fails', source([pattern(10)], { fails: new Error('The disk is gone.') }), {}, /^The disk is gone\.$/],
    ['text', source(['text']), {}, /^A stream can be sent whose chunks are Uint8Arrays\.$/],
    ['null', source([null]), {}, /^A stream can be sent whose chunks are Uint8Arrays\.$/],
    ['shorter', source([pattern(10)]), { size: 11 }, /^The stream has 10 bytes, and not 11\.$/],
    ['longer', source([pattern(10)]), { size: 9 }, /^The (stream|peer)/],
  ])) {
    const { ann, bob, settle } = pages();
    const { fate: sent } = ann.send(from.stream, how);
    await settle();
    const got = readAll(bob.incoming[0]);
    await settle();
    assert.match(sent.error?.message, want, why);
    assert.ok(got.error, why);
  }
});

test('what cannot be sent is told at once', () => {
  const { ann } = pages();
  const { stream } = source([]);
  stream.getReader();
  assert.throws(() => ann.send(stream), { name: 'TypeError', message: 'This stream is being read already.' });
  assert.deepEqual([new Blob([]), stream, 'x', new Uint8Array(1), {}, null].map(isSource), [true, true, false, false, false, false]);
});

test('the peer goes, loads a new page, or is not listened to any more: both ends hear of it, however far it was', async () => {
  for (const [how, why] of [['close', 'The peer has gone.'], ['reset', 'The peer has loaded a new page.'], ['ended', 'Too much.']]) {
    for (const reads of [false, true]) {
      const { ann, bob, settle } = pages();
      const from = source(Array.from({ length: 100 }, () => pattern(CHUNK)));
      const { fate: sent } = ann.send(from.stream);
      await settle();
      const got = reads ? readAll(bob.incoming[0]) : null;
      for (let i = 0; i < 20; i++) {
        await turns();
        ann.link.deliver();
        bob.link.deliver();
      }
      for (const { link, transfers } of [ann, bob]) {
        if (how === 'ended') transfers.ended(link, new Error(why));
        else link[how]();
      }
      await settle();
      assert.ok(sent.error && from.cancelled, how);
      const late = got ?? readAll(bob.incoming[0]);
      await settle();
      assert.equal(late.error?.message, why);
    }
  }
});

test('what has come and is whole can be read when the peer has gone, and tells its next page nothing', async () => {
  const { ann, bob, settle } = pages();
  const { fate: sent } = ann.send(new Blob([pattern(1_000)]));
  await settle();
  for (const { link } of [ann, bob]) link.reset();
  assert.equal((await bob.incoming[0].blob()).size, 1_000);
  const next = fate(ann.send(new Blob([pattern(1_000)])).result);
  await settle();
  assert.match(sent.error.message, /gone|new page/);
  assert.deepEqual([next.settled, bob.incoming.length], [false, 2]);
});

test('nobody reads: it is given up after five minutes, and not before', async () => {
  const { ann, bob, settle } = pages();
  const sent = [5, 5 * WINDOW].map((length) => ann.send(new Blob([pattern(length)])).fate);
  const read = ann.send(new Blob([pattern(5 * WINDOW)])).fate;
  await settle();
  bob.incoming[2].stream.getReader().read(); // and no more
  tick(PATIENCE_MS - 1);
  await settle();
  assert.ok(!sent.some(({ settled }) => settled));
  tick(1);
  await settle();
  for (const { error } of sent) {
    assert.deepEqual([error.status, error.message], [408, 'The peer does not want it: Nobody has begun to read it.']);
  }
  assert.equal(read.settled, false, 'who has begun may take as long as it likes');
  await assert.rejects(bob.incoming[0].blob(), { status: 408 });
});

test('blob() has a bound: of the Drawbridge, or its own', async () => {
  for (const [size, max, known, ok] of /** @type {[number, number | undefined, boolean, boolean][]} */ ([
    [1_000, undefined, true, true],
    [1_001, undefined, true, false],
    [1_001, undefined, false, false],
    [5_000_000, 5_000_000, false, true],
    [5_000_001, 5_000_000, false, false],
    [5_000_001, 5_000_000, true, false],
  ])) {
    const { ann, bob, settle } = pages({ blobMax: 1_000 });
    const { fate: sent } = ann.send(source([pattern(size)]).stream, known ? { size } : {});
    await settle();
    const got = fate(bob.incoming[0].blob(max === undefined ? undefined : { max }));
    await settle();
    const why = `${size} of ${max}`;
    assert.equal(got.settled && sent.settled, true, why);
    assert.equal(got.value?.size, ok ? size : undefined, why);
    assert.deepEqual([got.error?.status, sent.error?.status], ok ? [undefined, undefined] : [413, 413], why);
  }
});

test('more at once than may be wait for their turn', async () => {
  const { ann, bob, settle } = pages();
  const sent = Array.from({ length: 3 * AT_ONCE }, (_, i) => ann.send(new Blob([pattern(i + 1)])).fate);
  sent.push(ann.send(new Blob(['x']), { signal: AbortSignal.abort() }).fate);
  await settle();
  assert.equal(bob.incoming.length, AT_ONCE);
  bob.incoming[0].cancel();
  await settle();
  assert.equal(bob.incoming.length, AT_ONCE + 1);
  for (let done = 0; done < bob.incoming.length; done++) {
    readAll(bob.incoming[done]);
    await settle();
  }
  assert.equal(bob.incoming.length, 3 * AT_ONCE);
  assert.ok(sent.every(({ settled }) => settled));
  assert.equal(sent.filter(({ error }) => error).length, 2);
});

test('a list: a Blob goes to each at its own pace, a stream at the pace of the slowest', async () => {
  for (const stream of [false, true]) {
    const [fast, slow] = [pages(), pages()];
    const chunks = Array.from({ length: 40 }, (_, i) => pattern(CHUNK, i * CHUNK));
    const from = source(chunks);
    // One page that has links to two.
    slow.ann.link.module = fast.ann.transfers;
    const told = [];
    const run = fast.ann.transfers.from(stream ? from.stream : new Blob(chunks), { room: 'tea', progress: (one) => told.push(one) });
    const fates = [fast.ann.link, slow.ann.link].map(run).map(fate);
    const settle = () => settleLinks(fast.ann.link, fast.bob.link, slow.ann.link, slow.bob.link);
    await settle();
    const got = readAll(fast.bob.incoming[0]);
    await settle();
    if (stream) assert.ok(got.length <= 2 * CHUNK && from.pulled <= 3, `${got.length} bytes went ahead, ${from.pulled} chunks were read`);
    else assert.deepEqual([fates[0].settled, fates[1].settled], [true, false]);
    const late = readAll(slow.bob.incoming[0]);
    await settle();
    assert.deepEqual([got, late].map(({ length, sums }) => [length, sums]), [[40 * CHUNK, true], [40 * CHUNK, true]]);
    assert.deepEqual(fates.map(({ settled, error }) => [settled, error]), [[true, undefined], [true, undefined]]);
    assert.equal(told.length > 0, true);
  }
});

test('a stream to several: who goes, cancels, or takes nothing for five minutes keeps nobody from the rest', async () => {
  for (const how of ['cancels', 'goes', 'sleeps']) {
    const [stays, leaves] = [pages(), pages()];
    leaves.ann.link.module = stays.ann.transfers;
    const settle = () => settleLinks(stays.ann.link, stays.bob.link, leaves.ann.link, leaves.bob.link);
    const from = source(Array.from({ length: 40 }, (_, i) => pattern(CHUNK, i * CHUNK)));
    const fates = [stays.ann.link, leaves.ann.link].map(stays.ann.transfers.from(from.stream, { room: 'tea' })).map(fate);
    await settle();
    const got = readAll(stays.bob.incoming[0]);
    leaves.bob.incoming[0].stream.getReader().read();
    await settle();
    assert.ok(got.length < 40 * CHUNK, how);
    if (how === 'cancels') leaves.bob.incoming[0].cancel();
    if (how === 'goes') leaves.ann.link.close();
    if (how === 'sleeps') tick(PATIENCE_MS);
    await settle();
    assert.deepEqual([got.length, got.sums, fates[0].settled, fates[0].error], [40 * CHUNK, true, true, undefined], how);
    assert.equal(fates[1].error?.status ?? 404, { cancels: 403, goes: 404, sleeps: 408 }[how], how);
    assert.equal(from.cancelled, undefined, how);
  }
});

test('all to whom a stream goes wait, as where the network is gone: nobody is given up', async () => {
  const [one, other] = [pages(), pages()];
  other.ann.link.module = one.ann.transfers;
  const { stream } = source(Array.from({ length: 40 }, () => pattern(CHUNK)));
  const fates = [one.ann.link, other.ann.link].map(one.ann.transfers.from(stream, { room: 'tea' })).map(fate);
  await settleLinks(one.ann.link, one.bob.link, other.ann.link, other.bob.link);
  for (const { bob } of [one, other]) bob.incoming[0].stream.getReader().read();
  tick(2 * PATIENCE_MS);
  await turns();
  assert.deepEqual(fates.map(({ settled }) => settled), [false, false]);
});

test('a name is fit to be shown, and to be a file’s; what has none gets none', async () => {
  for (const [name, want] of [
    ['tea.txt', 'tea.txt'], ['../../etc/passwd', '.._.._etc_passwd'], ['C:\\x', 'C:_x'], ['a\u0000\nb', 'a__b'],
    ['gpj.\u202Eexe', 'gpj.exe'], ['..', undefined], ['.', undefined], ['', undefined], ['ä€😀'.repeat(40), 'ä€😀'.repeat(40)],
  ]) {
    const { ann, bob, settle } = pages();
    ann.link.control('transfer', { step: 'begin', room: 'tea', number: 1, name, type: 'text/HTML' });
    ann.link.control('transfer', { step: 'begin', room: 'tea', number: 2, type: 'a\nb' });
    await settle();
    assert.deepEqual([bob.incoming[0].name, bob.incoming[0].type, bob.incoming[1].type], [want, 'text/html', ''], name);
  }
  const { ann, bob, settle } = pages();
  ann.send(new File(['x'], 'x'.repeat(1_000)));
  await settle();
  assert.equal(bob.incoming[0].name, 'x'.repeat(255));
});

test('a hostile peer: what means nothing changes nothing', async () => {
  const { ann, bob, settle } = pages();
  const { fate: sent } = bob.send(new Blob([pattern(3 * WINDOW)]));
  const number = 1;
  await settle();
  const got = readAll(ann.incoming[0]);
  const none = [undefined, null, NaN]; // of which JSON makes nothing
  /** @type {any[]} */
  const odd = [...none.slice(1), 1, 'x', [], {}, -1, 1.5, 2 ** 32, 2 ** 60, '1', { toString: 1 }, [1]];
  for (const one of odd) {
    ann.link.control('transfer', one ?? null);
    for (const step of ['begin', 'end', 'abort', 'credit', 'done', 'cancel', 'toString', '__proto__', 7, null]) {
      if (!Number.isInteger(one)) ann.link.control('transfer', { step, room: 'tea', number: one ?? null, to: one ?? null, size: one ?? null, why: one ?? null });
    }
    ann.link.control('transfer', { step: 'credit', number, to: one ?? null });
    if (one !== 1 && one !== 2 ** 32) ann.link.control('transfer', { step: 'begin', room: 'tea', number: 99, size: one });
    if (typeof one !== 'string') ann.link.control('transfer', { step: 'begin', room: 'tea', number: 99, type: one });
    if (typeof one !== 'string' && !none.includes(/** @type {any} */ (one))) ann.link.control('transfer', { step: 'begin', room: 'tea', number: 99, name: one });
    ann.link.chunk(/** @type {any} */ (one), pattern(9));
  }
  await settle();
  assert.deepEqual([got.length, got.error, sent.settled, sent.error], [3 * WINDOW, undefined, true, undefined]);
  assert.deepEqual(bob.incoming.length, 0);
});

test('a hostile peer: what is more than may be ends its transfer, and no other', async () => {
  for (const [why, does] of /** @type {[string, (link: FakeLink) => void][]} */ ([
    ['more than its credit', (link) => { for (let i = 0; i < 2; i++) link.chunk(7, pattern(CHUNK)); }],
    ['a thousand tiny chunks more than its credit', (link) => { for (let i = 0; i < 65; i++) link.chunk(7, pattern(1)); }],
    ['more than its size', (link) => link.chunk(7, pattern(101))],
    ['less than its size', (link) => link.control('transfer', { step: 'end', number: 7 })],
    ['more after its end', (link) => {
      link.chunk(7, pattern(100));
      link.control('transfer', { step: 'end', number: 7 });
      link.chunk(7, pattern(1));
    }],
    ['more after its end, within its credit', (link) => {
      link.chunk(7, pattern(100));
      link.control('transfer', { step: 'end', number: 7 });
      link.chunk(7, pattern(1));
    }],
  ])) {
    const { ann, bob, settle } = pages();
    const { fate: sent } = ann.send(new Blob([pattern(WINDOW)]));
    ann.link.control('transfer', { step: 'begin', room: 'tea', number: 7, size: why.includes('credit') ? undefined : 100 });
    await settle();
    does(ann.link);
    await settle();
    const cancels = bob.link.said.filter(({ step }) => step === 'cancel');
    assert.deepEqual(cancels.map(({ number, status }) => [number, status]), [[7, 400]], why);
    await assert.rejects(bob.incoming[1].stream.getReader().read(), { name: 'Refusal', status: 400 }, why);
    for (let i = 0; i < 100; i++) ann.link.chunk(7, pattern(CHUNK));
    const got = readAll(bob.incoming[0]);
    await settle();
    assert.deepEqual([got.length, sent.settled, sent.error], [WINDOW, true, undefined], why);
  }
});

test('a hostile peer: 64 may be under way, and one more is refused', async () => {
  const { ann, bob, settle } = pages();
  for (let number = 0; number < 2 * AT_ONCE; number++) {
    ann.link.control('transfer', { step: 'begin', room: 'tea', number });
    ann.link.control('transfer', { step: 'begin', room: 'tea', number }); // again
    ann.link.chunk(number, pattern(CHUNK));
  }
  await settle();
  assert.equal(bob.incoming.length, AT_ONCE);
  const cancels = bob.link.said.filter(({ step }) => step === 'cancel');
  assert.deepEqual(new Set(cancels.map(({ number, status }) => `${number} ${status}`)),
    new Set(Array.from({ length: AT_ONCE }, (_, i) => `${AT_ONCE + i} 429`)));
  ann.link.control('transfer', { step: 'abort', number: 0, why: { toString: 'x' } });
  ann.link.control('transfer', { step: 'begin', room: 'tea', number: 1_000 });
  await settle();
  assert.equal(bob.incoming.length, AT_ONCE + 1);
});

test('a hostile peer: it says that it has what it was not sent', async () => {
  const { ann, bob, settle } = pages();
  const from = source(Array.from({ length: 100 }, () => pattern(CHUNK)));
  const { fate: sent } = ann.send(from.stream);
  await settle();
  bob.link.control('transfer', { step: 'done', number: 1 });
  await settle();
  assert.deepEqual([sent.error.status, Boolean(from.cancelled)], [400, true]);
});

test('what is over is not held', async () => {
  const { ann, bob, settle } = pages();
  const refs = [];
  await (async () => {
    for (let i = 0; i < 5; i++) {
      ann.send(new Blob([pattern(1_000)]));
      await settle();
      const incoming = bob.incoming.pop();
      refs.push(new WeakRef(incoming));
      if (i === 0) incoming.cancel();
      else readAll(incoming);
      await settle();
    }
  })();
  await collectGarbage();
  assert.deepEqual(refs.map((ref) => ref.deref()), refs.map(() => undefined));
});

test('whatever happens: all of it arrives, or both ends hear why not, and no place is lost', async () => {
  const fates = { arrived: 0, failed: 0 };
  for (let seed = 1; seed <= 60; seed++) {
    const random = dice(seed);
    const world = pages();
    const all = [];
    let said = 0;
    const begin = (from, to) => {
      const length = random(3) ? random(CHUNK * 3) : random(3 * WINDOW);
      const chunks = [];
      for (let at = 0; at < length;) {
        const size = Math.min(length - at, 1 + (random(3) ? random(2 * CHUNK) : random(2 * WINDOW)));
        chunks.push(pattern(size, at));
        at += size;
      }
      const control = new AbortController();
      const name = `${seed}-${all.length}`;
      const fails = random(8) ? undefined : new Error('It broke.');
      const content = random(2) ? source(chunks, { fails }).stream : new Blob(chunks);
      const { fate: sent } = from.send(content, { signal: control.signal, name });
      const one = { from, to, length, control, sent, fails: content instanceof Blob ? undefined : fails, number: from.link.said.at(-1)?.number, got: undefined, incoming: undefined };
      all.push(one);
    };
    const read = (to) => {
      const incoming = to.incoming[random(to.incoming.length)];
      if (!incoming || incoming.stream.locked) return;
      if (!random(6)) incoming.cancel('Not that.');
      else readers.set(incoming, Object.assign(readAll(incoming), { incoming }));
    };
    /** @type {Map<Incoming, any>} */
    const readers = new Map();
    const ends = random(4) ? '' : random(2) ? 'close' : 'reset';
    for (let step = 0; step < 300; step++) {
      const [from, to] = random(2) ? [world.ann, world.bob] : [world.bob, world.ann];
      if (all.length < 8 && !random(10)) begin(from, to);
      if (!random(8)) read(to);
      if (!random(60) && all.length) all[random(all.length)].control.abort();
      if (!random(40)) from.link.send(++said);
      for (let n = random(12); n > 0; n--) from.link.deliver();
      if (random(2)) from.link.confirm();
      if (step === 200 && ends) for (const { link } of [world.ann, world.bob]) link[ends]();
      await turns();
      for (const { incoming, length } of readers.values()) {
        assert.ok(incoming.received - length <= WINDOW, `seed ${seed}: ${incoming.received - length} bytes are held`);
      }
      for (const { link } of [world.ann, world.bob]) assert.ok(link.most <= WINDOW, `seed ${seed}: ${link.most} bytes in the queue`);
    }
    await world.settle();
    for (const { incoming } of [world.ann, world.bob]) {
      for (const one of incoming) if (!one.stream.locked) readers.set(one, Object.assign(readAll(one), { incoming: one }));
    }
    await world.settle();
    for (const { sent, fails, length } of all) {
      assert.ok(sent.settled, `seed ${seed}: one of ${length} bytes is settled`);
      if (fails) assert.ok(sent.error, `seed ${seed}: its source fails`);
      fates[sent.error ? 'failed' : 'arrived'] += 1;
    }
    const whole = [...readers.values()].filter(({ error }) => !error);
    for (const { settled, sums } of readers.values()) assert.ok(settled && sums, `seed ${seed}: what comes is in order, and ends`);
    const arrived = all.filter(({ sent }) => !sent.error);
    for (const { length } of arrived) {
      const same = whole.findIndex((one) => one.length === length);
      assert.ok(same >= 0, `seed ${seed}: one of ${length} bytes has arrived`);
      whole.splice(same, 1);
    }
    if (!ends) assert.deepEqual([...world.ann.link.got, ...world.bob.link.got].sort((a, b) => a - b), Array.from({ length: said }, (_, i) => i + 1));
    if (ends === 'close') continue;
    // As many as may be are begun.
    const before = world.bob.incoming.length;
    for (let i = 0; i < AT_ONCE; i++) world.ann.send(new Blob(['x']));
    await world.settle();
    assert.equal(world.bob.incoming.length - before, AT_ONCE, `seed ${seed}: places`);
    for (const { link } of [world.ann, world.bob]) link.close();
  }
  assert.ok(fates.arrived > 100 && fates.failed > 50, JSON.stringify(fates));
});
