/**
 * room.js - a room that this page is in, as the page sees it.
 */

import { MESSAGE_MAX, contentLength, encodeData } from './bytes.js';
import { Emitter } from './events.js';
import { idOf, uniquePeers } from './peer.js';
import { Refusal, notInRoom, rejected } from './requests.js';
import { isSource } from './transfer.js';

const UNREAD_MAX = 10_000; // messages of one messages()

/**
 * @typedef {import('./peer.js').Peer} Peer
 * @typedef {import('./peer.js').OfStream} OfStream
 * @typedef {import('./media.js').Media} Media
 * @typedef {import('./media.js').Publication} Publication
 * @typedef {import('./media.js').PublishOptions} PublishOptions
 * @typedef {import('./link.js').Link} Link
 * @typedef {import('./membership.js').RoomState} RoomState
 *
 * @typedef {{peer: Peer, error: Error}} Failure  who has not got it, and why
 * @typedef {{arrived: Peer[], failed: Failure[]}} Arrivals  of what was sent to several
 *
 * @typedef {{to?: Peer | string | (Peer | string)[]} & import('./transfer.js').SourceOptions} SendOptions
 *     to: a peer or its id, or several; everybody who is in the room now if not given. The rest is of Blobs and streams.
 *
 * @typedef {Peer | string | (Peer | string)[] | SendOptions | undefined} Whom
 *
 * @typedef {object} RoomHappenings
 * @property {{peer: Peer, room: Room}} join  somebody is in the room: send() may begin
 * @property {{peer: Peer, room: Room}} leave  and is not any more
 * @property {{data: any, peer: Peer, room: Room}} data
 * @property {OfStream & {track: MediaStreamTrack, room: Room}} track  see Peer
 * @property {OfStream & {track: MediaStreamTrack, room: Room}} untrack
 * @property {OfStream & {muted: ('audio' | 'video')[], room: Room}} mute
 * @property {{state: RoomState, detail: string, room: Room}} state
 *
 * @typedef {object} RoomListeners  the same, as on() tells it
 * @property {(peer: Peer, room: Room) => void} join
 * @property {(peer: Peer, room: Room) => void} leave
 * @property {(data: any, peer: Peer, room: Room) => void} data
 * @property {(track: MediaStreamTrack, stream: MediaStream, name: string, peer: Peer, room: Room) => void} track
 * @property {(track: MediaStreamTrack, stream: MediaStream, name: string, peer: Peer, room: Room) => void} untrack
 * @property {(muted: ('audio' | 'video')[], stream: MediaStream, name: string, peer: Peer, room: Room) => void} mute
 * @property {(state: RoomState, detail: string, room: Room) => void} state
 */

/** @extends {Emitter<RoomHappenings, RoomListeners>} */
export class Room extends Emitter {
  /** @readonly @type {string} */
  name;
  /** @readonly @type {RoomState} */
  state = 'joining';
  /** What there is to say of the state, for a person. @readonly */
  detail = '';
  /** @type {Map<string, Link>} */
  #links = new Map();
  #transfers;
  #leave;
  #channels;
  #media;

  /**
   * @param {string} name
   * @param {{leave: () => void, transfers: import('./transfer.js').Transfers,
   *     channels: () => Promise<import('./channels.js').Channels>, media: () => Promise<Media>}} bridge
   * @internal
   */
  constructor(name, { leave, transfers, channels, media }) {
    super();
    this.name = name;
    this.#transfers = transfers;
    this.#leave = leave;
    this.#channels = channels;
    this.#media = media;
  }

