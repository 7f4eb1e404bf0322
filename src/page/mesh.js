/**
 * mesh.js - a data channel to everybody in the room.
 *
 * Perfect negotiation (W3C, WebRTC 1.0, section 10.7), with two additions: only the side
 * that the server told to offer begins, and a description that comes from another
 * connection than the one we talked to, which its DTLS fingerprint shows, makes ours
 * begin anew, too. A connection that fails is mended until the server says that the
 * peer has gone.
 */

/** @typedef {import('./signaling.js').Signaling} Signaling */

/**
 * @typedef {'connecting' | 'open' | 'interrupted'} LinkState
 *
 * @typedef {object} Hooks
 * @property {(id: string) => void} onOpen     a new channel: the peer may know nothing
 * @property {(id: string, text: string) => void} onMessage
 * @property {() => void} onChange             of `links`: who is there, and how
 */

// Both ends make the channel under this number, so that nobody waits for the other's.
const CHANNEL = { negotiated: true, id: 0 };

const PATIENCE_MS = 12_000; // with a connection that does not open
const RESTART_MS = 1_000; // after one failed: the server may just be saying that the peer has gone
const BACKOFF_MOST = 4; // doublings
const OTHERS_TURN_MS = 6_000; // how much longer the side waits that is not to offer

// A channel's buffer is filled only so far: it is the browser's, and too much in it ends the channel.
const BUFFER_HIGH = 65_536;
const BUFFER_LOW = 16_384;

const CANDIDATES_MOST = 100;

export class Mesh {
  #signaling;
  #hooks;
  /** @type {Map<string, Link>} */
  #links = new Map();

