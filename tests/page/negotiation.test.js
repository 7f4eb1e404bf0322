// negotiation.test.js - two ends that negotiate, each failing at every step: in the end they are
// connected, and each has the tracks of the other. Time is ours, and RTCPeerConnection what the specification says of its states.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Connection } from '../../src/page/client/connection.js';
import { Tracks } from '../../src/page/client/tracks.js';
import { FakeConnection, FakeStream, FakeTrack, begin, dice, end, makeConnectionsOf, net, tick, turns } from './lib/webrtc.js';

class World {
  delivered = 0;
  lost = 0;
  /** What is said between them. @type {any[]} */ said = [];
  /** Whether a message is lost. @type {(message: any) => boolean} */ loses = () => false;
  /** What each publishes, also after its page was loaded anew. */
  published = { ann: [], bob: [] };
  #ends = {};
  #queue = [];

  constructor() {
    net.reset();
    this.begin('ann', false);
    this.begin('bob', true);
  }

  begin(name, offers) {
    const other = name === 'ann' ? 'bob' : 'ann';
    const end = { connection: null, tracks: null, received: [], refusals: [] };
    this.#ends[name] = end;
    end.connection = new Connection({ offers, polite: name === 'ann' }, {
      signal: (event, data) => this.#queue.push({ to: other, from: end, event, data: structuredClone(data) }),
      withdraw: () => { this.#queue = this.#queue.filter(({ from }) => from !== end); },
      iceServers: async () => [],
      changed() {},
      lost: () => { this.lost++; },
      message() {},
      low() {},
      media: () => { end.received = end.connection.received; },
      refused: (why) => end.refusals.push(why),
    });
    end.tracks = new Tracks(end.connection);
    end.tracks.send(this.published[name]);
  }

  end(name) {
    return this.#ends[name].connection;
  }

  of(name) {
    return this.#ends[name];
  }

  publish(name, published) {
    this.published[name] = published;
    this.#ends[name].tracks.send(published);
  }

  /** Whether what one publishes, and nothing else, is with the other, and really comes by what that was told of. */
  has(name) {
    const { received } = this.#ends[name === 'ann' ? 'bob' : 'ann'];
    const published = this.published[name];
    return received.length === published.length && published.every(({ track, about }) => received.some((one) => {
      const pc = net.all.find(({ connectionState, receiving }) => connectionState !== 'closed' && receiving(one.track));
      return one.about === about && pc?.comes(one.track) === track;
    }));
  }

  /** Sections for tracks, of the larger description. */
  get sections() {
    return Math.max(...net.all.filter(({ connectionState }) => connectionState !== 'closed').map((pc) => pc.getTransceivers().length));
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
    if (this.loses(message)) return true;
    this.said.push(message);
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
    return this.end('ann').up && this.end('bob').up && this.has('ann') && this.has('bob');
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

/** What events and promises have to do is done. */
async function settle() {
  for (let i = 0; i < 3; i++) await turns();
}

/** Lets it go on; before each step `at` may do something. Returns the seconds until both are up.
 *  @param {World} world
 *  @param {number} seconds
 *  @param {At} [at] */
async function run(world, seconds, at = () => {}) {
  for (let ms = 0; ms < seconds * 1000; ms += 250) {
    do {
      at(world.delivered);
      await settle();
    } while (world.deliver());
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

test('what is being mended is given its time', async () => {
  const world = new World();
  await run(world, 1);
  net.blocked = true;
  world.end('bob').hurry(true);
  for (const pc of net.all) pc.becomes('disconnected');
  await run(world, 8, nothing);
  assert.equal(net.all.length, 2);
  net.blocked = false;
  assert.ok(await run(world, 60) < 40);
  world.close();
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

const NOTES = { about: 0 };

/** Some tracks, each as one of a stream of its own. @param {string[]} kinds */
function tracks(...kinds) {
  return kinds.map((kind) => /** @type {any} */ ({ track: new FakeTrack(kind), stream: new FakeStream(), about: `${kind} ${++NOTES.about}` }));
}

const CAMERA = ['audio', 'video'];
const offersIn = (said) => said.filter(({ data }) => data?.type === 'offer').length;

test('tracks that are there already come with the first offer and its answer', async () => {
  const world = new World();
  for (const name of ['ann', 'bob']) world.publish(name, tracks(...CAMERA));
  assert.equal(await run(world, 1), 0);
  await run(world, 30, nothing);
  assert.deepEqual([offersIn(world.said), world.sections], [1, 2], 'one offer, and both send by the same sections');
  world.close();
});

test('tracks are published and taken back by either or both, at every step of what goes on', async () => {
  for (const [why, names] of Object.entries({ 'one of them': ['ann'], 'the other': ['bob'], both: ['ann', 'bob'] })) {
    for (let one = 0; one < 12; one++) {
      for (let other = one; other < 12; other += 2) {
        const world = new World();
        const first = once(one, () => names.forEach((name) => world.publish(name, tracks(...CAMERA))));
        const second = once(other, () => names.forEach((name) => world.publish(name, [...world.published[name].slice(1), ...tracks('video', 'video')])));
        /** @type {At} */
        const at = (now) => {
          first(now);
          second(now);
          at.done = first.done && second.done;
        };
        at.done = false;
        assert.ok(await run(world, 1, at) < 1, `${why}, at steps ${one} and ${other}`);
        await run(world, 3, nothing);
        assert.ok(world.connected && world.sections <= 4, `${why}, at steps ${one} and ${other}: ${world.sections} sections`);
        assert.equal(net.all.length, 2);
        for (const name of names) world.publish(name, []);
        assert.equal(await run(world, 1), 0);
        world.close();
      }
    }
  }
});

for (const [what, failure] of Object.entries(FAILURES)) {
  test(`one ${what}, at every step of a track's negotiation`, async () => {
    for (const name of ['ann', 'bob']) {
      for (let step = 0; step < 8; step++) {
        const world = new World();
        world.publish('bob', tracks('audio'));
        await run(world, 1);
        const from = world.delivered;
        for (const other of ['ann', 'bob']) world.publish(other, [...world.published[other], ...tracks(...CAMERA)]);
        const took = await run(world, 60, once(from + step, () => failure(world, name)));
        assert.ok(took <= SECONDS[what], `${name}, step ${step}: ${took} s`);
        world.close();
      }
    }
  });
}

test('an offer, an answer or a request that gets lost is made again, and what comes twice does no harm', async () => {
  for (const lost of ['offer', 'answer', 'request']) {
    for (const names of lost === 'request' ? [['ann']] : [['ann'], ['bob'], ['ann', 'bob']]) {
      const world = new World();
      await run(world, 1);
      let left = 1;
      world.loses = ({ data }) => data?.type === lost && left-- > 0;
      for (const name of names) world.publish(name, tracks('video'));
      const took = await run(world, 60);
      assert.ok(left < 1 && took <= 15, `${lost} of ${names}: ${took} s`);
      if (names.length < 2) assert.ok(took > 10, 'nobody else’s offer has mended it');
      assert.equal(net.all.length, 2, 'the connections are the same');
      // Now all of it comes again, late.
      const again = world.said.filter(({ event }) => event === 'session-description');
      for (const { to, data } of again) world.end(to).described(data);
      await run(world, 60, nothing);
      assert.ok(world.connected);
      world.close();
    }
  }
});

test('a track takes the place of another of its stream without a word', async () => {
  const world = new World();
  const camera = tracks(...CAMERA);
  world.publish('ann', camera);
  await run(world, 1);
  const before = world.delivered;
  world.publish('ann', [camera[0], { ...camera[1], track: /** @type {any} */ (new FakeTrack('video')) }]);
  await run(world, 30, nothing);
  assert.deepEqual([world.connected, world.delivered], [true, before]);
  world.close();
});

test('and where another goes in the same moment, too: what is sent of the one is not told to be the other', async () => {
  const world = new World();
  const [camera, screen] = tracks('video', 'video');
  world.publish('ann', [camera, screen]);
  await run(world, 1);
  const track = /** @type {any} */ (new FakeTrack('video'));
  world.publish('ann', [{ ...screen, track }]);
  await run(world, 1);
  assert.equal(offersIn(world.said), 3, 'one at first, one for the tracks, and one as the first of them has gone');
  assert.deepEqual(world.said.findLast(({ to, data: { media } }) => to === 'bob' && media).data.media, [['2', screen.about]]);
  world.close();
});

test('an offer comes twice, and a track is published between: the answer is the same, the track has an offer of its own', async () => {
  const world = new World();
  await run(world, 1);
  world.publish('bob', tracks('audio'));
  await run(world, 1);
  const { data } = world.said.findLast(({ data: { type } }) => type === 'offer');
  world.publish('ann', tracks('audio'));
  world.end('ann').described(data);
  assert.equal(await run(world, 1), 0);
  world.close();
});

test('once it is up one end alone offers, whoever publishes, so that no offer with tracks is rolled back', async () => {
  const world = new World();
  await run(world, 1);
  const from = world.said.length;
  for (let i = 0; i < 20; i++) {
    world.publish('ann', i % 2 ? [] : tracks(...CAMERA, 'video'));
    world.publish('bob', i % 3 ? [] : tracks('audio'));
    for (let n = i % 4; n > 0; n--) {
      await turns();
      world.deliver();
    }
  }
  world.publish('ann', tracks(...CAMERA, 'video'));
  assert.equal(await run(world, 1), 0);
  assert.ok(offersIn(world.said.slice(from)) > 0);
  assert.deepEqual(world.said.slice(from).filter(({ to, data }) => to === 'bob' && data?.type === 'offer'), []);
  assert.equal(world.sections, 3);
  world.close();
});

test('whatever is asked for, there are no more sections than are taken', async () => {
  for (const [number, sections] of [[1e9, 4], [3, 3], ['2', 2], [null, 0], ['x', 0], [-1, 0], [{}, 0], [Infinity, 4]]) {
    const world = new World();
    await run(world, 1);
    world.end('bob').described({ type: 'request', video: number });
    await run(world, 1);
    assert.equal(world.sections, sections, String(number));
    world.end('ann').described({ type: 'request', video: number }); // who never asked for any
    assert.equal(await run(world, 1), 0);
    assert.equal(world.sections, sections, String(number));
    world.close();
  }
});

test('servers can be others later', async () => {
  const world = new World();
  await run(world, 1);
  world.end('ann').setIceServers([{ urls: 'stun:a' }]);
  assert.deepEqual(net.all.map(({ configuration }) => configuration), [
    { bundlePolicy: 'max-bundle', iceServers: [{ urls: 'stun:a' }] }, { bundlePolicy: 'max-bundle', iceServers: [] }]);
  world.close();
});

test('tracks that came have gone with their connection, and come again with the next', async () => {
  const world = new World();
  for (const name of ['ann', 'bob']) world.publish(name, tracks(...CAMERA));
  await run(world, 1);
  world.loses = () => true;
  net.fail();
  await run(world, 60);
  assert.deepEqual([world.of('ann').received, world.of('bob').received], [[], []]);
  world.loses = () => false;
  assert.ok(await run(world, 90) < 90);
  world.close();
});

test('one track as part of two streams is sent once', async () => {
  const world = new World();
  const [one] = tracks('video');
  world.publish('ann', [one, { ...one, stream: /** @type {any} */ (new FakeStream()), about: 'again' }]);
  assert.equal(await run(world, 1), 0);
  assert.equal(world.sections, 1);
  world.publish('ann', world.published.ann.slice(1));
  assert.equal(await run(world, 1), 0);
  world.close();
});

test('published and taken back a hundred times: no more sections than at first', async () => {
  const world = new World();
  for (let i = 0; i < 100; i++) {
    world.publish(i % 3 ? 'ann' : 'bob', i % 2 ? [] : tracks(...CAMERA));
    assert.equal(await run(world, 1), 0);
  }
  assert.equal(world.sections, 2);
  world.close();
});

test('whatever is published, lost, broken and loaded anew in whatever order: in the end each has all', async () => {
  for (let seed = 1; seed <= 60; seed++) {
    const random = dice(seed);
    const world = new World();
    const deeds = [
      (name) => world.publish(name, tracks(...CAMERA.slice(random(3)), ...['video'].slice(random(2)))),
      (name) => world.publish(name, world.published[name].slice(random(3))),
      (name) => world.publish(name, [...world.published[name], ...tracks(CAMERA[random(2)])].slice(-4)),
      (name) => (random(4) ? undefined : Object.values(FAILURES)[random(3)](world, name)),
    ];
    world.loses = ({ event }) => event === 'session-description' && random(20) === 0;
    for (let i = 0; i < 30; i++) {
      deeds[random(deeds.length)](['ann', 'bob'][random(2)]);
      for (let n = random(5); n > 0; n--) {
        await turns();
        world.deliver();
      }
    }
    world.loses = () => false;
    const took = await run(world, 120);
    assert.ok(took < 60, `seed ${seed}: ${took} s`);
    assert.ok(world.sections <= 8, `seed ${seed}: ${world.sections} sections`);
    world.close();
  }
});

test('no more tracks are sent than are taken, and what is told of them may be anything', async () => {
  const world = new World();
  world.publish('ann', tracks(...Array(5).fill('video'), 'audio'));
  world.publish('bob', tracks(...Array(5).fill('audio'), ...Array(4).fill('video')));
  await run(world, 1);
  assert.deepEqual([world.of('bob').received.length, world.of('ann').received.length, world.sections], [5, 8, 8]);
  assert.deepEqual([...world.of('ann').refusals, ...world.of('bob').refusals], []);
  const { sdp } = net.all[1].localDescription;
  for (const media of [null, 5, 'x', {}, [null], [5], [[]], [[null, 1]], [['99', 1]], Array(1_000).fill(['1', 'x'])]) {
    world.end('ann').described({ type: 'offer', sdp: sdp.replace(/^o=.*$/m, `o=- 1 ${++NOTES.about}`), media });
    await settle();
    assert.equal(world.of('ann').received.length, media?.length === 1_000 ? 8 : 0);
  }
  await run(world, 60, nothing);
  const before = world.delivered;
  world.end('ann').described({ type: 'offer', sdp: sdp + 'm=video 9 sendrecv x\r\n' });
  await run(world, 30, nothing);
  assert.deepEqual(world.of('ann').refusals, ['It offers more than 8 tracks at once.']);
  assert.equal(world.delivered, before);
  world.close();
});

test('a server that changes the fingerprints of all that is said keeps nobody busy, and connects them once it does so no more', async () => {
  begin();
  const world = new World();
  let changes = true, n = 1_000_000;
  const forge = (text) => text.replace(/(a=fingerprint:sha-256 |o=.*a=fingerprint:sha-256 )\S+/i, (_, name) => `${name}${++n}`);
  world.loses = ({ event, data }) => {
    if (changes && event === 'session-description') Object.assign(data, { sdp: forge(data.sdp), ...(data.to && { to: forge(data.to) }) });
    return false;
  };
  const step = async () => {
    tick(250);
    for (let i = 0; i < 20; i++) {
      await settle();
      if (!world.deliver()) break;
    }
  };
  for (let i = 0; i < 4 * 60; i++) await step();
  const descriptions = world.said.filter(({ event }) => event === 'session-description').length;
  assert.ok(descriptions > 4 && descriptions < 100, `${descriptions}`);
  assert.ok(net.all.length < 100, `${net.all.length}`);
  changes = false;
  // Each tries again by itself, more and more rarely by then, until both do at the right moment.
  for (let seconds = 0; seconds < 600 && !world.connected; seconds += 0.25) await step();
  assert.ok(world.connected);
  world.close();
  end();
});

test('of a connection that was closed nothing is received', async () => {
  begin();
  const world = new World();
  world.publish('ann', tracks('video'));
  await run(world, 5);
  assert.equal(world.end('bob').received.length, 1);
  world.close();
  assert.deepEqual(world.end('bob').received, []);
  end();
});
