// Malformed requests, many, at the same time: nothing crashes, grows, or answers with more than a
// refusal, and who is well-behaved is served.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Connection } from '../http/lib/connection.js';
import { dice } from '../http/lib/dice.js';
import { Malformed } from '../http/lib/malformed.js';
import { isRelayed } from '../http/lib/peer.js';
import { SERVER, suite } from '../http/lib/suite.js';
import { randomId } from '../http/lib/tokens.js';
import { until, WAIT_MS } from '../http/lib/wait.js';
import { ROUNDS, SEED } from './lib/rounds.js';

const REQUESTS = (SERVER === 'apache' ? 50_000 : 100_000) * ROUNDS, CONNECTIONS = 16, WARM_UP = 20_000;
const GROWTH_KIB = 2_000;

/** 501, 505, and 500 for a body that was cut, are the web server's. It may close a connection
 *  without an answer where it cannot tell where the request ends. */
function isRight({ ends }, status, isOurs) {
  if (status === 0) return ends;
  return status < 500 || (!isOurs && (status === 501 || status === 505 || (status === 500 && ends)));
}

if (SERVER !== 'spread') {
  // What the web servers say of what they refuse themselves.
  const allowed = [
    /\((connections|h1|response|request)\.c\.\d+\) .* -> (sending Status )?4\d\d\b/,
    /\((connections|h1)\.c\.\d+\) unexpected TLS ClientHello on clear port/,
    /AH10244: invalid URI path|AH00135: Invalid method in request|AH00036: access to .* failed/,
    /client sent invalid chunked body while reading client request headers/,
    /AH01095: prefetch request body failed|AH02608: read request body failed/,
    /AH01075: Error dispatching request to .* \(reading input brigade\)|mod_fcgid: can't get data from http client/,
  ];
  suite('malformed requests', {
    settings: { RATE: 0, RATE_BYTES: 0, PEER_ROOMS: 64, ROOM_PEERS: 64 }, allowed, timeout: 12 * WAIT_MS * ROUNDS,
  }, (site, it) => {
    /** Of all processes of the programs: {pid: {name, kib}}. */
    const memory = () => Object.fromEntries(['signal.fcgi', 'stream.fcgi'].flatMap((name) => (
      site.processes(name).map((pid) => {
        const [, kib] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
        return [pid, { name, kib: Number(kib) }];
      }))));

    const statuses = {};
    let warm = {};

    it(`${REQUESTS} of them, by seed ${SEED}: none gets an error of the server's`, async (t) => {
      const there = { site, peers: Array.from({ length: 8 }, () => site.peer()), room: randomId('r') };
      let asked = 0;
      await Promise.all(Array.from({ length: CONNECTIONS }, async (_, i) => {
        const malformed = new Malformed(dice(SEED * CONNECTIONS + i), there);
        const connection = new Connection(site.servers[0].base);
        while (asked < REQUESTS) {
          if (asked++ === WARM_UP) warm = memory();
          const request = malformed.next();
          const { status, isOurs } = await connection.ask(request);
          statuses[status] = (statuses[status] ?? 0) + 1;
          if (!isRight(request, status, isOurs)) assert.fail(`${status} to ${JSON.stringify(request.bytes.toString('latin1'))}`);
        }
        connection.close();
      }));
      t.diagnostic(`by status, 0 being none: ${JSON.stringify(statuses)}`);
      for (const status of [200, 204, 302, 400, 401, 404, 405, 413, 415]) assert.ok(statuses[status], `some with ${status}`);
    });

    it('the same processes serve, and who is well-behaved is served', async () => {
      const now = memory();
      // A stream's process of mod_fcgid ends when it has waited for long enough.
      const gone = Object.keys(warm).filter((pid) => !(pid in now));
      assert.deepEqual(gone.filter((pid) => SERVER !== 'apache' || warm[pid].name === 'signal.fcgi'), []);
      const [ann, bob] = await site.room(randomId('r'), 2);
      assert.equal(await ann.relay(bob, 'x', 1), true);
      isRelayed(await bob.stream.next(), ann, 'x', 1);
      const streams = async () => /^drawbridge_streams (\d+)$/m.exec((await site.request('GET', '/metrics')).text)[1];
      await until(async () => await streams() === '2', 'no stream but those two');
    });

    it('they have not grown', { memory: true }, (t) => {
      const now = memory();
      const grown = Object.keys(warm).filter((pid) => pid in now).map((pid) => now[pid].kib - warm[pid].kib);
      t.diagnostic(`by KiB: ${grown}`);
      assert.ok(Math.max(...grown) < GROWTH_KIB, `by ${grown} KiB, since the first ${WARM_UP}`);
    });
  });
}
