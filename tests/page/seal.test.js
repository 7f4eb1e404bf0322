// seal.test.js - what is sealed with a secret, between ends whose messages a server brings that may do anything.
import assert from 'node:assert/strict';
import test, { afterEach, beforeEach } from 'node:test';
import { Seal } from '../../src/page/client/seal.js';
import { checkSecret, newSecret } from '../../src/page/client/secret.js';
import { letTimeGo, stopTime, tick, turns } from './lib/clock.js';
import { ciphers } from './lib/crypto.js';

const SECRET = 'a secret of some length';
const HELLO_MS = 1_000;
const STRANGER_MS = 30_000;
const OTHER_SECRET = 'Its page has another secret.';
const NO_SECRET = 'Its page has no secret, and this one has.';
const HELLO = 0;
const HEAD_BYTES = 41; // of a message

beforeEach(() => stopTime());
afterEach(letTimeGo);

/** Everything that the server was given, and what it has not brought on yet. @type {{from: End, to: string, sealed: string}[]} */
let seen = [];
/** @type {typeof seen} */
let mail = [];
beforeEach(() => { seen = []; mail = []; });

class End {
  /** What was opened. */ got = [];
  /** member, or why it is a stranger: what it was told of the other end, each as often as it changed. */ told = [];
  #seal;

  constructor(me, other, secret = SECRET) {
    this.me = me;
    this.other = other;
    const tell = (id, what) => {
      assert.equal(id, other);
      if (this.told[this.told.length - 1] !== what) this.told.push(what);
    };
    this.#seal = new Seal(secret, {
      me: () => me,
      relay: (id, { sealed, ...more }) => {
        assert.deepEqual([id, more], [other, {}]);
        const letter = { from: this, to: other, sealed };
        seen.push(letter);
        mail.push(letter);
        return Promise.resolve({ delivered: true });
      },
      opened: (id, event, data) => {
        assert.equal(id, other);
        this.got.push([event, data]);
      },
      member: (id) => tell(id, 'member'),
      stranger: (id, why) => tell(id, why),
    });
    this.#seal.open(other);
  }

  greet() {
    this.#seal.greet(this.other);
  }

  withdraw() {
    this.#seal.withdraw(this.other);
  }

  close() {
    this.#seal.close(this.other);
  }

  relay(event, data) {
    return this.#seal.relay(this.other, event, data);
  }

  say(...all) {
    for (const data of all) this.relay('said', data).catch(() => {});
  }

  receive(sealed) {
    this.#seal.receive(this.other, { sealed });
  }

  /** In the clear. */
  receiveClear(data) {
    this.#seal.receive(this.other, data);
  }

  heard() {
    return this.got.splice(0).map(([, data]) => data);
  }
}

const kindOf = ({ sealed }) => Buffer.from(sealed, 'base64')[0];
const isHello = (letter) => kindOf(letter) === HELLO;

/** Until ciphers have nothing to do any more. */
async function settle() {
  do await turns(); while (ciphers.atWork > 0);
}

/** The server brings what there is, and what that makes the ends say, as it should. */
async function bring(...ends) {
  for (;;) {
    await settle();
    if (!mail.length) return;
    for (const { to, from, sealed } of mail.splice(0)) {
      for (const end of ends) if (end.me === to && end.other === from.me) end.receive(sealed);
    }
  }
}

/** Two ends that have met. */
async function pair() {
  const ann = new End('ann', 'bob');
  const bob = new End('bob', 'ann');
  ann.greet();
  bob.greet();
  await bring(ann, bob);
  ann.say('hello');
  bob.say('hello');
  await bring(ann, bob);
  assert.deepEqual([ann.heard(), bob.heard()], [['hello'], ['hello']]);
  return { ann, bob };
}

/** Messages that the server has and does not bring. */
async function hold() {
  await settle();
  return mail.splice(0);
}

/** It works, and what was given to them before has been looked at. */
async function go(ann, bob) {
  ann.say('go');
  await bring(ann, bob);
  assert.deepEqual(bob.heard(), ['go']);
  bob.say('on');
  await bring(ann, bob);
  assert.deepEqual(ann.heard(), ['on']);
}

test('what one says the other hears, once and in order, whatever it is', async () => {
  const { ann, bob } = await pair();
  const all = ['', 0, null, [1, { a: 'ä€😀' }], 'x'.repeat(40_000), ...Array.from({ length: 100 }, (_, i) => i)];
  ann.say(...all);
  await bring(ann, bob);
  assert.deepEqual(bob.heard(), all);
  assert.deepEqual([ann.told, bob.told], [['member'], ['member']]);
});

