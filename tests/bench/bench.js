// bench.js - what Drawbridge costs: a table, beside a program that does nothing and nchan with Redis; and a picture
// beside some more (picture.js), bench.svg in BUILD.
//
//   BUILD=.build [SERVER=apache] node tests/bench/bench.js [PART…]      (make bench)
//
// Figures depend on the machine and on what else it does; what counts are ratios of what was
// measured in turn, and CPU times. Each is the median of TIMES (3).
import { execFileSync } from 'node:child_process';
import path from 'node:path';
import { RUNS, callsOf, noCalls, switchesOf } from './calls.js';
import { heldFromAfar, killed } from './crowd.js';
import { BODY, Drawbridge, Nchan, Null, Original, Pushpin } from './targets.js';
import { Group } from './group.js';
import { load } from './load.js';
import { CHARTS, draw, noPicture, show } from './picture.js';
import { Far, noFar } from '../http/lib/far.js';
import { isEmptied } from '../http/lib/redis-server.js';
import { Site } from '../http/lib/site.js';
import { BEAT, MS, ROWS, SETTINGS, trips } from '../http/lib/trips.js';
import { PROGRAMS, byName, cpu, eachKind, less, memory, threadUs } from '../http/lib/usage.js';
import { pause, until } from '../http/lib/wait.js';

const SERVER = process.env.SERVER || 'lighttpd';
const STREAMS = Number(process.env.STREAMS);
const HELD = STREAMS || { lighttpd: 5000, nginx: 5000, 'apache-proxy': 2000, apache: 200 }[SERVER];
const ROUNDS = Number(process.env.TIMES) || 3;
const TRIES = 5; // of round trips
const AT_A_TIME = 16, BATCH = 16;
const OPENED = Math.min(HELD, 1000);
const IDLE = STREAMS ? [STREAMS] : { lighttpd: [1000, 5000, 20000], nginx: [1000, 5000, 20000], 'apache-proxy': [1000, 5000], apache: [200] }[SERVER];
const SETTLE_S = 30, SECONDS = Number(process.env.SECONDS) || 60; // idle: three PINGs, and what is measured
const DESCRIPTORS = 65536;
const AWAY = [1, 5, 10, 60]; // ms to Redis, each way
const FROM_AFAR = 64; // at a time
const CROWD = { ms: 10, streams: STREAMS || 10_000, seconds: Number(process.env.SECONDS) || 600 };
const ROOM_SIZES = [8, 32, 128, 500].filter((members) => members <= HELD);

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const us = (n) => `${n < 10 ? n.toFixed(1) : Math.round(n)} µs`;
const kib = (n) => `${n.toFixed(1)} KiB`;
const count = (n) => String(Math.round(n));

/** By part, where it comes from: "68 µs (web server 31, programs 22, Redis 15)". */
const split = ({ all, web, programs, redis }, show) => `${show(all)} `
  + `(web server ${web.toFixed(1)}, programs ${programs.toFixed(1)}, Redis ${redis.toFixed(1)})`;
const over = (sum, n) => eachKind((kind) => sum[kind] / n);
const medians = (list) => eachKind((kind) => median(list.map((one) => one[kind])));

const print = (...cells) => console.log(`| ${cells.join(' | ')} |`);

/** @typedef {['≤' | '≥', number]} Must */

/** Of a Redis that is at most 10 ms away. @type {{opened?: Must, relays?: Must}} */
const FAR_MUST = { opened: ['≥', 1000], relays: ['≥', 2000] };

/**
 * A row. must and aim, which are for lighttpd, are of the ratio if there is one, else of the value.
 * @param {string} what
 * @param {string} ours
 * @param {{beside?: string, ratio?: number, value?: number, must?: Must, aim?: number}} [more]
 */
