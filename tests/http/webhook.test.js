// Webhooks: what a site's own server hears of rooms, in order, at least once; whatever it answers, and whoever sends.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Authority } from './lib/authority.js';
import { command } from './lib/command.js';
import { BUILD } from './lib/pace.js';
import { isAlive, signal } from './lib/processes.js';
import { parse } from './lib/prometheus.js';
import { RedisServer } from './lib/redis-server.js';
import { FULL, GRACE, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';
import { holdSenders, LEASE_MS, randomSecrets, Receiver, Sender, verify } from './lib/webhook.js';
import { pause, timed, until, WAIT_MS } from './lib/wait.js';

const FAILS = [/^warn at=webhook\.(send|take) /, /^(warn|error) at=redis\./, /^Killed$/];
const BACKLOG = 1000;
const DAY_MS = 86_400_000;
const REQUEST_MS = 10_000; // that the site has for an answer
const RETRY_MAX_MS = 1500; // the first time
const NODE_ENTRIES = 100; // of a stream: so many more may be there, as it is cut by nodes

const receiver = await Receiver.start();
/** What the senders that quickstart has started have logged. */
const logs = (site) => site.servers[0].read().find(([name]) => name === 'webhook.log')[1];

async function metrics(site) {
  const answer = await site.request('GET', '/metrics');
  return parse(answer.text);
}

const events = (outcome) => `drawbridge_webhook_events_total{outcome="${outcome}"}`;
const requests = (outcome) => `drawbridge_webhook_requests_total{outcome="${outcome}"}`;

suite('webhooks', { settings: { ...receiver.settings, WEBHOOK_BACKLOG: BACKLOG }, redis: () => RedisServer.start(), allowed: FAILS,
  timeout: 12 * WAIT_MS }, (site, it) => {
  /** A stream in a room, of which the receiver knows. */
  async function present(room, count) {
    const peer = site.peer();
    peer.stream = await peer.open();
    await peer.join(room);
    await receiver.heard(room, count);
    return peer;
  }

  /** Nothing is on its way. */
  const settled = () => until(async () => await site.redis('XLEN', 'webhook') === 0, 'all to have arrived', 3 * WAIT_MS);

  it('who comes and goes is told in order, with the cause; a short absence is none', async () => {
    const room = randomId('r');
    const before = await metrics(site);
    const ann = await present(room, 2);
    const bob = await present(room, 3);
    // As long as it may be away.
    bob.stream.cut();
    bob.stream = await bob.open({ after: bob.stream.lastEventId });
    assert.equal(bob.stream.connected.resumed, true);
    await bob.join(room); // again
    await ann.leave(room);
    await receiver.heard(room, 4);
    bob.stream.cut();
    assert.deepEqual(await receiver.heard(room, 6, WAIT_MS + 3000 * GRACE), ['room.occupied', `member.joined ${ann.id} 1`,
      `member.joined ${bob.id} 2`, `member.left ${ann.id} left 1`, `member.left ${bob.id} gone 0`, 'room.vacated']);
    const [, joined] = receiver.account.events.filter((event) => event.room === room);
    assert.deepEqual(joined.peer, ann.user);
    assert.match(joined.timestamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.ok(Math.abs(Date.parse(joined.timestamp) - Date.now()) < 60_000 + 3000 * GRACE);
    assert.ok(joined.timestamp.endsWith(`${String(parseInt(joined.id) % 1000).padStart(3, '0')}Z`), 'the time is that of the event');
    ann.stream.cut();
    await settled();
    const after = await metrics(site);
    assert.equal(after[events('arrived')] - before[events('arrived')], 6);
    assert.ok(after[requests('accepted')] > before[requests('accepted')]);
    assert.equal(after[requests('failed')], before[requests('failed')]);
  });

  it('whom the site’s own server removes or disconnects has been removed', async () => {
    const [room, other] = [randomId('r'), randomId('r')];
    const ann = await present(room, 2);
    const bob = await present(room, 3);
    await bob.join(other);
    const server = (method, url, body) => site.request(method, url, { token: site.serverToken(), body });
    assert.equal((await server('DELETE', `/server/rooms/${room}/members/${ann.id}`)).status, 200);
    assert.equal((await server('POST', `/server/peers/${bob.id}/disconnect`, {})).status, 200);
    assert.deepEqual((await receiver.heard(room, 6)).slice(3),
      [`member.left ${ann.id} removed 1`, `member.left ${bob.id} removed 0`, 'room.vacated']);
    assert.deepEqual(await receiver.heard(other, 4),
      ['room.occupied', `member.joined ${bob.id} 1`, `member.left ${bob.id} removed 0`, 'room.vacated']);
    ann.stream.cut();
  });

  it('a request is as Standard Webhooks has it, signed with both secrets; the first one says that nothing is known before', async () => {
    const [first] = receiver.requests;
    assert.equal(first.path, 'POST /hook?of=this');
    assert.equal(first.headers['content-type'], 'application/json');
    assert.match(first.headers['user-agent'], /^drawbridge\//);
    const { events: all, reset } = first.body;
    assert.equal(reset, true);
    assert.equal(first.headers['webhook-id'], `${all[0].id}_${all.at(-1).id}`);
    assert.equal(String(first.headers['webhook-signature']).split(' ').length, 2);
    for (const one of randomSecrets()) assert.equal(verify(first, one), false, 'with no other');
    assert.equal(receiver.account.resets, 1);
    receiver.check();
  });

  // What sends is the same behind all web servers.
  if (!FULL) return;

  /** How the site fails: at each of these the same request comes again. */
  const failures = {
    'answers 500': (_, response) => response.writeHead(500).end('no'),
    'closes half-way': (_, response) => {
      response.writeHead(200, { 'Content-Length': 1000 });
      response.write('half', () => response.destroy());
    },
    'closes at once': (request) => request.socket.destroy(),
    redirects: (_, response) => response.writeHead(307, { Location: receiver.url.replace('hook', 'elsewhere') }).end(),
    'says that it is too much': (_, response) => response.writeHead(429, { 'Retry-After': '2' }).end(),
  };
  for (const [what, fail] of Object.entries(failures)) {
    it(`the site ${what}: the same comes again, and nothing else until it is taken`, async () => {
      const room = randomId('r');
      receiver.instead = fail;
      const since = receiver.requests.length;
      const failed = (await metrics(site))[requests('failed')];
      const ann = site.peer();
      await ann.join(room);
      await receiver.asked(since + 1);
      await site.peer().join(room);
      await receiver.asked(since + 2);
      receiver.instead = null;
      await receiver.heard(room, 3);
      const [one, two] = receiver.requests.slice(since);
      assert.equal(two.headers['webhook-id'], one.headers['webhook-id']);
      assert.deepEqual(two.bytes, one.bytes);
      // Where a connection that was kept is closed, libcurl asks again by another one, and at once.
      const atOnce = what.includes('at once');
      const least = what.includes('too much') ? 2000 : atOnce ? 0 : 1000;
      assert.ok(two.at - one.at >= least - 50, `after ${two.at - one.at} ms`);
      assert.ok(receiver.requests.every((request) => request.path.includes('/hook')), 'no redirect is followed');
      assert.ok((await metrics(site))[requests('failed')] - failed >= (atOnce ? 1 : 2));
      await settled();
      receiver.check();
    });
  }

  it('it is logged that the site fails, and that it works again: not each time', async () => {
    const before = logs(site).length;
    const since = receiver.requests.length;
    receiver.instead = failures['answers 500'];
    await site.peer().join(randomId('r'));
    await receiver.asked(since + 3);
    receiver.instead = null;
    await settled();
    const said = await until(() => logs(site).slice(before).split('\n').filter((line) => line.includes('site=')).length > 1 &&
      logs(site).slice(before).split('\n').filter((line) => line.includes('site=')), 'a line when it works');
    assert.equal(said.length, 2, said.join('\n'));
    assert.match(said[0], /^warn at=webhook\.send site=fails why=status-500$/);
    assert.match(said[1], /^info at=webhook\.send site=works after=\d+s$/);
  });

  it('the site says that it is gone for good: that is an error of the settings, and a sender that begins anew asks again', async () => {
    const room = randomId('r');
    receiver.instead = (_, response) => response.writeHead(410).end();
    const since = receiver.requests.length;
    await site.peer().join(room);
    await receiver.asked(since + 1);
    await until(() => /^warn at=webhook\.send site=fails why=status-410 \(Gone: is DRAWBRIDGE_WEBHOOK right\?\)$/m.test(logs(site)), 'the log to say so');
    receiver.instead = null;
    for (const pid of site.processes('drawbridge')) signal(pid, 'SIGKILL');
    await site.redis('DEL', 'webhook:sender');
    await receiver.heard(room, 2);
    assert.equal(receiver.requests.length, since + 2);
  });

  it('the site hangs: it has 10 s, and nobody else waits for it', async () => {
    const room = randomId('r');
    receiver.instead = () => {};
    const since = receiver.requests.length;
    await site.peer().join(room);
    const first = await receiver.asked(since + 1);
    // While it hangs all goes on as ever.
    const others = Array.from({ length: 20 }, () => site.peer());
    const { ms } = await timed(() => Promise.all(others.map((peer) => peer.join(room))));
    assert.ok(ms < REQUEST_MS / 2, `20 joins took ${ms} ms`);
    assert.equal(receiver.requests.length, since + 1);
    receiver.instead = null;
    const second = await receiver.asked(since + 2, REQUEST_MS + WAIT_MS);
    assert.ok(second.at - first.at >= REQUEST_MS, `after ${second.at - first.at} ms`);
    await receiver.heard(room, 22, REQUEST_MS + WAIT_MS);
  });

  it('the site is slow: what comes meanwhile goes in one request', async () => {
    const room = randomId('r');
    receiver.instead = async (_, response) => {
      await pause(RETRY_MAX_MS);
      receiver.account.take(receiver.requests.at(-1).body);
      response.end();
    };
    const since = receiver.requests.length;
    await site.peer().join(room);
    await receiver.asked(since + 1);
    await Promise.all(Array.from({ length: 9 }, () => site.peer().join(room)));
    await receiver.heard(room, 11);
    receiver.instead = null;
    const mine = receiver.requests.slice(since).filter(({ body }) => body.events.some((event) => event.room === room));
    assert.ok(mine.length < 6, `${mine.length} requests`);
    await settled();
  });

  it('an answer of any length is no more than its status', async () => {
    receiver.instead = (_, response) => {
      receiver.account.take(receiver.requests.at(-1).body);
      receiver.instead = null;
      response.on('error', () => {});
      response.end(Buffer.alloc(50_000_000));
    };
    const room = randomId('r');
    await site.peer().join(room);
    await receiver.heard(room, 2);
    await settled();
    receiver.check();
  });

  it('nor is one whose head, or trailer, has no end', async () => {
    for (const begin of ['', '\r\nTransfer-Encoding: chunked\r\n\r\n0']) {
      const room = randomId('r');
      let ended = null;
      receiver.instead = (_, response) => {
        receiver.account.take(receiver.requests.at(-1).body);
        receiver.instead = null;
        const { socket } = response;
        ended = new Promise((resolve) => { socket.on('close', () => resolve(socket.bytesWritten)); });
        socket.on('error', () => {});
        const flood = () => { while (!socket.destroyed && socket.write(`\r\nX: ${'x'.repeat(1000)}`)); };
        socket.on('drain', flood);
        socket.write(`HTTP/1.1 200 OK${begin}`);
        flood();
      };
      await site.peer().join(room);
      await receiver.heard(room, 2);
      const bytes = await ended;
      assert.ok(bytes < 20_000_000, `${bytes} bytes`);
    }
    await settled();
    receiver.check();
  });

  it('a sender is killed with a batch under way: another sends the same again; never two at a time', async () => {
    const goOn = holdSenders(site);
    await site.redis('DEL', 'webhook:sender');
    const first = Sender.of(site);
    const name = await first.name();
    await until(async () => await site.redis('GET', 'webhook:sender') === name, 'it to be the sender');
    const second = Sender.of(site);
    await second.name();
    const room = randomId('r');
    receiver.instead = () => {};
    const since = receiver.requests.length;
    await site.peer().join(room);
    await receiver.asked(since + 1);
    await first.kill();
    receiver.instead = null;
    const took = Date.now();
    await receiver.heard(room, 2, LEASE_MS + WAIT_MS);
    assert.ok(Date.now() - took > LEASE_MS / 4, 'not before the lease of the first has ended');
    const [one, two] = receiver.requests.slice(since);
    assert.equal(two.headers['webhook-id'], one.headers['webhook-id']);
    assert.deepEqual(two.body, one.body);
    assert.equal(receiver.requests.length, since + 2);
    receiver.check();

    // At its end it gives the lease back, so that another need not wait; with a request under way, too.
    receiver.instead = () => {};
    await site.peer().join(room);
    await receiver.asked(since + 3);
    const { value, ms } = await timed(() => second.kill('SIGTERM'));
    assert.equal(value, 0);
    assert.ok(ms < REQUEST_MS / 2, `${ms} ms`);
    assert.equal(await site.redis('EXISTS', 'webhook:sender'), 0);
    assert.match(second.said, /info at=webhook\.stop /);
    receiver.instead = null;
    goOn();
    await receiver.heard(room, 3);
    await settled();
  });

  it('one that stood still for longer than its lease sends nothing as the sender that it was', async () => {
    const room = randomId('r');
    const goOn = holdSenders(site);
    await site.redis('DEL', 'webhook:sender');
    const other = Sender.of(site);
    await site.peer().join(room);
    await receiver.heard(room, 2);
    const name = await other.name();
    goOn();
    await site.peer().join(room);
    await receiver.heard(room, 3);
    assert.equal(await site.redis('GET', 'webhook:sender'), name);
    await other.kill('SIGTERM');
    receiver.check();
  });

  it('what falls off is counted, and the rest comes in order', async () => {
    const before = await metrics(site);
    const room = randomId('r');
    const ann = site.peer();
    const goOn = holdSenders(site);
    await ann.join(room);
    for (let i = 0; i < 400; i++) {
      await ann.leave(room);
      await ann.join(room);
    }
    const left = await site.redis('XLEN', 'webhook');
    assert.ok(left >= BACKLOG && left <= BACKLOG + NODE_ENTRIES, `${left}`);
    goOn();
    await receiver.heard(room, left, 3 * WAIT_MS);
    await settled();
    const all = receiver.account.of(room).length + receiver.account.dropped;
    assert.equal(all, 2 + 400 * 4, 'none is missing that was not said to be');
    const lost = (await metrics(site))[events('pushed-out')] - before[events('pushed-out')];
    assert.equal(lost, receiver.account.dropped);
    assert.equal(receiver.requests.reduce((sum, { body }) => sum + (body.dropped ?? 0), 0), lost, 'it is said once');
    assert.match(logs(site), /^warn at=webhook\.take lost=\d+ given-up=0 pushed-out=[1-9]/m);
    receiver.account.knows(room, [ann]);
    await ann.leave(room);
    assert.deepEqual((await receiver.heard(room, left + 2)).slice(left), [`member.left ${ann.id} left 0`, 'room.vacated']);
  });

  it('what is a day old is given up, and counted', async () => {
    await settled();
    const before = await metrics(site);
    const room = randomId('r');
    const goOn = holdSenders(site);
    const ann = site.peer();
    await ann.join(room);
    // What Redis has of it is from yesterday.
    const all = await site.redis('XRANGE', 'webhook', '-', '+');
    await site.redis('DEL', 'webhook');
    for (const [id, fields] of all) {
      const [ms, sequence] = id.split('-');
      await site.redis('XADD', 'webhook', `${Number(ms) - DAY_MS - 1000}-${sequence}`, ...fields);
    }
    await ann.leave(room);
    receiver.account.knows(room, [ann]);
    goOn();
    const heard = await receiver.heard(room, 2, LEASE_MS + WAIT_MS);
    assert.deepEqual(heard, [`member.left ${ann.id} left 0`, 'room.vacated']);
    assert.equal(receiver.requests.at(-1).body.dropped, 2);
    receiver.account.knows(room, []);
    await until(async () => (await metrics(site))[events('given-up')] - before[events('given-up')] === 2, 'it to be counted');
  });

  it('Redis is killed, and empty: it goes on, and says that nothing is known before', async () => {
    await settled();
    const { resets } = receiver.account;
    await site.server.kill();
    await site.server.start();
    const room = randomId('r');
    const ann = site.peer();
    await until(async () => (await ann.ask('POST', `/${room}/join`)).status === 200, 'Redis to be found');
    await receiver.heard(room, 2, 3 * WAIT_MS);
    assert.equal(receiver.account.resets, resets + 1);
  });

  it('drawbridge check says that nobody sends', async () => {
    const { drawbridge, conf } = /** @type {import('./lib/server.js').Server} */ (site.servers[0]);
    const check = () => command(drawbridge, ['check'], { CONF: conf });
    const { status, out } = await check();
    assert.equal(status, 0, out);
    assert.doesNotMatch(out, /warning: DRAWBRIDGE_WEBHOOK/);
    const goOn = holdSenders(site);
    await site.server.ask('DEL', 'webhook:sender');
    const { status: warned, out: warnings } = await check();
    goOn();
    assert.equal(warned, 0, warnings);
    assert.match(warnings, /^warning: DRAWBRIDGE_WEBHOOK: nobody sends: "drawbridge webhook" has to run/m);
  });

  it('whoever dies of the senders, one is there again', async () => {
    const [pid] = site.processes('drawbridge');
    signal(pid, 'SIGKILL');
    await until(() => !isAlive(pid), 'it to die');
    const room = randomId('r');
    await site.peer().join(room);
    await receiver.heard(room, 2, LEASE_MS + WAIT_MS);
  });

  it('nothing was wrong on the way', () => receiver.check());
});

if (FULL) {
  suite('no webhooks', { settings: {} }, (site, it) => {
    it('nothing is written, nobody runs to send it, and the command says so', async () => {
      const room = randomId('r');
      const ann = site.peer();
      await ann.join(room);
      await ann.leave(room);
      assert.equal(await site.redis('EXISTS', 'webhook', 'webhook:state', 'webhook:sender'), 0);
      assert.deepEqual(site.processes('drawbridge'), []);
      const { drawbridge, conf } = /** @type {import('./lib/server.js').Server} */ (site.servers[0]);
      const { status, err } = await command(drawbridge, ['webhook'], { CONF: conf });
      assert.equal(status, 1);
      assert.match(err, /^error at=conf\.load DRAWBRIDGE_WEBHOOK is not set/);
    });
  });

  const authority = new Authority();
  const { key, cert } = authority.issue('DNS:localhost');
  const foreign = await Receiver.start({ tls: { key: readFileSync(key), cert: readFileSync(cert) } });

  suite('webhooks to a site that nobody vouches for', { settings: foreign.settings, allowed: FAILS }, (site, it) => {
    it('it gets nothing', async () => {
      await site.peer().join(randomId('r'));
      await until(async () => (await metrics(site))[requests('failed')] > 0, 'a request to fail');
      await until(() => /^warn at=webhook\.send site=fails why=.*certificate/m.test(logs(site)), 'the log to say why');
      assert.equal(foreign.requests.length, 0);
    });
  });

  suite('settings of webhooks', { settings: {} }, (site, it) => {
    const check = (settings) => command(path.join(BUILD, 'drawbridge'), ['check', '--settings'],
      { CONF: '/dev/null', SECRET: 'x'.repeat(32), ...settings });

    it('are told, but for the secrets; each must be good', async () => {
      const secrets = randomSecrets();
      const { status, out } = await check({ WEBHOOK: 'https://site.example/hook', WEBHOOK_SECRET: secrets.join(' ') });
      assert.equal(status, 0, out);
      assert.match(out, /^DRAWBRIDGE_WEBHOOK +https:\/\/site\.example\/hook /m);
      assert.match(out, /^DRAWBRIDGE_WEBHOOK_SECRET +\(not shown: 2\) /m);
      for (const secret of secrets) assert.ok(!out.includes(secret));
      const { status: wrong, out: why } = await check({ WEBHOOK: 'https://site.example/hook' });
      assert.equal(wrong, 1);
      assert.match(why, /^error: DRAWBRIDGE_WEBHOOK requires DRAWBRIDGE_WEBHOOK_SECRET/m);
    });
  });
}
