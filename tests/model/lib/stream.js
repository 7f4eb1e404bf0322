// stream.js - stream.fcgi's part, for one client: subscribe, connect, beat, pass on, end.
import { SETTINGS } from './scripts.js';
import { GaveUp } from './world.js';

export const PING = SETTINGS.PING_MS;
export const GRACE = SETTINGS.GRACE_MS;
export const LAPSE = GRACE + PING / 2;
const LOOK_MS = 200; // how often it looks for what was published

/** A process of stream.fcgi; what is in it stands still and dies with it. */
export class Process {
  alive = true;
  frozen = false;
  streams = new Set();
}

/** Is one event id above another? */
export function isAbove(id, other) {
  const [ms, sequence] = id.split('-').map(Number);
  const [otherMs, otherSequence] = other.split('-').map(Number);
  return ms > otherMs || (ms === otherMs && sequence > otherSequence);
}

/** Traps that its order of steps avoids, each met in a run: `connect` comes after SUBSCRIBE, so nothing is
 *  between them; what was replayed comes once more as a push, and is passed over; a `ping` above our incarnation
 *  means that another stream of the peer began anew: no event after it may reach a client that still holds
 *  positions of the old incarnation, so we connect again at once and announce it. */
export class Stream {
  gone = false; // the web server has told that the client is gone
  ready = false; // `connected` is out, and all that was missed
  readyAt = 0;
  superseded = false; // a later life has begun
  incarnation = null;
  subscription = null;

  constructor(world, process, page) {
    this.world = world;
    this.process = process;
    this.page = page;
    this.sent = page.position; // the last id that we passed on
    this.issued = page.issued; // its token
    process.streams.add(this);
    world.spawn(this.run(), process);
  }

  get isLive() {
    return this.ready && !this.gone && !this.subscription.dead && this.process.alive && !this.process.frozen;
  }

  async *run() {
    const { world } = this;
    while (!this.gone) {
      try {
        if (world.stalled) {
          yield Math.min(2000, world.stalledUntil - world.now);
          if (world.stalled) throw new GaveUp('subscribe');
        }
        yield* this.connect();
        yield* this.follow();
      } catch (error) {
        if (!(error instanceof GaveUp)) throw error;
      }
      if (this.gone) break;
      if (this.ready && !this.superseded) await this.takePushes();
      this.ready = false;
      await this.subscription?.close();
      yield world.between(50, 2000);
    }
    this.ready = false;
    yield* this.end();
    this.process.streams.delete(this);
  }

  /** First the subscription, then the position: nothing is between them. */
  async *connect() {
    const { world, page } = this;
    this.superseded = false;
    this.subscription = await world.subscribe(page.id);
    yield world.latency();
    let before;
    const answer = yield* world.call('connect', { peer: page.id, position: this.sent, user: page.user, issued: this.issued,
      onRun: async () => { before ??= await page.beforeConnect(); } }); // not earlier: it may have to wait
    if (answer === 'revoked') {
      page.refused(this);
      this.gone = true;
      return;
    }
    await page.checks.admitted(page, this.issued);
    this.incarnation = answer.incarnation;
    const after = page.afterConnect(this, before, answer);
    yield world.latency();
    this.sent = answer.position;
    if (!this.gone) page.connected(this, answer, after);
    this.#passOn(answer.missed);
    // The pages after the first; what is published meanwhile waits in the subscription.
    for (let { more } = answer; more && !this.gone;) {
      const next = yield* world.call('replay', { peer: page.id, position: this.sent });
      yield world.latency();
      if (!next.known) throw new GaveUp('replay');
      this.#passOn(next.missed);
      ({ more } = next);
    }
    this.ready = true;
    this.readyAt = world.now;
  }

  #passOn(missed) {
    for (const [id, message] of missed) {
      if (this.gone) break;
      this.sent = id;
      this.#emit(id, JSON.parse(`{${message}`));
    }
  }

  async *follow() {
    const { world, subscription } = this;
    const nextBeat = () => world.now + PING + world.below(20);
    let beatAt = nextBeat();
    while (!subscription.dead && !this.gone) {
      yield Math.min(LOOK_MS, Math.max(1, beatAt - world.now));
      await this.takePushes();
      if (this.superseded) return;
      if (world.now >= beatAt && !this.gone && !subscription.dead) {
        beatAt = nextBeat();
        const answer = yield* world.call('beat', { peer: this.page.id, incarnation: this.incarnation });
        yield world.latency();
        if (!answer.accepted) return;
        if (answer.again) beatAt = world.now;
        if (answer.due) this.lookIn(1);
      }
    }
  }

  async takePushes() {
    for (const text of await this.subscription.pushes()) {
      const message = JSON.parse(text);
      const { id } = message;
      if (id && message.event === 'ping') {
        if (isAbove(id, this.incarnation)) {
          this.superseded = true;
          return;
        }
        continue;
      }
      if (id && !isAbove(id, this.sent)) continue; // it was replayed
      this.sent = id ?? this.sent;
      if (!this.gone) this.#emit(id, message);
    }
  }

  /** It ends with an event `disconnect`. */
  #emit(id, message) {
    this.page.event(this, id, message);
    if (message.event === 'disconnect') this.gone = true;
  }

  async *end() {
    const { world, subscription } = this;
    if (!subscription || subscription.dead) return;
    await subscription.close();
    yield world.latency();
    try {
      if (yield* world.call('stream_end', { peer: this.page.id })) this.lookIn(GRACE + 1);
    } catch (error) {
      if (!(error instanceof GaveUp)) throw error;
    }
  }

  lookAgain({ moved, more }) {
    if (moved) this.lookIn(LAPSE + 1);
    if (more) this.lookIn(1);
  }

  lookIn(ms) { this.world.at(ms, () => this.world.spawn(this.sweep(), this.process)); }

  async *sweep() {
    try {
      this.lookAgain(yield* this.world.call('sweep', {}));
    } catch (error) {
      if (!(error instanceof GaveUp)) throw error;
    }
  }
}
