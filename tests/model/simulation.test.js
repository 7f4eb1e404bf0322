// simulation.test.js - random courses of the protocol: one of each mode, plain, with second tabs and with
// Node peers. Another seed each time; SEED=… repeats one. A course is as long on a slow machine: its time is
// virtual.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { RedisServer } from '../http/lib/redis-server.js';
import { coursesOfCheck, describe as told, randomSeed, report } from './lib/courses.js';
import { simulate } from './lib/simulation.js';

const seed = Number(process.env.SEED || randomSeed());

describe(`the protocol under random failures (SEED=${seed})`, () => {
  let server;
  before(async () => { server = await RedisServer.start(); });
  after(() => server.remove());

  for (const course of coursesOfCheck(seed)) {
    it(`holds: ${told(course)}`, async (t) => {
      const result = await simulate(server, course);
      t.diagnostic(`${result.events} events, ${JSON.stringify(result.count)}`);
      assert.equal(result.violations.length, 0, report(course, result));
      assert.ok(result.count.messages > 100, 'messages went through');
    });
  }

  it('the same seed is the same course', async () => {
    const course = { seed, mode: 'all', twins: true, node: true };
    const first = await simulate(server, course);
    const second = await simulate(server, course);
    assert.equal(second.digest, first.digest);
    const other = await simulate(server, { ...course, seed: seed + 1 });
    assert.notEqual(other.digest, first.digest);
  });
});
