// failovers.js - what must hold through a failover of Redis, whoever tells of it: Sentinels (sentinels.js), or the nodes of a
// Cluster (redis-cluster.js).
import assert from 'node:assert/strict';
import { stepsNow } from './pace.js';
import { meet } from './peer.js';
import { randomId } from './tokens.js';
import { pause, until, WAIT_MS } from './wait.js';

/** From the failover until everything works again: three who watch, two Redis, our programs and we are at work. */
export const backMs = async () => 5_000 + await stepsNow(20);
const FRESH_MS = 1_000;            // so long a program may believe what it was told
const PAIRS = 8;

/** @typedef {import('./peer.js').Peer} Peer */

/** One who relays numbers to another, as pages do: whoever is told `resumed: false` joins again. */
export class Pair {
  answered = new Map(); // number: when it was asked
  unknown = new Set();  // 503: it may have arrived, or not
  got = [];
  told = [];            // when the receiver was told `resumed: false`
  stall = 0;            // the longest time without one that arrives, in ms
  #gotAt = Infinity;
  statuses = new Set();
  room = randomId('r');

  stopped = false;
  /** @type {Peer} */ from;
  /** @type {Peer} */ to;
  /** @type {Promise<void>} */ running;
  /** @type {{n: number, status: number}} */ last;

  /** @param {import('./site.js').Site} site */
  static async start(site) {
    const pair = new Pair();
    [pair.from, pair.to] = await site.room(pair.room, 2);
    for (const peer of [pair.from, pair.to]) {
      peer.stream.onEvent = (event) => pair.#hear(peer, event);
    }
    pair.running = pair.#talk();
    return pair;
  }

  #hear(peer, event) {
    if (event.event === 'connected' && !JSON.parse(event.data).resumed) {
      if (peer === this.to) this.told.push(performance.now());
      this.#join(peer);
    } else if (event.event === 'n') {
      const now = performance.now();
      this.stall = Math.max(this.stall, now - this.#gotAt);
      this.#gotAt = now;
      this.got.push(JSON.parse(event.data).data);
    }
  }

  async #join(peer) {
    while (!this.stopped) {
      const { status } = await peer.ask('POST', `/${this.room}/join`);
      this.statuses.add(status);
      if (status === 200) return;
      await pause(100);
    }
  }

  async #talk() {
    for (let n = 0; !this.stopped; n++) {
      const at = performance.now();
      const { status } = await this.from.ask('POST', `/relay/${this.to.id}/n`, String(n));
      this.statuses.add(status);
      if (status === 200 || status === 202) this.answered.set(n, at);
      else if (status === 503) this.unknown.add(n);
      this.last = { n, status };
      await pause(30);
    }
  }

  /** Several, each of which has had ten answers. */
  static async several(site, count = PAIRS) {
    const pairs = await Promise.all(Array.from({ length: count }, () => Pair.start(site)));
    await until(() => pairs.every((pair) => pair.answered.size >= 10), 'ten relays of each');
    return pairs;
  }

  /** Until each has had ten answers more, and what was answered last has arrived. */
  static async stop(pairs) {
    const passed = pairs.map((pair) => pair.answered.size);
    await until(() => pairs.every((pair, i) => pair.answered.size >= passed[i] + 10), 'ten more of each');
    await Promise.all(pairs.map((pair) => pair.stop()));
    const last = (pair) => Math.max(...pair.answered.keys());
    await until(() => pairs.every((pair) => pair.got.at(-1) >= last(pair)), () => `the last ones: ${
      pairs.map((pair) => `${pair.got.slice(-3)} of ${last(pair)}`).join('; ')}`);
    for (const pair of pairs) pair.verdict();
  }

  static cut(pairs) {
    for (const { from, to } of pairs) for (const { stream } of [from, to]) stream.cut();
  }

  async stop() {
    this.stopped = true;
    await this.running;
  }

  /**
   * Of what was answered: nothing twice, in order, and lost only what the receiver was then told of. The
   * answer may be read after the word that came after it: they are two connections.
   */
  verdict() {
    const { got, answered } = this;
    assert.equal(new Set(got).size, got.length, 'none twice');
    assert.deepEqual(got, [...got].sort((a, b) => a - b), 'in order');
    assert.deepEqual(got.filter((n) => !answered.has(n) && !this.unknown.has(n)), [], 'none that was refused');
    const lost = [...answered.keys()].filter((n) => !got.includes(n));
    const silent = lost.filter((n) => !this.told.some((at) => at >= answered.get(n)));
    assert.deepEqual(silent, [], 'none lost without a word');
    assert.deepEqual([...this.statuses].filter((status) => ![200, 202, 404, 503].includes(status)), []);
    for (const { stream } of [this.from, this.to]) assert.equal(stream.ended, undefined, 'the stream stays');
  }
}

