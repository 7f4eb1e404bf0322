// Redis goes away, comes back empty, stands still, or refuses: what is told, and what lives on.
import assert from 'node:assert/strict';
import { command } from './lib/command.js';
import { Door } from './lib/door.js';
import { refused } from './lib/http.js';
import { steps, stepsNow } from './lib/pace.js';
import { isAdded, isRelayed, isRemoved, meet, Peer } from './lib/peer.js';
import { parse } from './lib/prometheus.js';
import { redisUser } from './lib/documents.js';
import { RedisServer } from './lib/redis-server.js';
import { Silence } from './lib/silence.js';
import { FULL, GRACE, SERVER, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';
import { pause, timed, until } from './lib/wait.js';

const PING = 1; // seconds
/** Until everything works again. */
const backMs = async () => 5_000 + await stepsNow(20);

const PASSWORD = 'not-a-secret-of-anybody';

suite('redis', {
  settings: { PING },
  redis: () => RedisServer.start(PASSWORD),
  allowed: [/^(warn|error) at=(redis|store|signal|stream|beat|health)\.[a-z]+ /],
}, (site, it) => {
  const logs = () => site.servers[0].read().map(([, text]) => text).join('\n');

  /** What was logged while it ran. */
  async function logged(run) {
    const before = logs().length;
    await run();
    return logs().slice(before);
  }

  /** Every way into Redis is refused in time, and rightly; what needs none works. */
  async function allRefused([ann, bob], { reads = true } = {}) {
    const room = randomId('r');
    for (const [method, path, body] of [
      ['POST', `/relay/${bob.id}/x`, '1'],
      ['POST', `/relay/${bob.id}`, '[{"event":"x","data":1}]'],
      ['POST', `/${room}/join`],
      ['POST', `/${room}/leave`],
      ...(reads ? [['GET', `/${room}/peers`]] : []),
      ['POST', `/${ann.room}/broadcast/x`, '1'],
      ['GET', '/health/ready'],
      ['GET', '/connect'],
    ]) {
      const { value, ms } = await timed(() => site.request(method, path, { token: ann.token, body }));
      refused(value, 503, `${method} ${path}`);
      assert.ok(ms < 2_100 + steps(4), `${method} ${path}: after ${ms} ms`);
    }
    assert.equal((await site.request('GET', '/health/live')).status, 200);
    assert.equal((await site.request('GET', '/room')).status, 200);
    assert.equal((await site.request('GET', '/')).status, 302);
    refused(await site.request('POST', '/room/join'), 401);
  }

  /** Many at once are all told in time: nobody waits behind another. */
  async function crowdRefused([ann, bob]) {
    const { value, ms } = await timed(() => Promise.all(Array.from({ length: 60 }, () =>
      ann.ask('POST', `/relay/${bob.id}/x`, '1'))));
    assert.deepEqual(new Set(value.map((answer) => answer.status)), new Set([503]));
    assert.ok(ms < 4_000 + steps(10), `the last of 60 after ${ms} ms`);
  }

  /** Everything again, soon: relays, new streams, and what a load balancer asks. */
  async function works([ann, bob]) {
    const end = performance.now() + await backMs();
    for (const [what, ask] of /** @type {[string, () => Promise<{status: number}>][]} */ ([
      ['a relay', () => ann.ask('POST', `/relay/${bob.id}/back`, '1')],
      ['a new stream', async () => {
        const stream = await site.peer().try();
        stream.cut();
        return stream;
      }],
      ['health', () => site.request('GET', '/health/ready')],
    ])) {
      await until(async () => [200, 202].includes((await ask()).status), `${what} to work again`, end - performance.now());
    }
  }

  it('restarted empty: 503 meanwhile, streams stay, then all works without a new one', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    const log = await logged(async () => {
      await site.server.kill();
      await allRefused([ann, bob]);
      await crowdRefused([ann, bob]);
      await Promise.all([ann.stream.ping(2), bob.stream.ping(2)]);
    });
    assert.match(log, /^(warn|error) at=/m);
    const most = await backMs();
    await site.server.start();
    const back = performance.now();
    for (const peer of [ann, bob]) {
      const event = await peer.stream.next(most);
      assert.equal(event.event, 'connected');
      const { resumed, rooms, user } = JSON.parse(event.data);
      assert.deepEqual({ resumed, rooms, user }, { resumed: false, rooms: [], user: peer.user });
    }
    await meet(ann, bob, room);
    assert.equal((await site.request('GET', '/health/ready')).status, 200);
    const took = performance.now() - back;
    assert.ok(took < most, `${took} ms`);
    assert.equal(ann.stream.ended ?? bob.stream.ended, undefined);
    // And their positions are good.
    bob.stream.cut();
    await ann.relay(bob, 'x', 2);
    const again = await bob.open({ after: bob.stream.lastEventId });
    assert.equal(again.connected.resumed, true);
    isRelayed(await again.next(), ann, 'x', 2);
  });

  it('stood still: 503 in time, streams ping on, and nobody who has one loses the room', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    site.server.stall();
    try {
      await allRefused([ann, bob]);
      await crowdRefused([ann, bob]);
      await Promise.all([ann.stream.ping(GRACE + 3 * PING), bob.stream.ping(GRACE + 3 * PING)]);
    } finally {
      site.server.goOn();
    }
    await works([ann, bob]);
    await ann.stream.ping(GRACE + 3 * PING);
    assert.deepEqual(await ann.others(room), [bob.id]);
    await bob.relay(ann, 'mark', 1);
    const heard = [];
    await ann.stream.find((event) => { heard.push(event.event); return event.event === 'mark'; });
    assert.ok(!heard.includes('remove-peer'), `${heard}`);
    // What was given up on may have run; what was not refused came once.
    assert.equal(ann.stream.ended ?? bob.stream.ended, undefined);
  });

  // mod_fcgid gives a process one request at a time.
  if (SERVER !== 'apache') {
    it('stands still: who is to wait until a process has connected does not hold up others', async () => {
      const [ann, bob] = await site.room(randomId('r'), 2);
      const relay = () => ann.ask('POST', `/relay/${bob.id}/x`, '1');
      site.server.stall();
      try {
        refused(await relay(), 503); // on the connection that there was
        await until(async () => {
          let isOver = false;
          const late = relay().finally(() => { isOver = true; }); // unless it is refused at once
          await pause(100); // so that it has come before
          // More than one: two answers that are sent together may be read in any order.
          for (let i = 0; i < 3; i++) assert.equal((await site.request('GET', '/health/live')).status, 200);
          const wasFirst = !isOver;
          refused(await late, 503);
          return wasFirst;
        }, 'an answer while a process connects');
      } finally {
        site.server.goOn();
      }
      await works([ann, bob]);
    });
  }

  it('all its connections cut: what is relayed meanwhile comes once and in order', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    const sent = [];
    for (let i = 0; i < 60; i++) {
      if (i % 20 === 10) await site.server.ask('CLIENT', 'KILL', 'TYPE', i % 40 === 10 ? 'pubsub' : 'normal').catch(() => {});
      const answer = await ann.ask('POST', `/relay/${bob.id}/n`, String(i));
      if (answer.status === 200 || answer.status === 202) sent.push(i);
      else refused(answer, 503, `relay ${i}`);
    }
    assert.ok(sent.length >= 50, `${sent.length} passed`);
    const got = [];
    while (got.at(-1) !== sent.at(-1)) {
      const event = await bob.stream.next();
      if (event.event === 'connected') assert.equal(JSON.parse(event.data).resumed, true);
      else got.push(JSON.parse(event.data).data);
    }
    const unknown = got.filter((n) => !sent.includes(n)); // a 503 says that it is not known
    assert.deepEqual(got.filter((n) => !unknown.includes(n)), sent);
    assert.equal(new Set(got).size, got.length);
    assert.deepEqual(got, [...got].sort((a, b) => a - b));
  });

  it('has forgotten the scripts: they are loaded again, nobody notices', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    for (const use of [
      () => ann.relay(bob, 'x', 1),
      () => ann.join(room),
      () => site.peer().leave(room),
      () => ann.others(room),
      async () => (await bob.open()).cut(),
      () => ann.stream.ping(2),
    ]) {
      await site.server.ask('SCRIPT', 'FLUSH', 'SYNC');
      await use();
    }
    assert.equal((await site.request('GET', '/health/ready')).status, 200);
  });

  it('its password was changed: 503, the log says why, and all is well when it is back', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    const log = await logged(async () => {
      await site.server.ask('CONFIG', 'SET', 'requirepass', `${PASSWORD}2`);
      site.server.password = `${PASSWORD}2`;
      await site.server.ask('CLIENT', 'KILL', 'TYPE', 'normal').catch(() => {});
      await site.server.ask('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await allRefused([ann, bob]);
      await ann.stream.ping(2);
    });
    assert.match(log, /^(warn|error) at=.*(password|WRONGPASS)/mi);
    assert.ok(!log.includes(PASSWORD));
    await site.server.ask('CONFIG', 'SET', 'requirepass', PASSWORD);
    site.server.password = PASSWORD;
    await works([ann, bob]);
    assert.equal(ann.stream.ended ?? bob.stream.ended, undefined);
  });

  it('has become a replica: 503, the log says why, and all is well when it is none', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    const log = await logged(async () => {
      await site.server.ask('REPLICAOF', '127.0.0.1', '1');
      try {
        await allRefused([ann, bob], { reads: false }); // it may be read
        await ann.stream.ping(2);
      } finally {
        await site.server.ask('REPLICAOF', 'NO', 'ONE');
      }
    });
    assert.match(log, /^(warn|error) at=.*(replica|READONLY)/mi);
    await works([ann, bob]);
    assert.equal(ann.stream.ended ?? bob.stream.ended, undefined);
  });

  it('is full: what needs memory is refused, leaving and ending are not', async () => {
    const room = randomId('r');
    const [ann, bob, cat, dan] = await site.room(room, 4);
    await site.server.ask('CONFIG', 'SET', 'maxmemory', '1');
    try {
      refused(await ann.ask('POST', `/relay/${bob.id}/x`, '1'), 503);
      refused(await ann.ask('POST', `/${randomId('r')}/join`), 503);
      await dan.leave(room);
      assert.equal(await site.server.ask('SISMEMBER', `channels:${room}`, dan.id), 0);
      cat.stream.cut();
      await until(async () => await site.server.ask('SISMEMBER', `channels:${room}`, cat.id) === 0, 'the grace to end');
      await ann.stream.ping(GRACE);
    } finally {
      await site.server.ask('CONFIG', 'SET', 'maxmemory', '0');
    }
    await works([ann, bob]);
    assert.deepEqual(await ann.others(room), [bob.id]);
    bob.stream.cut();
    const heard = [];
    await ann.stream.find((event) => {
      if (event.event === 'remove-peer') heard.push(JSON.parse(event.data).peer.id);
      return heard.includes(bob.id);
    });
    assert.equal(heard.length, new Set(heard).size);
  });
});

