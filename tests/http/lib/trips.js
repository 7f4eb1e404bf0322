// trips.js - how many round trips to Redis each thing takes, one after another: what a millisecond to Redis costs.
import assert from 'node:assert/strict';
import { isAlive, signal } from './processes.js';
import { randomId } from './tokens.js';
import { pause, until } from './wait.js';

/** Each way. Above what the programs, Redis and the test take meanwhile: what is late is taken for another's effect. */
export const MS = 25;
const QUIET_MS = 6 * MS;
const TRIES = 8; // signal.fcgi has some threads, each with a connection of its own
const MANY = 64;
const PAGES = 3, MESSAGE = 15_000; // of a replay, which sends 16 KiB at a time

/** So that neither beats nor those who look for the dead ask meanwhile; and everything else does. */
export const SETTINGS = { PING: 60, GRACE: 600, MAILBOX_TTL: 1200, ACCESS_RATE: 1_000_000, RATE: 0, RATE_BYTES: 0 };

/**
 * @typedef {import('./site.js').Site} Site
 * @typedef {import('./far.js').Far} Far
 * @typedef {'warm' | 'new' | 'first'} How
 *     warm: as most; new: the first that its process does; first: where Redis does not know the script either
 * @typedef {{what: string, most: Partial<Record<How, number>>, program?: 'signal.fcgi' | 'stream.fcgi',
 *     prepare?: (site: Site) => Promise<any>, run: (site: Site, prepared: any, far: Far) => Promise<unknown>, ms?: number}} Row
 *     most: what is allowed; ms: each way, where it is another
 */

async function ok(answer) {
  const { status, text } = await answer;
  assert.ok(status >= 200 && status < 300, `${status} ${text}`);
}

/** @returns {Row} */
const route = (what, [warm, fresh, first], ask, program = /** @type {const} */ ('signal.fcgi')) => ({
  what, program, most: { warm, new: fresh, first }, prepare: two, run: (site, peers) => ok(ask(...peers, site)),
});

const kept = new WeakMap();

/** Two in a room, the same ones each time. */
async function two(site) {
  if (!kept.has(site)) kept.set(site, await site.room(randomId('r'), 2));
  return kept.get(site);
}

/** One who was there, and left behind so many bytes that it has not got. */
async function absent(site, messages) {
  const [ann, bob] = await site.room(randomId('r'), 2);
  bob.stream.cut();
  await bob.stream.end();
  for (let i = 0; i < messages; i++) await ann.relay(bob, 'n', 'x'.repeat(MESSAGE));
  return bob;
}

async function resume(bob, messages) {
  const stream = await bob.open({ after: bob.stream.lastEventId });
  assert.equal(stream.connected.resumed, true);
  for (let i = 0; i < messages; i++) assert.equal((await stream.next()).event, 'n');
}

/** @type {Row[]} */
export const ROWS = [
  route('POST /access', [1, 3, 4], (ann, bob, site) => site.request('POST', '/access', { body: { username: 'ann' } })),
  route('POST /ROOM/join', [1, 3, 4], (ann) => ann.ask('POST', `/${ann.room}/join`)),
  route('POST /ROOM/leave', [1, 3, 4], (ann) => ann.ask('POST', `/other/leave`)),
  route('POST /relay/PEER/EVENT', [1, 3, 4], (ann, bob) => ann.ask('POST', `/relay/${bob.id}/x`, '1')),
  route('POST /relay/PEER', [1, 3, 4], (ann, bob) => ann.ask('POST', `/relay/${bob.id}`, '[{"event":"x","data":1}]')),
  route('POST /ROOM/broadcast/EVENT', [1, 3, 4], (ann) => ann.ask('POST', `/${ann.room}/broadcast/x`, '1')),
  route('GET /ROOM/peers', [1, 3, 4], (ann) => ann.ask('GET', `/${ann.room}/peers`)),
  route('GET /ice', [1, 3, 4], (ann) => ann.ask('GET', '/ice')),
  route('GET /health/ready', [3, 5, 6], (ann, bob, site) => site.request('GET', '/health/ready')),
  route('GET /metrics', [0, 0, 0], (ann, bob, site) => site.request('GET', '/metrics')),
  { what: 'a stream, until `connected`', program: 'stream.fcgi', most: { warm: 2, new: 4, first: 5 }, run: (site) => site.peer().open() },
  // All of a round together. A busy machine takes its time until all have come: less than a round trip, so that they are at once.
  { what: `${MANY} streams at once`, most: { warm: 5 }, ms: 3 * MS, run: (site) => Promise.all(Array.from({ length: MANY }, () => site.peer().open())) },
  { what: 'a stream that is resumed', program: 'stream.fcgi', most: { warm: 3, new: 5, first: 6 },
    prepare: (site) => absent(site, 0), run: (site, bob) => resume(bob, 0) },
  { what: `and sends what was missed, in ${PAGES} pages`, program: 'stream.fcgi', most: { warm: 6, new: 8, first: 10 },
    prepare: (site) => absent(site, PAGES), run: (site, bob) => resume(bob, PAGES) },
  { what: 'a stream that its client leaves', most: { warm: 2 },
    prepare: async (site) => (await site.peer().open()), run: async (site, stream, far) => {
      stream.cut();
      await until(async () => (await far.count()).asks > 0, 'Redis to be told');
      await far.quiet(QUIET_MS);
    } },
];

/** Of a site with PING=1. @type {Row} */
export const BEAT = { what: 'a beat', most: { warm: 1 }, prepare: two, run: async (site, peers, far) => {
  await until(async () => (await far.count()).asks > 0, 'a beat');
  await far.quiet(QUIET_MS);
} };

/** Ends a program, and waits until another runs: it has not asked Redis anything. */
async function renew(site, program) {
  const pids = site.processes(program);
  for (const pid of pids) signal(pid, 'SIGKILL');
  await until(() => !pids.some(isAlive), `${program} to end`);
  const path = program === 'signal.fcgi' ? '/health/live' : '/connect';
  await until(async () => (await site.request('GET', path)).status !== 503, `${program} to run again`);
}

/** The fewest of some tries, as what else the machine does may make one more; it ends where there are so few.
 *  @param {Site} site
 *  @param {Far} far
 *  @param {Row} row
 *  @param {How} how
 *  @param {number} [enough]
 *  @param {number} [tries] */
export async function trips(site, far, row, how, enough = 0, tries = TRIES) {
  /** @type {import('./far.js').Counts} */ let least;
  for (let i = 0; i < tries && !(least?.trips <= enough); i++) {
    const prepared = await row.prepare?.(site);
    if (how !== 'warm') await renew(site, row.program);
    if (how === 'first') await far.redis.ask('SCRIPT', 'FLUSH');
    if (row.what.includes('health')) await pause(1_100); // its answer counts for a second
    await far.delay(row.ms ?? MS);
    await far.quiet(QUIET_MS);
    await far.reset();
    await row.run(site, prepared, far);
    const counts = await far.count();
    if (!least || counts.trips < least.trips) least = counts;
  }
  return least;
}
