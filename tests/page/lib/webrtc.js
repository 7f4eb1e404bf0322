// webrtc.js - RTCPeerConnection as far as the specification speaks of its states: two whose
// descriptions are each other's find a way, unless there is none. And time is the test's own: clock.js.
import './crypto.js';
import { letTimeGo, stopTime } from './clock.js';

export { dice } from '../../http/lib/dice.js';
export { tick, turns } from './clock.js';

let made = 0;

/** All that were made, and whether they may find a way to each other. */
export const net = {
  /** @type {FakeConnection[]} */ all: [],
  blocked: false,
  reset() {
    net.all = [];
    net.blocked = false;
  },
  /** Every path is lost. */
  fail() {
    for (const pc of net.all) pc.becomes('failed');
  },
};

class FakeChannel {
  readyState = 'connecting';
  bufferedAmount = 0;
  /** @type {() => void} */ onopen = () => {};
  /** @type {() => void} */ onclose = () => {};
  /** @type {() => void} */ onbufferedamountlow;
  /** @type {(event: {data: string | ArrayBuffer}) => void} */ onmessage = () => {};
  /** The other end of one that is not negotiated. @type {FakeChannel} */ #mate;
  #inbox = [];

  /** @param {FakeConnection} pc @param {string} label @param {RTCDataChannelInit} init @param {FakeChannel} [mate] */
  constructor(pc, label, init, mate) {
    this.pc = pc;
    this.label = label;
    this.init = init;
    this.#mate = mate;
  }

  get mate() {
    return this.init.negotiated ? this.pc.partner.channel : this.#mate;
  }

  /** The other end is told of it. */
  open() {
    if (this.readyState !== 'connecting') return;
    const { partner } = this.pc;
    this.readyState = 'open';
    if (!this.init.negotiated) {
      this.#mate = new FakeChannel(partner, this.label, this.init, this);
      this.#mate.readyState = 'open';
      partner.further.push(this.#mate);
      partner.ondatachannel?.({ channel: this.#mate });
    }
    this.onopen();
  }

  /** It arrives in order, and later; or never, where the connection is another by then. */
  send(data) {
    if (this.readyState !== 'open') throw new Error('not open');
    const { mate } = this;
    this.bufferedAmount += data.length;
    const copy = typeof data === 'string' ? data : data.slice().buffer;
    mate.#inbox.push(() => {
      this.bufferedAmount -= data.length;
      mate.onmessage({ data: copy });
      if (!this.bufferedAmount) this.onbufferedamountlow?.();
    });
  }

  deliver() {
    if (this.pc.connectionState !== 'connected' || this.pc.partner?.connectionState !== 'connected') return false;
    const message = this.#inbox.shift();
    message?.();
    return message !== undefined;
  }

  close() {
    if (this.readyState === 'closed') return;
    this.#inbox = [];
    this.readyState = 'closed';
    const mate = this.#mate;
    if (mate?.readyState !== 'open') return;
    mate.close();
    mate.onclose();
  }

  fail() {
    if (this.readyState !== 'open') return;
    this.close();
    this.onclose();
  }
}

/** A track of the page, or of the other end. */
export class FakeTrack {
  /** @param {string} kind */
  constructor(kind) {
    this.kind = kind;
    this.id = `track${++made}`;
  }
}

/** Of which a connection takes the id alone. */
export class FakeStream {
  id = `stream${++made}`;
}

class FakeTransceiver {
  /** @type {string | null} */ mid = null;
  #direction;
  #changed;

  /**
   * @param {string} kind
   * @param {string} direction
   * @param {boolean} added  by addTrack(): only these take a section that the other end offers
   * @param {() => void} changed
   */
  constructor(kind, direction, added, changed) {
    this.#direction = direction;
    this.#changed = changed;
    this.kind = kind;
    this.added = added;
    this.receiver = { track: new FakeTrack(kind) };
    this.sender = {
      /** @type {FakeTrack | null} */ track: null,
      /** @type {string[]} */ ids: [],
      async replaceTrack(track) {
        await null;
        if (track && track.kind !== kind) throw new TypeError(`a track of ${track.kind} where ${kind} is sent`);
        this.track = track;
      },
      setStreams: (...streams) => {
        this.sender.ids = streams.map(({ id }) => id);
        changed();
      },
    };
  }

