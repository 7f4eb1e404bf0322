// How much is too much: rooms, rates, bodies; and settings that switch things off.
import assert from 'node:assert/strict';
import http from 'node:http';
import { before } from 'node:test';
import { refused } from './lib/http.js';
import { STEP_MS, steps } from './lib/pace.js';
import { isAdded, isRelayed, isRemoved } from './lib/peer.js';
import { FULL, SERVER, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';
import { pause, timed, until } from './lib/wait.js';

const WINDOW = 6; // seconds, of what a rate allows

// So many that one client who asks for one thing after the other uses up a window in a quarter of it.
const RATE = Math.min(10, Math.max(1, Math.floor(1_000 / 4 / STEP_MS)));
const BURST = WINDOW * RATE;
const settings = { ROOM_PEERS: 3, PEER_ROOMS: 2, RATE, RATE_BYTES: 1000, BODY_MAX: 4096, ACCESS_RATE: 5, GRACE: 600 };

suite('limits', { settings }, (site, it) => {
  it('409: a room that is full, where a member may still join again', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 3);
    const late = site.peer();
    refused(await late.ask('POST', `/${room}/join`), 409);
    refused(await late.ask('GET', `/${room}/peers`), 404); // not half in
    assert.equal(await site.redis('EXISTS', `${late.id}:channels`), 0);
    assert.equal((await ann.join(room)).length, 2);
    await bob.leave(room);
    assert.equal((await late.join(room)).length, 2);
  });

  it('409: too many rooms for one peer', async () => {
    const ann = site.peer();
    const rooms = [randomId('r'), randomId('r'), randomId('r')];
    await ann.join(rooms[0]);
    await ann.join(rooms[1]);
    refused(await ann.ask('POST', `/${rooms[2]}/join`), 409);
    await ann.join(rooms[1]);
    await ann.leave(rooms[0]);
    await ann.join(rooms[2]);
  });

  it('of many that join at once no more are let in than there is room for', async () => {
    const room = randomId('r');
    const answers = await Promise.all(Array.from({ length: 12 }, () => site.peer().ask('POST', `/${room}/join`)));
    const statuses = answers.map((answer) => answer.status).sort();
    assert.deepEqual(statuses, [200, 200, 200, ...Array(9).fill(409)]);
    assert.equal(await site.redis('SCARD', `channels:${room}`), 3);
  });

  /** In a room, and what their joins cost is over. */
  async function settled(room, count) {
    const peers = await site.room(room, count);
    await site.redis('DEL', ...peers.map(({ id }) => `rate:${id}`));
    return peers;
  }

  /** The window of a peer that has begun lasts as long as that takes here, until somebody is refused. */
  const hold = ({ id }) => site.redis('PEXPIRE', `rate:${id}`, 600_000);

  it('429: over the rate of messages, of which none arrives; after Retry-After it goes on', async () => {
    const [ann, bob] = await settled(randomId('r'), 2);
    let sent = 0;
    let answer;
    for (; sent < 2 * BURST; sent++) {
      answer = await ann.ask('POST', `/relay/${bob.id}/n`, String(sent));
      if (answer.status !== 200) break;
      await hold(ann);
    }
    refused(answer, 429);
    assert.equal(sent, BURST);
    const wait = Number(answer.headers['retry-after']);
    assert.ok(wait >= 1 && wait <= WINDOW, `${wait} s`);
    assert.equal(await bob.relay(ann, 'back', 1), true); // it is each peer's own
    for (let i = 0; i < sent; i++) isRelayed(await bob.stream.next(), ann, 'n', i);
    if (!FULL) return;
    await until(async () => (await ann.ask('POST', `/relay/${bob.id}/n`, '"on"')).status === 200, 'the rate to let it go on', wait * 1000 + 500 + steps(4));
    isRelayed(await bob.stream.next(), ann, 'n', 'on');
  });

  it('429: over the rate of bytes', async () => {
    const [ann, bob] = await settled(randomId('r'), 2);
    const body = `"${'x'.repeat(1990)}"`;
    const statuses = [];
    for (let i = 0; i < 5; i++) {
      statuses.push((await ann.ask('POST', `/relay/${bob.id}/n`, body)).status);
      await hold(ann);
    }
    assert.equal(statuses[0], 200);
    assert.equal(statuses.at(-1), 429);
    const passed = statuses.filter((status) => status === 200).length;
    assert.ok(passed === 2 || passed === 3, `${statuses}`); // what counts beside the body is ours to say
    assert.deepEqual(statuses, [...Array(passed).fill(200), ...Array(5 - passed).fill(429)]);
  });

  it('429: a batch is let through whole or not at all', async () => {
    const [ann, bob] = await settled(randomId('r'), 2);
    const batch = (count) => Array.from({ length: count }, (_, i) => ({ event: 'n', data: i }));
    const most = 4 * RATE; // one fits into a window, and two do not
    assert.equal((await ann.ask('POST', `/relay/${bob.id}`, batch(most))).status, 200);
    await hold(ann);
    refused(await ann.ask('POST', `/relay/${bob.id}`, batch(most)), 429);
    for (let i = 0; i < most; i++) isRelayed(await bob.stream.next(), ann, 'n', i);
    await bob.leave((await site.redis('SMEMBERS', `${ann.id}:channels`))[0]);
    assert.equal((await ann.stream.next()).event, 'remove-peer');
    assert.deepEqual(bob.stream.events.filter((event) => event.event === 'n').length, most);
  });

  it('429: a broadcast costs as much as it has recipients', async () => {
    const room = randomId('r');
    const [ann, bob] = await settled(room, 3);
    let sent = 0;
    let answer;
    for (; sent < BURST; sent++) {
      answer = await ann.ask('POST', `/${room}/broadcast/n`, String(sent));
      if (answer.status !== 200) break;
      await hold(ann);
    }
    refused(answer, 429);
    assert.equal(sent, BURST / 2);
    for (let i = 0; i < sent; i++) isRelayed(await bob.stream.next(), ann, 'n', i);
  });

  it('429: who comes and goes pays for all who are told, and cannot tell more than it could say', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    const cat = site.peer();
    let joins = 0;
    let answer;
    for (; joins < BURST; joins++) {
      answer = await cat.ask('POST', `/${room}/join`);
      if (answer.status !== 200) break;
      await hold(cat);
      await cat.leave(room); // which was paid for, and is refused to nobody
    }
    refused(answer, 429);
    const wait = Number(answer.headers['retry-after']);
    assert.ok(wait >= 1 && wait <= WINDOW, `${wait} s`);
    assert.equal(joins, Math.floor(BURST / 4)); // two are told, of each join and each leave
    for (let i = 0; i < joins; i++) {
      isAdded(await bob.stream.next(), cat, room, false);
      isRemoved(await bob.stream.next(), cat, room);
    }
    assert.deepEqual(await ann.others(room), [bob.id]);
    assert.equal(await ann.relay(bob, 'x', 1), true);
  });

  it('413: the limit is the setting', async () => {
    const ann = site.peer();
    refused(await ann.ask('POST', '/relay/bob/x', `"${'x'.repeat(4095)}"`), 413);
    refused(await ann.ask('POST', '/relay/bob/x', `"${'x'.repeat(4094)}"`), 404);
  });

  it('429: an address gets only so many fresh tokens a minute, but renews as it likes', async () => {
    const statuses = [];
    let token;
    for (let i = 0; i < 7; i++) {
      const answer = await site.request('POST', '/access', { body: { username: 'ann' } });
      statuses.push(answer.status);
      if (answer.status === 200) token = answer.json.token;
      else refused(answer, 429);
    }
    assert.deepEqual(statuses, [200, 200, 200, 200, 200, 429, 429]);
    for (let i = 0; i < 10; i++) assert.equal((await site.request('POST', '/access', { body: {}, token })).status, 200);
    // Who says to come for somebody else is not believed.
    refused(await site.request('POST', '/access', { body: { username: 'ann' }, headers: { 'X-Forwarded-For': '192.0.2.1' } }), 429);
  });
});

