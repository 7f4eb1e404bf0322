// "From your server": what its page tells a site's own server to write, in each language, does here what the page says.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { env, execPath } from 'node:process';
import { after } from 'node:test';
import { fileURLToPath } from 'node:url';
import { command } from './lib/command.js';
import { alike, serverExamples } from './lib/documents.js';
import { request } from './lib/http.js';
import { freePort } from './lib/redis-server.js';
import { FULL, suite } from './lib/suite.js';
import { nowSeconds, randomId, verify } from './lib/tokens.js';
import { until } from './lib/wait.js';

const MODULES = fileURLToPath(new URL('../node_modules', import.meta.url));
const { Setup: [{ code: setup }], ...SECTIONS } = serverExamples();

/** tag: of its blocks on the page; programs: the first that passes the test is taken; needs: Debian's names of it. */
const LANGUAGES = [
  { tag: 'sh', name: 'curl', file: 'site.sh', programs: ['sh'], test: ['-c', 'curl --version && openssl version'], needs: 'curl, openssl' },
  { tag: 'python', name: 'Python', file: 'site.py', programs: ['python3', '/usr/bin/python3'], test: ['-c', 'import jwt'], needs: 'python3-jwt' },
  { tag: 'php', name: 'PHP', file: 'site.php', programs: ['php'], test: ['-r', 'exit((int) !extension_loaded("curl"));'], needs: 'php-cli, php-curl' },
  { tag: 'js', name: 'Node', file: 'site.mjs', programs: [execPath], test: ['-v'], needs: 'nodejs' },
].map((language) => ({ ...language, program: language.programs.find((name) => spawnSync(name, language.test).status === 0) }));

/** A site whose server is written in this language, and one of its visitors. */
class Shop {
  #folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-shop-'));
  /** @type {import('./lib/peer.js').Peer} */ peer;

