// A session by plain CGI, each of its processes under valgrind: they touch nothing that they
// should not, and leave nothing behind.
import assert from 'node:assert/strict';
import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { smoke } from './lib/command.js';
import { measure, steps } from './lib/pace.js';
import { missing } from './lib/programs.js';
import { Site } from './lib/site.js';
import { FULL, SANITIZED } from './lib/suite.js';
import { WAIT_MS } from './lib/wait.js';

const VALGRIND = 'valgrind -q --vgdb=no --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite';

// Sanitizers are instead of valgrind.
if (FULL && !SANITIZED) {
  describe('memcheck (lighttpd-cgi)', { timeout: 30 * WAIT_MS, skip: missing('valgrind') }, () => {
    let site;
    after(() => site?.abandon());

    it('the smoke test passes', async (t) => {
      // The smoke test has two streams, and asks while they begin; what it does between the end of one and the
      // next, which is to be resumed, are a few processes one after the other.
      const start = await measure(3, { under: VALGRIND.split(' '), rounds: 1 });
      const seconds = (n) => Math.ceil((n * start + steps(8)) / 1000);
      t.diagnostic(`a process takes ${start} ms`);
      site = await Site.start({ servers: [['lighttpd-cgi', '/']], settings: { GRACE: 2 + seconds(8) } });
      for (const name of ['signal.fcgi', 'stream.fcgi']) {
        const file = path.join(/** @type {import('./lib/server.js').Server} */ (site.servers[0]).programs, name);
        renameSync(file, `${file}.plain`);
        writeFileSync(file, `#!/bin/sh\nexec ${VALGRIND} "$0.plain" "$@"\n`);
        chmodSync(file, 0o755);
      }
      const { status, out } = await smoke(site.servers[0].base, '-w', String(5 + seconds(4)));
      assert.equal(status, 0, `${out}\n${site.logs()}`);
    });

    it('nothing unexpected is in any log, which is where valgrind tells', async () => {
      assert.deepEqual(await site.finish(), []);
    });
  });
}