test('the server reads nothing of it, neither the event’s name, and each time sees something else', async () => {
  const ann = new End('ann', 'bob');
  const bob = new End('bob', 'ann');
  const said = { type: 'offer', sdp: 'v=0\r\na=fingerprint:sha-256 AB:CD\r\n' };
  ann.greet();
  bob.greet();
  ann.relay('session-description', said);
  ann.relay('session-description', said);
  await bring(ann, bob);
  assert.deepEqual(bob.got, [['session-description', said], ['session-description', said]]);
  for (const { sealed } of seen) {
    for (const text of [sealed, Buffer.from(sealed, 'base64').toString('latin1')]) {
      assert.ok(!/sdp|offer|fingerprint|AB:CD|session|secret/.test(text), text);
    }
  }
  const [one, two] = seen.filter((letter) => !isHello(letter)).map(({ sealed }) => Buffer.from(sealed, 'base64').subarray(HEAD_BYTES));
  assert.equal(one.length, two.length);
  for (let i = 0; i + 8 <= one.length; i += 8) assert.notDeepEqual(one.subarray(i, i + 8), two.subarray(i, i + 8));
});

test('it takes a hello each to meet, and what is said in one turn leaves in one', async () => {
  const ann = new End('ann', 'bob');
  const bob = new End('bob', 'ann');
  ann.greet();
  bob.greet();
  ann.say('offer', 'one', 'two');
  await settle();
  assert.deepEqual(seen.map(kindOf), [HELLO, HELLO]);
  const left = [];
  const { push } = mail;
  mail.push = (...letters) => {
    queueMicrotask(() => left.push(mail.length));
    return push.apply(mail, letters);
  };
  await bring(ann, bob);
  assert.deepEqual(left, [3, 3, 3]);
  assert.deepEqual(bob.heard(), ['offer', 'one', 'two']);
  bob.say('answer');
  await bring(ann, bob);
  tick(10 * HELLO_MS);
  await bring(ann, bob);
  assert.deepEqual(ann.heard(), ['answer']);
  assert.equal(seen.filter(isHello).length, 2);
  ann.say('four', 'five');
  await bring(ann, bob);
  assert.deepEqual(left.splice(4), [2, 2]);
});

test('one that knows nothing of the other is answered: who greets nobody, too, hears and is heard', async () => {
  const ann = new End('ann', 'bob');
  const bob = new End('bob', 'ann');
  ann.say('offer');
  await bring(ann, bob);
  assert.deepEqual(bob.heard(), ['offer']);
  bob.say('answer');
  await bring(ann, bob);
  assert.deepEqual(ann.heard(), ['answer']);
});

test('changed in a single bit it is not taken, wherever that is; the next is', async () => {
  const { ann, bob } = await pair();
  ann.say('changed');
  const [{ sealed }] = await hold();
  const bytes = Buffer.from(sealed, 'base64');
  for (let i = 0; i < bytes.length; i++) {
    const other = Buffer.from(bytes);
    other[i] ^= 1 << (i % 8);
    bob.receive(other.toString('base64'));
    if (i % 8 === 0) await settle();
  }
  for (const other of ['', '?', 'A'.repeat(100), sealed.slice(0, 60), sealed.slice(0, -4), `${sealed}AAAA`, 7, null, {}]) bob.receive(other);
  await go(ann, bob);
});

test('a hello that was changed, or made by who has no secret, is one of a stranger and changes nothing', async () => {
  const { ann, bob } = await pair();
  const hello = Buffer.from(seen.find((letter) => letter.from === ann && isHello(letter)).sealed, 'base64');
  for (let i = 1; i < hello.length; i += 7) {
    const other = Buffer.from(hello);
    other[i] ^= 1;
    bob.receive(other.toString('base64'));
  }
  await settle();
  assert.deepEqual(bob.told, ['member', OTHER_SECRET]);
  await go(ann, bob);
  assert.deepEqual(bob.told, ['member', OTHER_SECRET, 'member']);
});

test('brought twice, or after what was said later, it is not taken', async () => {
  const { ann, bob } = await pair();
  ann.say('one', 'two', 'three');
  const [one, two, three] = await hold();
  for (const { sealed } of [one, one, three, two, one, three]) bob.receive(sealed);
  await go(ann, bob).catch(() => {});
  assert.deepEqual(bob.heard(), []);
  for (const { from, sealed } of seen) (from === ann ? bob : ann).receive(sealed);
  await settle();
  assert.deepEqual(bob.heard(), []);
  await go(ann, bob);
});

