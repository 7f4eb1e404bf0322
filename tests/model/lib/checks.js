// checks.js - what must hold, all the time and in the end.
import { CLOCK_JUMP_MS } from './faults.js';
import { GRACE, isAbove, LAPSE, PING } from './stream.js';
import { SETTINGS } from './scripts.js';

const SETTLED_MS = 5000;
const HEARD_MS = 2000;
const isOfNode = (peer) => peer.startsWith('node');
const difference = (a, b) => [...a].filter((x) => !b.has(x)).concat([...b].filter((x) => !a.has(x))).sort();

export class Checks {
  violations = []; // the first stops the run
  count = {}; // what happened how often
  longestGhost = 0;
  #reaped = new Set(); // peers that have not connected since
  #said = 0;
  #forgotten = 0; // up to this number
  #blindUntil = 0; // until then no process beat that could look for the dead

  constructor(simulation) {
    this.simulation = simulation;
    this.world = simulation.world;
    this.world.afterScript = (removed) => this.removal(removed);
  }

  hold(holds, what, detail = '') {
    if (holds) return;
    this.violations.push(`${what}: ${detail}`);
    this.world.note('VIOLATION', what, detail);
  }

  tally(what) { this.count[what] = (this.count[what] ?? 0) + 1; }

  /** Redis has lost its data: who was reaped there is unknown here, and which requests were answered. */
  forget() {
    this.#reaped.clear();
    this.forgetAnswers();
  }

  /** Also where its clock jumps. */
  forgetAnswers() { this.#forgotten = this.#said; }

  /** The number of what is said next. */
  said() { return ++this.#said; }

  // all the time

  /** No remove-peer for who has a stream, or is back within GRACE. */
  removal(removed) {
    const { world, simulation } = this;
    for (const line of removed) {
      const [by, peer] = line.split(' ');
      if (by === 'server_remove' || by === 'disconnect') {
        this.tally(by);
        for (const page of simulation.pagesOf(peer)) page.takenOut = world.now;
      }
      if (by !== 'sweep') continue;
      this.tally('reaped');
      this.#reaped.add(peer);
      for (const page of simulation.pagesOf(peer)) {
        if (page.isDead || !page.joined) continue;
        if (!page.isDown) {
          this.hold(!page.stream?.isLive, 'removed though it has a stream', peer);
        } else if (world.now - page.downSince < GRACE) {
          // After a stall or a jump: who is between two streams then may lose it. GRACE = PING has no
          // margin for who was moved by a jump.
          this.hold(simulation.disturbed > page.downSince - PING - 1000,
            'removed within GRACE', `${peer} ${world.now - page.downSince} ms`);
        }
      }
    }
  }

  async #isRevoked({ id }, issued) {
    const until = await this.world.redis.ask('GET', `revoked:${id}`);
    return until !== null && issued <= Number(until);
  }

  async #isKeptOut({ id, room }) {
    return Number(await this.world.redis.ask('ZSCORE', `banned:${room}`, id) ?? 0) > this.world.clock;
  }

  /** It has just heard that it was disconnected, after its last join. After a stall some may run late. */
  async outside({ id, room }) {
    if (this.world.now < this.world.stalledUntil + SETTLED_MS) return;
    this.hold(!await this.world.redis.ask('SISMEMBER', `channels:${room}`, id), 'disconnected, and in its room', id);
  }

