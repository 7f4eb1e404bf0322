// peer.js - a client of Drawbridge: one id, its token, its streams.
import assert from 'node:assert/strict';
import { nowSeconds, randomId, sign } from './tokens.js';
import { Browser } from './h2.js';
import { Stream } from './sse.js';

/**
 * @typedef {import('node:http').OutgoingHttpHeaders} OutgoingHttpHeaders
 * @typedef {{id?: string, username?: string, rooms?: string[], exp?: number, [claim: string]: any}} Claims
 * @typedef {{after?: string, headers?: OutgoingHttpHeaders, base?: URL}} Where
 *     after: the event after which a stream goes on; base: the mount that is asked
 */

export class Peer {
  /** Over whose connections it asks, where that is HTTP/2. @type {Browser} */ browser;
  /** Its stream and its room, where the test gave it one. @type {Stream} */ stream;
  /** @type {string} */ room;

  /**
   * @param {import('./site.js').Site} site
   * @param {Claims} [claims]
   */
  constructor(site, { id = randomId('p'), username = 'ann', exp = nowSeconds() + 600, ...more } = {}) {
    this.site = site;
    this.id = id;
    this.user = { id, username };
    this.token = sign({ id, username, exp, ...more }, site.secret);
  }

  /** Any request with our token; an object as body goes as JSON.
   *  @param {string} method
   *  @param {string} path
   *  @param {any} [body]
   *  @param {OutgoingHttpHeaders} [headers]
   *  @param {import('node:http').Agent | Browser | false} [connection] */
  ask(method, path, body, headers = {}, connection = this.browser) {
    return this.site.request(method, path, { token: this.token, body, headers, connection });
  }

  /** A stream whose `connected` is there, as stream.connected.
   *  @param {Where} [where] */
  async open({ after, headers = {}, base } = {}) {
    const stream = await this.try({ after, headers, base });
    assert.equal(stream.status, 200, stream.text);
    const event = await stream.next();
    assert.equal(event.event, 'connected');
    stream.connected = { id: event.id, ...JSON.parse(event.data) };
    return stream;
  }

  /** A stream, whatever its status. The token goes where EventSource must put it, and
   *  where no log may show it.
   *  @param {Where} [where] */
  try({ after, headers = {}, base } = {}) {
    const url = this.site.url(`/connect?token=${this.token}`, base);
    if (url.protocol === 'https:') this.browser ??= Browser.forStream(url.origin);
    return Stream.open(url, {
      ...(after === undefined ? {} : { 'Last-Event-ID': after }),
      ...headers,
    }, this.browser);
  }

  /** The others in the room. */
  async join(room, connection) {
    const answer = await this.ask('POST', `/${room}/join`, undefined, {}, connection);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.room, room);
    return answer.json.peers;
  }

  async leave(room) {
    const answer = await this.ask('POST', `/${room}/leave`);
    assert.equal(answer.status, 200, answer.text);
  }

  /** Whether a stream took it; a refusal fails.
   *  @param {{id: string}} to */
  async relay(to, event, data) {
    const answer = await this.ask('POST', `/relay/${to.id}/${event}`, JSON.stringify(data));
    assert.ok(answer.status === 200 || answer.status === 202, `${answer.status} ${answer.text}`);
    assert.deepEqual(answer.json, { delivered: answer.status === 200 });
    return answer.json.delivered;
  }

  /** What the room says of itself: ids, sorted. */
  async others(room) {
    const answer = await this.ask('GET', `/${room}/peers`);
    assert.equal(answer.status, 200, answer.text);
    return answer.json.peers.map((peer) => peer.id).sort();
  }
}

/** The event is this relayed message, with an id. */
export function isRelayed(event, from, name, data) {
  assert.equal(event.event, name);
  assert.match(event.id ?? '', /^[0-9]+-[0-9]+$/);
  assert.deepEqual(JSON.parse(event.data), { peer: from.user, data });
}

/** The event is add-peer of this peer. */
export function isAdded(event, peer, room, offer) {
  assert.equal(event.event, 'add-peer');
  assert.deepEqual(JSON.parse(event.data), { peer: peer.user, roomId: room, offer });
}

/** The event is remove-peer of this peer; with more members, where it says more. */
export function isRemoved(event, peer, room, more = {}) {
  assert.equal(event.event, 'remove-peer', JSON.stringify(event));
  assert.deepEqual(JSON.parse(event.data), { peer: peer.user, roomId: room, ...more });
}

/** Both join an empty room, each hears of the other, and what the first relays arrives: all is as it should be.
 *  @param {Peer} first
 *  @param {Peer} second */
export async function meet(first, second, room) {
  assert.deepEqual(await first.join(room), []);
  assert.deepEqual(await second.join(room), [first.user]);
  isAdded(await first.stream.next(), second, room, false);
  isAdded(await second.stream.next(), first, room, true);
  assert.equal(await first.relay(second, 'x', 1), true);
  isRelayed(await second.stream.next(), first, 'x', 1);
}