function row(what, ours, { beside = '', ratio, value = ratio, must, aim } = {}) {
  if (SERVER !== 'lighttpd') must = aim = undefined;
  const missed = must && value !== undefined && !(must[0] === '≤' ? value <= must[1] : value >= must[1]);
  print(what, ours, beside, ratio === undefined ? '' : `${ratio.toFixed(2)} ×`,
    [must && `${must.join(' ')}${missed ? ' **missed**' : ''}`, aim && `aim ${aim}`].filter(Boolean).join(', '));
}

/** The median of ours to theirs, each round by itself; undefined where there are none of them. */
const ratio = (ours, theirs) => theirs.length ? median(ours.map((value, i) => value / theirs[i])) : undefined;

/** CPU time of what is asked of a target, beside what load() gives.
 *  @param {import('./targets.js').Target} target
 *  @param {import('./targets.js').Load} load */
async function posts(target, { clients, meanwhile }, ...options) {
  /** @type {import('../http/lib/usage.js').Usage} */ let before;
  const result = await load('post', target, clients, options, async () => {
    await meanwhile?.();
    before = cpu(target.roots);
  });
  if (result.missing) throw new Error(`${target.name}: ${result.missing} messages did not arrive`);
  result.cpu = over(less(cpu(target.roots), before), result.all_messages || result.all_posts);
  return result;
}

// Three figures of a target.
const relay = async (target) => (await posts(target, target.pairs(AT_A_TIME), '-e')).cpu;
const latency = async (target) => (await posts(target, target.pairs(1), '-e')).event_us;
async function opened(target) {
  const { streams, seconds } = await load('open', target, target.peers(OPENED), ['-c', AT_A_TIME]);
  return streams / seconds;
}

/** What Redis took for a script, since its counts were reset. */
async function scriptUs(redis) {
  return Number(/^cmdstat_evalsha:.*usec_per_call=([\d.]+)/m.exec(await redis.ask('INFO', 'commandstats'))[1]);
}

