// The program drawbridge, but for its doctor: settings and tokens; and what every program
// says of itself.
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, describe, it } from 'node:test';
import { command } from './lib/command.js';
import { refused } from './lib/http.js';
import { Site } from './lib/site.js';
import { FULL } from './lib/suite.js';
import { nowSeconds, randomSecret, verify } from './lib/tokens.js';
import { WAIT_MS } from './lib/wait.js';

const folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-command-'));
after(() => rmSync(folder, { recursive: true, force: true }));

const SECRET = randomSecret();
const NO_FILE = { CONF: '/nowhere' };

function file(name, text) {
  const whole = path.join(folder, name);
  writeFileSync(whole, text);
  return whole;
}

if (FULL) {
  describe('drawbridge', { timeout: 12 * WAIT_MS }, () => {
    let site, drawbridge;

    it('is installed, and serves', async () => {
      site = await Site.start({ servers: [['lighttpd', '/']] });
      ({ drawbridge } = /** @type {import('./lib/server.js').Server} */ (site.servers[0]));
    });

    const ask = (args, settings) => command(drawbridge, args, settings);

    /** What check says: {NAME: [value, source]}. */
    async function check(settings, status) {
      const answer = await ask(['check'], settings);
      assert.equal(answer.err, '');
      assert.equal(answer.status, status, answer.out);
      return Object.assign(Object.fromEntries(answer.out.split('\n')
        .map((line) => /^DRAWBRIDGE_(\w+) +(\S.*?) {2,}(\S.*)$/.exec(line))
        .filter(Boolean).map(([, name, value, source]) => [name, [value, source]])),
      { out: answer.out, wrong: answer.out.match(/^error: .*$/gm) ?? [] });
    }

    it('check: each setting, and where it came from', async () => {
      const conf = file('a.conf', '# a comment\nDRAWBRIDGE_PING=5\n\nDRAWBRIDGE_LOG=debug\nDRAWBRIDGE_RATE=7\n');
      const secret = file('secret', `${SECRET}\n${randomSecret()}\n`);
      const told = await check({
        CONF: conf, RATE: 9, SECRET_FILE: secret, ROOM_PEERS: 200, TURN_SECRET: 'not-to-be-shown',
        REDIS_URL: 'redis://ann:not-to-be-shown@redis.example:7/2', MOUNT: '/draw',
      }, 0);
      assert.deepEqual(told.PING, ['5', `${conf}:2`]);
      assert.deepEqual(told.LOG, ['debug', `${conf}:4`]);
      assert.deepEqual(told.RATE, ['9', 'environment'], 'the environment comes before the file');
      assert.deepEqual(told.MOUNT, ['/draw', 'environment']);
      assert.deepEqual(told.GRACE, ['10', 'default']);
      assert.deepEqual(told.MAILBOX, ['400', 'default'], 'it follows ROOM_PEERS');
      assert.deepEqual(told.PREFIX, ['(none)', 'default']);
      assert.deepEqual(told.SECRET, ['(not shown: 2)', `environment, _FILE=${secret}`]);
      assert.deepEqual(told.TURN_SECRET, ['(not shown)', 'environment']);
      assert.deepEqual(told.REDIS_URL, ['redis://(not shown)@redis.example:7/2', 'environment']);
      assert.ok(!told.out.includes(SECRET));
      assert.doesNotMatch(told.out, /not-to-be-shown/);
      assert.equal(told.wrong.length, 0);
    });

    it('check: a password of Redis or of its Sentinels is not shown', async () => {
      for (const [url, shown] of [
        ['redis+sentinel://u:hidden@a:1,b/m/2?sentinel_password=hidden', 'redis+sentinel://(not shown)@a:1,b/m/2?sentinel_password=(not shown)'],
        ['redis+sentinel://a/m?sentinel_password=hid@den', 'redis+sentinel://a/m?sentinel_password=(not shown)'],
        ['unix://u:hidden@/run/r.sock?db=1', 'unix://(not shown)@/run/r.sock?db=1'],
        ['redis://u:hid@den@h:1/2', 'redis://(not shown)@h:1/2'],
        ['unix:///run/r.sock', 'unix:///run/r.sock'],
      ]) assert.deepEqual((await check({ ...NO_FILE, SECRET, REDIS_URL: url }, 0)).REDIS_URL, [shown, 'environment']);
    });

    it('check: names every setting of signal.fcgi(8)', async () => {
      const page = readFileSync(new URL('../../src/man/signal.fcgi.8.in', import.meta.url), 'utf8');
      const { out } = await check({ ...NO_FILE, SECRET }, 0);
      for (const [, name] of out.matchAll(/^DRAWBRIDGE_(\w+)/gm)) {
        assert.match(page, new RegExp(`^\\.It (?:.* )?Ev DRAWBRIDGE_${name}\\b`, 'm'), name);
      }
    });

    it('check: all that is wrong at once', async () => {
      const conf = file('b.conf', 'DRAWBRIDGE_NOTHING=1\nPING=5\nDRAWBRIDGE_GRACE=601\n');
      const { wrong, out } = await check({ CONF: conf, SECRET: 'too-short', LOG: 'loud', REDIS_URL: 'redis://u:hidden' }, 1);
      assert.deepEqual(wrong.map((line) => line.slice(7)).sort(), [
        `${conf}:1: unknown setting DRAWBRIDGE_NOTHING`,
        `${conf}:2: must be DRAWBRIDGE_NAME=value`,
        'DRAWBRIDGE_GRACE=601: must be a number from 1 to 600',
        'DRAWBRIDGE_LOG=loud: must be error, warn, info or debug',
        wrong.find((line) => line.includes('REDIS_URL'))?.slice(7),
        'DRAWBRIDGE_SECRET=(not shown): must be one or more keys of at least 32 bytes, separated by commas or newlines',
      ].sort());
      assert.doesNotMatch(out, /hidden|too-short/);
    });

    it('check: nothing is set; an unknown name in the environment; a Redis that is away; a file that cannot be read', async () => {
      assert.match((await check(NO_FILE, 1)).wrong[0], /DRAWBRIDGE_SECRET is required/);
      assert.match((await check({ ...NO_FILE, SECRET, OTHER: 1 }, 0)).out, /^warning: unknown setting DRAWBRIDGE_OTHER in the environment$/m);
      assert.match((await check({ ...NO_FILE, SECRET, REDIS_URL: 'redis://127.0.0.1:1' }, 0)).out, /^warning: DRAWBRIDGE_REDIS_URL: Connection refused$/m);
      assert.doesNotMatch((await ask(['check', '--settings'], { ...NO_FILE, SECRET, REDIS_URL: 'redis://127.0.0.1:1' })).out, /^warning/m);
      assert.match((await check({ CONF: folder, SECRET }, 1)).wrong[0], /CONF=.*: Is a directory/);
      assert.match((await check({ ...NO_FILE, SECRET_FILE: '/nowhere/secret' }, 1)).wrong[0], /SECRET_FILE=\/nowhere\/secret: No such file/);
      const binary = file('binary', `${SECRET}\0`), large = file('large', 'x'.repeat(64 * 1024 + 1));
      assert.match((await check({ ...NO_FILE, SECRET_FILE: binary }, 1)).wrong[0], /SECRET_FILE=.*: Invalid or incomplete multibyte/, 'a NUL');
      assert.match((await check({ ...NO_FILE, SECRET_FILE: large }, 1)).wrong[0], /SECRET_FILE=.*: File too large/);
    });

    it('token: this deployment takes it, for its rooms alone', async () => {
      const before = nowSeconds();
      const { status, out } = await ask(['token', '--id', 'ann', '--name', 'Ann Ä "quoted"', '--room', 'tea', '--room=x-*', '--ttl', '60'],
        { CONF: site.servers[0].conf });
      assert.equal(status, 0);
      const token = out.trimEnd();
      const claims = verify(token, site.secret);
      assert.deepEqual({ ...claims, iat: 0, exp: 0 },
        { id: 'ann', username: 'Ann Ä "quoted"', rooms: ['tea', 'x-*'], iat: 0, exp: 0 });
      assert.ok(claims.iat >= before && claims.iat <= nowSeconds() && claims.exp === claims.iat + 60, `${claims.iat} ${claims.exp}`);
      assert.equal((await site.request('POST', '/tea/join', { token })).status, 200);
      assert.equal((await site.request('POST', '/x-1/join', { token })).status, 200);
      refused(await site.request('POST', '/coffee/join', { token }), 403);
    });

    it('token --server: of no peer, an hour long at most', async () => {
      const conf = { CONF: site.servers[0].conf, TOKEN_TTL: 86_400 };
      const { status, out } = await ask(['token', '--server', '--room', 'tea'], conf);
      assert.equal(status, 0);
      const { iat, ...claims } = verify(out.trimEnd(), site.secret);
      assert.deepEqual(claims, { id: 'server', server: true, exp: iat + 3600, rooms: ['tea'] });
      const other = await ask(['token', '--server', '--id=cron', '--ttl=60'], conf);
      assert.deepEqual(verify(other.out.trimEnd(), site.secret).id, 'cron');
      for (const wrong of [['--ttl=3601'], ['--name=Ann'], ['--id=a.b']]) {
        assert.equal((await ask(['token', '--server', ...wrong], conf)).status, 2, wrong[0]);
      }
    });

    it('token: the first secret signs, any room and TOKEN_TTL where nothing is said', async () => {
      const { out } = await ask(['token', '--id=bob', '--name=Bob'], { ...NO_FILE, SECRET: `${SECRET},${randomSecret()}`, TOKEN_TTL: 1000 });
      const claims = verify(out.trimEnd(), SECRET);
      assert.equal(claims.rooms, undefined);
      assert.equal(claims.exp, claims.iat + 1000);
    });

    it('token: what no server of ours would take is refused', async () => {
      const named = ['token', '--id', 'ann', '--name', 'ann'];
      for (const [args, why] of /** @type {[string[], RegExp][]} */ ([
        [['token'], /requires --id and --name/],
        [['token', '--id', 'ann'], /requires --id and --name/],
        [['token', '--id', 'a/b', '--name', 'ann'], /--id: must be 1 to 64/],
        [['token', '--id', 'access', '--name', 'ann'], /--id/],
        [['token', '--id', 'a'.repeat(65), '--name', 'ann'], /--id/],
        [['token', '--id', 'ann', '--name', 'a\nb'], /--name/],
        [['token', '--id', 'ann', '--name', 'a'.repeat(65)], /--name/],
        [[...named, '--room', 'a b'], /--room/],
        [[...named, '--room', 'a*b'], /--room/],
        [[...named, '--room', ''], /--room/],
        [[...named, '--ttl', '5'], /--ttl: must be a number of seconds from 10/],
        [[...named, '--ttl', '1h'], /--ttl/],
        [[...named, 'more'], /only options/],
        [[...named, '--secret', 'x'], /unrecognized option '--secret'/],
        [[...named, ...Array.from({ length: 100 }, (_, i) => ['--room', `${'r'.repeat(60)}${i}`]).flat()], /too many/],
        [[...named, ...Array.from({ length: 50 }, (_, i) => ['--room', `${'r'.repeat(60)}${i}`]).flat()], /would be refused: too long/],
      ])) {
        const { status, out, err } = await ask(args, { ...NO_FILE, SECRET });
        assert.equal(status, 2, args.join(' '));
        assert.equal(out, '');
        assert.match(err, why);
        assert.match(err, /^[^\n]+\n$/, 'one line');
      }
      const none = await ask(named, NO_FILE);
      assert.equal(none.status, 1);
      assert.match(none.err, /DRAWBRIDGE_SECRET is required/);
    });

    it('doctor: a URL that is none, and nobody there', async () => {
      for (const args of [[], ['a', 'b'], ['ftp://a'], ['http://'], ['http://a/?b'], ['--hold', '0', 'http://a'], ['--wait', '0', 'http://a'], ['--streams', '501', 'http://a']]) {
        const { status, err } = await ask(['doctor', ...args]);
        assert.equal(status, 2, args.join(' '));
        assert.match(err, /^drawbridge: [^\n]+\n$/);
      }
      const { status, out } = await ask(['doctor', 'http://127.0.0.1:1']);
      assert.equal(status, 1);
      assert.match(out, /^FAIL +answers: .*(refused|connect)/m);
    });

    it('health: ready; not so where nothing answers, or something else; a URL that is none', async () => {
      assert.deepEqual(await ask(['health', '--wait', '60', site.servers[0].base.href]), { status: 0, out: 'ready\n', err: '' });
      const away = await ask(['health', 'http://127.0.0.1:1']);
      assert.equal(away.status, 1);
      assert.match(away.out, /^not ready: .*(refused|connect)/);
      assert.deepEqual(await ask(['health', new URL('static/', site.servers[0].base).href]), { status: 1, out: 'not ready: status 404\n', err: '' });
      for (const args of [[], ['a', 'b'], ['ftp://a'], ['--wait', '0', 'http://a'], ['--nothing', 'http://a']]) {
        const { status, out } = await ask(['health', ...args]);
        assert.deepEqual({ status, out }, { status: 2, out: '' }, args.join(' '));
      }
    });

    it('--version and --help of each program; what is no command', async () => {
      const libexec = path.join(path.dirname(drawbridge), '../libexec/drawbridge');
      for (const program of [drawbridge, path.join(libexec, 'signal.fcgi'), path.join(libexec, 'stream.fcgi')]) {
        const name = path.basename(program);
        const version = await command(program, ['--version']);
        assert.equal(version.status, 0);
        assert.match(version.out, new RegExp(`^${name} \\d+\\.\\d+\\.\\d+\\n$`));
        const help = await command(program, ['--help']);
        assert.equal(help.status, 0);
        assert.ok(help.out.startsWith(`usage: ${name} `), help.out);
        const wrong = await command(program, ['--nothing']);
        assert.equal(wrong.status, 2);
        assert.equal(wrong.out, '');
        assert.notEqual(wrong.err, '');
      }
      for (const name of ['check', 'token', 'doctor', 'health']) {
        const { status, out } = await ask([name, '--help']);
        assert.equal(status, 0);
        assert.ok(out.startsWith(`usage: drawbridge ${name} `), out);
      }
      assert.equal((await ask(['check', 'more'])).status, 2);
    });

    it('as CGI no query is an option', async () => {
      const program = path.join(path.dirname(drawbridge), '../libexec/drawbridge/signal.fcgi');
      process.env.REQUEST_METHOD = 'GET';
      process.env.REQUEST_URI = '/health/live?--version';
      try {
        const { out } = await command(program, ['--version'], { CONF: site.servers[0].conf });
        assert.match(out, /^Status: 200 /);
      } finally {
        delete process.env.REQUEST_METHOD;
        delete process.env.REQUEST_URI;
      }
    });

    it('no token is in any log', async () => {
      const wrong = await site.finish();
      assert.equal(wrong.length, 0, wrong.join('\n'));
    });

    after(() => site?.abandon());
  });
}
