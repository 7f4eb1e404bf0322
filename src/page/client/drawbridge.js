/**
 * drawbridge.js - the client of a Drawbridge: this peer, the rooms that it is in, and links to the others there.
 *
 *     const bridge = new Drawbridge({ base: 'https://draw.example/', username: 'ann' });
 *     const tea = await bridge.join('tea');
 *     tea.on('join', (peer) => tea.send('hello', peer));
 *     tea.on('data', (data, peer) => console.log(peer.username, data));
 *
 * One link to each other peer, however many rooms both are in. What happens in a room happens on the bridge, too;
 * and what the bridge has of a room (peers, send, leave, messages) is that of the room which was joined last, so that a page
 * with one room needs no other object.
 */

import { KIND, MESSAGE_MAX, Quota, encodeText } from './bytes.js';
import { Emitter, callPage } from './events.js';
import { IceServers } from './ice.js';
import { Link, RELAYED } from './link.js';
import { Modules } from './modules.js';
import { Names } from './names.js';
import { Peer } from './peer.js';
import { Refusal, deferred, rejected } from './requests.js';
import { Room } from './room.js';
import { checkSecret, newSecret } from './secret.js';
import { Signaling } from './signaling.js';
import { Incoming, Transfers } from './transfer.js';

export { Incoming, Peer, Refusal, Room, newSecret };

/**
 * @typedef {import('./signaling.js').State} State  of the connection to the server
 * @typedef {import('./peer.js').PeerState} PeerState  of the connection to a peer
 * @typedef {import('./room.js').RoomState} RoomState  whether this page is in it
 * @typedef {import('./room.js').SendOptions} SendOptions  to whom, and how
 * @typedef {import('./room.js').Arrivals} Arrivals  of what was sent to several
 * @typedef {import('./room.js').Failure} Failure  who has not got it, and why
 * @typedef {import('./channel.js').ReliableChannel} ReliableChannel  whose data arrives once and in order
 * @typedef {import('./channel.js').UnreliableChannel} UnreliableChannel  whose data may be lost, but is not late
 * @typedef {import('./channel.js').ReliableOptions} ReliableOptions  of channel()
 * @typedef {import('./channel.js').UnreliableOptions} UnreliableOptions  of channel()
 * @typedef {import('./transfer.js').SendProgress} SendProgress  how far it has come
 * @typedef {import('./media.js').Publication} Publication  a stream that this page publishes
 * @typedef {import('./media.js').PublishOptions} PublishOptions  of publish()
 * @typedef {import('./peer.js').OfStream} OfStream  of which stream a track is
 * @typedef {import('./stats.js').PeerStats} PeerStats  how the way to a peer does
 * @typedef {import('./tokens.js').Pass} Pass  as the server lets somebody in: a token, who has it, and when it expires, in Unix seconds
 *
 * @typedef {object} Options  of new Drawbridge()
 * @property {string | URL} [base]  where Drawbridge is mounted; Drawbridge.base if not given
 * @property {string} [username]  1 to 64 characters, no control characters
 * @property {any} [data]  what others are to know of this peer, as JSON of at most 1 KiB
 * @property {(old: Pass | null) => Promise<Pass>} [access]  for sites that mint tokens
 *     themselves; POST access if not given. Asked again when it fails, but for a Refusal.
 * @property {RTCConfiguration} [rtc]  besides iceServers, as {iceTransportPolicy: 'relay'}
 * @property {number} [maxReceive]  bytes of a message that may come, 16 MiB if not given. Of who sends more
 *     nothing is taken any more, and `detail` of that peer says so.
 * @property {string[]} [events]  names of those that the site's own server sends, and that the page wants
 * @property {'all' | 'none' | ((peer: Peer) => boolean)} [connect]  to whom a connection is made at once; to others as soon
 *     as either end sends something. All if not given. Both ends should agree.
 * @property {string} [secret]  of 16 characters or more, which the server does not know, as those of newSecret(): all that
 *     goes by the server to a peer is sealed with it, and who has not the same is a stranger
 *
 * @typedef {object} Happenings  what an event has, by its type
 * @property {{state: State, detail: string}} state  of the connection to the server, and of the room
 * @property {{peer: Peer, room: Room}} join  somebody is in a room: send() may begin
 * @property {{peer: Peer, room: Room}} leave  and is not any more
 * @property {{peer: Peer}} peer  its state, path, name, data or detail is another
 * @property {{data: any, peer: Peer, room: Room}} data  a text, bytes as Uint8Array, JSON, or an Incoming
 * @property {OfStream & {track: MediaStreamTrack, room: Room}} track  of a stream that a peer publishes
 * @property {OfStream & {track: MediaStreamTrack, room: Room}} untrack  it comes no more
 * @property {OfStream & {muted: ('audio' | 'video')[], room: Room}} mute  what of a stream is muted is another
 * @property {{name: string, data: any}} event  what the site's own server has sent
 *
 * @typedef {object} Listeners  the same, as on() tells it
 * @property {(state: State, detail: string) => void} state
 * @property {(peer: Peer, room: Room) => void} join
 * @property {(peer: Peer, room: Room) => void} leave
 * @property {(peer: Peer) => void} peer
 * @property {(data: any, peer: Peer, room: Room) => void} data
 * @property {(track: MediaStreamTrack, stream: MediaStream, name: string, peer: Peer, room: Room) => void} track
 * @property {(track: MediaStreamTrack, stream: MediaStream, name: string, peer: Peer, room: Room) => void} untrack
 * @property {(muted: ('audio' | 'video')[], stream: MediaStream, name: string, peer: Peer, room: Room) => void} mute
 * @property {(name: string, data: any) => void} event
 */

