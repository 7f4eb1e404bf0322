// negotiation.test.js - two ends that negotiate, each failing at every step: in the end they are
// connected. Time is ours, and RTCPeerConnection what the specification says of its states.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Connection } from '../../src/page/client/connection.js';
import { FakeConnection, begin, end, makeConnectionsOf, net, tick, turns } from './lib/webrtc.js';

class World {
  delivered = 0;
  lost = 0;
  #ends = {};
  #queue = [];

  constructor() {
    net.reset();
    this.begin('ann', false);
    this.begin('bob', true);
  }

  begin(name, offers) {
    const other = name === 'ann' ? 'bob' : 'ann';
    const end = { connection: null };
    this.#ends[name] = end;
    end.connection = new Connection({ offers, polite: name === 'ann' }, {
      signal: (event, data) => this.#queue.push({ to: other, from: end, event, data: structuredClone(data) }),
      withdraw: () => { this.#queue = this.#queue.filter(({ from }) => from !== end); },
      iceServers: async () => [],
      changed() {},
      lost: () => { this.lost++; },
      message() {},
      low() {},
    });
  }

  end(name) {
    return this.#ends[name].connection;
  }

  /** Its page is loaded anew: what was for it is lost, and the other is told. */
  reload(name) {
    const other = name === 'ann' ? 'bob' : 'ann';
    this.end(name).close();
    this.#queue = this.#queue.filter(({ to }) => to !== name);
    this.begin(name, true);
    this.#queue.push({ to: other, event: 'anew' });
  }

  /** As reload, but the other never hears that it went. */
  reloadUnseen(name) {
    const other = name === 'ann' ? 'bob' : 'ann';
    this.end(name).close();
    this.#queue = this.#queue.filter(({ to }) => to !== name);
    this.begin(name, true);
    this.#queue.push({ to: other, event: 'announced' });
  }

  deliver() {
    const message = this.#queue.shift();
    if (!message) return false;
    this.delivered++;
    const { to, event, data } = message;
    if (event === 'anew') {
      this.end(to).close();
      this.begin(to, false);
    } else if (event === 'announced') {
      this.end(to).announced(false);
    } else if (event === 'session-description') {
      this.end(to).described(data);
    } else {
      this.end(to).candidate(data);
    }
    return true;
  }

  get connected() {
    return this.end('ann').up && this.end('bob').up;
  }

  close() {
    for (const { connection } of Object.values(this.#ends)) connection.close();
  }
}

/**
 * What is done at a step of a negotiation: it is given the number of each, and says with `done: false` that its own
 * is still to come.
 * @typedef {((step: number) => void) & {done?: boolean}} At
 */

/** Lets it go on; before each step `at` may do something. Returns the seconds until both are up.
 *  @param {World} world
 *  @param {number} seconds
 *  @param {At} [at] */
async function run(world, seconds, at = () => {}) {
  for (let ms = 0; ms < seconds * 1000; ms += 250) {
    do {
      at(world.delivered);
      await turns();
    } while (world.deliver());
    await turns();
    if (world.connected) at(Infinity); // it was over before that step
    if (world.connected && at.done !== false) return ms / 1000;
    tick(250);
  }
  return Infinity;
}

/** Lets all of the time pass, connected or not. @type {At} */
const nothing = Object.assign(() => {}, { done: false });

/** Calls once, before the step of that number. */
function once(step, what) {
  /** @type {At} */
  const at = (now) => {
    if (now < step || at.done) return;
    at.done = true;
    what();
  };
  at.done = false;
  return at;
}

test.beforeEach(begin);
test.afterEach(end);

test('undisturbed they connect at once, by one connection each', async () => {
  const world = new World();
  assert.equal(await run(world, 1), 0);
  assert.equal(net.all.length, 2);
  assert.ok(world.delivered >= 4, `${world.delivered} steps`);
  world.close();
});

/** In how many seconds they are connected again; what nobody tells has to be found out. */
const SECONDS = { 'is loaded anew': 1, 'is loaded anew, which nobody told the other': 20, 'loses the path': 8 };

const FAILURES = {
  'is loaded anew': (world, name) => world.reload(name),
  'is loaded anew, which nobody told the other': (world, name) => world.reloadUnseen(name),
  'loses the path': () => net.fail(),
};

for (const [what, failure] of Object.entries(FAILURES)) {
  for (const name of ['ann', 'bob']) {
    test(`${name} ${what}, at every step`, async () => {
      for (let step = 0; step < 6; step++) {
        const world = new World();
        const took = await run(world, 60, once(step, () => failure(world, name)));
        assert.ok(took <= SECONDS[what], `step ${step}: ${took} s`);
        world.close();
      }
    });
  }
}

test('both fail, each at every step', async () => {
  for (const [why, what] of Object.entries(FAILURES)) {
    for (let one = 0; one < 6; one++) {
      for (let other = one; other < 6; other++) {
        const world = new World();
        const first = once(one, () => what(world, 'ann'));
        const second = once(other, () => what(world, 'bob'));
        /** @type {At} */
        const at = (now) => {
          first(now);
          second(now);
          at.done = first.done && second.done;
        };
        at.done = false;
        const took = await run(world, 90, at);
        assert.ok(took <= SECONDS[why], `steps ${one} and ${other} of ${why}: ${took} s`);
        world.close();
      }
    }
  }
});

test('where nobody says that the network is another, a path that is down for 2 s is mended, and one that comes back sooner is left alone', async () => {
  for (const back of [true, false]) {
    const world = new World();
    await run(world, 1);
    const before = world.delivered;
    for (const pc of net.all) pc.becomes('disconnected');
    await run(world, 1, nothing);
    assert.equal(world.delivered, before, 'nothing is begun in the first second');
    if (back) for (const pc of net.all) pc.becomes('connected');
    const took = await run(world, 30);
    await run(world, 30, nothing);
    assert.equal(world.lost, 2);
    if (back) assert.deepEqual([took, world.delivered], [0, before]);
    else assert.ok(took > 0 && took < 2 && world.delivered > before, `${took} s, ${world.delivered - before} messages`);
    assert.equal(net.all.length, 2, 'the connections, and what is in their channels, live on');
    world.close();
  }
});

test('a path that is known not to work is mended at once by who knows it, also where the browser finds out meanwhile', async () => {
  for (const [name, finds] of /** @type {[string, boolean][]} */ ([['ann', false], ['ann', true], ['bob', false], ['bob', true]])) {
    const world = new World();
    await run(world, 1);
    for (let times = 0; times < 3; times++) {
      const before = world.delivered;
      world.end(name).hurry(true);
      if (finds) for (const pc of net.all) pc.becomes('disconnected');
      assert.ok(await run(world, 1) < 1);
      assert.ok(world.delivered > before);
      await run(world, 60, nothing);
    }
    assert.equal(net.all.length, 2, 'the connections, and what is in their channels, live on');
    world.close();
  }
});

test('who is told only later that it is to offer, does', async () => {
  const world = new World();
  for (const name of ['ann', 'bob']) {
    world.end(name).close();
    world.begin(name, false);
  }
  assert.equal(await run(world, 3), Infinity);
  world.end('ann').announced(true);
  assert.equal(await run(world, 1), 0);
  world.close();
});

test('both offer at once: the polite one gives way', async () => {
  const world = new World();
  await run(world, 1);
  const before = net.all.length;
  net.fail();
  // Both restart ICE in the same moment.
  for (const name of ['ann', 'bob']) world.end(name).announced(true);
  for (const name of ['ann', 'bob']) world.end(name).hurry();
  tick(10);
  await turns();
  assert.ok(await run(world, 30) <= 20);
  assert.equal(net.all.length, before, 'and the connections are the same');
  world.close();
});

test('the path is that of the selected pair, however a browser says which that is', async () => {
  const world = new World();
  await run(world, 1);
  const [pc] = net.all;
  const ends = [['h', 'host'], ['s', 'srflx'], ['r', 'relay']].map(([id, candidateType]) => ({ id, type: 'local-candidate', candidateType }));
  const pair = (id, localCandidateId, remoteCandidateId, more) => ({ id, type: 'candidate-pair', localCandidateId, remoteCandidateId, ...more });
  const transport = (more) => ({ id: 't', type: 'transport', ...more });
  const worked = { nominated: true, state: 'succeeded' };
  for (const [why, path, ...stats] of /** @type {[string, string, ...any[]][]} */ ([
    ['the transport says it', 'turn', pair('p1', 'h', 's', worked), pair('p2', 'h', 'r', worked), transport({ selectedCandidatePairId: 'p2' })],
    ['likewise', 'direct', pair('p2', 'h', 'r', worked), pair('p1', 'h', 's', worked), transport({ selectedCandidatePairId: 'p1' })],
    ['no transport: Firefox 152', 'turn', pair('p1', 'h', 's', { ...worked, selected: false }), pair('p2', 'r', 's', { ...worked, selected: true })],
    ['a transport that does not say it', 'turn', pair('p2', 'r', 's', { selected: true }), transport({})],
    ['nothing is marked', 'turn', pair('p0', 'h', 'h', { nominated: true, state: 'failed' }), pair('p1', 'h', 's', { nominated: false, state: 'succeeded' }), pair('p2', 'r', 's', worked)],
    ['nothing is known', 'direct', pair('p2', 'r', 's', { nominated: false, state: 'in-progress' })],
    ['no stats at all', 'direct'],
  ])) {
    pc.getStats = async () => new Map([...ends, ...stats].map((one) => [one.id, one]));
    assert.equal(await world.end('ann').path(), path, why);
  }
  world.close();
});

test('no RTCPeerConnection at all: it is tried again, and found when it is there', async () => {
  makeConnectionsOf(class { constructor() { throw new Error('forbidden'); } });
  const world = new World();
  assert.equal(await run(world, 60), Infinity);
  makeConnectionsOf(FakeConnection);
  for (const name of ['ann', 'bob']) world.end(name).hurry();
  assert.ok(await run(world, 90) <= 75);
  world.close();
});
