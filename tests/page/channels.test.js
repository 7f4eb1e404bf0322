// channels.test.js - channels by name between pages whose links come and go.
import assert from 'node:assert/strict';
import { setMaxListeners } from 'node:events';
import test from 'node:test';
import { KIND, MESSAGE_MAX, Quota, encode } from '../../src/page/client/bytes.js';
import { Channels } from '../../src/page/client/channels.js';
import { Link } from '../../src/page/client/link.js';
import { Room } from '../../src/page/client/room.js';
import { collectGarbage } from './lib/garbage.js';
import { begin, end, net, tick, turns } from './lib/webrtc.js';

const STEP_MS = 100;
const LOSSY = { ordered: false, maxRetransmits: 0 };

/** Somebody's page: the rooms that it is in, a link to each other page, and channels. */
class Page {
  /** @type {Map<string, Room>} */ rooms = new Map();
  /** @type {Map<string, Link>} */ links = new Map();
  channels = new Channels();

  constructor(world, name) {
    this.world = world;
    this.name = name;
  }

  /** @param {Page} other @param {boolean} offers */
  meet(other, offers) {
    const link = new Link({ id: other.name, polite: this.name < other.name, maxReceive: MESSAGE_MAX, quota: new Quota(MESSAGE_MAX) }, {
      relay: (event, data) => this.world.relay(this, other.name, event, structuredClone(data)),
      withdraw: () => this.world.withdraw(this),
      iceServers: async () => [],
      data: (decode, address) => {
        this.channels.said(link, address, decode);
        return true;
      },
      control: (module, payload) => {
        if (module === 'channels') this.channels.heard(link, payload);
      },
      chunk() {},
      changed() {},
      opened: () => this.channels.opened(link),
      ended() {},
      lost() {},
      gone() {},
      anew: () => this.channels.reset(link),
    });
    this.links.set(other.name, link);
    for (const [name, room] of this.rooms) if (other.rooms.has(name)) this.see(link, room);
    link.connect(offers);
  }

  /** The server says that the peer is in the room. @param {Link} link @param {Room} room */
  see(link, room) {
    room.add(link);
    link.rooms.add(room);
    room.emit('join', { peer: link.peer, room });
  }

  unsee(link, room) {
    room.remove(link.peer.id);
    link.rooms.delete(room);
    room.emit('leave', { peer: link.peer, room });
  }

  /** @param {any} name @param {any} [options] @param {string} [room] */
  open(name, options, room = 'tea') {
    /** @type {any} */
    const channel = this.channels.open(this.rooms.get(room), name, options);
    const got = [];
    channel.on('data', (data, peer) => got.push([peer.id, data]));
    return Object.assign(channel, { got });
  }

  close() {
    for (const link of this.links.values()) {
      link.close();
      this.channels.closed(link);
    }
  }
}

class World {
  relays = 0;
  isReachable = true; // through the server
  /** @type {Map<string, Page>} */ #pages = new Map();
  #mail = [];

  constructor({ rooms = ['tea'], names = ['ann', 'bob'] } = {}) {
    for (const name of names) this.enter(name, rooms);
  }

  /** A new page of that name, which replaces the one that there is. */
  enter(name, rooms = ['tea']) {
    const page = new Page(this, name);
    this.#pages.get(name)?.close();
    this.#pages.set(name, page);
    for (const room of rooms) page.rooms.set(room, new Room(room, { leave() {}, transfers: null, channels: async () => page.channels, media: async () => null }));
    setMaxListeners(0, ...page.rooms.values());
    for (const other of this.#pages.values()) {
      if (other === page) continue;
      page.meet(other, true);
      if (!other.links.has(name)) other.meet(page, false);
    }
    return page;
  }

