// Caddy as the web server, by the file that comes with it: which paths are whose, and who the client is. Everything else
// is for its smoke test.
import assert from 'node:assert/strict';
import http from 'node:http';
import { after, before, describe, it } from 'node:test';
import { command } from './lib/command.js';
import { caddyBehind, caddyfile, proxyLines } from './lib/documents.js';
import { Front, missingFront } from './lib/fronts.js';
import { refused, request } from './lib/http.js';
import { Server } from './lib/server.js';
import { FULL } from './lib/suite.js';
import { randomSecret } from './lib/tokens.js';
import { WAIT_MS } from './lib/wait.js';

const READER = '127.0.0.9'; // who may read /metrics
const OTHER = '127.0.0.2';
const FORGED = ['X-Forwarded-For', 'X_Forwarded_For', 'X_Forwarded-For', 'X-Forwarded_For'];
const PROXY = '127.0.0.1';

/** Caddy, which asks programs that a server of another kind has started. */
async function start(settings, change = (lines) => lines) {
  const server = await Server.start({ kind: 'nginx', mount: '/', settings: { SECRET: randomSecret(), METRICS_FROM: READER, ...settings } });
  try {
    const caddy = await Front.start('caddy_fastcgi', server.base, change(caddyfile(server)));
    return { base: caddy.base, drawbridge: server.drawbridge, stop: () => caddy.stop().finally(() => server.stop()) };
  } catch (error) {
    await server.abandon();
    throw error;
  }
}

/** @param {URL} base
 *  @param {string} client
 *  @param {http.OutgoingHttpHeaders} [headers] */
const metrics = (base, client, headers) => request(new URL('metrics', base),
  { headers, connection: new http.Agent({ keepAlive: false, localAddress: client }) });

async function isForgedByNone(base) {
  for (const name of FORGED) {
    // Of several parameters that become one Caddy takes any.
    for (let i = 0; i < 8; i++) {
      refused(await metrics(base, OTHER, { [name]: READER }), 403, name);
      assert.equal((await metrics(base, READER, { [name]: OTHER })).status, 200, name);
    }
  }
}

if (FULL) {
  const skip = ['caddy_fastcgi', 'haproxy'].map(missingFront).find(Boolean);
  describe('Caddy as the web server', { skip, timeout: 6 * WAIT_MS }, () => {
    describe('alone', () => {
      /** @type {Awaited<ReturnType<typeof start>>} */ let site;
      before(async () => { site = await start({}); });
      after(() => site.stop());

      it('METRICS_FROM is for the client, who forges none', async () => {
        assert.equal((await metrics(site.base, READER)).status, 200);
        await isForgedByNone(site.base);
      });

      it('a room is one whose name differs from a path in case alone', async () => {
        for (const room of ['Connect', 'CONNECT', 'Access']) {
          const answer = await request(new URL(room, site.base));
          assert.equal(answer.status, 200, room);
          assert.match(answer.headers['content-type'], /^text\/html/);
        }
        refused(await request(new URL('connect', site.base)), 401);
      });
    });

    it('doctor names what is to be changed in Caddy, and in no other server', async () => {
      const site = await start({ ACCESS_RATE: 0, PING: 1 }, (lines) => lines.replace(/(root \* ).*/, '$1/nowhere'));
      const doctor = async (url) => {
        const { status, out } = await command(site.drawbridge, ['doctor', '--wait', '10', '--hold', '3', url.href]);
        assert.equal(status, 1, out);
        assert.doesNotMatch(out, /^ +(lighttpd|nginx|Apache|HAProxy):/m);
        return out;
      };
      try {
        const out = await doctor(site.base);
        assert.equal(out.match(/^FAIL /gm).length, 1, out);
        assert.match(out, /^FAIL +page: .*\n +Caddy: root \* /m);
        assert.match(await doctor(new URL('/sketch/', site.base)), /^FAIL +answers: .*\n +Caddy: Caddyfile .* README\.md/m);
      } finally {
        await site.stop();
      }
    });

    it('behind another proxy, as README has it, the client is the one who asks that', async () => {
      const [from, to] = caddyBehind();
      const site = await start({ PROXIES: PROXY }, (lines) => {
        assert.ok(lines.includes(from), from);
        return lines.replace(from, to.replace(/[\d.]+$/, PROXY));
      });
      const front = await Front.start('haproxy', site.base, proxyLines('HAProxy'));
      try {
        assert.equal((await metrics(front.base, READER)).status, 200);
        await isForgedByNone(front.base);
      } finally {
        await front.stop();
        await site.stop();
      }
    });
  });
}
