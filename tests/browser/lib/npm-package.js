// npm-package.js - the client module as others get it: packed from a copy of src/page/client, as "npm pack" also writes
// what goes into the package beside its sources; and installed in a folder of an application, without a network.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { command } from '../../http/lib/command.js';

const TOP = fileURLToPath(new URL('../../../', import.meta.url));
const SOURCE = 'src/page/client';

async function npm(...words) {
  const { status, out, err } = await command('npm', ['--silent', '--offline', '--no-audit', '--no-fund', ...words]);
  assert.equal(status, 0, `npm ${words.join(' ')}\n${out}${err}`);
  return out;
}

export class Application {
  #folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-npm-'));
  /** Where its author works. */
  folder = path.join(this.#folder, 'application');
  /** What is installed. */
  module = path.join(this.folder, 'node_modules/drawbridge-client');

  static async make() {
    const application = new Application();
    await application.#install();
    return application;
  }

  async #install() {
    const copy = path.join(this.#folder, 'sources');
    cpSync(path.join(TOP, SOURCE), path.join(copy, SOURCE), { recursive: true });
    for (const name of ['LICENSE', 'tests']) symlinkSync(path.join(TOP, name), path.join(copy, name));
    await npm('pack', path.join(copy, SOURCE), '--pack-destination', this.#folder);
    const [packed, ...more] = readdirSync(this.#folder).filter((name) => name.endsWith('.tgz'));
    assert.deepEqual([packed, more, readdirSync(path.join(copy, SOURCE))],
      [packed, [], readdirSync(path.join(TOP, SOURCE))], 'one package, and nothing is left beside the sources');
    mkdirSync(this.folder);
    writeFileSync(path.join(this.folder, 'package.json'), '{ "private": true, "type": "module" }\n');
    await npm('--prefix', this.folder, 'install', path.join(this.#folder, packed));
  }

  remove() {
    rmSync(this.#folder, { recursive: true });
  }
}
