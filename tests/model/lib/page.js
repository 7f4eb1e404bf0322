// page.js - a browser: reloads, loses its line, joins, leaves, relays, and notes what it is told.
import { COST_MAX, SETTINGS } from './scripts.js';
import { isAbove, Stream } from './stream.js';
import { GaveUp } from './world.js';

// A request is repeated for less than the five minutes that its answer is kept.
const REPEATS = 8;
const REPEAT_MS = 20_000;

export class Page {
  stream = null;
  position = null;
  incarnation = null;
  peers = new Map(); // id: were we told to offer
  requests = 0;
  heard = new Set(); // of what was said, the numbers
  got = []; // ids since the last `connected` that was no resumption
  logFrom = 0;
  joined = false;
  out = false; // it has left its room, for a while
  unannounced = false; // it is a member, and yet to be told again of the others
  joins = 0; // requests that are under way
  mayJoinLate = false; // one of them was given up, and may run yet
  heardBefore = 0; // how much had been sent to it when it last joined
  oldUntil = null; // the last id that was sent to it before it left, or was told again
  introduced = false; // it was told of somebody to offer to
  takenOut = 0; // when, by the site's server, of which it is yet to hear
  deadSince = null;

  /** @param {boolean} twin  one of two tabs of one peer */
  constructor(simulation, id, room, twin) {
    this.simulation = simulation;
    this.world = simulation.world;
    this.checks = simulation.checks;
    this.id = id;
    this.room = room;
    this.twin = twin;
    this.user = JSON.stringify({ id });
    this.downSince = this.world.now;
    this.#renew();
  }

  get isDead() { return this.deadSince !== null; }
  get isDown() { return this.downSince !== null; }

  /** Another token. */
  #renew() { this.issued = Math.floor(this.world.clock / 1000); }

  // what Drawbridge tells

  /** What Redis knows of us just before the script: for the checks alone. */
  async beforeConnect() {
    const [incarnation, runId] = await this.world.redis.ask('HMGET', `peer:${this.id}`, 'inc', 'server');
    const full = await this.world.redis.ask('XLEN', `mailbox:${this.id}`) >= SETTINGS.MAILBOX;
    return { incarnation, runId, full, joined: this.joined };
  }

  /** Just after the script. */
  afterConnect(stream, before, answer) {
    this.checks.resumption(this, stream, before, answer);
    return { logLength: this.world.published[this.id]?.length ?? 0, wasJoined: before.joined };
  }

  connected(stream, { resumed, position, incarnation, rooms }, { logLength, wasJoined }) {
    if (this.stream !== stream || this.isDead) return;
    const { checks } = this;
    if (resumed) {
      checks.hold(position === this.position, 'resumed at another position', this.id);
      checks.hold(!wasJoined || !this.joined || rooms.includes(this.room) || this.out || this.takenOut,
        'resumed, but no member', this.id);
    } else {
      this.position = position;
      this.got = [];
      this.logFrom = logLength;
      this.peers.clear();
      this.joined = this.introduced = false;
      this.takenOut = 0;
      this.unannounced = rooms.includes(this.room);
    }
    this.incarnation = incarnation;
    this.downSince = null;
    if (!this.joined && !this.out) this.world.spawn(this.join());
  }

  event(stream, id, { event, data }) {
    if (this.stream !== stream || this.isDead) return;
    this.world.note(this.id, 'got', event, data.peer?.id ?? '', id ?? '');
    if (id) {
      this.position = id;
      this.got.push(id);
    }
    if (event === 'disconnect') {
      this.#isOut();
      this.refused(stream);
      const isOlder = this.world.published[this.id].indexOf(id) < this.heardBefore;
      if (!isOlder && !this.joins && !this.mayJoinLate && !this.twin) this.world.at(0, () => this.checks.outside(this));
      return;
    }
    const other = data.peer.id;
    if (other === this.id) {
      this.stayOut(this.world.between(100, 20_000));
    } else if (event === 'add-peer') {
      this.peers.set(other, data.offer);
      this.introduced ||= data.offer;
      if (data.offer) this.world.spawn(this.offer(other, id));
    } else if (event === 'remove-peer') {
      this.peers.delete(other);
    } else {
      this.checks.relayed(this, other, id);
      this.checks.once(this, other, data.data);
    }
  }

  // what it does

  async *join() {
    if (this.isDead || this.isDown || this.out) return;
    const { world } = this;
    const again = () => world.at(world.between(100, 1000), () => world.spawn(this.join()));
    this.joins++;
    try {
      const { issued } = this;
      const answer = yield* world.call('join', { peer: this.id, room: this.room, user: this.user, issued });
      this.mayJoinLate = false;
      if (answer === 'revoked') {
        if (issued === this.issued) this.refused(this.stream);
        return;
      }
      if (answer === 'kept out') {
        world.at(world.between(1000, 10_000), () => world.spawn(this.join()));
        return;
      }
      if (answer === 'rate') {
        again(); // a clock that went back made the window long, until now
        return;
      }
      await this.checks.admitted(this, issued);
    } catch (error) {
      if (!(error instanceof GaveUp)) throw error;
      this.mayJoinLate = true;
      again(); // the script may have run, or run late: a repeat is harmless
      return;
    } finally {
      this.joins--;
      this.heardBefore = world.published[this.id]?.length ?? 0;
    }
    this.joined = !this.out; // it may have left meanwhile
    if (this.unannounced) this.#endOld();
    if (world.chance(10)) again(); // the answer was lost
  }