  /**
   * @param {Signaling} signaling  not open yet, or the first add-peer is missed
   * @param {Hooks} hooks
   */
  constructor(signaling, hooks) {
    this.#signaling = signaling;
    this.#hooks = hooks;
    signaling.on('add-peer', ({ peer, offer }) => this.#add(peer.id, offer === true));
    signaling.on('remove-peer', ({ peer }) => this.#remove(peer.id));
    // From somebody whom we do not know it is for another page with our id.
    signaling.on('session-description', ({ peer, data }) => this.#links.get(peer.id)?.described(data));
    signaling.on('ice-candidate', ({ peer, data }) => this.#links.get(peer.id)?.candidate(data));
  }

  /** @returns {Map<string, LinkState>} by the peer's id */
  get links() {
    return new Map([...this.#links].map(([id, link]) => [id, link.state]));
  }

  /** Nothing is sent to a peer whose channel is not open: onOpen comes when it is. */
  send(id, text) {
    this.#links.get(id)?.send(text);
  }

  broadcast(text) {
    for (const link of this.#links.values()) link.send(text);
  }

  #add(id, offer) {
    const link = this.#links.get(id);
    if (link) {
      link.announced(offer);
      return;
    }
    this.#links.set(id, new Link(this.#signaling, id, offer, this.#hooks));
    this.#hooks.onChange();
  }

  #remove(id) {
    this.#links.get(id)?.close();
    this.#links.delete(id);
    this.#hooks.onChange();
  }
}

class Link {
  #signaling;
  #id;
  #offers; // whether the server told us to
  #hooks;
  #polite;
  /** @type {RTCPeerConnection | null} */
  #pc = null;
  /** @type {RTCDataChannel | null} */
  #channel = null;
  #ignoring = false; // the other's offer, which collided with ours
  #candidates = []; // that came before the description that they belong to
  #out = [];
  #steps = Promise.resolve();
  #timer = 0;
  #tries = 0;
  #closed = false;

  constructor(signaling, id, offers, hooks) {
    this.#signaling = signaling;
    this.#id = id;
    this.#offers = offers;
    this.#hooks = hooks;
    this.#polite = signaling.user.id < id;
    this.#step(() => this.#begin(offers));
    this.#mendIn(PATIENCE_MS);
  }

  /** @returns {LinkState} */
  get state() {
    if (this.#channel?.readyState !== 'open') return 'connecting';
    return this.#pc.connectionState === 'connected' ? 'open' : 'interrupted';
  }

  /**
   * One of us has joined again. What works is kept, and what is on its way, too. If the other
   * end is a new page nevertheless, its offer will show that.
   */
  announced(offers) {
    this.#offers = offers;
    if (this.#tries > 0) this.#mendIn(0);
  }

  described(description) {
    if (!['offer', 'answer'].includes(description?.type)) return;
    if (typeof description.sdp !== 'string') return;
    this.#step(() => this.#describe({ type: description.type, sdp: description.sdp }));
  }

  candidate(candidate) {
    this.#step(() => this.#candidate(candidate));
  }

  send(text) {
    if (this.#channel?.readyState !== 'open') return;
    this.#out.push(text);
    this.#drain();
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#pc?.close();
  }

  /** One step after the other: nothing happens between an offer's making and its sending. */
  #step(run) {
    this.#steps = this.#steps
      .then(() => (this.#closed ? undefined : run()))
      .catch((error) => console.debug(`peer ${this.#id}:`, error));
  }

  async #begin(offering) {
    const iceServers = await this.#signaling.iceServers();
    if (this.#closed) return;
    this.#pc?.close();
    this.#candidates = [];
    this.#out = [];
    this.#ignoring = false;

    const pc = new RTCPeerConnection({ iceServers });
    this.#pc = pc;
    pc.onicecandidate = ({ candidate }) => {
      if (candidate && pc === this.#pc) this.#say('ice-candidate', candidate);
    };
    pc.onconnectionstatechange = () => {
      if (pc !== this.#pc || this.#closed) return;
      if (this.state === 'open') this.#well();
      if (pc.connectionState === 'failed') this.#mendIn(RESTART_MS);
      this.#hooks.onChange();
    };

    const channel = pc.createDataChannel('', CHANNEL);
    this.#channel = channel;
    channel.bufferedAmountLowThreshold = BUFFER_LOW;
    channel.onbufferedamountlow = () => this.#drain();
    channel.onmessage = ({ data }) => {
      if (channel === this.#channel && typeof data === 'string') this.#hooks.onMessage(this.#id, data);
    };
    channel.onopen = () => {
      if (channel !== this.#channel) return;
      this.#well();
      this.#hooks.onOpen(this.#id);
      this.#hooks.onChange();
    };
    channel.onclose = () => {
      if (channel !== this.#channel || this.#closed) return;
      this.#mendIn(RESTART_MS);
      this.#hooks.onChange();
    };

    if (offering) await this.#offer();
  }

  async #offer() {
    if (this.#pc.signalingState !== 'stable') return; // one is under way
    await this.#pc.setLocalDescription();
    this.#say('session-description', this.#pc.localDescription);
  }

  async #describe(description) {
    const { type, sdp } = description;
    // An answer to an offer that we have taken back, or one that came twice.
    if (type === 'answer' && this.#pc.signalingState !== 'have-local-offer') return;
    const known = this.#pc.remoteDescription;
    if (known && fingerprint(known.sdp) !== fingerprint(sdp)) {
      await this.#begin(type === 'answer');
      if (type === 'answer' || this.#closed) return;
    }
    const pc = this.#pc;
    this.#ignoring = type === 'offer' && pc.signalingState !== 'stable' && !this.#polite;
    if (this.#ignoring) return;
    await pc.setRemoteDescription(description); // takes an offer of ours back
    if (type === 'offer') {
      await pc.setLocalDescription();
      this.#say('session-description', pc.localDescription);
    }
    for (const candidate of this.#candidates.splice(0)) await this.#candidate(candidate);
  }

  async #candidate(candidate) {
    if (this.#ignoring) return;
    if (this.#pc.remoteDescription) {
      // Of an earlier connection, perhaps. Those that matter are many.
      await this.#pc.addIceCandidate(candidate).catch(() => {});
    } else if (this.#candidates.length < CANDIDATES_MOST) {
      this.#candidates.push(candidate);
    }
  }

  #say(event, data) {
    // Refused is what goes to a peer that has just gone.
    this.#signaling.relay(this.#id, event, data).catch(() => {});
  }

  #drain() {
    const channel = this.#channel;
    while (this.#out.length && channel.readyState === 'open' && channel.bufferedAmount < BUFFER_HIGH) {
      channel.send(this.#out.shift());
    }
  }

  #well() {
    clearTimeout(this.#timer);
    this.#tries = 0;
  }

  #mendIn(ms) {
    const jitter = 0.75 + Math.random() / 2;
    const wait = ms * 2 ** Math.min(this.#tries, BACKOFF_MOST) * jitter;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#mend(), wait + (this.#offers ? 0 : OTHERS_TURN_MS));
  }

  #mend() {
    const restart = this.#tries === 0 && this.#channel?.readyState === 'open';
    this.#step(async () => {
      if (this.state === 'open') return;
      // The path may be all that was lost: the channel, and what is in it, lives on.
      if (restart) {
        this.#pc.setConfiguration({ iceServers: await this.#signaling.iceServers() });
        this.#pc.restartIce();
        await this.#offer();
      } else {
        await this.#begin(true);
      }
    });
    this.#tries++;
    this.#mendIn(PATIENCE_MS);
  }
}

/** @returns {string | undefined} what tells one RTCPeerConnection from another */
function fingerprint(sdp) {
  return /^a=fingerprint:.*$/m.exec(sdp)?.[0].trim().toLowerCase();
}
