// Redis over TLS: whom it believes, and that all works as without, also where a record comes in parts or not at all.
import assert from 'node:assert/strict';
import { readFileSync, rmSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import tls from 'node:tls';
import { Authority } from './lib/authority.js';
import { command } from './lib/command.js';
import { tlsLines } from './lib/documents.js';
import { Door } from './lib/door.js';
import { refused } from './lib/http.js';
import { BUILD, steps, stepsNow } from './lib/pace.js';
import { isRelayed } from './lib/peer.js';
import { missing } from './lib/programs.js';
import { Cluster } from './lib/redis-cluster.js';
import { missingTls, RedisServer } from './lib/redis-server.js';
import { Sentinels } from './lib/sentinels.js';
import { FULL, suite } from './lib/suite.js';
import { hasTls, Tunnel, withoutTls } from './lib/tls.js';
import { randomId, randomSecret } from './lib/tokens.js';
import { timed, until, WAIT_MS } from './lib/wait.js';

const PING = 1; // seconds
const PASSWORD = 'not-a-secret-of-anybody';
const OWN_PASSWORD = 'nor-of-any-sentinel';
const LOST = /^(warn|error) at=(redis|store|signal|stream|beat|health)\.[a-z]+ /;
const SETTINGS = { PING, RATE: 0, RATE_BYTES: 0, PEER_STREAMS: 1000 };

const DRAWBRIDGE = path.join(BUILD, 'drawbridge');
const NO_FILE = { CONF: '/nowhere', SECRET: randomSecret() };
const noTls = FULL ? withoutTls() : undefined;

/** @param {Authority} authority
 *  @param {object} [more] */
const startRedis = (authority, more) =>
  RedisServer.start(PASSWORD, { tls: { ca: authority.file, ...authority.issue(), ...more } });

/** Until everything works again. */
const backMs = async () => 5_000 + await stepsNow(20);

/** @param {import('./lib/site.js').Site} site */
async function works(site) {
  const [ann, bob] = await site.room(randomId('r'), 2);
  assert.equal(await ann.relay(bob, 'x', 1), true);
  isRelayed(await bob.stream.next(), ann, 'x', 1);
  assert.deepEqual(await ann.others(ann.room), [bob.id]);
  assert.equal((await bob.ask('POST', `/${bob.room}/broadcast/y`, '2')).json.peers, 1);
  isRelayed(await ann.stream.next(), bob, 'y', 2);
  assert.equal((await site.request('GET', '/health/ready')).status, 200);
  assert.equal((await site.request('GET', '/metrics')).status, 200);
  return [ann, bob];
}

/** Redis goes and comes back: what is asked meanwhile is refused in time, and the streams stay.
 *  @param {import('./lib/site.js').Site} site
 *  @param {RedisServer} redis */
async function survives(site, redis) {
  const [ann, bob] = await works(site);
  await redis.kill();
  for (const ask of [() => ann.ask('POST', `/relay/${bob.id}/x`, '1'), () => site.request('GET', '/health/ready')]) {
    const { value, ms } = await timed(ask);
    refused(value, 503);
    assert.ok(ms < 2_100 + steps(4), `after ${ms} ms`);
  }
  await redis.start();
  const back = await backMs();
  for (const { stream } of [ann, bob]) {
    const { data } = await stream.find(({ event }) => event === 'connected', back);
    assert.equal(JSON.parse(data).resumed, false);
  }
  await works(site);
}

if (FULL) {
  const authority = new Authority(), other = new Authority();

  describe('whom it believes over TLS', { skip: noTls, timeout: 6 * WAIT_MS }, () => {
    /** @type {RedisServer} */ let redis;

    before(async () => { redis = await startRedis(authority); });
    after(() => redis?.remove());

    /** What check says is wrong, or a warning, with this URL. */
    async function told(url, env = {}) {
      const { out, status } = await command('env', [...Object.entries(env).map(([name, value]) => `${name}=${value}`), DRAWBRIDGE, 'check'],
        { ...NO_FILE, REDIS_URL: url });
      const lines = out.match(/^(error|warning): .*$/gm) ?? [];
      assert.equal(status, lines.some((line) => line.startsWith('error')) ? 1 : 0, out);
      assert.ok(!out.includes(PASSWORD));
      return lines.map((line) => line.replace('DRAWBRIDGE_REDIS_URL: ', ''));
    }

    // Redis sends the authority's own certificate, too, or not.
    const unknownIssuer = (host) => new RegExp(
      `^error: TLS: the certificate is refused: (unable to get local issuer certificate|self-signed certificate in certificate chain), for ${host}$`);

    /** One with this certificate, for as long as run runs. */
    async function withRedis(more, run) {
      const one = await startRedis(authority, more);
      try {
        await run(one);
      } finally {
        await one.remove();
      }
    }

    it('a certificate of that authority, for the name or the address in the URL', async () => {
      for (const host of ['127.0.0.1', 'localhost']) assert.deepEqual(await told(redis.urlAt({ host })), []);
    });

    it('one of an authority that the system trusts, and no other', async () => {
      const url = redis.urlAt({ host: 'localhost' }).replace(/\?.*/, '');
      assert.deepEqual(await told(url, { SSL_CERT_FILE: authority.file }), []);
      assert.match(String(await told(url)), unknownIssuer('localhost'));
    });

    it('none of another authority', async () => {
      assert.match(String(await told(redis.urlAt({ query: { ca: other.file } }))), unknownIssuer('127.0.0.1'));
    });

    it('none for another name or address, and the log says why, each time anew', async () => {
      await withRedis(authority.issue('DNS:redis.example,IP:192.0.2.1'), async (one) => {
        assert.deepEqual(await told(one.urlAt({ host: 'localhost' })),
          ['error: TLS: the certificate is refused: hostname mismatch, for localhost']);
        assert.deepEqual(await told(one.url), ['error: TLS: the certificate is refused: IP address mismatch, for 127.0.0.1']);
        const shm = `drawbridge.tls.${process.pid}`;
        const { out, err } = await command('env', ['REQUEST_METHOD=GET', 'REQUEST_URI=/health/ready', path.join(BUILD, 'signal.fcgi')],
          { ...NO_FILE, SHM: shm, REDIS_URL: one.url });
        rmSync(path.join('/dev/shm', shm), { force: true });
        assert.match(out, /^Status: 503 /);
        assert.match(err, /^error at=redis\.connect redis=refuses why=TLS: the certificate is refused: IP address mismatch, for 127\.0\.0\.1$/m);
      });
    });

    it('none that has expired', async () => {
      await withRedis(authority.issue(undefined, { days: 0 }), async (one) => {
        const lines = await until(async () => {
          const all = await told(one.url);
          return all.length && all;
        }, 'the second to pass in which it is valid');
        assert.deepEqual(lines, ['error: TLS: the certificate is refused: certificate has expired, for 127.0.0.1']);
      });
    });

    it('by the name in the URL, as SNI, a server that holds several chooses one; an address is no such name', async (t) => {
      const read = ({ cert, key }) => ({ cert: readFileSync(cert), key: readFileSync(key) });
      const chosen = tls.createSecureContext(read(authority.issue('DNS:localhost')));
      let names = 0;
      const door = tls.createServer({ ...read(authority.issue('DNS:default.example')), SNICallback: (name, done) => {
        names++;
        done(null, name === 'localhost' ? chosen : undefined);
      } }, (socket) => {
        const to = net.connect(redis.port, '127.0.0.1');
        for (const one of [socket, to]) one.on('error', () => {});
        socket.pipe(to).pipe(socket);
      });
      t.after(() => door.close());
      await new Promise((resolve) => { door.listen(0, '127.0.0.1', () => resolve(undefined)); });
      const { port } = /** @type {net.AddressInfo} */ (door.address());
      assert.deepEqual(await told(redis.urlAt({ host: 'localhost', port })), []);
      const before = names;
      assert.deepEqual(await told(redis.urlAt({ port })),
        ['error: TLS: the certificate is refused: IP address mismatch, for 127.0.0.1']);
      assert.equal(names, before, 'an address is not sent');
    });

    it('Redis wants one of us, and that its authority has signed', async () => {
      await withRedis({ clients: true }, async (one) => {
        assert.deepEqual(await told(one.urlAt({ query: authority.issue('DNS:web.example') })), []);
        assert.match(String(await told(one.url)), /^error: TLS: .*certificate required$/);
        assert.match(String(await told(one.urlAt({ query: other.issue('DNS:web.example') }))), /^error: TLS: .*unknown ca$/);
      });
    });

    /** Ports of servers that answer what comes so, for as long as the test runs. */
    const doors = (t, ...answers) => Promise.all(answers.map(async (answer) => {
      const door = net.createServer((socket) => {
        socket.on('error', () => {}).once('data', () => answer(socket));
      });
      t.after(() => door.close());
      await new Promise((resolve) => { door.listen(0, '127.0.0.1', () => resolve(undefined)); });
      return /** @type {net.AddressInfo} */ (door.address()).port;
    }));
    const silence = () => {};

    it('who speaks no TLS is refused; who says nothing is away, in time', async (t) => {
      const [plain, silent] = await doors(t, (socket) => socket.end('-ERR no TLS\r\n'), silence);
      assert.match(String(await told(redis.urlAt({ port: plain }))), /^error: TLS: .*(wrong version number|packet length too long)$/);
      const { value, ms } = await timed(() => told(redis.urlAt({ port: silent })));
      assert.deepEqual(value, ['warning: timeout']);
      assert.ok(ms < 2_000 + steps(4), `after ${ms} ms`);
    });

    it('a Sentinel likewise: whose certificate is refused, and who says nothing', async (t) => {
      const [port] = await doors(t, silence);
      for (const [at, why] of /** @type {[number, RegExp][]} */ ([
        [redis.tlsPort, unknownIssuer('127.0.0.1')], [port, /no answer$/],
      ])) {
        const { value, ms } = await timed(() => told(`rediss+sentinel://127.0.0.1:${at}/draw?ca=${other.file}`));
        assert.equal(value.length, 2);
        assert.match(value[0].replace(`warning: 127.0.0.1:${at} `, 'error: '), why);
        assert.equal(value[1], 'warning: no Sentinel names the master');
        assert.ok(ms < 2_000 + steps(4), `after ${ms} ms`);
      }
    });

    it('files that cannot be used are told before Redis is asked, and then no program starts', async () => {
      const { cert, key } = authority.issue();
      for (const [query, why] of /** @type {[object, RegExp][]} */ ([
        [{ ca: '/nowhere/ca.pem' }, /ca=\/nowhere\/ca\.pem: No such file or directory/],
        [{ ca: '/dev/null' }, /ca=\/dev\/null: /],
        [{ cert: '/nowhere/cert.pem', key }, /cert=\/nowhere\/cert\.pem: No such file or directory/],
        [{ cert, key: authority.issue().key }, /key=\S+: key values mismatch/],
      ])) {
        const settings = { ...NO_FILE, REDIS_URL: redis.urlAt({ query }) };
        const { out, status } = await command(DRAWBRIDGE, ['check', '--settings'], settings);
        assert.match(out, new RegExp(`^error: DRAWBRIDGE_REDIS_URL: ${why.source}`, 'm'));
        assert.equal(status, 1);
        const program = await command(path.join(BUILD, 'signal.fcgi'), [], settings);
        assert.match(program.err, new RegExp(`^error at=conf\\.load DRAWBRIDGE_REDIS_URL: ${why.source}`, 'm'));
        assert.equal(program.status, 1);
      }
    });
  });

  suite('redis over TLS', {
    settings: SETTINGS,
    redis: () => startRedis(authority),
    allowed: [LOST],
    skip: noTls,
  }, (site, test) => {
    test('serves a whole session, over TLS alone', async () => {
      const [ann, bob] = await works(site);
      bob.stream.cut();
      await until(async () => !(await ann.relay(bob, 'n', 3)), 'bob to be away');
      const again = await bob.open({ after: bob.stream.lastEventId });
      assert.equal(again.connected.resumed, true);
      await again.find(({ event }) => event === 'n');
      assert.match(await site.server.ask('INFO', 'server'), new RegExp(`^tcp_port:${site.server.port}\r$`, 'm'));
      const clients = await site.server.ask('CLIENT', 'LIST');
      const others = clients.split('\n').filter((line) => line && !line.includes(` laddr=127.0.0.1:${site.server.tlsPort} `));
      assert.equal(others.length, 1, clients); // who asks here
    });

    test('what takes many records: a large message, and a large mailbox that is replayed', async () => {
      const [ann, bob] = await works(site);
      const text = (n) => String(n).padEnd(60_000, 'x');
      assert.equal(await ann.relay(bob, 'n', text(0)), true);
      isRelayed(await bob.stream.next(), ann, 'n', text(0));
      const count = 100;
      bob.stream.cut();
      await until(async () => !(await ann.relay(bob, 'n', text(0))), 'bob to be away');
      for (let n = 1; n < count; n++) assert.equal(await ann.relay(bob, 'n', text(n)), false);
      const again = await bob.open({ after: bob.stream.lastEventId });
      const got = [];
      while (got.at(-1) !== text(count - 1)) {
        const { event, data } = await again.next();
        if (event === 'n') got.push(JSON.parse(data).data);
      }
      assert.deepEqual(got.slice(-count).map((one) => one === text(parseInt(one, 10))), Array(count).fill(true));
      assert.deepEqual(got.slice(-count).map((one) => parseInt(one, 10)), Array.from({ length: count }, (_, n) => n));
    });

    test('many streams at once, and what is relayed to all of them', async () => {
      const pairs = await Promise.all(Array.from({ length: 50 }, () => site.room(randomId('r'), 2)));
      const numbers = Array.from({ length: 10 }, (_, n) => n);
      await Promise.all(pairs.map(async ([ann, bob]) => {
        for (const n of numbers) assert.equal(await ann.relay(bob, 'n', n), true);
        for (const n of numbers) isRelayed(await bob.stream.next(), ann, 'n', n);
        for (const { stream } of [ann, bob]) stream.cut();
      }));
    });

    test('Redis is killed, and comes back', () => survives(site, site.server));

    test('Redis stands still, also with half of what was sent: 503 in time, and all goes on when it does', async () => {
      const [ann, bob] = await works(site);
      const much = JSON.stringify('x'.repeat(60_000));
      site.server.stall();
      try {
        const { value, ms } = await timed(() => ann.ask('POST', `/relay/${bob.id}/x`, '1'));
        refused(value, 503);
        assert.ok(ms < 2_100 + steps(4), `after ${ms} ms`);
        const all = await timed(() => Promise.all(Array.from({ length: 100 }, () => ann.ask('POST', `/relay/${bob.id}/x`, much))));
        for (const answer of all.value) refused(answer, 503);
        assert.ok(all.ms < 4_000 + steps(10), `the last of ${all.value.length} after ${all.ms} ms`);
      } finally {
        site.server.goOn();
      }
      await until(async () => (await ann.ask('POST', `/relay/${bob.id}/y`, '1')).status === 200, 'relays to go on', await backMs());
    });
  });

  suite('redis over TLS, through a door', {
    settings: SETTINGS,
    redis: async () => Door.start(await startRedis(authority)),
    allowed: [LOST],
    skip: noTls,
  }, (site, test) => {
    test('a record that comes in two parts keeps nobody else waiting', async () => {
      const [ann, bob] = await works(site);
      site.server.halves = true;
      let isOver = false;
      const relay = ann.ask('POST', `/relay/${bob.id}/x`, '1').finally(() => { isOver = true; });
      await until(() => site.server.keepsHalf, 'half of an answer');
      for (let i = 0; i < 3; i++) assert.equal((await site.request('GET', '/health/live')).status, 200);
      assert.equal(isOver, false);
      site.server.release();
      assert.equal((await relay).status, 200);
    });

    test('one that never answers the handshake keeps nobody waiting who needs no Redis, and the others in time', async () => {
      const [ann, bob] = await works(site);
      site.server.isSilent = true;
      site.server.clear({ listeners: true });
      try {
        for (let i = 0; i < 3; i++) {
          let isOver = false;
          const relay = timed(() => ann.ask('POST', `/relay/${bob.id}/x`, '1').finally(() => { isOver = true; }));
          if (i === 0) {
            // Nobody knows yet: a thread shakes hands for it now.
            for (let n = 0; n < 3; n++) assert.equal((await site.request('GET', '/health/live')).status, 200);
            assert.equal(isOver, false);
          }
          const { value, ms } = await relay;
          refused(value, 503);
          assert.ok(ms < 2_100 + steps(4), `after ${ms} ms`);
          await ann.stream.ping(1);
        }
      } finally {
        site.server.isSilent = false;
        site.server.clear({ listeners: true });
      }
      await until(async () => (await ann.ask('POST', `/relay/${bob.id}/y`, '1')).status === 200, 'relays to go on', await backMs());
      await works(site);
    });
  });

  const files = () => ({ ca: authority.file, ...authority.issue() });
  for (const [by, redis, more] of /** @type {[string, () => any, object][]} */ ([
    ['by Sentinels that speak it, too', () => Sentinels.start(PASSWORD, OWN_PASSWORD, files()), {}],
    ['on a Cluster', () => Cluster.start(PASSWORD, '{draw}', files()), { PREFIX: '{draw}' }],
  ])) suite(`redis over TLS, ${by}`, {
    settings: { ...SETTINGS, ...more },
    redis,
    allowed: [/^(warn|error) at=(redis|sentinel|cluster|stream|health)\.[a-z]+ /],
    skip: noTls,
  }, (site, test) => {
    test('a failover: the streams stay, and all works on the new master', async () => {
      const server = /** @type {Sentinels | Cluster} */ (/** @type {any} */ (site.server));
      const [ann, bob] = await works(site);
      const [master] = await server.pair();
      await master.kill();
      await server.failover(/** @type {any} */ (master));
      const back = await backMs();
      for (const { stream } of [ann, bob]) {
        const { data } = await stream.find(({ event }) => event === 'connected', back);
        assert.equal(JSON.parse(data).resumed, false);
      }
      await works(site);
    });
  });

  suite('redis over TLS by stunnel, as drawbridge-operations(7) has it', {
    settings: SETTINGS,
    redis: async () => {
      const names = authority.issue('DNS:redis.example');
      return Tunnel.start(await RedisServer.start(undefined, { tls: { ca: authority.file, ...names } }));
    },
    allowed: [LOST],
    skip: missing('stunnel4') ?? missingTls(),
  }, (site, test) => {
    test('serves, and survives that Redis goes and comes back', () => survives(site, site.server.redis));
  });

  describe('documents and builds', { timeout: 6 * WAIT_MS }, () => {
    it('Redis starts with the lines for TLS of drawbridge-operations(7)', { skip: missingTls() }, async () => {
      const { cert, key } = authority.issue();
      const words = tlsLines().split('\n').map((line) => line.split(' '));
      const redis = await RedisServer.start(undefined, { tls: { ca: authority.file, cert, key } });
      try {
        for (const [name, value] of words) {
          const given = { 'tls-cert-file': cert, 'tls-key-file': key, 'tls-port': redis.tlsPort, port: redis.port }[name] ?? value;
          assert.equal(await redis.ask('CONFIG', 'SET', name, given), 'OK', name);
        }
      } finally {
        await redis.remove();
      }
    });

    it('a build without TLS says so, and what to do', { skip: hasTls() ? 'this build has it' : undefined }, async () => {
      const settings = { ...NO_FILE, REDIS_URL: 'rediss://redis.example' };
      const why = 'DRAWBRIDGE_REDIS_URL: this build has no TLS to Redis, which takes hiredis 1\\.0 or later \\(Debian 13\\) and OpenSSL: see "TLS by stunnel" in drawbridge-operations\\(7\\)';
      for (const options of [[], ['--settings']]) {
        const { out, status } = await command(DRAWBRIDGE, ['check', ...options], settings);
        assert.match(out, new RegExp(`^error: ${why}$`, 'm'));
        assert.equal(status, 1);
      }
      for (const program of ['signal.fcgi', 'stream.fcgi']) {
        const { err, status } = await command(path.join(BUILD, program), [], settings);
        assert.match(err, new RegExp(`^error at=conf\\.load ${why}$`, 'm'));
        assert.equal(status, 1);
      }
    });
  });
}
