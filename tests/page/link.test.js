// link.test.js - data between two ends whose ways come and go: each message arrives once, in order.
import assert from 'node:assert/strict';
import test from 'node:test';
import { KIND, MESSAGE_MAX, Quota, encode, encodeData } from '../../src/page/client/bytes.js';
import { Link, RELAYED } from '../../src/page/client/link.js';
import { Refusal } from '../../src/page/client/requests.js';
import { begin, dice, end, net, tick, turns } from './lib/webrtc.js';

const STEP_MS = 100;

class World {
  described = 0;
  relayed = 0;
  largest = 0; // bytes of a relayed message
  /** That went to bob. @type {any} */ first;
  #ends = {};
  #mail = [];
  #random;
  #protocol;
  #maxReceive;

  /**
   * @param {{random: (n: number) => number, loses?: boolean, most?: number, protocol?: number, maxReceive?: number}} how
   *     loses, most: of the server; protocol: of all pages, as the others hear it; maxReceive: bob's
   */
  constructor({ random, loses = false, most = Infinity, protocol = 2, maxReceive = MESSAGE_MAX }) {
    this.#random = random;
    this.#protocol = protocol;
    this.#maxReceive = maxReceive;
    this.loses = loses;
    this.most = most;
    this.begin('ann', false);
    this.begin('bob', true);
  }