test('brought back to who said it, to another peer, or under another’s name, it is not taken', async () => {
  const { ann, bob } = await pair();
  const others = [new End('cat', 'ann'), new End('cat', 'bob'), new End('bob', 'cat'), new End('ann', 'cat'), new End('ann', 'ann')];
  for (const end of others) end.greet();
  await bring(ann, bob, ...others);
  for (const end of [ann, bob, ...others]) end.receive(seen.find(({ from }) => from === end).sealed);
  for (const end of [ann, bob, ...others]) end.say('for somebody');
  await hold();
  for (const { from, sealed } of seen) {
    for (const end of [ann, bob, ...others]) if (end !== from && end.other !== from.me) end.receive(sealed);
    from.receive(sealed);
  }
  await settle();
  assert.deepEqual([ann, bob, ...others].flatMap(({ got }) => got), []);
  await go(ann, bob);
});

test('what an earlier page has said is not taken, nor what it was told, held back or brought before', async () => {
  const { ann, bob } = await pair();
  ann.say('held back');
  bob.say('held back');
  await hold();
  ann.close();
  const old = seen.slice();
  const again = new End('ann', 'bob');
  again.greet();
  for (const letter of old) if (letter.from === bob) again.receive(letter.sealed);
  await bring(again, bob);
  assert.deepEqual([bob.heard(), again.heard()], [[], []]);
  tick(HELLO_MS);
  await bring(again, bob);
  await go(again, bob);
  for (const letter of old) (letter.from === ann ? bob : again).receive(letter.sealed);
  await settle();
  assert.deepEqual([bob.heard(), again.heard()], [[], []]);
  tick(HELLO_MS);
  await bring(again, bob);
  await go(again, bob);
});

test('hellos of before are brought again and again: no nonce is used twice, and it goes on when that ends', async () => {
  const { ann, bob } = await pair();
  const hellos = [];
  for (let i = 0; i < 3; i++) { // each page of bob has a challenge of its own
    const end = new End('bob', 'ann');
    end.greet();
    hellos.push(...await hold());
  }
  for (let i = 0; i < 12; i++) {
    ann.receive(hellos[i % hellos.length].sealed);
    await settle();
    ann.say(i, i);
    await settle();
    for (const { to, sealed } of mail.splice(0)) (to === 'bob' ? bob : ann).receive(sealed);
  }
  await settle();
  assert.deepEqual(bob.heard(), []);
  const nonces = seen.filter((letter) => !isHello(letter)).map(({ sealed }) => Buffer.from(sealed, 'base64').subarray(0, HEAD_BYTES).toString('hex'));
  assert.equal(new Set(nonces).size, nonces.length);
  tick(HELLO_MS);
  await bring(ann, bob);
  await go(ann, bob);
});

test('who has another secret is a stranger, gets nothing, and nothing is taken of it', async () => {
  const ann = new End('ann', 'bob');
  const bob = new End('bob', 'ann', 'another secret, as long');
  ann.greet();
  ann.say('for bob');
  bob.say('for ann');
  for (let i = 0; i < 20; i++) {
    await bring(ann, bob);
    tick(HELLO_MS);
  }
  assert.deepEqual([ann.told, bob.told, ann.got, bob.got], [[OTHER_SECRET], [OTHER_SECRET], [], []]);
  assert.ok(seen.every(isHello) && seen.length < 60, `${seen.length}`);
  const page = new End('bob', 'ann'); // it loads a page with the secret
  page.greet();
  await bring(ann, page);
  assert.deepEqual([ann.told, page.told, page.heard()], [[OTHER_SECRET, 'member'], ['member'], []]);
  await go(ann, page);
});

test('strangers that only listen are told so', async () => {
  const ann = new End('ann', 'bob');
  const bob = new End('bob', 'ann', 'another secret, as long');
  ann.greet();
  await bring(ann, bob);
  assert.deepEqual([ann.told, bob.told], [[OTHER_SECRET], [OTHER_SECRET]]);
  assert.equal(seen.length, 2);
});

test('who speaks in the clear is a stranger, for as long as it has not shown that it knows the secret: it is greeted now and then', async () => {
  const ann = new End('ann', 'bob');
  const bob = new End('bob', 'ann');
  ann.greet();
  for (const data of [undefined, null, {}, { status: { session: 'x' } }, 'sealed', { sealed: undefined }]) ann.receiveClear(data);
  const fate = ann.relay('said', 'for bob').catch(({ message }) => message);
  ann.receiveClear({});
  assert.equal(await fate, 'It was not sent.');
  await hold(); // what would have told bob's page is lost
  assert.deepEqual([ann.told, ann.got], [[NO_SECRET], []]);
  for (let i = 0; i < 3; i++) {
    tick(STRANGER_MS);
    await settle();
    assert.deepEqual(seen.map(kindOf), Array(2 + i).fill(HELLO));
  }
  await bring(ann, bob);
  assert.deepEqual(ann.told, [NO_SECRET, 'member']);
  await go(ann, bob);
  const before = seen.length;
  tick(2 * STRANGER_MS);
  await settle();
  assert.equal(seen.length, before);
});