async function times() {
  const nothing = await Null.start();
  const asking = await Null.start({ asks: true });
  const nchan = Nchan.missing() ? undefined : await Nchan.start();
  const ours = await Drawbridge.start();
  const got = {};
  const note = (name, value) => (got[name] ??= []).push(value);
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, target] of /** @type {[string, InstanceType<typeof Null>][]} */ ([['null', nothing], ['asking', asking]])) {
      note(name, (await posts(target, target.pairs(AT_A_TIME))).cpu.all);
      note(`${name} opened`, await opened(target));
    }
    note('nothing', await scriptUs(asking.redis));
    for (const target of nchan ? [nchan, ours] : [ours]) {
      const { name } = target;
      await target.redis.ask('CONFIG', 'RESETSTAT');
      note(`${name} cpu`, await relay(target));
      if (target === ours) note('script', await scriptUs(ours.redis));
      const { messages, seconds } = await posts(target, target.pairs(AT_A_TIME));
      note(`${name} rate`, messages / seconds);
      note(`${name} latency`, await latency(target));
      note(`${name} opened`, await opened(target));
    }
    await ours.redis.ask('CONFIG', 'RESETSTAT');
    note('keyed', (await posts(ours, ours.pairs(AT_A_TIME, { keyed: true }), '-e')).cpu);
    note('keyed script', await scriptUs(ours.redis));
    note('batch', (await posts(ours, ours.pairs(AT_A_TIME, { batch: BATCH }), '-e')).cpu.all);
  }
  const own = (name) => got[`drawbridge ${name}`];
  const theirs = (name) => got[`nchan ${name}`] ?? [];
  const beside = (name, show) => nchan ? `nchan ${show(median(theirs(name)))}` : '';
  const [cpus, nchanCpus] = [own('cpu'), theirs('cpu')].map((list) => list.map((one) => one.all));

  row(`relay, CPU of all processes, ${AT_A_TIME} at a time`, split(medians(own('cpu')), us), {
    beside: `a program that does nothing ${us(median(got.null))}`, ratio: ratio(cpus, got.null), must: ['≤', 2], aim: 1.6 });
  row('likewise', us(median(cpus)), {
    beside: `a program that asks Redis for nothing ${us(median(got.asking))}`, ratio: ratio(cpus, got.asking) });
  if (nchan) {
    row('likewise', us(median(cpus)), { beside: `nchan ${us(median(nchanCpus))}`, ratio: ratio(cpus, nchanCpus), aim: 1 });
  }
  for (const [name, what, show, must, aim] of /** @type {[string, string, (n: number) => string, Must, number][]} */ ([
    ['rate', `relays a second, ${AT_A_TIME} at a time`, count, ['≥', 0.8], 1],
    ['latency', 'from a relay to its event, one at a time', us, ['≤', 1.3], 1],
    ['opened', `streams opened a second, ${AT_A_TIME} at a time`, count, ['≥', 0.4], 0.7],
  ])) {
    row(what, show(median(own(name))), {
      beside: beside(name, show), ratio: ratio(own(name), theirs(name)), must, aim });
  }
  for (const [name, what] of [['null', 'does nothing'], ['asking', 'asks Redis as often, for nothing']]) {
    const rates = got[`${name} opened`];
    row('likewise', count(median(own('opened'))), {
      beside: `a program that ${what} ${count(median(rates))}`, ratio: ratio(own('opened'), rates) });
  }
  row(`signals of a CPU second, in batches of ${BATCH}`, count(1e6 / median(got.batch)), {
    beside: nchan ? `nchan ${count(1e6 / median(nchanCpus))}` : '',
    ratio: nchan && ratio(nchanCpus, got.batch), must: ['≥', 2], aim: 4 });
  const script = median(got.script);
  row(`relay in Redis, ${BODY} bytes`, us(script), { beside: `a script that does nothing ${us(median(got.nothing))}`,
    ratio: ratio(got.script, got.nothing) });
  const keyed = got.keyed.map((one) => one.all);
  row('relay that may be repeated, CPU of all processes', split(medians(got.keyed), us), {
    beside: `without a key ${us(median(cpus))}`, ratio: ratio(keyed, cpus), must: ['≤', 1.3], aim: 1.15 });
  row('likewise in Redis', us(median(got['keyed script'])), { beside: `without a key ${us(script)}`,
    ratio: ratio(got['keyed script'], got.script) });
  for (const target of [nothing, asking, nchan, ours]) await target?.stop();
}

/** System calls and context switches. */
async function calls() {
  const nchan = Nchan.missing() ? undefined : await Nchan.start();
  const ours = await Drawbridge.start();
  const show = (sums) => Object.entries(sums).map(([name, n]) => `${name} ${n.toFixed(1)}`).join(', ');
  const sum = (sums) => Object.values(sums).reduce((so, n) => so + n, 0);
  for (const [what, run] of Object.entries(RUNS)) {
    for (const [unit, count] of /** @type {[string, typeof callsOf][]} */ ([['context switches', switchesOf], ...(noCalls ? [] : [['system calls', callsOf]])])) {
      const own = await count(ours, run), theirs = nchan && await count(nchan, run);
      row(`${what}: ${unit}`, `${sum(own).toFixed(1)} (${show(own)})`, theirs && {
        beside: `nchan ${sum(theirs).toFixed(1)} (${show(theirs)})`, ratio: sum(own) / sum(theirs) });
    }
  }
  if (noCalls) print('system calls', `not counted: ${noCalls}`, '', '', '');
  for (const target of [nchan, ours]) await target?.stop();
}

/** KiB of each of many streams that are held, by process; and in all with the kernel's, where that can be told. */
async function held(start) {
  const group = Group.make();
  const target = await start(group?.command);
  const before = memory(target.roots), kernelBefore = group?.memory();
  const result = await load('hold', target, target.peers(HELD), [], async () => {
    await pause(15_000); // a ping, and what goes back to the kernel then
    const each = over(less(memory(target.roots), before), HELD);
    return { each, before, kernel: group && (group.memory() - kernelBefore) / HELD - each.all };
  });
  if (result.lost) throw new Error(`${target.name}: ${result.lost} streams were lost`);
  await target.stop();
  await group?.remove();
  return result;
}

