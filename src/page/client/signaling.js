/**
 * signaling.js - one peer of a Drawbridge deployment, and the rooms that it is in.
 *
 * It holds the stream, relays in order, and says goodbye. It knows nothing of WebRTC or of the page that uses it.
 *
 * Who was disconnected by the site's server is refused, and does not come back by itself; likewise who was taken out of
 * a room, or is not let in, where there is no other.
 */

import { Emitter, onNetworkChange } from './events.js';
import { Membership } from './membership.js';
import { Outbox } from './outbox.js';
import { Refusal, Waits, asError, ask, pause, persist, refusal, rejected } from './requests.js';
import { Stream } from './stream.js';
import { TABS_MAX, acquirePlace } from './tabs.js';
import { Tokens } from './tokens.js';

/**
 * @typedef {'connecting' | 'connected' | 'reconnecting' | 'full' | 'crowded' | 'refused' | 'closed'} State
 *
 * @typedef {import('./membership.js').User} User
 *
 * @typedef {object} Happenings
 * @property {{state: State, detail: string}} state  of the connection, and of the room that was joined last
 * @property {{}} network  it is another
 * @property {{room: Membership}} room  its state is another, or its detail
 * @property {{room: Membership, peer: User, offer: boolean}} added
 * @property {{room: Membership, peer: User, cause?: string}} removed
 * @property {{room: Membership}} cleared  nobody is known in it any more
 * @property {{event: string, peer: User | null, data: any}} relayed  by a peer; by the site's own server, where that is null
 *
 * @typedef {object} Options
 * @property {URL} base  where Drawbridge is mounted, with a slash at its end
 * @property {string} [username]  1 to 64 characters, no control characters
 * @property {(old: import('./tokens.js').Pass | null) => Promise<import('./tokens.js').Pass>} [access]
 * @property {() => Promise<void>} [ready]  what the stream has to wait for
 */

const FULL_MS = 3_000;
const LEAVE_MS = 5_000;
/** The server knows what it answered for five minutes; so long a repeat does no harm, and who is away is gone by then. */
const RELAY_MAX = { ms: 270_000, times: 300 };
const ADDRESS_MS = 5_000;

const ROOM = /^[\w-]{1,64}$/;
const UNREACHED = 'The server cannot be reached.';
const HELD_BACK = 'The server answers, but something in between holds the stream back.';
const REMOVED = 'You were removed from the room.';
const DISCONNECTED = 'You were disconnected.';
const CROWDED = `This browser has ${TABS_MAX} other tabs here already: close one of them.`;

/** @extends {Emitter<Happenings>} */
export class Signaling extends Emitter {
  /** By name, in the order in which they were joined. @type {Map<string, Membership>} */
  rooms = new Map();
  /** @type {State} */
  state = 'closed';
  detail = '';

  #base;
  #ready;
  #tokens;
  #stream;
  #outbox;
  /** @type {(() => void) | null} */
  #release = null; // our place among the tabs of this browser
  /** The last goodbye to each room that was left lately. @type {Map<string, Promise<unknown>>} */
  #leaving = new Map();
  /** By id, in any room: the same object for as long as it is the same page. @type {Map<string, object>} */
  #present = new Map();
  #era = 0; // counts open() and close(): what began in an earlier one is over
  /** Why all is being left, while it is. @type {Error | null} */
  #ending = null;
  /** Of the page that comes back. @type {AbortController | null} */
  #returning = null;
  #waits = new Waits(); // of what has failed
  /** Ours, as the server saw it. @type {string | null} */
  #address = null;
  #isAddressOld = false; // there is another stream since
  #addressAskedAt = -Infinity;
  #addressTimer = 0;
  /** @type {AbortController | null} */
  #listening = null;

