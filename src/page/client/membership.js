/**
 * membership.js - one room that we are in, or on our way into.
 *
 * We join, and join again where the server says that something was missed, until it is left. So we know who else is
 * there: `removed` is told of each peer that leaves, also where the server could not say so, as a join after an
 * interruption finds it gone; `cleared`: this page itself was out of the room, and knows of nobody in it any more.
 */

import { asError, deferred } from './requests.js';

const CONFIRM_MS = 5_000;
const REMOVAL_MS = 25_000;
const REJOIN_MS = 1_000;

/**
 * @typedef {'joining' | 'full' | 'joined' | 'left'} RoomState
 *     full: it has no place, and is asked for one again and again; left: also as the server refuses us
 *
 * @typedef {{id: string, username?: string}} User
 *
 * @typedef {object} Hooks
 * @property {(method: string, path: string, options: {wanted: () => boolean, full?: (detail: string) => void,
 *     asked?: (answer: Promise<any>) => void}) => Promise<any>} request
 * @property {() => boolean} isInherited  whether our token is that of this tab's last page
 * @property {(peer: User, offer: boolean) => void} added
 * @property {(peer: User, cause?: string) => void} removed
 * @property {() => void} cleared
 * @property {() => void} changed  the state has
 * @property {(error: Error) => void} refused  the server does not let us in
 */

export class Membership {
  name;
  /** @type {Map<string, User>} the others in the room, as far as we were told */
  peers = new Map();
  /** @type {RoomState} */
  state = 'joining';
  detail = '';

  #hooks;
  #after;
  /** @type {import('./requests.js').Deferred | null} of who waits for the join */
  #joining = deferred();
  #firstJoin = true; // it is our first join since we were out
  #met = new Set(); // peers that this join has told us of
  #added = new Set(); // peers heard of since we asked to join
  #timers = { confirm: 0, removal: 0, rejoin: 0 };
  #attempt = 0; // counts joins: what began in an earlier one is over
  #asking = 0; // the join that waits for the server's answer
  /** To our last request to be let in. @type {Promise<any>} */
  #answer = Promise.resolve();

  /**
   * @param {string} name
   * @param {Promise<unknown>} after  the last goodbye there: what overtakes it would be undone by it
   * @param {Hooks} hooks
   */
  constructor(name, after, hooks) {
    this.name = name;
    this.#after = after;
    this.#hooks = hooks;
  }

  /** @returns {Promise<void>} once we are in it */
  get joined() {
    return this.#joining?.promise ?? Promise.resolve();
  }

  /** @returns {Promise<void>} once no request of ours to be let in is on its way: what overtakes it would be undone by it */
  get answered() {
    return this.#answer.then(() => {}, () => {});
  }

  /** Whether we were in it, as far as we know. */
  get wasJoined() {
    return !this.#firstJoin;
  }

  /**
   * The stream is there.
   * @param {boolean} resumed
   * @param {boolean} isMember  by what the server says
   */
  connected(resumed, isMember) {
    const isIn = this.state === 'joined';
    if (resumed && isMember && isIn) return;
    this.#setState('joining');
    // Where we were taken out, the event that says so follows, as all that was missed.
    if (resumed && isIn) this.#timers.rejoin = setTimeout(() => this.join(), REJOIN_MS);
    else this.join();
  }

  /** We are somebody else now. */
  identityChanged() {
    this.#attempt++;
    this.#setState('joining');
    this.#clearPeers();
  }

  /** No answer is wanted any more: the stream is given up for a while. */
  pause() {
    this.#attempt++;
    this.#setState('joining');
  }

  async join() {
    if (this.state === 'left') return; // a page may leave when it is told of anything
    const attempt = ++this.#attempt;
    const wanted = () => attempt === this.#attempt;
    const before = [...this.peers.values()];
    clearTimeout(this.#timers.rejoin);
    this.#added.clear();
    try {
      await this.#after;
      if (!wanted()) return;
      this.#asking = attempt;
      const { peers } = await this.#hooks.request('POST', `${this.name}/join`, {
        wanted, full: (detail) => this.#setState('full', detail), asked: (answer) => { this.#answer = answer; },
      });
      if (!wanted()) return;
      const present = new Set(peers.map((/** @type {User} */ peer) => peer.id));
      this.#removeLater(before.filter((peer) => !present.has(peer.id)));
      if (this.#firstJoin && this.#hooks.isInherited()) this.#confirm();
      this.#firstJoin = false;
      this.#setState('joined');
      this.#joining?.resolve();
      this.#joining = null;
    } catch (error) {
      if (wanted()) this.#hooks.refused(asError(error));
    } finally {
      if (this.#asking === attempt) this.#asking = 0;
    }
  }

  /** Our name is another: the server is told it. */
  async renamed() {
    const attempt = this.#attempt;
    if (this.#asking && this.#asking === attempt) return this.join(); // what is under way may bear the old one
    if (this.state === 'joined') await this.#hooks.request('POST', `${this.name}/join`, { wanted: () => attempt === this.#attempt });
  }

  /** @returns {Promise<User[]>} the others, as the server has them */
  async look() {
    const attempt = this.#attempt;
    const { peers } = await this.#hooks.request('GET', `${this.name}/peers`, { wanted: () => attempt === this.#attempt });
    return peers;
  }

  /**
   * Out of the room, as far as we are concerned.
   * @param {Error} error  for who waits to be in it
   * @param {string} [detail]  for a person
   */
  exit(error, detail = '') {
    this.#attempt++;
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#joining?.reject(error);
    this.#joining = null;
    this.#clearPeers();
    this.#setState('left', detail);
  }

  /**
   * The goodbye of this tab's last page goes out as this one loads, and bears the same id: on
   * a bad network it may come after our join, and nobody would tell us.
   */
  #confirm() {
    this.#timers.confirm = setTimeout(() => {
      const attempt = this.#attempt;
      this.look().catch((error) => {
        if (error.status === 404 && attempt === this.#attempt) this.join();
      });
    }, CONFIRM_MS);
  }

  // --- the others ---

  /** @param {{peer: User, offer: boolean}} data */
  add({ peer, offer }) {
    const { id } = peer;
    const known = this.peers.get(id);
    // Known from what was still under way when we were last here: it has begun anew with us since.
    if (known && offer && this.#firstJoin && !this.#met.has(id)) this.remove(known);
    if (this.state === 'left') return;
    if (offer) this.#met.add(id);
    this.#added.add(id);
    // The same object for as long as it is the same page.
    const user = Object.assign(this.peers.get(id) ?? {}, peer);
    this.peers.set(id, user);
    this.#hooks.added(user, offer === true);
  }

  /**
   * @param {User} peer
   * @param {string} [cause]
   */
  remove(peer, cause) {
    if (this.peers.delete(peer.id)) this.#hooks.removed(peer, cause);
  }

  /**
   * The server does not know of peers that we knew. Their remove-peer may be among what we
   * missed; or it was Redis that forgot them, like us, and they will join within a ping.
   * @param {User[]} peers
   */
  #removeLater(peers) {
    clearTimeout(this.#timers.removal);
    this.#timers.removal = setTimeout(() => {
      for (const peer of peers) if (!this.#added.has(peer.id)) this.remove(peer);
    }, REMOVAL_MS);
  }

  #clearPeers() {
    this.peers.clear();
    this.#hooks.cleared();
  }

  /**
   * @param {RoomState} state
   * @param {string} [detail]
   */
  #setState(state, detail = '') {
    if (state === this.state && detail === this.detail) return;
    this.state = state;
    this.detail = detail;
    this.#hooks.changed();
  }
}
