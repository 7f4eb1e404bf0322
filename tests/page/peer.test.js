// peer.test.js - data between two ends whose ways come and go: each message arrives once, in order.
import assert from 'node:assert/strict';
import test from 'node:test';
import { MESSAGE_MAX, Quota, encode } from '../../src/page/client/bytes.js';
import { Peer, RELAYED } from '../../src/page/client/peer.js';
import { Refusal } from '../../src/page/client/requests.js';
import { begin, dice, end, net, tick, turns } from './lib/webrtc.js';

const STEP_MS = 100;

class World {
  relayed = 0;
  largest = 0; // bytes of a relayed message
  /** That went to bob. @type {any} */ first;
  #ends = {};
  #mail = [];
  #random;
  #old;
  #maxReceive;

  /**
   * @param {{random: (n: number) => number, loses?: boolean, most?: number, old?: boolean, maxReceive?: number}} how
   *     loses, most: of the server; old: ann's page is one that knows nothing of limits; maxReceive: bob's
   */
  constructor({ random, loses = false, most = Infinity, old = false, maxReceive = MESSAGE_MAX }) {
    this.#random = random;
    this.#old = old;
    this.#maxReceive = maxReceive;
    this.loses = loses;
    this.most = most;
    this.begin('ann', false);
    this.begin('bob', true);
  }