const PEER_STREAMS = 3;

suite('streams of a peer', { settings: { PEER_STREAMS } }, (site, it) => {
  const streams = async (peer) => (await site.redis('PUBSUB', 'NUMSUB', `messages:${peer.id}`))[1];

  it('one too many ends the oldest, in order; the others go on, and nobody in the room notices', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    const all = [bob.stream];
    const another = async () => { all.push(await bob.open({ after: all.at(-1).lastEventId })); };
    while (all.length < PEER_STREAMS) await another();
    for (let i = 0; i < 5; i++) {
      await another();
      const oldest = all.shift();
      assert.equal(await oldest.end(), 'end');
      assert.ok(oldest.retry >= 30_000, 'its client is not back at once, to end the next');
      await until(async () => await streams(bob) === PEER_STREAMS, 'its end');
      assert.equal(await ann.relay(bob, 'n', i), true);
      for (const stream of all) isRelayed(await stream.find(({ event }) => event === 'n'), ann, 'n', i);
    }
    assert.deepEqual(await ann.others(room), [bob.id]);
    assert.ok(!ann.stream.events.some(({ event }) => event === 'remove-peer'));
    for (const stream of all) stream.cut();
  });

  it('one that was away again and again is one: the next ends the oldest, and no other', async () => {
    const bob = site.peer();
    const all = [await bob.open()];
    const after = { after: all[0].lastEventId };
    while (all.length < PEER_STREAMS) all.push(await bob.open(after));
    for (let i = 0; i < 3 * PEER_STREAMS; i++) {
      all.pop().cut();
      await until(async () => await streams(bob) < PEER_STREAMS, 'its end');
      all.push(await bob.open(after));
    }
    all.push(await bob.open(after));
    assert.equal(await all.shift().end(), 'end');
    await until(async () => await streams(bob) === PEER_STREAMS, 'its end');
    await all[0].ping(2);
    assert.deepEqual(all.filter(({ ended }) => ended), []);
    for (const stream of all) stream.cut();
  });

  it('who begins anew again and again, and closes none, makes no more of them connect again', async () => {
    const bob = site.peer();
    const all = [];
    for (let i = 0; i < 20; i++) all.push(await bob.open());
    await until(() => all.filter(({ ended }) => !ended).length <= PEER_STREAMS, 'all but so many to end');
    await until(async () => await streams(bob) <= PEER_STREAMS, 'their ends');
    for (const stream of all) stream.cut();
  });
});

