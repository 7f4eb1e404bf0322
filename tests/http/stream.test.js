// The stream itself: how it begins, that it lives, and how it ends.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { refused } from './lib/http.js';
import { seconds, steps, stepsNow } from './lib/pace.js';
import { isRelayed } from './lib/peer.js';
import { Stream } from './lib/sse.js';
import { FULL, GRACE, SERVER, suite } from './lib/suite.js';
import { nowSeconds, randomId } from './lib/tokens.js';
import { pause, until } from './lib/wait.js';

const subscribers = async (site, peer) => (await site.redis('PUBSUB', 'NUMSUB', `messages:${peer.id}`))[1];

suite('stream', { together: true }, (site, it) => {
  it('begins with who one is, that nothing was resumed, and an id', async () => {
    const ann = site.peer({ username: 'ann "é"' });
    const stream = await ann.open();
    assert.match(stream.headers['content-type'], /^text\/event-stream\b/);
    assert.match(stream.headers['cache-control'], /\bno-store\b/);
    assert.equal(stream.headers['content-encoding'], undefined);
    const { id, ...data } = stream.connected;
    assert.match(id, /^[0-9]+-[0-9]+$/);
    assert.deepEqual(data, { user: ann.user, resumed: false, rooms: [] });
    assert.equal(stream.ended, undefined);
    stream.cut();
  });

  it('tells each client another time to wait before it returns', async () => {
    const waits = new Set();
    for (let i = 0; i < 8; i++) {
      const stream = await site.peer().open();
      assert.ok(stream.retry >= 500 && stream.retry <= 3000, `${stream.retry}`);
      waits.add(stream.retry);
      stream.cut();
    }
    assert.ok(waits.size >= 4, `${[...waits]}`);
  });

  it('takes the token from the query, as EventSource must, or the header or a cookie', async () => {
    const ann = site.peer();
    for (const [query, headers] of /** @type {[string, Record<string, string>][]} */ ([
      [`?token=${ann.token}`, {}],
      ['', { Authorization: `Bearer ${ann.token}` }],
      ['', { Cookie: `drawbridge=${ann.token}` }],
    ])) {
      const stream = await Stream.open(site.url(`/connect${query}`), headers);
      assert.equal(stream.status, 200);
      assert.deepEqual(JSON.parse((await stream.next()).data).user, ann.user);
      stream.cut();
    }
  });

  it('is not compressed, whatever the client would take', async () => {
    const stream = await site.peer().open({ headers: { 'Accept-Encoding': 'gzip, deflate, br' } });
    assert.equal(stream.headers['content-encoding'], undefined);
    stream.cut();
  });

  it('pings when nothing else is said, with data and without an id', async () => {
    const ann = site.peer();
    const asked = performance.now();
    const stream = await ann.open();
    const opened = performance.now();
    const pings = [];
    stream.onEvent = (event) => pings.push(event);
    await stream.ping(3);
    for (const { id, event, data } of pings) assert.deepEqual({ id, event, data }, { id: null, event: 'ping', data: '{}' });
    const third = performance.now();
    assert.ok((third - asked) / 3 > 700, `three pings ${third - asked} ms after it was asked for`);
    assert.ok((third - opened - await stepsNow(4)) / 3 < 1500, `three pings ${third - opened} ms after it began`);
    assert.equal(stream.lastEventId, stream.connected.id);
    stream.cut();
  });

  it('is silent for no longer than PING, whatever is said in between', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    let last = performance.now(), longest = 0;
    bob.stream.onEvent = () => {
      longest = Math.max(longest, performance.now() - last);
      last = performance.now();
    };
    for (const ms of [100, 300, 600, 900, 1100, 700, 500]) {
      await pause(ms);
      await ann.relay(bob, 'x', ms);
    }
    await bob.stream.ping(2);
    assert.ok(longest < 1000 + await stepsNow(4), `silent for ${longest} ms`);
    ann.stream.cut();
    bob.stream.cut();
  });

  it('delivers at once', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    const delays = [];
    bob.stream.onEvent = () => delays.push(performance.now());
    for (let i = 0; i < 20; i++) {
      const start = performance.now();
      await ann.relay(bob, 'x', i);
      isRelayed(await bob.stream.next(), ann, 'x', i);
      delays[i] -= start;
    }
    delays.sort((a, b) => a - b);
    assert.ok(delays[10] < 100 + steps(2), `${delays[10]} ms`); // a buffer on the way would keep it for seconds
  });

  it('ends, whole, when the token expires, which then opens no other', async () => {
    const exp = nowSeconds() + 1 + GRACE;
    const ann = site.peer({ exp });
    const stream = await ann.open();
    assert.equal(await stream.end(), 'end');
    const late = Date.now() / 1000 - exp;
    assert.ok(late > -0.1 && late < 1.5 + await stepsNow(4) / 1000, `${late} s late`);
    refused(await ann.ask('GET', '/connect'), 401);
  });

  it('its end is noticed when the client closes', async () => {
    const ann = site.peer();
    const stream = await ann.open();
    assert.equal(await subscribers(site, ann), 1);
    stream.cut();
    await until(async () => await subscribers(site, ann) === 0, 'the end of the subscription');
  });

  it('streams do not keep each other waiting', async () => {
    const peers = Array.from({ length: FULL ? 100 : 20 }, () => site.peer());
    const streams = await Promise.all(peers.map((peer) => peer.open()));
    assert.equal(new Set(streams.map((stream) => stream.connected.user.id)).size, peers.length);
    await Promise.all(streams.map((stream) => stream.ping(2)));
    for (const stream of streams) stream.cut();
  });
});

