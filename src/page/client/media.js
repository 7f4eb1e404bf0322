/**
 * media.js - streams that are published in rooms, ours and those of others.
 *
 * The description that has a track says which publication it is of, in which room, and under which name: so a track
 * is never there without its name. What is shown is always what the connection receives now, as far as it is of a
 * room in which we are with that peer; it does not matter in which order descriptions and rooms come. What is
 * muted is said by a control message, all of it each time: {"muted": {id: kinds}}.
 */

import { TRACKS_MAX } from './connection.js';
import { withoutBidi } from './names.js';
import { idOf } from './peer.js';
import { randomId } from './random.js';
import { Refusal, notInRoom } from './requests.js';
import { Tracks, taken } from './tracks.js';

const KINDS = ['audio', 'video'];
const ID_MAX = 64;
const STREAM_NAME_MAX = 64;
const CHANGED = 'drawbridge-changed'; // of a stream, see sayChanges()

/**
 * @typedef {import('./link.js').Link} Link
 * @typedef {import('./peer.js').Peer} Peer
 * @typedef {EventTarget & {name: string, state: string}} InRoom  a Room
 * @typedef {'audio' | 'video'} Kind
 *
 * @typedef {object} PublishOptions
 * @property {string} [name]  that others are told, of 64 characters at most
 * @property {Peer | string | (Peer | string)[]} [to]  peers or their ids, for whenever they are in the room; everybody if
 *     not given
 *
 * @typedef {object} Shown  what listeners were told of
 * @property {string} id  of the publication
 * @property {MediaStreamTrack} track
 * @property {MediaStream} stream
 * @property {string} name
 * @property {Peer} peer
 * @property {InRoom} room
 *
 * @typedef {object} OfLink  what there is with one peer
 * @property {Tracks | null} tracks  once it was sent any
 * @property {string} told  what it knows that we have muted
 * @property {Shown[]} shown
 * @property {Map<string, Kind[]>} muted  what it has muted, by the publication's id
 *
 * @typedef {object} Hooks
 * @property {() => Iterable<Link>} links
 * @property {(type: 'track' | 'untrack' | 'mute', details: any) => void} tell
 */

/** A stream of ours, in a room, until it is taken back or the room is left. */
export class Publication {
  /** @internal */
  id = randomId();
  /** @readonly @type {MediaStream} */
  stream;
  /** @readonly @type {string} */
  name;
  /** @internal */
  room;
  /** One stream in two rooms is two to who is in both: each has the id of a stream of its own. */
  #group = new MediaStream();
  #to;
  #changed;
  /** @type {Set<Kind>} */
  #muted = new Set();
  #ending = new AbortController();

