/**
 * peer.js - another peer, as the page sees it: the same object in all rooms that both are in.
 */

import { Emitter } from './events.js';
import { withoutBidi } from './names.js';

/**
 * @typedef {'idle' | 'connecting' | 'open' | 'interrupted' | 'relayed' | 'stranger'} PeerState
 *     idle: no connection is wanted until one of the two sends something; open: by a data channel; relayed: through the
 *     server; stranger: it has no secret, or another, or this page has none
 *
 * @typedef {{buffered: number, stats: () => Promise<import('./stats.js').PeerStats>}} Way  how it is reached
 */

/**
 * @typedef {object} OfStream  of what it has published
 * @property {MediaStream} stream
 * @property {string} name  as it gave it
 * @property {Peer} peer
 *
 * @typedef {object} PeerHappenings
 * @property {{}} change
 * @property {OfStream & {track: MediaStreamTrack}} track  one comes. It may do so again, when it was taken back or the
 *     connection is a new one
 * @property {OfStream & {track: MediaStreamTrack}} untrack  and does not any more
 * @property {OfStream & {muted: ('audio' | 'video')[]}} mute  its owner has muted these, and no other kinds
 *
 * @typedef {object} PeerListeners  the same, as on() tells it
 * @property {() => void} change
 * @property {(track: MediaStreamTrack, stream: MediaStream, name: string) => void} track
 * @property {(track: MediaStreamTrack, stream: MediaStream, name: string) => void} untrack
 * @property {(muted: ('audio' | 'video')[], stream: MediaStream, name: string) => void} mute
 */

/** @extends {Emitter<PeerHappenings, PeerListeners>} */
export class Peer extends Emitter {
  /** @readonly @type {string} */
  id;
  /** As it gave it, without characters that change the direction of the text around it; the id, where nothing is left. @type {string} */
  username;
  /** What it says of itself, any JSON; undefined until it has been reached. @type {any} */
  data = undefined;
  /** @type {PeerState} */
  state = 'idle';
  /** How data reaches it, where it does. @type {'' | 'direct' | 'turn' | 'server'} */
  path = '';
  /** What a person should know: why it is not reached, or what it sends is not taken. */
  detail = '';
  #link;

  /**
   * @param {string} id
   * @param {string | undefined} username  as it came
   * @param {Way} link
   * @internal
   */
  constructor(id, username, link) {
    super();
    this.id = id;
    this.username = withoutBidi(username ?? '') || id;
    this.#link = link;
  }

  /**
   * What goes to it goes by this one from now on.
   * @param {Way} link
   * @internal
   */
  attach(link) {
    this.#link = link;
  }

  /** How many bytes that were sent to it have not arrived. */
  get buffered() {
    return this.#link.buffered;
  }

  /** How the way to it does: how quick it is, what gets lost, and what has passed. */
  stats() {
    return this.#link.stats();
  }

  /**
   * @param {string} username  as it came
   * @internal
   */
  rename(username) {
    const name = withoutBidi(username) || this.id;
    if (name === this.username) return;
    this.username = name;
    this.emit('change', {});
  }
}

/**
 * @param {Peer | string} whom
 * @throws {TypeError} it is neither
 */
export function idOf(whom) {
  const id = typeof whom === 'string' ? whom : whom?.id;
  if (typeof id !== 'string') throw new TypeError('Whom it is to is a peer or its id, or a list of them.');
  return id;
}

/**
 * @template {Peer | string} Whom
 * @param {Whom[]} all
 * @returns {Whom[]} each once, though it be there as itself and by its id
 */
export function uniquePeers(all) {
  return [...new Map(all.map((one) => [idOf(one), one])).values()];
}
