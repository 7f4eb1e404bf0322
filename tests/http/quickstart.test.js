// What ./quickstart says and does where something is in its way; how it serves all other
// tests show.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import net from 'node:net';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { descendants } from './lib/processes.js';
import { RedisServer } from './lib/redis-server.js';
import { Server } from './lib/server.js';
import { FULL } from './lib/suite.js';
import { timed, WAIT_MS } from './lib/wait.js';

const QUICKSTART = fileURLToPath(new URL('../../quickstart', import.meta.url));

/** Runs it until it ends by itself. */
async function refused(...args) {
  const child = spawn(QUICKSTART, args, { stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '', err = '';
  child.stdout.on('data', (text) => { out += text; });
  child.stderr.on('data', (text) => { err += text; });
  const status = await new Promise((resolve) => { child.on('close', resolve); });
  assert.equal(status, 1, err);
  assert.equal(out, '');
  assert.match(err, /^quickstart: [^\n]+\n$/, 'one line');
  assert.deepEqual(descendants(child.pid), []);
  return err;
}

/** A Sentinel that has one answer to everything, in Redis' protocol. */
async function sentinel(answer) {
  const server = net.createServer((socket) => {
    socket.on('data', () => socket.write(answer)).on('error', () => {});
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => { server.on('listening', resolve); });
  return { url: `redis+sentinel://127.0.0.1:${/** @type {net.AddressInfo} */ (server.address()).port}/draw`, server };
}

async function serves(redis) {
  const server = await Server.start({ kind: 'lighttpd', mount: '/', redis, settings: {} });
  try {
    assert.equal((await fetch(new URL('health/ready', server.base))).status, 200);
  } finally {
    await server.stop();
  }
}

if (FULL) {
  describe('quickstart', { timeout: 12 * WAIT_MS }, () => {
    it('a port that is taken', async () => {
      const taken = net.createServer().listen(0, '127.0.0.1');
      await new Promise((resolve) => { taken.on('listening', resolve); });
      const { port } = /** @type {net.AddressInfo} */ (taken.address());
      assert.match(await refused('--port', String(port)), new RegExp(`\\b${port}\\b`));
      taken.close();
    });

    it('a Redis that is not there, refuses the password, or has a URL that is none', async () => {
      const redis = await RedisServer.start('not-a-secret-of-anybody');
      assert.match(await refused('--port', '0', '--redis', 'unix:///nowhere.sock'), /No such file/);
      assert.match(await refused('--port', '0', '--redis', 'redis://127.0.0.1:1'), /refused/);
      assert.match(await refused('--port', '0', '--redis', 'http://127.0.0.1'), /allowed is redis:/);
      const wrong = redis.url.replace(':not-a-', ':indeed-a-');
      assert.notEqual(wrong, redis.url);
      const line = await refused('--port', '0', '--redis', wrong);
      assert.match(line, /WRONGPASS/);
      assert.doesNotMatch(line, /indeed/, 'the password is not shown');
      await redis.remove();
    });

    it('Sentinels that are not there, know no such master, or name a replica', async () => {
      const none = 'redis+sentinel://:hidden@127.0.0.1:1,127.0.0.1:2/draw?sentinel_password=hidden';
      const line = await refused('--port', '0', '--redis', none);
      assert.match(line, /127\.0\.0\.1:1 Connection refused, 127\.0\.0\.1:2 Connection refused$/m);
      assert.doesNotMatch(line, /hidden/, 'no password is shown');
      const unknown = await sentinel('*-1\r\n');
      assert.match(await refused('--port', '0', '--redis', unknown.url), /knows no master draw$/m);
      unknown.server.close();
      const replica = await RedisServer.start();
      await replica.ask('REPLICAOF', '127.0.0.1', '1');
      const stale = await sentinel(`*2\r\n$9\r\n127.0.0.1\r\n$5\r\n${replica.port}\r\n`);
      assert.match(await refused('--port', '0', '--redis', stale.url), new RegExp(`127\\.0\\.0\\.1:${replica.port} is no master`));
      stale.server.close();
      const odd = await sentinel('*2\r\n:1\r\n:2\r\n');
      await refused('--port', '0', '--redis', odd.url);
      odd.server.close();
      await replica.remove();
    });

    it('a password with and without a user', async () => {
      const redis = await RedisServer.start('not-a-secret-of-anybody');
      for (const user of ['', 'default']) await serves(redis.url.replace(/\/\/[^:@]*:/, `//${user}:`));
      await redis.remove();
    });

    it('two of one checkout side by side, the second within 3 s', async () => {
      // Either waits for its turn where others of this checkout start, too.
      const { value: first, ms: usual } = await timed(Server.start({ kind: 'lighttpd', mount: '/', settings: {} }));
      const { value: second, ms } = await timed(Server.start({ kind: 'lighttpd', mount: '/', settings: {} }));
      for (const { base } of [first, second]) assert.equal((await fetch(base)).status, 200);
      await first.stop();
      assert.equal((await fetch(new URL('health/ready', second.base))).status, 200);
      await second.stop();
      assert.ok(ms < 3_000 + usual, `${ms} ms, the first ${usual} ms`);
    });

    it('an option or a server that it does not know', async () => {
      for (const args of [['--nothing'], ['--server', 'nothing'], ['--port', 'x'], ['--mount', 'draw'], ['--include', '/nowhere']]) await refused(...args);
    });
  });
}