  /**
   * @param {InRoom} room
   * @param {MediaStream} stream
   * @param {{name: string, to: Set<string> | null}} options
   * @param {(publication: Publication) => void} changed
   * @internal
   */
  constructor(room, stream, { name, to }, changed) {
    this.room = room;
    this.stream = stream;
    this.name = name;
    this.#to = to;
    this.#changed = () => changed(this);
    const { signal } = this.#ending;
    sayChanges(stream);
    for (const type of ['addtrack', 'removetrack', CHANGED]) stream.addEventListener(type, this.#changed, { signal });
    room.addEventListener('state', () => { if (room.state === 'left') this.unpublish(); }, { signal });
  }

  /** Which kinds are muted. */
  get muted() {
    return [...this.#muted];
  }

  /**
   * Nothing is seen or heard of it, and the others are told so.
   * @param {Kind} [kind]  both if not given
   */
  mute(kind) {
    this.#mute(kind, true);
  }

  /** @param {Kind} [kind] */
  unmute(kind) {
    this.#mute(kind, false);
  }

  /**
   * Another track takes the place of one, and nobody need be told: so do removeTrack() and addTrack() of the stream,
   * one after the other.
   * @param {MediaStreamTrack} old
   * @param {MediaStreamTrack} track
   */
  replaceTrack(old, track) {
    if (old.kind !== track.kind) throw new TypeError(`A track of ${old.kind} cannot be replaced by one of ${track.kind}.`);
    if (!this.stream.getTracks().includes(old)) throw new TypeError('The track to be replaced is none of the stream.');
    this.stream.removeTrack(old);
    this.stream.addTrack(track);
  }

  /** It is sent no more. Its tracks are the page's, and go on. */
  unpublish() {
    this.#ending.abort();
    this.#changed();
  }

  /** @internal */
  get isOver() {
    return this.#ending.signal.aborted;
  }

  /**
   * @param {Link} link
   * @internal
   */
  isFor({ rooms, peer }) {
    return rooms.has(this.room) && (this.#to?.has(peer.id) ?? true);
  }

  /**
   * Of the stream as it is now.
   * @returns {import('./tracks.js').Sent[]}
   * @internal
   */
  get sent() {
    const tracks = this.stream.getTracks().filter(({ readyState }) => readyState === 'live');
    for (const track of tracks) {
      if (this.#muted.has(/** @type {Kind} */ (track.kind))) track.enabled = false;
      track.addEventListener('ended', this.#changed, { signal: this.#ending.signal });
    }
    return tracks.map((track) => ({ track, stream: this.#group, about: [this.id, this.room.name, this.name] }));
  }

  /**
   * @param {Kind | undefined} kind
   * @param {boolean} muted
   */
  #mute(kind, muted) {
    if (kind !== undefined && !KINDS.includes(kind)) throw new TypeError("A kind is 'audio' or 'video'.");
    for (const one of /** @type {Kind[]} */ (kind ? [kind] : KINDS)) {
      if (muted) this.#muted.add(one);
      else this.#muted.delete(one);
      for (const track of this.stream.getTracks()) if (track.kind === one) track.enabled = !muted;
    }
    this.#changed();
  }
}

export class Media {
  #hooks;
  /** @type {Set<Publication>} */
  #publications = new Set();
  /** @type {WeakMap<Link, OfLink>} */
  #ofLinks = new WeakMap();
  #isScheduled = false;

  /** @param {Hooks} hooks */
  constructor(hooks) {
    this.#hooks = hooks;
  }

  /**
   * @param {InRoom} room
   * @param {MediaStream} stream
   * @param {PublishOptions} [options]
   * @throws {TypeError | Refusal}
   */
  publish(room, stream, { name = '', to } = {}) {
    if (!(stream instanceof MediaStream)) throw new TypeError('Only a MediaStream can be published.');
    if (typeof name !== 'string' || name.length > STREAM_NAME_MAX) throw new TypeError(`The name of a stream has up to ${STREAM_NAME_MAX} characters.`);
    if (room.state === 'left') throw notInRoom();
    const last = this.#publicationOf(room, stream);
    const ids = to === undefined ? null : new Set([to].flat().map(idOf));
    const publication = new Publication(room, stream, { name, to: ids }, (changed) => this.#changed(changed));
    const beside = (/** @type {Link} */ link) => [...this.#publicationsFor(link).filter((one) => one !== last), ...publication.isFor(link) ? [publication] : []];
    const all = [publication.sent, ...[...this.#hooks.links()].map((link) => beside(link).flatMap(({ sent }) => sent))];
    if (all.some((sent) => taken(sent).length < sent.length)) {
      publication.unpublish();
      throw new Refusal(413, `A peer takes up to ${TRACKS_MAX} tracks of audio and ${TRACKS_MAX} of video from another.`);
    }
    last?.unpublish();
    this.#publications.add(publication);
    this.#changed(publication);
    return publication;
  }

  /**
   * @param {InRoom} room
   * @param {MediaStream} stream
   */
  unpublish(room, stream) {
    this.#publicationOf(room, stream)?.unpublish();
  }

  /**
   * @param {InRoom} room
   * @param {MediaStream} stream
   */
  #publicationOf(room, stream) {
    return [...this.#publications].find((one) => one.room === room && one.stream === stream);
  }

  // --- what goes ---

  /**
   * All that is done with it in one turn is one change.
   * @param {Publication} publication
   */
  #changed(publication) {
    if (publication.isOver) this.#publications.delete(publication);
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      for (const link of this.#hooks.links()) this.#update(link);
    });
  }

  /** @param {Link} link */
  #publicationsFor(link) {
    return [...this.#publications].filter((publication) => publication.isFor(link));
  }

  /** @param {Link} link */
  #update(link) {
    const publications = this.#publicationsFor(link);
    const sent = publications.flatMap((one) => one.sent);
    const state = this.#of(link);
    const connection = sent.length ? link.connect(true) : null; // none, if the link was just closed
    if (connection) state.tracks ??= new Tracks(connection);
    state.tracks?.send(sent);
    const muted = Object.fromEntries(publications.filter((one) => one.muted.length).map((one) => [one.id, one.muted]));
    const told = JSON.stringify(muted);
    if (!link.isOpened || told === state.told) return;
    state.told = told;
    link.control('media', { muted });
  }

  // --- what comes ---

  /** @param {Link} link */
  opened(link) {
    this.#update(link);
  }

  /** @param {Link} link */
  rooms(link) {
    this.#update(link);
    this.received(link);
  }

  /** @param {Link} link */
  reset(link) {
    const state = this.#of(link);
    state.told = '{}';
    state.muted.clear();
  }

  /** @param {Link} link */
  closed(link) {
    this.received(link);
  }

  /** @param {Link} link */
  received(link) {
    const state = this.#of(link);
    const wanted = (link.connection?.received ?? []).flatMap(({ track, about }) =>
      checked(about, link).map((of) => ({ track, ...of })));
    const isSame = (/** @type {{id: any, track: MediaStreamTrack}} */ one) => (/** @type {typeof one} */ other) => one.id === other.id && one.track === other.track;
    for (const shown of state.shown.filter((one) => !wanted.some(isSame(one)))) {
      state.shown.splice(state.shown.indexOf(shown), 1);
      shown.stream.removeTrack(shown.track);
      this.#tell('untrack', shown);
    }
    const known = new Set(state.shown.map(({ id }) => id));
    for (const { id, track, name, room } of wanted) {
      if (state.shown.some(isSame({ id, track }))) continue;
      const stream = state.shown.find((one) => one.id === id)?.stream ?? new MediaStream();
      const shown = { id, track, stream, name, peer: link.peer, room };
      shown.stream.addTrack(track);
      state.shown.push(shown);
      this.#tell('track', shown);
    }
    for (const [id, shown] of byId(state.shown)) {
      if (!known.has(id) && state.muted.get(id)?.length) this.#tellMuted(state, shown);
    }
  }

  /**
   * @param {Link} link
   * @param {any} payload  as it came
   */
  heard(link, payload) {
    if (typeof payload?.muted !== 'object' || !payload.muted) return;
    const state = this.#of(link);
    const before = state.muted;
    state.muted = new Map(Object.entries(payload.muted).slice(0, 2 * TRACKS_MAX).map(([id, kinds]) =>
      [id, /** @type {Kind[]} */ (KINDS.filter((kind) => Array.isArray(kinds) && kinds.includes(kind)))]));
    for (const [id, shown] of byId(state.shown)) {
      if (String(before.get(id) ?? '') !== String(state.muted.get(id) ?? '')) this.#tellMuted(state, shown);
    }
  }

  /**
   * @param {'track' | 'untrack'} type
   * @param {Shown} shown
   */
  #tell(type, { track, stream, name, peer, room }) {
    this.#hooks.tell(type, { track, stream, name, peer, room });
  }

  /**
   * @param {OfLink} state
   * @param {Shown} shown
   */
  #tellMuted(state, { id, stream, name, peer, room }) {
    this.#hooks.tell('mute', { muted: state.muted.get(id) ?? [], stream, name, peer, room });
  }

  /** @param {Link} link */
  #of(link) {
    let state = this.#ofLinks.get(link);
    if (!state) this.#ofLinks.set(link, state = { tracks: null, told: '{}', shown: [], muted: new Map() });
    return state;
  }
}

/**
 * @param {any} about  as it came
 * @param {Link} link
 * @returns {{id: string, name: string, room: InRoom}[]}  none where it may not be shown
 */
function checked(about, link) {
  const [id, inRoom, name] = Array.isArray(about) ? about : [];
  if (typeof id !== 'string' || id.length > ID_MAX || typeof name !== 'string' || name.length > STREAM_NAME_MAX) return [];
  const room = [...link.rooms].find((one) => one.name === inRoom);
  return room ? [{ id, name: withoutBidi(name), room: /** @type {InRoom} */ (room) }] : [];
}

/**
 * One of each stream.
 * @param {Shown[]} shown
 */
function byId(shown) {
  return new Map(shown.map((one) => [one.id, one]));
}

/**
 * A stream says nothing of tracks that its own page adds to it or removes.
 * @param {MediaStream} stream
 */
function sayChanges(stream) {
  for (const method of /** @type {const} */ (['addTrack', 'removeTrack'])) {
    const own = MediaStream.prototype[method];
    if (stream[method] !== own) continue;
    stream[method] = (track) => {
      own.call(stream, track);
      stream.dispatchEvent(new Event(CHANGED));
    };
  }
}
