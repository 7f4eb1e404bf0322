// What a full mailbox costs when its peer comes back: little, whoever comes, however often, and however slowly it reads.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { refused } from './lib/http.js';
import { isRelayed } from './lib/peer.js';
import { signal } from './lib/processes.js';
import { timeScripts } from './lib/script-time.js';
import { FULL, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';
import { memory } from './lib/usage.js';
import { until } from './lib/wait.js';

const MAILBOX = 256, LONG = 'x'.repeat(60_000); // as much as one may leave, and what nearly fills BODY_MAX
const STREAM_MAX_KIB = 128; // of ours, for a stream that does not read: one message under way, and one that waits
const PASSING_KIB = 256; // besides, of the process, for one that it passes on: as it comes from Redis, as it is read, and as an event
const OPENINGS = 10;
const SEND_TIMEOUT = 2; // seconds; in which a client has to take 8 KiB

const settings = { RATE: 0, RATE_BYTES: 0, MAILBOX: 2 * MAILBOX, MAILBOX_TTL: 600, GRACE: 60, SEND_TIMEOUT: 60,
  PEER_STREAMS: 100 };

// The programs are the same behind the others.
if (FULL) {
  suite('replay', {
    settings,
    // A client that has not read the end is cut.
    allowed: [/mod_fastcgi\.c.*unexpected end-of-file/, /gw_backend\.c.*response already sent out/],
  }, (site, it) => {
    /** Two in a room, of whom one is away, and has missed a whole mailbox since `position`. */
    async function away() {
      const [ann, bob] = await site.room(randomId('r'), 2);
      const position = bob.stream.lastEventId;
      bob.stream.cut();
      for (let i = 0; i < MAILBOX - 10; i++) await ann.relay(bob, 'n', [i, LONG]);
      return { ann, bob, position };
    }

    const readsAll = async ({ ann, bob, position }) => {
      const again = await bob.open({ after: position });
      assert.equal(again.connected.resumed, true);
      for (let i = 0; i < MAILBOX - 10; i++) isRelayed(await again.next(), ann, 'n', [i, LONG]);
      return again;
    };

    /** @param {number} kib  that the process has grown by */
    function holdLittle(t, kib, streams) {
      t.diagnostic(`${kib} KiB for ${streams}`);
      assert.ok(kib <= STREAM_MAX_KIB * streams + PASSING_KIB, `${kib} KiB for ${streams} streams`);
    }

    const server = () => /** @type {import('./lib/server.js').Server} */ (site.servers[0]);

    /** A stream whose client takes nothing. */
    async function unread({ bob, position }) {
      const url = site.url(`/connect?token=${bob.token}&lastEventId=${position}`);
      const socket = net.connect({ host: url.hostname, port: Number(url.port) });
      socket.on('error', () => {});
      socket.pause();
      socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`);
      return socket;
    }

    it('60 streams that are not read hold no more than a message each', { memory: true }, async (t) => {
      const there = await away();
      const [pid] = site.processes('stream.fcgi');
      const used = () => memory([pid]).programs;
      await readsAll(there); // what the first one needs, all have
      const before = used();
      const sockets = [];
      for (let i = 0; i < 60; i++) sockets.push(await unread(there));
      await until(async () => (await site.redis('PUBSUB', 'NUMSUB', `messages:${there.bob.id}`))[1] >= 61, 'all to be open');
      // Until all have come to a stop, with whatever the kernel takes for them.
      for (let last = -1, now = used(); now !== last; [last, now] = [now, used()]) await there.ann.stream.ping(1);
      holdLittle(t, used() - before, sockets.length);
      for (const socket of sockets) socket.destroy();
    });

    it('streams that are not read hold no more than that either of what is said meanwhile', { memory: true }, async (t) => {
      const [ann, ...others] = await site.room(randomId('r'), 16);
      const [pid] = site.processes('stream.fcgi');
      const used = () => memory([pid]).programs;
      const sockets = [];
      for (const one of others) {
        one.stream.cut();
        sockets.push(await unread({ bob: one, position: one.stream.lastEventId }));
      }
      await until(async () => (await site.redis('PUBSUB', 'NUMSUB', ...others.map(({ id }) => `messages:${id}`)))
        .every((n) => typeof n === 'string' || n === 1), 'all to be open');
      const before = used();
      // More than the kernel takes for them.
      for (let i = 0; i < 100; i++) await ann.ask('POST', `/${ann.room}/broadcast/n`, JSON.stringify([i, LONG]));
      for (let last = -1, now = used(); now !== last; [last, now] = [now, used()]) await ann.stream.ping(1);
      holdLittle(t, used() - before, sockets.length);
      for (const socket of sockets) socket.destroy();
    });

    it('what is said while it is replayed comes after it, and once', async () => {
      const there = await away();
      const { ann, bob, position } = there;
      const again = await bob.open({ after: position });
      for (let i = 0; i < 8; i++) assert.equal(await ann.relay(bob, 'n', ['live', i]), true);
      for (let i = 0; i < MAILBOX - 10; i++) isRelayed(await again.next(), ann, 'n', [i, LONG]);
      for (let i = 0; i < 8; i++) isRelayed(await again.next(), ann, 'n', ['live', i]);
    });

    /** A client that has not read all of it yet. */
    async function slowly(there) {
      const slow = await unread(there);
      await until(async () => (await site.redis('PUBSUB', 'NUMSUB', `messages:${there.bob.id}`))[1] === 1, 'the stream');
      await there.ann.stream.ping(2);
      return slow;
    }

    it('what is kept is not pushed out before it was fetched: so long there is room for as many as ever', async () => {
      const there = await away();
      const { ann, bob } = there;
      const slow = await slowly(there);
      // As many as fit: what was sent before it was noticed that the other had gone is not counted.
      let count = MAILBOX - 10;
      const more = () => ann.ask('POST', `/relay/${bob.id}/n`, [count, '']);
      let full = await more();
      for (; full.status === 200 && count < 2 * MAILBOX; full = await more()) count++;
      refused(full, 429);
      assert.equal(full.headers['retry-after'], '1');
      const cat = site.peer();
      const [room] = await site.redis('SMEMBERS', `${ann.id}:channels`);
      for (let i = 0; i < MAILBOX; i++) {
        await cat.join(room);
        await cat.leave(room);
      }
      let got = '';
      slow.on('data', (bytes) => { got += bytes; });
      slow.resume();
      const numbers = () => [...got.matchAll(/"data":\[(\d+),/g)].map(([, n]) => Number(n));
      await until(() => numbers().length === count, 'all of it');
      assert.deepEqual(numbers(), Array.from({ length: count }, (_, i) => i));
      assert.ok(!got.includes('"resumed":false'));
      await until(async () => (await ann.ask('POST', `/relay/${bob.id}/n`, '1')).status === 200, 'room for more');
      slow.destroy();
    });

    it('what is lost before it was fetched is told: resumed is false, not silence', async () => {
      const there = await away();
      const slow = await slowly(there);
      await site.redis('XTRIM', `mailbox:${there.bob.id}`, 'MAXLEN', '1');
      let got = '';
      slow.on('data', (bytes) => { got += bytes; });
      slow.resume();
      await until(() => got.includes('"resumed":false'), 'the word that something is lost');
      const numbers = [...got.slice(0, got.indexOf('"resumed":false')).matchAll(/"data":\[(\d+),/g)].map(([, n]) => Number(n));
      assert.deepEqual(numbers, numbers.map((_, i) => i), 'until then nothing is left out');
      slow.destroy();
    });

    it('no step takes Redis long, whatever the position is', async (t) => {
      const there = await away();
      const { bob, position } = there;
      const [[newest]] = await site.redis('XREVRANGE', `mailbox:${bob.id}`, '+', '-', 'COUNT', '1');
      const other = await bob.open({ after: newest }); // who has lost the position begins nothing anew beside it
      for (const after of ['0', '1-1', 'nonsense', position, newest]) {
        const { judged, most } = await timeScripts(site, async () => {
          for (let i = 0; i < OPENINGS; i++) await bob.open({ after }).then((stream) => stream.cut());
        });
        assert.ok(judged.length > 0);
        for (const { sha1, shortest } of judged) {
          t.diagnostic(`${{ [position]: 'the oldest', [newest]: 'the newest' }[after] ?? after}: ${sha1.slice(0, 8)}: ${shortest} us of ${most}`);
          assert.ok(shortest < most, `${after}: ${sha1}: ${shortest} us; it may take ${most}`);
        }
      }
      other.cut();
    });

    it('a client that takes some, but less than 8 KiB in a send timeout, is let go; one that takes more is not', async () => {
      const there = await away();
      const { bob, position } = there;
      const folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-fifo-'));
      const fifo = path.join(folder, 'stdout');
      execFileSync('mkfifo', [fifo]);
      const input = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK);
      const output = openSync(fifo, constants.O_WRONLY);
      /** By CGI, as a pipe tells exactly what was taken: a page (4 KiB) each `ms`. */
      const takes = async (ms, count) => {
        const child = spawn(path.join(server().programs, 'stream.fcgi'), [], {
          stdio: ['ignore', output, 'inherit'],
          env: {
            ...process.env, DRAWBRIDGE_CONF: server().conf, DRAWBRIDGE_SEND_TIMEOUT: String(SEND_TIMEOUT), DRAWBRIDGE_LOG: 'error',
            REQUEST_METHOD: 'GET', REQUEST_URI: `/connect?token=${bob.token}&lastEventId=${position}`, HTTP_ACCEPT: 'text/event-stream',
          },
        });
        let ended = false;
        child.on('close', () => { ended = true; });
        const page = Buffer.alloc(4096);
        let pages = 0;
        for (let next = performance.now(); pages < count && !ended; next += ms) {
          await until(() => ended || performance.now() >= next, 'the time for the next page', ms + 10_000);
          try {
            pages += readSync(input, page, 0, page.length, null) > 0 ? 1 : 0;
          } catch (error) {
            if (error.code !== 'EAGAIN') throw error;
          }
        }
        signal(child.pid, 'SIGTERM');
        await until(() => ended, 'the process to end');
        return pages;
      };
      try {
        const enough = 40; // 16 pages are the pipe's own
        assert.ok(await takes(1_500, enough) < enough, 'let go');
        assert.equal(await takes(250, enough), enough);
      } finally {
        closeSync(output);
        closeSync(input);
        rmSync(folder, { recursive: true });
      }
    });
  });
}
