// world.js - virtual time, chance, and a Redis that may stand still.
//
// Whatever happens is a function at a time, or a task: an async generator that yields the milliseconds it
// waits. A task that belongs to a process stands still with it and dies with it. One thing happens after the
// other, and what was published is fetched before anybody acts on it, so one seed is one course of events.
import { createHash } from 'node:crypto';
import { dice } from '../../http/lib/dice.js';
import { Redis } from '../../http/lib/resp.js';
import { Queue } from './queue.js';
import { Scripts } from './scripts.js';

const START = 1_764_000_000_000;
const KILLED_PERCENT = 3;
const PATIENCE_MS = 2000; // after that a caller gives a script up
const TRACE_LINES = Number(process.env.LINES ?? 60);
const SNAPSHOT_DB = 1;

/** Redis did not answer in time; the script may still run. */
export class GaveUp extends Error {}

/** A subscribed connection, as a stream has one. */
class Subscription {
  dead = false;
  behind = false; // something was published since it was read
  #redis;
  #texts;

  constructor(redis, texts, channel) {
    this.#redis = redis;
    this.#texts = texts;
    this.channel = channel;
  }

  /** What has come by now. */
  async pushes() {
    if (this.dead || !this.behind) return [];
    this.behind = false;
    // What was published before the question comes before its answer.
    await this.#redis.ask('PING');
    return this.#texts.splice(0);
  }

  /** Returns once Redis counts it no more. */
  async close() {
    if (this.dead) return;
    this.dead = true;
    await this.#redis.ask('UNSUBSCRIBE');
    this.#redis.close();
  }
}

export class World {
  now = START;
  offset = 0; // of Redis' clock
  latestClock = 0; // that it showed before it was set
  stalledUntil = 0;
  events = 0;
  trace = [];
  published = {}; // peer: the ids of what was ever sent to it
  #queue = new Queue();
  #subscriptions = new Set();
  #late = []; // scripts that were given up on
  #restarts = 0;
  #hash = createHash('sha1');
  /** @type {Scripts} */ scripts;
  /** Is told whom each script has removed. @type {(removed: any) => void} */ afterScript;

  constructor(server, redis, seed) {
    this.server = server;
    this.redis = redis;
    this.below = dice(seed);
  }

  static async open(server, seed, settings, mutant) {
    const redis = await Redis.open(server.local);
    const world = new World(server, redis, seed);
    await redis.ask('FLUSHALL');
    world.scripts = new Scripts(redis, settings, mutant);
    await world.scripts.load();
    return world;
  }

  async close() {
    for (const subscription of this.#subscriptions) await subscription.close();
    this.redis.close();
  }

  // chance

  between(low, high) { return low + this.below(high - low); }
  chance(percent) { return this.below(1000) < percent * 10; }
  choice(list) { return list[this.below(list.length)]; }

  // what happened

  note(...words) {
    const line = `${((this.now - START) / 1000).toFixed(3)} ${words.join(' ')}`;
    this.#hash.update(line + '\n');
    this.trace.push(line);
    if (this.trace.length > TRACE_LINES) this.trace.shift();
  }

  /** Of all that was noted. */
  digest() { return this.#hash.copy().digest('hex'); }

  // time

  at(ms, what) { this.#queue.add(this.now + ms, what); }

  /** @param {() => boolean} [done]  asked after each event: stop here */
  async until(end, done = () => false) {
    while (this.#queue.next() <= end) {
      const { when, what } = this.#queue.pop();
      this.#moveTo(when);
      this.events++;
      await what();
      if (done()) return;
    }
    this.#moveTo(end);
  }

  /** Nothing more happens but that time passes. */
  stop(ms) {
    this.#queue = new Queue();
    this.now += ms;
  }

  get stalled() { return this.now < this.stalledUntil; }
  get clock() { return this.now + this.offset; }

  #moveTo(when) {
    this.now = Math.max(this.now, when);
    if (this.stalled) return;
    for (const { step, named } of this.#late.splice(0)) {
      this.at(this.below(50), () => this.run(step, named));
    }
  }

  // tasks

  spawn(task, owner, ms = this.latency()) {
    const step = async () => {
      if (owner && !owner.alive) return;
      if (owner?.frozen) {
        this.at(500, step);
        return;
      }
      const { value, done } = await task.next();
      if (!done) this.at(value, step);
    };
    this.at(ms, step);
  }

  latency() { return this.choice([0, 1, 1, 2, 3, 8, 20]); }

  // Redis

  get runId() { return `redis-${this.#restarts}`; }

  async run(step, named) {
    // Which server it is each part is told by its own connection.
    const { result, removed, published } = await this.scripts.run(step, { server: this.runId, ...named }, this.clock);
    this.note(step, named.peer ?? '', named.to ?? named.room ?? '', JSON.stringify(result));
    for (const { channel, id } of published) {
      if (id) (this.published[channel.slice('messages:'.length)] ??= []).push(id);
      this.mark(channel);
    }
    this.afterScript(removed);
    return result;
  }

  mark(channel) {
    for (const subscription of this.#subscriptions) {
      if (subscription.channel === channel) subscription.behind = true;
    }
  }

  async publish(peer, message) {
    await this.redis.ask('PUBLISH', `messages:${peer}`, JSON.stringify(message));
    this.mark(`messages:${peer}`);
  }

  /** A script as a process meets it, until it has told all: `yield* world.call(…)`. named.killed: how often, in percent,
   *  it is killed between two parts. */
  async *call(step, named) {
    for (let more = {};;) {
      const result = yield* this.#callOnce(step, { ...named, ...more });
      if (!result?.again) return result;
      more = { ...more, ...result.again };
      yield this.choice([0, 1, 3, 20, 300, 1000]); // so that much happens between two parts
      if (this.chance(named.killed ?? KILLED_PERCENT)) throw new GaveUp(step); // it was killed between two parts
    }
  }

  async *#callOnce(step, named) {
    if (this.stalled) {
      const wait = this.stalledUntil - this.now;
      if (wait > PATIENCE_MS) {
        this.#late.push({ step, named });
        yield PATIENCE_MS;
        throw new GaveUp(step);
      }
      yield wait + this.below(5);
    }
    await named.onRun?.();
    return this.run(step, named);
  }

  async subscribe(peer) {
    const redis = await Redis.open(this.server.local);
    const channel = `messages:${peer}`;
    const subscription = new Subscription(redis, await redis.subscribe(channel), channel);
    for (const old of this.#subscriptions) if (old.dead) this.#subscriptions.delete(old);
    this.#subscriptions.add(subscription);
    return subscription;
  }

  async wipe() { await this.redis.ask('FLUSHDB'); }

  /** Another server: all connections go; it knows what the last snapshot() kept, or nothing. */
  async restart(kept) {
    this.#restarts++;
    this.#late = [];
    for (const subscription of this.#subscriptions) await subscription.close();
    await this.wipe();
    if (kept) await this.redis.ask('SWAPDB', 0, SNAPSHOT_DB);
  }

  /** All that Redis knows, for restart(). */
  async snapshot() {
    const { redis } = this;
    await redis.ask('SELECT', SNAPSHOT_DB);
    await redis.ask('FLUSHDB');
    await redis.ask('SELECT', 0);
    for (const key of await redis.ask('KEYS', '*')) await redis.ask('COPY', key, key, 'DB', SNAPSHOT_DB);
  }
}