suite('a rate of messages above that of bytes', { settings: { RATE: 1_000_000, RATE_BYTES: 1000, BODY_MAX: 4096 } }, (site, it) => {
  it('429: over the rate of bytes', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    await site.redis('DEL', `rate:${ann.id}`); // what its join cost
    const body = `"${'x'.repeat(1990)}"`;
    const statuses = [];
    for (let i = 0; i < 5; i++) statuses.push((await ann.ask('POST', `/relay/${bob.id}/n`, body)).status);
    assert.equal(statuses[0], 200);
    assert.equal(statuses.at(-1), 429, `${statuses}`);
  });
});

const SLOW = 24; // more than the programs have threads

// mod_fcgid, of clients that have gone.
const gone = [/\(70008\)Partial results are valid but processing is incomplete: .*mod_fcgid: can't get data from http client/];

suite('slow writers', { settings: { RATE: 0, RATE_BYTES: 0 }, allowed: gone }, (site, it) => {
  /** A POST whose body comes when it is told to. */
  function post(peer, path, body) {
    const { hostname, port, pathname } = site.url(path);
    const call = http.request({
      method: 'POST', agent: false, host: hostname, port, path: pathname,
      headers: { Authorization: `Bearer ${peer.token}`, 'Content-Length': body.length },
    });
    const answer = new Promise((resolve, reject) => {
      call.on('error', reject);
      call.on('response', (response) => { response.resume(); resolve(response.statusCode); });
    });
    return { call, answer };
  }

  it('bodies that are long on their way keep nobody else waiting, and arrive', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    const bodies = Array.from({ length: SLOW }, (_, n) => JSON.stringify({ n, text: 'x'.repeat(n * 1000) }));
    const slow = bodies.map((body) => post(ann, `/relay/${bob.id}/slow`, body));
    const parts = 4;
    for (let part = 0; part < parts; part++) {
      for (const [n, { call }] of slow.entries()) {
        const most = bodies[n].slice(0, -1); // the last byte comes later
        const size = Math.ceil(most.length / parts);
        call.write(most.slice(part * size, (part + 1) * size));
      }
      for (let i = 0; i < 10; i++) {
        const { value, ms } = await timed(() => ann.relay(bob, 'quick', i));
        assert.equal(value, true);
        assert.ok(ms < 5_000 + steps(4), `after ${ms} ms`);
        isRelayed(await bob.stream.next(), ann, 'quick', i);
      }
    }
    for (const [n, { call }] of slow.entries()) call.end(bodies[n].slice(-1));
    for (const { answer } of slow) assert.equal(await answer, 200);
    const got = new Set();
    for (let n = 0; n < slow.length; n++) {
      const { data } = JSON.parse((await bob.stream.next()).data);
      assert.equal(JSON.stringify(data), bodies[data.n]);
      got.add(data.n);
    }
    assert.equal(got.size, SLOW);
  });

  // lighttpd and mod_fcgid hand on no body before it is whole: what is slow is theirs.
  it('what is refused by its head is refused before its body has come, and keeps nobody waiting', async () => {
    const many = 100;
    const slow = Array.from({ length: many }, () => post(site.peer(), '/nothing/here', Buffer.alloc(20_000)));
    let isOver = false;
    const trickle = (async () => {
      while (!isOver) {
        for (const { call } of slow) if (!call.destroyed) call.write(Buffer.alloc(104, 32));
        await pause(200);
      }
    })();
    const answers = Promise.all(slow.map(({ answer }) => answer.catch((error) => error.code)));
    try {
      await pause(200);
      for (let i = 0; i < 10; i++) {
        const { value, ms } = await timed(() => site.request('GET', '/health/live', { connection: false }));
        assert.equal(value.status, 200);
        assert.ok(ms < 1_000 + steps(10), `after ${ms} ms`);
      }
      if (SERVER !== 'apache-proxy') return;
      const { value, ms } = await timed(() => answers);
      assert.deepEqual(value, Array(many).fill(404));
      assert.ok(ms < 5_000 + steps(20), `the last was refused after ${ms} ms`);
    } finally {
      isOver = true;
      for (const { call } of slow) call.destroy();
      await trickle;
    }
  });
});

