// What an operator asks of a deployment by way of its Redis, as it is read: drawbridge rooms, room, peer, kick, send and
// watch.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { command } from './lib/command.js';
import { isRemoved } from './lib/peer.js';
import { descendants, signal } from './lib/processes.js';
import { RedisServer } from './lib/redis-server.js';
import { FULL, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';
import { until, WAIT_MS, within } from './lib/wait.js';

const TIME = String.raw`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`;

const lines = (text) => text.trimEnd().split('\n').filter(Boolean);

/** The alternative screen of xterm and its cursor: entered, and left. */
const ESCAPE = '\x1b', ENTERED = `${ESCAPE}[?1049h${ESCAPE}[?25l`, LEFT = `${ESCAPE}[?25h${ESCAPE}[?1049l`;

/** What a drawing begins with. */
const HOME = `${ESCAPE}[H`;
const plain = (text) => text.replace(new RegExp(`${ESCAPE}\\[[?\\d]*[A-Za-z]`, 'g'), '').replaceAll('\r', '');

/** A program on a terminal of its own, of so many lines and columns. */
class Terminal {
  said = '';
  /** @type {Promise<number>} */ ended;

  constructor(program, args, settings, size = [30, 100]) {
    const env = { ...process.env, SHELL: '/bin/sh', ...Object.fromEntries(Object.entries(settings).map(([name, value]) => [`DRAWBRIDGE_${name}`, value])) };
    // The shell stays, so that it is known what is left of the terminal: it hears Ctrl-C, too.
    this.child = spawn('script', ['-qec', `trap : INT; stty rows ${size[0]} cols ${size[1]}; ${program} ${args.join(' ')}; echo "status $?"; stty -a`, '/dev/null'],
      { env, stdio: ['pipe', 'pipe', 'inherit'] });
    this.child.stdout.on('data', (text) => { this.said += text; });
    this.ended = new Promise((resolve) => { this.child.on('close', resolve); });
  }

  /** What stands there now: of the last drawing, without its escapes. */
  get screen() {
    return plain(this.said.split(HOME).at(-1));
  }

  key(key) { this.child.stdin.write(key); }

  end() {
    return within(4 * WAIT_MS, this.ended, () => `the terminal's program to end; it said:\n${this.said}`).finally(() => this.child.kill());
  }
}

if (FULL) {
  // SERVER_RATE is below what an operator does here, who is not charged; and who has no stream is away for long.
  suite('the operator', { settings: { SERVER_RATE: 1, ROOM_PEERS: 128, GRACE: 600 }, redis: () => RedisServer.start(), allowed: [/^(warn|error) at=redis\.[a-z]+ /] }, (site, it) => {
    const server = () => /** @type {import('./lib/server.js').Server} */ (site.servers[0]);
    const drawbridge = () => server().drawbridge;
    const settings = () => ({ CONF: server().conf });
    const ask = (...args) => command(drawbridge(), args, settings());

    async function tell(...args) {
      const { status, out, err } = await ask(...args);
      assert.equal(status, 0, `${args.join(' ')}: ${err}`);
      assert.equal(err, '');
      return out;
    }

    async function fails(args, status, wrong) {
      const answer = await ask(...args);
      assert.equal(answer.status, status, args.join(' '));
      assert.equal(answer.out, '');
      assert.match(answer.err, wrong, args.join(' '));
      assert.match(answer.err, /^\S*drawbridge: [^\n]+\n$/, 'one line');
    }

    /** They have not been here. */
    async function gone(room, ...peers) {
      for (const peer of peers) {
        peer.stream?.cut();
        await peer.leave(room);
      }
    }

    it('rooms: none; then their names and how many are in each, over several pages', async () => {
      assert.equal(await tell('rooms'), 'no room has members\n');
      assert.equal(await tell('rooms', '--json'), '');
      const peers = Array.from({ length: 16 }, () => site.peer());
      const names = Array.from({ length: 130 }, (_, i) => `many-${String(i).padStart(3, '0')}`);
      for (const [i, name] of names.entries()) await peers[i % peers.length].join(name);
      await peers[1].join('many-000');
      const out = await tell('rooms');
      assert.deepEqual(lines(out), ['PEERS  ROOM', '    2  many-000', ...names.slice(1).map((name) => `    1  ${name}`)]);
      assert.deepEqual(lines(await tell('rooms', '--json')).map((line) => JSON.parse(line)),
        names.map((room, i) => ({ room, count: i ? 1 : 2 })));
      for (const [i, name] of names.entries()) await peers[i % peers.length].leave(name);
      await peers[1].leave('many-000');
      assert.equal(await tell('rooms'), 'no room has members\n');
    });

    it('room: who, since when, and who is away; a name that reaches into a terminal does not', async () => {
      const [ann, bob] = await site.room('tea', 2, (i) => ({ id: ['ann', 'a-longer-name'][i], username: ['Ann Ä', 'Bob'][i] }));
      bob.stream.cut();
      await until(async () => /away/.test(await tell('room', 'tea')), 'bob to be away');
      const out = lines(await tell('room', 'tea'));
      assert.deepEqual(out.slice(0, 2), ['room tea: 2 peers', 'ID             SINCE                HERE  NAME']);
      assert.match(out[2], new RegExp(`^a-longer-name  ${TIME}  away  Bob$`));
      assert.match(out[3], new RegExp(`^ann            ${TIME}  yes   Ann Ä$`));
      const [first, second] = lines(await tell('room', '--json', 'tea')).map((line) => JSON.parse(line));
      assert.deepEqual([first, second].map((member) => ({ ...member, since: 0 })), [
        { id: 'a-longer-name', username: 'Bob', since: 0, here: false }, { id: 'ann', username: 'Ann Ä', since: 0, here: true }]);
      assert.ok(Math.abs(second.since * 1000 - Date.now()) < 10 * WAIT_MS, `${second.since}`);
      // Of the Node application, which has let anything in. A token may have those that turn the direction.
      const username = '\x1b[2J\x9b2JAnn\u202Eé\u2066Ä€😀\u061C\u200F\u2028';
      await site.redis('HSET', 'peer:ann', 'user', JSON.stringify({ id: 'ann', username }));
      const named = await tell('room', 'tea');
      assert.match(named, / \?\[2J\?2JAnn\?é\?Ä€😀\?\?\?$/m);
      const json = await tell('room', '--json', 'tea');
      assert.equal(JSON.parse(lines(json)[1]).username, username);
      assert.match(json, /^[ -~\n]*$/);
      await gone('tea', ann, bob);
    });

    it('room: of a hundred and more, each once', async () => {
      const room = randomId('r');
      const peers = Array.from({ length: 120 }, () => site.peer());
      for (const peer of peers) await peer.join(room);
      const ids = lines(await tell('room', '--json', room)).map((line) => JSON.parse(line).id);
      assert.deepEqual(ids.sort(), peers.map(({ id }) => id).sort());
      assert.equal(lines(await tell('room', room))[0], `room ${room}: 120 peers`);
      await gone(room, ...peers);
    });

    it('peer: where it is; not where it is not', async () => {
      const [carl] = await site.room('cocoa', 1, () => ({ id: 'carl', username: 'Carl' }));
      await carl.join('milk');
      const out = lines(await tell('peer', 'carl'));
      assert.deepEqual(out.slice(0, 3), ['id     carl', 'name   Carl', 'here   yes, with 1 stream']);
      assert.match(out[3], new RegExp(`^since  ${TIME}$`));
      assert.deepEqual(out[4].split(/ +/).sort(), ['cocoa', 'milk', 'rooms']);
      const json = JSON.parse(await tell('peer', '--json', 'carl'));
      assert.deepEqual({ ...json, since: 0, rooms: json.rooms.sort() },
        { id: 'carl', username: 'Carl', here: true, streams: 1, since: 0, rooms: ['cocoa', 'milk'] });
      await fails(['peer', 'nobody'], 1, /nobody: there is no such peer/);
      await carl.leave('milk');
      await gone('cocoa', carl);
    });

    it('send: all in the room hear of it, as from the server', async () => {
      const room = randomId('r');
      const peers = await site.room(room, 2);
      assert.equal(await tell('send', room, 'note', '{"at": "noon"}'), 'sent to 2 peers\n');
      for (const { stream } of peers) {
        const { event, data } = await stream.next();
        assert.equal(event, 'note');
        assert.deepEqual(JSON.parse(data), { peer: null, data: { at: 'noon' } });
      }
      await fails(['send', 'nowhere', 'note', '1'], 1, /room nowhere: nobody is in it/);
      await fails(['send', room, 'note', `"${'x'.repeat(70_000)}"`], 1, /JSON: longer than DRAWBRIDGE_BODY_MAX, 65536 bytes/);
      await gone(room, ...peers);
    });

    it('kick: the stream ends, with the reason, and the others hear that it is out; for a time its token is refused', async () => {
      const room = randomId('r');
      const [ann, bob] = await site.room(room, 2);
      assert.equal(await tell('kick', '--reason', 'too loud', '--for', '600', bob.id),
        `${bob.id}: out of all rooms; 1 stream ends now; its present tokens are refused for 600 s\n`);
      const told = await until(async () => {
        const next = await bob.stream.next();
        return next.event === 'disconnect' && next;
      }, 'disconnect');
      assert.equal(JSON.parse(told.data).reason, 'too loud');
      await bob.stream.end();
      isRemoved(await ann.stream.next(), bob, room, { cause: 'removed' });
      assert.equal((await bob.ask('GET', '/connect')).status, 401);
      await fails(['kick', 'nobody'], 1, /nobody: there is no such peer/);
      await gone(room, ann);
    });

    it('what it cannot do it says in a line', async () => {
      for (const [args, wrong] of /** @type {[string[], RegExp][]} */ ([
        [['rooms', 'tea'], /only options; for one of them: drawbridge room NAME/],
        [['rooms', '--nothing'], /unrecognized option '--nothing'/],
        [['room'], /requires the name of one room/],
        [['room', 'a', 'b'], /requires the name of one room/],
        [['room', 'a/b'], /NAME: must be 1 to 64/],
        [['peer'], /requires the id of one peer/],
        [['peer', 'access'], /ID: must be/],
        [['kick'], /requires the id of one peer/],
        [['kick', 'a b'], /ID: must be/],
        [['kick', '--for', '604801', 'a'], /--for: must be a number of seconds from 0 to 604800/],
        [['kick', '--reason', 'x'.repeat(201), 'a'], /--reason: must be at most 200/],
        [['kick', '--reason', 'a\nb', 'a'], /--reason: must be/],
        [['send', 'tea', 'note'], /requires a room, an event and JSON/],
        [['send', 'tea', 'ping', '1'], /EVENT: must be/],
        [['send', 'tea', 'note', 'noon'], /JSON: is not valid; a text needs quotes/],
        [['watch', 'tea'], /only options/],
        [['watch', '--count', '0'], /--count: must be a number from 1/],
      ])) await fails(args, 2, wrong);
      await fails(['room', 'nowhere'], 1, /room nowhere: nobody is in it/);
      const away = { CONF: '/nowhere', SECRET: 'x'.repeat(32), REDIS_URL: 'redis://127.0.0.1:1' };
      for (const args of [['rooms'], ['room', 'tea'], ['peer', 'ann'], ['kick', 'ann'], ['send', 'tea', 'note', '1'], ['watch']]) {
        const { status, out, err } = await command(drawbridge(), args, away);
        assert.deepEqual({ status, out }, { status: 1, out: '' }, args.join(' '));
        assert.equal(err, 'drawbridge: Redis cannot be asked: Connection refused ("drawbridge check" says more)\n');
      }
      const none = await command(drawbridge(), ['rooms'], { CONF: '/nowhere' });
      assert.equal(none.status, 1);
      assert.match(none.err, /DRAWBRIDGE_SECRET is required/);
    });

    it('watch --json: a line each second, with what goes on', async () => {
      const room = randomId('r');
      const [ann, bob] = await site.room(room, 2);
      const stop = new AbortController();
      const busy = (async () => {
        while (!stop.signal.aborted) {
          await ann.relay(bob, 'x', 1);
          await ann.ask('POST', '/relay/nobody/x', '1');
        }
      })();
      try {
        const seen = await until(async () => {
          const views = lines(await tell('watch', '--json', '--count', '2')).map((line) => JSON.parse(line));
          assert.equal(views.length, 2);
          const rates = views[1].per_second;
          return rates?.relays?.delivered > 0 && rates.refused?.['no-peer'] > 0 && views[1];
        }, 'rates', 4 * WAIT_MS);
        assert.ok(Math.abs(seen.at * 1000 - Date.now()) < 4 * WAIT_MS);
        assert.equal(seen.rooms, 1);
        assert.equal(seen.peers_here, 2);
        assert.equal(seen.streams, 2);
        assert.ok(seen.redis_ms > 0);
        assert.equal(seen.hosts.length, 1);
        assert.equal(seen.hosts[0].streams, 2);
        assert.ok(seen.hosts[0].redis_ms > 0);
        assert.ok(seen.hosts[0].per_second.relays.delivered > 0);
        assert.equal(seen.webhook_events, 0);
        // Where no terminal is it is the same.
        assert.equal(JSON.parse(await tell('watch', '--count', '1')).streams, 2);
      } finally {
        stop.abort();
        await busy;
        await gone(room, ann, bob);
      }
    });

    it('a host reports what it has counted, with what it asks anyway and once a second at most', async () => {
      const room = randomId('r');
      const [ann, bob] = await site.room(room, 2);
      const times = new Set();
      await until(async () => {
        await ann.relay(bob, 'x', 1);
        const reports = await site.redis('HVALS', 'hosts');
        assert.ok(reports.length <= 1);
        const [, at, text] = /^(\d+) (.*)$/.exec(reports[0] ?? '') ?? [];
        if (text && JSON.parse(text).counts.joins >= 2) times.add(Number(at));
        return times.size > 5;
      }, 'six reports');
      const all = [...times];
      // Redis looks at another clock, and later: each time as much later as it is late, which is less than a second.
      assert.ok(all.at(-1) - all[0] > (all.length - 2) * 1_000, all.join(' '));
      await gone(room, ann, bob);
    });

    it('watch: a screen with the counts; each end leaves the terminal as it was', async () => {
      const room = randomId('r');
      const peers = await site.room(room, 3);
      /** @type {[string, (terminal: Terminal, pid: number) => void][]} */
      const ends = [
        ['SIGINT', (_, pid) => signal(pid, 'SIGINT')], ['SIGTERM', (_, pid) => signal(pid, 'SIGTERM')],
        ['Ctrl-C', (terminal) => terminal.key('\x03')], ['q', (terminal) => terminal.key('q')],
      ];
      for (const [why, end] of ends) {
        const terminal = new Terminal(drawbridge(), ['watch'], settings());
        // A drawing may come in parts.
        for (const line of [/^streams +3 /m, /^rooms +1 +relays delivered +\d+\.\d$/m, /^peers here +3 /m, /^Redis answers +\d+\.\d ms/m,
          /^HOST +STREAMS .*\n\S+ +3 .* s ago$/m]) await until(() => line.test(terminal.screen), () => `${line} in ${terminal.screen}`);
        assert.ok(terminal.said.includes(ENTERED));
        assert.ok(terminal.screen.split('\n').every((line) => line.length <= 100));
        const { pid } = descendants(terminal.child.pid).find(({ comm }) => comm === 'drawbridge');
        end(terminal, pid);
        await terminal.end();
        const after = terminal.said.split(LEFT);
        assert.equal(after.length, 2, `${why}: ${terminal.said}`);
        assert.match(after[1], /status 0/, why);
        assert.match(after[1], / icanon\b/, why);
        assert.match(after[1], / echo\b/, why);
      }
      await gone(room, ...peers);
    });

    it('watch: follows the size of its terminal, and leaves it while it is stopped', async () => {
      const terminal = new Terminal(drawbridge(), ['watch'], settings());
      const rows = () => terminal.screen.split('\n').length;
      await until(() => rows() > 10, 'a screen');
      const { pid } = descendants(terminal.child.pid).find(({ comm }) => comm === 'drawbridge');
      assert.equal((await command('stty', ['-F', readlinkSync(`/proc/${pid}/fd/1`), 'rows', '7'])).status, 0);
      await until(() => rows() === 7, () => `seven lines: ${terminal.screen}`);
      signal(pid, 'SIGTSTP');
      await until(() => terminal.said.endsWith(LEFT), 'it to stop');
      signal(pid, 'SIGCONT');
      await until(() => terminal.said.split(ENTERED).length === 3 && rows() === 7, 'it to go on');
      terminal.key('q');
      await terminal.end();
      assert.match(terminal.said, /status 0/);
    });

    it('watch: on a small terminal it is cut, and not longer than it', async () => {
      const terminal = new Terminal(drawbridge(), ['watch', '--count', '2'], settings(), [6, 40]);
      await terminal.end();
      const drawings = terminal.said.split(LEFT)[0].split(HOME).slice(1).map(plain);
      assert.equal(drawings.length, 2);
      for (const drawing of drawings) {
        assert.equal(drawing.split('\n').length, 6);
        for (const line of drawing.split('\n')) assert.ok(line.length <= 40, line);
      }
    });

    it('watch: a Redis that goes away is said to, and waited for', async () => {
      const child = spawn(drawbridge(), ['watch', '--json'], { env: { ...process.env, DRAWBRIDGE_CONF: settings().CONF }, stdio: ['ignore', 'pipe', 'inherit'] });
      let out = '';
      child.stdout.on('data', (text) => { out += text; });
      const last = () => JSON.parse(lines(out).at(-1) || '{}');
      try {
        await until(() => out.endsWith('\n') && 'rooms' in last(), 'a line');
        await site.server.kill();
        await until(() => out.endsWith('\n') && last().error, 'it to be missed');
        await site.server.start();
        await until(() => out.endsWith('\n') && 'rooms' in last(), 'it to be found');
      } finally {
        child.kill();
      }
    });
  });
}
