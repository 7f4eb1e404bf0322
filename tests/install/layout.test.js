// layout.test.js - what "make install" lays down for prefixes other than the preset one names no other folders, and goes
// again by "make uninstall".
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { command } from '../http/lib/command.js';
import { missing } from '../http/lib/programs.js';

const TOP = fileURLToPath(new URL('../../', import.meta.url));

/** What it does well it does silently. */
async function run(...words) {
  const { status, out, err } = await command('env', ['-u', 'MAKEFLAGS', '-u', 'MAKELEVEL', ...words]);
  assert.equal(status, 0, `${words.join(' ')}\n${out}${err}`);
  return out;
}

/** @param {string} folder  @returns {string[]}  paths in it; folders end with a slash */
function all(folder, below = '') {
  return readdirSync(path.join(folder, below), { withFileTypes: true }).flatMap((entry) => (entry.isDirectory()
    ? [`${below}${entry.name}/`, ...all(folder, `${below}${entry.name}/`)] : [`${below}${entry.name}`]));
}

for (const [why, options, at] of /** @type {[string, string[], object][]} */ ([
  ['the preset', [], { conf: '/etc/drawbridge/drawbridge.conf', share: '/usr/local/share', programs: '/usr/local/libexec/drawbridge' }],
  ['as a package has it', ['--prefix=/usr', '--sysconfdir=/etc'],
    { conf: '/etc/drawbridge/drawbridge.conf', share: '/usr/share', programs: '/usr/libexec/drawbridge' }],
  ['elsewhere', ['--prefix=/opt/draw', '--sysconfdir=${prefix}/conf', '--libexecdir=/opt/programs'],
    { conf: '/opt/draw/conf/drawbridge/drawbridge.conf', share: '/opt/draw/share', programs: '/opt/programs/drawbridge' }],
])) {
  describe(`make install, ${why}`, () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-install-'));
    const build = path.join(folder, 'build'), root = path.join(folder, 'root');
    const make = (target) => run('make', '-s', '-C', build, target, `DESTDIR=${root}`);
    const there = (name) => readFileSync(path.join(root, name), 'utf8');

    before(async () => {
      await run('mkdir', build);
      // Programs are not what differs; to compile them would take most of the time.
      await run('sh', '-c', 'cd "$0" && shift && exec "$@"', build, '', path.join(TOP, 'configure'), '-q', ...options);
      await make('install-data');
      await run('mkdir', '-p', path.join(root, at.programs), path.join(root, at.share, '../bin'));
    });
    after(() => rmSync(folder, { recursive: true }));

    it('names the folders that it is in, and no other', () => {
      assert.match(readFileSync(path.join(build, 'config.h'), 'utf8'), new RegExp(`^#define CONF_FILE "${at.conf}"$`, 'm'));
      const share = `${at.share}/drawbridge`;
      for (const [name, ...lines] of [
        [`${share}/lighttpd/drawbridge.conf`, `"${share}/page"`, `"${at.conf}"`, `"${at.programs}/signal.fcgi"`],
        [`${share}/lighttpd/drawbridge-cgi.conf`, `"${share}/page"`, `"${at.conf}"`, `"${at.programs}/stream.fcgi"`],
        [`${share}/apache/drawbridge.conf`, `drawbridge_share ${share}\n`, `drawbridge_conf ${at.conf}\n`, `drawbridge_programs ${at.programs}\n`],
        [`${share}/apache/drawbridge-proxy.conf`, `drawbridge_share ${share}\n`],
        [`${share}/nginx/drawbridge-site.conf`, `include ${share}/nginx/drawbridge-common.conf;`, `alias ${share}/page/`],
        [`${share}/caddy/Caddyfile`, `root * ${share}/page\n`],
        [`${at.share}/man/man8/signal.fcgi.8`, `.It Pa ${at.conf}\n`, `.It Pa ${share}/page/`],
        [`${at.share}/man/man7/drawbridge.7`, `.It Pa ${at.share}/doc/drawbridge/openapi.yaml`],
      ]) for (const line of lines) assert.ok(there(name).includes(line), `${name}: ${line}`);
      const command = `${at.share.replace('/share', '/bin')}/drawbridge`;
      const services = all(root).filter((name) => name.endsWith('.service'));
      assert.equal(services.length, 3);
      for (const name of services) {
        const program = name.includes('webhook') ? `${command} webhook$` : `${at.programs}/`;
        assert.match(there(name), new RegExp(`^ExecStart=${program}`, 'm'));
      }

      const allowed = [at.conf, share, at.programs, command, `${at.share}/doc/drawbridge`];
      for (const name of all(root).filter((one) => !one.endsWith('/') && !one.endsWith('README.md'))) {
        assert.doesNotMatch(there(name), /@[a-z]+_?[a-z]*dir@|@conf_file@/, name);
        for (const [told] of there(name).matchAll(/(?<![\w.-])\/(?:usr|opt|etc)\/[\w./-]*?drawbridge(?![\w-])/g)) {
          if (!/^\/etc\/(nginx|apache2|lighttpd|caddy)\//.test(told)) assert.ok(allowed.some((one) => one.startsWith(told)), `${name} names ${told}`);
        }
      }
    });

    it('the web servers’ files have the files that they include', () => {
      for (const name of all(root).filter((one) => one.endsWith('.conf'))) {
        for (const [, file] of there(name).matchAll(/^\s*[Ii]nclude "?(\/[^";\s]+)/gm)) assert.ok(existsSync(path.join(root, file)), `${name}: ${file}`);
      }
    });

    it('nginx starts with our upstreams before a site includes the rest', { skip: missing('nginx') }, async () => {
      const conf = path.join(folder, 'nginx.conf');
      writeFileSync(conf, `pid ${folder}/pid; events {} http { access_log off; include ${root}${at.share}/drawbridge/nginx/drawbridge.conf; }\n`);
      const { status, err } = await command('nginx', ['-t', '-q', '-e', 'stderr', '-p', folder, '-c', conf]);
      assert.equal(status, 0, err);
    });

    it('make uninstall leaves none of our folders', async () => {
      await make('uninstall');
      const ends = all(root);
      assert.deepEqual(ends.filter((name) => /drawbridge|systemd|completion/.test(name) || !name.endsWith('/')), []);
    });
  });
}