suite('redis that restarts while peers come and go', {
  settings: { PING },
  redis: () => RedisServer.start(),
  allowed: [/^(warn|error) at=(redis|store|signal|stream|beat|health)\.[a-z]+ /],
}, (site, it) => {
  it('a client whose stream ended meanwhile is told, and others do not see a ghost', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    await site.server.kill();
    bob.stream.cut();
    await ann.stream.ping(1);
    await site.server.start();
    assert.equal((await ann.stream.next(await backMs())).event, 'connected');
    assert.deepEqual(await ann.join(room), []);
    const again = await bob.open({ after: bob.stream.lastEventId });
    assert.equal(again.connected.resumed, false);
    await bob.join(room);
    isAdded(await ann.stream.next(), bob, room, false);
    again.cut();
    isRemoved(await ann.stream.next(), bob, room);
  });
});

// Where a machine stands still that happens in any test, and each ends with the question what is in the logs.
suite('redis that stands still where nobody expects it', { redis: () => RedisServer.start() }, (site, it) => {
  it('is in the logs, and as it should be', async () => {
    const silence = await Silence.watch(site.server.url);
    assert.deepEqual(silence.end(), [], 'Redis is there');
    const ann = site.peer();
    refused(await ann.ask('GET', `/${randomId('r')}/peers`), 404);
    site.server.stall();
    try {
      refused(await ann.ask('GET', `/${randomId('r')}/peers`), 503);
    } finally {
      site.server.goOn();
    }
    await site.redis('PING');
  });
});

