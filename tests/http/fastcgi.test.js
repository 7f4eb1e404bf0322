// FastCGI itself: what a web server may send, whole, in pieces, never to the end, and one after another.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import http from 'node:http';
import { after, test } from 'node:test';
import * as fastcgi from './lib/fastcgi.js';
import { Front, missingFront } from './lib/fronts.js';
import { refused, request } from './lib/http.js';
import { KILLED } from './lib/logs.js';
import { steps } from './lib/pace.js';
import { isRelayed } from './lib/peer.js';
import { isAlive, signal } from './lib/processes.js';
import { SERVER, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';
import { pause, timed, until } from './lib/wait.js';

const { ABORT, BEGIN, CANT_MULTIPLEX, COMPLETE, END, GET_VALUES, PARAMS, STDIN, STDOUT, UNKNOWN_ROLE, UNKNOWN_TYPE, VALUES } = fastcgi;
const FORM = 'application/x-www-form-urlencoded';
const CUTS_AT_ONCE = 32;
const IN_TIME_MS = 1_000 + steps(10);
const settings = { RATE: 0, RATE_BYTES: 0, BODY_TIMEOUT: 3, GRACE: 5 };

/** The same for each test: connections, which end with it. */
function connector(site) {
  const open = new Set();
  after(() => open.forEach((one) => one.close()));
  return async (program, ...bytes) => {
    const connection = await fastcgi.Connection.open(fastcgi.socketOf(site.servers[0], program));
    open.add(connection);
    return connection.send(...bytes);
  };
}

/** Whether others are served as ever. */
async function servesOthers(site, inTimeMs = IN_TIME_MS) {
  const { ms } = await timed(async () => {
    assert.equal((await site.request('GET', '/health/live', { connection: false })).status, 200);
    const stream = await site.peer().open();
    stream.cut();
  });
  assert.ok(ms < inTimeMs, `others waited ${ms} ms`);
}

// mod_fcgid keeps the sockets to itself.
if (SERVER !== 'apache') {
  // A body may be as late as this machine makes it.
  suite('FastCGI in pieces', { settings: { ...settings, BODY_TIMEOUT: 60 } }, (site, it) => {
    const connect = connector(site);

    it('a request may be cut at any byte', async () => {
      const [ann, bob] = await site.room(randomId('r'), 2);
      const bytes = (n) => fastcgi.request(fastcgi.params(site, 'POST', `/relay/${bob.id}/x`, { token: ann.token, body: '[1234]' }), '[1234]', { padding: n });
      for (const padding of [0, 3]) {
        const whole = bytes(padding);
        // Some at a time: each may take 10 s from its first byte on.
        for (let first = 1; first < whole.length; first += CUTS_AT_ONCE) {
          const cuts = Array.from({ length: Math.min(CUTS_AT_ONCE, whole.length - first) }, (_, i) => first + i);
          const all = await Promise.all(cuts.map((at) => connect('signal', whole.subarray(0, at))));
          await pause(50);
          all.forEach((connection, i) => connection.send(whole.subarray(cuts[i])));
          for (const [i, connection] of all.entries()) assert.equal((await connection.answer()).status, 200, `cut at ${cuts[i]}`);
          for (let i = 0; i < all.length; i++) isRelayed(await bob.stream.next(), ann, 'x', [1234]);
        }
      }
      const one = await connect('signal');
      // One byte a turn at both ends, which have the headers of records, as long as there is time: a busy machine takes
      // its own for each, and the request has 10 s.
      const whole = bytes(1);
      const end = performance.now() + 3_000;
      for (const [i, byte] of whole.entries()) {
        one.send(Buffer.from([byte]));
        if ((i < CUTS_AT_ONCE || i > whole.length - CUTS_AT_ONCE) && performance.now() < end) await pause(0);
      }
      assert.equal((await one.answer()).status, 200);
      isRelayed(await bob.stream.next(), ann, 'x', [1234]);
    });
  });

  suite('FastCGI', { settings }, (site, it) => {
    const connect = connector(site);
    const live = (more) => fastcgi.params(site, 'GET', '/health/live', { more });

    // The first: nothing else comes to the program afterwards, and no time ends in it.
    it('of connections that are kept 256 may be idle', async () => {
      const all = [];
      for (let i = 0; i < 300; i++) {
        const connection = await connect('signal', fastcgi.request(live(), '', { keep: true }));
        assert.equal((await connection.answer()).status, 200);
        all.push(connection);
      }
      await until(() => all.filter(({ isClosed }) => isClosed).length >= 44, 'the oldest to be closed');
      assert.ok(all.slice(0, 44).every(({ isClosed }) => isClosed), 'the oldest');
      assert.ok(all.slice(45).every(({ isClosed }) => !isClosed), 'no others');
      all.forEach((one) => one.close());
    });

    it('half a request keeps nobody else waiting, wherever it is cut', async () => {
      const whole = fastcgi.request(live(), '');
      for (const program of ['signal', 'stream']) {
        for (const length of [0, 1, 7, 8, 15, 16, 20, 24, 40, whole.length - 8, whole.length - 1]) {
          await connect(program, whole.subarray(0, length));
        }
      }
      await pause(50); // so that they are there before the others
      await servesOthers(site);
    });

    it('64 KiB of parameters, in records of any length; more than 128 KiB are refused', async () => {
      const [ann, bob] = await site.room(randomId('r'), 2);
      const filler = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`HTTP_X_${i}`, 'y'.repeat(1_090)]));
      const of = (more) => fastcgi.params(site, 'POST', `/relay/${bob.id}/x`, { token: ann.token, body: '1', more });
      for (const [most, padding] of [[1, 0], [1, 7], [7, 255], [1_000, 3], [65_535, 0], [65_535, 255]]) {
        const connection = await connect('signal', fastcgi.request({ ...filler, ...of() }, '1', { most, padding }));
        assert.equal((await connection.answer()).status, 200, `records of ${most}, padding of ${padding}`);
        isRelayed(await bob.stream.next(), ann, 'x', 1);
      }
      const large = await connect('signal', fastcgi.head({ ...of(), HTTP_X: 'y'.repeat(140_000) }));
      assert.equal((await large.answer()).status, 431);
    });

    it('another request meanwhile is refused, and its records are passed over', async () => {
      const whole = fastcgi.request(live(), '');
      const connection = await connect('signal', whole.subarray(0, 40), Buffer.alloc(0));
      connection.send(whole.subarray(40, whole.length - 8), fastcgi.request(live(), '', { id: 258 }));
      const { type, id, content } = await connection.next();
      assert.deepEqual([type, id, content[4]], [END, 258, CANT_MULTIPLEX]);
      connection.send(whole.subarray(whole.length - 8));
      assert.equal((await connection.answer()).status, 200);
    });

    it('what is asked outside of requests is answered as the specification says', async () => {
      const asked = fastcgi.pairs({ FCGI_MAX_CONNS: '', FCGI_MAX_REQS: '', FCGI_MPXS_CONNS: '', FCGI_OTHER: '' });
      const connection = await connect('signal', fastcgi.record(GET_VALUES, 0, asked, 5));
      const values = await connection.next();
      assert.equal(values.type, VALUES);
      const { FCGI_MAX_CONNS: conns, FCGI_MAX_REQS: reqs, ...others } = fastcgi.unpair(values.content);
      assert.deepEqual(others, { FCGI_MPXS_CONNS: '0' });
      assert.ok(Number(conns) > 0 && conns === reqs, `${conns} ${reqs}`);
      connection.send(fastcgi.record(77, 0, 'anything'));
      const unknown = await connection.next();
      assert.deepEqual([unknown.type, unknown.content[0]], [UNKNOWN_TYPE, 77]);
      connection.send(fastcgi.begin({ id: 3, role: 2, keep: true }), fastcgi.record(PARAMS, 3, fastcgi.pairs(live())));
      const role = await connection.next();
      assert.deepEqual([role.type, role.id, role.content[4]], [END, 3, UNKNOWN_ROLE]);
      connection.send(fastcgi.request(live(), ''));
      assert.equal((await connection.answer()).status, 200);
    });

    it('what is no FastCGI is closed', async () => {
      const version = fastcgi.begin();
      version[0] = 2;
      const wrong = [version, fastcgi.record(BEGIN, 1, 'short'), Buffer.concat([fastcgi.begin(), fastcgi.begin()]),
        Buffer.concat([fastcgi.begin(), fastcgi.record(STDIN, 1, 'early')]),
        Buffer.concat([fastcgi.begin(), fastcgi.record(PARAMS, 1, [200, 200, 200, 200]), fastcgi.record(PARAMS, 1)])];
      for (const bytes of wrong) await (await connect('signal', bytes)).closed();
      // lighttpd passes on a NUL in a query.
      const nul = await connect('signal', fastcgi.request(live({ REQUEST_URI: `${site.url('/health/live').pathname}?a\0b`, 'A\0B': 'x' })));
      assert.equal((await nul.answer()).status, 200);
    });

    it('a request that is aborted ends; so does a stream', async () => {
      for (const keep of [false, true]) {
        const of = fastcgi.params(site, 'POST', `/${randomId('r')}/join`, { token: site.peer().token, length: 5 });
        const connection = await connect('signal', fastcgi.head(of, { keep }), fastcgi.record(STDIN, 1, '"a'), fastcgi.record(ABORT, 1));
        assert.equal((await connection.answer()).ended, COMPLETE);
        if (!keep) await connection.closed();
        else assert.equal((await connection.send(fastcgi.request(live(), '', { id: 2 })).answer(2)).status, 200);
      }
      const stream = await connect('stream', fastcgi.request(fastcgi.params(site, 'GET', '/connect', { token: site.peer().token })));
      assert.equal((await stream.next()).type, STDOUT);
      stream.send(fastcgi.record(ABORT, 1));
      await stream.closed();
    });

    it('a connection is kept where that is asked, for one request after another, streams too', async () => {
      const [ann, bob] = await site.room(randomId('r'), 2);
      const connection = await connect('signal');
      for (let i = 0; i < 20; i++) {
        const body = String(i);
        const of = i % 2 ? live() : fastcgi.params(site, 'POST', `/relay/${bob.id}/x`, { token: ann.token, body });
        connection.send(fastcgi.request(of, i % 2 ? '' : body, { keep: true, id: 1 + i % 3 }));
        assert.equal((await connection.answer(1 + i % 3)).status, 200);
        if (i % 2 === 0) isRelayed(await bob.stream.next(), ann, 'x', i);
        assert.ok(!connection.isClosed);
      }
      // By a thread other than the one that takes requests.
      connection.send(fastcgi.request(fastcgi.params(site, 'POST', `/${randomId('r')}/join`, { token: ann.token }), '', { keep: true }));
      assert.equal((await connection.answer()).status, 200);
      assert.equal((await connection.send(fastcgi.request(live())).answer()).status, 200);
      await connection.closed(); // as the last did not ask for it

      const streams = await connect('stream', fastcgi.request(live(), '', { keep: true }));
      assert.equal((await streams.answer()).status, 404);
      streams.send(fastcgi.request(fastcgi.params(site, 'GET', '/connect', { token: site.peer().token }), '', { keep: true }));
      const first = await streams.next();
      assert.match(first.content.toString(), /^Status: 200 /);
    });

    it('an answer that is not read keeps nobody else waiting, and arrives whole once it is', async () => {
      const [ann] = await site.room(randomId('r'), 1);
      const members = Array.from({ length: 1_000 }, (_, i) => ({ id: `m${i}`, username: 'x'.repeat(1_000) })); // more than a socket takes
      await site.redis('SADD', `channels:${ann.room}`, ...members.map(({ id }) => id));
      await Promise.all(members.map((user) => site.redis('HSET', `peer:${user.id}`, 'user', JSON.stringify(user))));
      const peers = (id) => fastcgi.request(fastcgi.params(site, 'GET', `/${ann.room}/peers`, { token: ann.token }), '', { id, keep: true });
      const connection = await connect('signal');
      connection.stall();
      connection.send(peers(1));
      await servesOthers(site);
      connection.goOn();
      for (const id of [1, 2]) {
        if (id > 1) connection.send(peers(id));
        const { ended, text } = await connection.answer(id);
        assert.equal(ended, COMPLETE);
        const [head, body] = text.split('\r\n\r\n');
        assert.equal(body.length, Number(/^Content-Length: (\d+)/m.exec(head)[1]));
        assert.deepEqual(JSON.parse(body).peers.sort((a, b) => Number(a.id.slice(1)) - Number(b.id.slice(1))), members);
      }
      connection.close();
    });

    it('one that becomes idle ends no other whose next request is under way', async () => {
      const [pid] = site.processes('signal.fcgi');
      const metrics = fastcgi.request(fastcgi.params(site, 'GET', '/metrics'), '', { keep: true });
      const idle = [];
      const unread = await connect('signal', metrics);
      unread.stall();
      for (let i = 0; i < 100; i++) { // more than the kernel takes; one after another, or they would not be answered
        await pause(5);
        unread.send(metrics);
      }
      for (let i = 0; i < 256; i++) {
        idle.push(await connect('signal', fastcgi.request(live(), '', { keep: true })));
        assert.equal((await idle[i].answer()).status, 200);
      }
      // Both in one look of the program: what is left of the answer may go, and the oldest asks again.
      signal(pid, 'SIGSTOP');
      try {
        unread.goOn();
        await pause(100);
        idle[0].send(fastcgi.request(live(), '', { keep: true }));
      } finally {
        signal(pid, 'SIGCONT');
      }
      await servesOthers(site);
      assert.deepEqual(site.processes('signal.fcgi'), [pid], 'it lives');
      for (const one of [unread, ...idle]) one.close();
    });

    it('what needs no body to be refused is refused without it, and the answer arrives whole', async () => {
      const { token } = site.peer();
      const relay = (more) => fastcgi.params(site, 'POST', '/relay/bob/x', { token, length: 1_000, more });
      const cases = [
        [404, fastcgi.params(site, 'POST', '/nothing/here', { length: 1_000 })],
        [405, fastcgi.params(site, 'POST', '/ice', { token, length: 1_000 })],
        [401, fastcgi.params(site, 'POST', '/relay/bob/x', { length: 1_000 })],
        [403, relay({ HTTP_AUTHORIZATION: '', HTTP_COOKIE: `drawbridge=${token}`, HTTP_ORIGIN: 'https://elsewhere.example' })],
        [413, relay({ CONTENT_LENGTH: '70000' })],
        [413, relay({ CONTENT_LENGTH: '18446744073709551617' })],
        [411, relay({ CONTENT_LENGTH: '-1', HTTP_TRANSFER_ENCODING: 'chunked' })], // as Caddy passes on one that is chunked
        [411, relay({ CONTENT_LENGTH: '5 5' })],
        [415, relay({ CONTENT_TYPE: 'image/png' })],
        [415, relay({ SERVER_SOFTWARE: 'Caddy/v2.6.2', CONTENT_TYPE: FORM, HTTP_CONTENT_TYPE: FORM })], // and its client said so
        [400, fastcgi.params(site, 'POST', '/relay/b%20b/x', { token, length: 1_000 })],
      ];
      for (const [status, of] of cases) {
        for (const keep of [false, true]) {
          const connection = await connect('signal', fastcgi.head(of, { keep }));
          const { value, ms } = await timed(() => connection.answer());
          assert.equal(value.status, status, value.text);
          assert.ok(ms < IN_TIME_MS, `${status} after ${ms} ms`);
          // Who wrote on before reading is not cut off; one that is kept serves the next.
          connection.send(fastcgi.records(STDIN, 1, Buffer.alloc(1_000, 32)));
          if (keep) assert.equal((await connection.send(fastcgi.request(live(), '', { id: 2 })).answer(2)).status, 200);
        }
      }
      const stream = await connect('stream', fastcgi.head(fastcgi.params(site, 'POST', '/connect', { token, length: 10 })));
      assert.equal((await stream.answer()).status, 405);
    });

    it('411 for a chunked body by way of Caddy, which gives it the length -1', { skip: missingFront('caddy') }, async () => {
      const front = await Front.start('caddy', site.servers[0].base, 'transport fastcgi', `unix/${fastcgi.socketOf(site.servers[0], 'signal')}`);
      try {
        const [ann, bob] = [site.peer(), site.peer()];
        const relay = (chunked) => request(new URL(`relay/${bob.id}/x`, front.base),
          { method: 'POST', headers: { Authorization: `Bearer ${ann.token}`, 'Content-Type': 'application/json' }, body: '1', chunked });
        refused(await relay(true), 411);
        refused(await relay(false), 404); // they share no room
      } finally {
        await front.stop();
      }
    });

    it('a body without a Content-Type by way of Caddy, which calls it a form, is held to be JSON', { skip: missingFront('caddy') }, async () => {
      const front = await Front.start('caddy', site.servers[0].base, 'transport fastcgi', `unix/${fastcgi.socketOf(site.servers[0], 'signal')}`);
      const access = (headers) => site.request('POST', '/access', { base: front.base, body: '{"username":"ann"}', headers });
      try {
        assert.equal((await access({})).status, 200);
        refused(await access({ 'Content-Type': FORM }), 415);
        refused(await access({ 'Content-Type': 'text/html' }), 415);
      } finally {
        await front.stop();
      }
    });

    it('a body has a time to come in all, and a least rate', async () => {
      const [ann, bob] = await site.room(randomId('r'), 2);
      // So many bytes a second, made up for where a pause was longer.
      const trickle = async (rate) => {
        const of = fastcgi.params(site, 'POST', `/relay/${bob.id}/x`, { token: ann.token, length: 60_000 });
        const connection = await connect('signal');
        const start = performance.now(); // before the program's clock does
        connection.send(fastcgi.head(of));
        let isOver = false, sent = 0;
        const answer = connection.answer().then((value) => ({ value, ms: performance.now() - start })).finally(() => { isOver = true; });
        while (!isOver) {
          await pause(50);
          const due = Math.floor((performance.now() - start) * rate / 1_000) - sent;
          if (due > 0) connection.send(fastcgi.record(STDIN, 1, Buffer.alloc(due, 32)));
          sent += due;
        }
        return answer;
      };
      // The second far above the least rate, so that it is kept whenever this process has its turn.
      const [byte, rate] = await Promise.all([trickle(20), trickle(15_000)]);
      assert.equal(byte.value.status, 408);
      assert.ok(byte.ms > 900 && byte.ms < 2_500 + steps(10), `a byte at a time: after ${byte.ms} ms`); // a third of BODY_TIMEOUT
      assert.equal(rate.value.status, 408);
      assert.ok(rate.ms > 2_900 && rate.ms < 5_000 + steps(10), `15,000 bytes a second: after ${rate.ms} ms`);
    });

    // lighttpd waits for all of a body before it asks.
    if (SERVER === 'apache-proxy') {
      it('who sends a body too slowly is told so by way of the web server', async () => {
        const { hostname: host, port, pathname: path } = site.url('/relay/bob/x');
        const call = http.request({ method: 'POST', agent: false, host, port, path,
          headers: { Authorization: `Bearer ${site.peer().token}`, 'Content-Length': 10_000 } });
        const trickle = setInterval(() => call.write(' '), 200);
        try {
          const [answer] = await once(call, 'response');
          assert.equal(answer.statusCode, 408);
        } finally {
          clearInterval(trickle);
          call.on('error', () => {}).destroy();
        }
      });
    }
  });

  test('the units allow twice as many descriptors as Apache has threads that hand on bodies', () => {
    const number = (file, name) => Number(new RegExp(`^\\s*${name}[ =](\\d+)$`, 'm').exec(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'))[1]);
    const workers = number('apache/drawbridge-proxy.conf.in', 'MaxRequestWorkers');
    for (const name of ['signal', 'stream']) {
      assert.ok(number(`src/systemd/drawbridge-${name}.service.in`, 'LimitNOFILE') > 2 * workers, name);
    }
  });

  const DESCRIPTORS = 64, SLOW = 300;
  // For each fill of the descriptors half a second, in which no request is given up for another.
  const FILLED_MS = IN_TIME_MS + 600 * Math.ceil(SLOW / (DESCRIPTORS / 2));
  suite('FastCGI, few descriptors', {
    settings: { ...settings, BODY_TIMEOUT: 60 }, allowed: [/^warn at=fcgi\.accept why=Too many open files$/],
  }, (site, it) => {
    const connect = connector(site);

    /** As the user whose process it is, which not even root may do otherwise in a container. */
    function leaveFew() {
      const [pid] = site.processes('signal.fcgi');
      const { uid, gid } = statSync(`/proc/${pid}`);
      const as = process.getuid() === 0 ? ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups', '--'] : [];
      const [command, ...args] = [...as, 'prlimit', '--pid', String(pid), `--nofile=${DESCRIPTORS}:`];
      execFileSync(command, args);
    }

    it('where they run out those that are not whole are given up, the oldest first', async () => {
      leaveFew();
      const of = fastcgi.params(site, 'POST', '/relay/bob/x', { token: site.peer().token, length: 1_000 });
      const slow = [];
      for (let i = 0; i < SLOW; i++) slow.push(await connect('signal', fastcgi.head(of), fastcgi.record(STDIN, 1, '"')));
      await servesOthers(site, FILLED_MS);
      assert.equal((await slow[0].answer()).status, 408);
      assert.ok(!slow.at(-1).isClosed);
      for (let i = 0; i < SLOW; i++) slow.push(await connect('signal', fastcgi.begin()));
      await servesOthers(site, FILLED_MS);
      for (const one of slow) one.close();
    });

    it('many requests at once, whose rest comes later, are all answered', async () => {
      leaveFew();
      const [pid] = site.processes('signal.fcgi');
      const whole = fastcgi.request(fastcgi.params(site, 'GET', '/health/live'));
      // All begin before the program sees any, however long that takes here: it gives none up that is younger than half a second.
      signal(pid, 'SIGSTOP');
      let all;
      try {
        all = await Promise.all(Array.from({ length: 4 * DESCRIPTORS }, () => connect('signal', whole.subarray(0, 20))));
      } finally {
        signal(pid, 'SIGCONT');
      }
      await until(() => readdirSync(`/proc/${pid}/fd`).length > DESCRIPTORS / 2, 'some to be accepted');
      for (const one of all) one.send(whole.subarray(20));
      for (const one of all) assert.equal((await one.answer()).status, 200);
    });

    it('a request is as old as itself, not as its connection', async () => {
      leaveFew();
      const of = fastcgi.params(site, 'POST', '/relay/bob/x', { token: site.peer().token, length: 1_000 });
      const live = fastcgi.request(fastcgi.params(site, 'GET', '/health/live'), '', { keep: true });
      const kept = await connect('signal', live);
      assert.equal((await kept.answer()).status, 200);
      const slow = [];
      // One at a time: when a request that came later is answered, it was accepted.
      const another = async () => {
        slow.push(await connect('signal', fastcgi.head(of), fastcgi.record(STDIN, 1, '"')));
        const later = await connect('signal', fastcgi.request(fastcgi.params(site, 'GET', '/health/live')));
        assert.equal((await later.answer()).status, 200);
      };
      for (let i = 0; i < DESCRIPTORS / 2; i++) await another();
      kept.send(fastcgi.head(of, { keep: true }), fastcgi.record(STDIN, 1, '"'));
      await pause(50);
      let status;
      slow[0].answer().then((answer) => { ({ status } = answer); });
      while (!status && slow.length < SLOW) await another();
      assert.equal(status, 408, 'the oldest');
      kept.send(fastcgi.records(STDIN, 1, Buffer.alloc(999, 32)));
      assert.equal((await kept.answer()).status, 400); // whole, and no JSON
    });
  });

  // Behind the proxy nobody would start the programs again.
  if (SERVER === 'lighttpd') {
    const stopped = [...KILLED, /gw_backend\.c\.\d+\) child exited: 0/];
    suite('FastCGI, at the end', { settings, allowed: stopped }, (site, it) => {
      const connect = connector(site);

      it('SIGTERM ends the programs while requests are half sent', async () => {
        for (const name of ['signal', 'stream']) {
          const pids = site.processes(`${name}.fcgi`);
          assert.equal(pids.length, 1);
          await connect(name, fastcgi.begin());
          await connect(name, fastcgi.head(fastcgi.params(site, 'POST', '/access', { length: 10 })));
          await connect(name, fastcgi.request(fastcgi.params(site, 'GET', '/health/live'), '', { keep: true }));
          await pause(50);
          signal(pids[0], 'SIGTERM');
          await until(() => !isAlive(pids[0]), `${name}.fcgi to be gone`, IN_TIME_MS);
        }
        await until(async () => (await site.request('GET', '/health/live').catch(() => undefined))?.status === 200, 'the next to answer');
      });
    });
  }
}
