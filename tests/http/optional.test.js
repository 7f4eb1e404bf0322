// What is not to be had everywhere, as Chromium on Ubuntu, is left out and its tests are skipped: both say so.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { missing } from './lib/programs.js';
import { FULL, SANITIZED } from './lib/suite.js';

const QUICKSTART = fileURLToPath(new URL('../../quickstart', import.meta.url));

if (FULL && !SANITIZED) {
  describe('programs that are not to be had', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-optional-'));
    after(() => rmSync(folder, { recursive: true }));
    const stub = (name, script) => writeFileSync(path.join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });

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
      stub('dpkg-query', 'shift 3; for package; do [ "$package" = chromium ] || printf "%s=installed " "$package"; done');
      stub('apt-cache', 'printf "%s:\\n  Installed: (none)\\n  Candidate: (none)\\n" "$2"');
      stub('npm', 'exit 1');
      const { status, stdout, stderr } = spawnSync(QUICKSTART, ['check'],
        { env: { ...process.env, PATH: `${folder}:${process.env.PATH}` }, encoding: 'utf8' });
      const lines = stderr.split('\n').filter((line) => !line.includes('building'));
      assert.deepEqual({ status, stdout, lines }, { status: 1, stdout: '', lines: [
        'quickstart: apt has no chromium here: its tests are skipped',
        'quickstart: npm could not install what the tests need', ''] });
    });
  });
}
