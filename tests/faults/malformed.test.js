// Malformed requests, many, at the same time: nothing crashes, grows, or answers with more than a
// refusal, and who is well-behaved is served.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { isRelayed } from '../http/lib/peer.js';
import { steps } from '../http/lib/pace.js';
import { SERVER, suite } from '../http/lib/suite.js';
import { Thread } from '../http/lib/thread.js';
import { randomId } from '../http/lib/tokens.js';
import { until, WAIT_MS } from '../http/lib/wait.js';
import { ROUNDS, SEED } from './lib/rounds.js';

const REQUESTS = (SERVER === 'apache' ? 50_000 : 100_000) * ROUNDS, CONNECTIONS = 16, WARM_UP = 20_000;
const GROWTH_KIB = 2_000;
// Each is waited for by itself (connection.js), and takes less than a step, in which a program starts, too.
const ALL_MS = WAIT_MS + steps((WARM_UP + REQUESTS) / CONNECTIONS);

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
    settings: { RATE: 0, RATE_BYTES: 0, PEER_ROOMS: 64, ROOM_PEERS: 64 }, allowed, timeout: 12 * WAIT_MS + ALL_MS,
  }, (site, it) => {
    /** Of all processes of the programs: {pid: {name, kib}}. */
    const memory = () => Object.fromEntries(['signal.fcgi', 'stream.fcgi'].flatMap((name) => (
      site.processes(name).map((pid) => {
        const [, kib] = /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
        return [pid, { name, kib: Number(kib) }];
      }))));

    let warm = {};

    it(`${REQUESTS} of them, by seed ${SEED}: none gets an error of the server's`, async (t) => {
      const peers = Array.from({ length: 8 }, () => site.peer()).map(({ id, token }) => ({ id, token }));
      const asking = new Thread(new URL('lib/asking.js', import.meta.url), { seed: SEED, connections: CONNECTIONS,
        base: site.servers[0].base.href, secret: site.secret, peers, room: randomId('r') });
      let statuses;
      try {
        await asking.ask(WARM_UP);
        warm = memory();
        statuses = await asking.ask(REQUESTS);
      } finally {
        await asking.end();
      }
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