/** Its tests.
 *  @param {any} site
 *  @param {any} it
 *  @param {object} how
 *  @param {string} how.at  who says in the log that there is another master
 *  @param {string} [how.prefix]  of keys
 *  @param {boolean} [how.hears]  a master that stood still hears of the other as soon as it goes on
 *  @param {import('./webhook.js').Receiver} how.receiver  the site's own server, which the settings name */
export function failovers(site, it, { at, prefix = '', hears = false, receiver }) {
  const logs = () => site.servers[0].read().map(([, text]) => text).join('\n');

  const changed = new RegExp(`^warn at=${at}\\.ask master=.* was=`, 'm');

  /** Relays go on while `harm` is done to the master, until all works on another. */
  async function through(harm) {
    const [master] = await site.server.pair();
    const pairs = await Pair.several(site);
    const before = logs().length;
    const back = await backMs();
    await harm(master);
    let heard = performance.now(); // of the new one, by the first program: not before then
    const hearing = until(() => {
      const now = performance.now();
      if (changed.test(logs().slice(before))) return true;
      heard = now;
      return false;
    }, 'the log to say so', 3 * WAIT_MS);
    await site.server.failover(master);
    const end = performance.now() + back;
    const left = () => Math.max(1, end - performance.now());
    await until(() => pairs.every((pair) => pair.told.length && pair.last.status === 200), 'the relays to go on', left());
    // Whoever is told that all is lost joins again: not before the last program has left the old one.
    await hearing;
    const told = Math.min(...pairs.map((pair) => pair.told[0]));
    assert.ok(told > heard + FRESH_MS, `told ${told - heard} ms after`);
    await until(async () => {
      const stream = await site.peer().try();
      stream.cut();
      return stream.status === 200;
    }, 'a new stream', left());
    await until(async () => (await site.request('GET', '/health/ready')).status === 200, 'health', left());
    await Pair.stop(pairs);
    const [now] = await site.server.pair();
    const log = logs().slice(before);
    assert.match(log, new RegExp(`^warn at=${at}\\.ask master=127\\.0\\.0\\.1:${now.port} was=127\\.0\\.0\\.1:${master.port}$`, 'm'));
    Pair.cut(pairs);
    return { master };
  }

  it('many streams and relays: each program asks at most once a second', async () => {
    const start = performance.now();
    const before = await site.server.asked();
    const pairs = await Promise.all(Array.from({ length: 20 }, () => Pair.start(site)));
    await until(() => pairs.every((pair) => pair.answered.size >= 20), 'twenty relays of each');
    await Promise.all(pairs.map((pair) => pair.stop()));
    const asked = await site.server.asked() - before;
    const seconds = (performance.now() - start) / 1000;
    const programs = 3; // with who sends to the site
    assert.ok(asked > 0 && asked <= programs * (seconds + 1), `${asked} times in ${seconds} s`);
    Pair.cut(pairs);
  });

  it('the master is killed: the streams stay, all works on the new one in time, nothing is lost in silence', async () => {
    // One is between two streams when it happens, and a relay is kept for it.
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    const { master } = await through(async (server) => {
      const replica = site.server.servers.find((one) => one !== server);
      bob.stream.cut();
      await until(async () => !await ann.relay(bob, 'x', 1), 'a relay to be kept');
      // Nobody waits for replication but we, here: then it must be all there.
      const length = (one) => one.ask('XLEN', `${prefix}mailbox:${bob.id}`);
      const kept = await length(server);
      await until(async () => await length(replica) === kept, 'the replica to have it');
      await server.kill();
      assert.deepEqual((await replica.ask('SMEMBERS', `${prefix}channels:${room}`)).sort(), [ann.id, bob.id].sort());
      assert.equal(await length(replica), kept);
    });
    const again = await bob.open({ after: bob.stream.lastEventId });
    assert.equal(again.connected.resumed, false);
    ann.stream.cut();
    again.cut();
    await site.server.restore(master);
  });

  it('it is demoted by a failover that somebody asked for: likewise', async () => {
    await through(() => site.server.fail());
    await site.server.ready();
  });

  it('what the site’s own server has said holds on the next one, it goes on there, and it hears of all', async () => {
    const [room, later] = [randomId('r'), randomId('r')];
    const server = (method, route, body) => site.request(method, `/server${route}`, { token: site.serverToken(), body });
    const heard = (name) => [...new Map(receiver.requests.flatMap(({ body }) => body.events).filter((event) => event.room === name)
      .map(({ id, type, peer, cause }) => [id, [type, peer?.id, cause].filter(Boolean).join(' ')])).values()];
    const [ann, bob] = await site.room(room, 2);
    assert.deepEqual((await server('DELETE', `/rooms/${room}/members/${bob.id}?for=600`)).json, { removed: true });
    assert.deepEqual((await server('POST', `/peers/${ann.id}/disconnect`, { for: 600 })).json, { streams: 1 });
    await ann.stream.end();
    await until(() => heard(room).length === 6, () => `the site to hear of ${room}: ${heard(room)}`, 3 * WAIT_MS);
    assert.deepEqual(heard(room), ['room.occupied', `member.joined ${ann.id}`, `member.joined ${bob.id}`,
      `member.left ${bob.id} removed`, `member.left ${ann.id} removed`, 'room.vacated']);

    await through(() => site.server.fail());
    assert.equal((await bob.ask('POST', `/${room}/join`)).status, 403, 'kept out');
    for (const path of ['/connect', '/ice']) assert.equal((await ann.ask('GET', path)).status, 401, 'revoked');
    const [cid] = await site.room(later, 1);
    assert.deepEqual((await server('GET', `/rooms/${later}`)).json.members.map(({ id }) => id), [cid.id]);
    assert.deepEqual((await server('POST', `/rooms/${later}/events/news`, 1)).json, { peers: 1 });
    const news = await cid.stream.find(({ event }) => event === 'news');
    assert.deepEqual(JSON.parse(news.data), { peer: null, data: 1 });
    await until(() => heard(later).length === 2, () => `the site to hear of ${later}: ${heard(later)}`, 3 * WAIT_MS);
    bob.stream.cut();
    cid.stream.cut();
    await site.server.ready();
  });

  it('it stood still meanwhile, and goes on: nobody believes it any more', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    const [master] = await site.server.pair();
    const back = await backMs();
    master.stall();
    try {
      await site.server.failover(master);
      // No request until then: the connections of signal.fcgi look as good as new.
      for (const peer of [ann, bob]) {
        const event = await peer.stream.find(({ event: name }) => name === 'connected', back);
        assert.equal(JSON.parse(event.data).resumed, false);
      }
    } finally {
      master.goOn();
    }
    if (!hears) assert.equal(await master.isMaster(), true, 'it has not heard of it');
    await meet(ann, bob, room);
    for (const peer of [ann, bob]) peer.stream.cut();
  });
}