test('two that somebody has made strangers to one another know each other again', async () => {
  const { ann, bob } = await pair();
  for (const end of [ann, bob]) end.receiveClear({});
  tick(STRANGER_MS);
  await bring(ann, bob);
  assert.deepEqual([ann.told, bob.told], [['member', NO_SECRET, 'member'], ['member', NO_SECRET, 'member']]);
  await go(ann, bob);
});

test('whatever comes, a hello a second is the most that it costs, and so much is kept', async () => {
  const { ann, bob } = await pair();
  const before = seen.length;
  const junk = Buffer.alloc(200, 1).toString('base64');
  for (let s = 0; s < 5; s++) {
    for (let i = 0; i < 200; i++) bob.receive(junk);
    await settle();
    tick(HELLO_MS);
  }
  assert.ok(seen.length - before <= 6, `${seen.length - before}`);
  await bring(ann, bob);
  const lone = new End('ann', 'cat');
  const fates = await Promise.allSettled([
    ...Array.from({ length: 512 }, () => Promise.race([lone.relay('said', 1), Promise.resolve('waits')])), lone.relay('said', 1)]);
  assert.deepEqual([...new Set(fates.map(({ status }) => status))], ['fulfilled', 'rejected']);
  assert.equal(fates.filter(({ status }) => status === 'rejected').length, 1);
  ann.say('lost');
  const [{ sealed }] = await hold();
  bob.receive('A'.repeat(1024 * 1024)); // what comes above that is lost, as messages may be
  bob.receive(sealed);
  await settle();
  await go(ann, bob);
});

test('what is withdrawn does not go out, closed it says and hears nothing', async () => {
  const { ann, bob } = await pair();
  const fate = ann.relay('said', 'withdrawn').catch(({ name, message }) => `${name}: ${message}`);
  ann.withdraw();
  assert.equal(await fate, 'Refusal: It was not sent.');
  const late = ann.relay('said', 'withdrawn while it is sealed').catch(() => 'not sent');
  await null;
  await null;
  ann.withdraw();
  assert.equal(await late, 'not sent');
  await go(ann, bob);
  ann.say('last');
  const [{ sealed }] = await hold();
  bob.receive(sealed);
  bob.close();
  const before = seen.length;
  bob.greet();
  assert.equal(await bob.relay('said', 1).catch(() => 'not sent'), 'not sent');
  tick(2 * HELLO_MS);
  await settle();
  assert.deepEqual([bob.heard(), seen.length - before], [[], 0]);
});

test('what the server answers to who relays is handed on, in the order of the calls', async () => {
  const { ann } = await pair();
  const answers = [];
  await Promise.all([1, 2, 3].map((n) => ann.relay('said', 'x'.repeat(30_000 / n)).then((answer) => answers.push([n, answer]))));
  assert.deepEqual(answers, [1, 2, 3].map((n) => [n, { delivered: true }]));
});

test('it is a third longer, and 120 characters', async () => {
  const { ann } = await pair();
  for (const length of [0, 100, 11_000]) {
    ann.say('x'.repeat(length));
    const [{ sealed }] = await hold();
    assert.ok(sealed.length <= 4 / 3 * length + 120, `${length}: ${sealed.length}`);
  }
});

test('a secret has 16 characters or more, new ones 128 bits, and no page without ciphers may have one', (context) => {
  for (const secret of ['', 'x'.repeat(15), null, 7, {}, new Uint8Array(32)]) {
    assert.throws(() => checkSecret(secret), { name: 'TypeError', message: 'A secret is a string of at least 16 characters; newSecret() makes one.' });
  }
  checkSecret('x'.repeat(16));
  assert.match(newSecret(), /^[0-9a-f]{32}$/);
  assert.notEqual(newSecret(), newSecret());
  checkSecret(newSecret());
  const { crypto } = globalThis;
  context.after(() => Object.defineProperty(globalThis, 'crypto', { value: crypto, configurable: true, writable: true }));
  Object.defineProperty(globalThis, 'crypto', { value: { getRandomValues: () => {} }, configurable: true, writable: true }); // as by plain HTTP
  assert.throws(() => checkSecret('x'.repeat(16)), /secure context/);
});