async function streams() {
  const ours = await held((within) => Drawbridge.start({ within }));
  const nchan = Nchan.missing() ? undefined : await held(() => Nchan.start());
  row(`memory of a held stream, ${HELD} of them`, split(ours.each, kib), { beside: nchan ? `nchan ${kib(nchan.each.all)}` : '',
    value: ours.each.all, must: ['≤', 13.5], aim: 12 });
  if (ours.kernel !== undefined) row('and in the kernel', kib(ours.kernel));
  row('memory before the first stream', split(over(ours.before, 1024), (n) => `${n.toFixed(1)} MiB`));
}

const OF_500 = { ROOM_PEERS: 512, MAILBOX: 1024 };

/** One joins a room and leaves it again, while nothing else goes on. */
async function rooms() {
  const REPEATED = 20;
  const ours = await Drawbridge.start({ settings: OF_500 });
  const { redis } = ours;
  // All scripts are slower, and what they call is not: to log that would slow them down.
  await redis.ask('CONFIG', 'SET', 'slowlog-log-slower-than', '5');
  await redis.ask('CONFIG', 'SET', 'slowlog-max-len', '10000');
  const redisUs = async () => [...(await redis.ask('INFO', 'cpu')).matchAll(/^used_cpu_(?:user|sys):([\d.]+)/gm)]
    .reduce((so, [, seconds]) => so + seconds * 1e6, 0);
  for (const members of ROOM_SIZES) {
    const room = `room-of-${members}`;
    const peers = ours.peers(members);
    await load('hold', ours, peers, [], async () => {
      for (const peer of peers) await ours.join(peer, room);
      // Redis knows both scripts then: one that it does not know is asked for twice.
      await ours.leave(peers[0], room);
      await ours.join(peers[0], room);
      await pause(2_000);
      /** @type {number} */ let before;
      const visit = ['-n', 2 * REPEATED, '-w', 50];
      const { answer_us: [join, leave] } = await load('post', ours, [ours.visitor(room)], visit, async () => {
        await redis.ask('SLOWLOG', 'RESET');
        before = await redisUs();
      });
      const used = (await redisUs() - before) / REPEATED;
      // [id, when, µs, the command, …], the newest first.
      const scripts = (await redis.ask('SLOWLOG', 'GET', '10000'))
        .filter(([, , , words]) => words[0] === 'EVALSHA' && words.includes(room)).reverse();
      if (scripts.length !== 2 * REPEATED) {
        throw new Error(`${scripts.length} commands for ${2 * REPEATED} joins and leaves`);
      }
      const script = [0, 1].map((which) => median(scripts.filter((_, i) => i % 2 === which).map(([, , time]) => time)));
      row(`join a room of ${members}, leave it`, `${us(join)}, ${us(leave)}; a round trip each`, {
        beside: `Redis' script ${us(script[0])}, ${us(script[1])}: ${us(script[0] / members)}, ${us(script[1] / members)} a member; `
          + `with what it writes then, of both, ${us(used)}, in which it serves nobody else` });
    });
  }
  await ours.stop();
  await pings();
}

/** CPU time of a ping, in rooms of two and in one of all. There are ten times as many as usual, because CPU
 *  time is told in ticks. */
async function pings() {
  const SECONDS = 20;
  const size = Math.min(HELD, 500);
  const [two, one] = await Promise.all([(ours, peers) => ours.pair(peers), async (ours, peers) => {
    for (const peer of peers) await ours.join(peer, 'all');
  }].map(async (join) => {
    const ours = await Drawbridge.start({ settings: { ...OF_500, PING: 1, GRACE: 1, MAILBOX_TTL: 2 } });
    const peers = ours.peers(size);
    const { used } = await load('hold', ours, peers, [], async () => {
      await join(ours, peers);
      await pause(5_000); // what was told of the joins is no longer kept then
      const before = cpu(ours.roots);
      await pause(SECONDS * 1000);
      return { used: over(less(cpu(ours.roots), before), size * SECONDS) };
    });
    await ours.stop();
    return used;
  }));
  row(`a ping to an idle stream, in a room of ${size}`, split(one, us), {
    beside: `in a room of 2 ${split(two, us)}`, ratio: one.all / two.all, must: ['≤', 1.1] });
}

