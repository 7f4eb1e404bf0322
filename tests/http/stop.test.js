// SIGTERM: open streams end properly, and the program is gone within a second.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { KILLED } from './lib/logs.js';
import { stepsNow } from './lib/pace.js';
import { isRelayed } from './lib/peer.js';
import { isAlive, signal } from './lib/processes.js';
import { RedisServer } from './lib/redis-server.js';
import { SERVER, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';
import { until } from './lib/wait.js';

const stopMs = async () => 1_000 + await stepsNow(4);

// lighttpd, of the programs that were stopped under it.
const STOPPED = [...KILLED, /gw_backend\.c\.\d+\) child exited: 0/];

// Behind the proxy nobody would start the programs again.
if (SERVER === 'lighttpd' || SERVER === 'apache') {
  suite('stop', { allowed: STOPPED }, (site, it) => {
    it('streams end whole, their program goes at once, and clients resume at the next', async () => {
      const room = randomId('r');
      const [ann, bob] = await site.room(room, 2);
      const pids = site.processes('stream.fcgi');
      assert.ok(pids.length > 0);
      const most = await stopMs();
      const start = performance.now();
      for (const pid of pids) signal(pid, 'SIGTERM');
      await until(() => !pids.some(isAlive), 'stream.fcgi to be gone', most);
      for (const { stream } of [ann, bob]) assert.equal(await stream.end(), 'end');
      const ms = performance.now() - start;
      assert.ok(ms < most, `${ms} ms`);
      for (const peer of [ann, bob]) {
        peer.stream = await until(async () => {
          const stream = await peer.try({ after: peer.stream.lastEventId });
          if (stream.status === 200) return stream;
          stream.cut();
          return null;
        }, 'a stream at the next process');
        assert.equal(JSON.parse((await peer.stream.next()).data).resumed, true);
      }
      assert.equal(await ann.relay(bob, 'x', 1), true);
      isRelayed(await bob.stream.next(), ann, 'x', 1);
    });

    it('signal.fcgi goes at once too, and the next answers', async () => {
      await site.request('GET', '/health/live');
      const pids = site.processes('signal.fcgi');
      assert.ok(pids.length > 0);
      const most = await stopMs();
      for (const pid of pids) signal(pid, 'SIGTERM');
      await until(() => !pids.some(isAlive), 'signal.fcgi to be gone', most);
      await until(async () => (await site.request('GET', '/health/live').catch(() => null))?.status === 200, 'the next to answer');
    });

    it('and all of it, with streams open, within 2 s', async () => {
      await site.room(randomId('r'), 2); // the last test stops it all
    });
  });
}

// There one process holds all streams, and opens them.
if (SERVER === 'lighttpd') {
  suite('stop, while Redis stands still', {
    redis: () => RedisServer.start(),
    allowed: [...STOPPED, /^(warn|error) at=(redis|store|stream)\./],
  }, (site, it) => {
    it('stream.fcgi does not wait for a stream that it is opening', async () => {
      const ann = await site.peer().open();
      const [pid] = site.processes('stream.fcgi');
      const descriptors = () => readdirSync(`/proc/${pid}/fd`).length;
      const before = descriptors();
      const most = await stopMs();
      site.server.stall();
      const opening = site.peer().try();
      try {
        await until(() => descriptors() > before, 'its request');
        signal(pid, 'SIGTERM');
        await until(() => !isAlive(pid), 'stream.fcgi to be gone', most);
        assert.equal(await ann.end(), 'end');
        // It would have been answered 503 after a second: who ended is lighttpd's to tell.
        assert.equal((await opening).status, 500);
      } finally {
        site.server.goOn();
        (await opening).cut();
      }
    });
  });
}