if (FULL) {
  suite('prefix', { settings: { ACCESS: 'off', PREFIX: '{site}:' } }, (site, it) => {
    it('404: /access is switched off where a site mints tokens itself, and these work', async () => {
      refused(await site.request('POST', '/access', { body: { username: 'ann' } }), 404);
      refused(await site.request('POST', '/access', { body: { username: 'ann' }, token: site.peer().token }), 404);
      assert.equal((await site.peer().ask('POST', `/${randomId('r')}/join`)).status, 200);
    });

    it('all keys and channels begin with the prefix', async () => {
      const room = randomId('r');
      const [ann, bob] = await site.room(room, 2);
      assert.equal(await ann.relay(bob, 'x', 1), true);
      isRelayed(await bob.stream.next(), ann, 'x', 1);
      const keys = await site.redis('KEYS', '*');
      assert.ok(keys.includes(`{site}:channels:${room}`), `${keys}`);
      for (const name of [...keys, ...await site.redis('PUBSUB', 'CHANNELS', '*')]) assert.ok(name.startsWith('{site}:'), name);
      bob.stream.cut();
      isRemoved(await ann.stream.next(), bob, room);
    });
  });
}

// As many at a time as a browser never has, over connections of their own.
const AT_ONCE = 64;
const TIMES = FULL ? 3_000 : 1_000;
// Where all its processes are busy, mod_fcgid lets a request wait for a second.
const SLOWEST_MS = (SERVER === 'apache' ? 3_000 : 1_000) + steps(4);

/** How often each status came. */
async function hammer(count, ask) {
  const statuses = {};
  let asked = 0;
  await Promise.all(Array.from({ length: AT_ONCE }, async () => {
    while (asked < count) {
      const { status } = await ask(asked++);
      statuses[status] = (statuses[status] ?? 0) + 1;
    }
  }));
  return statuses;
}

const attacked = {
  ROOM_PEERS: 3, PEER_ROOMS: 2, RATE: 10, RATE_BYTES: 2000, BODY_MAX: 4096, ACCESS_RATE: 5, STREAMS: 40,
  GRACE: 600, // who was let in is not gone before the attack is over
};

