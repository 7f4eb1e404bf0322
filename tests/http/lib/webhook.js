// webhook.js - a site's own server that webhooks go to, what it knows by them, and who sends them.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHmac, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';
import https from 'node:https';
import { follow, openapi, wrong } from './api.js';
import { isAlive, signal } from './processes.js';
import { until } from './wait.js';

export const LEASE_MS = 20_000; // WEBHOOK_LEASE_MS of src/room/webhook.h

const TOLERANCE_S = 300; // of Standard Webhooks' libraries

/** As DRAWBRIDGE_WEBHOOK_SECRET takes it: one in each spelling. */
export const randomSecrets = () => [`whsec_${randomBytes(32).toString('base64')}`, randomBytes(16).toString('hex')];

const keyOf = (secret) => secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret);

/** Whether a request is signed with this secret: by the rules for receivers of Standard Webhooks, and by Node's crypto. */
export function verify({ headers, bytes }, secret) {
  const { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': signatures } = headers;
  assert.match(id, /^\d+-\d+_\d+-\d+$/);
  assert.ok(Math.abs(Number(timestamp) - Date.now() / 1000) < TOLERANCE_S, `webhook-timestamp: ${timestamp}`);
  const wanted = createHmac('sha256', keyOf(secret)).update(`${id}.${timestamp}.`).update(bytes).digest('base64');
  return signatures.split(' ').includes(`v1,${wanted}`);
}

const { post } = openapi.webhooks.rooms;

/** It is as openapi.yaml has it. */
function isDescribed({ headers, body }) {
  for (const { name, schema } of post.parameters) assert.equal(wrong(schema, headers[name]), undefined, name);
  assert.equal(headers['content-type'], 'application/json');
  assert.equal(wrong(follow(post.requestBody.content['application/json'].schema), body), undefined);
}

/** @typedef {{id: string, number: number, type: string, timestamp: string, room: string, peer?: {id: string, username: string},
 *      cause?: string, count?: number}} Event */

/** Rooms and their members, by the events alone. What contradicts what is known is wrong. */
export class Account {
  /** @type {Map<string, Set<string>>} */ rooms = new Map();
  /** @type {Event[]} */ events = [];
  #seen = new Set();
  #last = 0;
  dropped = 0;
  resets = 0;
  repeated = 0;

  /** @param {{events: Event[], dropped?: number, reset?: boolean}} body */
  take({ events, dropped = 0, reset = false }) {
    const isNew = events.filter(({ id }) => !this.#seen.has(id));
    this.repeated += events.length - isNew.length;
    assert.deepEqual(isNew, events.slice(events.length - isNew.length), 'what is repeated comes first');
    if (!isNew.length) return;
    this.dropped += dropped;
    if (reset && isNew.length === events.length) {
      this.resets++;
      this.rooms.clear();
    }
    for (const event of isNew) this.#apply(event);
  }

  /** @param {Event} event */
  #apply(event) {
    const { id, number, type, room, peer, count } = event;
    const what = JSON.stringify(event);
    assert.ok(number > this.#last, `in order: ${what} after ${this.#last}`);
    this.#seen.add(id);
    this.#last = number;
    this.events.push(event);
    if (this.dropped) return;
    const members = this.rooms.get(room);
    switch (type) {
      case 'room.occupied':
        assert.equal(members, undefined, what);
        this.rooms.set(room, new Set());
        return;
      case 'room.vacated':
        assert.equal(members?.size, 0, what);
        this.rooms.delete(room);
        return;
      case 'member.joined':
        assert.ok(members && !members.has(peer.id), what);
        members.add(peer.id);
        break;
      case 'member.left':
        assert.ok(members?.delete(peer.id), what);
        break;
      default:
        assert.fail(what);
    }
    assert.equal(count, members.size, what);
  }

  /** It has asked who is there, as somebody would who missed something. */
  knows(room, peers) {
    this.dropped = 0;
    if (peers.length) this.rooms.set(room, new Set(peers.map(({ id }) => id)));
    else this.rooms.delete(room);
  }

  /** Of a room, as words. */
  of(room) {
    return this.events.filter((event) => event.room === room)
      .map(({ type, peer, cause, count }) => [type, peer?.id, cause, count].filter((word) => word !== undefined).join(' '));
  }
}

/** What comes is taken, unless it is told to do something else. */
export class Receiver {
  /** @type {http.Server} */ #server;
  /** @type {string} */ url;
  /** @type {string[]} */ secrets;
  /** After what came was taken, and before that is said. @type {() => Promise<unknown>} */ delay;
  account = new Account();
  /** @type {{headers: http.IncomingHttpHeaders, bytes: Buffer, body: any, path: string, at: number}[]} */ requests = [];
  atOnce = 0;
  mostAtOnce = 0;
  /** The first thing that was wrong. @type {Error} */ wrong;
  /** Answers in place of us; the request was not taken then.
   *  @type {((request: http.IncomingMessage, response: http.ServerResponse) => unknown) | null} */ instead = null;

  /** @param {{secrets?: string[], tls?: {key: Buffer, cert: Buffer}, delay?: () => Promise<unknown>}} [options] */
  static async start({ secrets = randomSecrets(), tls, delay = async () => {} } = {}) {
    const receiver = Object.assign(new Receiver(), { secrets, delay });
    const take = (request, response) => receiver.#receive(request, response);
    receiver.#server = tls ? https.createServer(tls, take) : http.createServer(take);
    await once(receiver.#server.listen(0, '127.0.0.1'), 'listening');
    receiver.#server.unref();
    const { port } = /** @type {import('node:net').AddressInfo} */ (receiver.#server.address());
    receiver.url = `http${tls ? 's' : ''}://localhost:${port}/hook?of=this`;
    return receiver;
  }

  /** Settings of a site whose it is. */
  get settings() { return { WEBHOOK: this.url, WEBHOOK_SECRET: this.secrets.join(',') }; }

  /** @param {http.IncomingMessage} request
   *  @param {http.ServerResponse} response */
  async #receive(request, response) {
    this.atOnce++;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.atOnce);
    response.on('close', () => { this.atOnce--; });
    const chunks = await request.toArray().catch(() => null);
    if (!chunks) return; // its sender has gone
    const bytes = Buffer.concat(chunks);
    try {
      const one = { headers: request.headers, path: `${request.method} ${request.url}`, bytes, body: JSON.parse(bytes.toString()), at: Date.now() };
      this.requests.push(one);
      isDescribed(one);
      for (const secret of this.secrets) assert.ok(verify(one, secret), 'it is signed with each secret');
      if (this.instead) {
        await this.instead(request, response);
        return;
      }
      this.account.take(one.body);
    } catch (error) {
      this.wrong ??= error;
    }
    await this.delay();
    response.end('thank you');
  }

  /** What is wrong by now fails. */
  check() {
    if (this.wrong) throw this.wrong;
    assert.ok(this.mostAtOnce <= 1, `${this.mostAtOnce} requests at a time`);
  }

  /** Until so many events of this room are known.
   *  @param {string} room
   *  @param {number} count
   *  @param {number} [ms] */
  async heard(room, count, ms) {
    await until(() => this.wrong || this.account.of(room).length >= count,
      () => `${count} events of ${room}: ${this.account.of(room)}`, ms);
    this.check();
    return this.account.of(room);
  }

  /** Until so many requests were made; gives the last of these.
   *  @param {number} count
   *  @param {number} [ms] */
  async asked(count, ms) {
    await until(() => this.requests.length >= count, () => `request ${count}; there are ${this.requests.length}`, ms);
    return this.requests[count - 1];
  }
}

const running = new Set();
process.on('exit', () => running.forEach((one) => signal(one.pid, 'SIGKILL')));

/** One more "drawbridge webhook", as if on another host of a site. */
export class Sender {
  said = '';

  /** @param {string} program
   *  @param {NodeJS.ProcessEnv} env  the settings */
  constructor(program, env) {
    this.child = spawn(program, ['webhook'], { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'ignore', 'pipe'] });
    this.child.stderr.on('data', (text) => { this.said += text; });
    this.ended = new Promise((resolve) => { this.child.on('close', (status) => resolve(status)); });
    this.pid = this.child.pid;
    running.add(this);
    this.ended.then(() => running.delete(this));
  }

  /** @param {import('./site.js').Site} site  whose settings it has */
  static of(site) {
    const { drawbridge, conf } = /** @type {import('./server.js').Server} */ (site.servers[0]);
    return new Sender(drawbridge, { DRAWBRIDGE_CONF: conf });
  }

  /** Who it is in Redis, once it runs. */
  async name() {
    return until(() => /at=webhook\.start .*sender=(\S+)/.exec(this.said)?.[1], () => `a sender; it said: ${this.said}`);
  }

  async kill(name = 'SIGKILL') {
    signal(this.pid, name);
    await until(() => !isAlive(this.pid), 'the sender to end');
    return this.ended;
  }
}

/** Those that quickstart has started, which stand still from now on; gives what lets them go on. */
export function holdSenders(site) {
  const held = site.servers.flatMap((server) => server.processes('drawbridge'));
  for (const pid of held) signal(pid, 'SIGSTOP');
  return () => { for (const pid of held) signal(pid, 'SIGCONT'); };
}
