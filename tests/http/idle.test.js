// What streams cost on which nothing goes on: counted, as time says more of the machine.
import assert from 'node:assert/strict';
import { steps } from './lib/pace.js';
import { parse } from './lib/prometheus.js';
import { FULL, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';
import { pause, until } from './lib/wait.js';

const STREAMS = 160, AT_A_TIME = 32;
const PING = 4; // seconds
const MOMENT_MS = PING * 1000 / 20; // what is due in one is done together

// On the other servers the program is the same, or has one stream.
if (FULL) {
  suite('idle', { settings: { PING, GRACE: 60 } }, (site, it) => {
    const read = async () => parse((await site.request('GET', '/metrics')).text);

    /** Of each peer, when its last beat was, in ms of Redis' clock: it is present for one and a half PING. */
    async function beats() {
      const present = await site.redis('ZRANGE', 'present', 0, -1, 'WITHSCORES');
      return present.filter((_, i) => i % 2).map((score) => Number(score) - PING * 1500);
    }

    it('each is visited for its ping and its beat, and beats go out together', async () => {
      const left = Array.from({ length: STREAMS }, () => site.peer()).values();
      const streams = [];
      await Promise.all(Array.from({ length: AT_A_TIME }, async () => {
        for (const peer of left) streams.push(await peer.open());
      }));
      const opened = Math.max(...await beats());
      // Each has beaten since: the phase is its own from then on.
      await until(async () => Math.min(...await beats()) > opened, 'a beat of each');

      const start = performance.now();
      const before = await read();
      await pause(1.5 * PING * 1000);
      const after = await read();
      const ms = performance.now() - start;
      const grown = (name) => after[`drawbridge_${name}_total`] - before[`drawbridge_${name}_total`];
      // Its ping, its beat, and the answer to that; one more of each at the ends.
      const most = STREAMS * 3 * (ms / (PING * 1000) + 1);
      assert.ok(grown('stream_steps') <= most, `${grown('stream_steps')} visits of ${STREAMS} streams in ${ms} ms`);
      assert.ok(grown('beats') >= STREAMS, `${grown('beats')} beats of ${STREAMS} streams in ${ms} ms`);
      assert.ok(grown('beat_batches') <= ms / MOMENT_MS + 1, `${grown('beat_batches')} batches of ${grown('beats')} beats in ${ms} ms`);

      // 16 in each tenth of PING, of which one would have all where they beat together.
      const last = await beats();
      const [seconds, us] = await site.redis('TIME');
      const oldest = seconds * 1000 + us / 1000 - Math.min(...last);
      assert.ok(oldest < PING * 1000 + steps(4), `the last beat of one was ${oldest} ms ago`);
      /** @type {number[]} */ let tenths;
      // Where the machine stands still for a moment, those that were due meanwhile beat together once, and no more.
      await until(async () => {
        tenths = Array.from({ length: 10 }, () => 0);
        for (const at of await beats()) tenths[Math.floor(at / (PING * 100)) % 10]++;
        assert.equal(tenths.reduce((sum, n) => sum + n), STREAMS);
        return Math.max(...tenths) < STREAMS / 3;
      }, () => `beats in each tenth of PING: ${tenths}`);
      assert.equal(streams.filter((stream) => stream.ended).length, 0);
      for (const stream of streams) stream.cut();
    });
  });

  suite('idle mailboxes', { settings: { PING: 1, GRACE: 1, MAILBOX_TTL: 6 } }, (site, it) => {
    const trims = async () => Number(/^cmdstat_xtrim:calls=(\d+)/m.exec(await site.redis('INFO', 'commandstats'))?.[1] ?? 0);

    it('one that holds messages is trimmed once, when they are too old; one that holds none never', async () => {
      const before = await trims();
      const lone = Array.from({ length: 10 }, () => site.peer());
      const streams = await Promise.all(lone.map((peer) => peer.open()));
      const again = await lone[0].open({ after: streams[0].lastEventId });
      assert.equal(again.connected.resumed, true);
      // Each is told of the other, and so has one message: of several that came at a time one may be too old before the next.
      const rooms = await Promise.all(Array.from({ length: 5 }, () => site.room(randomId('r'), 2)));
      const members = rooms.flat();
      streams.push(again, ...members.map(({ stream }) => stream));
      await until(async () => await trims() - before >= members.length, 'each to be trimmed', 60_000);
      await Promise.all(streams.map((stream) => stream.ping(3)));
      assert.equal(await trims() - before, members.length);
      for (const stream of streams) stream.cut();
    });
  });
}
