// Behind proxies of other people's: who asks is the client, for the rate, the log and /metrics.
import assert from 'node:assert/strict';
import http from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, it as test } from 'node:test';
import { Front, missingFront } from './lib/fronts.js';
import { refused, request } from './lib/http.js';
import { addressLines, proxyLines } from './lib/documents.js';
import { Server } from './lib/server.js';
import { SERVER, suite } from './lib/suite.js';
import { randomSecret } from './lib/tokens.js';
import { until, WAIT_MS } from './lib/wait.js';

const RATE = 1; // so that the next comes after a minute
const READER = '127.0.0.9'; // who may read /metrics

const ALIASES = ['X_Forwarded_For', 'X-Forwarded_For', 'X.Forwarded.For'];

const FRONTS = { nginx: proxyLines('nginx'), haproxy: proxyLines('HAProxy'), caddy: '', mod_proxy: proxyLines('Apache') };

/** A client of this address. */
const agents = new Map();
function from(address) {
  if (!agents.has(address)) agents.set(address, new http.Agent({ keepAlive: false, localAddress: address }));
  return agents.get(address);
}

suite('behind proxies', { settings: { ACCESS_RATE: RATE, PROXIES: '127.0.0.1', METRICS_FROM: READER } }, (site, it) => {
  /** @type {Map<string, Front>} */ const fronts = new Map();
  after(async () => {
    for (const front of fronts.values()) await front.stop();
    agents.forEach((agent) => agent.destroy());
  });

  /** Where this one answers. */
  async function through(name) {
    if (!fronts.has(name)) fronts.set(name, await Front.start(name, site.servers[0].base, FRONTS[name]));
    return fronts.get(name).base;
  }

  const access = (base, client, headers = {}) => site.request('POST', '/access',
    { base, body: { username: 'ann' }, headers, connection: from(client) });
  const metrics = (base, client, headers = {}) => site.request('GET', '/metrics', { base, headers, connection: from(client) });

  /** Asks until it is refused, which it must be soon.
   *  @param {URL} base
   *  @param {string} client
   *  @param {(n: number) => Record<string, string>} headers */
  async function usedUp(base, client, headers = () => ({})) {
    for (let i = 0; i < RATE + 2; i++) {
      const answer = await access(base, client, headers(i));
      if (answer.status !== 200) return refused(answer, 429);
    }
    return assert.fail(`${client} is never refused`);
  }

  for (const [i, name] of Object.keys(FRONTS).entries()) {
    it(`${name}: each client has a rate of its own, and its address in the log`, { skip: missingFront(name) }, async () => {
      const [ann, bob, eve] = [1, 2, 3].map((n) => `127.0.${i + 1}.${n}`);
      const base = await through(name);
      await usedUp(base, ann);
      // A line a second is for all addresses of a place in the table: another may have had it.
      await until(async () => {
        refused(await access(base, ann), 429);
        return new RegExp(` error=rate route=/access peer=\\S+ from=${ann}(?: |$)`, 'm').test(site.logs());
      }, () => `${ann} in the log:\n${site.logs()}`);
      assert.equal((await access(base, bob)).status, 200);
      // Nobody is believed who says to come for somebody else.
      refused(await access(base, ann, { 'X-Forwarded-For': '192.0.2.1' }), 429);
      refused(await access(base, ann, { 'X-Forwarded-For': '127.0.0.1' }), 429);
      // Nor by the header that the proxy passes on: who tries is counted as the proxy.
      await usedUp(base, eve, (n) => ({ Forwarded: `for=192.0.2.${n}` }));
      assert.equal((await access(base, eve)).status, 200);
    });

    it(`${name}: /metrics is for who may read it, not for the proxy`, { skip: missingFront(name) }, async () => {
      const base = await through(name);
      assert.equal((await metrics(base, READER)).status, 200);
      refused(await metrics(base, '127.0.0.2'), 403);
      refused(await metrics(base, '127.0.0.2', { 'X-Forwarded-For': READER }), 403);
      refused(await metrics(base, '127.0.0.2', { Forwarded: `for=${READER}` }), 403);
      for (const alias of ALIASES) refused(await metrics(base, '127.0.0.2', { [alias]: READER }), 403, alias);
    });
  }

  it('nginx takes a prefix off: / leads to a room behind it', { skip: missingFront('nginx') }, async () => {
    const { base } = site.servers[0];
    const front = await Front.start('nginx', base, `location /app/ { proxy_pass http://${base.host}${base.pathname}; }`);
    try {
      const app = new URL('/app/', front.base);
      const answer = await request(app);
      assert.equal(answer.status, 302);
      const room = new URL(answer.headers.location, app);
      assert.match(room.href, new RegExp(`^${app.href}[\\w-]+$`));
      assert.equal((await request(room)).status, 200);
    } finally {
      await front.stop();
    }
  });

  it('of a header in several lines the last is the proxy’s', async () => {
    const { base } = site.servers[0];
    for (const [name, client, reader] of [['X-Forwarded-For', '192.0.2.1', READER], ['Forwarded', 'for=192.0.2.1', `for=${READER}`]]) {
      refused(await metrics(base, '127.0.0.1', { [name]: [reader, client] }), 403, name);
      assert.equal((await metrics(base, '127.0.0.1', { [name]: [client, reader] })).status, 200, name);
    }
  });

  it('a header whose name becomes the same parameter forges none', async () => {
    const { base } = site.servers[0];
    for (const alias of ALIASES) {
      for (const names of [['X-Forwarded-For', alias], [alias, 'X-Forwarded-For']]) {
        /** @param {Record<string, string>} values */
        const ask = (values) => metrics(base, '127.0.0.1', Object.fromEntries(names.map((name) => [name, values[name]])));
        refused(await ask({ 'X-Forwarded-For': '192.0.2.1', [alias]: READER }), 403, String(names));
        // nginx and Apache drop such a name; else nobody knows which of both is the proxy's.
        const { status } = await ask({ 'X-Forwarded-For': READER, [alias]: '192.0.2.1' });
        assert.equal(status, SERVER === 'lighttpd' ? 403 : 200, String(names));
      }
    }
  });

  it('who is no proxy is not believed', async () => {
    const { base } = site.servers[0];
    assert.equal((await metrics(base, READER)).status, 200);
    refused(await metrics(base, READER, { 'X-Forwarded-For': READER }), 403);
    refused(await metrics(base, '127.0.0.2', { 'X-Forwarded-For': READER }), 403);
    await usedUp(base, '127.0.9.1', (n) => ({ 'X-Forwarded-For': `192.0.2.${n}`, Forwarded: `for=192.0.2.${n}` }));
  });
});

