// What ./quickstart says and does where something is in its way; how it serves all other
// tests show.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, utimesSync,
  writeFileSync } from 'node:fs';
import net from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { command } from './lib/command.js';
import { unprivileged } from './lib/netns.js';
import { stepsNow } from './lib/pace.js';
import { descendants } from './lib/processes.js';
import { RedisServer } from './lib/redis-server.js';
import { Server } from './lib/server.js';
import { FULL, SERVER } from './lib/suite.js';
import { timed, WAIT_MS } from './lib/wait.js';

const QUICKSTART = fileURLToPath(new URL('../../quickstart', import.meta.url));

const ROOT = process.getuid() === 0;

/** Before a command that is to have no rights. */
const PLAIN_USER = ROOT ? ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups', '--'] : [];

/**
 * Runs it until it ends by itself, which it is to do with a complaint.
 * @param {{env?: object, within?: string[], script?: string}} how
 *     within: a command that runs it; script: another copy of it
 * @param {string[]} args
 * @returns {Promise<string[]>}  the lines
 */
async function refusedHow({ env = {}, within = [], script = QUICKSTART }, ...args) {
  const [program, ...rest] = [...within, script, ...args];
  const child = spawn(program, rest, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '', err = '';
  child.stdout.on('data', (text) => { out += text; });
  child.stderr.on('data', (text) => { err += text; });
  const status = await new Promise((resolve) => { child.on('close', resolve); });
  assert.equal(status, 1, err);
  assert.equal(out, '');
  assert.match(err, /^quickstart: .*\n$/s);
  assert.deepEqual(descendants(child.pid), []);
  return err.slice(0, -1).split('\n');
}

/** The one line that it says. */
async function refusedIn(how, ...args) {
  const lines = await refusedHow(how, ...args);
  assert.equal(lines.length, 1, lines.join('\n'));
  return lines[0];
}

const refused = (...args) => refusedIn({}, ...args);

const folders = new Map();
after(() => folders.forEach((inner, made) => {
  chmodSync(inner, 0o777);
  rmSync(made, { recursive: true });
}));

/** A folder that goes at the end; everybody may write to it. */
function folder(...names) {
  const made = mkdtempSync(path.join(tmpdir(), 'quickstart-'));
  const inner = path.join(made, ...names);
  folders.set(made, inner);
  mkdirSync(inner, { recursive: true });
  chmodSync(made, 0o755);
  chmodSync(inner, 0o777);
  return inner;
}

/** Another checkout, of which there is as much as is looked at before it is built. */
function checkout(...names) {
  const script = path.join(folder(...names), 'quickstart');
  copyFileSync(QUICKSTART, script);
  return script;
}

/** A file of such lines. */
function file(...lines) {
  const name = path.join(folder(), 'file');
  writeFileSync(name, `${lines.join('\n')}\n`);
  return name;
}

/** A folder for PATH, with these scripts. */
function programs(scripts) {
  const made = folder();
  for (const [name, script] of Object.entries(scripts)) {
    writeFileSync(path.join(made, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  return made;
}

/** Just what is called before Debian's packages are looked for, and these scripts. */
const bare = (scripts) => ({
  PATH: programs({ dirname: `PATH='${process.env.PATH}' exec dirname "$@"`, tr: `PATH='${process.env.PATH}' exec tr "$@"`, ...scripts }),
});

/** The URL of a Sentinel that has one answer to everything, in Redis' protocol, for as long as the test runs. */
async function sentinel(t, answer) {
  const server = net.createServer((socket) => {
    socket.on('data', () => socket.write(answer)).on('error', () => {});
  }).listen(0, '127.0.0.1');
  t.after(() => server.close());
  await new Promise((resolve) => { server.on('listening', resolve); });
  return `redis+sentinel://127.0.0.1:${/** @type {net.AddressInfo} */ (server.address()).port}/draw`;
}

async function serves(redis) {
  const server = await Server.start({ kind: 'lighttpd', mount: '/', redis, settings: {} });
  try {
    assert.equal((await fetch(new URL('health/ready', server.base))).status, 200);
  } finally {
    await server.stop();
  }
}

describe(`quickstart (${SERVER})`, { timeout: 12 * WAIT_MS }, () => {
  const start = (...args) => refused('--server', SERVER, ...args);

  it('an address of another machine, and a name that nobody has', async () => {
    for (const port of ['0', '8080']) {
      for (const host of ['192.0.2.1', '2001:db8::1']) {
        assert.match(await start('--port', port, '--host', host), new RegExp(`--host ${host} is not an address of this machine$`));
      }
      assert.match(await start('--port', port, '--host', 'nobody.invalid'), /unknown host name$/);
    }
  });

  it('the longest TMPDIR that there may be', async () => {
    const made = mkdtempSync(`/tmp/${'x'.repeat(57 - '/tmp/'.length - 6)}`);
    folders.set(made, made);
    chmodSync(made, 0o755);
    const server = await Server.start({ kind: SERVER, mount: '/', settings: {}, within: ['env', `TMPDIR=${made}`] });
    await server.stop();
  });

  const ipv6 = Object.values(networkInterfaces()).flat().some(({ address }) => address === '::1');
  it(':: is every address, of IPv4 too', { skip: !ipv6 && 'no IPv6' }, async () => {
    const server = await Server.start({ kind: SERVER, mount: '/', host: '::', settings: { METRICS_FROM: '127.0.0.1 ::1' } });
    try {
      for (const host of ['127.0.0.1', '[::1]']) {
        // Its answer depends on who asks.
        const { status } = await fetch(`http://${host}:${server.base.port}/metrics`);
        assert.equal(status, 200, host);
      }
    } finally {
      await server.stop();
    }
  });
});

if (FULL) {
  describe('quickstart', { timeout: 12 * WAIT_MS }, () => {
    it('builds and installs again what has changed, and nothing else', () => {
      const script = checkout();
      const at = (name) => path.join(path.dirname(script), name);
      for (const name of ['src/page', 'apache', 'lighttpd', '.build']) mkdirSync(at(name), { recursive: true });
      const sources = ['configure.ac', 'Makefile.am', 'Makefile.in', 'src/page/board.css'];
      for (const name of sources) writeFileSync(at(name), '');
      const made = 'signal.fcgi stream.fcgi drawbridge';
      writeFileSync(at('.build/Makefile'), `all: ${made}\n${made}:\n\ttouch $@\ninstall:\n\tmkdir -p $(DESTDIR)\n\techo >>times\n`);
      /** All of it is a minute older: what happens in the same few milliseconds has one time. */
      const age = () => {
        for (const name of ['', ...readdirSync(at(''), { recursive: true })].map(String)) {
          const then = new Date(statSync(at(name)).mtimeMs - 60_000);
          utimesSync(at(name), then, then);
        }
      };
      /** How often it is installed after a change. */
      const installs = (change = () => {}) => {
        const count = () => (existsSync(at('.build/times')) ? readFileSync(at('.build/times'), 'utf8').length : 0);
        const before = count();
        age();
        change();
        execFileSync(script, ['build'], { stdio: 'pipe' });
        return count() - before;
      };
      assert.deepEqual([installs(), installs()], [1, 0]);
      for (const name of ['configure.ac', 'Makefile.am', 'src/page/board.css', '.build/Makefile', '.build/stream.fcgi']) {
        assert.deepEqual([installs(() => utimesSync(at(name), new Date(), new Date())), installs()], [1, 0], name);
      }
      for (const name of ['src/page/board.css', '.build/signal.fcgi', '.build/installed/end']) {
        assert.deepEqual([installs(() => rmSync(at(name))), installs()], [1, 0], `without ${name}`);
      }
    });

    it('a port that is taken', async (t) => {
      const taken = net.createServer().listen(0, '127.0.0.1');
      t.after(() => taken.close());
      await new Promise((resolve) => { taken.on('listening', resolve); });
      const { port } = /** @type {net.AddressInfo} */ (taken.address());
      assert.match(await refused('--port', String(port)), new RegExp(`\\b${port}\\b`));
    });

    it('a Redis that is not there, refuses the password, or has a URL that is none', async (t) => {
      const redis = await RedisServer.start('not-a-secret-of-anybody');
      t.after(() => redis.remove());
      assert.match(await refused('--port', '0', '--redis', 'unix:///nowhere.sock'), /No such file/);
      assert.match(await refused('--port', '0', '--redis', 'redis://127.0.0.1:1'), /refused/);
      assert.match(await refused('--port', '0', '--redis', 'http://127.0.0.1'), /must be redis:/);
      const wrong = redis.url.replace(':not-a-', ':indeed-a-');
      assert.notEqual(wrong, redis.url);
      const line = await refused('--port', '0', '--redis', wrong);
      assert.match(line, /WRONGPASS/);
      assert.doesNotMatch(line, /indeed/, 'the password is not shown');
      assert.doesNotMatch(await refused('--port', '0', '--redis', redis.url.replace(':not-a-', ':in@deed-a-')), /deed/, 'nor what stands behind an @ in it');
    });

    it('Sentinels that are not there, know no such master, or name a replica', async (t) => {
      const none = 'redis+sentinel://:hidden@127.0.0.1:1,127.0.0.1:2/draw?sentinel_password=hidden';
      const line = await refused('--port', '0', '--redis', none);
      assert.match(line, /127\.0\.0\.1:1 Connection refused, 127\.0\.0\.1:2 Connection refused$/m);
      assert.doesNotMatch(line, /hidden/, 'no password is shown');
      assert.match(await refused('--port', '0', '--redis', await sentinel(t, '*-1\r\n')), /knows no master draw$/m);
      const replica = await RedisServer.start();
      t.after(() => replica.remove());
      await replica.ask('REPLICAOF', '127.0.0.1', '1');
      const stale = await sentinel(t, `*2\r\n$9\r\n127.0.0.1\r\n$5\r\n${replica.port}\r\n`);
      assert.match(await refused('--port', '0', '--redis', stale), new RegExp(`127\\.0\\.0\\.1:${replica.port} is not a master`));
      await refused('--port', '0', '--redis', await sentinel(t, '*2\r\n:1\r\n:2\r\n'));
    });

    it('a password with and without a user', async (t) => {
      const redis = await RedisServer.start('not-a-secret-of-anybody');
      t.after(() => redis.remove());
      for (const user of ['', 'default']) await serves(redis.url.replace(/\/\/[^:@]*:/, `//${user}:`));
    });

    it('a Redis Cluster of its own, which ends with it', async () => {
      for (const [more, nodes] of /** @type {[string, number][]} */ ([['3', 3], ['3+3', 6]])) {
        const server = await Server.start({ kind: 'lighttpd', mount: '/', settings: {}, more: ['--redis-cluster', more] });
        assert.match(server.redis, /^redis\+cluster:\/\/127\.0\.0\.1:/);
        assert.equal((await fetch(new URL('health/ready', server.base))).status, 200);
        assert.equal(server.processes('redis-server').length, nodes);
        await server.stop();
      }
      for (const number of ['2', '3+2', '10', '3+', '+3', 'three']) {
        assert.match(await refused('--redis-cluster', number), /must be a number of masters from 3 to 9/);
      }
    });

    it('two of one checkout side by side, the second within 3 s', async () => {
      // Either waits for its turn where others of this checkout start, too.
      const { value: first, ms: usual } = await timed(() => Server.start({ kind: 'lighttpd', mount: '/', settings: {} }));
      const { value: second, ms } = await timed(() => Server.start({ kind: 'lighttpd', mount: '/', settings: {} }));
      for (const { base } of [first, second]) assert.equal((await fetch(base)).status, 200);
      await first.stop();
      assert.equal((await fetch(new URL('health/ready', second.base))).status, 200);
      await second.stop();
      const most = 3_000 + usual + await stepsNow(20); // about so many processes start it
      assert.ok(ms < most, `${ms} ms, the first ${usual} ms`);
    });

    it('a machine without IPv6', { skip: unprivileged }, async () => {
      const within = ['unshare', '--net', 'sh', '-c',
        'sysctl -qw net.ipv6.conf.all.disable_ipv6=1; ip link set lo up; exec "$0" "$@"'];
      assert.match(await refusedIn({ within }, '--port', '0', '--host', '::'), /no IPv6; --host 0\.0\.0\.0 is every/);
      assert.match(await refusedIn({ within }, '--port', '0', '--host', '::1'), /is not an address of this machine/);
    });

    it('settings that are wrong are told as "drawbridge check" does, before anything is started', async () => {
      const env = { DRAWBRIDGE_PING: 'abc', DRAWBRIDGE_LOG: 'loud' };
      assert.deepEqual(await refusedHow({ env }, '--port', '0'), [
        'quickstart: error: DRAWBRIDGE_PING=abc: must be a number from 1 to 60',
        'quickstart: error: DRAWBRIDGE_LOG=loud: must be error, warn, info or debug',
      ]);
    });

    it('a file of settings that is wrong, or not there', async () => {
      const conf = file('# mine', 'DRAWBRIDGE_OTHER=1', 'DRAWBRIDGE_PING=61');
      assert.deepEqual(await refusedHow({ env: { DRAWBRIDGE_CONF: conf } }, '--port', '0'), [
        `quickstart: error: ${conf}:2: unknown setting DRAWBRIDGE_OTHER`,
        'quickstart: error: DRAWBRIDGE_PING=61: must be a number from 1 to 60',
      ]);
      assert.match(await refusedIn({ env: { DRAWBRIDGE_CONF: '/nowhere' } }, '--port', '0'), /CONF=\/nowhere: there is no such file$/);
      assert.match(await refusedIn({ env: { DRAWBRIDGE_CONF: '/' } }, '--port', '0'), /CONF=\/: there is no such file$/);
    });

    it('a file that a setting names, closed to whom the servers run as', { skip: !ROOT && 'this needs root' }, async () => {
      const secret = file('a-secret-of-at-least-32-bytes-0123456789');
      chmodSync(secret, 0o600);
      const line = await refusedIn({ env: { DRAWBRIDGE_SECRET_FILE: secret } }, '--port', '0');
      assert.equal(line, `quickstart: error: DRAWBRIDGE_SECRET_FILE=${secret}: Permission denied`);
    });

    it('an unknown name in the environment is a warning; what is set there comes before the file', async () => {
      const secret = file('a-secret-of-at-least-32-bytes-0123456789');
      const conf = file('DRAWBRIDGE_PING=7', 'DRAWBRIDGE_GRACE=8', `DRAWBRIDGE_SECRET_FILE=${secret}`, '  DRAWBRIDGE_RATE=9');
      const settings = { CONF: conf, OTHER: 1, PING: '', GRACE: 11, SECRET: 'another-secret-of-32-bytes-or-more=' };
      const server = await Server.start({ kind: 'lighttpd', mount: '/', settings });
      try {
        assert.deepEqual(server.said.match(/.*DRAWBRIDGE_OTHER.*/g),
          ['quickstart: warning: unknown setting DRAWBRIDGE_OTHER in the environment']);
        const { out } = await command(server.drawbridge, ['check'], { CONF: server.conf });
        const value = (name) => new RegExp(`^DRAWBRIDGE_${name} +(\\S+|\\(.*?\\)) +${server.conf}:\\d+$`, 'm').exec(out)?.[1];
        assert.deepEqual(['PING', 'GRACE', 'RATE', 'SECRET'].map(value), ['7', '11', '9', '(not shown: 1)'], out);
      } finally {
        await server.stop();
      }
    });

    it('packages are missing, and there is no root, with and without sudo: nothing is installed, the command is told', async () => {
      const nothing = { id: 'echo 1000', 'dpkg-query': 'exit 1', 'apt-get': 'echo apt-get was run; exit 1' };
      for (const [sudo, start] of /** @type {[object, string][]} */ ([[{}, 'sh'], [{ sudo: 'exit 1' }, 'sudo sh']])) {
        const [what, how, ...more] = await refusedHow({ env: bare({ ...nothing, ...sudo }) }, '--port', '0');
        assert.match(what, /^quickstart: Debian packages are missing\. As root, without starting a service:$/);
        assert.match(how, new RegExp(`^${start} ${QUICKSTART} install-packages autoconf .*redis`));
        assert.deepEqual(more, []);
      }
    });

    it('no Debian', async () => {
      assert.match(await refusedIn({ env: bare({}) }, '--port', '0'), /requires Debian/);
    });

    it('a checkout that cannot be built', async () => {
      assert.match(await refusedIn({ script: checkout('a b') }), /the checkout is .*\/a b: .* without spaces; move it$/);

      const inside = checkout();
      writeFileSync(path.join(path.dirname(inside), 'config.status'), '');
      assert.match(await refusedIn({ script: inside }), /run "make distclean" there/);

      const closed = checkout();
      chmodSync(path.dirname(closed), 0o555);
      assert.match(await refusedIn({ script: closed, within: PLAIN_USER }), /cannot write to .*copy /);
      assert.match(await refusedIn({ script: closed, within: PLAIN_USER }, 'check'), /cannot write to .*copy /);
    });

    it('an autoreconf that was interrupted is begun again', async () => {
      const script = checkout();
      const top = path.dirname(script);
      writeFileSync(path.join(top, 'configure.ac'), '');
      writeFileSync(path.join(top, 'configure'), '#!/bin/sh\necho incomplete\nexit 1\n', { mode: 0o755 });
      const env = { PATH: `${programs({ autoreconf: 'echo begun again; exit 1' })}:${process.env.PATH}` };
      const lines = await refusedHow({ env, script }, 'build');
      assert.ok(lines.includes('begun again') && !lines.includes('incomplete'), lines.join('\n'));
    });

    it('a TMPDIR that is not there, too long, has blanks, or takes no files', async () => {
      const script = checkout();
      const tmp = (TMPDIR, within) => refusedIn({ env: { TMPDIR }, script, within }, '--port', '0');
      assert.match(await tmp('/nowhere'), /TMPDIR is \/nowhere: there is no such folder$/);
      assert.match(await tmp(folder('long'.repeat(20))), /must be at most 57 bytes/);
      assert.match(await tmp(folder('a b')), /without spaces; choose another$/);
      const closed = folder('closed');
      chmodSync(closed, 0o555);
      assert.match(await tmp(closed, PLAIN_USER), /cannot write there$/);
    });

    it('a TMPDIR where programs cannot be started', { skip: unprivileged }, async () => {
      const TMPDIR = folder('noexec');
      const within = ['unshare', '--mount', 'sh', '-c', `mount -t tmpfs -o noexec,mode=1777 tmpfs ${TMPDIR}; exec "$0" "$@"`];
      assert.match(await refusedIn({ env: { TMPDIR }, within }, '--port', '0'), /not mounted noexec/);
    });

    it('64 descriptors', async () => {
      const within = ['sh', '-c', 'ulimit -n 64; exec "$0" "$@"', ...PLAIN_USER];
      assert.match(await refusedIn({ script: checkout(), within }), /can open only 64 files here .* at least 256 are required/);
    });

    it('an option or a server that it does not know', async () => {
      for (const args of [['--nothing'], ['--server', 'nothing'], ['--port', 'x'], ['--mount', 'draw'], ['--include', '/nowhere']]) await refused(...args);
    });
  });
}
