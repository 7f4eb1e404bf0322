// talk.js - peers that go on relaying numbers while something breaks, and what came of it.
import assert from 'node:assert/strict';
import { pause, until, WAIT_MS } from './wait.js';

/** @typedef {import('./peer.js').Peer} Peer */
/** @typedef {import('./sse.js').Stream} Stream */

/** A stream that is taken up again as a page does it: after `retry`, from where it was. */
export class Follower {
  events = [];
  breaks = 0;
  resumes = 0;
  stopped = false;
  /** @type {Stream} */ stream;
  /** @type {string} */ position;
  /** Of the last stream that said it, in ms. @type {number} */ wait;
  /** Why it knows that it has lost something. @type {string} */ lost;
  /** @type {Promise<void>} */ running;

  /** @param {Peer} peer */
  constructor(peer) {
    this.peer = peer;
  }

  async start() {
    await this.#connect();
    this.running = this.#run();
  }

  async stop() {
    this.stopped = true;
    this.stream?.cut();
    await this.running;
  }

  get isBack() { return this.breaks > 0 && this.isOpen; }

  get isOpen() { return this.stream.status === 200 && !this.stream.ended; }

  async #connect() {
    const before = this.position;
    this.stream = await this.peer.try({ after: before });
    if (this.stream.status !== 200) return;
    this.wait = this.stream.retry ?? this.wait;
    this.stream.onEvent = (event) => {
      if (event.event === 'connected' && this.position) {
        if (JSON.parse(event.data).resumed) this.resumes++;
        else this.lost ??= `from ${this.position} at ${Date.now()}: ${event.id}`;
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
      if (this.stopped) break;
      await this.#connect().catch(() => {});
    }
    this.stream.cut(); // it may have come while it was stopped
  }
}

const about = (event) => JSON.parse(event.data).peer.id;

/** Peers of one room, each of which relays numbers to the next one, again and again. */
export class Talk {
  static #all = new Set();

  silent = false;
  /** Numbers that an answer said yes to, of each peer. @type {number[][]} */ answered;
  /** Numbers of which nobody knows, of each peer. @type {Set<number>[]} */ unknown;
  /** What came instead of an answer that says yes: its status, or an error's code. @type {(number | string)[]} */ failures = [];
  /** Ids of those who left. @type {Set<string>} */ gone = new Set();
  /** @type {Promise<void>[]} */ talking;
  /** @type {Follower[]} */ staying;

  /** @param {Peer[]} peers */
  constructor(peers) {
    this.peers = peers;
    this.followers = peers.map((peer) => new Follower(peer));
  }

  /** Ends what a test has left. */
  static async end() {
    await Promise.all([...Talk.#all].map((talk) => talk.#silence()));
  }

  /** @param {import('./site.js').Site} site
   *  @param {number} everyMs  between two numbers of a peer */
  static async start(site, room, count, everyMs = 200) {
    const talk = new Talk(Array.from({ length: count }, (_, i) => site.peer({ username: `u${i}` })));
    Talk.#all.add(talk);
    const left = talk.followers.values();
    await Promise.all(Array.from({ length: 10 }, async () => {
      for (const one of left) await one.start();
    }));
    await Promise.all(talk.peers.map((peer) => peer.join(room)));
    await until(() => talk.followers.every((one) => one.events.length === count - 1), 'everybody to have heard of everybody', 2 * WAIT_MS);
    talk.answered = talk.peers.map(() => []);
    talk.unknown = talk.peers.map(() => new Set());
    talk.talking = talk.peers.map((peer, i) => talk.#speak(peer, i, everyMs));
    return talk;
  }

  #next(i) { return this.peers[(i + 1) % this.peers.length]; }

  async #speak(peer, i, everyMs) {
    const { id } = this.#next(i);
    await pause(Math.random() * everyMs); // not all in one moment
    for (let n = 0; !this.silent; n++) {
      const { status } = await peer.ask('POST', `/relay/${id}/n`, String(n)).catch((error) => ({ status: error.code }));
      if (status === 200 || status === 202) {
        this.answered[i].push(n);
      } else {
        this.unknown[i].add(n);
        this.failures.push(status);
      }
      await pause(everyMs);
    }
  }

  async #silence() {
    this.silent = true;
    await Promise.all(this.talking ?? []);
    await Promise.all(this.followers.map((one) => one.stop()));
    Talk.#all.delete(this);
  }

  /** Until each that stays has got so many numbers to the server, from now on. */
  async enough(count) {
    const before = this.answered.map((list) => list.length);
    const both = (i) => !this.gone.has(this.peers[i].id) && !this.gone.has(this.#next(i).id);
    await until(() => this.answered.every((list, i) => !both(i) || list.length >= before[i] + count),
      `${count} relays of each`, 3 * WAIT_MS);
  }

  /** The first so many go for good. */
  async leave(count) {
    const leaving = this.followers.slice(0, count);
    for (const one of leaving) this.gone.add(one.peer.id);
    await Promise.all(leaving.map((one) => one.stop()));
    this.staying = this.followers.slice(count);
    return this.staying;
  }

  /** Those who stay and have not heard of somebody's leave. */
  ghosts() {
    return this.staying.filter((one) => [...this.gone].some((id) =>
      !one.events.some((event) => event.event === 'remove-peer' && about(event) === id)));
  }

  /**
   * Of the relays that were answered: none lost, none twice, in order; nobody told of a leave
   * but of those who left, of these once. Ends it all.
   * @param {{told?: boolean}} [allow]  told: who was told resumed:false may have lost some
   */
  async verdict({ told = false } = {}) {
    this.silent = true;
    await Promise.all(this.talking);
    const first = this.gone.size; // who is gone, and whose neighbour is, count no more
    const heard = this.followers.slice(first + 1);
    await until(() => this.followers.slice(first).every((one) => one.isOpen), 'all to be back', 2 * WAIT_MS);
    // The last word, after which nothing of what was answered is on its way.
    for (const [i, one] of heard.entries()) await this.peers[first + i].relay(one.peer, 'mark', 1);
    await until(() => heard.every((one) => one.events.some((event) => event.event === 'mark')), 'the last word');
    for (const [k, one] of heard.entries()) {
      const i = first + 1 + k;
      const who = one.peer.user.username;
      const got = one.events.filter((event) => event.event === 'n').map((event) => JSON.parse(event.data).data);
      assert.equal(new Set(got).size, got.length, `${who}: none twice`);
      assert.deepEqual(got, [...got].sort((a, b) => a - b), `${who}: in order`);
      const removed = one.events.filter((event) => event.event === 'remove-peer').map(about);
      assert.deepEqual(removed.sort(), [...this.gone].sort(), `${who}: each leave once, and nobody else's`);
      if (told && one.lost) continue;
      assert.equal(one.lost, undefined, `${who} was resumed`);
      assert.deepEqual(got.filter((n) => !this.unknown[i - 1].has(n)), this.answered[i - 1], `${who}: none lost`);
      assert.equal(one.events.filter((event) => event.event === 'add-peer').length, this.peers.length - 1);
    }
    await this.#silence();
  }
}
