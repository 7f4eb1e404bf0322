// Connections that break: to Redis, again and again; and to a client that is not heard of again.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { afterEach } from 'node:test';
import { Network, unprivileged } from '../http/lib/netns.js';
import { seconds, steps } from '../http/lib/pace.js';
import { isRemoved } from '../http/lib/peer.js';
import { RedisServer } from '../http/lib/redis-server.js';
import { Redis } from '../http/lib/resp.js';
import { FULL, suite } from '../http/lib/suite.js';
import { Talk } from '../http/lib/talk.js';
import { randomId } from '../http/lib/tokens.js';
import { pause, until } from '../http/lib/wait.js';
import { ROUNDS } from './lib/rounds.js';

const KILLS = 200 * ROUNDS;
const TALKING = 16;

suite('connections to Redis', {
  settings: { PING: 2, GRACE: seconds(5, 10), RATE: 0, RATE_BYTES: 0 },
  redis: () => RedisServer.start(),
  allowed: [/^(warn|error) at=(redis|store|signal|stream|beat|health)\.[a-z]+ /],
}, (site, it) => {
  afterEach(() => Talk.end());

  it(`${KILLS} of them killed at random: none lost, none twice, nobody gone, and refused is only what was under way`, async () => {
    const talk = await Talk.start(site, randomId('r'), TALKING, 50);
    const redis = await Redis.open(site.server.url);
    const own = String(await redis.ask('CLIENT', 'ID'));
    for (let killed = 0; killed < KILLS;) {
      const ids = [...(await redis.ask('CLIENT', 'LIST')).matchAll(/^id=(\d+)/gm)].map(([, id]) => id).filter((id) => id !== own);
      const id = ids[Math.floor(Math.random() * ids.length)];
      if (id) killed += await redis.ask('CLIENT', 'KILL', 'ID', id);
      await pause(20);
    }
    redis.close();
    await talk.enough(5);
    assert.deepEqual(talk.followers.map((one) => one.breaks), Array(TALKING).fill(0), 'each stream went on');
    const refused = talk.unknown.reduce((sum, list) => sum + list.size, 0);
    const passed = talk.answered.reduce((sum, list) => sum + list.length, 0);
    await talk.verdict();
    // Each peer has one relay under way at a time: those go with their connection, and no others.
    const closed = site.servers[0].read().reduce((sum, [, text]) => sum + text.split('at=redis.ask redis=closed').length - 1, 0);
    assert.ok(refused <= TALKING * closed, `${refused} of ${refused + passed} relays were refused, for ${closed} connections`);
  });
});

const PING = 1, GRACE = 2;

/** How long the kernel sends again before it gives up: the least and the most, in ms. The pause
 *  doubles from 200 ms to two minutes; the one that ends above the bound is the last. */
function givesUp(retries) {
  let [pauseMs, bound] = [200, 0];
  for (let i = 0; i <= retries; i++, pauseMs = Math.min(2 * pauseMs, 120_000)) bound += pauseMs;
  return [bound, bound + pauseMs];
}

// The kernel's doing more than a web server's.
if (FULL || ROUNDS > 1) {
  suite('clients', {
    settings: { PING, GRACE },
    network: () => new Network(),
    skip: unprivileged,
  }, (site, it) => {
    let curl;
    afterEach(() => { curl?.kill(); });

    /** A peer in the room whose stream is at the client. */
    async function far(room) {
      const peer = site.peer({ username: 'far' });
      const [command, ...args] = [...site.network.client, 'curl', '-sN', site.url(`/connect?token=${peer.token}`).href];
      curl = spawn(command, args, { stdio: ['ignore', 'pipe', 'inherit'] });
      let got = '';
      curl.stdout.on('data', (text) => { got += text; });
      await until(() => got.includes('event: connected'), 'the far stream');
      await peer.join(room);
      return { peer, hears: () => got };
    }

    for (const retries of ROUNDS > 1 ? [2, 4] : [2]) {
      it(`one vanishes without a word: the others are told when TCP gives up (tcp_retries2 = ${retries})`, async () => {
        site.network.set('net.ipv4.tcp_retries2', retries);
        const room = randomId('r');
        const [ann] = await site.room(room, 1);
        const { peer } = await far(room);
        await ann.stream.next();
        const start = performance.now();
        site.network.vanish();
        try {
          const [least, most] = givesUp(retries);
          const event = await ann.stream.next(most + (GRACE + 3 * PING) * 1_000 + steps(4));
          const ms = performance.now() - start;
          isRemoved(event, peer, room);
          assert.ok(ms > least + GRACE * 1_000, `${ms} ms: TCP alone takes ${least}`);
        } finally {
          site.network.appear();
        }
      });
    }

    it('one that was away for a moment has missed nothing, and nobody has noticed', async () => {
      site.network.set('net.ipv4.tcp_retries2', 15);
      const room = randomId('r');
      const [ann] = await site.room(room, 1);
      const { peer, hears } = await far(room);
      await ann.stream.next();
      site.network.vanish();
      await ann.stream.ping(GRACE + 3 * PING);
      for (let i = 0; i < 10; i++) assert.equal(await ann.relay(peer, 'n', i), true);
      site.network.appear();
      await until(() => hears().includes('"data":9}'), 'what was sent meanwhile');
      assert.deepEqual([...hears().matchAll(/"data":(\d)}/g)].map(([, n]) => n), [...'0123456789']);
      assert.deepEqual(await ann.others(room), [peer.id]);
      assert.equal(ann.stream.events.filter((event) => event.event === 'remove-peer').length, 0);
    });
  });
}