  begin(name, offers) {
    const other = name === 'ann' ? 'bob' : 'ann';
    const got = [];
    const one = { got, sent: 0, anew: 0, states: [] };
    this.#ends[name] = one;
    const maxReceive = name === 'bob' ? this.#maxReceive : MESSAGE_MAX;
    one.peer = new Peer({ id: other, offers, polite: name === 'ann', maxReceive, quota: new Quota(MESSAGE_MAX) }, {
      relay: (event, data) => this.#relay(one, other, event, this.#crossing(structuredClone(data))),
      withdraw: () => {
        this.#mail = this.#mail.filter(({ from, resolve }) => from !== one || resolve({}));
      },
      iceServers: async () => [],
      data: (data) => got.push(data),
      changed: () => one.states.push(one.peer.info.state),
      gone() {},
      anew: () => {
        one.anew += 1;
        got.length = 0;
      },
    });
    const { connection } = one.peer;
    const send = connection.send.bind(connection);
    connection.send = (data) => send(typeof data === 'string' ? JSON.stringify(this.#crossing({ status: JSON.parse(data) }).status) : data);
  }

  /** Between a page that says its limits and one that neither says nor reads any. */
  #crossing(data) {
    if (this.#old && data.status) for (const name of ['max', 'ended']) delete data.status[name];
    return data;
  }

  of(name) {
    return this.#ends[name];
  }

  say(name) {
    const one = this.of(name);
    one.peer.send(encode(`${++one.sent}:${'x'.repeat(this.#random(20) ? this.#random(30) : this.#random(40_000))}`));
  }

  #relay(from, to, event, data) {
    const bytes = JSON.stringify(data).length;
    this.largest = Math.max(this.largest, bytes);
    if (bytes > this.most && event === RELAYED) return Promise.reject(new Refusal(413, 'too large'));
    this.relayed += Number(event === RELAYED);
    if (event === RELAYED && to === 'bob') this.first ??= data;
    return new Promise((resolve) => { this.#mail.push({ from, to, event, data, resolve }); });
  }

  /** Some time passes: the server delivers a few, the channels all. */
  async step() {
    for (let n = this.#random(6); n > 0 && this.#mail.length; n--) {
      const { to, event, data, resolve } = this.#mail.shift();
      const { peer } = this.of(to);
      resolve({});
      if (event === 'session-description') peer.connection.described(data);
      else if (event === 'ice-candidate') peer.connection.candidate(data);
      else if (!this.loses || this.#random(5)) {
        peer.relayed(data);
        if (this.loses && !this.#random(5)) peer.relayed(structuredClone(data)); // posted again, and twice there
      }
    }
    await turns();
    for (let more = true; more;) {
      more = false;
      for (const pc of [...net.all]) more = pc.channel?.deliver() || more;
      await turns();
    }
    tick(STEP_MS);
    await turns();
  }

  async until(what, seconds) {
    for (let ms = 0; ms < seconds * 1000; ms += STEP_MS) {
      if (what()) return ms / 1000;
      await this.step();
    }
    return Infinity;
  }

  /** All that one said is with the other. */
  arrived(name) {
    const { got } = this.of(name === 'ann' ? 'bob' : 'ann');
    return got.length === this.of(name).sent;
  }

  verify(why) {
    for (const [name, other] of [['ann', 'bob'], ['bob', 'ann']]) {
      const numbers = this.of(other).got.map((text) => Number(text.split(':')[0]));
      assert.deepEqual(numbers, Array.from({ length: this.of(name).sent }, (_, i) => i + 1), `${why}: what ${name} said`);
    }
  }

  close() {
    for (const { peer } of Object.values(this.#ends)) peer.close();
  }
}

test.beforeEach(begin);
test.afterEach(end);

const states = (world) => ['ann', 'bob'].map((name) => world.of(name).peer.info.state).join();

test('by the channel, and nothing by the server', async () => {
  const world = new World({ random: dice(1) });
  world.say('ann'); // before there is any way
  assert.ok(await world.until(() => states(world) === 'open,open' && world.arrived('ann'), 5) < 5);
  for (let i = 0; i < 200; i++) world.say('bob');
  assert.ok(await world.until(() => world.arrived('bob'), 30) < 30);
  world.verify('channel');
  assert.equal(world.relayed, 0);
  world.close();
});

test('15 s without a way: by the server; and by the channel as soon as there is one', async () => {
  net.blocked = true;
  const world = new World({ random: dice(2) });
  for (let i = 0; i < 50; i++) world.say('ann');
  const took = await world.until(() => states(world) === 'relayed,relayed', 20);
  assert.ok(took > 14 && took < 17, `${took} s`);
  assert.ok(await world.until(() => world.arrived('ann'), 60) < 60);
  net.blocked = false;
  for (const name of ['ann', 'bob']) world.of(name).peer.connection.hurry();
  for (let i = 0; i < 50; i++) world.say('bob');
  assert.ok(await world.until(() => states(world) === 'open,open', 60) < 60);
  assert.ok(await world.until(() => world.arrived('bob'), 60) < 60);
  world.verify('server');
  assert.ok(world.largest < 16_384, `${world.largest} bytes at once`);
  // What the server has kept until now changes nothing.
  world.of('bob').peer.relayed(world.first);
  assert.equal(states(world), 'open,open');
  world.close();
});

test('a channel that closes takes what is in it along, and it goes by the next', async () => {
  const world = new World({ random: dice(7) });
  await world.until(() => states(world) === 'open,open', 5);
  for (let i = 0; i < 20; i++) for (const name of ['ann', 'bob']) world.say(name);
  await turns(); // it is in the channel
  for (const { channel } of net.all) channel.fail();
  assert.equal(states(world), 'interrupted,interrupted');
  assert.ok(await world.until(() => world.arrived('ann') && world.arrived('bob'), 14) < 14);
  world.verify('closed');
  assert.equal(world.relayed, 0);
  world.close();
});

test('one end alone has no way: both go by the server', async () => {
  const world = new World({ random: dice(3) });
  await world.until(() => states(world) === 'open,open', 5);
  const lost = net.all.find((pc) => pc.connectionState === 'connected');
  net.blocked = true;
  lost.becomes('failed'); // and the other notices nothing
  for (let i = 0; i < 30; i++) for (const name of ['ann', 'bob']) world.say(name);
  assert.ok(await world.until(() => world.arrived('ann') && world.arrived('bob'), 60) < 60);
  assert.equal(states(world), 'relayed,relayed');
  world.verify('one end');
  world.close();
});

test('a server that takes small bodies alone', async () => {
  net.blocked = true;
  const world = new World({ random: dice(4), most: 700 });
  for (let i = 0; i < 40; i++) world.say('ann');
  await world.until(() => states(world) === 'relayed,relayed', 20);
  assert.ok(await world.until(() => world.arrived('ann'), 600) < 600);
  world.verify('small bodies');
  world.close();
});

test('ways come and go at random, and what the server has is lost or doubled', async () => {
  for (let seed = 1; seed <= 25; seed++) {
    const random = dice(seed);
    const world = new World({ random, loses: seed % 2 === 0 });
    net.blocked = random(2) === 0;
    for (let i = 0; i < 1_500; i++) {
      if (!random(3)) world.say(random(2) ? 'ann' : 'bob');
      if (!random(150)) net.blocked = !net.blocked;
      if (!random(150)) net.fail();
      if (!random(300)) net.all[random(net.all.length)].becomes('failed');
      if (!random(300)) net.all[random(net.all.length)].channel.fail();
      if (!random(300)) world.of(random(2) ? 'ann' : 'bob').peer.connection.hurry();
      await world.step();
    }
    net.blocked = false;
    for (const name of ['ann', 'bob']) world.of(name).peer.connection.hurry();
    assert.ok(await world.until(() => world.arrived('ann') && world.arrived('bob'), 400) < 400, `seed ${seed}: ${states(world)}`);
    world.verify(`seed ${seed}`);
    assert.equal(world.of('ann').anew + world.of('bob').anew, 0, 'nobody was taken for somebody else');
    world.close();
    net.reset();
  }
});

test('another page in the place of the last: nothing of before is in what it gets', async () => {
  const world = new World({ random: dice(5) });
  await world.until(() => states(world) === 'open,open', 5);
  for (let i = 0; i < 20; i++) for (const name of ['ann', 'bob']) world.say(name);
  await world.until(() => world.arrived('ann') && world.arrived('bob'), 5);
  world.of('bob').peer.close();
  for (let i = 0; i < 20; i++) world.say('ann'); // lost with it
  world.begin('bob', true);
  assert.ok(await world.until(() => world.of('ann').anew === 1, 60) < 60);
  world.of('ann').sent = 0;
  for (let i = 0; i < 20; i++) for (const name of ['ann', 'bob']) world.say(name);
  assert.ok(await world.until(() => world.arrived('ann') && world.arrived('bob'), 60) < 60);
  world.verify('another page');
  world.close();
});

test('who breaks the rules is heard no more, and harms nobody', async () => {
  const world = new World({ random: dice(6) });
  await world.until(() => states(world) === 'open,open', 5);
  const { peer, got } = world.of('ann');
  const good = { session: 's', to: '', at: 0, way: 'relay', turn: 0, why: '' };
  for (const data of [null, 1, 'x', [], {}, { status: null }, { status: 'x' }, { status: {} },
    ...[['session', 5], ['session', ''], ['session', 'x'.repeat(65)], ['at', '1'], ['at', -1e300], ['turn', null], ['way', 'else']]
      .map(([name, value]) => ({ status: { ...good, [name]: value } })),
    { status: good, offset: 0, bytes: '%' }, { status: good, offset: 'x', bytes: 5 }]) {
    peer.relayed(data);
  }
  assert.deepEqual(got, []);
  world.close();
});

test('with a page that knows nothing of limits all is as it was, by the channel and by the server', async () => {
  for (const blocked of [false, true]) {
    net.blocked = blocked;
    const world = new World({ random: dice(8), old: true, maxReceive: 50_000 });
    for (let i = 0; i < 50; i++) for (const name of ['ann', 'bob']) world.say(name);
    assert.ok(await world.until(() => world.arrived('ann') && world.arrived('bob'), 120) < 120);
    assert.equal(states(world), blocked ? 'relayed,relayed' : 'open,open');
    world.verify(`blocked: ${blocked}`);
    world.close();
    net.reset();
  }
});

/** What became of what was sent, each. */
async function fates(world, sent) {
  const said = sent.map(() => 'waits');
  sent.forEach((one, i) => one.then(() => { said[i] = 'arrived'; }, (error) => { said[i] = `${error.status} ${error.message}`; }));
  await world.until(() => !said.includes('waits'), 60);
  return said;
}

test('what is longer than the other end takes is refused before it is sent, also where nothing was known of it then', async () => {
  const TOO_LONG = '413 This peer takes messages of up to 100 bytes.';
  for (const blocked of [false, true]) {
    net.blocked = blocked;
    const world = new World({ random: dice(9), maxReceive: 100 });
    const [ann, bob] = ['ann', 'bob'].map((name) => world.of(name));
    const send = (length) => ann.peer.send(encode('x'.repeat(length)));
    assert.deepEqual(await fates(world, [send(100), send(101), send(5)]), ['arrived', TOO_LONG, 'arrived']);
    assert.deepEqual(await fates(world, [send(101), send(99)]), [TOO_LONG, 'arrived']);
    assert.deepEqual(bob.got.map(({ length }) => length), [100, 5, 99]);
    assert.deepEqual([ann, bob].map(({ peer }) => peer.info.detail), ['', '']);
    assert.deepEqual(await fates(world, [bob.peer.send(encode('y'.repeat(200)))]), ['arrived'], 'to ann, who takes more');
    world.close();
    net.reset();
  }
});

test('who sends too much all the same is not listened to any more, hears of it, and is still talked to', async () => {
  const world = new World({ random: dice(10), maxReceive: 100 });
  await world.until(() => states(world) === 'open,open', 5);
  const [ann, bob] = ['ann', 'bob'].map((name) => world.of(name));
  assert.deepEqual(await fates(world, [ann.peer.send(encode('one'))]), ['arrived']);
  // As a page does that was told nothing of a limit, or does not care.
  const piece = new Uint8Array([...new Uint8Array(8), ...encode('x'.repeat(101))]);
  new DataView(piece.buffer).setFloat64(0, encode('one').length);
  ann.peer.connection.send(piece);
  const told = bob.states.length;
  assert.match((await fates(world, [ann.peer.send(encode('two'))]))[0], /^413 This peer takes nothing of this page any more/);
  assert.match(bob.peer.info.detail, /^It sent a message of 101 bytes, and 100 are taken\. /);
  assert.ok(bob.states.length > told, 'bob was told that it changed');
  assert.match((await fates(world, [ann.peer.send(encode('three'))]))[0], /^413 /);
  assert.deepEqual(await fates(world, [bob.peer.send(encode('four'))]), ['arrived']);
  assert.deepEqual([states(world), bob.got, ann.got], ['open,open', ['one'], ['four']]);
  // Its next page begins anew.
  ann.peer.close();
  world.begin('ann', true);
  assert.ok(await world.until(() => bob.anew === 1 && states(world) === 'open,open', 60) < 60);
  assert.deepEqual(await fates(world, [world.of('ann').peer.send(encode('five'))]), ['arrived']);
  assert.deepEqual([bob.peer.info.detail, bob.got], ['', ['five']]);
  world.close();
});

test('a channel that takes tiny messages alone is none: the server is the way', async () => {
  const world = new World({ random: dice(11) });
  const tiny = () => { for (const pc of net.all) pc.sctp.maxMessageSize = 8; };
  world.say('ann');
  await world.until(() => (tiny(), states(world) === 'relayed,relayed'), 40);
  assert.equal(states(world), 'relayed,relayed');
  for (let i = 0; i < 20; i++) world.say('bob');
  assert.ok(await world.until(() => (tiny(), world.arrived('ann') && world.arrived('bob')), 60) < 60);
  world.verify('tiny');
  world.close();
});