  /** Who was taken out and has a stream hears so. */
  #unheard() {
    const { world, simulation } = this;
    for (const { id, takenOut, stream } of simulation.pages) {
      const late = stream?.isLive && takenOut ? world.now - Math.max(takenOut, stream.readyAt) : 0;
      this.hold(late < HEARD_MS, 'was taken out and does not hear so', id);
    }
  }

  /** A token that nobody has been given since is not taken where tokens of the peer are revoked. */
  async tryOldToken(page) {
    const { world } = this;
    if (world.stalled || !await this.#isRevoked(page, 0)) return;
    const answer = await world.run('join', { peer: page.id, room: page.room, user: page.user, issued: 0 });
    this.hold(answer === 'revoked', 'let in with a token that was revoked', page.id);
  }

  /** By a script that has just run: with a token that is not revoked, and not where it is kept out. */
  async admitted(page, issued) {
    this.hold(!await this.#isRevoked(page, issued), 'let in with a token that was revoked', page.id);
  }

  /** Those that have members are in the index; others are not, unless the Node application's have just left them. */
  async index() {
    const { world, simulation } = this;
    const listed = new Set(await world.redis.ask('ZRANGE', 'rooms', 0, -1));
    for (const room of simulation.rooms) {
      const members = await world.redis.ask('SMEMBERS', `channels:${room}`);
      if (members.some((peer) => !isOfNode(peer))) this.hold(listed.has(room), 'a room is not in the index', room);
      else if (!simulation.nodePeers.length) this.hold(!listed.has(room), 'an empty room is in the index', room);
    }
  }

  /** `resumed` only where nothing may be lost, and false only where something may be. */
  resumption(page, stream, before, { resumed, rooms }) {
    const { world } = this;
    this.tally(resumed ? 'resumed' : 'not resumed');
    if (this.#reaped.delete(page.id)) {
      this.hold(!resumed && (!rooms.length || page.twin), 'back after it was reaped: resumed or in a room', page.id);
      return; // perhaps since `before`, while its script waited
    }
    // Joins that run late, all of them, may fill it.
    const known = page.position && page.stream === stream && !page.isDead && !before.full &&
      before.incarnation === page.incarnation && before.runId === world.runId && !this.#isForgotten(page);
    this.hold(resumed || !known, 'not resumed, though nothing was lost', `${page.id} ${page.position}`);
    // Another Redis knows ids and lacks what came last, also beside a twin.
    this.hold(!resumed || before.runId === world.runId, 'resumed on another Redis', page.id);
  }

  /** What the page misses may be older than a mailbox keeps, by Redis' clock, or have been so until that went back: a
   *  late beat, or its twin's, has cut it. */
  #isForgotten({ id, position, logFrom }) {
    const { world } = this;
    const oldest = world.published[id]?.slice(logFrom).find((missed) => isAbove(missed, position));
    return oldest && Math.max(world.clock, world.latestClock) - parseInt(oldest) >= SETTINGS.MAILBOX_TTL_MS - PING;
  }

  relayed(page, other, id) {
    this.tally('messages');
    // A Node peer's messages have no position: those of the gap are lost.
    // A tab begun anew beside one that lives hears relays before its own join: it must not mind. Nor must who could
    // not resume, and is a member still; nor who is back in a room before its stream is, of what was sent before it left.
    const known = page.peers.has(other) || isOfNode(other) || page.out || !id || page.twin || page.isOld(id);
    this.hold(known, 'relay before its add-peer', `${page.id} ${other}`);
  }

  /** However often its request was repeated. */
  once(page, other, number) {
    if (isOfNode(other)) return;
    this.hold(!page.heard.has(number) || number <= this.#forgotten, 'twice', `${page.id} ${number}`);
    page.heard.add(number);
  }

  /** A relay was refused: then not because somebody is entering the room of whom both were told. After a stall joins and
   *  leaves run that their peers gave up on, in any order. */
  async apart(page, to) {
    if (this.world.now < this.world.stalledUntil + SETTLED_MS) return;
    const [here, there] = await Promise.all([page.id, to].map((id) => this.world.redis.ask('SISMEMBER', `channels:${page.room}`, id)));
    const [other] = this.simulation.pagesOf(to);
    const haveMet = here && there && page.peers.has(to) && other?.peers.has(page.id);
    this.hold(!haveMet || page.twin || other.twin, 'apart, though they were told of each other',
      `${page.id} ${to}`);
  }

  /** Who died is out of its room in time. */
  async ghosts() {
    const { world, simulation } = this;
    world.at(1000, () => this.ghosts());
    if (world.stalled) return;
    if (!simulation.processes.some(({ frozen, streams }) => !frozen && streams.size)) this.#blindUntil = world.now;
    for (const process of simulation.allProcesses()) {
      if (!process.alive || process.frozen) continue;
      for (const { page } of process.streams) if (page.isDead) page.deadSince = world.now;
    }
    this.#unheard();
    await this.index();
    for (const room of simulation.rooms) {
      for (const peer of await world.redis.ask('SMEMBERS', `channels:${room}`)) {
        for (const page of simulation.pagesOf(peer)) {
          if (!page.isDead) continue;
          // While Redis stands still nobody can be removed, nor while all who would look are paused.
          const ghost = world.now - Math.max(page.deadSince, simulation.disturbed, world.stalledUntil, this.#blindUntil);
          this.longestGhost = Math.max(this.longestGhost, ghost);
          this.hold(ghost <= GRACE + 4 * PING, 'ghost', `${peer} ${ghost} ms`);
        }
      }
    }
  }

  // in the end

  async end() {
    const { world, simulation } = this;
    const living = [];
    for (const page of simulation.pages.filter(({ isDead }) => !isDead)) {
      // After a clock that went back this may be for an hour. Who was let in before it did is in its room.
      const isIn = await world.redis.ask('SISMEMBER', `channels:${page.room}`, page.id);
      const revoked = await this.#isRevoked(page, page.issued);
      if (isIn || (!revoked && !await this.#isKeptOut(page))) living.push(page);
      else this.tally(revoked ? 'revoked in the end' : 'kept out in the end');
    }
    for (const page of living) {
      this.hold(!page.isDown, 'not back', page.id);
      if (page.isDown) continue;
      await page.stream.takePushes();
      const sent = (world.published[page.id] ?? []).slice(page.logFrom);
      const { got } = page;
      this.hold(got.join() === sent.join(), 'not exactly once and in order',
        `${page.id} got ${got.length} of ${sent.length}`);
    }
    const known = await this.#account();
    for (const room of simulation.rooms) {
      const members = new Set(await world.redis.ask('SMEMBERS', `channels:${room}`));
      const here = living.filter((page) => page.room === room);
      const ids = new Set(here.map(({ id }) => id));
      const differs = (what, peers, wanted) => {
        const found = difference(new Set([...peers].filter((peer) => !isOfNode(peer))), wanted);
        this.hold(!found.length, what, found.join(' '));
      };
      differs(`members of ${room} differ`, members, ids);
      if (known) differs(`the site's account of ${room} differs`, known.get(room) ?? [], ids);
      for (const page of here) {
        differs(`view of ${page.id} differs`, page.peers.keys(), new Set([...ids].filter((id) => id !== page.id)));
        this.#offers(page, ids);
      }
      for (const peer of simulation.nodePeers.filter((node) => node.room === room)) {
        await peer.takePushes();
        differs(`view of the Node peer ${peer.id} differs`, peer.peers, ids);
        this.hold(members.has(peer.id), 'a Node peer is no member', peer.id);
      }
    }
  }

  /** By the site's own server; null: it can't know, as of peers of the Node application nothing is told. */
  async #account() {
    const { world, simulation } = this;
    this.hold(await world.redis.ask('XLEN', 'webhook') === 0, 'events wait for the site');
    if (simulation.nodePeers.length) return null;
    return simulation.account.rooms(Number(await world.redis.ask('HGET', 'webhook:state', 'number')));
  }

  /** One of a pair offers, and one only. */
  #offers(page, ids) {
    for (const [peer, offers] of page.peers) {
      const [other] = this.simulation.pagesOf(peer);
      if (!ids.has(peer) || page.twin || other.twin) continue;
      this.hold(other.peers.get(page.id) !== offers, 'both or none offer', `${page.id} ${peer}`);
    }
  }

  /** A day later nothing is left, but for rooms that Node peers keep: these must not expire. */
  async expiry() {
    const { world, simulation } = this;
    for (const process of simulation.allProcesses()) {
      process.alive = false;
      for (const { subscription } of process.streams) await subscription?.close();
    }
    // A clock that went back makes what was kept before live longer.
    world.stop(SETTINGS.KEEP_MS + LAPSE + 1 + (this.count.clock ?? 0) * CLOCK_JUMP_MS);
    await world.run('relay', { peer: 'nobody', to: 'nobody', messages: [], most: 0 }); // whatever is due expires
    const left = (await world.redis.ask('KEYS', '*')).filter((key) => !key.startsWith('sim:') && !isOfNode(key) &&
      !(simulation.nodePeers.length && key.startsWith('channels:')));
    this.hold(!left.length, 'keys left', left.sort().slice(0, 5).join(' '));
  }
}