suite('limits under attack', { settings: attacked }, (site, it) => {
  let ann, bob, room;
  before(async () => {
    room = randomId('r');
    [ann, bob] = await site.room(room, 2);
  });

  /** What the attack comes to, while two who have nothing to do with it talk. */
  async function besides(attack) {
    let isOver = false;
    const { value: [statuses, slowest], ms: took } = await timed(() => Promise.all([
      attack().finally(() => { isOver = true; }),
      (async () => {
        const times = [];
        for (let i = 0; !isOver || i < 3; i++) {
          const { value, ms } = await timed(() => ann.relay(bob, 'n', i).then(() => bob.stream.find(({ event }) => event === 'n')));
          isRelayed(value, ann, 'n', i);
          times.push(ms);
          await pause(1_000 / attacked.RATE); // its own rate
        }
        return Math.max(...times);
      })(),
    ]));
    // It may wait for its turn, behind those of the attack that came before it.
    const asked = Object.values(statuses).reduce((sum, n) => sum + n, 0);
    const turn = took * Math.min(AT_ONCE, asked) / asked;
    assert.ok(slowest < SLOWEST_MS + 4 * turn, `a relay of others took ${slowest} ms, ${AT_ONCE} of the attack ${turn} ms`);
    return { statuses, took };
  }

  /** So many were let through, and all others refused with this. */
  function onlyThese(statuses, least, most, status, count) {
    const { 200: passed = 0, [status]: refusals = 0, ...others } = statuses;
    assert.deepEqual(others, {});
    assert.ok(passed >= least && passed <= most, `${passed} passed, of ${least} to ${most}`);
    assert.equal(passed + refusals, count);
    return passed;
  }

  /** One sends this to another: of each window so many pass, and arrive once. */
  async function relays(count, body, least, most) {
    const [from, to] = await site.room(randomId('r'), 2);
    await site.redis('DEL', `rate:${from.id}`); // what its join cost
    const { statuses, took } = await besides(() => hammer(count, () => from.ask('POST', `/relay/${to.id}/n`, body, {}, false)));
    const passed = onlyThese(statuses, least, most * Math.ceil(took / 1_000 / WINDOW), 429, count);
    for (let i = 0; i < passed; i++) isRelayed(await to.stream.next(), from, 'n', JSON.parse(body));
    assert.equal((await to.ask('POST', `/relay/${from.id}/n`, '1')).status, 200);
    for (const peer of [from, to]) peer.stream.cut();
  }

  it(`messages: one peer sends ${TIMES}`, () => relays(TIMES, '1', WINDOW * attacked.RATE, WINDOW * attacked.RATE));

  // What counts beside the body is ours to say: at most as much again as the body.
  it(`bytes: one peer sends ${TIMES} times 1,000`, async () => {
    const body = `"${'x'.repeat(998)}"`;
    await relays(TIMES, body, WINDOW * attacked.RATE_BYTES / 2_000, WINDOW * attacked.RATE_BYTES / 1_000);
  });

  it(`rooms: one peer joins ${TIMES}`, async () => {
    const peer = site.peer();
    const { statuses } = await besides(() => hammer(TIMES, () => peer.ask('POST', `/${randomId('r')}/join`, undefined, {}, false)));
    onlyThese(statuses, attacked.PEER_ROOMS, attacked.PEER_ROOMS, 409, TIMES);
    assert.equal(await site.redis('SCARD', `${peer.id}:channels`), attacked.PEER_ROOMS);
  });

  it(`peers: ${TIMES} join one room, where two are`, async () => {
    const { statuses } = await besides(() => hammer(TIMES, () => site.peer().ask('POST', `/${room}/join`, undefined, {}, false)));
    onlyThese(statuses, 1, 1, 409, TIMES);
    assert.equal((await ann.others(room)).length, 2);
  });

  it(`fresh tokens: one address asks for ${TIMES}, others of it renew theirs`, async () => {
    const renewals = [];
    const { statuses, took } = await besides(async () => {
      const [fresh] = await Promise.all([
        hammer(TIMES, () => site.request('POST', '/access', { body: { username: 'x' }, connection: false })),
        (async () => {
          for (let i = 0; i < 20; i++) renewals.push((await site.request('POST', '/access', { body: {}, token: ann.token })).status);
        })(),
      ]);
      return fresh;
    });
    onlyThese(statuses, attacked.ACCESS_RATE, attacked.ACCESS_RATE * Math.ceil(took / 60_000), 429, TIMES);
    assert.deepEqual(renewals, Array(20).fill(200));
  });

  it('streams: 150 ask for one, where 40 may be', async () => {
    const open = [];
    const { statuses } = await besides(() => hammer(150, async () => {
      const stream = await site.peer().try();
      if (stream.status === 200) open.push(stream);
      else stream.cut();
      return stream;
    }));
    // Processes of their own may refuse each other the last place.
    onlyThese(statuses, FULL ? attacked.STREAMS - 2 : 1, attacked.STREAMS - 2, 503, 150);
    await Promise.all([ann.stream, bob.stream, ...open].map((stream) => stream.ping(1)));
    for (const stream of open) stream.cut();
    const late = await until(async () => {
      const stream = await site.peer().try();
      if (stream.status === 200) return stream;
      return stream.cut();
    }, 'room for one more');
    assert.equal((await late.next()).event, 'connected');
  });
});
