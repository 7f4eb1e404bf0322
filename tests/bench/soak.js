// soak.js - peers come and go for as long as one likes, while some stay: what each minute leaves behind.
//
//   BUILD=.build MINUTES=60 [SERVER=apache] [STREAMS=50] [VISITORS=30] node tests/bench/soak.js      (make soak)
//
// In each minute VISITORS come, one after the other, say something and go, each in one of several ways; at its end only
// those are there who stay (STREAMS), and it is looked at what all processes have. The minutes are alike, so what stands
// higher in the last third of them than in the second was left behind: it fails then. The first third is for what is
// made once: threads, arenas, pools. Then all go, and what is left of them is to go, too.
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { RedisServer, isEmptied } from '../http/lib/redis-server.js';
import { Site } from '../http/lib/site.js';
import { nowSeconds, randomId } from '../http/lib/tokens.js';
import { processes } from '../http/lib/usage.js';
import { pause, until } from '../http/lib/wait.js';

const SERVER = process.env.SERVER || 'lighttpd';
const MINUTES = Number(process.env.MINUTES) || 60;
const STAY = Number(process.env.STREAMS) || { lighttpd: 100, nginx: 100, 'apache-proxy': 50, apache: 20 }[SERVER];
const VISITORS = Number(process.env.VISITORS) || 30; // in a minute
const COME_MS = 35_000, STAY_MS = 10_000, MINUTE_MS = 60_000; // the rest is for GRACE, and for what expires
const SETTINGS = { PING: 2, GRACE: 3, MAILBOX_TTL: 6, ACCESS_RATE: 0, STREAM_AGE: 86_400 };

// What may be more in the last third. Memory: malloc gives back what it keeps now and then, and a page more of each of
// some threads is no leak; of Apache's threads, 256 at its start, some serve for the first time after many minutes. All
// else is counted: one may just have been in use.
const MORE = { memory: 0.02, web: 0.05, memory_kib: 100, counted: 0.02, counted_n: 1 };
const WEB = ['lighttpd', 'apache2', 'nginx'], REDIS = ['redis-server', 'valkey-server'];

// Once nobody is there. mod_fcgid looks every two minutes for processes that were idle for five (apache/drawbridge.conf).
const STREAM_KIB_MAX = 1000, STREAM_REDIS_MAX = 2; // of a process that holds one stream
const GONE_MS = 75_000, IDLE_MS = 8 * 60_000;
const WORKERS = SERVER === 'apache' ? 1 : 3; // each has a connection, where the settings say no other
const LEFT = { 'stream.fcgi': SERVER === 'apache' ? 0 : 1, 'signal.fcgi': SERVER === 'apache' ? 16 : 1 };

const PROGRAMS = ['stream.fcgi', 'signal.fcgi', ...WEB, ...REDIS];
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** @typedef {{processes: number, kib: number, descriptors: number, redis: number}} Sum */

function read(file, otherwise = '') {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return otherwise; // the process has ended
  }
}

/** Of the sockets that are connected to Redis: their inodes. */
const toRedis = (port) => new Set(read('/proc/net/tcp').split('\n').map((line) => line.trim().split(/\s+/))
  .filter(([, , to, state]) => state === '01' && to.endsWith(`:${port.toString(16).toUpperCase().padStart(4, '0')}`))
  .map((fields) => `socket:[${fields[9]}]`));