  get direction() { return this.#direction; }
  set direction(direction) {
    this.#direction = direction;
    this.#changed();
  }

  /** @returns {Section} */
  section(direction = this.#direction) {
    return { kind: this.kind, mid: /** @type {string} */ (this.mid), direction, ids: direction.startsWith('send') ? this.sender.ids.join() : '' };
  }
}

/** @typedef {{kind: string, mid: string, direction: string, ids: string}} Section */

/** @returns {Section[]} */
const sectionsOf = (description) => [...description?.sdp.matchAll(/^m=(audio|video) (\S+) (\S+) (\S*)\r$/gm) ?? []]
  .map(([, kind, mid, direction, ids]) => ({ kind, mid, direction, ids }));

const MIRRORED = { sendrecv: 'sendrecv', sendonly: 'recvonly', recvonly: 'sendonly', inactive: 'inactive' };

/** What is left of one's wish, when the other end offers that. */
function answered(wish, offered) {
  const both = ['send', 'recv'].filter((way) => wish.includes(way) && MIRRORED[offered].includes(way)).join('');
  return { sendrecv: 'sendrecv', send: 'sendonly', recv: 'recvonly', '': 'inactive' }[both];
}

export class FakeConnection {
  signalingState = 'stable';
  connectionState = 'new';
  /** @type {RTCSessionDescriptionInit | null} */ localDescription = null;
  /** @type {RTCSessionDescriptionInit | null} */ remoteDescription = null;
  sctp = { maxMessageSize: 1100 };
  /** @type {FakeConnection | null} */ partner = null;
  /** @type {FakeChannel} */ channel;
  /** Those that are not negotiated. @type {FakeChannel[]} */ further = [];
  /** @type {(event: {channel: FakeChannel}) => void} */ ondatachannel;
  /** @type {(event: {candidate: {of: string}}) => void} */ onicecandidate;
  /** @type {() => void} */ onconnectionstatechange;
  /** @type {() => void} */ onnegotiationneeded;
  /** @type {string[]} */ candidates = [];
  /** The credentials with which the path was lost. */ lost = '';
  /** @type {FakeTransceiver[]} */ #transceivers = [];
  /** Their mids, in the order of the sections. @type {string[]} */ #order = [];
  /** What a rollback returns to. */
  #before = { /** @type {RTCSessionDescriptionInit | null} */ local: null, ufrag: '', /** @type {FakeTransceiver[]} */ unassociated: [] };
  #ufrag = '';
  #version = 0;
  #needed = false;

  /** @param {RTCConfiguration} [configuration] */
  constructor(configuration = {}) {
    this.configuration = configuration;
    this.id = ++made;
    net.all.push(this);
  }