const RECEIVE_MAX = 16 * 1024 * 1024;
const COLLECTED_MAX = 256 * 1024 * 1024; // of all peers' messages that are not whole yet
const DATA_MAX = 1_024;
const SIGNALS = ['session-description', 'ice-candidate', RELAYED];
const HAS_SECRET = 'Its page has a secret, and this one has none.';

/** @extends {Emitter<Happenings, Listeners>} */
export class Drawbridge extends Emitter {
  /** Where Drawbridge is mounted, for those that are told nothing else. @type {string | URL} */
  static base = '';

  #signaling;
  #ice;
  #rtc;
  #maxReceive;
  #wants;
  #data;
  #modules;
  #names;
  /** @type {import('./seal.js').Seal | null} */
  #seal = null;
  #transfers;
  #quota = new Quota(COLLECTED_MAX);
  /** By id. @type {Map<string, Link>} */
  #links = new Map();
  /** By name, also while they are left for a while. @type {Map<string, Room>} */
  #rooms = new Map();
  /** @type {WeakMap<import('./membership.js').Membership, Room>} */
  #roomsOf = new WeakMap();
  /** @type {import('./requests.js').Deferred | null} */
  #connecting = null;

  /** @param {Options} [options] */
  constructor({ base = Drawbridge.base, username = 'guest', data, access, rtc, maxReceive = RECEIVE_MAX, events = [], connect = 'all', secret } = {}) {
    super();
    if (!base) throw new TypeError('base is where Drawbridge is mounted, as https://draw.example/.');
    if (!(Number.isInteger(maxReceive) && maxReceive > 0 && maxReceive <= MESSAGE_MAX)) {
      throw new RangeError(`maxReceive is 1 to ${MESSAGE_MAX} bytes.`);
    }
    if (secret !== undefined) checkSecret(secret);
    this.#rtc = rtc;
    this.#maxReceive = maxReceive;
    this.#wants = typeof connect === 'function' ? (/** @type {Peer} */ peer) => callPage(() => connect(peer)) : () => connect === 'all';
    this.#data = checkedData(data);
    const ready = secret === undefined ? undefined : () => this.#loadSeal(secret);
    const signaling = new Signaling({ base: folder(base), username, access, ready }, [...SIGNALS, ...events]);
    this.#signaling = signaling;
    this.#modules = new Modules(() => this.#links.values());
    this.#names = new Names(() => signaling.rooms.values(), (id, name) => this.#links.get(id)?.peer.rename(name));
    this.#transfers = new Transfers({ blobMax: maxReceive, incoming: (incoming, link, room) => this.#coming(incoming, link, room) });
    this.#modules.add('transfer', this.#transfers);
    this.#modules.add('peer', {
      heard: (link, told) => this.#heardOf(link, told),
      opened: (link) => { if (this.#data !== undefined) link.control('peer', { data: this.#data }); },
    });
    this.#modules.addLater('channels', async () => new (await import('./channels.js')).Channels());
    this.#modules.addLater('media', async () => {
      const { Media } = await import('./media.js');
      return new Media({
        links: () => this.#links.values(),
        tell: (type, details) => {
          for (const target of [details.peer, details.room, this]) target.emit(type, details);
        },
      });
    });
    this.#ice = new IceServers(() => signaling.ice(), (servers, late) => {
      for (const { connection } of this.#links.values()) {
        connection?.setIceServers(servers);
        if (late) connection?.hurry();
      }
    });
    signaling.on('state', (state, detail) => this.#state(state, detail));
    signaling.on('room', (membership) => this.#roomState(membership));
    signaling.on('added', (membership, peer, offer) => this.#added(membership, peer, offer));
    signaling.on('removed', (membership, { id }, cause) => this.#removed(this.#roomOf(membership), id, cause));
    signaling.on('cleared', (membership) => this.#cleared(this.#roomOf(membership)));
    signaling.on('relayed', (event, peer, said) => this.#relayed(event, peer, said));
    signaling.on('network', () => {
      for (const link of this.#links.values()) link.hurry();
    });
  }

  /** That of the connection to the server, and of the room. @returns {State} */
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

  /** Those that we are in, or on our way into, in the order in which they were joined. */
  get rooms() {
    return [...this.#signaling.rooms.values()].map((membership) => this.#roomOf(membership));
  }

  /** @returns {Room | null} the one that was joined last */
  get room() {
    const last = this.#signaling.room;
    return last ? this.#roomOf(last) : null;
  }

  /** The others in the room. */
  get peers() {
    return this.room?.peers ?? [];
  }

  /** What others know of this peer besides its name. */
  get data() {
    return this.#data;
  }

  /** Any JSON of at most 1 KiB; those present hear of it, too. */
  set data(data) {
    this.#data = checkedData(data);
    for (const link of this.#links.values()) if (link.isOpened) link.control('peer', { data: this.#data ?? null });
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
   * Goes into a room, and connects if need be. Those where we are stay.
   * @param {string} name  1 to 64 of A-Z a-z 0-9 _ -
   * @returns {Promise<Room>} once we are in it; a full room is waited for. Rejected with a Refusal
   *     where no room can have this name, or we are not let in.
   */
  join(name) {
    this.connect();
    const joining = this.#signaling.join(name);
    const membership = /** @type {import('./membership.js').Membership} */ (this.#signaling.rooms.get(name));
    const joined = joining.then(() => this.#roomOf(membership));
    joined.catch(() => {}); // who is not interested need not say so
    return joined;
  }

  /** Out of the room; the others see it at once. */
  leave() {
    this.room?.leave();
  }

  /** Leaves all rooms and closes the connection to the server. */
  close() {
    this.#rooms.clear();
    this.#signaling.close();
  }

  /**
   * Room.send() of the room.
   * @overload
   * @param {unknown} data
   * @param {Peer | string | SendOptions & {to: Peer | string}} to
   * @returns {Promise<void>}
   */
  /**
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
   * @param {any} [to]
   * @returns {Promise<any>}
   */
  send(data, to) {
    return this.room?.send(data, to) ?? rejected(inNoRoom());
  }

  /**
   * Room.channel() of the room.
   * @overload
   * @param {string} name
   * @param {import('./channel.js').ReliableOptions} [options]
   * @returns {Promise<import('./channel.js').ReliableChannel>}
   */
  /**
   * @overload
   * @param {string} name
   * @param {import('./channel.js').UnreliableOptions} options
   * @returns {Promise<import('./channel.js').UnreliableChannel>}
   */
  /**
   * @param {string} name
   * @param {any} [options]
   * @returns {Promise<any>}
   */
  channel(name, options) {
    return this.room?.channel(name, options) ?? Promise.reject(inNoRoom());
  }

  /**
   * Room.publish() in the room.
   * @param {MediaStream} stream
   * @param {PublishOptions} [options]
   * @returns {Promise<Publication>}
   */
  publish(stream, options) {
    return this.room?.publish(stream, options) ?? Promise.reject(inNoRoom());
  }

  /**
   * Room.unpublish() there.
   * @param {MediaStream} stream
   */
  async unpublish(stream) {
    await this.room?.unpublish(stream);
  }

  /**
   * Room.messages() of the room.
   * @param {{signal?: AbortSignal}} [options]
   */
  messages(options) {
    const { room } = this;
    if (!room) throw inNoRoom();
    return room.messages(options);
  }

  /**
   * A new name: those present are told it, and whoever joins from now on.
   * @param {string} username
   */
  async rename(username) {
    await this.#signaling.rename(username);
    for (const link of this.#links.values()) if (link.isOpened) link.control('peer', { renamed: true });
  }

  // --- what the server says ---

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
    this.emit('state', { state, detail });
  }

  /**
   * The one that there is, if it is left for a while; while it is being left, another follows it.
   * @param {import('./membership.js').Membership} membership
   */
  #roomOf(membership) {
    const { name } = membership;
    let room = this.#roomsOf.get(membership);
    if (!room) {
      const known = this.#rooms.get(name);
      room = known?.state === 'left' ? known : this.#newRoom(name);
      this.#roomsOf.set(membership, room);
      this.#rooms.set(name, room);
    }
    return room;
  }

  /** @param {string} name */
  #newRoom(name) {
    /** @type {Room} */
    const room = new Room(name, {
      leave: () => this.#leave(room),
      transfers: this.#transfers,
      channels: () => this.#modules.load('channels'),
      media: () => this.#modules.load('media'),
    });
    return room;
  }

  /** @param {Room} room  which may have been left before, and another be in its place */
  #leave(room) {
    if (this.#rooms.get(room.name) !== room) return;
    this.#rooms.delete(room.name);
    this.#signaling.leave(room.name);
  }

  /** @param {import('./membership.js').Membership} membership */
  #roomState(membership) {
    const { state, detail } = membership;
    const room = this.#roomOf(membership);
    if (room.state === state && room.detail === detail) return;
    Object.assign(room, { state, detail });
    room.emit('state', { state, detail, room });
  }

  /**
   * A page that is told of something may leave the room, or close all.
   * @param {import('./membership.js').Membership} membership
   * @param {import('./signaling.js').User} user
   * @param {boolean} offers
   */
  #added(membership, { id, username }, offers) {
    const room = this.#roomOf(membership);
    const known = this.#links.get(id);
    if (known && !known.added(offers)) this.#drop(known);
    else if (username) known?.peer.rename(username);
    if (!membership.peers.has(id)) return;
    const link = this.#links.get(id) ?? this.#newLink(id, username);
    if (!link.connection && this.#wants(link.peer)) link.connect(offers);
    if (!membership.peers.has(id)) return link.rooms.size ? undefined : this.#end(link);
    if (link.peer.state !== 'idle') this.#seal?.greet(id); // it may be a page that has not heard of this one
    if (room.has(id)) return;
    room.add(link);
    link.rooms.add(room);
    this.#tell(room, 'join', link.peer);
    this.#modules.tell('rooms', link);
    link.entered();
  }

  /**
   * Whom the server has given up may be there yet; not so whom the site's server has removed.
   * @param {Room} room
   * @param {string} id
   * @param {string} [cause]
   */
  #removed(room, id, cause) {
    const link = this.#links.get(id);
    if (!link) return;
    if (cause || link.rooms.size > 1) this.#leaveRoom(room, link);
    else link.removed();
  }

  /** @param {Room} room */
  #cleared(room) {
    for (const link of [...room.links]) this.#leaveRoom(room, link);
  }

  /**
   * A message from a peer that we do not know is meant for another page with our id. Peers may relay an event of
   * a name that the site's own server sends, too, but not without saying who they are.
   * @param {string} event
   * @param {import('./signaling.js').User | null} peer
   * @param {any} data
   */
  #relayed(event, peer, data) {
    if (!peer) {
      this.emit('event', { name: event, data });
      return;
    }
    const link = this.#links.get(peer.id);
    if (!link || !SIGNALS.includes(event)) return;
    if (this.#seal) this.#seal.receive(peer.id, event === RELAYED ? data : undefined);
    else if (event === RELAYED && data?.sealed !== undefined) this.#meetSealed(link);
    else this.#signalled(this.#befriend(link), event, data);
  }

  /**
   * @param {Link} link
   * @param {string} event
   * @param {any} data
   */
  #signalled(link, event, data) {
    if (event === 'session-description') link.connect(false)?.described(data);
    else if (event === 'ice-candidate') link.connection?.candidate(data);
    else if (event === RELAYED) link.relayed(data);
  }

  // --- secrets ---

  /** @param {string} secret */
  async #loadSeal(secret) {
    if (this.#seal) return;
    const { Seal } = await import('./seal.js');
    const linkOf = (/** @type {string} */ id) => /** @type {Link} */ (this.#links.get(id));
    this.#seal ??= new Seal(secret, {
      me: () => this.user?.id ?? '',
      relay: (id, data, urgent) => this.#signaling.relay(id, RELAYED, data, urgent),
      opened: (id, event, data) => this.#signalled(linkOf(id), event, data),
      member: (id) => this.#befriend(linkOf(id)),
      stranger: (id, why) => this.#estrange(linkOf(id), why),
    });
  }

  /**
   * Whoever seals must be told that we do not.
   * @param {Link} link
   */
  #meetSealed(link) {
    this.#estrange(link, HAS_SECRET);
    this.#signaling.relay(link.peer.id, RELAYED, {}).catch(() => {});
  }

  /**
   * Nothing goes to it any more, and nothing of it is taken. Who is reached by a channel is none: somebody else has spoken in
   * its name.
   * @param {Link} link
   * @param {string} why
   */
  #estrange(link, why) {
    const { peer } = link;
    if (link.connection?.open || peer.detail === why) return;
    link.close(new Refusal(403, `This peer is a stranger. ${why}`));
    if (peer.state !== 'stranger') this.#modules.tell('closed', link);
    Object.assign(peer, { state: 'stranger', path: '', detail: why });
    this.#changed(peer);
  }

  /**
   * A stranger is none, as has shown: all begins anew.
   * @param {Link} link
   * @returns {Link}
   */
  #befriend(link) {
    const { peer } = link;
    if (peer.state !== 'stranger') return link;
    const next = this.#newLink(peer.id, undefined, peer);
    for (const room of roomsOf(link)) {
      room.add(next);
      next.rooms.add(room);
    }
    Object.assign(peer, { state: 'idle', detail: '', data: undefined });
    if (this.#wants(peer)) next.connect(true);
    this.#modules.tell('rooms', next);
    this.#rejoin(next);
    return next;
  }

  // --- links ---

  /**
   * @param {string} id
   * @param {string} [username]
   * @param {Peer} [peer]  that has had another
   * @returns {Link}
   */
  #newLink(id, username, peer) {
    /** @type {Link} */
    const link = new Link({
      id, username, peer, polite: (this.user?.id ?? '') < id, rtc: this.#rtc, maxReceive: this.#maxReceive, quota: this.#quota,
    }, {
      // Whoever waits for an offer or an answer comes before candidates for others.
      relay: (event, data) => (this.#seal ?? this.#signaling).relay(id, event, data, event === 'session-description'),
      withdraw: () => (this.#seal ?? this.#signaling).withdraw(id),
      iceServers: () => this.#ice.get(),
      data: (decode, room) => this.#said(link, decode, room),
      control: (module, payload) => this.#modules.heard(module, link, payload),
      chunk: (number, bytes) => this.#modules.chunk(link, number, bytes),
      media: () => this.#received(link),
      changed: () => link.rooms.size && this.#changed(link.peer), // else nobody knows of it yet, or any more
      lost: () => this.#signaling.doubtNetwork(),
      opened: () => this.#modules.tell('opened', link),
      ended: (why) => this.#modules.tell('ended', link, why),
      gone: () => this.#drop(link),
      anew: () => this.#anew(link),
    });
    this.#links.set(id, link);
    if (peer) return link;
    link.peer.on('change', () => this.emit('peer', { peer: link.peer }));
    this.#seal?.open(id);
    return link;
  }

  /** @param {Peer} peer */
  #changed(peer) {
    peer.emit('change', {});
  }

  /** @param {Link} link */
  async #received(link) {
    if (link.connection?.received.length) await this.#modules.load('media').catch(() => {});
    this.#modules.tell('received', link);
  }

  /** @param {Link} link */
  #anew(link) {
    link.peer.data = undefined;
    this.#modules.tell('reset', link);
    this.#rejoin(link);
  }

  /**
   * What the page has told it is lost.
   * @param {Link} link
   */
  #rejoin(link) {
    for (const happening of /** @type {const} */ (['leave', 'join'])) {
      for (const room of roomsOf(link)) this.#tell(room, happening, link.peer);
    }
  }

  /**
   * @param {Room} room
   * @param {'join' | 'leave'} happening
   * @param {Peer} peer
   */
  #tell(room, happening, peer) {
    room.emit(happening, { peer, room });
    this.emit(happening, { peer, room });
  }

  /**
   * @param {Room} room
   * @param {Link} link
   */
  #leaveRoom(room, link) {
    const { id } = link.peer;
    if (!room.has(id)) return;
    room.remove(id);
    link.rooms.delete(room);
    if (link.rooms.size) this.#modules.tell('rooms', link);
    else this.#end(link);
    this.#tell(room, 'leave', link.peer);
  }

  /** @param {Link} link */
  #drop(link) {
    for (const room of roomsOf(link)) this.#leaveRoom(room, link);
  }

  /** @param {Link} link */
  #end(link) {
    this.#links.delete(link.peer.id);
    this.#seal?.close(link.peer.id);
    link.close();
    if (link.peer.state !== 'stranger') this.#modules.tell('closed', link);
  }

  // --- what peers say ---

  /**
   * @param {Link} link
   * @param {() => any} decode
   * @param {string} name
   * @returns {boolean} false: we are in that room, and have not heard yet that the peer is
   */
  #said(link, decode, name) {
    if (name.includes('/')) { // which the name of no room does
      this.#modules.said(link, name, decode);
      return true;
    }
    const membership = this.#signaling.rooms.get(name);
    if (!membership) return true; // we have left it
    const room = this.#roomOf(membership);
    if (!link.rooms.has(room)) return false;
    const details = { data: decode(), peer: link.peer, room };
    room.emit('data', details);
    this.emit('data', details);
    return true;
  }

  /**
   * @param {Incoming} incoming
   * @param {Link} link
   * @param {string} room
   */
  #coming(incoming, link, room) {
    if (this.#signaling.rooms.has(room)) link.say(() => incoming, room);
    else incoming.cancel('This page is not in that room.');
  }

  /**
   * Of itself. What it is called the server knows, or somebody could have anybody's name.
   * @param {Link} link
   * @param {any} told  as it came
   */
  #heardOf({ peer }, told) {
    if (told?.renamed) this.#names.changed(peer.id);
    if (told?.data === undefined || !isSmall(told.data)) return;
    peer.data = told.data;
    this.#changed(peer);
  }
}

/**
 * Paths are below it, with or without a slash at its end.
 * @param {string | URL} base
 */
function folder(base) {
  const url = new URL(base, document.baseURI);
  if (!url.pathname.endsWith('/')) url.pathname += '/';
  return url;
}

function inNoRoom() {
  return new Refusal(404, 'This page is in no room.');
}

/** @param {Link} link */
function roomsOf(link) {
  return /** @type {Room[]} */ ([...link.rooms]);
}

/** @param {any} data */
function isSmall(data) {
  return encodeText(KIND.json, JSON.stringify(data)).length <= DATA_MAX;
}

/**
 * @param {any} data
 * @throws {TypeError} it is none
 */
function checkedData(data) {
  if (data === undefined) return undefined;
  const json = JSON.stringify(data);
  if (json === undefined || !isSmall(data)) throw new TypeError(`data is JSON of at most ${DATA_MAX} bytes.`);
  return JSON.parse(json);
}
