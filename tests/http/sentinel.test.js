// A master that Sentinels watch over dies, stands still or is demoted: the new one is found, and nothing is
// lost without a word. Then the Sentinels themselves are away.
import assert from 'node:assert/strict';
import { backMs, failovers } from './lib/failovers.js';
import { refused } from './lib/http.js';
import { KILLED } from './lib/logs.js';
import { steps } from './lib/pace.js';
import { isRelayed } from './lib/peer.js';
import { isAlive, signal } from './lib/processes.js';
import { Sentinels } from './lib/sentinels.js';
import { FULL, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';
import { Receiver } from './lib/webhook.js';
import { pause, timed, until } from './lib/wait.js';

const PING = 1; // seconds
const PASSWORD = 'not-a-secret-of-anybody';
const OWN_PASSWORD = 'nor-of-any-sentinel';

/** @typedef {import('./lib/peer.js').Peer} Peer */

const receiver = await Receiver.start();

if (FULL) suite('sentinel', {
  settings: { ...receiver.settings, PING, GRACE: 60, RATE: 0, RATE_BYTES: 0 },
  redis: () => Sentinels.start(PASSWORD, OWN_PASSWORD),
  allowed: [
    /^(warn|error) at=(redis|sentinel|stream|health|webhook)\.[a-z]+ /,
    ...KILLED,
  ],
}, (site, it) => {
  const logs = () => site.servers[0].read().map(([, text]) => text).join('\n');

  failovers(site, it, { receiver, at: 'sentinel' });

  /** The programs are killed, and the web server starts them again. */
  async function startAgain() {
    const killed = [...site.processes('stream.fcgi'), ...site.processes('signal.fcgi')];
    for (const pid of killed) signal(pid, 'SIGKILL');
    await until(() => !killed.some(isAlive), 'them to die');
    await until(async () => (await site.request('GET', '/health/live')).status === 200, 'signal.fcgi to be there again');
  }

  /** Relays pass one by one, though an answer of Sentinels is believed for a second only.
   *  @param {Peer[]} pair */
  async function goesOn([ann, bob]) {
    const end = performance.now() + 3_000;
    for (let n = 0; performance.now() < end; n++) {
      const { value, ms } = await timed(() => ann.relay(bob, 'n', n));
      assert.equal(value, true);
      assert.ok(ms < 1_000 + steps(4), `after ${ms} ms`);
      isRelayed(await bob.stream.next(), ann, 'n', n);
      await pause(100);
    }
    (await site.peer().open()).cut();
  }

  /** @param {Peer[]} pair */
  async function refusedInTime([ann, bob]) {
    for (const ask of [
      () => site.request('GET', '/health/ready'),
      () => ann.ask('POST', `/relay/${bob.id}/x`, '1'),
      () => ann.ask('GET', '/connect'),
    ]) {
      const { value, ms } = await timed(() => ask());
      refused(value, 503);
      assert.ok(ms < 2_100 + steps(4), `after ${ms} ms`);
    }
  }

  async function isBack() {
    const end = performance.now() + await backMs();
    await until(async () => (await site.request('GET', '/health/ready')).status === 200, 'all to work', end - performance.now());
    await until(async () => {
      const stream = await site.peer().try();
      stream.cut();
      return stream.status === 200;
    }, 'a new stream', end - performance.now());
  }

  it('Sentinels stand still: what runs goes on, what starts answers 503 in time, and works when they go on', async () => {
    const pair = await site.room(randomId('r'), 2);
    for (const one of site.server.sentinels) one.stall();
    try {
      await goesOn(pair);
      await startAgain();
      await refusedInTime(pair);
    } finally {
      for (const one of site.server.sentinels) one.goOn();
    }
    await isBack();
  });

  it('no Sentinel is there: what runs goes on, what starts says so, and works when they are back', async () => {
    const pair = await site.room(randomId('r'), 2);
    await Promise.all(site.server.sentinels.map((one) => one.kill()));
    const start = logs().length;
    await goesOn(pair);
    assert.match(logs().slice(start), /^warn at=sentinel\.ask sentinel=lost why=127\.0\.0\.1:\d+ Connection refused, 127/m);
    const before = logs().length;
    await startAgain();
    await refusedInTime(pair);
    for (const line of [/^warn at=sentinel\.ask sentinel=lost why=127/m, /^warn at=redis\.connect redis=lost why=no Sentinel names the master$/m]) {
      await until(() => line.test(logs().slice(before)), () => `the log to say why: ${line}`);
    }
    for (const one of site.server.sentinels) await one.start();
    await isBack();
    assert.match(logs().slice(before), /^info at=sentinel\.ask master=127/m);
    assert.ok(!logs().includes(PASSWORD) && !logs().includes(OWN_PASSWORD), 'no password is in the logs');
  });
});
