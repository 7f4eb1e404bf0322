// Connections that break: to Redis, again and again; and to a client that is not heard of again.
import assert from 'node:assert/strict';
import { afterEach } from 'node:test';
import { RedisServer } from './lib/redis-server.js';
import { Redis } from './lib/resp.js';
import { FULL, suite } from './lib/suite.js';
import { Talk } from './lib/talk.js';
import { randomId } from './lib/tokens.js';
import { pause } from './lib/wait.js';

const KILLS = FULL ? 1_000 : 200;

suite('connections to Redis', {
  settings: { PING: 2, GRACE: 5, RATE: 0, RATE_BYTES: 0 },
  redis: () => RedisServer.start(),
  allowed: [/^(warn|error) at=(redis|store|signal|stream|beat|health)\.[a-z]+ /],
}, (site, it) => {
  afterEach(() => Talk.end());

  it(`${KILLS} of them killed at random: none lost, none twice, nobody gone, and few are refused`, async () => {
    const talk = await Talk.start(site, randomId('r'), 16, 50);
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
    assert.deepEqual(talk.followers.map((one) => one.breaks), Array(16).fill(0), 'each stream went on');
    const refused = talk.unknown.reduce((sum, list) => sum + list.size, 0);
    const passed = talk.answered.reduce((sum, list) => sum + list.length, 0);
    await talk.verdict();
    assert.ok(refused < KILLS / 10, `${refused} of ${refused + passed} relays were refused`);
  });
});