function descriptors(pid) {
  try {
    return readdirSync(`/proc/${pid}/fd`).map((name) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${name}`);
      } catch {
        return '';
      }
    });
  } catch {
    return [];
  }
}

/** What the processes of each program have, added up. */
function look(roots, port) {
  const sockets = toRedis(port);
  /** @type {{[comm: string]: Sum}} */ const sums = {};
  for (const { pid, comm } of processes(roots).filter((one) => PROGRAMS.includes(one.comm))) {
    const files = descriptors(pid);
    const sum = sums[comm] ??= { processes: 0, kib: 0, descriptors: 0, redis: 0 };
    sum.processes++;
    sum.kib += [...read(`/proc/${pid}/smaps_rollup`).matchAll(/^Private_(?:Clean|Dirty): +(\d+)/gm)].reduce((so, [, kib]) => so + Number(kib), 0);
    sum.descriptors += files.length;
    sum.redis += files.filter((name) => sockets.has(name)).length;
  }
  return sums;
}

const shown = ({ processes: n, kib, descriptors: files, redis }) =>
  `${n > 1 ? `${n} × ${Math.round(kib / n)} KiB` : `${kib} KiB`}, ${files} descriptors${redis ? `, ${redis} to Redis` : ''}`;

/** @param {Site} site
 *  @param {import('../http/lib/peer.js').Peer} host  who stays */
async function visit(site, host, i) {
  const peer = site.peer();
  await site.request('POST', '/access', { body: { username: 'ann' } });
  let stream = await peer.open();
  await peer.join(host.room);
  await peer.relay(host, 'hello', 'x'.repeat(200));
  await host.relay(peer, 'hello', 'x'.repeat(200));
  await peer.ask('POST', `/${host.room}/broadcast/all`, '1');
  await pause((i * 7 % 10 + 1) * STAY_MS / 10);
  if (i % 3 === 0) { // it is away for a moment
    stream.cut();
    await host.relay(peer, 'missed', 1);
    stream = await peer.open({ after: stream.lastEventId });
  }
  if (i % 2) await peer.leave(host.room);
  stream.cut();
}

async function minute(site, hosts, end) {
  const visits = [];
  for (let i = 0; i < VISITORS; i++) {
    visits.push(visit(site, hosts[i % hosts.length], i));
    await pause(COME_MS / VISITORS);
  }
  await Promise.all(visits);
  await pause(end - performance.now());
}

/** What stands above what it was: sentences. */
function risen(samples) {
  const third = Math.floor(samples.length / 3);
  const [second, last] = [samples.slice(-2 * third, -third), samples.slice(-third)];
  const wrong = [];
  const compare = (what, of, most) => {
    const [then, now] = [second, last].map((list) => median(list.map(of)));
    if (now > most(then)) wrong.push(`${what}: ${now} in the last third, ${then} in the second`);
  };
  const counted = (n) => n * (1 + MORE.counted) + MORE.counted_n;
  compare('keys in Redis', (one) => one.keys, (n) => n);
  for (const name of Object.keys(samples[0].sums)) {
    const of = (member) => (one) => one.sums[name]?.[member] ?? 0;
    compare(`${name}: KiB of its own`, of('kib'), (n) => n * (1 + (WEB.includes(name) ? MORE.web : MORE.memory)) + MORE.memory_kib);
    for (const member of ['processes', 'descriptors', 'redis']) compare(`${name}: ${member}`, of(member), counted);
  }
  return wrong;
}

/** What does not go once all have gone: sentences. */
async function left(site, redis, sample) {
  const wrong = [];
  const gone = (what, is, ms) => until(is, what, ms).catch((error) => wrong.push(error.message));
  const has = (name, member) => sample()[name]?.[member] ?? 0;
  await gone('all keys to be gone from Redis', () => isEmptied((...words) => redis.ask(...words)), GONE_MS);
  await gone('no stream to be counted', async () => /^drawbridge_streams 0$/m.test((await site.request('GET', '/metrics')).text), GONE_MS);
  await gone('stream.fcgi to have no connection to Redis', () => has('stream.fcgi', 'redis') === 0, GONE_MS);
  await gone('signal.fcgi to have one connection for each worker', () =>
    has('signal.fcgi', 'redis') <= WORKERS * has('signal.fcgi', 'processes'), GONE_MS);
  for (const [name, most] of Object.entries(LEFT)) {
    await gone(`at most ${most} processes of ${name}`, () => has(name, 'processes') <= most, IDLE_MS);
  }
  return wrong;
}

async function soak() {
  const redis = await RedisServer.start();
  const site = await Site.start({ servers: [[SERVER, '/']], redis: redis.url, settings: SETTINGS });
  const roots = [site.servers[0].pid, redis.pid];
  const sample = () => look(roots, redis.port);
  const hosts = [];
  // Tokens that last as long as they stay.
  const exp = nowSeconds() + 2 * MINUTES * 60;
  for (let i = 0; i < STAY; i += 2) hosts.push(...await site.room(randomId('r'), Math.min(2, STAY - i), () => ({ exp })));
  for (const host of hosts) host.stream.onEvent = () => {};
  const samples = [];
  for (let n = 1; n <= MINUTES; n++) {
    await minute(site, hosts, performance.now() + MINUTE_MS);
    const one = { keys: await redis.ask('DBSIZE'), sums: sample() };
    // Which pages it keeps is its allocator's affair, 4 MiB more or less; this is what is in use.
    const used = Number(/^used_memory:(\d+)/m.exec(await redis.ask('INFO', 'memory'))[1]);
    for (const name of REDIS) if (one.sums[name]) one.sums[name].kib = Math.round(used / 1024);
    samples.push(one);
    console.log(`| ${n} | ${one.keys} | ${Object.entries(one.sums).map(([name, sum]) => `${name} ${shown(sum)}`).join(' | ')} |`);
  }
  const wrong = risen(samples);
  const { kib, redis: connections, processes: n } = samples.at(-1).sums['stream.fcgi'];
  if (SERVER === 'apache' && kib > n * STREAM_KIB_MAX) wrong.push(`stream.fcgi: ${Math.round(kib / n)} KiB each, not ${STREAM_KIB_MAX}`);
  if (SERVER === 'apache' && connections > n * STREAM_REDIS_MAX) wrong.push(`stream.fcgi: ${connections} connections to Redis of ${n} processes`);
  for (const host of hosts) {
    if (host.stream.ended) wrong.push(`a stream that was held has ended: ${host.stream.ended}`);
    host.stream.cut();
  }
  wrong.push(...await left(site, redis, sample));
  console.log(`| at its end | ${await redis.ask('DBSIZE')} | ${Object.entries(sample()).map(([name, sum]) => `${name} ${shown(sum)}`).join(' | ')} |`);
  wrong.push(...await site.finish());
  await redis.remove();
  return wrong;
}

if (!STAY || MINUTES < 3) {
  console.error('soak: SERVER is lighttpd, nginx, apache-proxy or apache, and MINUTES 3 at least');
  process.exit(2);
}
console.log(`on ${SERVER}: ${STAY} streams stay, ${VISITORS} come and go in each of ${MINUTES} minutes\n\n| minute | keys | programs |\n| --- | --- | --- |`);
const wrong = await soak();
for (const one of wrong) console.log(`wrong: ${one}`);
process.exit(wrong.length ? 1 : 0);