const commandCalls = async (redis, command) =>
  Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(await redis.ask('INFO', 'commandstats'))?.[1] ?? 0);

/** Holds so many streams of each of the targets, and does something meanwhile; it is given the ids of those that hold.
 *  Pushpin closes a few of thousands on which nothing goes on: a hundredth of what others hold does not matter.
 *  @returns {Promise<any>} */
async function holdAll(targets, size, meanwhile, pids = []) {
  const [target, ...rest] = targets;
  if (!target) return meanwhile(pids);
  const held = await load('hold', target, target.peers(size), ['-c', AT_A_TIME], (pid) => holdAll(rest, size, meanwhile, [...pids, pid]));
  if (held.lost) {
    const what = `${held.lost} of ${size} idle streams of ${target.name} were lost`;
    if (target instanceof Drawbridge || held.lost > size / 100) throw new Error(what);
    console.error(`bench: ${what}`);
  }
  return held;
}

/** Percent of a core that each program takes while streams are held on which nothing goes on: so many of each target;
 *  and KiB of each stream.
 *  @returns {Promise<{percent: {[comm: string]: number}, all: number, scripts: number, kib: number}>} */
async function idleOf(targets, size) {
  const roots = targets.flatMap((target) => target.roots);
  const [{ redis }] = targets;
  const empty = memory(roots);
  try {
    return await holdAll(targets, size, async (pids) => {
      await pause(SETTLE_S * 1000);
      const look = async () => ({ us: { ...byName(roots, threadUs), load: pids.reduce((sum, pid) => sum + threadUs(pid), 0) },
        at: performance.now(), scripts: redis ? await commandCalls(redis, 'evalsha') : 0 });
      const before = await look();
      await pause(SECONDS * 1000);
      const after = await look();
      const ms = after.at - before.at;
      const percent = Object.fromEntries(Object.entries(after.us)
        .map(([name, us]) => [name, (us - (before.us[name] ?? 0)) / ms / 10]));
      const all = Object.entries(percent).filter(([name]) => PROGRAMS.includes(name)).reduce((sum, [, one]) => sum + one, 0);
      const kib = less(memory(roots), empty).all / (size * targets.length);
      return { percent, all, scripts: (after.scripts - before.scripts) / ms * 1000, kib };
    });
  } finally {
    for (const target of targets.reverse()) await target.stop();
  }
}

const percents = ({ percent, all }) => `${all.toFixed(2)} % of a core (${
  PROGRAMS.filter((name) => name in percent).map((name) => `${name} ${percent[name].toFixed(2)}`).join(', ')})`;

/** How many files a process may have open, once root has raised that. */
function descriptors() {
  try {
    execFileSync('prlimit', [`--pid=${process.pid}`, `--nofile=${DESCRIPTORS}:${DESCRIPTORS}`], { stdio: 'ignore' });
    process.env.DESCRIPTORS = String(DESCRIPTORS); // for quickstart
    return DESCRIPTORS;
  } catch {
    return Number(execFileSync('sh', ['-c', 'ulimit -Hn']));
  }
}

/** As many web servers around one Redis as it takes: lighttpd has three connections for eight descriptors. */
const serversFor = (streams, files) => Math.ceil(streams / (files * 3 / 8 - 100));

async function deployment(streams, files) {
  const all = [];
  for (let i = 0; i < serversFor(streams, files); i++) all.push(await Drawbridge.start({ redis: all[0]?.server.redis, settings: { STREAMS: streams } }));
  return all;
}

