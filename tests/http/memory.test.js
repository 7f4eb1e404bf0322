// What streams that came and went leave behind: nothing.
import assert from 'node:assert/strict';
import { isEmptied } from './lib/redis-server.js';
import { FULL, suite } from './lib/suite.js';
import { memory, threadCount } from './lib/usage.js';
import { until } from './lib/wait.js';

const STREAMS = 500, ROUNDS = 16, AT_A_TIME = 16;
const THREAD_KIB = 80; // of a worker of signal.fcgi: its stack, and a connection to Redis
const LEAK_BYTES = 16; // of each stream; what malloc gives is 32 at least

// malloc keeps a little of what is free for each size, until after some ten thousand streams it has
// enough. Without that, what is measured is what is in use.
process.env.GLIBC_TUNABLES = 'glibc.malloc.tcache_count=0:glibc.malloc.mxfast=0';

// Of the other servers the programs are the same, and what Apache keeps is its own affair.
if (FULL) {
  suite('memory', { settings: { PING: 1, GRACE: 1, MAILBOX_TTL: 2 } }, (site, it) => {
    /** Opens streams, each of another peer, and closes them when all are there. */
    async function round() {
      const streams = [];
      const left = Array.from({ length: STREAMS }, () => site.peer()).values();
      await Promise.all(Array.from({ length: AT_A_TIME }, async () => {
        for (const peer of left) streams.push(await peer.open());
      }));
      for (const stream of streams) stream.cut();
      await until(() => isEmptied((...words) => site.redis(...words)), 'all peers to be gone');
      await site.redis('EVAL', 'collectgarbage()', '0'); // Lua there does so now and then
      const roots = [site.servers[0].pid];
      const { web, programs } = memory(roots);
      return { web, programs, redis: await redisKib(), threads: threadCount(roots) };
    }

    /** What Redis uses: its process keeps what is free, more or less of it. */
    async function redisKib() {
      const info = await site.redis('INFO', 'memory');
      const bytes = (field) => Number(new RegExp(`^${field}:(\\d+)`, 'm').exec(info)[1]);
      return (bytes('used_memory') - bytes('mem_clients_normal')) / 1024;
    }

    it('after sixteen times 500 streams as much as after eight times', { memory: true }, async () => {
      const left = [];
      for (let i = 0; i < ROUNDS; i++) left.push(await round());
      // The first ones find out how much is needed at a time. The middle of three, as the web server tidies
      // up now and then.
      const middle = (list) => [...list].sort((a, b) => a - b)[1];
      // A worker is started when all others have something to do: on a busy machine that may be late. One that
      // ends leaves its stack to the next.
      const started = Math.max(0, left.at(-1).threads - left[6].threads);
      const streams = STREAMS * (ROUNDS - 8);
      for (const kind of ['web', 'programs', 'redis']) {
        const kib = left.map((one) => one[kind]);
        const more = middle(kib.slice(-3)) - middle(kib.slice(6, 9)) - started * THREAD_KIB;
        assert.ok(more * 1024 / streams < LEAK_BYTES,
          `${kind}, KiB after each time: ${kib.map(Math.round).join(' ')}; ${started} threads were started`);
      }
    });
  });
}
