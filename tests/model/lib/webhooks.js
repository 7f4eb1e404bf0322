// webhooks.js - the site's own server, and who sends it what it hears: a sender in each process, of which one at a time
// sends. Requests take their time, fail, or are taken without anybody knowing.
import { dice } from '../../http/lib/dice.js';
import { LEASE_MS } from './scripts.js';
import { GaveUp } from './world.js';

const POLL_MS = 1000, STANDBY_MS = 2000, RETRY_MS = 3000;
const LATENCY_MAX_MS = 20;
const REQUEST_MAX_MS = 10_000;
const LEASE_LEFT_MS = LEASE_MS * 3 / 4;
const BATCH_MAX = 5;

/** By the events alone: who is where. */
export class Account {
  events = []; // as they came, each once
  senders = 0;
  #ids = new Set();
  #busy = { from: 0, until: 0 }; // a request

  /** @param {number} seed  chance of its own, so that what else happens is the same without it */
  constructor(checks, seed) {
    this.checks = checks;
    this.below = dice(seed);
  }

  /** A request begins, of so many ms. Where Redis loses its data, or its clock jumps, it loses who is the sender. */
  request(ms) {
    const { world, simulation } = this.checks;
    this.checks.hold(world.now >= this.#busy.until || simulation.disturbed >= this.#busy.from, 'two senders at a time');
    this.#busy = { from: world.now, until: world.now + ms };
  }

  /** A batch has come. */
  take({ events, reset, missing }) {
    const isNew = events.filter(({ id }) => !this.#ids.has(id));
    this.checks.hold(events.slice(events.length - isNew.length).every((event, i) => event === isNew[i]),
      'an old event after a new one', JSON.stringify(events));
    if (!isNew.length) return;
    if (reset) this.events = []; // another Redis: nothing is known of the one before
    // A replica that took over lacks what came last, so numbers go back: what it lacks never was.
    while (this.events.length && this.events.at(-1).number >= isNew[0].number) this.events.pop();
    this.checks.hold(missing <= 0 && (reset || !this.events.length || isNew[0].number === this.events.at(-1).number + 1),
      'an event is missing', `${missing} before ${JSON.stringify(isNew[0])}`);
    for (const event of isNew) {
      this.#ids.add(event.id);
      this.events.push(event);
    }
    this.checks.tally('events');
  }

  /** Members of each room, of the events up to this number. */
  rooms(last) {
    const rooms = new Map();
    const wrong = (event) => this.checks.hold(false, 'an event that cannot be', JSON.stringify(event));
    for (const event of this.events.filter(({ number }) => number <= last)) {
      const { type, room, peer, count } = event;
      const members = rooms.get(room);
      if (type === 'room.occupied' && !members) rooms.set(room, new Set());
      else if (type === 'room.vacated' && members?.size === 0) rooms.delete(room);
      else if (type === 'member.joined' && members && !members.has(peer.id)) members.add(peer.id);
      else if (type !== 'member.left' || !members?.delete(peer.id)) wrong(event);
      if (count !== undefined && rooms.get(room)?.size !== count) wrong(event);
    }
    return rooms;
  }
}

/** drawbridge webhook, beside a process of stream.fcgi: it stands still and dies with it. */
export class Sender {
  #name;

  constructor(world, process, account) {
    this.world = world;
    this.process = process;
    this.account = account;
    this.#name = `sender${account.senders++}`;
    world.spawn(this.run(), process, account.below(POLL_MS));
  }

  async *run() {
    const { world, account } = this;
    for (;;) {
      const asked = world.now;
      let batch;
      try {
        batch = yield* world.call('webhook_take', { sender: this.#name, most: BATCH_MAX });
        yield account.below(LATENCY_MAX_MS);
      } catch (error) {
        if (!(error instanceof GaveUp)) throw error;
        yield RETRY_MS;
        continue;
      }
      if (!batch) yield STANDBY_MS;
      else if (!batch.events.length) yield POLL_MS;
      else if (world.now - asked >= LEASE_LEFT_MS - REQUEST_MAX_MS) continue; // it stood still: another may be the sender
      else if (!(yield* this.send(batch))) yield 1000 + account.below(RETRY_MS);
    }
  }

  /** Whether it was taken, as far as we know. */
  async *send(batch) {
    const { world, account } = this;
    const outcome = account.below(100);
    const ms = account.below(outcome < 10 || outcome > 95 ? REQUEST_MAX_MS : LATENCY_MAX_MS);
    account.request(ms);
    if (outcome < 80) account.take(batch);
    yield ms;
    if (outcome >= 70) return false; // it was not, or the answer was lost
    const { id, number } = batch.events.at(-1);
    for (;;) {
      try {
        yield* world.call('webhook_sent', { id, number });
        return true;
      } catch (error) {
        if (!(error instanceof GaveUp)) throw error;
        yield 500;
      }
    }
  }
}
