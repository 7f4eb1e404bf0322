// crowd.test.js - rooms as large as they may be: who comes and goes is told to all, and no step takes Redis long.
import assert from 'node:assert/strict';
import { refused } from './lib/http.js';
import { isAdded, isRelayed, isRemoved } from './lib/peer.js';
import { timeScripts } from './lib/script-time.js';
import { FULL, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';
import { until } from './lib/wait.js';

const CROWD = 1_000, ROOMS = 16;
const LISTED_AT_ONCE = 256; // peers.lua
const STEPS_MAX = 50; // of Redis, of a request that is refused

/** Members without a stream, as many joins would make them. ARGV: a number, rooms. */
const MEMBERS = `for i = 1, ARGV[1] do
  local id = 'm' .. i
  redis.call('HSET', 'peer:' .. id, 'inc', '1-0', 'user', '{"id":"' .. id .. '","username":"M"}')
  redis.call('XADD', 'mailbox:' .. id, '1-0', 'm', '')
  for r = 2, #ARGV do
    redis.call('SADD', 'channels:' .. ARGV[r], id)
    redis.call('SADD', id .. ':channels', ARGV[r])
  end
end`;
const members = Array.from({ length: CROWD }, (_, i) => ({ id: `m${i + 1}`, user: { id: `m${i + 1}`, username: 'M' } }));

// The programs are the same behind the others.
if (FULL) {
  const crowded = async (site, rooms) => {
    await site.redis('FLUSHALL');
    await site.redis('EVAL', MEMBERS, '0', String(CROWD), ...rooms);
  };

  suite('crowd', { settings: { RATE: 0, RATE_BYTES: 0, ROOM_PEERS: 1_024, PEER_ROOMS: ROOMS, GRACE: 2, PING: 1 } }, (site, it) => {
    /** Does something, and judges the scripts meanwhile. Gives how many there were. */
    async function measured(t, what, run) {
      const { count, judged, most } = await timeScripts(site, run);
      for (const { sha1, us, shortest } of judged) {
        t.diagnostic(`${what}: ${us.length} runs of ${sha1}, ${shortest} us of ${most}, median ${us[us.length >> 1]}, longest ${us.at(-1)}`);
        assert.ok(shortest < most, `${what}: ${sha1}: ${us.join(' ')}; it may take ${most}`);
      }
      assert.ok(judged.length > 0, what);
      return count;
    }

    /** The next events of a stream, by peer. */
    async function nextOf(stream, count) {
      const events = [];
      for (let i = 0; i < count; i++) events.push(await stream.next());
      return events.sort((a, b) => Number(JSON.parse(a.data).peer.id.slice(1)) - Number(JSON.parse(b.data).peer.id.slice(1)));
    }

    /** How many of its last messages a member has of a kind. */
    async function told(member, event) {
      const mailbox = await site.redis('XRANGE', `mailbox:${member.id}`, '-', '+');
      return mailbox.filter(([, [, message]]) => message.startsWith(`"event":"${event}"`)).length;
    }

    it('a room is entered and left in parts: each is told once, and who enters is to offer', async (t) => {
      const room = randomId('r');
      await crowded(site, [room]);
      const [ann, bob] = [site.peer({ id: 'm9998', username: 'M' }), site.peer({ id: 'm9999', username: 'M' })];
      bob.stream = await bob.open();
      ann.stream = await ann.open();
      await bob.join(room);
      await nextOf(bob.stream, CROWD);
      /** @type {object[]} */
      let others = [];
      const joins = await measured(t, 'join', async () => { others = await ann.join(room); });
      assert.ok(joins > CROWD / 100, `${joins} scripts`);
      assert.equal(others.length, CROWD + 1);
      isAdded(await bob.stream.next(), ann, room, false);
      const events = await nextOf(ann.stream, CROWD + 1);
      [...members, bob].forEach((peer, i) => isAdded(events[i], peer, room, true));
      await ann.relay(bob, 'x', 1);
      isRelayed(await bob.stream.next(), ann, 'x', 1);
      await measured(t, 'join again', async () => { others = await ann.join(room); });
      assert.equal(others.length, CROWD + 1);
      (await nextOf(ann.stream, CROWD + 1)).forEach((event, i) => isAdded(event, [...members, bob][i], room, true));
      const asks = await measured(t, 'who is there', async () => {
        for (let i = 0; i < 10; i++) {
          const ids = await ann.others(room);
          assert.deepEqual([ids.length, new Set(ids.map(String)).size], [CROWD + 1, CROWD + 1]);
        }
      });
      assert.ok(asks >= 10 * Math.ceil((CROWD + 1) / LISTED_AT_ONCE), `${asks} scripts`); // and beats
      await measured(t, 'leave', () => ann.leave(room));
      isRemoved(await bob.stream.next(), ann, room); // of the repeated join it heard nothing
      for (const member of [members[0], members.at(-1)]) {
        assert.deepEqual([await told(member, 'add-peer'), await told(member, 'remove-peer')], [2, 1]);
      }
      assert.deepEqual(await site.redis('KEYS', '*:' + ann.id), await site.redis('KEYS', `[mp]*:${ann.id}`), 'nothing is left to tell');
    });

    it('a broadcast goes to all of them in parts, long or short', async (t) => {
      const room = randomId('r');
      await crowded(site, [room]);
      const [ann, bob] = await site.room(room, 1).then(([one]) => [one, site.peer()]);
      await nextOf(ann.stream, CROWD);
      bob.stream = await bob.open();
      await bob.join(room);
      await ann.stream.next();
      await nextOf(bob.stream, CROWD + 1);
      for (const data of ['short', 'x'.repeat(60_000)]) {
        await measured(t, `${data.length} bytes`, async () => {
          const answer = await ann.ask('POST', `/${room}/broadcast/x`, JSON.stringify(data));
          assert.deepEqual([answer.status, answer.json], [200, { peers: CROWD + 1 }]);
        });
        isRelayed(await bob.stream.next(), ann, 'x', data);
        for (const member of [members[0], members.at(-1)]) assert.equal(await told(member, 'x'), data.length > 10 ? 2 : 1);
      }
    });

    it('whoever begins anew, or is gone, leaves 16 such rooms in parts, and all hear it', async (t) => {
      const rooms = Array.from({ length: ROOMS }, (_, i) => `r${i}`);
      await crowded(site, rooms);
      const ann = site.peer();
      ann.stream = await ann.open();
      const enter = async () => { for (const room of rooms) await ann.join(room); };
      const sum = async (event) => {
        let all = 0;
        for (const member of [members[0], members.at(-1)]) all += await told(member, event);
        return all;
      };
      await measured(t, 'joins', enter);
      assert.equal(await sum('add-peer'), 2 * ROOMS);
      ann.stream.cut();
      await measured(t, 'a new life', async () => { ann.stream = await ann.open(); });
      assert.deepEqual(ann.stream.connected.rooms, []);
      assert.equal(await sum('remove-peer'), 2 * ROOMS);
      await site.redis('FLUSHALL');
      ann.stream.cut();
      await crowded(site, rooms);
      ann.stream = await ann.open();
      await enter();
      const other = site.peer();
      other.stream = await other.open(); // whose beats look at who is gone
      await measured(t, 'its end', async () => {
        ann.stream.cut();
        await until(async () => await site.redis('EXISTS', `peer:${ann.id}`, `telling:${ann.id}`) === 0, 'it to be gone');
      });
      assert.equal(await sum('remove-peer'), 2 * ROOMS);
    });
  });

  // No beat is due meanwhile.
  suite('crowd over its rate', { settings: { ROOM_PEERS: 1_024, PING: 60, GRACE: 600, MAILBOX_TTL: 1_200 } }, (site, it) => {
    it('what is refused takes as few steps in a crowd as alone, and costs no rate', async () => {
      const room = randomId('r');
      await crowded(site, [room]);
      const ann = site.peer();
      ann.stream = await ann.open();
      await ann.join(room); // a whole window's
      const used = await site.redis('GET', `rate:${ann.id}`);
      for (const [method, where] of [['POST', 'join'], ['GET', 'peers'], ['POST', 'broadcast/x']]) {
        await site.redis('PEXPIRE', `rate:${ann.id}`, 600_000); // its window lasts as long as this takes
        await site.redis('CONFIG', 'RESETSTAT');
        refused(await ann.ask(method, `/${room}/${where}`, method === 'POST' ? '1' : undefined), 429);
        const stats = await site.redis('INFO', 'commandstats');
        const steps = [...stats.matchAll(/^cmdstat_(?!ping:)\S+:calls=(\d+)/gm)] // the site asks whether it is there
          .reduce((sum, [, calls]) => sum + Number(calls), 0);
        assert.ok(steps < STEPS_MAX, `${where}: ${stats}`);
        assert.equal(await site.redis('GET', `rate:${ann.id}`), used, where);
      }
    });
  });
}