suite('redis that closes connections', {
  redis: () => Door.start(),
  allowed: [/^warn at=redis\.(ask|subscribe) redis=closed /],
}, (site, it) => {
  it('as they are made: they are made again, and nobody is refused', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    for (let closes = 0; closes <= 2; closes++) {
      site.server.clear();
      site.server.closes = closes;
      assert.equal(await ann.relay(bob, 'x', closes), true);
      isRelayed(await bob.stream.next(), ann, 'x', closes);
      assert.deepEqual(await ann.others(ann.room), [bob.id]);
      site.server.closes = Math.min(closes, 1);
      const cat = await site.peer().open();
      cat.cut();
    }
  });
});

suite('redis that is older than 7.0', {
  redis: () => Door.start(),
  allowed: [/^warn at=redis\.(ask|subscribe) redis=closed /, /^error at=redis\.greet redis=refuses why=Redis at 127\.0\.0\.1:\d+ has version 6\.0\.16, but 7\.0 or later is needed, or Valkey$/],
}, (site, it) => {
  it('is refused, and who looks for the reason is told it; once it is new enough all works', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    const begin = performance.now();
    site.server.version = '6.0.16';
    site.server.clear({ listeners: true });
    for (let i = 0; i < 10; i++) {
      for (const [method, path, body] of [
        ['POST', `/relay/${bob.id}/x`, '1'],
        ['POST', `/${randomId('r')}/join`],
        ['GET', '/connect'],
        ['GET', '/health/ready'],
      ]) refused(await site.request(method, path, { token: ann.token, body }), 503, path);
    }
    assert.match((await site.request('GET', '/health/ready')).json.detail, /too old; 7\.0 or later is required/);
    const lines = site.servers.flatMap((server) => server.read().flatMap(([, text]) => text.match(/redis=refuses/g) ?? []));
    const most = [...site.processes('signal.fcgi'), ...site.processes('stream.fcgi')].length * Math.ceil((performance.now() - begin) / 1_000);
    assert.ok(lines.length >= 1 && lines.length <= most, `${lines.length} lines, not ${most}`);

    const { drawbridge, base, conf } = /** @type {import('./lib/server.js').Server} */ (site.servers[0]);
    const check = await command(drawbridge, ['check'], { CONF: conf, REDIS_URL: site.server.url });
    assert.match(check.out, /^error: DRAWBRIDGE_REDIS_URL: Redis at \S+ has version 6\.0\.16, but 7\.0 or later is needed, or Valkey$/m);
    assert.equal(check.status, 1);
    const doctor = await command(drawbridge, ['doctor', base.href]);
    assert.match(doctor.out, /^FAIL +redis: health\/ready: status 503: The server's Redis is too old; 7\.0 or later is required\.$/m);
    assert.equal(doctor.status, 1);

    site.server.version = undefined;
    for (const path of [`/${ann.room}/join`, '/health/ready', '/connect']) {
      await until(async () => {
        const stream = path === '/connect' ? await site.peer().try() : undefined;
        stream?.cut();
        return (stream ?? await site.request(path.endsWith('join') ? 'POST' : 'GET', path, { token: ann.token })).status === 200;
      }, `${path} to work`, await backMs());
    }
    const { out, status } = await command(drawbridge, ['check'], { CONF: conf, REDIS_URL: site.server.url });
    assert.doesNotMatch(out, /^(error|warning):/m);
    assert.equal(status, 0);
  });
});

