// Who asks and asks: what is refused costs a line of the log a second, and what is asked of Redis for it is bounded.
import assert from 'node:assert/strict';
import { refused } from './lib/http.js';
import { steps } from './lib/pace.js';
import { RedisServer } from './lib/redis-server.js';
import { FULL, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';
import { timed, until } from './lib/wait.js';

suite('flood', { settings: { RATE: 0 } }, (site, it) => {
  const many = (count, ask) => timed(() => Promise.all(Array.from({ length: count }, (_, i) => ask(i))));

  /** How many times something may have happened that each process does once a second. */
  const most = (ms, program) => (Math.floor(ms / 1000) + 1) * Math.max(1, site.processes(program).length);

  const refusals = (error) => site.servers[0].read().flatMap(([, text]) => text.split('\n'))
    .filter((line) => line.includes(`at=http.refuse `) && line.includes(` error=${error} `));

  it('a kind of refusal is logged once a second and address, with how many were not', async () => {
    const before = refusals('no-token').length;
    const { ms } = await many(600, async () => refused(await site.request('POST', '/room/join'), 401));
    const lines = refusals('no-token').slice(before);
    assert.ok(lines.length >= 1 && lines.length <= most(ms, 'signal.fcgi'), `${lines.length} lines in ${Math.round(ms)} ms`);
    // Another kind is not hidden by it.
    refused(await site.request('POST', '/room/join', { token: 'x' }), 401);
    assert.equal(refusals('token').length, 1);
    if (site.processes('signal.fcgi').length !== 1) return;
    // The next line tells of those that were not logged: none is lost.
    let asked = 600;
    const told = () => refusals('no-token').slice(before)
      .reduce((sum, line) => sum + 1 + Number(/ not_logged=(\d+)$/.exec(line)?.[1] ?? 0), 0);
    await until(async () => {
      refused(await site.request('POST', '/room/join'), 401);
      asked++;
      return told() === asked;
    }, () => `${asked} refusals to be told of: ${told()}`);
  });

  it('/health/ready asks Redis once a second, however many ask', async () => {
    const published = async () => Number(/cmdstat_publish:calls=(\d+)/.exec(await site.redis('INFO', 'commandstats'))?.[1] ?? 0);
    const before = await published();
    const { ms } = await many(300, async () => {
      assert.equal((await site.request('GET', '/health/ready')).status, 200);
    });
    const count = await published() - before;
    assert.ok(count <= most(ms, 'signal.fcgi'), `${count} in ${Math.round(ms)} ms`);
  });
});

if (FULL) {
  suite('flood without Redis', {
    redis: () => RedisServer.start(), allowed: [/^(warn|error) at=(redis|store|signal|stream|beat|health)\.[a-z]+ /],
  }, (site, it) => {
    it('/health/ready is 503 in time for all who ask, and 200 within a second after Redis is back', async () => {
      const ask = () => site.request('GET', '/health/ready');
      await until(async () => (await ask()).status === 200, 'it to be ready');
      for (const [away, back] of [['stall', 'goOn'], ['kill', 'start']]) {
        await site.server[away]();
        await until(async () => (await ask()).status === 503, 'it to be noticed', 4_000 + steps(20));
        const { ms } = await timed(() => Promise.all(Array.from({ length: 100 }, async () => {
          const one = await timed(() => ask());
          refused(one.value, 503, away);
          assert.ok(one.ms < 2_100 + steps(20), `${away}: after ${one.ms} ms`);
        })));
        assert.ok(ms < 4_000 + steps(20), `${away}: the last after ${ms} ms`);
        await site.server[back]();
        await until(async () => (await ask()).status === 200, `${back}: it to be ready`, 1_000 + steps(20));
      }
      const room = randomId('r');
      assert.deepEqual(await site.peer().join(room), []);
    });
  });
}
