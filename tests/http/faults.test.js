// Programs that are killed: what was answered is not lost, and who does not return is told.
import assert from 'node:assert/strict';
import { afterEach } from 'node:test';
import { KILLED } from './lib/logs.js';
import { seconds, steps } from './lib/pace.js';
import { isRelayed, isRemoved } from './lib/peer.js';
import { isAlive, signal } from './lib/processes.js';
import { RedisServer } from './lib/redis-server.js';
import { Server } from './lib/server.js';
import { FULL, OUTSIDE, SERVER, suite } from './lib/suite.js';
import { Talk } from './lib/talk.js';
import { randomId } from './lib/tokens.js';
import { until } from './lib/wait.js';

// Seconds. A client waits up to 3 before it returns, and the web servers a second before
// they start what was killed; who is gone is noticed by one who is back.
const STREAMS = FULL ? 200 : 16;
const BACK_A_STEP = 8; // of clients, all of which are of one process, and return at once
const PING = 2, GRACE = seconds(5, 10 + STREAMS / BACK_A_STEP);
const GHOST_MS = (GRACE + 3 * PING) * 1000 + steps(4);

if (!OUTSIDE) {
  suite('kill', {
    settings: { PING, GRACE, RATE: 0, RATE_BYTES: 0, ROOM_PEERS: 256 },
    redis: () => RedisServer.start(),
    allowed: KILLED,
  }, (site, it) => {
    afterEach(() => Talk.end());

    it(`kill -9 with ${STREAMS} streams and relays going on: none lost, none twice, nobody gone but who is`, async () => {
      const talk = await Talk.start(site, randomId('r'), STREAMS);
      await talk.enough(3);
      const killed = [...site.processes('stream.fcgi'), ...site.processes('signal.fcgi')];
      assert.ok(killed.length >= 2);
      const at = performance.now();
      for (const pid of killed) signal(pid, 'SIGKILL');
      await until(() => !killed.some(isAlive), 'them to die');

      // Ten go for good, for whom nothing was said yet; the others return by themselves.
      const staying = await talk.leave(10);
      await until(() => staying.every((one) => one.isBack), 'all to be back');
      await until(() => talk.ghosts().length === 0, () => `${talk.ghosts().length} to hear of those who are gone`, at + GHOST_MS - performance.now());
      await talk.enough(10);
      await talk.verdict();
    });

    it('killed between two relays: the next passes', async () => {
      const [ann, bob] = await site.room(randomId('r'), 2);
      for (let i = 0; i < 3; i++) {
        const pids = site.processes('signal.fcgi');
        for (const pid of pids) signal(pid, 'SIGKILL');
        await until(() => !pids.some(isAlive), 'it to die');
        await until(async () => {
          const answer = await ann.ask('POST', `/relay/${bob.id}/n`, String(i)).catch(() => null);
          return answer?.status === 200;
        }, 'a relay to pass');
        isRelayed(await bob.stream.find((event) => JSON.parse(event.data).data === i), ann, 'n', i);
      }
    });

    it('one host dies with its peers: those of the other are told, once', async () => {
      const [here] = site.servers;
      const there = await Server.start({ kind: SERVER, mount: '/', redis: site.server.url, settings: site.settings });
      site.servers.push(there); // and is ended with it
      const room = randomId('r');
      const watcher = site.peer();
      watcher.stream = await watcher.open({ base: there.base });
      await watcher.join(room);
      const gone = new Map();
      for (let i = 0; i < 3; i++) {
        const peer = site.peer({ username: `gone${i}` });
        await peer.open({ base: here.base });
        await peer.join(room);
        await watcher.stream.next();
        gone.set(peer.id, peer);
      }
      const at = performance.now();
      for (const pid of here.processes('stream.fcgi')) signal(pid, 'SIGKILL');
      while (gone.size) {
        const event = await watcher.stream.next(at + GHOST_MS - performance.now());
        const { id } = JSON.parse(event.data).peer;
        isRemoved(event, gone.get(id), room);
        gone.delete(id);
      }
      assert.deepEqual(await watcher.others(room), []);
    });

    it('all killed, and nobody returns: nothing that they left stays for ever', async () => {
      const room = randomId('r');
      const [ann, bob] = await site.room(room, 2);
      await ann.relay(bob, 'x', 1);
      const pids = [...site.processes('stream.fcgi'), ...site.processes('signal.fcgi')];
      for (const pid of pids) signal(pid, 'SIGKILL');
      await until(() => !pids.some(isAlive), 'all to die');
      await Promise.all([ann, bob].map(({ stream }) => stream.end()));
      const keys = await site.server.ask('KEYS', '*');
      assert.ok(keys.includes(`channels:${room}`) && keys.includes(`mailbox:${bob.id}`), `${keys}`);
      for (const key of keys) {
        const left = await site.server.ask('PTTL', key);
        assert.ok(left === -2 || (left > 0 && left <= 2 * 86_400_000), `${key}: ${left} ms`);
        // The two days, made short.
        await site.server.ask('PEXPIRE', key, Math.ceil(left / 172_800));
      }
      await until(async () => (await site.server.ask('DBSIZE')) === 0, 'the keys to be gone');
    });
  });
}