// What is asked for here is the same behind each web server.
if (FULL) suite('redis that evicts keys', {
  redis: async () => {
    const redis = await RedisServer.start();
    await redis.ask('CONFIG', 'SET', 'maxmemory-policy', 'allkeys-lru');
    return redis;
  },
  allowed: [/^warn at=redis\.greet redis=evicts why=maxmemory-policy is allkeys-lru: Redis (would evict keys of ours if it had a maxmemory|evicts keys of ours once it uses maxmemory \(100000000 bytes\)); noeviction is needed$/,
    /^warn at=redis\.(ask|subscribe) redis=closed /],
}, (site, it) => {
  const gauges = async () => {
    const values = parse((await site.request('GET', '/metrics')).text);
    return [values.drawbridge_redis_evicts, values.drawbridge_redis_maxmemory_bytes];
  };

  /** A connection is made anew, by /health/ready. */
  async function ready() {
    await site.server.ask('CLIENT', 'KILL', 'TYPE', 'normal').catch(() => {});
    await pause(1_100); // its answer counts for a second
    return (await until(async () => {
      const answer = await site.request('GET', '/health/ready');
      return answer.status === 200 && answer;
    }, 'Redis to be found')).json;
  }

  /** What check and the doctor say of Redis. */
  async function told() {
    const { drawbridge, base, conf } = /** @type {import('./lib/server.js').Server} */ (site.servers[0]);
    const check = await command(drawbridge, ['check'], { CONF: conf, REDIS_URL: site.server.url });
    assert.equal(check.status, 0);
    const doctor = await command(drawbridge, ['doctor', '--hold', '2', base.href]);
    return [check.out.match(/^(warning|error): .*$/gm) ?? [], doctor.out.match(/^(note|FAIL) +redis: .*\n.*$/gm) ?? []];
  }

  it('with no maxmemory it might: a warning in the log and check, a note of the doctor', async () => {
    assert.deepEqual(await ready(), { status: 'ok', redis: 'may-evict' });
    assert.deepEqual(await gauges(), [1, 0]);
    assert.match(site.logs(), /^warn at=redis\.greet redis=evicts /m);
    const [check, doctor] = await told();
    assert.deepEqual(check, ['warning: DRAWBRIDGE_REDIS_URL: maxmemory-policy is allkeys-lru: Redis would evict keys of ours if it had a maxmemory; noeviction is needed']);
    assert.deepEqual(doctor, ['note    redis: its maxmemory-policy is not noeviction: it would evict keys if it had a maxmemory\n'
      + '        maxmemory-policy noeviction   (in redis.conf; then restart Redis)']);
  });

  it('with one it does: the doctor says that it is wrong', async () => {
    await site.server.ask('CONFIG', 'SET', 'maxmemory', '100000000');
    assert.deepEqual(await ready(), { status: 'ok', redis: 'evicts' });
    assert.deepEqual(await gauges(), [1, 100_000_000]);
    const [check, doctor] = await told();
    assert.deepEqual(check, ['warning: DRAWBRIDGE_REDIS_URL: maxmemory-policy is allkeys-lru: Redis evicts keys of ours once it uses maxmemory (100000000 bytes); noeviction is needed']);
    assert.match(doctor[0], /^FAIL +redis: it evicts keys once it reaches maxmemory/);
  });

  it('with noeviction it does not, and nothing is said of it', async () => {
    await site.server.ask('CONFIG', 'SET', 'maxmemory-policy', 'noeviction');
    assert.deepEqual(await ready(), { status: 'ok' });
    assert.deepEqual(await gauges(), [0, 100_000_000]);
    assert.deepEqual(await told(), [[], []]);
  });
});

