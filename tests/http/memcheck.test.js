// A session by plain CGI, each of its processes under valgrind: they touch nothing that they
// should not, and leave nothing behind.
import assert from 'node:assert/strict';
import { chmodSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { smoke } from './lib/command.js';
import { missing } from './lib/programs.js';
import { Site } from './lib/site.js';
import { FULL, SANITIZED } from './lib/suite.js';

const VALGRIND = 'valgrind -q --vgdb=no --leak-check=full --show-leak-kinds=definite --errors-for-leak-kinds=definite';

// Sanitizers are instead of valgrind.
if (FULL && !SANITIZED) {
  describe('memcheck (lighttpd-cgi)', { timeout: 150_000, skip: missing('valgrind') }, () => {
    let site;
    after(() => site?.abandon());

    it('the smoke test passes', async () => {
      site = await Site.start({ servers: [['lighttpd-cgi', '/']] });
      for (const name of ['signal.fcgi', 'stream.fcgi']) {
        const file = path.join(site.servers[0].programs, name);
        renameSync(file, `${file}.plain`);
        writeFileSync(file, `#!/bin/sh\nexec ${VALGRIND} "$0.plain" "$@"\n`);
        chmodSync(file, 0o755);
      }
      const { status, out } = await smoke(site.servers[0].base);
      assert.equal(status, 0, `${out}\n${site.logs()}`);
    });

    it('nothing unexpected is in any log, which is where valgrind tells', async () => {
      assert.deepEqual(await site.finish(), []);
    });
  });
}