  /**
   * @param {Options} options
   * @param {string[]} events  that peers relay, or the site's own server sends
   */
  constructor({ base, username, access, ready }, events) {
    super();
    this.#base = base;
    this.#ready = ready;
    const failed = (/** @type {Error} */ error) => this.#accessFailed(error);
    this.#tokens = new Tokens({ base, username, access, failed, changed: () => this.#identityChanged(), wait: this.#waits.pause });
    this.#stream = new Stream(base, this.#tokens, ['add-peer', 'remove-peer', 'disconnect', ...events], {
      heard: (event, data) => this.#dispatch(event, data),
      down: (failed) => this.#streamDown(failed),
      quiet: () => this.doubtNetwork(),
      slept: () => this.#networkChanged(),
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
    document.addEventListener('resume', () => this.#wake(false), { signal });
    document.addEventListener('visibilitychange', () => document.hidden || this.#wake(false), { signal });
    onNetworkChange((surely) => (surely ? this.#wake(true) : this.doubtNetwork()), signal);
  }

  /** @param {boolean} surely */
  #wake(surely) {
    if (this.#stream.wake(surely)) this.#networkChanged();
  }

  #networkChanged() {
    if (navigator.onLine === false) return; // it is no use yet
    this.#waits.end();
    this.emit('network', {});
  }

  get user() {
    return this.#tokens.user;
  }

  /** The room that was joined last. */
  get room() {
    return [...this.rooms.values()].pop();
  }

  get username() {
    return this.#tokens.username;
  }

  /**
   * @param {string} username
   * @returns {Promise<void>} once the server tells it
   */
  async rename(username) {
    await this.#tokens.rename(username);
    await Promise.all([...this.rooms.values()].map((room) => room.renamed()));
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
    try {
      await this.#ready?.();
    } catch (error) {
      if (thisEra()) this.#refused(asError(error));
      return;
    }
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
    for (const room of this.rooms.values()) room.pause();
    this.#stream.close();
    this.#release = null;
    this.#openStream();
  }

  /** Leaves the rooms, so that the others see it at once, and ends the stream. */
  close() {
    this.#returning?.abort();
    if (this.state === 'closed' || this.#ending) return;
    this.#ending = new Refusal(0, 'It was closed.');
    for (const room of [...this.rooms.values()]) this.#leaveRoom(room, true);
    this.#stop('closed');
  }

  /**
   * Goes into a room.
   * @param {string} name
   * @returns {Promise<void>} once we are in it; rejected, and nothing changes, where no room can have this name, and in the
   *     midst of close() and of being refused
   */
  join(name) {
    if (this.#ending) return rejected(this.#ending);
    if (typeof name !== 'string' || !ROOM.test(name)) {
      return rejected(new Refusal(400, "A room's name is 1 to 64 letters, digits, _ or -."));
    }
    const room = this.rooms.get(name) ?? this.#newMembership(name);
    this.rooms.delete(name);
    this.rooms.set(name, room); // the last one now
    const { joined } = room;
    if (this.#stream.live) {
      this.#setState('connecting');
      this.#settle();
    }
    return joined;
  }

  /** @param {string} name */
  #newMembership(name) {
    /** @type {Membership} */
    const room = new Membership(name, this.#leaving.get(name) ?? Promise.resolve(), {
      request: (method, path, options) => this.#request(method, path, options),
      isInherited: () => this.#tokens.inherited,
      added: (peer, offer) => {
        if (!this.#present.has(peer.id)) this.#present.set(peer.id, {});
        this.emit('added', { room, peer, offer });
      },
      removed: (peer, cause) => {
        this.#forget([peer.id]);
        this.emit('removed', { room, peer, cause });
      },
      cleared: () => {
        this.#forget(this.#present.keys());
        this.emit('cleared', { room });
      },
      changed: () => {
        this.#settle();
        this.emit('room', { room });
      },
      refused: (error) => this.#roomRefused(room, error),
    });
    this.rooms.set(name, room);
    this.emit('room', { room });
    if (this.#stream.live) room.join();
    return room;
  }

  /**
   * Those of them that are in no room of ours any more: whoever comes back under that id is a new page.
   * @param {Iterable<string>} ids
   */
  #forget(ids) {
    const rooms = [...this.rooms.values()];
    const gone = new Set([...ids].filter((id) => !rooms.some(({ peers }) => peers.has(id))));
    for (const id of gone) this.#present.delete(id);
    this.#outbox.discard((to) => gone.has(to));
  }

  /** @param {string} name */
  leave(name) {
    const room = this.rooms.get(name);
    if (room) this.#leaveRoom(room);
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
    this.#noteAddress(answer.address);
    return { iceServers: answer.iceServers, lasts: this.#tokens.timeLeft(answer.expires) };
  }

  /**
   * The network may be another, as nobody tells for certain: the server sees it. It is asked once in 5 s at most.
   * @param {number} [delay]
   */
  doubtNetwork(delay = 0) {
    const thisEra = this.#thisEra();
    this.#addressTimer ||= setTimeout(async () => {
      this.#addressTimer = 0;
      this.#addressAskedAt = Date.now();
      const { address } = await this.#askOnce('GET', 'ice').catch(() => ({}));
      if (thisEra()) this.#noteAddress(address);
    }, Math.max(delay, Math.min(this.#addressAskedAt + ADDRESS_MS - Date.now(), ADDRESS_MS)));
  }

  /** @param {unknown} address  null where proxies are not certain of it; an older server does not say */
  #noteAddress(address) {
    if (typeof address !== 'string') return;
    if (this.#address && address !== this.#address && !this.#isAddressOld) this.#wake(true);
    this.#address = address;
    this.#isAddressOld = false;
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
      case 'disconnect':
        this.#refused(new Refusal(401, data.reason || DISCONNECTED));
        return;
      case 'add-peer':
        this.rooms.get(data.roomId)?.add(data);
        return;
      case 'remove-peer':
        this.#peerRemoved(data);
        return;
    }
    this.emit('relayed', { event, peer: data?.peer ?? null, data: data?.data });
  }

  /** @param {{peer: User, roomId: string, cause?: string}} data */
  #peerRemoved({ peer, roomId, cause }) {
    const room = this.rooms.get(roomId);
    if (!room) return;
    if (peer.id === this.user?.id) this.#roomRefused(room, new Refusal(403, REMOVED));
    else room.remove(peer, cause);
  }

  /** @param {{resumed: boolean, rooms: string[]}} data */
  #streamConnected({ resumed, rooms }) {
    this.#tokens.renewInTime();
    this.#waits.end();
    if (this.#address && this.#isAddressOld) this.doubtNetwork(Math.random() * ADDRESS_MS);
    for (const room of this.rooms.values()) room.connected(resumed, rooms.includes(room.name));
    this.#settle();
  }

  /** @param {boolean} failed */
  #streamDown(failed) {
    this.#isAddressOld = true; // the next stream takes the network that there is then
    if (this.state === 'connected') this.#setState('reconnecting');
    if (failed) this.#requestFailed();
  }

  /** A page cannot tell one from the other. Whom the server has answered before, it lists. */
  #unreached() {
    const { origin } = globalThis.location ?? this.#base;
    if (this.user || origin === this.#base.origin) return UNREACHED;
    return `The server cannot be reached, or does not list ${origin} in DRAWBRIDGE_ORIGINS.`;
  }

  /**
   * A request failed, and is repeated.
   * @param {Error} [error]
   */
  #requestFailed(error) {
    if (error instanceof Refusal && error.status === 429) return; // we are too quick, and nothing is wrong
    const detail = error instanceof Refusal ? error.message : this.#unreached();
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
    if (this.state === 'reconnecting') this.#settle();
  }

  /** All is well where there is a stream and we are in the room; which may be full. */
  #settle() {
    if (!this.#stream.live) return;
    const { state = 'joined', detail = '' } = this.room ?? {};
    if (state === 'joined') this.#setState('connected');
    else if (state === 'full') this.#setState('full', detail);
    else if (this.state === 'connected') this.#setState('reconnecting');
  }

  #identityChanged() {
    for (const room of this.rooms.values()) room.identityChanged();
    this.#outbox.discard();
    this.#stream.restart();
  }

  // --- the rooms ---

  /**
   * Where the server has another use for the name, or we are in other rooms, that says nothing of these.
   * @param {Membership} room
   * @param {Error} error
   */
  #roomRefused(room, error) {
    const { status = 0 } = /** @type {{status?: number}} */ (error);
    const isAlone = this.rooms.size === 1 && ![400, 404].includes(status);
    if (isAlone || status === 401) return this.#refused(error);
    this.rooms.delete(room.name);
    room.exit(error, error.message);
    this.#settle();
  }

