// What is not to be had everywhere, as Chromium on Ubuntu, is left out and its tests are skipped: both say so.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { request } from './lib/http.js';
import { missing } from './lib/programs.js';
import { Server } from './lib/server.js';
import { FULL, SANITIZED } from './lib/suite.js';
import { randomSecret } from './lib/tokens.js';

const QUICKSTART = fileURLToPath(new URL('../../quickstart', import.meta.url));

if (FULL && !SANITIZED) {
  describe('programs that are not to be had', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-optional-'));
    chmodSync(folder, 0o755); // servers that are no longer root start what is in it
    after(() => rmSync(folder, { recursive: true }));
    const stub = (name, script) => {
      const file = path.join(folder, name);
      rmSync(file, { force: true }); // a link to the machine's own would be written through
      writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755, flag: 'wx' });
    };

    it('are named as the reason why tests are skipped', () => {
      assert.equal(missing('sh'), undefined);
      assert.equal(missing(process.execPath), undefined);
      assert.equal(missing('no-such-program'), 'no no-such-program');
      assert.equal(missing(path.join(folder, 'chromium')), 'no chromium');
      writeFileSync(path.join(folder, 'plain'), '', { mode: 0o644 });
      assert.equal(missing(path.join(folder, 'plain')), 'no plain');
    });

    it('are left out by quickstart check', () => {
      // All is installed but Chromium, of which apt knows nothing; npm ends it before the tests would run.
      stub('dpkg-query', 'shift 3; for package; do [ "$package" = chromium-headless-shell ] || printf "%s=installed " "$package"; done');
      stub('apt-cache', 'printf "%s:\\n  Installed: (none)\\n  Candidate: (none)\\n" "$2"');
      stub('npm', 'exit 1');
      const { status, stdout, stderr } = spawnSync(QUICKSTART, ['check'],
        { env: { ...process.env, PATH: `${folder}:${process.env.PATH}` }, encoding: 'utf8' });
      const lines = stderr.split('\n').filter((line) => !line.includes('building'));
      assert.deepEqual({ status, stdout, lines }, { status: 1, stdout: '', lines: [
        'quickstart: apt has no package chromium-headless-shell; tests that need it are skipped',
        'quickstart: npm could not install what the tests need', ''] });
    });

    it('are no reason to install Redis where Valkey is', async () => {
      // A PATH in which there is all but Redis, and one that goes by Valkey's name.
      const bin = path.join(folder, 'bin');
      mkdirSync(bin);
      const names = new Map(process.env.PATH.split(':').filter(existsSync).reverse()
        .flatMap((one) => readdirSync(one).map((name) => [name, path.join(one, name)])));
      for (const [name, file] of names) if (!/^(redis|valkey)-/.test(name)) symlinkSync(file, path.join(bin, name));
      for (const name of ['server', 'cli']) {
        stub(`bin/valkey-${name}`, `exec ${names.get(`valkey-${name}`) ?? names.get(`redis-${name}`)} "$@"`);
      }
      stub('bin/dpkg-query', 'shift 3; for package; do case $package in redis-*) ;; *) printf "%s=installed " "$package" ;; esac; done');
      const server = await Server.start({ kind: 'lighttpd', mount: '/', settings: { SECRET: randomSecret() },
        within: ['env', '-u', 'REDIS_SERVER', `PATH=${bin}`] });
      try {
        assert.equal((await request(new URL('health/ready', server.base))).status, 200);
      } finally {
        await server.abandon();
      }
    });
  });
}
