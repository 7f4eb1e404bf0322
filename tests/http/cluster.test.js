// A Redis Cluster, of which one slot is ours: the node that has it dies, stands still, is demoted, or gives the slot away. It is
// found where it is then, and nothing is lost without a word.
import assert from 'node:assert/strict';
import { failovers, Pair } from './lib/failovers.js';
import { KILLED } from './lib/logs.js';
import { meet } from './lib/peer.js';
import { Cluster } from './lib/redis-cluster.js';
import { FULL, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';
import { Receiver } from './lib/webhook.js';
import { until, WAIT_MS } from './lib/wait.js';

const PING = 1; // seconds
const PASSWORD = 'not-a-secret-of-anybody';
const PREFIX = '{paper}'; // a slot of the first master, near its first

const receiver = await Receiver.start();

if (FULL) suite('cluster', {
  settings: { ...receiver.settings, PING, GRACE: 60, RATE: 0, RATE_BYTES: 0, PREFIX },
  redis: () => Cluster.start(PASSWORD, PREFIX),
  allowed: [
    /^(warn|error) at=(redis|cluster|stream|health|webhook)\.[a-z]+ /,
    ...KILLED,
  ],
}, (site, it) => {
  failovers(site, it, { receiver, at: 'cluster', prefix: PREFIX, hears: true });

  /** Relays go on while the slot is moved to another node, and it is as if nothing was.
   *  @param {(pairs: Pair[]) => Promise<void>} move */
  async function through(t, move) {
    // One is between two streams meanwhile, and a relay is kept for it.
    const [ann, bob] = await site.room(randomId('r'), 2);
    bob.stream.cut();
    await until(async () => !await ann.relay(bob, 'x', 1), 'a relay to be kept');
    // Another is repeated all the while.
    const key = randomId('k');
    let isOver = false;
    const repeating = (async () => {
      for (let status = 0; !isOver || status !== 202;) {
        ({ status } = await ann.ask('POST', `/relay/${bob.id}/y`, '1', { 'Idempotency-Key': key }));
      }
    })();
    const pairs = await Pair.several(site);
    await move(pairs);
    await Pair.stop(pairs);
    isOver = true;
    await repeating;
    assert.deepEqual(pairs.flatMap((pair) => pair.told), [], 'nobody begins anew');
    assert.equal(pairs.some(({ statuses }) => statuses.has(404)), false, 'all stay in their rooms');
    t.diagnostic(`the longest time without a message: ${Math.max(...pairs.map((pair) => pair.stall)).toFixed()} ms`);
    const again = await bob.open({ after: bob.stream.lastEventId });
    assert.equal(again.connected.resumed, true);
    const heard = [];
    await ann.relay(bob, 'mark', 1);
    await again.find(({ event }) => heard.push(event) && event === 'mark');
    assert.deepEqual([...new Set(heard)], ['x', 'y', 'mark']);
    assert.equal(heard.filter((event) => event === 'y').length, 1);
    ann.stream.cut();
    again.cut();
    Pair.cut(pairs);
  }

  it('its slot is moved, with all that it holds, and that takes longer than a request waits', async (t) => {
    const { server } = site;
    const [from] = await server.pair();
    const [to] = server.others;
    await through(t, (pairs) => server.move(from, to, async () => {
      await until(() => pairs.every((pair) => pair.unknown.size > 0), 'each to be refused', 2 * WAIT_MS);
      // Not at once: a script is asked for again and again.
      const scripts = await server.unsettled(from);
      const requests = pairs.reduce((sum, { unknown }) => sum + unknown.size, 0);
      assert.ok(scripts > 2 * requests, // 50 of each, where there is time for them
        `${scripts} scripts refused, ${requests} requests`);
    }));
  });

  it('redis-cli moves it back: likewise', async (t) => {
    const { server } = site;
    const [from] = server.others;
    const [first, second] = server.servers;
    const to = await first.isMaster() ? first : second;
    await through(t, () => server.reshard(from, to));
  });

  it('an empty slot is given to another node: MOVED is followed at once, and nobody is refused', async () => {
    const { server } = site;
    const [master] = await server.pair();
    const [to] = server.others;
    const ann = site.peer();
    const statuses = new Set();
    let asked = 0, isOver = false;
    // Nobody shares a room with ann, so it leaves no key.
    const asking = (async () => {
      for (; !isOver; asked++) statuses.add((await ann.ask('POST', '/relay/nobody/x', '1')).status);
    })();
    try {
      await until(() => asked > 0, 'a request');
      const give = ['CLUSTER', 'SETSLOT', server.slot, 'NODE', await to.ask('CLUSTER', 'MYID')];
      await to.ask(...give);
      // In one step: what hosts report, and who sends to the site, are keys at any time.
      const redis = await master.connect();
      for (const words of [['MULTI'], ['FLUSHALL'], give]) await redis.ask(...words);
      assert.deepEqual(await redis.ask('EXEC'), ['OK', 'OK']);
      redis.close();
      const before = asked;
      await until(() => asked > before + 10, 'ten requests more');
    } finally {
      isOver = true;
      await asking;
    }
    assert.deepEqual([...statuses], [404]);
    const bob = site.peer();
    for (const peer of [ann, bob]) peer.stream = await peer.open();
    await meet(ann, bob, randomId('r'));
  });
});