  begin(name, offers) {
    const other = name === 'ann' ? 'bob' : 'ann';
    const got = [];
    const one = { got, heard: [], sent: 0, anew: 0, opened: 0, ended: [], states: [], rooms: new Set(['tea']) };
    this.#ends[name] = one;
    const maxReceive = name === 'bob' ? this.#maxReceive : MESSAGE_MAX;
    one.link = new Link({ id: other, polite: name === 'ann', maxReceive, quota: new Quota(MESSAGE_MAX) }, {
      relay: (event, data) => this.#relay(one, other, event, this.#crossing(structuredClone(data))),
      withdraw: () => {
        this.#mail = this.#mail.filter(({ from, resolve }) => from !== one || resolve({}));
      },
      iceServers: async () => [],
      data: (decode, room) => {
        if (one.rooms.has(room)) got.push(decode());
        return one.rooms.has(room);
      },
      control: (...said) => one.heard.push(said),
      chunk: (...said) => one.heard.push(said),
      changed: () => one.states.push(one.link.peer.state),
      lost() {},
      opened: () => { one.opened += 1; },
      ended: (why) => one.ended.push(why.message),
      gone() {},
      anew: () => {
        one.anew += 1;
        got.length = 0;
      },
    });
    const connection = one.link.connect(offers);
    const send = connection.send.bind(connection);
    connection.send = (data) => send(typeof data === 'string' ? JSON.stringify(this.#crossing({ status: JSON.parse(data) }).status) : data);
  }

  #crossing(data) {
    if (data.status) data.status.protocol = this.#protocol;
    return data;
  }

  of(name) {
    return this.#ends[name];
  }

  say(name) {
    const one = this.of(name);
    one.link.send('tea', encodeData(`${++one.sent}:${'x'.repeat(this.#random(20) ? this.#random(30) : this.#random(40_000))}`));
  }

  #relay(from, to, event, data) {
    const bytes = JSON.stringify(data).length;
    this.largest = Math.max(this.largest, bytes);
    if (bytes > this.most && event === RELAYED) return Promise.reject(new Refusal(413, 'too large'));
    this.relayed += Number(event === RELAYED);
    this.described += Number(event === 'session-description');
    if (event === RELAYED && to === 'bob') this.first ??= data;
    return new Promise((resolve) => { this.#mail.push({ from, to, event, data, resolve }); });
  }

  /** Some time passes: the server delivers a few, the channels all. */
  async step() {
    for (let n = this.#random(6); n > 0 && this.#mail.length; n--) {
      const { to, event, data, resolve } = this.#mail.shift();
      const { link } = this.of(to);
      resolve({});
      if (event === 'session-description') link.connection.described(data);
      else if (event === 'ice-candidate') link.connection.candidate(data);
      else if (!this.loses || this.#random(5)) {
        link.relayed(data);
        if (this.loses && !this.#random(5)) link.relayed(structuredClone(data)); // posted again, and twice there
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
    for (const { link } of Object.values(this.#ends)) link.close();
  }
}

test.beforeEach(begin);
test.afterEach(end);

const states = (world) => ['ann', 'bob'].map((name) => world.of(name).link.peer.state).join();

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
  const [{ path, sent }, { received }] = [await world.of('ann').link.stats(), await world.of('bob').link.stats()];
  assert.equal(path, 'server');
  // What was sent again may be on its way still.
  assert.ok(received.bytes > 50 && received.bytes <= sent.bytes, `${received.bytes} of ${sent.bytes} bytes`);
  net.blocked = false;
  for (const name of ['ann', 'bob']) world.of(name).link.connection.hurry();
  for (let i = 0; i < 50; i++) world.say('bob');
  assert.ok(await world.until(() => states(world) === 'open,open', 60) < 60);
  assert.ok(await world.until(() => world.arrived('bob'), 60) < 60);
  world.verify('server');
  assert.ok(world.largest < 16_384, `${world.largest} bytes at once`);
  // What the server has kept until now changes nothing.
  world.of('bob').link.relayed(world.first);
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

test('where the network is another the path is tried, and mended where nothing comes back', async () => {
  const world = new World({ random: dice(8) });
  const links = ['ann', 'bob'].map((name) => world.of(name).link);
  await world.until(() => states(world) === 'open,open', 5);
  for (const all of [[links[0]], [links[1]], links]) {
    const before = world.described;
    for (const link of all) link.hurry();
    await world.until(() => false, 10);
    assert.equal(world.described, before, 'it works');
    const stuck = net.all.map(({ channel }) => channel);
    for (const channel of stuck) channel.deliver = () => false;
    world.say('bob');
    for (const link of all) link.hurry();
    const took = await world.until(() => world.described > before, 10);
    assert.ok(took > 1.5 && took < 3, `${took} s`);
    for (const channel of stuck) delete channel.deliver;
    assert.ok(await world.until(() => world.arrived('bob') && states(world) === 'open,open', 5) < 5);
    await world.until(() => false, 2);
    // What goes next is mended as soon.
    const mended = world.described;
    for (const pc of net.all) pc.becomes('disconnected');
    assert.ok(await world.until(() => world.described > mended, 20) < 4);
    assert.ok(await world.until(() => states(world) === 'open,open', 5) < 5);
    const after = world.described;
    await world.until(() => false, 60);
    assert.ok(world.described <= after + 1, 'and no more is done'); // an answer
    assert.equal(net.all.length, 2, 'the channel lives on');
  }
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
      if (!random(300)) world.of(random(2) ? 'ann' : 'bob').link.connection.hurry();
      await world.step();
    }
    net.blocked = false;
    for (const name of ['ann', 'bob']) world.of(name).link.connection.hurry();
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
  world.of('bob').link.close();
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
  const { link, got } = world.of('ann');
  const good = { protocol: 2, session: 's', to: '', at: 0, way: 'relay', turn: 0, why: '' };
  for (const data of [null, 1, 'x', [], {}, { status: null }, { status: 'x' }, { status: {} },
    ...[['session', 5], ['session', ''], ['session', 'x'.repeat(65)], ['at', '1'], ['at', -1e300], ['turn', null], ['way', 'else']]
      .map(([name, value]) => ({ status: { ...good, [name]: value } })),
    { status: good, offset: 0, bytes: '%' }, { status: good, offset: 'x', bytes: 5 }]) {
    link.relayed(data);
  }
  assert.deepEqual(got, []);
  world.close();
});

test('pages of different versions exchange nothing, and each says so', async () => {
  for (const blocked of [false, true]) {
    net.blocked = blocked;
    const world = new World({ random: dice(8), protocol: 3 });
    world.say('ann');
    const waiting = world.of('bob').link.send('tea', encodeData('x'));
    const detail = 'Its page is of another version of Drawbridge: one of the two has to be loaded again.';
    await world.until(() => ['ann', 'bob'].every((name) => world.of(name).link.peer.detail === detail), 30);
    assert.deepEqual(['ann', 'bob'].map((name) => world.of(name).link.peer.detail), [detail, detail]);
    assert.deepEqual(await fates(world, [waiting, world.of('ann').link.send('tea', encodeData('y'))]), [`0 ${detail}`, `0 ${detail}`]);
    assert.deepEqual([world.of('ann').got, world.of('bob').got], [[], []]);
    assert.deepEqual([world.of('ann').ended, world.of('bob').ended], [[detail], [detail]]);
    world.close();
    net.reset();
  }
});

test('what is said in a room is heard there; in one where the other end has yet to hear of us, later', async () => {
  const world = new World({ random: dice(12) });
  const [ann, bob] = ['ann', 'bob'].map((name) => world.of(name));
  for (const [room, text] of [['tea', 1], ['milk', 2], ['milk', 3], ['tea', 4], ['gone', 5]]) ann.link.send(room, encodeData(text));
  await world.until(() => bob.got.length === 2 && states(world) === 'open,open', 5);
  assert.deepEqual(bob.got, [1, 4]);
  ann.link.send('milk', encode(KIND.json, new TextEncoder().encode('{'))); // none of ours
  await world.until(() => ann.link.buffered === 0, 5);
  bob.rooms.add('milk');
  bob.link.entered();
  assert.deepEqual(bob.got, [1, 4, 2, 3]);
  ann.link.send('milk', encodeData(6));
  await world.until(() => bob.got.length === 5, 5);
  assert.deepEqual(bob.got, [1, 4, 2, 3, 6]);
  world.close();
});

test('what waits for a room has a bound', async () => {
  const world = new World({ random: dice(13), maxReceive: 1_000 });
  const [ann, bob] = ['ann', 'bob'].map((name) => world.of(name));
  for (let i = 0; i < 30; i++) ann.link.send('milk', encodeData('x'.repeat(100)));
  assert.deepEqual(await fates(world, [ann.link.send('tea', encodeData('last'))]), ['arrived']);
  bob.rooms.add('milk');
  bob.link.entered();
  assert.equal(bob.got.length, 1 + 10);
  world.close();
});

test('modules at both ends speak, in order with data, and however little a page takes', async () => {
  for (const blocked of [false, true]) {
    net.blocked = blocked;
    const world = new World({ random: dice(14), maxReceive: 10 });
    const [ann, bob] = ['ann', 'bob'].map((name) => world.of(name));
    const bytes = new Uint8Array(65_536).fill(7);
    const sent = [ann.link.control('media', { a: ['x'.repeat(1_000)] }), ann.link.chunk(2 ** 32 - 1, bytes), ann.link.send('tea', encodeData(null))];
    assert.deepEqual(await fates(world, sent), ['arrived', 'arrived', 'arrived']);
    assert.deepEqual(bob.heard, [['media', { a: ['x'.repeat(1_000)] }], [2 ** 32 - 1, bytes]]);
    assert.deepEqual([bob.got, bob.opened, ann.opened], [[null], 1, 1]);
    for (const [kind, content] of [[KIND.control, '{'], [KIND.control, '[5,1]'], [KIND.control, 'null'], [KIND.json, '{'], [KIND.chunk, 'x'], [99, 'x']]) {
      ann.link.send('tea', encode(/** @type {number} */ (kind), new TextEncoder().encode(String(content))));
    }
    assert.deepEqual(await fates(world, [ann.link.control('m', 1)]), ['arrived']);
    assert.deepEqual(bob.heard[2], ['m', 1]);
    assert.equal(bob.heard.length, 3);
    world.close();
    net.reset();
  }
});

test('it is idle until either end wants something of it', async () => {
  const world = new World({ random: dice(15) });
  world.close();
  const made = net.all.length;
  const link = new Link({ id: 'cat', polite: true, maxReceive: 1, quota: new Quota(1) }, /** @type {any} */ ({ iceServers: async () => [], changed() {}, withdraw() {}, relay: async () => {} }));
  await turns();
  assert.deepEqual([link.peer.state, link.connection, net.all.length], ['idle', null, made]);
  link.removed = () => {};
  link.send('tea', encodeData('x'));
  await turns();
  assert.deepEqual([link.peer.state, link.buffered > 0, net.all.length], ['connecting', true, made + 1]);
  link.close();
  assert.equal(link.buffered, 0);
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
    const send = (length) => ann.link.send('tea', encodeData('x'.repeat(length)));
    assert.deepEqual(await fates(world, [send(100), send(101), send(5)]), ['arrived', TOO_LONG, 'arrived']);
    assert.deepEqual(await fates(world, [send(101), send(99)]), [TOO_LONG, 'arrived']);
    assert.deepEqual(bob.got.map(({ length }) => length), [100, 5, 99]);
    assert.deepEqual([ann, bob].map(({ link }) => link.peer.detail), ['', '']);
    assert.deepEqual(await fates(world, [bob.link.send('tea', encodeData('y'.repeat(200)))]), ['arrived'], 'to ann, who takes more');
    world.close();
    net.reset();
  }
});

test('who sends too much all the same is not listened to any more, hears of it, and is still talked to', async () => {
  const world = new World({ random: dice(10), maxReceive: 100 });
  await world.until(() => states(world) === 'open,open', 5);
  const [ann, bob] = ['ann', 'bob'].map((name) => world.of(name));
  assert.deepEqual(await fates(world, [ann.link.send('tea', encodeData('one'))]), ['arrived']);
  // As a page does that was told nothing of a limit, or does not care.
  const piece = new Uint8Array([...new Uint8Array(8), ...encodeData('x'.repeat(101))]);
  new DataView(piece.buffer).setFloat64(0, encodeData('tea').length + encodeData('one').length); // the room's name was said first
  ann.link.connection.send(piece);
  const told = bob.states.length;
  assert.match((await fates(world, [ann.link.send('tea', encodeData('two'))]))[0], /^413 This peer takes nothing of this page any more/);
  assert.match(bob.link.peer.detail, /^It sent a message of 101 bytes, and 100 are taken\. /);
  assert.ok(bob.states.length > told, 'bob was told that it changed');
  for (const { ended, link } of [ann, bob]) assert.equal(ended.length, 1, `what is under way with ${link.peer.id} ends`);
  assert.match((await fates(world, [ann.link.send('tea', encodeData('three'))]))[0], /^413 /);
  assert.deepEqual(await fates(world, [bob.link.send('tea', encodeData('four'))]), ['arrived']);
  assert.deepEqual([states(world), bob.got, ann.got], ['open,open', ['one'], ['four']]);
  // Its next page begins anew.
  ann.link.close();
  world.begin('ann', true);
  assert.ok(await world.until(() => bob.anew === 1 && states(world) === 'open,open', 60) < 60);
  assert.deepEqual(await fates(world, [world.of('ann').link.send('tea', encodeData('five'))]), ['arrived']);
  assert.deepEqual([bob.link.peer.detail, bob.got], ['', ['five']]);
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
