// simulation.test.js - random courses of the protocol: one of each mode, plain, with second tabs and with
// Node peers. Another seed each time; SEED=… repeats one. A course is as long on a slow machine: its time is
// virtual.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { RedisServer } from '../http/lib/redis-server.js';
import { Thread } from '../http/lib/thread.js';
import { coursesOfCheck, describe as told, randomSeed, report } from './lib/courses.js';

const seed = Number(process.env.SEED || randomSeed());

describe(`the protocol under random failures (SEED=${seed})`, () => {
  let server;
  let player;
  const digests = new Map(); // of each course in words
  before(async () => {
    server = await RedisServer.start();
    player = new Thread(new URL('lib/player.js', import.meta.url), { local: server.local });
  });
  after(async () => {
    await player.end();
    await server.remove();
  });

  async function play(course) {
    const result = await player.ask(course);
    digests.set(told(course), result.digest);
    return result;
  }

  for (const course of coursesOfCheck(seed)) {
    it(`holds: ${told(course)}`, async (t) => {
      const result = await play(course);
      t.diagnostic(`${result.events} events, ${JSON.stringify(result.count)}`);
      assert.equal(result.violations.length, 0, report(course, result));
      assert.ok(result.count.messages > 100, 'messages went through');
      assert.ok(result.count.events > 20, 'the site heard of rooms');
    });
  }

  it('the same seed is the same course', async () => {
    const course = { seed, mode: 'all', twins: true, node: true };
    // It was played above, unless other tests were chosen.
    const first = digests.get(told(course)) ?? (await play(course)).digest;
    const second = await play(course);
    assert.equal(second.digest, first);
    const other = await play({ ...course, seed: seed + 1 });
    assert.notEqual(other.digest, first);
  });
});
