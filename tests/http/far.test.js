// A Redis that is some milliseconds away: how many round trips each thing takes, one after another, and that what is late is not lost.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { command } from './lib/command.js';
import { BUILD, Far, noFar } from './lib/far.js';
import { KILLED } from './lib/logs.js';
import { Redis } from './lib/resp.js';
import { FULL, suite } from './lib/suite.js';
import { Talk } from './lib/talk.js';
import { randomId, randomSecret } from './lib/tokens.js';
import { BEAT, MS as TRIP_MS, ROWS, SETTINGS, trips } from './lib/trips.js';
import { pause, timed, until, WAIT_MS } from './lib/wait.js';

const JUMP_MS = 5_000;
const PASSWORD = 'not-a-secret-of-anybody';

if (FULL) {
  describe('a Redis that is far', { skip: noFar }, () => {
    const MS = 150;
    /** @type {Far} */ let far;
    const all = [];
    const open = async () => {
      const redis = await Redis.open(far.url); // AUTH, too
      all.push(redis);
      return redis;
    };
    before(async () => { far = await Far.start({ ms: MS, password: PASSWORD }); });
    after(async () => {
      for (const redis of all) redis.close();
      await far.remove();
    });

    it('answers after twice the delay, a connection after that of its handshake; the delay can be changed', async () => {
      const { value: redis, ms } = await timed(() => open());
      assert.ok(ms >= 4 * MS, `opened in ${ms} ms`);
      const ping = async () => (await timed(() => redis.ask('PING'))).ms;
      assert.ok(await ping() >= 2 * MS);
      await far.delay(1);
      await until(async () => await ping() < 2 * MS, 'an answer that comes sooner');
      await far.delay(MS);
      assert.ok(await ping() >= 2 * MS);
    });

    it('is measured by drawbridge check, which says what to expect; one that is too far is a warning', async () => {
      const settings = { CONF: '/nowhere', SECRET: randomSecret(), REDIS_URL: far.url };
      const FAR = 110; // two round trips of it are well within the time to connect
      await far.delay(FAR);
      const check = () => command(path.join(BUILD, 'drawbridge'), ['check'], settings);
      const { out } = await check();
      const [, ms, one, two] = /^Redis answers after ([\d.]+) ms: a relay or a join takes at least ([\d.]+) ms, a stream ([\d.]+) ms to open$/m.exec(out) ?? [out];
      assert.ok(Number(ms) >= 2 * FAR, out);
      assert.equal(one, ms);
      assert.ok(Math.abs(Number(two) - 2 * Number(ms)) < 0.2, out); // both are rounded
      assert.match(out, /^warning: DRAWBRIDGE_REDIS_URL: Redis is \d+ ms away: /m);
      await far.delay(1);
      assert.doesNotMatch((await check()).out, /^warning/m);
      await far.delay(MS);
    });

    it('lets none wait for another: many connections and commands side by side take what one takes', async () => {
      const MANY = 20;
      const { ms } = await timed(() => Promise.all(Array.from({ length: MANY }, async () => {
        const redis = await open();
        await Promise.all(Array.from({ length: MANY }, () => redis.ask('PING')));
      })));
      assert.ok(ms >= 6 * MS && ms < 6 * MS * MANY / 2, `${ms} ms`);
    });

    it('loses nothing and keeps the order while the delay jumps', async () => {
      const [one, other] = [await open(), await open()];
      const heard = await other.subscribe('numbers');
      const sent = [];
      for (const ms of [1, MS, 1, 10, MS, 1]) {
        await far.delay(ms);
        for (let i = 0; i < 50; i++) sent.push(one.ask('PUBLISH', 'numbers', sent.length));
      }
      const receivers = await Promise.all(sent);
      await other.ask('SUBSCRIBE', 'a last word');
      assert.deepEqual(receivers, sent.map(() => 1));
      assert.deepEqual(heard.map(Number), [...sent.keys()]);
      assert.equal((await far.delay(MS)).dropped, 0);
    });

    it('counts round trips in a row, not those side by side', async () => {
      const counted = async (run) => {
        await far.quiet(4 * MS);
        await far.reset();
        const result = await run();
        const { trips, asks, connections } = await far.count();
        return { result, counts: { trips, asks, connections } };
      };
      const { result: a, counts } = await counted(open);
      assert.deepEqual(counts, { trips: 2, asks: 2, connections: 1 }, 'a handshake and AUTH');
      const { result: [b, c], counts: two } = await counted(() => Promise.all([open(), open()]));
      assert.deepEqual(two, { trips: 2, asks: 4, connections: 2 }, 'two of them');
      for (const [why, run, expected] of /** @type {[string, () => Promise<unknown>, object][]} */ ([
        ['side by side', () => Promise.all([a.ask('PING'), b.ask('PING')]), { trips: 1, asks: 2, connections: 0 }],
        ['each after the answer of another', async () => { for (const one of [a, b, c]) await one.ask('PING'); },
          { trips: 3, asks: 3, connections: 0 }],
        ['a subscription', () => a.subscribe('channel'), { trips: 1, asks: 1, connections: 0 }],
        ['a message to it', () => b.ask('PUBLISH', 'channel', 'x'), { trips: 1, asks: 1, connections: 0 }],
      ])) {
        assert.deepEqual((await counted(run)).counts, expected, why);
      }
    });
  });

  const redis = () => Far.start({ ms: TRIP_MS, password: PASSWORD });

  suite('round trips to Redis', { settings: SETTINGS, redis, skip: noFar, allowed: KILLED, timeout: 10 * WAIT_MS }, (site, it) => {
    for (const row of ROWS) {
      it(`${row.what}: ${Object.entries(row.most).map(([how, most]) => `${how} ${most}`).join(', ')} at most`, async () => {
        for (const [how, most] of Object.entries(row.most)) {
          const counts = await trips(site, site.server, row, /** @type {import('./lib/trips.js').How} */ (how), most);
          assert.ok(counts.trips <= most, `${how}: ${JSON.stringify(counts)}`);
        }
      });
    }
  });

  suite('round trips of those who stay', { settings: { PING: 1, GRACE: 60 }, redis, skip: noFar }, (site, it) => {
    it(`${BEAT.what} takes one`, async () => {
      assert.equal((await trips(site, site.server, BEAT, 'warm', 1)).trips, 1);
    });
  });

  suite('a Redis whose distance jumps', {
    settings: { PING: 2, RATE: 0, RATE_BYTES: 0 }, redis: () => Far.start({ ms: 1, password: PASSWORD }), skip: noFar,
    allowed: [/^warn at=redis\.[a-z]+ redis=late ms=\d+$/],
  }, (site, it) => {
    afterEach(() => Talk.end());

    it('1 ms, 200 for five seconds, 1: nobody leaves, nobody is told resumed:false, nothing is lost', async () => {
      const talk = await Talk.start(site, randomId('r'), 20);
      await talk.enough(3);
      await site.server.delay(200);
      const late = site.peer();
      await late.open(); // it takes long, and works
      await pause(JUMP_MS);
      await site.server.delay(1);
      await talk.enough(5);
      assert.deepEqual(talk.failures, []);
      assert.equal((await site.server.count()).dropped, 0);
      await talk.verdict();
    });
  });
}