// A process of mod_fcgid asks one question at a time, and so hears of no other answer.
if (SERVER !== 'apache') suite('redis that answers one question late', {
  settings: { RATE: 0 },
  redis: () => Door.start(),
  allowed: [/^warn at=redis\.ask redis=late ms=\d+$/],
}, (site, it) => {
  it('that one is refused, and no other: Redis is not away while others are answered', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    const slow = randomId('slow');
    site.server.keeps = [`channels:${slow}`];
    let isOver = false;
    const late = site.peer().ask('POST', `/${slow}/join`).finally(() => { isOver = true; });
    for (let n = 0, after = 0; after < 20; n++) { // 20 more than until that one was given up
      assert.equal(await ann.relay(bob, 'n', n), true);
      isRelayed(await bob.stream.next(), ann, 'n', n);
      // By all threads, of which one has to connect again.
      const others = await Promise.all(Array.from({ length: 4 }, () => ann.others(ann.room)));
      assert.deepEqual(others, Array(4).fill([bob.id]));
      if (isOver) after++;
    }
    refused(await late, 503);
    (await site.peer().open()).cut();
  });
});

for (const prefix of ['', 'draw:']) {
  suite(`redis as the user of drawbridge-operations(7), with the prefix "${prefix}"`, {
    settings: { PING, PREFIX: prefix },
    redis: () => RedisServer.start(PASSWORD, { user: redisUser(prefix) }),
  }, (site, it) => {
    it('has the rights for a whole session, and asks for no other', async () => {
      assert.equal((await site.request('GET', '/health/ready')).status, 200);
      assert.equal((await site.request('GET', '/metrics')).status, 200);
      const room = randomId('r');
      const [ann, bob, cat] = await Promise.all(['ann', 'bob', 'cat'].map(async (username) => {
        const { user, token } = (await site.request('POST', '/access', { body: { username } })).json;
        const peer = Object.assign(new Peer(site, user), { token });
        peer.stream = await peer.open();
        return peer;
      }));
      await ann.join(room);
      await site.server.ask('SCRIPT', 'FLUSH', 'SYNC');
      assert.deepEqual(await bob.join(room), [ann.user]);
      isAdded(await ann.stream.next(), bob, room, false);
      isAdded(await bob.stream.next(), ann, room, true);
      assert.deepEqual(await ann.others(room), [bob.id]);
      await cat.join(room);
      for (const [one, count] of /** @type {[Peer, number][]} */ ([[ann, 1], [bob, 1], [cat, 2]])) {
        for (let i = 0; i < count; i++) await one.stream.next();
      }

      assert.equal(await ann.relay(bob, 'x', 1), true);
      isRelayed(await bob.stream.next(), ann, 'x', 1);
      assert.equal((await ann.ask('POST', `/relay/${bob.id}`, [{ event: 'y', data: 2 }])).status, 200);
      isRelayed(await bob.stream.next(), ann, 'y', 2);
      assert.equal((await bob.ask('POST', `/${room}/broadcast/z`, '3')).json.peers, 2);
      for (const one of [ann, cat]) isRelayed(await one.stream.next(), bob, 'z', 3);

      bob.stream.cut();
      await until(async () => !(await ann.relay(bob, 'n', 4)), 'bob to be away');
      const again = await bob.open({ after: bob.stream.lastEventId });
      assert.equal(again.connected.resumed, true);
      await again.find(({ event }) => event === 'n');
      await bob.leave(room);
      for (const one of [ann, cat]) isRemoved(await one.stream.next(), bob, room);
      cat.stream.cut();
      isRemoved(await ann.stream.next(), cat, room);
      await ann.stream.ping(2);
      assert.deepEqual(await site.server.ask('ACL', 'LOG'), []);
    });
  });
}