// As many as each way is for.
const MANY = { lighttpd: 2000, 'apache-proxy': 2000, nginx: 2000, apache: 300 }[SERVER];
suite('many', { settings: { PING: 5, GRACE: 60, RATE: 0 } }, (site, it) => {
  it(`${MANY} streams at the same time, each with its pings and its events`, async () => {
    const peers = Array.from({ length: MANY }, () => site.peer());
    const left = peers.values();
    await Promise.all(Array.from({ length: 32 }, async () => {
      for (const peer of left) peer.stream = await peer.open();
    }));
    assert.equal(site.processes('stream.fcgi').length, SERVER === 'apache' ? MANY : 1);
    await Promise.all(peers.map((peer) => peer.stream.ping(1)));
    const pairs = Array.from({ length: 50 }, (_, i) => [peers[i], peers[MANY - 1 - i]]);
    await Promise.all(pairs.map(async ([ann, bob]) => {
      const room = randomId('r');
      await ann.join(room);
      await bob.join(room);
      await ann.relay(bob, 'x', 1);
      isRelayed(await bob.stream.find((event) => event.event === 'x'), ann, 'x', 1);
    }));
    assert.equal(peers.filter((peer) => peer.stream.ended).length, 0);
    for (const peer of peers) peer.stream.cut();
  });
});

if (FULL) {
  const AGE = seconds(3, 8); // all are open before the first one ends
  suite('age', { settings: { STREAM_AGE: AGE, GRACE: 60 } }, (site, it) => {
    it('a stream ends by itself, whole, some before others; who resumes loses nothing', async () => {
      const room = randomId('r');
      const [ann, bob] = await site.room(room, 2);
      const start = performance.now();
      const others = await Promise.all(Array.from({ length: 8 }, () => site.peer().open()));
      const opening = performance.now() - start;
      const ends = await Promise.all(others.map(async (stream) => {
        assert.equal(await stream.end(), 'end');
        return performance.now() - start;
      }));
      assert.ok(Math.min(...ends) > AGE * 775, `${ends}`);
      assert.ok(Math.max(...ends) < AGE * 1_000 + 600 + opening + steps(4), `${ends}, all open after ${opening}`);
      assert.ok(Math.max(...ends) - Math.min(...ends) > 20, `${ends}`);
      assert.equal(await bob.stream.end(), 'end');
      await ann.relay(bob, 'x', 'meanwhile');
      const again = await bob.open({ after: bob.stream.lastEventId });
      assert.equal(again.connected.resumed, true);
      assert.deepEqual(again.connected.rooms, [room]);
      isRelayed(await again.next(), ann, 'x', 'meanwhile');
      again.cut();
    });
  });

  suite('slow reader', {
    settings: { SEND_TIMEOUT: 2, RATE: 0, RATE_BYTES: 0 },
    // A record that is cut in the middle, of which lighttpd tells twice.
    allowed: [/(mod_fastcgi|gw_backend)\.c.*unexpected end-of-file/, /gw_backend\.c.*response already sent out/],
  }, (site, it) => {
    it('a client that does not read is let go, and costs no memory meanwhile', { memory: true }, async () => {
      const [ann] = await site.room('slow', 1);
      const bob = site.peer();
      const url = site.url(`/connect?token=${bob.token}`);
      const socket = net.connect({ host: url.hostname, port: Number(url.port) });
      socket.on('error', () => {});
      socket.write(`GET ${url.pathname}${url.search} HTTP/1.1\r\nHost: ${url.host}\r\n\r\n`);
      await until(async () => await subscribers(site, bob) === 1, 'the stream');
      socket.pause();
      await bob.join('slow');
      const memory = () => ['stream.fcgi', 'lighttpd'].flatMap((name) => site.processes(name)).reduce((sum, pid) =>
        sum + Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]), 0);
      const before = memory();
      const data = 'x'.repeat(60_000);
      let delivered = true;
      let most = before;
      for (let i = 0; delivered && i < 200; i++) { // 12 MB, more than the kernel takes for it
        delivered = await ann.relay(bob, 'x', data);
        most = Math.max(most, memory());
      }
      await until(async () => !(await ann.relay(bob, 'x', 1)), 'the stream to be let go');
      assert.ok(Math.max(most, memory()) - before < 8_000, `grew by ${most - before} KiB`);
      assert.equal(await subscribers(site, bob), 0);
      socket.destroy();
    });
  });

  suite('room for streams', { settings: { STREAMS: 4, PING: 20, GRACE: 20 } }, (site, it) => {
    it('one more than STREAMS is refused, until one has ended, which needs no ping', async () => {
      const streams = [];
      for (let i = 0; i < 4; i++) streams.push(await site.peer().open());
      const late = site.peer();
      refused(await late.ask('GET', '/connect'), 503);
      streams[0].cut();
      const stream = await until(async () => {
        const one = await late.try();
        if (one.status === 200) return one;
        one.cut();
        return null;
      }, 'room for one more');
      assert.equal((await stream.next()).event, 'connected');
    });
  });
}