  /** @param {import('./lib/site.js').Site} site
   *  @param {typeof LANGUAGES[number]} language */
  constructor(site, language) {
    this.site = site;
    this.language = language;
    this.visitor = `visitor-17-${language.tag}`; // who was put out stays out
    symlinkSync(MODULES, path.join(this.#folder, 'node_modules'));
  }

  #adapt(text) {
    return text.replaceAll('visitor-17', this.visitor);
  }

  /** What one of the examples in this section prints.
   *  @param {string} heading
   *  @param {{nth?: number, base?: URL}} [options]  nth: of those in this language */
  async run(heading, { nth = 0, base = this.site.servers[0].base } = {}) {
    const { tag, file, program } = this.language;
    const { code, says } = SECTIONS[heading].filter(({ code: blocks }) => tag in blocks)[nth];
    const text = this.#adapt(setup[tag] + code[tag]).replaceAll('https://draw.example', base.href.slice(0, -1))
      .replaceAll('limit=100', 'limit=1'); // so that there is a second page
    const script = path.join(this.#folder, file);
    writeFileSync(script, text);
    const { conf, drawbridge } = /** @type {import('./lib/server.js').Server} */ (this.site.servers[0]);
    const { status, out, err } = await command('env', [`PATH=${path.dirname(drawbridge)}:${env.PATH}`, program, script],
      { CONF: conf, SECRET: this.site.secret });
    assert.equal(status, 0, `${heading}: ${out}${err}`);
    return { out: out.trim(), err, says: this.#adapt(says) };
  }

  /** It prints what the page says. */
  async answers(heading, options) {
    const { out, err, says } = await this.run(heading, options);
    assert.ok(out, `${heading}: printed nothing; ${err}`);
    assert.ok(alike(JSON.parse(out), JSON.parse(says)), `${heading}: printed ${out}\nand not ${says}`);
  }

  /** The visitor hears of it, once. */
  async hears(heading, data, options) {
    await this.answers(heading, options);
    const event = await this.peer.stream.next();
    assert.deepEqual([event.event, JSON.parse(event.data)], ['news', { peer: null, data }], heading);
  }

  remove() {
    rmSync(this.#folder, { recursive: true });
  }
}

/** A server of the test's own: its URL, and how it is closed.
 *  @param {(question: http.IncomingMessage & {body: Buffer}, answer: http.ServerResponse) => unknown} take */
async function serve(take) {
  const server = http.createServer(async (question, answer) => take(Object.assign(question, { body: Buffer.concat(await question.toArray()) }), answer));
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', () => resolve(undefined)); });
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  return { url: new URL(`http://127.0.0.1:${port}`), close: () => server.close() };
}

/** @param {http.IncomingMessage & {body: Buffer}} question */
const passOn = ({ method, url, headers, body }, base) =>
  request(new URL(url, base), { method, headers: { ...headers, host: base.host, connection: 'close' }, body });

/** What is before a deployment and loses the first answer, after the request has arrived. */
async function forgetful(base, run) {
  let count = 0;
  const proxy = await serve(async (question, answer) => {
    const { status, bytes } = await passOn(question, base);
    if (count++ === 0) question.socket.destroy();
    else answer.writeHead(status, { 'Content-Type': 'application/json' }).end(bytes);
  });
  try {
    await run(new URL(base.pathname, proxy.url));
    assert.equal(count, 2, 'requests');
  } finally {
    proxy.close();
  }
}

const HOOK = 'Receive webhooks';
const HOOK_KEY = randomBytes(32);
const HOOK_SECRET = `whsec_${HOOK_KEY.toString('base64')}`;

/** The page's receiver in this language, at a port of its own. */
class Hook {
  #folder = mkdtempSync(path.join(tmpdir(), 'drawbridge-hook-'));
  /** @type {import('node:child_process').ChildProcess} */ #child;
  #said = '';
  /** @type {URL} */ url;

  static async start({ tag, file, program }) {
    const hook = new Hook();
    hook.url = new URL(`http://127.0.0.1:${await freePort()}`);
    const script = path.join(hook.#folder, file);
    writeFileSync(script, SECTIONS[HOOK].find(({ code }) => tag in code).code[tag].replaceAll('8087', hook.url.port).replaceAll('/var/lib/shop', hook.#folder));
    hook.#child = spawn(program, tag === 'php' ? ['-S', hook.url.host, script] : [script],
      { env: { ...env, PYTHONUNBUFFERED: '1', DRAWBRIDGE_WEBHOOK_SECRET: HOOK_SECRET }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const from of [hook.#child.stdout, hook.#child.stderr]) from.on('data', (text) => { hook.#said += text; });
    await until(() => hook.post('x').then(() => true, () => false), () => `the receiver to listen; it said ${hook.#said}`);
    return hook;
  }

  /** @param {string | Buffer} body */
  post(body, headers = {}) {
    return request(this.url, { method: 'POST', body, headers });
  }

  /** The events in this room that it has printed: their types and peers. */
  heard(room) {
    return Array.from(this.#said.matchAll(new RegExp(`((?:room|member)\\.\\w+) ${room} ?(\\S*)`, 'g')), ([, type, peer]) =>
      (type.startsWith('member') ? `${type} ${peer}` : type));
  }

  get said() { return this.#said; }

  remove() {
    this.#child.kill();
    rmSync(this.#folder, { recursive: true });
  }
}

/** @type {Hook[]} */
const hooks = [];
/** The site that Drawbridge knows: each receiver gets all that comes, twice. */
const hook = await serve(async (question, answer) => {
  for (const { url } of [...hooks, ...hooks]) assert.equal((await passOn(question, url)).status, 204);
  answer.writeHead(204).end();
});

suite('from your server', { settings: { ACCESS: 'off', WEBHOOK: hook.url.href, WEBHOOK_SECRET: HOOK_SECRET } }, (site, it) => {
  after(() => hook.close());

  for (const language of LANGUAGES) {
    const skip = !language.program ? `needs ${language.needs}` : language.tag === 'sh' || FULL ? '' : 'as on lighttpd';
    it(`in ${language.name}: what the page says`, skip ? { skip } : {}, async () => {
      const shop = new Shop(site, language);
      const bystander = site.peer({ id: 'bystander' });
      try {
        // A token for a visitor, who comes with it.
        const token = (await shop.run('A token for a visitor')).out;
        const { iat, exp, ...claims } = verify(token, site.secret);
        assert.deepEqual(claims, { id: shop.visitor, username: 'Ann', rooms: ['table-4'] });
        assert.ok(Math.abs(nowSeconds() - iat) < 60 && exp === iat + 600, 'iat and exp');
        shop.peer = Object.assign(site.peer({ id: shop.visitor, username: 'Ann' }), { token });
        shop.peer.stream = await shop.peer.open();
        assert.deepEqual(await shop.peer.join('table-4'), []);
        bystander.stream = await bystander.open();
        await bystander.join('table-5');

        const server = (await shop.run('A server token')).out;
        assert.equal((await site.request('GET', '/server/rooms', { token: server })).status, 200);
        assert.equal((await site.request('GET', '/server/rooms', { token })).status, 403, 'with a visitor’s');

        await shop.answers('Who is in a room');
        await shop.answers('Who is in a room', { nth: 1 });
        await shop.answers('Who is in a room', { nth: 2 });
        await shop.hears('Tell a room something', { text: 'We close in ten minutes.' });
        await shop.hears('Tell one person', { text: 'Your order is ready.' });
        await forgetful(site.servers[0].base, (base) => shop.hears('Repeat safely', { text: 'Once.' }, { base }));

        // What comes next is not a second "Once.", either.
        await shop.answers('Take somebody out of a room');
        const { event, data } = await shop.peer.stream.next();
        assert.deepEqual([event, JSON.parse(data).roomId], ['remove-peer', 'table-4']);
        assert.equal((await shop.peer.ask('POST', '/table-4/join')).status, 403);

        await shop.answers('Disconnect and keep out');
        const last = await shop.peer.stream.next();
        assert.deepEqual([last.event, JSON.parse(last.data)], ['disconnect', { reason: 'Logged out.', for: 3600 }]);
        await until(() => shop.peer.stream.ended, 'the stream to end');
        assert.equal((await shop.peer.try()).status, 401);
        await bystander.leave('table-5');
      } finally {
        bystander.stream?.cut();
        shop.peer?.stream?.cut();
        shop.remove();
      }
    });
  }

  for (const language of LANGUAGES.filter(({ tag }) => tag !== 'sh')) {
    const skip = !language.program ? `needs ${language.needs}` : FULL ? '' : 'as on lighttpd';
    it(`in ${language.name}: a receiver takes each event once, and from nobody else`, skip ? { skip } : {}, async () => {
      const receiver = await Hook.start(language);
      const room = randomId('r');
      try {
        hooks.push(receiver);
        const [ann] = await site.room(room, 1);
        await ann.leave(room);
        const expected = ['room.occupied', `member.joined ${ann.id}`, `member.left ${ann.id}`, 'room.vacated'];
        await until(() => receiver.heard(room).length >= expected.length, () => `the receiver to hear of it; it said ${receiver.said}`);
        assert.deepEqual(receiver.heard(room), expected);
        ann.stream.cut();

        const gaps = () => receiver.said.split('list all rooms').length - 1;
        assert.equal(gaps(), 1, 'what was before the first');

        // Of the test's own, one after the other, so that with the answer it is known what was said.
        const at = 1000 * nowSeconds() + 1e7; // after all that comes
        const trial = (n, number) => JSON.stringify({ events: [{ id: `${at}-${n}`, number, timestamp: '', type: 'room.occupied', room: 'trial' }] });
        const signed = (body, { sent = nowSeconds(), key = HOOK_KEY } = {}) => ({ 'webhook-id': 'trial', 'webhook-timestamp': sent,
          'webhook-signature': `v1,AAAA v1,${createHmac('sha256', key).update(`trial.${sent}.${body}`).digest('base64')}` });
        for (const [why, n, number, heard, missed] of /** @type {[string, number, number, number, number][]} */ (
          [['a gap', 9, 7, 1, 2], ['the next', 10, 8, 2, 2], ['again', 9, 7, 2, 2], ['numbers that go back', 11, 3, 3, 3]])) {
          const body = trial(n, number);
          assert.equal((await receiver.post(body, signed(body))).status, 204, why);
          await until(() => receiver.heard('trial').length === heard && gaps() === missed, () => `${why}; it said ${receiver.said}`);
        }
        const body = trial(12, 4);
        const refused = {
          'without a signature': {}, 'another key': signed(body, { key: randomBytes(32) }), 'another body': signed(trial(12, 5)),
          'ten minutes ago': signed(body, { sent: nowSeconds() - 600 }), 'in ten minutes': signed(body, { sent: nowSeconds() + 600 }),
        };
        for (const [why, headers] of Object.entries(refused)) assert.equal((await receiver.post(body, headers)).status, 401, why);
        assert.equal(receiver.heard('trial').length, 3);
      } finally {
        hooks.splice(hooks.indexOf(receiver), 1);
        receiver.remove();
      }
    });
  }

  it('in curl: a trial of a receiver arrives', async () => {
    const receiver = await Hook.start(LANGUAGES[3]);
    try {
      const { sh } = SECTIONS[HOOK].find(({ code }) => 'sh' in code).code;
      const { out, err } = await command('sh', ['-c', sh.replaceAll('8087', receiver.url.port)], { WEBHOOK_SECRET: HOOK_SECRET });
      assert.equal(out.trim(), '204', err);
      await until(() => receiver.heard('trial').length, 'the event');
    } finally {
      receiver.remove();
    }
  });
});
