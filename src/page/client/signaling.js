/**
 * signaling.js - one peer in a room of a Drawbridge deployment.
 *
 * It holds the stream, joins, joins again when the server says that something was missed, relays
 * in order, and says goodbye. It knows nothing of WebRTC or of the page that uses it.
 *
 * Events: state (state, detail); network, when it is another; add-peer, remove-peer, and what peers relay (data).
 * remove-peer is emitted for each peer that leaves, also where the server could not say so: when a join
 * after an interruption finds it gone. clear-peers: this page itself was out of the room, and knows of
 * nobody in it any more.
 *
 * Who was taken out of the room or disconnected by the site's server is refused, and does not come back by itself.
 */

import { Emitter, onNetworkChange } from './events.js';
import { Outbox } from './outbox.js';
import { Refusal, asError, ask, deferred, pause, persist, refusal } from './requests.js';
import { Stream } from './stream.js';
import { TABS_MAX, acquirePlace } from './tabs.js';
import { Tokens } from './tokens.js';

/**
 * @typedef {'connecting' | 'connected' | 'reconnecting' | 'full' | 'crowded' | 'refused' | 'closed'} State
 *
 * @typedef {{id: string, username?: string}} User
 *
 * @typedef {object} Options
 * @property {URL} base  where Drawbridge is mounted, with a slash at its end
 * @property {string} [username]  1 to 64 characters, no control characters
 * @property {(old: import('./tokens.js').Pass | null) => Promise<import('./tokens.js').Pass>} [access]
 */

const FULL_MS = 3_000;
const CONFIRM_MS = 5_000;
const REMOVAL_MS = 25_000;
const LEAVE_MS = 5_000;
const REJOIN_MS = 1_000;
/** The server knows what it answered for five minutes; so long a repeat does no harm, and who is away is gone by then. */
const RELAY_MAX = { ms: 270_000, times: 300 };

const ROOM = /^[\w-]{1,64}$/;
const UNREACHED = 'The server cannot be reached.';
const HELD_BACK = 'The server answers, but something in between holds the stream back.';
const REMOVED = 'You were removed from the room.';
const DISCONNECTED = 'You were disconnected.';
const CROWDED = `This browser has ${TABS_MAX} other tabs here already: close one of them.`;

export class Signaling extends Emitter {
  /** @type {Map<string, User>} the others in the room, as far as we were told */
  peers = new Map();
  /** @type {State} */
  state = 'closed';
  detail = '';
  room = '';

  #base;
  #tokens;
  #stream;
  #outbox;
  /** @type {(() => void) | null} */
  #release = null; // our place among the tabs of this browser
  #joined = false;
  /** @type {import('./requests.js').Deferred | null} of who waits for the join */
  #joining = null;
  /** @type {Promise<unknown>} */
  #leaving = Promise.resolve(); // the last goodbye: what overtakes it would be undone by it
  #firstJoin = false; // it is our first join since we were out
  #met = new Set(); // peers that this join has told us of
  #added = new Set(); // peers heard of since we asked to join
  #timers = { confirm: 0, removal: 0, rejoin: 0 };
  #era = 0; // counts open() and close(): what began in an earlier one is over
  #attempt = 0; // counts joins, likewise
  /** @type {AbortController | null} */
  #listening = null;

