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
  /** @type {string[]} */ candidates = [];
  /** What a rollback returns to. @type {RTCSessionDescriptionInit | null} */ #before = null;
  #ufrag = '';

  /** @param {RTCConfiguration} [configuration] */
  constructor(configuration = {}) {
    this.configuration = configuration;
    this.id = ++made;
    net.all.push(this);
  }

  /** @param {string} label @param {RTCDataChannelInit} init */
  createDataChannel(label, init) {
    if (this.connectionState === 'closed') throw new Error('closed');
    const channel = new FakeChannel(this, label, init);
    if (init.negotiated) this.channel = channel;
    else this.further.push(channel);
    if (this.connectionState === 'connected') setImmediate(() => this.connectionState === 'connected' && channel.open());
    return channel;
  }

  async setLocalDescription() {
    await null;
    if (this.connectionState === 'closed') throw new Error('closed');
    const type = this.signalingState === 'have-remote-offer' ? 'answer' : 'offer';
    if (type === 'offer' && this.signalingState === 'stable') this.#before = this.localDescription;
    this.#ufrag ||= `u${++made}`;
    this.localDescription = { type, sdp: `a=fingerprint:sha-256 ${this.id}\r\na=ice-ufrag:${this.#ufrag}\r\n` };
    this.signalingState = type === 'offer' ? 'have-local-offer' : 'stable';
    const of = this.#ufrag;
    setImmediate(() => this.connectionState !== 'closed' && this.onicecandidate({ candidate: { of } }));
    meet();
  }

  async setRemoteDescription({ type, sdp }) {
    await null;
    if (this.connectionState === 'closed') throw new Error('closed');
    if (type === 'answer' && this.signalingState !== 'have-local-offer') throw new Error(`an answer in ${this.signalingState}`);
    // DTLS is with one other end, and no other.
    const known = this.remoteDescription?.sdp.split('\r')[0] ?? sdp.split('\r')[0];
    if (known !== sdp.split('\r')[0]) throw new Error('another fingerprint');
    if (type === 'offer' && this.signalingState === 'have-local-offer') this.localDescription = this.#before;
    this.remoteDescription = { type, sdp };
    this.signalingState = type === 'offer' ? 'have-remote-offer' : 'stable';
    meet();
  }

  async addIceCandidate({ of }) {
    if (!this.remoteDescription) throw new Error('a candidate before its description');
    this.candidates.push(of);
    meet();
  }

  setConfiguration(configuration) { this.configuration = configuration; }
  restartIce() { this.#ufrag = ''; }
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
    if (state === 'connected') {
      this.channel.open();
      for (const channel of this.further) channel.open();
    }
    this.onconnectionstatechange();
  }
}

function meet() {
  if (net.blocked) return;
  const knows = (one, other) => one.signalingState === 'stable' && one.remoteDescription &&
    one.remoteDescription.sdp === other.localDescription?.sdp &&
    one.candidates.some((of) => other.localDescription.sdp.includes(`:${of}\r`));
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