  get ufrag() { return this.#ufrag; }

  /** @param {string} label @param {RTCDataChannelInit} init */
  createDataChannel(label, init) {
    if (this.connectionState === 'closed') throw new Error('closed');
    const channel = new FakeChannel(this, label, init);
    if (init.negotiated) this.channel = channel;
    else this.further.push(channel);
    if (this.connectionState === 'connected') setImmediate(() => this.connectionState === 'connected' && channel.open());
    this.#update();
    return channel;
  }

  getTransceivers() { return [...this.#transceivers]; }

  addTrack(track, ...streams) {
    if (this.#transceivers.some(({ sender }) => sender.track === track)) throw new Error('there is a sender for this track');
    const { sender } = this.#addTransceiver(track.kind, 'sendrecv', true);
    sender.track = track;
    sender.setStreams(...streams);
    return sender;
  }

  addTransceiver(kind, { direction }) {
    this.#addTransceiver(kind, direction, false);
    this.#update();
  }

  #addTransceiver(kind, direction, added) {
    const transceiver = new FakeTransceiver(kind, direction, added, () => this.#update());
    this.#transceivers.push(transceiver);
    return transceiver;
  }

  async setLocalDescription() {
    await null;
    if (this.connectionState === 'closed') throw new Error('closed');
    const type = this.signalingState === 'have-remote-offer' ? 'answer' : 'offer';
    this.#ufrag ||= `u${++made}`;
    const sections = type === 'offer' ? this.#offered() : sectionsOf(this.remoteDescription).map(({ mid, direction }) => {
      const transceiver = this.#byMid(mid);
      return transceiver.section(answered(transceiver.direction, direction));
    });
    const lines = [`o=- ${this.id} ${++this.#version}`, `a=fingerprint:sha-256 ${this.id}`, `a=ice-ufrag:${this.#ufrag}`, 'm=application',
      ...sections.map(({ kind, mid, direction, ids }) => `m=${kind} ${mid} ${direction} ${ids}`)];
    this.localDescription = { type, sdp: lines.map((line) => `${line}\r\n`).join('') };
    this.signalingState = type === 'offer' ? 'have-local-offer' : 'stable';
    const of = this.#ufrag;
    setImmediate(() => this.connectionState !== 'closed' && this.onicecandidate({ candidate: { of } }));
    if (type === 'answer') this.#becomesStable();
    meet();
  }

  #offered() {
    const unassociated = this.#transceivers.filter(({ mid }) => mid === null);
    const local = this.localDescription;
    if (this.signalingState === 'stable') this.#before = { local, ufrag: local ? ufragOf(local.sdp) : '', unassociated };
    for (const transceiver of unassociated) {
      transceiver.mid = String(1 + Math.max(0, ...this.#order.map(Number)));
      this.#order.push(transceiver.mid);
    }
    return this.#order.map((mid) => this.#byMid(mid).section());
  }

  async setRemoteDescription({ type, sdp }) {
    await null;
    if (this.connectionState === 'closed') throw new Error('closed');
    if (type === 'answer' && this.signalingState !== 'have-local-offer') throw new Error(`an answer in ${this.signalingState}`);
    // DTLS is with one other end, and no other.
    const known = fingerprintOf(this.remoteDescription?.sdp ?? sdp);
    if (known !== fingerprintOf(sdp)) throw new Error('another fingerprint');
    if (type === 'offer') {
      if (this.signalingState === 'have-local-offer') this.#rollBack();
      this.#associate(sectionsOf({ sdp }));
      if (this.remoteDescription && ufragOf(this.remoteDescription.sdp) !== ufragOf(sdp)) this.#ufrag = ''; // ICE begins anew for both
    } else if (sectionsOf({ sdp }).map(({ mid }) => mid).join() !== this.#order.join()) {
      throw new Error('an answer of other sections');
    }
    this.remoteDescription = { type, sdp };
    this.signalingState = type === 'offer' ? 'have-remote-offer' : 'stable';
    if (type === 'answer') this.#becomesStable();
    meet();
  }

  #rollBack() {
    if (this.#ufrag !== this.#before.ufrag) this.#ufrag = ''; // ICE is still to begin anew
    this.localDescription = this.#before.local;
    for (const transceiver of this.#before.unassociated) transceiver.mid = null;
    this.#order = this.#order.filter((mid) => this.#byMid(mid));
  }

  /** @param {Section[]} sections */
  #associate(sections) {
    if (!this.#order.every((mid, i) => sections[i]?.mid === mid)) throw new Error('the order of sections is another');
    for (const { kind, mid, direction } of sections) {
      if (this.#byMid(mid)) continue;
      const fits = (one) => one.mid === null && one.added && one.kind === kind && direction.includes('recv');
      const transceiver = this.#transceivers.find(fits) ?? this.#addTransceiver(kind, 'recvonly', false);
      transceiver.mid = mid;
      this.#order.push(mid);
    }
  }

  /** Whether this is a track of ours that comes. */
  receiving = (track) => this.#transceivers.some(({ receiver }) => receiver.track === track);

  /** What of the other end comes as this track: its own one. */
  comes(track) {
    const { mid } = this.#transceivers.find(({ receiver }) => receiver.track === track);
    const agreed = (pc) => (pc.signalingState === 'stable' ? sectionsOf(pc.localDescription).find((section) => section.mid === mid)?.direction : '');
    return agreed(this)?.includes('recv') && this.partner && agreed(this.partner)?.includes('send') ? this.partner.#byMid(mid).sender.track : null;
  }

  #byMid(mid) { return this.#transceivers.find((transceiver) => transceiver.mid === mid); }

  // --- whether negotiation is needed (W3C, WebRTC 1.0, section 4.7.3) ---

  #needs() {
    if (!this.localDescription || this.#ufrag === '') return true;
    const local = sectionsOf(this.localDescription), remote = sectionsOf(this.remoteDescription);
    return this.#transceivers.some((transceiver) => {
      const ours = local.find(({ mid }) => mid === transceiver.mid), theirs = remote.find(({ mid }) => mid === transceiver.mid);
      if (!ours || !theirs) return true;
      const { direction, ids } = transceiver.section();
      if (direction.startsWith('send') && ours.direction.startsWith('send') && ours.ids !== ids) return true;
      if (this.localDescription.type === 'answer') return ours.direction !== answered(direction, theirs.direction);
      return ours.direction !== direction && MIRRORED[theirs.direction] !== direction;
    });
  }

  #update() {
    if (this.signalingState !== 'stable') return;
    const needs = this.#needs();
    if (needs && !this.#needed) setImmediate(() => this.signalingState === 'stable' && this.#needs() && this.onnegotiationneeded?.());
    this.#needed = needs;
  }

  #becomesStable() {
    this.#needed = false;
    this.#update();
  }

  async addIceCandidate({ of }) {
    if (!this.remoteDescription) throw new Error('a candidate before its description');
    this.candidates.push(of);
    meet();
  }

  setConfiguration(configuration) {
    if (configuration.bundlePolicy !== this.configuration.bundlePolicy) throw new Error('that cannot be changed');
    this.configuration = configuration;
  }

  restartIce() {
    this.#ufrag = '';
    this.#update();
  }

  async getStats() { return new Map(); }

  close() {
    this.connectionState = 'closed';
    this.signalingState = 'closed';
    this.channel?.close();
    for (const channel of this.further) channel.close();
  }

  becomes(state) {
    if (this.connectionState === state || this.connectionState === 'closed') return;
    this.connectionState = state;
    if (state === 'failed') this.lost = this.#ufrag;
    if (state === 'connected') {
      this.channel.open();
      for (const channel of this.further) channel.open();
    }
    this.onconnectionstatechange();
  }
}

const fingerprintOf = (sdp) => /^a=fingerprint:sha-256 (\S*)/m.exec(sdp)[1];
const ufragOf = (sdp) => /^a=ice-ufrag:(\S*)/m.exec(sdp)[1];

function meet() {
  if (net.blocked) return;
  const knows = (one, other) => one.signalingState === 'stable' && one.remoteDescription && one.ufrag !== one.lost &&
    fingerprintOf(one.remoteDescription.sdp) === String(other.id) && ufragOf(one.remoteDescription.sdp) === other.ufrag &&
    one.candidates.includes(other.ufrag);
  for (const one of net.all) {
    for (const other of net.all) {
      if (one === other || !knows(one, other) || !knows(other, one)) continue;
      one.partner = other;
      other.partner = one;
      one.becomes('connected');
      other.becomes('connected');
    }
  }
}

/** What page modules make when they ask for a connection: it has what they use of one.
 *  @param {new () => object} made */
export function makeConnectionsOf(made) {
  globalThis.RTCPeerConnection = /** @type {typeof RTCPeerConnection} */ (made);
}

export function begin() {
  net.reset();
  makeConnectionsOf(FakeConnection);
  stopTime();
}

export function end() {
  letTimeGo();
}
