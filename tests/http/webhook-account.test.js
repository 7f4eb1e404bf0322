// The account that a site can keep by webhooks: peers join and leave three sites on one Redis at random, while programs and
// senders are killed; in the end the account of each room is the truth, and no room's order was wrong.
//
//   EVENTS=10000 SEED=n tests/run http:lighttpd/webhook-account
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { dice } from './lib/dice.js';
import { KILLED } from './lib/logs.js';
import { signal } from './lib/processes.js';
import { RedisServer } from './lib/redis-server.js';
import { Site } from './lib/site.js';
import { FULL, GRACE } from './lib/suite.js';
import { LEASE_MS, Receiver } from './lib/webhook.js';
import { pause, until, WAIT_MS } from './lib/wait.js';

const EVENTS = Number(process.env.EVENTS) || 600; // joins and leaves
const SEED = Number(process.env.SEED) || Math.floor(Math.random() * 2 ** 31);
const HOSTS = 3, ROOMS = 12, PEERS = 60, AT_ONCE = 12;
const KILLS = 6;
const SLOW_MS = 60; // at most, for an answer to what was taken
const ALLOWED = [...KILLED, /^Killed$/, /^warn at=webhook\.send /, /^(warn|error) at=redis\./];

if (FULL) describe(`the account of rooms by webhooks (EVENTS=${EVENTS} SEED=${SEED})`, () => {
  const below = dice(SEED);
  const choice = (list) => list[below(list.length)];
  /** @type {Receiver} */ let receiver;
  /** @type {RedisServer} */ let server;
  /** @type {Site} */ let site;

  before(async () => {
    receiver = await Receiver.start({ delay: () => pause(below(SLOW_MS)) });
    server = await RedisServer.start();
    site = await Site.start({ servers: Array(HOSTS).fill(['lighttpd', '/']), redis: server.url,
      settings: { ...receiver.settings, RATE: 0, RATE_BYTES: 0, GRACE } });
  }, { timeout: 15 * WAIT_MS });
  after(async () => {
    await site.abandon();
    await server.remove();
  });

  /** Programs of a host, and the senders of two, so that the one is among them sooner or later. Web servers, and whoever
   *  watches over the senders, start them again. */
  async function kill(host) {
    const [first] = site.servers;
    // Those that were killed last are there again, as others ask for them.
    await until(() => ['signal.fcgi', 'drawbridge'].every((comm) => host.processes(comm).length) && first.processes('drawbridge').length,
      'what is to be killed');
    const killed = [...['signal.fcgi', 'stream.fcgi', 'drawbridge'].flatMap((comm) => host.processes(comm)),
      ...first.processes('drawbridge')];
    for (const pid of killed) signal(pid, 'SIGKILL');
    return killed.length;
  }

  /** Rooms and members, as Redis has them. */
  async function truth() {
    const all = {};
    for (const key of await site.redis('KEYS', 'channels:*')) {
      all[key.slice('channels:'.length)] = (await site.redis('SMEMBERS', key)).sort();
    }
    return all;
  }

  const account = () => Object.fromEntries([...receiver.account.rooms].map(([room, ids]) => [room, [...ids].sort()]));

  it('equals the truth in the end', { timeout: 60 * WAIT_MS + 100 * EVENTS }, async (t) => {
    const peers = Array.from({ length: PEERS }, () => ({ peer: site.peer(), stream: null, rooms: new Set(), busy: false }));
    const rooms = Array.from({ length: ROOMS }, (_, i) => `room${i}`);
    let done = 0, unknown = 0, killed = 0;
    const started = Date.now();

    async function act(one) {
      const { peer } = one;
      const roll = below(100);
      if (roll < 6) { // a stream ends, for good or for a moment, or another begins
        one.stream?.cut();
        one.stream = one.stream ? null : await peer.try().catch(() => null);
        return;
      }
      const leaves = one.rooms.size && (roll < 50 || one.rooms.size > 3);
      const room = leaves ? choice([...one.rooms]) : choice(rooms);
      const { status } = await peer.ask('POST', `/${room}/${leaves ? 'leave' : 'join'}`).catch(() => ({ status: 0 }));
      // Who was killed may have done it.
      if (status !== 200) unknown++;
      else if (leaves) one.rooms.delete(room);
      else one.rooms.add(room);
      done++;
    }

    const killAt = Array.from({ length: KILLS }, (_, i) => Math.floor(EVENTS * (i + 1) / (KILLS + 1)));
    const workers = Array.from({ length: AT_ONCE }, async () => {
      while (done < EVENTS) {
        const free = peers.filter(({ busy }) => !busy);
        const one = choice(free);
        one.busy = true;
        await act(one);
        one.busy = false;
        // The first host goes on, the others are killed again and again.
        if (done >= killAt[0]) {
          killAt.shift();
          killed += await kill(site.servers[1 + killAt.length % (HOSTS - 1)]);
        }
      }
    });
    await Promise.all(workers);
    assert.ok(unknown < EVENTS / 4, `${unknown} of ${EVENTS} were not answered`);

    // All that is under way ends: who has no stream goes, and what is known arrives.
    await until(async () => {
      if (receiver.wrong) throw receiver.wrong;
      return await site.redis('XLEN', 'webhook') === 0 && await site.redis('ZCARD', 'leaving') === 0 &&
        JSON.stringify(Object.entries(account()).sort()) === JSON.stringify(Object.entries(await truth()).sort());
    }, 'the account to be the truth', LEASE_MS + 3 * WAIT_MS + 3000 * GRACE).catch(() => {});
    receiver.check();
    assert.deepEqual(account(), await truth());
    assert.equal(receiver.account.dropped, 0);
    assert.ok(killed >= KILLS * 3, `${killed} processes were killed`);
    const causes = (cause) => receiver.account.events.filter((event) => event.cause === cause).length;
    assert.ok(causes('left') > EVENTS / 10 && causes('gone') > 0, 'there were both');
    t.diagnostic(`${receiver.account.events.length} events in ${receiver.requests.length} requests, ${receiver.account.repeated} of them ` +
      `repeated; ${killed} processes were killed, ${unknown} answers were lost; ${Math.round((Date.now() - started) / 1000)} s`);
  });

  it('nothing unexpected is in any log', async () => {
    const wrong = await site.finish(ALLOWED);
    assert.equal(wrong.length, 0, wrong.slice(0, 20).join('\n'));
  });
});
