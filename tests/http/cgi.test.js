// lighttpd by plain CGI: a program's file lies where static files could, and must never be served as one.
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { request } from './lib/http.js';
import { Server } from './lib/server.js';
import { FULL } from './lib/suite.js';
import { randomSecret } from './lib/tokens.js';
import { until } from './lib/wait.js';

const PATHS = ['', 'health/live', 'connect', 'no/such/path', 'static/', 'signal.fcgi', 'signal.fcgi/', 'signal.fcgi/health/live',
  'stream.fcgi', 'stream.fcgi/connect', 'signal.fcgi/%2e%2e/stream.fcgi', '%73ignal.fcgi'];

if (FULL) {
  describe('a program of lighttpd-cgi', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-cgi-'));
    const include = path.join(folder, 'include.conf');
    // What Debian's configuration leaves out another's does not. And a file is looked at each second.
    writeFileSync(include, 'static-file.exclude-extensions := ( ".php" )\nserver.stat-cache-engine = "simple"\n');
    const servers = [];
    after(async () => {
      for (const server of servers) await server.abandon();
      rmSync(folder, { recursive: true });
    });

    for (const mount of ['/', '/draw/']) {
      it(`runs, or is refused, and is never served as a file (${mount})`, async () => {
        const server = await Server.start({ kind: 'lighttpd-cgi', mount, include, settings: { SECRET: randomSecret() } });
        servers.push(server);
        const ask = (what, method) => request(new URL(what, server.base), { method });
        const each = async (expected) => {
          for (const method of ['GET', 'HEAD', 'POST']) {
            for (const what of PATHS) {
              const { status, text } = await ask(what, method);
              assert.ok(!text.includes('\x7fELF'), `${method} ${what}: the program's bytes`);
              expected?.(what, method, status);
            }
          }
        };
        await each((what, method, status) => {
          if (/\.fcgi/.test(what)) assert.equal(status, 404, `${method} ${what}`); // the application has no such path
        });
        assert.equal((await ask('health/live', 'GET')).status, 200);
        assert.equal((await ask('connect?token=x', 'GET')).status, 401);
        // Another file: that the mode of one has changed lighttpd may see only once nobody has asked for it for a while.
        for (const name of ['signal.fcgi', 'stream.fcgi']) {
          const file = path.join(server.programs, name);
          copyFileSync(file, `${file}.new`);
          chmodSync(`${file}.new`, 0o644);
          renameSync(`${file}.new`, file);
        }
        await until(async () => (await ask('health/live', 'GET')).status === 403 && (await ask('connect', 'GET')).status === 403
          || each(), 'programs that may not be executed to be refused');
        await each((what, method, status) => assert.equal(status, 403, `${method} ${what}`));
      });
    }

    it('a header whose name becomes the same variable forges no client', async () => {
      const reader = '192.0.2.7';
      const server = await Server.start({ kind: 'lighttpd-cgi', mount: '/',
        settings: { SECRET: randomSecret(), PROXIES: '127.0.0.1', METRICS_FROM: reader } });
      servers.push(server);
      const metrics = async (headers) => (await request(new URL('metrics', server.base), { headers })).status;
      assert.equal(await metrics({ 'X-Forwarded-For': reader }), 200);
      assert.equal(await metrics({ 'X-Forwarded-For': '192.0.2.1', X_Forwarded_For: reader }), 403);
      assert.equal(await metrics({ X_Forwarded_For: reader, 'X-Forwarded-For': '192.0.2.1' }), 403);
    });
  });
}
