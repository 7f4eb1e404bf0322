// GET /metrics: what is counted, over all processes, whoever of them is killed; and who may read it.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { refused } from './lib/http.js';
import { KILLED } from './lib/logs.js';
import { steps } from './lib/pace.js';
import { isRemoved } from './lib/peer.js';
import { isAlive, signal } from './lib/processes.js';
import { checkHistogram, parse, promtool } from './lib/prometheus.js';
import { RedisServer } from './lib/redis-server.js';
import { FULL, GRACE, suite } from './lib/suite.js';
import { nowSeconds, randomId } from './lib/tokens.js';
import { timed, until } from './lib/wait.js';

const TOKEN = 'a-token-for-metrics';
const PROXY = { 'X-Forwarded-For': '192.0.2.1' };
const TRIPS = 'drawbridge_redis_round_trip_seconds';

async function read(site) {
  const answer = await site.request('GET', '/metrics');
  assert.equal(answer.status, 200, answer.text);
  return parse(answer.text);
}

/** How much more each is by now: waits for what is wanted. */
async function grown(site, before, want) {
  const names = Object.keys(want);
  const more = async () => {
    const now = await read(site);
    return Object.fromEntries(names.map((name) => [name, now[name] - before[name]]));
  };
  let got;
  await until(async () => {
    got = await more();
    return names.every((name) => got[name] === want[name]);
  }, () => JSON.stringify(got)).catch(() => {});
  assert.deepEqual(got, want);
}

const ended = (reason) => `drawbridge_streams_ended_total{reason="${reason}"}`;
const connects = (outcome) => `drawbridge_connects_total{outcome="${outcome}"}`;
const relays = (outcome) => `drawbridge_relays_total{outcome="${outcome}"}`;
const refusals = (error) => `drawbridge_refused_total{error="${error}"}`;

/** No stream is unaccounted for. */
function balance(values) {
  const over = Object.entries(values).filter(([name]) => name.startsWith('drawbridge_streams_ended_total'))
    .reduce((sum, [, count]) => sum + count, 0);
  assert.equal(values.drawbridge_streams_opened_total, over + values.drawbridge_streams);
}