  /**
   * @param {Options} options
   * @param {string[]} events  that peers relay, or the site's own server sends
   */
  constructor({ base, username, access }, events) {
    super();
    this.#base = base;
    const failed = (/** @type {Error} */ error) => this.#accessFailed(error);
    this.#tokens = new Tokens({ base, username, access, failed, changed: () => this.#identityChanged() });
    this.#stream = new Stream(base, this.#tokens, ['add-peer', 'remove-peer', 'disconnect', ...events], {
      heard: (event, data) => this.#dispatch(event, data),
      down: (failed) => this.#streamDown(failed),
      silent: () => this.#streamSilent(),
      refused: (error) => this.#refused(error),
    });
    this.#outbox = new Outbox((peer, body, key) => this.#askOnce('POST', `relay/${encodeURIComponent(peer)}`, { body, key }),
      (peer, attempt) => this.#relayPersistently(peer, attempt));
  }

  /** Until it is closed: whoever listened for longer would be held by the page. */
  #listen() {
    const { signal } = this.#listening = new AbortController();
    addEventListener('pagehide', () => this.#pageHidden(), { signal });
    // What was frozen, or moved to another network, may hold a stream that is dead.
    document.addEventListener('resume', () => this.#stream.wake(false), { signal });
    document.addEventListener('visibilitychange', () => document.hidden || this.#stream.wake(false), { signal });
    onNetworkChange(() => {
      this.#stream.wake(true);
      this.emit('network');
    }, signal);
  }

  get user() {
    return this.#tokens.user;
  }

  get username() {
    return this.#tokens.username;
  }

  /**
   * Whoever joins from now on is told the new name.
   * @param {string} username
   */
  rename(username) {
    this.#tokens.username = username;
    if (this.user) this.#tokens.get(true).catch(() => {});
  }

  async open() {
    if (this.state !== 'closed' && this.state !== 'refused') return;
    this.#era++;
    this.#listen();
    await this.#openStream();
  }

  /** Opens the stream, once this browser has a place for it. */
  async #openStream() {
    const thisEra = this.#thisEra();
    this.#setState('connecting');
    // Streams are counted by the site that they are to.
    const release = await acquirePlace(`drawbridge ${this.#base.host}`, thisEra,
      () => this.#setState('crowded', CROWDED), () => thisEra() && this.#yieldPlace());
    if (!release) return;
    this.#release = release;
    this.#setState('connecting');
    this.#stream.open();
  }

  /** Our stream was one too many: a tab that was busy says only now that it was there before. */
  #yieldPlace() {
    this.#attempt++;
    this.#joined = false;
    this.#stream.close();
    this.#release = null;
    this.#openStream();
  }

  /** Leaves the room, so that the others see it at once, and ends the stream. */
  close() {
    if (this.state === 'closed') return;
    this.#leaveRoom(true);
    this.#stop('closed');
  }

  /**
   * Goes into a room, and out of the one where we are.
   * @param {string} room
   * @returns {Promise<void>} once we are in it; rejected, and nothing changes, where no room can have this name
   */
  join(room) {
    if (!ROOM.test(room)) {
      const { promise, reject } = deferred();
      reject(new Refusal(400, "A room's name is 1 to 64 letters, digits, _ or -."));
      return promise;
    }
    if (room === this.room) return this.#joining?.promise ?? Promise.resolve();
    this.#leaveRoom();
    this.room = room;
    const joining = this.#joining = deferred();
    this.#firstJoin = true;
    this.#met.clear();
    if (this.#stream.live) {
      this.#setState('connecting');
      this.#join();
    }
    return joining.promise;
  }

  leave() {
    this.#leaveRoom();
    if (this.#stream.live) this.#setState('connected');
  }

  /**
   * Messages of one page arrive in the order of the calls. What cannot be sent now is sent
   * when it can be, and arrives once, also where an answer was lost.
   * @param {string} peer
   * @param {string} event
   * @param {any} data
   * @param {boolean} [urgent]  it goes before what is to others
   * @returns {Promise<{delivered: boolean}>} delivered: a stream of the peer took it; else
   *     it is kept for the peer's reconnect. Rejected with a Refusal.
   */
  relay(peer, event, data, urgent) {
    return this.#outbox.push(peer, event, data, urgent);
  }

  /**
   * What waits to be relayed to the peer is of no use any more.
   * @param {string} peer
   */
  withdraw(peer) {
    this.#outbox.discard((to) => to === peer);
  }

  /** @returns {Promise<{iceServers: RTCIceServer[], lasts: number}>} lasts: in milliseconds */
  async ice() {
    const answer = await this.#request('GET', 'ice', { wanted: this.#thisEra() });
    return { iceServers: answer.iceServers, lasts: this.#tokens.timeLeft(answer.expires) };
  }

  // --- the stream ---

  /**
   * @param {string} event
   * @param {any} data
   */
  #dispatch(event, data) {
    switch (event) {
      case 'connected':
        this.#streamConnected(data);
        return;
      case 'add-peer':
        if (data.roomId !== this.room) return;
        this.#add(data);
        break;
      case 'remove-peer':
        if (data.roomId !== this.room) return;
        if (data.peer.id === this.user?.id) {
          this.#refused(new Refusal(403, REMOVED));
          return;
        }
        this.#removePeer(data.peer.id);
        break;
      case 'disconnect':
        this.#refused(new Refusal(401, data.reason || DISCONNECTED));
        return;
    }
    this.emit(event, data);
  }

  /** @param {{resumed: boolean, rooms: string[]}} data */
  #streamConnected({ resumed, rooms }) {
    this.#tokens.renewInTime();
    const isMember = rooms.includes(this.room);
    // The event that says so follows, as all that was missed.
    const wasTakenOut = resumed && this.#joined && !isMember;
    if (!resumed || !isMember) this.#joined = false;
    if (!this.room || this.#joined) this.#setState('connected');
    else if (wasTakenOut) this.#timers.rejoin = setTimeout(() => this.#join(), REJOIN_MS);
    else this.#join();
  }

  /** @param {boolean} failed */
  #streamDown(failed) {
    if (this.state === 'connected') this.#setState('reconnecting');
    if (failed) this.#requestFailed();
  }

  /**
   * A request failed, and is repeated.
   * @param {Error} [error]
   */
  #requestFailed(error) {
    if (error instanceof Refusal && error.status === 429) return; // we are too quick, and nothing is wrong
    const detail = error instanceof Refusal ? error.message : UNREACHED;
    if (this.state === 'connected') this.#setState('reconnecting', detail);
    else this.#explain(detail);
  }

  /**
   * A token was asked for in vain. A rate is that of an address, which a whole school may share.
   * @param {Error} error
   */
  #accessFailed(error) {
    if (!(error instanceof Refusal && error.status === 429)) return this.#requestFailed(error);
    const when = error.retryAfter ? ` in ${Math.ceil(error.retryAfter / 1000)} s` : '';
    this.#explain(`Many are joining at once; trying again${when}.`);
  }

  /** Nothing has come of a stream. Where a proxy gathers it until it is whole, short answers pass. */
  async #streamSilent() {
    const thisEra = this.#thisEra();
    const response = await ask(this.#base, 'GET', 'health/live').catch(() => null);
    const error = response && !response.ok ? await refusal(response) : undefined;
    if (!thisEra() || this.#stream.live) return;
    if (response?.ok) this.#explain(HELD_BACK);
    else this.#requestFailed(error);
  }

  /**
   * Why there is no connection.
   * @param {string} detail
   */
  #explain(detail) {
    if (this.state === 'connecting' || this.state === 'reconnecting') this.#setState(this.state, detail);
  }

  #requestWorked() {
    if (this.state === 'reconnecting' && this.#stream.live && this.#joined) this.#setState('connected');
  }

  #identityChanged() {
    this.#joined = false;
    this.#clearPeers();
    this.#stream.restart();
  }

  // --- the room ---

  async #join() {
    const { room } = this;
    const attempt = ++this.#attempt;
    const wanted = () => attempt === this.#attempt;
    const before = [...this.peers.values()];
    clearTimeout(this.#timers.rejoin);
    this.#added.clear();
    try {
      await this.#leaving;
      if (!wanted()) return;
      const { peers } = await this.#request('POST', `${room}/join`, { wanted, full: true });
      if (!wanted()) return;
      const present = new Set(peers.map((/** @type {User} */ peer) => peer.id));
      this.#removeLater(before.filter((peer) => !present.has(peer.id)));
      this.#joined = true;
      this.#firstJoin = false;
      this.#joining?.resolve();
      this.#joining = null;
      if (this.#stream.live) this.#setState('connected');
      if (this.#tokens.inherited) this.#confirmMembership();
    } catch (error) {
      if (wanted()) this.#joinRefused(asError(error));
    }
  }

  /**
   * Where the server has another use for the name, that says nothing of other rooms.
   * @param {Error} error
   */
  #joinRefused(error) {
    if (!(error instanceof Refusal && [400, 404].includes(error.status))) return this.#refused(error);
    this.#exitRoom(error);
    if (this.#stream.live) this.#setState('connected');
  }

  /**
   * The goodbye of this tab's last page goes out as this one loads, and bears the same id: on
   * a bad network it may come after our join, and nobody would tell us.
   */
  #confirmMembership() {
    this.#tokens.inherited = false;
    const attempt = this.#attempt;
    const wanted = () => attempt === this.#attempt;
    this.#timers.confirm = setTimeout(() => {
      this.#request('GET', `${this.room}/peers`, { wanted }).catch((error) => {
        if (error.status === 404 && wanted()) this.#join();
      });
    }, CONFIRM_MS);
  }

  /**
   * The server does not know of peers that we knew. Their remove-peer may be among what we
   * missed; or it was Redis that forgot them, like us, and they will join within a ping.
   * @param {User[]} peers
   */
  #removeLater(peers) {
    clearTimeout(this.#timers.removal);
    this.#timers.removal = setTimeout(() => {
      for (const peer of peers) if (!this.#added.has(peer.id)) this.#announceRemoval(peer);
    }, REMOVAL_MS);
  }

  /** @param {{peer: User, offer: boolean}} data */
  #add({ peer, offer }) {
    const { id } = peer;
    const known = this.peers.get(id);
    // Known from what was still under way when we were last here: it has begun anew with us since.
    if (known && offer && this.#firstJoin && !this.#met.has(id)) this.#announceRemoval(known);
    if (offer) this.#met.add(id);
    this.#added.add(id);
    // The same object for as long as it is the same page.
    this.peers.set(id, Object.assign(this.peers.get(id) ?? {}, peer));
  }

  /** @param {User} peer */
  #announceRemoval(peer) {
    if (!this.peers.has(peer.id)) return;
    this.#removePeer(peer.id);
    this.emit('remove-peer', { peer, roomId: this.room });
  }

  /**
   * Also what is still to go out to it: whoever comes back under that id is a new page.
   * @param {string} id
   */
  #removePeer(id) {
    this.peers.delete(id);
    this.withdraw(id);
  }

  #clearPeers() {
    this.peers.clear();
    this.#outbox.discard();
    this.emit('clear-peers');
  }

  /** closing: there is no time to repeat it */
  #leaveRoom(closing = false) {
    const { room } = this;
    if (!room) return;
    this.#exitRoom(new Refusal(0, 'The room was left.'));
    const { token } = this.#tokens;
    if (!token) return;
    const path = `${room}/leave`;
    const thisEra = this.#thisEra();
    const said = closing ? ask(this.#base, 'POST', path, { token, keepalive: true })
      : this.#request('POST', path, { wanted: () => thisEra() && this.room !== room });
    this.#leaving = Promise.race([said.catch(() => {}), pause(LEAVE_MS)]);
  }

  /**
   * Out of the room, as far as we are concerned.
   * @param {Error} error
   */
  #exitRoom(error) {
    this.#attempt++;
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#joined = false;
    this.#joining?.reject(error);
    this.#joining = null;
    this.#clearPeers();
    this.room = '';
  }

  // --- requests ---

  #thisEra() {
    const era = this.#era;
    return () => era === this.#era;
  }

  /**
   * @param {string} peer
   * @param {() => Promise<any>} attempt
   */
  #relayPersistently(peer, attempt) {
    const known = this.peers.get(peer);
    const thisEra = this.#thisEra();
    return this.#persist(() => thisEra() && known === this.peers.get(peer), attempt, RELAY_MAX);
  }

  /**
   * A request with our token, repeated until it is answered for good or not wanted any more.
   * @param {string} method
   * @param {string} path
   * @param {{wanted: () => boolean, full?: boolean}} options
   *     full: 409 is waited out, too
   */
  #request(method, path, { wanted, full = false }) {
    return this.#persist(wanted, () => this.#askOnce(method, path, { full: () => full && wanted() }));
  }

  /**
   * @template T
   * @param {() => boolean} wanted
   * @param {() => Promise<T>} attempt
   * @param {{ms: number, times: number}} [max]
   */
  #persist(wanted, attempt, max) {
    return persist(wanted, attempt, (error) => {
      if (!(error instanceof Refusal && error.status === 401)) this.#requestFailed(error);
    }, max);
  }

  /**
   * Makes it once.
   * @param {string} method
   * @param {string} path
   * @param {{body?: string, key?: string, full?: () => boolean}} [options]
   */
  async #askOnce(method, path, { body, key, full = () => false } = {}) {
    const { token } = this.#tokens;
    const response = await ask(this.#base, method, path, { body, key, token });
    this.#tokens.readClock(response);
    if (response.ok) {
      const answer = await response.json();
      this.#requestWorked();
      return answer;
    }
    const error = await refusal(response);
    if (error.status === 401) {
      if (token === this.#tokens.token) await this.#tokens.get(true);
      error.retryable = true;
    } else if (error.status === 409 && full()) {
      this.#setState('full', error.message);
      error.retryable = true;
      error.retryAfter = FULL_MS;
    }
    throw error;
  }

  // --- the end ---

  /** @param {Error} error */
  #refused(error) {
    this.#exitRoom(error);
    this.#stop('refused', error.message);
  }

  /**
   * @param {State} state
   * @param {string} [detail]
   */
  #stop(state, detail) {
    this.#era++;
    this.#stream.close();
    this.#tokens.stop();
    this.#release?.();
    this.#release = null;
    this.#listening?.abort();
    this.#listening = null;
    this.#setState(state, detail);
  }

  /**
   * @param {State} state
   * @param {string} [detail]
   */
  #setState(state, detail = '') {
    if (state === this.state && detail === this.detail) return;
    this.state = state;
    this.detail = detail;
    this.emit('state', state, detail);
  }

  // --- from page to page ---

  #pageHidden() {
    const { room } = this;
    this.close();
    this.#tokens.bequeath();
    addEventListener('pageshow', ({ persisted }) => persisted && this.#pageShown(room), { once: true });
  }

  /**
   * The page comes back as it was, out of the browser's cache of pages.
   * @param {string} room
   */
  #pageShown(room) {
    this.#tokens.inherit();
    this.open();
    if (room) this.join(room);
  }
}
