// Programs that are killed: what was answered is not lost, and who does not return is told.
import assert from 'node:assert/strict';
import { afterEach } from 'node:test';
import { isRelayed, isRemoved } from './lib/peer.js';
import { isAlive, signal } from './lib/processes.js';
import { RedisServer } from './lib/redis-server.js';
import { Server } from './lib/server.js';
import { FULL, SERVER, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';
import { pause, until } from './lib/wait.js';

// Seconds. A client waits up to 3 before it returns, and mod_fcgid a second before it
// starts what it needs; who is gone is noticed by one who is back.
const PING = FULL ? 1 : 2, GRACE = 5;
const GHOST_MS = (GRACE + 3 * PING) * 1000;

/** A stream that is taken up again as a page does it: after `retry`, from where it was. */
class Follower {
  events = [];
  breaks = 0;

  static all = new Set();

  constructor(peer) {
    this.peer = peer;
    Follower.all.add(this);
  }

  async start() {
    await this.#connect();
    this.running = this.#run();
    return this;
  }

  async stop() {
    Follower.all.delete(this);
    this.stopped = true;
    this.stream.cut();
    await this.running;
  }

  async #connect() {
    this.stream = await this.peer.try({ after: this.position });
    if (this.stream.status !== 200) return;
    this.wait = this.stream.retry ?? this.wait;
    this.stream.onEvent = (event) => {
      if (event.event === 'connected' && this.position && !JSON.parse(event.data).resumed) {
        this.lost ??= `from ${this.position} at ${Date.now()}: ${event.id}`;
      }
      if (event.id) this.position = event.id;
      if (event.event !== 'ping' && event.event !== 'connected') this.events.push(event);
    };
  }

  async #run() {
    while (!this.stopped) {
      await this.stream.end(600_000);
      if (this.stopped) break;
      this.breaks++;
      await pause(this.stream.retry ?? 500);
      await this.#connect().catch(() => {});
    }
    this.stream.cut(); // it may have come while it was stopped
  }
}

