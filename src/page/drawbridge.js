/**
 * drawbridge.js - the client of a Drawbridge: the one module that a page imports.
 *
 *     import { Drawbridge } from 'https://draw.example/static/drawbridge.js';
 *
 *     const bridge = new Drawbridge({ username: 'ann' });
 *     bridge.on('join', (peer) => bridge.send('hello', peer));
 *     bridge.on('data', (data, peer) => console.log(peer.username, data));
 *     await bridge.join('tea');
 *
 * Events:
 *     state (state, detail)  of the connection to the server
 *     join (peer)            somebody is in the room: send() may begin
 *     leave (peer)           and is not any more
 *     peer (peer)            its state, its path, its name or its detail is another
 *     data (data, peer)      a text, or bytes as Uint8Array
 *     event (name, data)     what the site's own server has sent
 */

import { MESSAGE_MAX, Quota, contentLength, encode } from './client/bytes.js';
import { Emitter } from './client/events.js';
import { IceServers } from './client/ice.js';
import { Peer, RELAYED } from './client/peer.js';
import { Refusal, deferred } from './client/requests.js';
import { Signaling } from './client/signaling.js';

export { Refusal };

/**
 * @typedef {import('./client/peer.js').PeerInfo} PeerInfo
 * @typedef {import('./client/signaling.js').State} State
 * @typedef {import('./client/tokens.js').Pass} Pass
 *
 * @typedef {object} Options
 * @property {string} [username]  1 to 64 characters, no control characters
 * @property {string | URL} [base]  where Drawbridge is mounted, with a slash at its end; where this
 *     module comes from if not given
 * @property {(old: Pass | null) => Promise<Pass>} [access]  for sites that mint tokens
 *     themselves; POST access if not given. Asked again when it fails, but for a Refusal.
 * @property {RTCConfiguration} [rtc]  besides iceServers, as {iceTransportPolicy: 'relay'}
 * @property {number} [maxReceive]  bytes of a message that may come, 16 MiB if not given. Of who sends more
 *     nothing is taken any more, and `detail` of that peer says so.
 * @property {string[]} [events]  names of those that the site's own server sends, and that the page wants
 */

const RECEIVE_MAX = 16 * 1024 * 1024;
const COLLECTED_MAX = 256 * 1024 * 1024; // of all peers' messages that are not whole yet

export class Drawbridge extends Emitter {
  #signaling;
  #ice;
  #rtc;
  #maxReceive;
  #quota = new Quota(COLLECTED_MAX);
  /** @type {Map<string, Peer>} */
  #peers = new Map();
  /** @type {import('./client/requests.js').Deferred | null} */
  #connecting = null;