  /** The others in the room. */
  get peers() {
    return [...this.#links.values()].map(({ peer }) => peer);
  }

  /** Out of the room; the others see it at once. */
  leave() {
    this.#leave();
  }

  /**
   * Data of any size. To each peer it arrives once, and in the order of the calls, whichever way
   * it takes; what cannot go now waits.
   *
   * A Blob or a stream arrives as an Incoming, at the pace at which the other end reads it. A Blob goes to each peer at its
   * own pace; a stream, which can be read once, to all at the pace of the slowest.
   * @overload
   * @param {unknown} data  a string; bytes, which arrive as a Uint8Array; JSON: a plain object, an array, a finite number,
   *     true, false or null; a Blob, or a ReadableStream of Uint8Arrays
   * @param {Peer | string | SendOptions & {to: Peer | string}} to
   * @returns {Promise<void>} once it has arrived, which is also when to send more of much; of a Blob or a stream, once the
   *     page there has read all of it. Rejected with a Refusal when the peer goes first (404), takes no message so long
   *     (413), or cancels (403); with the reason of the signal; with what the stream fails with; with a TypeError where the
   *     data is nothing of these, or a text with half of a surrogate pair.
   */
  /**
   * To several: it is rejected only with a TypeError, and with a Refusal where nobody takes a message so long.
   * @overload
   * @param {unknown} data
   * @param {(Peer | string)[] | SendOptions} [to]
   * @returns {Promise<Arrivals>}
   */
  /**
   * @overload
   * @param {unknown} data
   * @param {Peer | string | (Peer | string)[] | SendOptions} [to]
   * @returns {Promise<void | Arrivals>}
   */
  /**
   * @param {unknown} data
   * @param {Peer | string | (Peer | string)[] | SendOptions} [to]
   * @returns {Promise<any>}
   */
  send(data, to) {
    try {
      return this.each(to, this.#sending(data, to));
    } catch (error) {
      return Promise.reject(error);
    }
  }

  /**
   * @param {unknown} data
   * @param {Whom} to
   * @returns {(link: Link) => Promise<void>}
   */
  #sending(data, to) {
    if (isSource(data)) return this.#transfers.from(data, { ...sendOptions(to), room: this.name });
    const message = encodeData(data);
    if (contentLength(message) > MESSAGE_MAX) throw new Refusal(413, `The most is ${MESSAGE_MAX} bytes.`);
    return (link) => link.send(this.name, message);
  }

  /**
   * A channel to those in the room who open one of this name, too.
   * @overload
   * @param {string} name  1 to 64 characters
   * @param {import('./channel.js').ReliableOptions} [options]
   * @returns {Promise<import('./channel.js').ReliableChannel>} rejected where there can be none: with a TypeError or a RangeError
   */
  /**
   * @overload
   * @param {string} name
   * @param {import('./channel.js').UnreliableOptions} options
   * @returns {Promise<import('./channel.js').UnreliableChannel>}
   */
  /**
   * @param {string} name
   * @param {import('./channel.js').ChannelOptions} [options]
   * @returns {Promise<any>}
   */
  async channel(name, options) {
    return (await this.#channels()).open(this, name, options);
  }

  /**
   * Sends a stream of audio or video to everybody in the room, and to who joins later: there its tracks happen, as the event
   * `track`. Tracks that are added to the stream later, or removed from it, are followed.
   * @param {MediaStream} stream
   * @param {PublishOptions} [options]
   * @returns {Promise<Publication>} rejected with a Refusal (413) where a peer would get more than 4 tracks of a kind
   */
  async publish(stream, options) {
    return (await this.#media()).publish(this, stream, options);
  }

  /**
   * Takes it back. Its tracks are the page's, and go on.
   * @param {MediaStream} stream
   */
  async unpublish(stream) {
    (await this.#media()).unpublish(this, stream);
  }

  /**
   * What comes, one after the other: `for await (const { data, peer } of room.messages())`. It ends when the room is left, and
   * fails where more than 10,000 wait to be read.
   * @param {{signal?: AbortSignal}} [options]  signal: ends it, too
   * @returns {AsyncIterableIterator<{data: any, peer: Peer}>}
   */
  messages({ signal } = {}) {
    /** @type {{data: any, peer: Peer}[]} */
    const waiting = [];
    /** @type {(() => void)[]} */
    const wakes = []; // of who waits for the next
    const wake = () => { for (const one of wakes.splice(0)) one(); };
    let isOver = false;
    /** @type {Error | null} */
    let failure = null;
    const listening = new AbortController();
    const end = () => {
      isOver = true;
      listening.abort();
      wake();
    };
    this.addEventListener('data', ({ data, peer }) => {
      if (waiting.length === UNREAD_MAX) {
        failure = new Error(`More than ${UNREAD_MAX} messages wait to be read.`);
        waiting.length = 0;
        end();
      } else {
        waiting.push({ data, peer });
        wake();
      }
    }, listening);
    this.addEventListener('state', ({ state }) => state === 'left' && end(), listening);
    signal?.addEventListener('abort', end, listening);
    if (signal?.aborted || this.state === 'left') end();
    return {
      async next() {
        while (!waiting.length && !isOver) await new Promise((resolve) => { wakes.push(() => resolve(undefined)); });
        const error = failure;
        failure = null; // it fails once, and is over
        if (error) throw error;
        const value = waiting.shift();
        return value ? { value, done: false } : { value: undefined, done: true };
      },
      async return() {
        waiting.length = 0;
        end();
        return { value: undefined, done: true };
      },
      [Symbol.asyncIterator]() { return this; },
    };
  }

  /**
   * Does it with each that is meant.
   * @param {Whom} whom
   * @param {(link: Link) => Promise<any>} run
   * @returns {Promise<any>} as send()
   * @internal
   */
  each(whom, run) {
    if (this.state === 'left') return rejected(notInRoom());
    const { to } = sendOptions(whom);
    if (to === undefined) return settle([...this.#links.values()].map((link) => ({ peer: link.peer, done: run(link) })));
    const one = (/** @type {Peer | string} */ peer) => {
      const link = this.#links.get(idOf(peer));
      const done = link ? run(link) : Promise.reject(new Refusal(404, 'There is no such peer in the room.'));
      done.catch(() => {}); // who is not interested need not say so
      return { peer: link?.peer ?? peer, done };
    };
    return Array.isArray(to) ? settle(uniquePeers(to).map(one)) : one(to).done;
  }

  /**
   * @param {Whom} [whom]
   * @returns {Link[]} to those who are meant and here
   * @internal
   */
  linksTo(whom) {
    const { to } = sendOptions(whom);
    if (to === undefined) return [...this.#links.values()];
    return uniquePeers([to].flat()).flatMap((peer) => this.#links.get(idOf(peer)) ?? []);
  }

  // --- what the bridge does with it ---

  /**
   * @param {Link} link
   * @internal
   */
  add(link) {
    this.#links.set(link.peer.id, link);
  }

  /**
   * @param {string} id
   * @internal
   */
  remove(id) {
    this.#links.delete(id);
  }

  /**
   * @param {string} id
   * @internal
   */
  has(id) {
    return this.#links.has(id);
  }

  /** @internal */
  get links() {
    return this.#links.values();
  }
}

/**
 * @param {Whom} to
 * @returns {SendOptions}
 */
function sendOptions(to) {
  if (typeof to === 'object' && to && !Array.isArray(to) && !('id' in to)) return to;
  return { to: /** @type {SendOptions['to']} */ (to) };
}

/**
 * @param {{peer: any, done: Promise<any>}[]} all
 * @returns {Promise<Arrivals>}
 */
async function settle(all) {
  const results = await Promise.allSettled(all.map(({ done }) => done));
  /** @type {Arrivals} */
  const arrivals = { arrived: [], failed: [] };
  results.forEach((result, i) => {
    if (result.status === 'fulfilled') arrivals.arrived.push(all[i].peer);
    else arrivals.failed.push({ peer: all[i].peer, error: result.reason });
  });
  return arrivals;
}