// Behind the proxy nobody would start the programs again.
if (SERVER !== 'apache-proxy') {
  const STREAMS = FULL ? 100 : 16;
  suite('kill', {
    settings: { PING, GRACE, RATE: 0, RATE_BYTES: 0, ROOM_PEERS: 128 },
    redis: () => RedisServer.start(),
    allowed: [
      // The web servers, of who was killed.
      /gw_backend\.c|mod_fastcgi|http-header-glue\.c.*reset by peer/,
      /mod_fcgid: (error reading data, FastCGI server closed connection|process .* exit\(communication error\), get unexpected signal 9|cleanup zombie process \d+)/,
    ],
  }, (site, it) => {
    afterEach(() => Promise.all([...Follower.all].map((one) => one.stop())));

    it(`kill -9 with ${STREAMS} streams and relays going on: none lost, none twice, nobody gone but who is`, async () => {
      const room = randomId('r');
      const peers = Array.from({ length: STREAMS }, (_, i) => site.peer({ username: `u${i}` }));
      const followers = [];
      for (const peer of peers) followers.push(await new Follower(peer).start());
      await Promise.all(peers.map((peer) => peer.join(room)));
      await until(() => followers.every((one) => one.events.length === STREAMS - 1), 'everybody to have heard of everybody', 20_000);

      // Each relays numbers to its neighbour until told to stop; answered is what counts.
      let stop = false;
      const answered = peers.map(() => []);
      const unknown = peers.map(() => new Set());
      const talk = peers.map(async (peer, i) => {
        for (let n = 0; !stop; n++) {
          const answer = await peer.ask('POST', `/relay/${peers[(i + 1) % STREAMS].id}/n`, String(n)).catch(() => ({ status: 0 }));
          if (answer.status === 200 || answer.status === 202) answered[i].push(n);
          else unknown[i].add(n);
          await pause(100);
        }
      });
      const enough = (count) => until(() => answered.every((list) => list.length >= count), `${count} relays of each`, 30_000);
      await enough(3);

      const killed = [...site.processes('stream.fcgi'), ...site.processes('signal.fcgi')];
      assert.ok(killed.length >= 2);
      const at = performance.now();
      for (const pid of killed) signal(pid, 'SIGKILL');
      await until(() => !killed.some(isAlive), 'them to die');

      // Ten go for good, for whom nothing was said yet; the others return by themselves.
      const leaving = followers.slice(0, 10);
      await Promise.all(leaving.map((one) => one.stop()));
      const staying = followers.slice(leaving.length);
      const isBack = (one) => one.breaks > 0 && one.stream.status === 200 && !one.stream.ended;
      await until(() => staying.every(isBack), 'all to be back');
      const ghosts = () => staying.filter((one) => leaving.some((gone) => !one.events.some((event) =>
        event.event === 'remove-peer' && JSON.parse(event.data).peer.id === gone.peer.id)));
      await until(() => ghosts().length === 0, () => `${ghosts().length} to hear of those who are gone`, at + GHOST_MS - performance.now());
      await enough(10);
      stop = true;
      await Promise.all(talk);

      // The last word of each, after which nothing of what was answered is on its way.
      const last = peers.slice(leaving.length, -1);
      for (const [i, peer] of last.entries()) await peer.relay(peers[leaving.length + i + 1], 'mark', 1);
      await until(() => staying.slice(1).every((one) => one.events.some((event) => event.event === 'mark')), 'the last word');

      for (const [i, one] of followers.entries()) {
        if (i <= leaving.length) continue; // who is gone, and whose neighbour is
        assert.equal(one.lost, undefined, `${one.peer.user.username} was resumed`);
        const got = one.events.filter((event) => event.event === 'n').map((event) => JSON.parse(event.data).data);
        assert.equal(new Set(got).size, got.length, 'none twice');
        assert.deepEqual(got, [...got].sort((a, b) => a - b), 'in order');
        assert.deepEqual(got.filter((n) => !unknown[i - 1].has(n)), answered[i - 1], 'none lost');
        const removed = one.events.filter((event) => event.event === 'remove-peer').map((event) => JSON.parse(event.data).peer.id);
        assert.deepEqual(removed.sort(), leaving.map((gone) => gone.peer.id).sort(), 'each once, and nobody else');
        assert.equal(one.events.filter((event) => event.event === 'add-peer').length, STREAMS - 1);
      }
    });

    it('killed between two relays: the next passes', async () => {
      const [ann, bob] = await site.room(randomId('r'), 2);
      for (let i = 0; i < 3; i++) {
        const pids = site.processes('signal.fcgi');
        for (const pid of pids) signal(pid, 'SIGKILL');
        await until(() => !pids.some(isAlive), 'it to die');
        await until(async () => {
          const answer = await ann.ask('POST', `/relay/${bob.id}/n`, String(i)).catch(() => ({}));
          return answer.status === 200;
        }, 'a relay to pass', 5_000);
        isRelayed(await bob.stream.find((event) => JSON.parse(event.data).data === i), ann, 'n', i);
      }
    });

    it('one host dies with its peers: those of the other are told, once', async () => {
      const [here] = site.servers;
      const there = await Server.start({ kind: SERVER, mount: '/', redis: site.server.url, settings: site.settings });
      site.servers.push(there); // and is ended with it
      const room = randomId('r');
      const watcher = site.peer();
      watcher.stream = await watcher.open({ base: there.base });
      await watcher.join(room);
      const gone = new Map();
      for (let i = 0; i < 3; i++) {
        const peer = site.peer({ username: `gone${i}` });
        await peer.open({ base: here.base });
        await peer.join(room);
        await watcher.stream.next();
        gone.set(peer.id, peer);
      }
      const at = performance.now();
      for (const pid of here.processes('stream.fcgi')) signal(pid, 'SIGKILL');
      while (gone.size) {
        const event = await watcher.stream.next(at + GHOST_MS - performance.now());
        const { id } = JSON.parse(event.data).peer;
        isRemoved(event, gone.get(id), room);
        gone.delete(id);
      }
      assert.deepEqual(await watcher.others(room), []);
    });

    it('all killed, and nobody returns: nothing that they left stays for ever', async () => {
      const room = randomId('r');
      const [ann, bob] = await site.room(room, 2);
      await ann.relay(bob, 'x', 1);
      const pids = [...site.processes('stream.fcgi'), ...site.processes('signal.fcgi')];
      for (const pid of pids) signal(pid, 'SIGKILL');
      await until(() => !pids.some(isAlive), 'all to die');
      await Promise.all([ann, bob].map(({ stream }) => stream.end()));
      const keys = await site.server.ask('KEYS', '*');
      assert.ok(keys.includes(`channels:${room}`) && keys.includes(`mailbox:${bob.id}`), `${keys}`);
      for (const key of keys) {
        const left = await site.server.ask('PTTL', key);
        assert.ok(left === -2 || (left > 0 && left <= 86_400_000), `${key}: ${left} ms`);
        // The day, made short.
        await site.server.ask('PEXPIRE', key, Math.ceil(left / 86_400));
      }
      await until(async () => (await site.server.ask('DBSIZE')) === 0, 'the keys to be gone');
    });
  });
}