async function idle() {
  const files = descriptors();
  const sums = {};
  for (const size of IDLE) {
    const streams = Math.min(size, files - 500); // Redis has a connection for each
    const servers = await deployment(streams, files);
    const ours = await idleOf(servers, Math.floor(streams / servers.length));
    // nginx takes some more for itself, and there is one of it.
    const nchan = Nchan.missing() || 2 * streams > files ? undefined
      : await idleOf([await Nchan.start({ ping: 10, connections: 2 * streams })], streams);
    sums[size] = ours.all;
    row(`${streams} idle streams, CPU over ${SECONDS} s`, percents(ours), {
      beside: `${nchan ? `nchan ${percents(nchan)}; ` : ''}${ours.scripts.toFixed(1)} scripts a second in Redis; the load itself ${
        ours.percent.load.toFixed(2)} %`,
      ...(size === 5000 ? { value: ours.all, must: ['≤', 3], aim: 1.5 } : {}),
      ...(size === 20000 && sums[5000] ? { ratio: ours.all / sums[5000], must: ['≤', 4] } : {}) });
    const redis = ours.percent['redis-server'] ?? ours.percent['valkey-server'];
    if (size === 5000) row('of it Redis', `${redis.toFixed(2)} %`, { value: redis, must: ['≤', 0.7] });
  }
}

/** Round trips to Redis in a row, by lib/trips.js. */
async function tripsOf(rows, settings) {
  const far = await Far.start({ ms: MS, password: 'far' });
  const site = await Site.start({ servers: [[SERVER, '/']], redis: far.url, settings });
  for (const one of rows) {
    const cells = [];
    for (const how of Object.keys(one.most)) {
      const { trips: count, connections } = await trips(site, far, one, /** @type {import('../http/lib/trips.js').How} */ (how), 0, TRIES);
      cells.push(`${count} ${how}${connections ? ` (${connections} new connections)` : ''}`);
    }
    row(`round trips in a row: ${one.what}`, cells.join(', '));
  }
  await site.finish();
  await far.remove();
}

/** What a Redis that is some milliseconds away leaves of the rates. */
async function far() {
  if (noFar) return print('a Redis that is far', `not measured: ${noFar}`, '', '', '');
  await tripsOf(ROWS, SETTINGS);
  await tripsOf([BEAT], { ...SETTINGS, PING: 1 });
  for (const ms of AWAY) {
    const between = await Far.start({ ms, password: 'far' });
    const ours = await Drawbridge.start({ redis: between.url });
    const opening = await load('hold', ours, ours.peers(Math.min(HELD, 3000)), ['-c', 4 * FROM_AFAR]);
    const { messages, seconds } = await posts(ours, ours.pairs(FROM_AFAR));
    const most = ms <= 10 ? FAR_MUST : {};
    row(`Redis ${ms} ms away, each way: streams opened a second, ${4 * FROM_AFAR} at a time`, count(opening.streams / opening.seconds),
      { value: opening.streams / opening.seconds, must: most.opened });
    row(`likewise: relays a second, ${FROM_AFAR} at a time`, count(messages / seconds), { value: messages / seconds, must: most.relays });
    await ours.stop();
    await between.remove();
  }
}

/** Many streams and a Redis that is far. */
async function crowd() {
  if (noFar) return print('many streams, and a Redis that is far', `not measured: ${noFar}`, '', '', '');
  const { ms, streams, seconds } = CROWD;
  const servers = serversFor(streams, descriptors());
  const held = await heldFromAfar(holdAll, { ms, servers, streams, seconds });
  row(`${held.streams} idle streams for ${seconds} s, Redis ${ms} ms away, each way`, `${held.reaped} taken for gone, 0 cut`,
    { value: held.reaped, must: ['≤', 0] });
  const back = await killed({ ms, streams: streams / 2 });
  row(`stream.fcgi is killed, which holds ${back.streams}`, `${back.resumed} resumed, the last after ${(back.ms / 1000).toFixed(1)} s; ${
    back.refusals} attempts before that got no stream; ${back.reaped} taken for gone`, { value: back.resumed, must: ['≥', back.streams] });
}