const APACHE_LINES = `LoadModule remoteip_module /usr/lib/apache2/modules/mod_remoteip.so\n${addressLines('apache', 'mod_remoteip')}\n`;
const MODULE_LINES = {
  lighttpd: `server.modules += ( "mod_extforward" )\n${addressLines('lighttpd', 'mod_extforward')}\n`,
  apache: APACHE_LINES,
  'apache-proxy': APACHE_LINES,
  nginx: addressLines('src/nginx', 'mod_realip'),
}[SERVER];

test(`the web server’s own module does instead (${SERVER})`, { timeout: 6 * WAIT_MS }, async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-module-'));
  const include = path.join(folder, 'lines.conf');
  writeFileSync(include, MODULE_LINES);
  const server = await Server.start({ kind: SERVER, mount: '/', include, settings: { SECRET: randomSecret(), ACCESS_RATE: RATE } });
  const access = (headers) => request(new URL('access', server.base), { method: 'POST', body: '{"username":"ann"}',
    headers: { 'Content-Type': 'application/json', ...headers } });
  try {
    assert.equal((await access({ 'X-Forwarded-For': '192.0.2.1' })).status, 200);
    refused(await access({ 'X-Forwarded-For': '192.0.2.9, 192.0.2.1' }), 429);
    assert.equal((await access({ 'X-Forwarded-For': '192.0.2.2' })).status, 200);
    await until(() => server.read().some(([, text]) => /error=rate .* from=192\.0\.2\.1$/m.test(text)), 'the client in the log');
  } finally {
    await server.stop();
    rmSync(folder, { recursive: true });
  }
});