suite('metrics', {}, (site, it) => {
  it('is Prometheus text, of all processes', async () => {
    const answer = await site.request('GET', '/metrics');
    assert.equal(answer.status, 200, answer.text);
    assert.match(answer.headers['content-type'], /^text\/plain; ?version=0\.0\.4; ?charset=utf-8$/i);
    assert.equal(answer.headers['cache-control'], 'no-store');
    const values = parse(answer.text);
    checkHistogram(values, TRIPS);
    assert.equal(values.drawbridge_shared, 1);
    assert.equal(promtool(answer.text), '');
    const head = await site.request('HEAD', '/metrics');
    assert.equal(head.status, 200);
    assert.equal(head.text, '');
    refused(await site.request('POST', '/metrics'), 405);
  });

  it('counts what happened, each once', async () => {
    const before = await read(site);
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    assert.equal(await ann.relay(bob, 'x', 1), true);
    assert.equal((await ann.ask('POST', `/relay/${bob.id}`, [1, 2, 3].map((data) => ({ event: 'x', data })))).status, 200);
    assert.equal((await ann.ask('POST', `/${room}/broadcast/x`, '1')).status, 200);
    for (const path of [`/relay/${bob.id}/x`, `/${room}/broadcast/x`]) {
      for (let i = 0; i < 2; i++) assert.equal((await ann.ask('POST', path, '1', { 'Idempotency-Key': path.replace(/\W/g, '') })).status, 200);
    }
    refused(await ann.ask('POST', '/relay/nobody/x', '1'), 404);
    refused(await site.request('POST', `/${room}/join`), 401);
    refused(await ann.ask('POST', `/relay/${bob.id}/x`, '{'), 400);
    for (let i = 0; i < 7; i++) await bob.stream.next();

    const at = bob.stream.lastEventId;
    bob.stream.cut();
    let delivered = 0;
    await until(async () => {
      const taken = await ann.relay(bob, 'x', 2);
      delivered += Number(taken);
      return !taken;
    }, 'the stream to be let go');
    bob.stream = await bob.open({ after: at });
    assert.equal(bob.stream.connected.resumed, true);
    for (let i = 0; i < delivered + 1; i++) await bob.stream.next();
    const again = await bob.open({ after: '1-1' });
    assert.equal(again.connected.resumed, false);
    await bob.leave(room);
    await bob.leave(room); // of which there is only one
    await grown(site, before, {
      drawbridge_streams: 3,
      drawbridge_streams_opened_total: 4,
      [ended('client-gone')]: 1,
      [ended('killed')]: 0,
      [connects('new')]: 2,
      [connects('resumed')]: 1,
      [connects('not-resumed')]: 1,
      drawbridge_replayed_total: delivered + 1,
      [relays('delivered')]: 3 + delivered,
      [relays('repeated')]: 1,
      [relays('kept')]: 1,
      [relays('refused')]: 1,
      [relays('unknown')]: 0,
      drawbridge_broadcasts_total: 2,
      drawbridge_messages_total: 1 + 3 + 1 + 2 + delivered + 1,
      drawbridge_joins_total: 2,
      drawbridge_leaves_total: 1,
      [refusals('no-peer')]: 1,
      [refusals('no-token')]: 1,
      [refusals('input')]: 1,
      drawbridge_redis_lost_total: 0,
      drawbridge_redis_errors_total: 0,
    });
    const now = await read(site);
    balance(now);
    checkHistogram(now, TRIPS);
    assert.ok(now[`${TRIPS}_count`] - before[`${TRIPS}_count`] >= 15);
    assert.ok(now[`${TRIPS}_sum`] > before[`${TRIPS}_sum`]);
    for (const stream of [ann.stream, bob.stream, again]) stream.cut();
    await grown(site, before, { drawbridge_streams: 0, [ended('client-gone')]: 4, drawbridge_reaped_peers_total: 2 });
  });

  it('tells why streams end, and who was reaped', async () => {
    const before = await read(site);
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    const brief = site.peer({ exp: nowSeconds() + 1 + GRACE });
    await (await brief.open()).end();
    bob.stream.cut();
    isRemoved(await ann.stream.next(), bob, room);
    await grown(site, before, { [ended('token')]: 1, [ended('client-gone')]: 1, drawbridge_reaped_peers_total: 2 });
    ann.stream.cut();
    await grown(site, before, { drawbridge_streams: 0 });
  });

  it('is for this host: a proxy is not the one who asks', async () => {
    const before = await read(site);
    refused(await site.request('GET', '/metrics', { headers: PROXY }), 403);
    refused(await site.request('GET', '/metrics', { headers: { Forwarded: 'for=192.0.2.1' } }), 403);
    refused(await site.request('GET', '/metrics', { headers: PROXY, token: site.peer().token }), 403);
    await grown(site, before, { [refusals('address')]: 3 });
  });

  it('the programs may write nowhere but there', () => {
    for (const server of /** @type {import('./lib/server.js').Server[]} */ (site.servers)) {
      for (const pid of [...server.processes('signal.fcgi'), ...server.processes('stream.fcgi')]) {
        const shared = readFileSync(`/proc/${pid}/maps`, 'utf8').split('\n').filter((line) => /^\S+ .w.s /.test(line));
        assert.deepEqual(shared.map((line) => line.split(/ +/)[5]), [`/dev/shm/${server.shm}`]);
        for (const fd of readdirSync(`/proc/${pid}/fd`)) {
          const flags = Number.parseInt(/^flags:\s*([0-7]+)/m.exec(readFileSync(`/proc/${pid}/fdinfo/${fd}`, 'utf8'))[1], 8);
          // 1 and 2 are the web server's, for what the program says.
          const writes = flags % 4 !== 0 && Number(fd) > 2 && statSync(`/proc/${pid}/fd/${fd}`).isFile();
          assert.ok(!writes, `${fd}: ${readlinkSync(`/proc/${pid}/fd/${fd}`)}`);
        }
      }
    }
  });
});

// The empty one is as one that is not set. Behind a proxy that says nothing of its clients all of them are the proxy.
suite('metrics where no setting says whose they are', { settings: { METRICS_FROM: '' } }, (site, it) => {
  it('are nobody’s', async () => {
    refused(await site.request('GET', '/metrics'), 403);
    refused(await site.request('GET', '/metrics', { token: site.peer().token }), 403);
  });
});