/** Streams that come and go, each of another peer: what is left of them. */
async function leaks() {
  const size = Math.min(HELD, 500), rounds = 10;
  const ours = await Drawbridge.start({ settings: { PING: 1, GRACE: 1, MAILBOX_TTL: 2 } });
  const left = [];
  for (let round = 1; round <= rounds; round++) {
    await load('hold', ours, ours.peers(size), ['-c', AT_A_TIME]);
    await until(() => isEmptied((...words) => ours.redis.ask(...words)), 'all peers to be gone', 60_000);
    await ours.redis.ask('MEMORY', 'PURGE'); // it keeps what is free for ten seconds
    left.push(memory(ours.roots));
    console.error(`round ${round}: ${split(over(left.at(-1), 1024), (n) => `${n.toFixed(1)} MiB`)}`);
  }
  await ours.stop();
  // lighttpd frees what it keeps now and then, in the middle of a round.
  const [then, now] = [left.slice(1, 4), left.slice(-3)].map((few) => median(few.map(({ all }) => all)) / 1024);
  row(`memory after ${size} streams came and went ${rounds} times`, `${now.toFixed(1)} MiB`,
    { beside: `after three times ${then.toFixed(1)} MiB`, ratio: now / then, must: ['≤', 1.02] });
}

/** The same of all that there is to compare with: a table of its own, and the picture. */
async function picture() {
  descriptors();
  const streams = { ping: 10, connections: Math.max(16000, 2 * HELD) };
  const targets = Object.entries({ Drawbridge, nchan: Nchan, Pushpin, 'the original': Original }).filter(([, one]) => !one.missing());
  /** @type {{[name: string]: {[key: string]: number}[]}} */ const rounds = Object.fromEntries(targets.map(([name]) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, one] of targets) {
      const { kib: memory, all: idle } = await idleOf([await one.start(streams)], HELD);
      const target = await one.start(streams);
      rounds[name].push({ memory, idle, relay: (await relay(target)).all, latency: await latency(target), opened: await opened(target) });
      await target.stop();
    }
  }
  const of = targets.map(([name]) => ({ name,
    values: Object.fromEntries(CHARTS.map(({ key }) => [key, median(rounds[name].map((figures) => figures[key]))])) }));
  print(`on ${SERVER}`, ...CHARTS.map(({ title, unit, better }) => `${title(HELD)}, ${unit} (${better} is better)`));
  print(...Array(CHARTS.length + 1).fill('---'));
  for (const { name, values } of of) print(name, ...CHARTS.map(({ key }) => show(values[key])));
  if (noPicture) return;
  const file = path.join(process.env.BUILD, 'bench.svg');
  draw({ held: HELD, of }, file);
  console.error(`bench: the picture is ${file}`);
}

const PARTS = { times, calls, streams, rooms, idle, far, crowd, leaks, picture };

if (!HELD) {
  console.error(`bench: SERVER=${SERVER}: there are lighttpd, nginx, apache-proxy and apache`);
  process.exit(2);
}
const parts = process.argv.length > 2 ? process.argv.slice(2) : Object.keys(PARTS);
for (const name of parts) {
  if (!PARTS[name]) {
    console.error(`bench: there is no part ${name}, but ${Object.keys(PARTS).join(', ')}`);
    process.exit(2);
  }
}
const rows = parts.filter((name) => name !== 'picture');
for (const why of [Nchan.missing(), ...(rows.length < parts.length ? [Pushpin.missing(), noPicture] : [])]) {
  if (why) console.error(`bench: ${why}`);
}
if (rows.length) {
  print(`on ${SERVER}`, 'Drawbridge', 'beside it', 'ratio', 'must');
  print(...Array(5).fill('---'));
  for (const name of rows) await PARTS[name]();
}
if (rows.length < parts.length) {
  if (rows.length) console.log();
  await picture();
}
process.exit(0);