  /** Of what it hears: is that of the time before it left its room, or was told anew who is there? */
  isOld(id) { return this.unannounced || (this.oldUntil && id && !isAbove(id, this.oldUntil)); }

  #endOld() {
    this.unannounced = false;
    this.oldUntil = this.world.published[this.id]?.at(-1) ?? null;
  }

  /** It is in no room any more, by its own wish or not. */
  #isOut() {
    this.joined = false;
    this.takenOut = 0;
    this.peers.clear();
    this.#endOld();
  }

  /** It was removed, and joins again later. */
  stayOut(awayMs) {
    const mayBeMember = this.joins > 0 || this.mayJoinLate;
    this.out = true;
    this.#isOut();
    this.world.at(awayMs, () => this.#comeBack(mayBeMember));
  }

  #comeBack(mayBeMember) {
    this.unannounced = mayBeMember;
    this.out = false;
    this.world.spawn(this.join());
  }

  /** Its token is not taken any more, or it was told to go: it tries again with that, or gets another one. */
  refused(stream) {
    if (!stream || this.stream !== stream) return;
    const { world } = this;
    this.loseStream(0);
    this.joined = false;
    if (world.chance(50)) this.position = null;
    world.at(world.between(500, 20_000), () => {
      if (world.chance(60)) this.#renew();
      this.openStream();
    });
  }

  async *leave(awayMs) {
    // Of two requests at the same time the join may be the later one: then it is a member while it is out.
    const mayBeMember = this.joins > 0 || this.mayJoinLate;
    this.out = true;
    this.joined = false;
    for (;;) {
      try {
        yield* this.world.call('leave', { peer: this.id, room: this.room });
        break;
      } catch (error) {
        if (!(error instanceof GaveUp)) throw error;
        yield 100;
      }
    }
    this.#isOut();
    yield awayMs;
    this.#comeBack(mayBeMember);
  }

  async *send(step, named) {
    try {
      return yield* this.world.call(step, { peer: this.id, most: COST_MAX, ...named });
    } catch (error) {
      if (!(error instanceof GaveUp)) throw error;
      return null;
    }
  }

  /** With its number among all that are said. */
  say() { return `"event":"x","data":{"peer":${this.user},"data":${this.checks.said()}}}`; }

  /** Until there is an answer, and now and then again, as when that was lost. */
  async *persist(step, named) {
    const { world } = this;
    const once = `${'0'.repeat(16)} ${++this.requests}`;
    for (let i = 0; i < REPEATS; i++) {
      const answer = yield* this.send(step, { ...named, once });
      if ((answer !== null && !world.chance(20)) || this.isDead) return;
      yield world.below(REPEAT_MS);
      this.checks.tally('repeated');
    }
  }

  /** At once: it must reach whoever we were told of, and know us, also while we are still entering. */
  async *offer(to, id) {
    const answer = yield* this.send('relay', { to, messages: [this.say()] });
    if (answer === 'apart' && !this.isOld(id)) await this.checks.apart(this, to);
  }

  /** The line is gone; a web server may notice seconds later. */
  loseStream(toldLate = this.world.choice([0, this.world.below(20_000)])) {
    const { stream } = this;
    this.stream = null;
    this.downSince ??= this.world.now;
    this.world.at(toldLate, () => { stream.gone = true; });
  }

  openStream() {
    if (this.isDead || this.stream) return;
    const free = this.simulation.processes.filter((process) => process.alive && !process.frozen);
    if (!free.length) {
      this.world.at(500, () => this.openStream());
      return;
    }
    this.stream = new Stream(this.world, this.world.choice(free), this);
  }

  openIn(ms) { this.world.at(ms, () => this.openStream()); }

  act() {
    const { world } = this;
    if (this.isDead || this.simulation.quiet) return;
    world.at(world.between(500, 6000), () => this.act());
    if (!this.stream || this.isDown || !this.joined) return;
    const percent = world.below(100);
    if (percent < 70 && this.peers.size) {
      const messages = Array.from({ length: world.choice([1, 1, 1, 3]) }, () => this.say());
      world.spawn(this.persist('relay', { to: world.choice([...this.peers.keys()].sort()), messages }));
    } else if (percent < 72) { // it may not know us yet
      const { id: to } = world.choice(this.simulation.pages.filter(({ room, id }) => room === this.room && id !== this.id));
      world.spawn(this.send('relay', { to, messages: [this.say()] }));
    } else if (percent < 75) {
      world.spawn(this.persist('broadcast', { room: this.room, message: this.say(), killed: 30 }));
    } else if (percent < 92) {
      this.loseStream();
      this.openIn(world.choice([...Array(6).fill(world.between(300, 3000)),
        ...Array(2).fill(world.between(3000, 9000)), world.between(11_000, 80_000)]));
    } else if (percent < 94) { // a reload: beside its old stream it is a new life, or a relay overtakes the add-peer
      this.loseStream();
      this.position = null;
      this.joined = false;
      this.peers.clear();
      this.openIn(world.between(300, 2000));
    } else if (percent < 95) {
      world.spawn(this.join());
    } else if (percent < 96 && !this.twin) {
      world.spawn(this.leave(world.between(100, 20_000)));
    }
  }
}
