// HTTPS with HTTP/2, as lighttpd/README.md and apache/README.md configure it: what works, and that programs may be killed.
// (The configuration for Apache stays with HTTP/1.1; here it is told otherwise.)
import assert from 'node:assert/strict';
import { afterEach } from 'node:test';
import { smoke } from '../http/lib/command.js';
import { seconds, steps } from '../http/lib/pace.js';
import { isAlive, signal } from '../http/lib/processes.js';
import { FULL, SERVER, suite } from '../http/lib/suite.js';
import { Talk } from '../http/lib/talk.js';
import { randomId } from '../http/lib/tokens.js';
import { until, WAIT_MS } from '../http/lib/wait.js';
import { WebServer } from '../http/lib/web-server.js';

const PING = 2, GRACE = seconds(5, 10);

if (SERVER === 'lighttpd' || SERVER === 'apache') {
  const STREAMS = FULL ? 40 : 20;
  suite('HTTPS', {
    settings: { PING, GRACE, RATE: 0, RATE_BYTES: 0, ROOM_PEERS: 64, ACCESS_RATE: 0 },
    allowed: [
      // The web servers, of who was killed.
      /gw_backend\.c|mod_fastcgi|http-header-glue\.c.*reset by peer/,
      /mod_fcgid: (error reading data(,| from) FastCGI server( closed connection|$)|process .* exit\(communication error\), get unexpected signal 9|cleanup zombie process \d+)|End of script output before headers: signal\.fcgi/,
      // lighttpd 1.4.79 ends TLS for a client that has gone; its OpenSSL keeps the system's error for it to tell.
      /\(mod_openssl\.c\.\d+\) SSL: 5 -1 error:800000(20:system library::Broken pipe|68:system library::Connection reset by peer)/,
      // This machine's libraries.
      /AH01882: Init: this version of mod_ssl was compiled against a newer library/,
    ],
    through: (site) => WebServer.instead(site, { tls: true }),
  }, (site, it) => {
    afterEach(() => Talk.end());

    it('the smoke test passes', async () => {
      const { status, out, err } = await smoke(site.servers[0].base, '-k');
      assert.equal(status, 0, out + err);
    });

    it('the cookie of /access is for HTTPS alone, as the web server says that it speaks it', async () => {
      const { status, headers } = await site.request('POST', '/access', { body: { username: 'ann' } });
      assert.equal(status, 200);
      assert.match(headers['set-cookie'][0], /; Secure$/);
    });

    it(`kill -9 with ${STREAMS} streams, five to a connection: none lost, none twice, nobody gone but who is`, async () => {
      const talk = await Talk.start(site, randomId('r'), STREAMS);
      const connections = new Set(talk.peers.map((peer) => peer.browser));
      assert.equal(connections.size, STREAMS / 5);
      await talk.enough(3);
      const killed = [...site.processes('stream.fcgi'), ...site.processes('signal.fcgi')];
      assert.ok(killed.length >= 2);
      for (const pid of killed) signal(pid, 'SIGKILL');
      await until(() => !killed.some(isAlive), 'them to die');
      const staying = await talk.leave(5);
      await until(() => staying.every((one) => one.isBack), 'all to be back', 2 * WAIT_MS);
      await until(() => talk.ghosts().length === 0, () => `${talk.ghosts().length} to hear of those who are gone`, (GRACE + 3 * PING) * 1000 + steps(4));
      await talk.enough(10);
      await talk.verdict();
    });
  });
}