  of(...names) {
    return names.map((name) => this.#pages.get(name));
  }

  relay(from, to, event, data) {
    this.relays += Number(event === 'peer-data');
    return new Promise((resolve) => { this.#mail.push({ from, to, event, data, resolve }); });
  }

  withdraw(page) {
    this.#mail = this.#mail.filter(({ from, resolve }) => from !== page || resolve({}));
  }

  async step() {
    for (const { from, to, event, data, resolve } of this.isReachable ? this.#mail.splice(0) : []) {
      resolve({});
      const link = this.#pages.get(to)?.links.get(from.name);
      if (event === 'session-description') link?.connect(false).described(data);
      else if (event === 'ice-candidate') link?.connection?.candidate(data);
      else link?.relayed(data);
    }
    await turns();
    for (let more = true; more;) {
      more = false;
      for (const pc of [...net.all]) for (const channel of [pc.channel, ...pc.further]) more = channel?.deliver() || more;
      await turns();
    }
    tick(STEP_MS);
    await turns();
  }

  async until(what, seconds = 30) {
    for (let ms = 0; ms < seconds * 1000; ms += STEP_MS) {
      if (what()) return;
      await this.step();
    }
    assert.fail(`waited ${seconds} s for ${what}`);
  }

  async pass(seconds) {
    for (let ms = 0; ms < seconds * 1000; ms += STEP_MS) await this.step();
  }

  /** All have a connection to all. */
  connected() {
    return this.until(() => [...this.#pages.values()].every(({ links }) => [...links.values()].every(({ peer }) => peer.state === 'open')));
  }

  close() {
    for (const page of this.#pages.values()) page.close();
  }
}

const failed = ({ failed: all }) => all.map(({ peer, error }) => `${peer.id}: ${error.status} ${error.message}`);

/** Live RTCDataChannels with this label, at both ends. */
const further = (label) => net.all.flatMap((pc) => pc.further).filter((channel) => channel.label === label && channel.readyState === 'open');

test.beforeEach(begin);
test.afterEach(end);

test('a reliable channel: text, bytes and JSON arrive in order, at those who have opened it', async () => {
  const world = new World({ names: ['ann', 'bob', 'cat'] });
  const [ann, bob, cat] = world.of('ann', 'bob', 'cat');
  const chat = ann.open('chat');
  const sent = chat.send('before anybody is reached');
  const all = ['ä😀', { a: [1, null] }, 7, new Uint8Array([1, 2])];
  for (const data of all) chat.send(data, 'bob');
  const theirs = bob.open('chat');
  const others = cat.open('news');
  await world.until(() => theirs.got.length === 5);
  assert.deepEqual(theirs.got, ['before anybody is reached', ...all].map((data) => ['ann', data]));
  await world.pass(16);
  const { arrived } = await sent;
  assert.deepEqual(arrived.map(({ id }) => id), ['bob']);
  assert.deepEqual(failed(await sent), ['cat: 404 The peer has not opened this channel.']);
  assert.deepEqual([others.got, chat.buffered], [[], 0]);
  world.close();
});

test('what is sent before the other page has opened the channel waits for it, in order with what is sent later', async () => {
  const world = new World();
  const [ann, bob] = world.of('ann', 'bob');
  await world.connected();
  const chat = ann.open('chat');
  let arrived = 0;
  for (let i = 0; i < 5; i++) chat.send(String(i), 'bob').then(() => { arrived += 1; });
  await world.pass(14);
  assert.deepEqual([arrived, chat.buffered], [0, 5]);
  const theirs = bob.open('chat');
  await world.until(() => theirs.got.length);
  chat.send('5', 'bob');
  await world.until(() => arrived === 5 && chat.buffered === 0);
  assert.deepEqual(theirs.got.map(([, data]) => data).join(''), '012345');
  world.close();
});

test('the wait begins when the peer is reached; it ends when either closes, leaves or loads a new page', async () => {
  const world = new World();
  const [ann, bob] = world.of('ann', 'bob');
  world.isReachable = false;
  const chat = ann.open('chat');
  const outcome = (to) => chat.send('x', to).then(() => 'arrived', ({ status, message }) => `${status} ${message}`);
  const first = outcome('bob');
  await world.pass(60);
  world.isReachable = true;
  const theirs = bob.open('chat');
  await world.until(() => theirs.got.length === 1);
  await world.step();
  assert.equal(await first, 'arrived');

  theirs.close();
  await world.pass(1);
  const second = outcome('bob');
  await world.step();
  ann.unsee(ann.links.get('bob'), ann.rooms.get('tea'));
  await world.step();
  assert.equal(await second, '404 The peer has left the room.');
  ann.see(ann.links.get('bob'), ann.rooms.get('tea'));

  await world.pass(1);
  let third = '';
  outcome('bob').then((how) => { third = how; });
  await world.pass(14);
  assert.equal(third, '');
  await world.pass(2);
  assert.equal(third, '404 The peer has not opened this channel.');

  const fourth = outcome('bob');
  await world.step();
  world.enter('bob');
  await world.pass(5);
  assert.equal(await fourth, '404 The peer has loaded a new page.');

  const fifth = outcome('bob');
  chat.close();
  assert.equal(await fifth, '0 The channel was closed.');
  assert.equal(await outcome('bob'), '0 The channel was closed.');
  world.close();
});

test('an unreliable channel is an RTCDataChannel of each end, with its options, where both have opened it', async () => {
  const world = new World({ names: ['ann', 'bob', 'cat'] });
  const [ann, bob] = world.of('ann', 'bob');
  await world.connected();
  const ours = ann.open('cursor', LOSSY);
  assert.equal(ours.send('too early'), 0);
  await world.pass(1);
  assert.equal(further('tea/cursor').length, 0);
  const theirs = bob.open('cursor', { maxPacketLifeTime: 100 });
  await world.until(() => further('tea/cursor').length === 4);
  assert.deepEqual(further('tea/cursor').map(({ pc, init: { ordered, maxRetransmits, maxPacketLifeTime } }) => [pc.id, ordered, maxRetransmits, maxPacketLifeTime].join())
    .sort((one, other) => Number(one.split(',')[1] === 'true') - Number(other.split(',')[1] === 'true')).map((line) => line.replace(/^\d+,/, '')),
  ['false,0,', 'false,0,', 'true,,100', 'true,,100']);
  const all = ['', 'ä', { x: 1 }, new Uint8Array([3]), new Uint8Array(0)];
  for (const data of all) assert.equal(ours.send(data), 1, 'cat has not opened it');
  assert.equal(theirs.send('back', 'ann'), 1);
  assert.equal(theirs.send('back', ['cat', 'dan']), 0);
  await world.until(() => theirs.got.length === 5 && ours.got.length === 1);
  assert.deepEqual([theirs.got.map(([, data]) => data), ours.got], [all, [['bob', 'back']]]);
  assert.equal(world.relays, 0);
  world.close();
});

test('what cannot go at once is dropped, and not queued', async () => {
  const world = new World();
  const [ann, bob] = world.of('ann', 'bob');
  const options = { ...LOSSY, relay: true };
  const ours = ann.open('cursor', options);
  const theirs = bob.open('cursor', options);
  await world.until(() => further('tea/cursor').length === 4);
  const message = 'x'.repeat(16_000);
  const went = Array.from({ length: 10 }, () => ours.send(message));
  assert.deepEqual(went, [1, 1, 1, 1, 0, 0, 0, 0, 0, 0]);
  assert.ok(ours.buffered > 60_000 && ours.buffered <= 65_536, `${ours.buffered} bytes`);
  await world.until(() => theirs.got.length === 4);
  for (const pc of net.all) pc.becomes('disconnected');
  assert.equal(ours.send('x'), 0);
  await world.pass(1);
  for (const pc of net.all) pc.becomes('connected');
  await world.pass(1);
  assert.deepEqual([ours.send('y'), theirs.got.length], [1, 4]);
  world.close();
});

test('channels are there again after the connection was made anew, and what is reliable has lost nothing', async () => {
  const world = new World();
  const [ann, bob] = world.of('ann', 'bob');
  const [cursor, chat, theirCursor, theirChat] = [ann, bob].flatMap((page) => [page.open('cursor', LOSSY), page.open('chat')]);
  await world.until(() => further('tea/cursor').length === 4);
  const before = net.all.length;
  let sent = 0;
  for (const pc of net.all) pc.channel.fail();
  for (let i = 0; i < 20; i++) {
    chat.send(String(++sent));
    await world.step();
  }
  await world.until(() => cursor.send('back') === 1);
  assert.ok(net.all.length > before);
  await world.until(() => theirChat.got.length === sent && theirCursor.got.length);
  assert.deepEqual(theirChat.got.map(([, data]) => Number(data)), Array.from({ length: sent }, (_, i) => i + 1));
  assert.equal(further('tea/cursor').length, 4);
  world.close();
});

test('through the server reliable channels go on; unreliable ones only where the page asks for it, as far as it is quick enough', async () => {
  const world = new World();
  net.blocked = true;
  const [ann, bob] = world.of('ann', 'bob');
  const opened = [ann, bob].flatMap((page) => [page.open('chat'), page.open('cursor', LOSSY), page.open('marks', { ...LOSSY, relay: true })]);
  const [chat, cursor, marks, theirChat, theirCursor, theirMarks] = opened;
  assert.equal(marks.send('not yet'), 0);
  await world.until(() => ann.links.get('bob').peer.state === 'relayed');
  chat.send('hello');
  await world.until(() => theirChat.got.length === 1);
  assert.deepEqual([cursor.send('x'), marks.send('x')], [0, 1]);
  await world.until(() => theirMarks.got.length === 1);
  const many = Array.from({ length: 100 }, () => marks.send('x'.repeat(1_000))).filter(Boolean).length;
  assert.ok(many > 0 && many < 9, `${many} KiB wait`);
  await world.pass(2);
  assert.equal(theirMarks.got.length, 1 + many);
  assert.deepEqual(theirCursor.got, []);
  net.blocked = false;
  ann.links.get('bob').connection.hurry();
  bob.links.get('ann').connection.hurry();
  await world.until(() => cursor.send('y') === 1 && marks.send('y') === 1);
  world.close();
});

test('rooms are apart: a channel of the same name, peers that are in one of them only', async () => {
  const world = new World({ rooms: ['tea', 'milk'] });
  const [ann, bob] = world.of('ann', 'bob');
  for (const options of [{}, LOSSY]) {
    const name = options.maxRetransmits === undefined ? 'chat' : 'cursor';
    const [tea, milk] = ['tea', 'milk'].map((room) => [ann.open(name, options, room), bob.open(name, options, room)]);
    await world.until(() => (name === 'chat' ? true : tea[0].send('hi') === 1 && milk[0].send('hi') === 1));
    tea[0].send('tea');
    milk[0].send('milk');
    const said = (pair) => pair[1].got.map(([, data]) => data).filter((data) => data !== 'hi');
    await world.until(() => said(tea).length && said(milk).length);
    assert.deepEqual([said(tea), said(milk)], [['tea'], ['milk']]);
    // bob's page knows that ann is not in tea any more; ann's page does not.
    bob.unsee(bob.links.get('ann'), bob.rooms.get('tea'));
    ann.links.get('bob').send(`tea/${name}`, encode(KIND.text, new TextEncoder().encode('forged')));
    tea[0].send('and again');
    await world.pass(1);
    assert.deepEqual(said(tea), ['tea']);
    bob.see(bob.links.get('ann'), bob.rooms.get('tea'));
    await world.until(() => tea[0].send('hi'));
  }
  world.close();
});

test('who comes later, and who comes back, is sent what is sent from then on', async () => {
  const world = new World();
  const [ann] = world.of('ann');
  const [cursor, chat] = [ann.open('cursor', LOSSY), ann.open('chat')];
  for (const name of ['cat', 'bob']) { // of whom bob was there before
    await world.connected();
    const page = world.enter(name);
    const [theirCursor, theirChat] = [page.open('cursor', LOSSY), page.open('chat')];
    if (name === 'cat') chat.send(`for ${name}`);
    await world.until(() => cursor.send('x', name) === 1);
    if (name === 'bob') chat.send(`for ${name}`); // before, it would go to the page that has gone
    await world.until(() => theirCursor.got.length && theirChat.got.length);
    assert.deepEqual(theirChat.got, [['ann', `for ${name}`]]);
  }
  world.close();
});

test('a closed channel is heard and sent on no more, its data channels end, and it may be opened again', async () => {
  const world = new World();
  const [ann, bob] = world.of('ann', 'bob');
  const ours = ann.open('cursor', LOSSY);
  let theirs = bob.open('cursor', LOSSY);
  await world.until(() => further('tea/cursor').length === 4);
  ours.send('under way');
  theirs.close();
  theirs.close();
  assert.equal(theirs.send('x'), 0);
  await world.until(() => further('tea/cursor').length === 0);
  assert.deepEqual(theirs.got, []);
  theirs = bob.open('cursor', LOSSY);
  await world.until(() => ours.send('again') === 1);
  await world.until(() => theirs.got.length === 1);
  // Closed and opened in one turn, with other options: nobody noticed, but the data channel is another.
  ours.close();
  ann.open('cursor', { ordered: false });
  await world.until(() => further('tea/cursor').filter(({ init }) => init.maxRetransmits === undefined).length === 2);
  assert.equal(further('tea/cursor').length, 4);
  // However often.
  for (let i = 0; i < 130; i++) {
    theirs.close();
    await world.until(() => further('tea/cursor').length === 0);
    theirs = bob.open('cursor', LOSSY);
    await world.until(() => further('tea/cursor').length === 4);
  }
  assert.equal(ann.links.get('bob').peer.detail, '');
  bob.rooms.get('tea').emit('state', { state: 'left', detail: '', room: bob.rooms.get('tea') });
  await world.until(() => further('tea/cursor').length === 0);
  world.close();
});

test('what waits for a page to open a channel has a bound, besides one message of any length', async () => {
  const world = new World();
  const [ann] = world.of('ann', 'bob');
  await world.connected();
  const [chat, news] = [ann.open('chat'), ann.open('news')];
  const big = new Uint8Array(65 * 1024 * 1024);
  const first = chat.send(big, 'bob');
  await assert.rejects(news.send('x', 'bob'), /^Refusal: Too much is waiting to be sent to this peer/);
  await world.pass(16);
  await assert.rejects(first, { status: 404 });
  const second = chat.send(big, 'bob');
  chat.close();
  await assert.rejects(second, /^Refusal: The channel was closed/);
  let third = '';
  news.send('x', 'bob').catch(({ message }) => { third = message; });
  await world.pass(1);
  assert.equal(third, '');
  world.close();
});

test('nothing holds a closed channel', async () => {
  const world = new World();
  const [ann, bob] = world.of('ann', 'bob');
  const refs = [LOSSY, {}].map((options) => {
    bob.open(`${options.ordered}`, options);
    const channel = ann.open(`${options.ordered}`, options);
    channel.send('x');
    return new WeakRef(channel);
  });
  await world.until(() => further('tea/false').length === 4);
  refs.forEach((ref) => ref.deref().close());
  await world.until(() => further('tea/false').length === 0);
  await world.pass(20);
  await collectGarbage();
  assert.deepEqual(refs.map((ref) => ref.deref()), [undefined, undefined]);
  world.close();
});

test('names, options and data are checked, and how many there are', () => {
  const world = new World();
  const [ann] = world.of('ann');
  for (const name of ['', 'x'.repeat(65), 7, '\ud800', undefined]) assert.throws(() => ann.open(name), /The name of a channel is a text of 1 to 64 characters/);
  for (const options of [{ maxRetransmits: -1 }, { maxRetransmits: 'x' }, { maxPacketLifeTime: 65_536 }, { maxRetransmits: 1, maxPacketLifeTime: 1 }]) {
    assert.throws(() => ann.open('x', options), TypeError);
  }
  const cursor = ann.open('cursor', LOSSY);
  assert.equal(ann.channels.open(ann.rooms.get('tea'), 'cursor', LOSSY), cursor);
  assert.throws(() => ann.open('cursor'), /is open already, with other options/);
  assert.throws(() => cursor.send('x'.repeat(16_384)), { status: 413 });
  assert.equal(cursor.send('x'.repeat(16_383)), 0);
  for (const data of [new Blob([]), new ReadableStream()]) {
    assert.throws(() => cursor.send(data), /A Blob or a ReadableStream is sent by send\(\) of the room/);
    assert.rejects(ann.open('chat').send(data), /is sent by send\(\) of the room/);
  }
  assert.throws(() => cursor.send(undefined), TypeError);
  for (let i = 2; i < 64; i++) ann.open(`channel ${i}`);
  assert.throws(() => ann.open('one too many'), /The most is 64 channels at a time/);
  world.close();
});

test('a hostile page: what it says is checked, and it alone has less of it', async () => {
  const world = new World({ names: ['ann', 'bob', 'eve'] });
  const [ann, bob, eve] = world.of('ann', 'bob', 'eve');
  const ours = ann.open('cursor', LOSSY);
  const theirs = bob.open('cursor', LOSSY);
  const hers = eve.open('cursor', LOSSY);
  await world.until(() => further('tea/cursor').length === 12);
  const link = eve.links.get('ann');
  for (const payload of [null, 7, { open: 'x' }, { open: [1, null, {}] }, { open: Array(10_000).fill('tea/cursor') }]) link.control('channels', payload);
  for (const key of ['tea/cursor/', '/', 'tea/nothing', 'milk/cursor', '__proto__/x']) link.send(key, encode(KIND.text));
  /** @type {any} */ let pc;
  link.connection.use((one) => { pc = one; });
  const channel = pc.further.find(({ init }) => init === hers.options);
  for (const bytes of [[], [3], [4, 1], [255], [2], [2, 0x7b], [1, 0xff]]) channel.send(new Uint8Array(bytes));
  channel.send('text');
  channel.send(new Uint8Array(16_385));
  await world.pass(1);
  assert.deepEqual(ours.got.concat(theirs.got).map(([, data]) => data), ['\ufffd'], 'UTF-8 that is wrong is a text, though');

  // It opens and closes a channel all the time.
  const made = net.all.reduce((sum, { further: all }) => sum + all.length, 0);
  for (let i = 0; i < 1_000; i++) link.control('channels', { open: i % 2 ? ['tea/cursor'] : [] });
  await world.pass(1);
  assert.ok(net.all.reduce((sum, { further: all }) => sum + all.length, 0) - made < 50);

  // What it says beyond what a page may have open is not heeded.
  link.control('channels', { open: [...Array(64).keys(), 'tea/cursor'] });
  await world.pass(1);
  assert.equal(ours.send('x', 'eve'), 0);

  // It makes data channels without end.
  for (let i = 0; i < 1_000; i++) pc.createDataChannel(`${i}`, {});
  await world.pass(1);
  assert.match(ann.links.get('eve').peer.detail, /^It has opened too many channels/);
  assert.ok(pc.further.filter(({ readyState }) => readyState === 'open').length < 10);
  assert.equal(ours.send('x', 'bob'), 1);
  await world.until(() => theirs.got.some(([from, data]) => from === 'ann' && data === 'x'));
  world.close();
});