// A token lets in whoever has it; the addresses are none here.
suite('metrics by token', { settings: { METRICS_FROM: 'none', METRICS_TOKEN: TOKEN } }, (site, it) => {
  it('who has the token may read, from anywhere', async () => {
    refused(await site.request('GET', '/metrics'), 401);
    const wrong = refused(await site.request('GET', '/metrics', { token: `${TOKEN}x` }), 401);
    assert.match(wrong.headers['www-authenticate'], /invalid_token/);
    refused(await site.request('GET', `/metrics?token=${TOKEN}`), 401);
    refused(await site.request('GET', '/metrics', { token: site.peer().token }), 401);
    for (const headers of [{}, PROXY]) {
      const answer = await site.request('GET', '/metrics', { token: TOKEN, headers });
      assert.equal(answer.status, 200, answer.text);
      assert.equal(parse(answer.text).drawbridge_streams, 0);
    }
  });
});

suite('metrics after kill -9', { settings: { STREAMS: 6 }, allowed: [...KILLED, /\[proxy_fcgi:error\] .* AH010(67|68|75)|^Killed$/] }, (site, it) => {
  const programs = () => [...site.processes('stream.fcgi'), ...site.processes('signal.fcgi')];

  it('no count is lost, and no stream is counted that is gone', async () => {
    const room = randomId('r');
    const peers = await site.room(room, 5);
    for (const peer of peers.slice(1)) await peers[0].relay(peer, 'x', 1);
    const before = await read(site);
    assert.equal(before.drawbridge_streams, 5);
    balance(before);
    const killed = programs();
    for (const pid of killed) signal(pid, 'SIGKILL');
    await until(() => !killed.some(isAlive), 'them to die');
    // They are looked for once a second.
    const after = await until(async () => {
      const now = await read(site).catch(() => null);
      return now?.drawbridge_streams === 0 && now;
    }, 'the next to answer, and to count none of them');
    assert.equal(after[ended('killed')] - before[ended('killed')], 5);
    balance(after);
    for (const name of ['drawbridge_streams_opened_total', 'drawbridge_joins_total', relays('delivered')]) {
      assert.equal(after[name], before[name], name);
    }
    for (const name of Object.keys(before)) {
      if (name !== 'drawbridge_streams') assert.ok(after[name] >= before[name], `${name}: ${after[name]} after ${before[name]}`);
    }
  });

  it('STREAMS are those of all processes: one more gets 503 at once, until one is gone', async () => {
    const before = await read(site);
    const streams = [];
    for (let i = 0; i < 6; i++) streams.push(await site.peer().open());
    const late = site.peer();
    const { value, ms } = await timed(() => late.ask('GET', '/connect'));
    refused(value, 503);
    assert.ok(ms < 3_000 + steps(4), `${ms} ms`);
    await grown(site, before, { drawbridge_streams: 6, [refusals('busy')]: 1 });
    const [pid] = site.processes('stream.fcgi');
    signal(pid, 'SIGKILL');
    await until(() => !isAlive(pid), 'it to die');
    const stream = await until(async () => {
      const one = await late.try().catch(() => null);
      if (one?.status === 200) return one;
      one?.cut();
      return null;
    }, 'room for one more');
    assert.equal((await stream.next()).event, 'connected');
    balance(await read(site));
  });
});

if (FULL) {
  suite('metrics without Redis', {
    redis: () => RedisServer.start(),
    allowed: [/^(warn|error) at=redis\.[a-z]+ /],
  }, (site, it) => {
    it('needs none, and tells how often it was lost and back', async () => {
      const ann = site.peer();
      await ann.join(randomId('r'));
      const before = await read(site);
      await site.server.kill();
      await until(async () => (await ann.ask('POST', '/r/join')).status === 503, 'Redis to be missed');
      refused(await ann.ask('GET', '/connect'), 503);
      // A stream is counted when it has ended, which is after its answer.
      const away = await until(async () => {
        const now = await read(site);
        return now[ended('redis')] - before[ended('redis')] === 1 && now;
      }, 'the stream that was refused to be counted');
      assert.ok(away.drawbridge_redis_lost_total > before.drawbridge_redis_lost_total);
      assert.ok(away[refusals('redis')] - before[refusals('redis')] >= 2);
      balance(away);
      await site.server.start();
      await until(async () => (await ann.ask('POST', '/r/join')).status === 200, 'Redis to be found');
      const back = await read(site);
      assert.ok(back.drawbridge_redis_back_total > before.drawbridge_redis_back_total);
    });
  });
}
