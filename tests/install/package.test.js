// package.test.js - what src/debian and src/container name is there: no package is made for this, as tests/packages does.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namesIn, read } from '../http/lib/tables.js';

const words = (text) => text.split(/[\s,]+/).filter(Boolean);
const BUILD_PACKAGES = words(/build_packages='([^']*)'/.exec(read('quickstart'))[1]);

/** With what a build in there is made of; debhelper brings the first of these, the image the last. */
const lacks = (listed, ...others) => BUILD_PACKAGES.filter((name) => !listed.includes(name) && !others.includes(name));

test('the package is built with what quickstart builds with', () => {
  const depends = words(/^Build-Depends: debhelper-compat \(= \d+\), (.*)$/m.exec(read('src/debian/control'))[1]);
  assert.deepEqual(lacks(depends, 'autoconf', 'automake', 'gcc', 'libc6-dev', 'make'), []);
  assert.deepEqual(lacks(words(read('src/container/Containerfile').replaceAll('\\\n', ' '))), []);
});

test('what is linked into /etc is installed', () => {
  const { 1: programs } = /^pkglibexec_PROGRAMS = (.*)$/m.exec(read('Makefile.am'));
  assert.ok(programs.includes('signal.fcgi'));
  const links = read('src/debian/links').trim().split('\n').map((line) => line.split(' '));
  assert.ok(links.length > 3);
  for (const [from, to] of links) {
    const [, server, name] = /^usr\/share\/drawbridge\/(\w+)\/(.+)$/.exec(from);
    assert.ok(namesIn(server).includes(`${name}.in`), from);
    assert.match(to, server === 'apache' ? new RegExp(`^etc/apache2/conf-available/${name}$`)
      : new RegExp(`^etc/lighttpd/conf-available/\\d\\d-${name}$`));
  }
  const all = ['apache', 'lighttpd'].flatMap((server) => namesIn(server).filter((name) => name.endsWith('.conf.in')).map((name) => `usr/share/drawbridge/${server}/${name.slice(0, -3)}`));
  assert.deepEqual(links.map(([from]) => from).sort(), all.sort(), 'each configuration can be enabled');
});

test('what is enabled is disabled before its files go', () => {
  const prerm = read('src/debian/prerm');
  for (const [, name] of read('src/debian/links').matchAll(/conf-available\/(?:\d+-)?(\S+)\.conf$/gm)) {
    assert.match(prerm, new RegExp(`[ -]${name}(?:\\.conf|[ ;])`), name);
  }
});

test('the version has news', () => {
  const version = /^AC_INIT\(\[drawbridge\], \[([^\]]*)\]/m.exec(read('configure.ac'))[1];
  assert.equal(read('NEWS').split('\n')[0], version);
});

test('coturn of compose relays to no network that the man page keeps it from', () => {
  const [, settings] = /^printf .* use-auth-secret ([^]*?)\| install /m.exec(read('src/man/drawbridge-operations.7.in'));
  const limits = (text) => words(text).map((word) => word.replace(/^--/, '')).filter((word) => /^denied-peer-ip=|^no-(tcp-relay|multicast-peers)$/.test(word)).sort();
  const [, command] = /image: coturn\/coturn\n[^]*?command: >-\n((?: {6}.*\n)+)/.exec(read('src/container/compose.yaml'));
  assert.ok(limits(settings).length > 8, settings);
  assert.deepEqual(limits(command), limits(settings));
});

test('the secrets of compose get into no image, and into no commit', () => {
  assert.match(read('src/container/README.md'), /umask 077[^]*>src\/container\/\.env$/m);
  assert.match(read('.dockerignore'), /^(\*\*\/|src\/container\/)\.env$/m);
  assert.match(read('.gitignore'), /^(\/src\/container\/)?\.env$/m);
});

test('the health check of the image is that of compose', () => {
  const [image, compose] = ['src/container/Containerfile', 'src/container/compose.yaml'].map((file) => read(file));
  const check = /^HEALTHCHECK --interval=(\w+) --timeout=(\w+) --start-period=(\w+) CMD (.*)$/m.exec(image).slice(1);
  const told = /healthcheck:\s+test: \[CMD, (.*)\]\s+interval: (\w+)\s+timeout: (\w+)\s+start_period: (\w+)/.exec(compose).slice(1);
  assert.deepEqual([words(told[0]), ...told.slice(1)], [JSON.parse(check[3]), ...check.slice(0, 3)]);
});