  /** @param {Options} [options] */
  constructor({ username = 'guest', base = new URL('..', import.meta.url), access, rtc, maxReceive = RECEIVE_MAX, events = [] } = {}) {
    super();
    if (!(Number.isInteger(maxReceive) && maxReceive > 0 && maxReceive <= MESSAGE_MAX)) {
      throw new RangeError(`maxReceive is 1 to ${MESSAGE_MAX} bytes.`);
    }
    this.#rtc = rtc;
    this.#maxReceive = maxReceive;
    const signaling = new Signaling({ base: new URL(base, document.baseURI), username, access },
      ['session-description', 'ice-candidate', RELAYED, ...events]);
    this.#signaling = signaling;
    this.#ice = new IceServers(() => signaling.ice(), (servers, late) => {
      for (const { connection } of this.#peers.values()) {
        connection.setIceServers(servers);
        if (late) connection.hurry();
      }
    });
    signaling.on('state', (state, detail) => this.#state(state, detail));
    signaling.on('add-peer', ({ peer, offer }) => this.#add(peer, offer === true));
    signaling.on('remove-peer', ({ peer, cause }) => {
      // Whom the server has given up may be there yet; not so whom the site's server has removed.
      if (cause) this.#remove(peer.id);
      else this.#peers.get(peer.id)?.removed();
    });
    signaling.on('clear-peers', () => {
      for (const id of [...this.#peers.keys()]) this.#remove(id);
    });
    // A message from a peer that we do not know is meant for another page with our id.
    signaling.on('session-description', ({ peer, data }) => this.#peers.get(peer.id)?.connection.described(data));
    signaling.on('ice-candidate', ({ peer, data }) => this.#peers.get(peer.id)?.connection.candidate(data));
    signaling.on(RELAYED, ({ peer, data }) => this.#peers.get(peer.id)?.relayed(data));
    for (const name of new Set(events)) {
      // Peers may relay one of this name, too, but not without saying who they are.
      signaling.on(name, ({ peer, data }) => peer === null && this.emit('event', name, data));
    }
    signaling.on('network', () => {
      for (const { connection } of this.#peers.values()) connection.hurry();
    });
  }

  /** @returns {State} */
  get state() {
    return this.#signaling.state;
  }

  /** What there is to say of the state, for a person. */
  get detail() {
    return this.#signaling.detail;
  }

  /** @returns {{id: string, username: string} | null} who we are, once the server has said so */
  get user() {
    return this.#signaling.user;
  }

  get room() {
    return this.#signaling.room;
  }

  /** @returns {PeerInfo[]} the others in the room */
  get peers() {
    return [...this.#peers.values()].map(({ info }) => info);
  }

  /**
   * Holds a stream to the server from now on, until close().
   * @returns {Promise<void>} once there is one
   */
  connect() {
    if (!['closed', 'refused'].includes(this.state)) return this.#connecting?.promise ?? Promise.resolve();
    const connecting = this.#connecting = deferred();
    this.#signaling.open();
    return connecting.promise;
  }

  /**
   * Goes into a room (and out of the one before), and connects if need be.
   * @param {string} room  1 to 64 of A-Z a-z 0-9 _ -
   * @returns {Promise<void>} once we are in it; a full room is waited for. Rejected with a Refusal
   *     where no room can have this name.
   */
  join(room) {
    this.connect();
    return this.#signaling.join(room);
  }

  /** Out of the room; the others see it at once. */
  leave() {
    this.#signaling.leave();
  }

  /** Leaves the room and closes the connection to the server. */
  close() {
    this.#signaling.close();
  }

  /**
   * Data of any size. To each peer it arrives once, and in the order of the calls, whichever way
   * it takes; what cannot go now waits.
   * @param {string | ArrayBuffer | ArrayBufferView} data
   * @param {PeerInfo | string} [to]  a peer or its id; everybody who is in the room now if not given
   * @returns {Promise<void>} once it has arrived, which is also when to send more of much. To
   *     one peer it is rejected with a Refusal when that goes first, or takes no message so long (413); to
   *     all it never is. With a TypeError, where the data is nothing of these, or a text with half of a
   *     surrogate pair.
   */
  send(data, to) {
    let bytes;
    try {
      bytes = encode(data);
    } catch (error) {
      return Promise.reject(error);
    }
    if (contentLength(bytes) > MESSAGE_MAX) return Promise.reject(new Refusal(413, `The most is ${MESSAGE_MAX} bytes.`));
    if (to === undefined) {
      return Promise.allSettled([...this.#peers.values()].map((peer) => peer.send(bytes))).then(() => {});
    }
    const peer = this.#peers.get(typeof to === 'string' ? to : to.id);
    const sent = peer ? peer.send(bytes) : Promise.reject(new Refusal(404, 'There is no such peer in the room.'));
    sent.catch(() => {}); // who is not interested need not say so
    return sent;
  }

  /**
   * A new name: whoever joins from now on is told it.
   * @param {string} username
   */
  rename(username) {
    this.#signaling.rename(username);
  }

  /**
   * @param {State} state
   * @param {string} detail
   */
  #state(state, detail) {
    if (state === 'connected') this.#connecting?.resolve();
    if (state === 'closed' || state === 'refused') {
      this.#ice.stop();
      this.#connecting?.reject(new Refusal(0, detail || 'It was closed.'));
      this.#connecting = null;
    }
    this.emit('state', state, detail);
  }

  /**
   * @param {{id: string, username?: string}} peer
   * @param {boolean} offers
   */
  #add({ id, username }, offers) {
    const known = this.#peers.get(id);
    if (known && !known.added(offers)) {
      this.#remove(id);
    } else if (known) {
      if (username) known.rename(username);
      return;
    }
    const peer = new Peer({
      id, username, offers, polite: (this.user?.id ?? '') < id, rtc: this.#rtc, maxReceive: this.#maxReceive, quota: this.#quota,
    }, {
      // Whoever waits for an offer or an answer comes before candidates for others.
      relay: (event, data) => this.#signaling.relay(id, event, data, event === 'session-description'),
      withdraw: () => this.#signaling.withdraw(id),
      iceServers: () => this.#ice.get(),
      data: (data) => this.emit('data', data, peer.info),
      changed: () => this.emit('peer', peer.info),
      gone: () => this.#remove(id),
      anew: () => {
        this.emit('leave', peer.info);
        this.emit('join', peer.info);
      },
    });
    this.#peers.set(id, peer);
    this.emit('join', peer.info);
  }

  /** @param {string} id */
  #remove(id) {
    const peer = this.#peers.get(id);
    if (!peer) return;
    this.#peers.delete(id);
    peer.close();
    this.emit('leave', peer.info);
  }
}