  /**
   * @param {Membership} room
   * @param {boolean} [closing]  there is no time to repeat it
   */
  #leaveRoom(room, closing = false) {
    this.rooms.delete(room.name);
    this.#sayGoodbye(room, closing); // who joins again when it is told waits for that
    room.exit(new Refusal(0, 'The room was left.'));
    this.#settle();
  }

  /**
   * @param {Membership} room
   * @param {boolean} closing
   */
  #sayGoodbye({ name, answered }, closing) {
    const { token } = this.#tokens;
    if (!token) return;
    const path = `${name}/leave`;
    const thisEra = this.#thisEra();
    const said = closing ? ask(this.#base, 'POST', path, { token, keepalive: true })
      : answered.then(() => this.#request('POST', path, { wanted: () => thisEra() && !this.rooms.has(name) }));
    const leaving = Promise.race([said.catch(() => {}), pause(LEAVE_MS)]).then(() => {
      if (this.#leaving.get(name) === leaving) this.#leaving.delete(name);
    });
    this.#leaving.set(name, leaving);
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
    const known = this.#present.get(peer);
    const thisEra = this.#thisEra();
    return this.#persist(() => thisEra() && known === this.#present.get(peer), attempt, RELAY_MAX);
  }

  /**
   * A request with our token, repeated until it is answered for good or not wanted any more.
   * @param {string} method
   * @param {string} path
   * @param {{wanted: () => boolean, full?: (detail: string) => void, asked?: (answer: Promise<any>) => void}} options
   *     full: told of 409, which is waited out, too; asked: of each request
   */
  #request(method, path, { wanted, full, asked }) {
    return this.#persist(wanted, () => {
      const answer = this.#askOnce(method, path, { full: full && ((detail) => wanted() && full(detail)) });
      asked?.(answer);
      return answer;
    });
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
    }, { ...max, wait: this.#waits.pause });
  }

  /**
   * Makes it once.
   * @param {string} method
   * @param {string} path
   * @param {{body?: string, key?: string, full?: (detail: string) => void}} [options]
   */
  async #askOnce(method, path, { body, key, full } = {}) {
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
    } else if (error.status === 409 && full) {
      full(error.message);
      error.retryable = true;
      error.retryAfter = FULL_MS;
    }
    throw error;
  }

  // --- the end ---

  /** @param {Error} error */
  #refused(error) {
    this.#ending = error;
    const rooms = [...this.rooms.values()];
    this.rooms.clear();
    for (const room of rooms) room.exit(error, error.message);
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
    clearTimeout(this.#addressTimer);
    this.#addressTimer = 0;
    this.#release?.();
    this.#release = null;
    this.#listening?.abort();
    this.#listening = null;
    this.#ending = null;
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
    this.emit('state', { state, detail });
  }

  // --- from page to page ---

  #pageHidden() {
    const rooms = [...this.rooms.keys()];
    this.close();
    this.#tokens.bequeath();
    const { signal } = this.#returning = new AbortController(); // until the page itself closes it
    addEventListener('pageshow', ({ persisted }) => persisted && this.#pageShown(rooms), { once: true, signal });
  }

  /**
   * The page comes back as it was, out of the browser's cache of pages.
   * @param {string[]} rooms
   */
  #pageShown(rooms) {
    this.#tokens.inherit();
    this.open();
    for (const room of rooms) this.join(room);
  }
}
