// races.test.js - single races that need virtual time. (The others are rows of tests/unit/scripts_test.c.)
import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { RedisServer } from '../http/lib/redis-server.js';
import { SETTINGS } from './lib/scripts.js';
import { isAbove } from './lib/stream.js';
import { World } from './lib/world.js';

const HOUR_MS = 3_600_000;
const LATE_MS = 4000; // of a beat
const user = (peer) => JSON.stringify({ id: peer });

describe('a race', () => {
  let server;
  let world;
  before(async () => { server = await RedisServer.start(); });
  after(() => server.remove());
  beforeEach(async () => {
    world = await World.open(server, 1, { ROOM_PEERS: 1000, TELL_AT_ONCE: 128 });
    world.afterScript = () => {};
  });
  afterEach(() => world.close());

  const run = (step, peer, more) => world.run(step, { peer, user: user(peer), room: 'r', ...more });
  const connect = (peer, position) => run('connect', peer, { position });
  const beat = ({ peer, incarnation }) => run('beat', peer, { incarnation });
  const members = async () => (await world.redis.ask('SMEMBERS', 'channels:r')).sort();

  /** A stream. */
  async function open(peer) {
    const subscription = await world.subscribe(peer);
    return { peer, subscription, ...await connect(peer) };
  }

  /** Streams whose peers are in the room. */
  async function enter(...peers) {
    const streams = [];
    for (const peer of peers) streams.push(await open(peer));
    for (const peer of peers) await run('join', peer);
    return streams;
  }

  /** What a stream got, as "add-peer b". */
  async function heard({ subscription }) {
    return (await subscription.pushes()).map(JSON.parse).map(({ event, data }) => `${event} ${data.peer?.id ?? ''}`.trim());
  }

  it('a second tab begins a new life in the gap of the first: its position is gone', async () => {
    const [, b] = await enter('a', 'b');
    await b.subscription.close();
    await open('b');
    await world.subscribe('b');
    const { resumed, rooms, missed } = await connect('b', b.position);
    assert.deepEqual({ resumed, rooms, missed }, { resumed: false, rooms: [], missed: [] });
  });

  it('join and relay between SUBSCRIBE and connect: that life is over, and the others are told', async () => {
    const [a] = await enter('a');
    await world.subscribe('b');
    await run('join', 'b');
    await run('relay', 'a', { to: 'b', most: 0, messages: [`"event":"x","data":{"peer":${user('a')}}}`] });
    const { resumed, missed } = await connect('b');
    assert.deepEqual({ resumed, missed }, { resumed: false, missed: [] });
    assert.deepEqual(await heard(a), ['add-peer b', 'remove-peer b']);
  });

  it('a stream that lost its life with all that Redis knew hears of the one that a join begins, before what is of it', async () => {
    const a = await open('a');
    await world.wipe();
    world.now += 1; // or the lives have the same id
    await run('join', 'b');
    await run('join', 'a');
    assert.deepEqual(await heard(a), ['ping', 'add-peer b']);
    const { resumed, rooms } = await connect('a', a.position);
    assert.deepEqual({ resumed, rooms }, { resumed: false, rooms: [] });
  });

  it('a message in the millisecond of connect has an id above its own', async () => {
    const a = await open('a');
    await run('join', 'a');
    await enter('b');
    // Nothing before it: a first connect has nobody to tell that a life began.
    assert.deepEqual(await heard(a), ['add-peer b']);
    const { resumed, missed } = await connect('a', a.position);
    assert.deepEqual([resumed, missed.length], [true, 1]);
    assert.notEqual(missed[0][0], a.position);
    assert.equal(missed[0][0].split('-')[0], a.position.split('-')[0], 'the same millisecond');
  });

  it('what was kept is so until the client has it, though its process is killed then', async () => {
    const [, b] = await enter('a', 'b', 'c');
    const { position } = b;
    await b.subscription.close();
    const message = (peer) => `"event":"x","data":{"peer":${user(peer)}}}`;
    for (let i = 0; i < 100; i++) await run('relay', 'a', { to: 'b', most: 0, messages: [message('a')] });
    for (let i = 0; i < 200; i++) await run('broadcast', 'c', { message: message('c'), most: 0 });
    for (let round = 0; round < 2; round++) { // the second time another process, whose client takes it
      await world.subscribe('b');
      let page = await connect('b', position);
      assert.equal(page.resumed, true);
      for (let at = position; page.missed.length; page = await run('replay', 'b', { position: at })) {
        at = page.missed.at(-1)[0];
        if (!round && !(await world.redis.ask('XRANGE', 'mailbox:b', `(${at}`, '+')).length) break;
      }
      await run('broadcast', 'c', { message: message('c'), most: 0 });
      assert.equal(await world.redis.ask('EXISTS', 'kept:b'), 1 - round);
    }
  });

  it('who comes back again and again, and has a part each time, is sent as much as ever', async () => {
    const [, b] = await enter('a', 'b');
    let { subscription } = b;
    let position = world.published.b.at(-1);
    let sent = 0, had = 0;
    const message = () => `"event":"x","data":{"peer":${user('a')},"data":${++sent}}}`;
    for (let round = 0; round < 20; round++) {
      await subscription.close();
      // Ten are always left.
      for (let i = round ? 0 : -10; i < 30; i++) assert.equal(typeof await run('relay', 'a', { to: 'b', most: 0, messages: [message()] }), 'number');
      subscription = await world.subscribe('b');
      let page = await connect('b', position);
      assert.equal(page.resumed, true);
      for (let got = 0; got < 30; page = await run('replay', 'b', { position })) {
        for (const [id, text] of page.missed.slice(0, 30 - got)) {
          assert.match(text, new RegExp(`"data":${++had}}`));
          position = id;
          got++;
        }
      }
    }
    // Who does not come for them is not sent more than a half by one.
    await subscription.close();
    let answer;
    for (let i = 0; i < 200 && answer !== 'mailbox full'; i++) answer = await run('relay', 'a', { to: 'b', most: 0, messages: [message()] });
    assert.equal(answer, 'mailbox full');
    assert.equal(sent - 1 - had, SETTINGS.MAILBOX / 2);
  });

  it('a clock an hour forward, and the next beats are late: nobody with a stream loses the room', async () => {
    const streams = await enter('a', 'b', 'c', 'd', 'e', 'f');
    world.offset += HOUR_MS;
    assert.ok((await beat(streams[0])).due);
    assert.ok((await run('sweep', '')).moved);
    world.now += SETTINGS.PING_MS + LATE_MS;
    for (const stream of streams) assert.ok((await beat(stream)).accepted);
    assert.deepEqual(await members(), ['a', 'b', 'c', 'd', 'e', 'f']);
  });

  it('a host dies with 200 peers and one stream lives: it reaps all, though a look takes only a few', async () => {
    const [z] = await enter('z');
    for (let i = 0; i < 200; i++) { // without the noise of joining
      const { peer, subscription } = await open(`m${i}`);
      await world.redis.ask('SADD', 'channels:r', peer);
      await world.redis.ask('SADD', `${peer}:channels`, 'r');
      await subscription.close();
    }
    const lookAt = new Set(); // seconds, as stream.fcgi: GRACE + PING / 2 after somebody was moved
    const deadline = 60;
    let second = 0;
    for (; (await members()).length > 1 && second < deadline; second++, world.now += 1000) {
      const isDue = second % 10 === 0 ? (await beat(z)).due : lookAt.has(second);
      for (let answer = { more: isDue }; answer.more;) {
        answer = await run('sweep', '');
        if (answer.moved) lookAt.add(second + 16);
      }
    }
    assert.deepEqual(await members(), ['z']);
    // Two beats until they are silent for 1.5 PING, and GRACE + PING / 2.
    assert.ok(second <= 37, `${second} s`);
  });

  it('what a master said that is gone names nothing on the next: its life is above it', async () => {
    const [, b] = await enter('a', 'b');
    const { peer } = b;
    await world.redis.ask('COPY', `mailbox:${peer}`, 'replica');
    await run('relay', 'a', { to: peer, most: 0, messages: [`"event":"x","data":{"peer":${user('a')}}}`] });
    const last = world.published[peer].at(-1);
    await world.redis.ask('RENAME', 'replica', `mailbox:${peer}`); // which that message had not reached
    await world.redis.ask('HSET', `peer:${peer}`, 'server', 'another');
    const { resumed, incarnation } = await connect(peer, last);
    assert.equal(resumed, false);
    assert.ok(isAbove(incarnation, last), `${incarnation} is not above ${last}`);
  });

  it('on two masters, one after the other, whose clocks are behind: what the first began is not what the second begins', async () => {
    const [a] = await enter('a');
    await run('relay', 'a', { to: 'a', most: 0, messages: [`"event":"x","data":{"peer":${user('a')}}}`] });
    world.offset -= HOUR_MS;
    await world.snapshot();
    const lost = await connect(a.peer);
    await world.restart(true);
    const { incarnation } = await connect(a.peer);
    assert.notEqual(incarnation, lost.incarnation);
  });

  it('reaped and begun anew within one millisecond: ids are above all before', async () => {
    const [, b] = await enter('a', 'b', 'c');
    world.now += SETTINGS.PING_MS * 4;
    const { peer } = b;
    await run('leave', 'a');
    await run('leave', 'c');
    const last = world.published[peer].at(-1);
    await world.redis.ask('ZADD', 'leaving', 0, peer);
    await run('sweep', '');
    const { incarnation } = await connect(peer);
    assert.ok(isAbove(incarnation, last), `${incarnation} is not above ${last}`);
  });

  describe('in a Cluster', () => {
    beforeEach(async () => {
      await world.close();
      world = await World.open(server, 1, { CLUSTER: true });
      world.afterScript = () => {};
    });

    let replid; // as a connection reads it
    const connectTo = (peer, position) => run('connect', peer, { position, server: replid });

    const A = 'aa', B = 'bb', REPLICA = 'cc', NEVER = '0'.repeat(40);

    /** Which node it is now. replid, before: of its replication, and of that which it took over; nodes: the flags of each. */
    async function move({ node, run: runId, replid: id, before, nodes = {} }) {
      replid = id;
      const lines = Object.entries({ [node]: 'myself,master', ...nodes })
        .map(([id, flags]) => `${id} 127.0.0.1:1@2 ${flags} ${flags === 'slave' ? A : '-'} 0 1 1 connected`);
      for (const [what, text] of Object.entries({ INFO: `run_id:${runId}\r\nmaster_replid:${replid}\r\nmaster_replid2:${before}\r\n`,
        'CLUSTER MYID': node, 'CLUSTER NODES': `${lines.join('\n')}\n` })) {
        await world.redis.ask('SET', `sim:${what}`, text);
      }
    }

    for (const [what, now, resumed] of /** @type {[string, Parameters<typeof move>[0], boolean][]} */ ([
      ['it is the same node', { node: A, run: '1', replid: '11', before: NEVER }, true],
      ['the slot was moved', { node: B, run: '2', replid: '22', before: NEVER, nodes: { [A]: 'master' } }, true],
      ['likewise, and the first has a replica', { node: B, run: '2', replid: '22', before: NEVER, nodes: { [REPLICA]: 'slave', [A]: 'master' } }, true],
      ['likewise, to one that took over from another', { node: B, run: '2', replid: '22', before: '33', nodes: { [A]: 'master' } }, true],
      ['a replica took over', { node: B, run: '2', replid: '22', before: '11', nodes: { [A]: 'master' } }, false],
      ['two took over, one after the other', { node: B, run: '2', replid: '22', before: '33', nodes: { [A]: 'master,fail' } }, false],
      ['the first may have failed', { node: B, run: '2', replid: '22', before: NEVER, nodes: { [A]: 'master,fail?' } }, false],
      ['the first is a replica', { node: B, run: '2', replid: '22', before: NEVER, nodes: { [A]: 'slave' } }, false],
      ['the first is not known', { node: B, run: '2', replid: '22', before: NEVER }, false],
      ['it was restarted', { node: A, run: '2', replid: '22', before: NEVER }, false],
      ['it was a replica meanwhile', { node: A, run: '1', replid: '33', before: '22' }, false],
      ['it has had no replica for an hour', { node: A, run: '1', replid: '22', before: NEVER }, true],
    ])) {
      it(`${what}: a stream is ${resumed ? '' : 'not '}resumed`, async () => {
        await move({ node: A, run: '1', replid: '11', before: NEVER });
        await world.subscribe('a');
        const { position } = await connectTo('a');
        await move(now);
        const next = await connectTo('a', position);
        assert.equal(next.resumed, resumed);
        assert.equal((await connectTo('a', next.position)).resumed, true, 'and the next one');
      });
    }
  });

  describe('in parts', () => {
    beforeEach(async () => {
      await world.close();
      world = await World.open(server, 1, { ROOM_PEERS: 1000, PEER_ROOMS: 64, TELL_AT_ONCE: 4 });
      world.afterScript = () => {};
    });

    const BEGUN = { again: { begun: 1 } };

    /** Until all are told; gives what was answered last. */
    async function all(step, peer, more) {
      for (let answer; ; more = { ...more, ...answer.again }) {
        answer = await run(step, peer, more);
        if (!answer?.again) return answer;
      }
    }

    /** As enter(), where more are told than by one script. */
    async function gather(...peers) {
      const streams = [];
      for (const peer of peers) streams.push(await open(peer));
      for (const peer of peers) await all('join', peer);
      for (const stream of streams) await heard(stream);
      return streams;
    }

    it('a sweep tells the rest of a join while its next part is on the way: each is told once', async () => {
      const [a] = await enter('a', 'b', 'c');
      const d = await open('d');
      assert.deepEqual(await run('join', 'd'), BEGUN);
      await heard(a);
      assert.equal((await beat(d)).due, false); // whoever told the first may be about to go on
      world.now += SETTINGS.PING_MS / 2;
      assert.equal((await beat(d)).due, true);
      assert.deepEqual(await run('sweep', ''), { moved: false, more: false });
      assert.equal((await beat(d)).due, false);
      assert.deepEqual(await run('join', 'd', BEGUN.again), []);
      assert.deepEqual((await heard(d)).sort(), ['add-peer a', 'add-peer b', 'add-peer c']);
      // A join that was not begun goes on as one.
      assert.deepEqual(await run('join', 'd', { begun: 0 }), BEGUN);
    });

    it('who begins anew beside another stream is killed between two parts: the other ends, and a sweep goes on', async () => {
      const [a] = await gather('a', 'b', 'c', 'd', 'e');
      const other = await world.subscribe('a');
      assert.deepEqual(await run('connect', 'a'), { again: {} });
      assert.equal((await beat(a)).accepted, false);
      for (const stream of [a.subscription, other]) await stream.close();
      world.now += SETTINGS.GRACE_MS;
      assert.equal((await beat(a)).due, true);
      while ((await run('sweep', '')).more);
      assert.deepEqual(await members(), ['b', 'c', 'd', 'e']);
      assert.equal(await world.redis.ask('EXISTS', 'peer:a', 'mailbox:a', 'a:channels', 'telling:a', 'telling'), 0);
    });

    it('a join between two parts of a leave is not undone by the second', async () => {
      const [a] = await gather('a', 'b', 'c', 'd');
      assert.deepEqual(await run('leave', 'd'), BEGUN);
      await all('join', 'd');
      assert.equal(await all('leave', 'd', BEGUN.again), true);
      assert.deepEqual(await members(), ['a', 'b', 'c', 'd']);
      assert.deepEqual(await heard(a), ['remove-peer d', 'add-peer d']);
    });

    it('who leaves between two parts of a broadcast is heard by nobody afterwards', async () => {
      const streams = await gather('a', 'b', 'c', 'd', 'e', 'f');
      const message = `"event":"x","data":{"peer":${user('a')}}}`;
      const { again } = await run('broadcast', 'a', { message, most: 0 });
      await all('leave', 'a');
      assert.equal(await run('broadcast', 'a', { message, most: 0, ...again }), parseInt(again.position));
      for (const stream of streams.slice(1)) {
        const lines = await heard(stream);
        assert.equal(lines.at(-1), 'remove-peer a', lines.join());
      }
    });

    it('who is removed while it enters is out, and the next part of its join does not begin anew', async () => {
      const [a] = await gather('a', 'b', 'c', 'd');
      const e = await open('e');
      assert.deepEqual(await run('join', 'e'), BEGUN);
      assert.equal(await all('server_remove', 'e', { ms: 0 }), true);
      assert.deepEqual(await run('join', 'e', BEGUN.again), []);
      assert.deepEqual(await members(), ['a', 'b', 'c', 'd']);
      assert.deepEqual(await heard(a), ['add-peer e', 'remove-peer e']);
      assert.equal((await heard(e)).at(-1), 'remove-peer e');
      assert.deepEqual(await world.redis.ask('KEYS', '{telling,entering,banned}*'), []);
    });

    it('or it is kept out, or its token refused, from that part on; and let in when the time is over', async () => {
      await gather('a', 'b', 'c', 'd');
      for (const [step, answer] of [['server_remove', 'kept out'], ['disconnect', 'revoked']]) {
        await open('e');
        assert.deepEqual(await run('join', 'e'), BEGUN);
        await all(step, 'e', { ms: 5000 });
        for (const more of [BEGUN.again, {}]) assert.equal(await run('join', 'e', more), answer);
        assert.deepEqual(await members(), ['a', 'b', 'c', 'd']);
        world.now += 5000;
        await all('join', 'e');
        assert.deepEqual(await members(), ['a', 'b', 'c', 'd', 'e']);
        await all('leave', 'e');
      }
    });

    it('who disconnects is killed between two parts: the peer is out of all rooms, and a sweep tells the rest', async () => {
      const streams = await gather('a', 'b', 'c', 'd', 'e', 'f');
      await all('join', 'a', { room: 'other' });
      assert.deepEqual(await run('disconnect', 'a', { ms: 0 }), BEGUN);
      assert.deepEqual(await members(), ['b', 'c', 'd', 'e', 'f']);
      assert.deepEqual(await world.redis.ask('ZRANGE', 'rooms', 0, -1), ['r']);
      world.now += SETTINGS.PING_MS / 2;
      while ((await run('sweep', '')).more);
      assert.deepEqual(await heard(streams[0]), ['disconnect']);
      for (const stream of streams.slice(1)) assert.deepEqual(await heard(stream), ['remove-peer a'], stream.peer);
      assert.equal(await world.redis.ask('EXISTS', 'telling:a', 'telling'), 0);
    });

    it('who is disconnected while it begins anew, in parts, is not let in', async () => {
      await gather('a', 'b', 'c', 'd', 'e');
      await world.subscribe('a');
      assert.deepEqual(await run('connect', 'a'), { again: {} });
      await all('disconnect', 'a', { ms: 5000 });
      assert.equal(await run('connect', 'a'), 'revoked');
      assert.deepEqual(await members(), ['b', 'c', 'd', 'e']);
      world.now += 5000;
      assert.equal((await run('connect', 'a')).resumed, false);
    });

    it('who is entering hears what the site’s own server says to all, in parts, too', async () => {
      const streams = [...await gather('a', 'b', 'c', 'd', 'e'), await open('f')];
      assert.deepEqual(await run('join', 'f'), BEGUN);
      const message = `"event":"x","data":{"peer":${user('site')}}}`;
      assert.equal(await all('broadcast', '@server', { message, most: 0 }), 6);
      for (const stream of streams) assert.equal((await heard(stream)).at(-1), 'x site', stream.peer);
    });

    it('who enters again, as it was away, hears of who leaves and what is said meanwhile', async () => {
      const [a, b, c, d] = await gather('a', 'b', 'c', 'd');
      await run('stream_end', 'd'); // its other stream lives, as when it has come back just now
      await world.redis.ask('ZREM', 'present', 'd');
      assert.deepEqual(await run('join', 'd'), BEGUN);
      const met = (await heard(d)).map((line) => line.split(' ')[1]);
      const { peer } = [a, b, c].find((stream) => !met.includes(stream.peer));
      const message = `"event":"x","data":{"peer":${user(peer)}}}`;
      await all('broadcast', peer, { message, most: 0 });
      await all('broadcast', 'd', { message, most: 0 });
      await all('leave', peer);
      assert.deepEqual(await heard(d), [`x ${peer}`, `remove-peer ${peer}`]);
      await all('join', 'd', BEGUN.again);
      assert.deepEqual(await members(), ['a', 'b', 'c', 'd'].filter((id) => id !== peer));
    });

    it('who enters again while somebody is entering is told of it first: what that one sends reaches it from now on', async () => {
      const streams = await gather(...'abcdefghijkl');
      await open('q');
      assert.deepEqual(await run('join', 'q'), BEGUN);
      const untold = await world.redis.ask('LRANGE', 'telling:q', 0, -1);
      const stream = streams.find(({ peer }) => untold.includes(`+r ${peer}`));
      await heard(stream);
      await run('stream_end', stream.peer); // likewise
      await world.redis.ask('ZREM', 'present', stream.peer);
      assert.deepEqual(await run('join', stream.peer), BEGUN);
      assert.equal((await heard(stream))[0], 'add-peer q');
    });

    it('who enters again, having lost its place beside another stream, is reached by who came meanwhile', async () => {
      await gather('b', 'c', 'd', 'e');
      await open('a');
      assert.deepEqual(await run('join', 'a'), BEGUN);
      await world.subscribe('a');
      assert.equal((await connect('a', '1-1')).resumed, false);
      const f = await open('f');
      assert.deepEqual(await run('join', 'f'), BEGUN);
      assert.deepEqual(await heard(f), ['add-peer a', 'add-peer b']);
      await run('join', 'a', BEGUN.again); // the rest of the first time
      assert.deepEqual(await run('join', 'a', BEGUN.again), BEGUN); // and the second time begins
      const message = `"event":"x","data":{"peer":${user('f')}}}`;
      assert.equal(await run('relay', 'f', { to: 'a', most: 0, messages: [message] }), 2);
    });

    it('one breaks while another enters: the rest are told, and the one that enters can leave', async () => {
      const streams = await gather('a', 'b', 'c', 'd', 'e');
      const f = await open('f');
      assert.deepEqual(await run('join', 'f'), BEGUN);
      const met = (await heard(f)).map((line) => line.split(' ')[1]);
      const { peer } = streams.find((stream) => !met.includes(stream.peer));
      await world.redis.ask('SET', `peer:${peer}`, 'foreign');
      await all('join', 'f', BEGUN.again);
      assert.deepEqual([...met, ...(await heard(f)).map((line) => line.split(' ')[1])].sort(),
        ['a', 'b', 'c', 'd', 'e'].filter((id) => id !== peer));
      assert.equal(await all('leave', 'f'), true);
      assert.ok(!(await members()).includes('f'));
    });

    it('who is entering breaks: the others say and leave as before', async () => {
      const [a, b] = await gather('a', 'b', 'c', 'd');
      await open('e');
      assert.deepEqual(await run('join', 'e'), BEGUN);
      for (const stream of [a, b]) await heard(stream);
      await world.redis.ask('DEL', 'peer:e');
      await world.redis.ask('SET', 'peer:e', 'foreign');
      assert.equal(typeof await all('broadcast', 'a', { message: `"event":"x","data":{"peer":${user('a')}}}`, most: 0 }), 'number');
      assert.equal(await all('leave', 'a'), true);
      assert.deepEqual(await heard(b), ['x a', 'remove-peer a']);
    });

    it('a member has a broken key: who leaves, and who is gone, tells the others', async () => {
      const [a] = await gather('a', 'b', 'c', 'd');
      await world.redis.ask('DEL', 'mailbox:b');
      await world.redis.ask('SET', 'mailbox:b', 'foreign');
      await all('leave', 'c');
      await world.redis.ask('ZADD', 'leaving', 0, 'd');
      while ((await run('sweep', '')).more);
      assert.deepEqual(await heard(a), ['remove-peer c', 'remove-peer d']);
      assert.deepEqual(await members(), ['a', 'b']);
    });

    it('rooms that nobody else is in are left some at a time, too', async () => {
      for (const peer of ['a', 'b']) {
        await open(peer);
        for (let i = 0; i < 40; i++) await run('join', peer, { room: `alone-${peer}${i}` });
        await world.redis.ask('ZADD', 'leaving', 0, peer);
      }
      const left = async () => (await world.redis.ask('KEYS', 'channels:alone-*')).length;
      for (const rooms of [64, 48]) assert.deepEqual([(await run('sweep', '')).more, await left()], [true, rooms]);
      while ((await run('sweep', '')).more);
      assert.equal(await left(), 0);
    });

    it('many rooms are left one after another: a list is never longer than one of them', async () => {
      const names = Array.from({ length: 20 }, (_, i) => `m${i}`);
      const rooms = Array.from({ length: 8 }, (_, i) => `r${i}`);
      await world.redis.ask('EVAL', `for _, room in ipairs(ARGV) do for _, id in ipairs(KEYS) do
        redis.call('SADD', 'channels:' .. room, id) end end`, names.length, ...names, ...rooms);
      await open('a');
      for (const room of rooms) await all('join', 'a', { room });
      let longest = 0;
      for (let more = {}; ;) {
        const answer = await run('connect', 'a', more);
        longest = Math.max(longest, await world.redis.ask('LLEN', 'telling:a'));
        if (!answer.again) break;
        more = answer.again;
      }
      assert.ok(longest < names.length + rooms.length, `${longest}`);
    });

    it('the list of who is entering breaks meanwhile: nothing is half done', async () => {
      await gather('a', 'b', 'c', 'd');
      await open('e');
      assert.deepEqual(await run('join', 'e'), BEGUN);
      await world.redis.ask('RENAME', 'entering:r', 'saved');
      await world.redis.ask('SET', 'entering:r', 'foreign');
      await assert.rejects(run('join', 'e', BEGUN.again), /WRONGTYPE entering:r is a string, not a set/);
      await world.redis.ask('RENAME', 'saved', 'entering:r');
      await all('join', 'e', BEGUN.again);
      assert.deepEqual(await world.redis.ask('SMEMBERS', 'e:channels'), ['r']);
      assert.deepEqual(await world.redis.ask('KEYS', '{entering,telling}*'), []);
    });

    it('members whose ids are none of ours', async () => {
      await gather('a', 'b', 'c');
      await world.redis.ask('SADD', 'channels:r', 'with a space', '');
      const e = await open('e');
      await all('join', 'e');
      assert.deepEqual((await heard(e)).sort(), ['add-peer a', 'add-peer b', 'add-peer c', 'add-peer with a space']);
      assert.equal(await all('leave', 'e'), true);
    });

    it('as many are entering a room as may: one more comes again later', async () => {
      await gather('a', 'b', 'c', 'd');
      for (let i = 0; i < 16; i++) {
        await open(`n${i}`);
        assert.deepEqual(await run('join', `n${i}`), BEGUN);
      }
      await open('z');
      assert.equal(await run('join', 'z'), 'rate');
      assert.ok(!(await members()).includes('z'));
      await all('join', 'n0', BEGUN.again);
      assert.deepEqual(await run('join', 'z'), BEGUN);
    });
  });
});
