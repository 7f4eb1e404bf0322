// Redis by the name of its host: what is not resolved in time is refused in time, and each of its addresses is tried.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { command } from './lib/command.js';
import { Names } from './lib/names.js';
import { refused } from './lib/http.js';
import { unprivileged } from './lib/netns.js';
import { steps } from './lib/pace.js';
import { RedisServer } from './lib/redis-server.js';
import { Site } from './lib/site.js';
import { FULL } from './lib/suite.js';
import { randomSecret } from './lib/tokens.js';
import { timed, until, WAIT_MS } from './lib/wait.js';

const SIGNAL = path.join(path.resolve(process.env.BUILD || fileURLToPath(new URL('../../.build', import.meta.url))), 'signal.fcgi');
const SHM = `drawbridge.names.${process.pid}`;

const LOCAL = '127.0.0.1 localhost\n::1 localhost\n';

if (FULL) {
  describe('the name of a host', { skip: unprivileged, timeout: 6 * WAIT_MS }, () => {
    /** @type {RedisServer} */ let redis;
    /** @type {Names} */ let names;
    /** Where ::1 alone leads to Redis. @type {net.Server} */ let six;

    before(async () => {
      redis = await RedisServer.start();
      six = net.createServer((client) => {
        const server = net.connect(redis.port, '127.0.0.1');
        client.pipe(server).pipe(client);
        for (const [one, other] of [[client, server], [server, client]]) one.on('error', () => other.destroy());
      });
      await new Promise((resolve) => { six.listen(0, '::1', () => resolve(undefined)); });
      names = await Names.start(LOCAL);
    });

    after(async () => {
      names?.remove();
      six?.close();
      await redis?.remove();
      rmSync(path.join('/dev/shm', SHM), { force: true });
    });

    /** What a process of its own, which knows no name yet, says of this Redis. */
    const ready = (url) => command(names.within[0], [...names.within.slice(1),
      'env', 'REQUEST_METHOD=GET', 'REQUEST_URI=/health/ready', SIGNAL],
    { CONF: '/nowhere', SECRET: randomSecret(), SHM, REDIS_URL: url });

    for (const [what, url, why] of /** @type {[string, string, RegExp][]} */ ([
      ['Redis', 'redis://redis.test', /^warn at=redis\.connect redis=lost why=redis\.test: no name server has answered in time$/m],
      ['a Sentinel', 'redis+sentinel://redis.test/draw', /^warn at=sentinel\.ask sentinel=lost why=redis\.test:26379 no name server has answered in time$/m],
    ])) {
      it(`of ${what}, which no name server tells: 503 in time, and the log says why`, async () => {
        const { value: { out, err }, ms } = await timed(() => ready(url));
        assert.match(out, /^Status: 503 /);
        assert.match(err, why);
        assert.ok(ms < 2_000 + steps(4), `after ${ms} ms`);
      });
    }

    it('that is localhost, where ::1 alone listens', async () => {
      const { port } = /** @type {net.AddressInfo} */ (six.address());
      const { out, err } = await ready(`redis://localhost:${port}`);
      assert.match(out, /^Status: 200 /, err);
    });

    it('that is not told: who waits for it does not hold up others', async () => {
      const patient = await Names.start(`${LOCAL}127.0.0.1 redis.test\n`, 'options timeout:1 attempts:1');
      const site = await Site.start({ servers: [['lighttpd', '/']], redis: `redis://redis.test:${redis.port}`, within: patient.within });
      try {
        patient.hosts = LOCAL; // the programs have not asked yet
        const { token } = site.peer();
        await until(async () => {
          let waits = true, beside = 0;
          const relay = site.request('POST', '/relay/bob/x', { token, body: '1' }).finally(() => { waits = false; });
          // Several at a time, as the wait has an end on each machine.
          await Promise.all(Array.from({ length: 4 }, async () => {
            while (waits) {
              assert.equal((await site.request('GET', '/health/live')).status, 200);
              beside += Number(waits);
            }
          }));
          refused(await relay, 503);
          return beside >= 9; // the first of each may come before the relay
        }, 'requests that are answered while another one waits');
        patient.hosts = `${LOCAL}127.0.0.1 redis.test\n`;
        await until(async () => (await site.request('POST', '/relay/bob/x', { token, body: '1' })).status === 404, 'Redis to be found');
        assert.deepEqual(await site.finish([/^warn at=redis\.connect redis=lost why=redis\.test: /]), []);
      } finally {
        await site.abandon();
        patient.remove();
      }
    });

    it('of which no address answers: the log says what the last one did', async () => {
      const { out, err } = await ready('redis://localhost:1');
      assert.match(out, /^Status: 503 /);
      assert.match(err, /redis=lost why=Connection refused$/m);
    });
  });
}
