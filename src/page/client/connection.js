/**
 * connection.js - an RTCPeerConnection to a peer, the data channel in it, and tracks.
 *
 * Perfect negotiation (W3C, WebRTC 1.0, section 10.7), with these additions: only the side
 * that the server told to offer begins, and after that whoever needs to; an answer says which offer it
 * is to (`to`), as pages come and go quicker than what was said to them; a description that comes from
 * another connection than the one we talked to, which its DTLS fingerprint shows, makes ours
 * begin anew, too; and a description says what each of its tracks is (`media`). What fails is mended,
 * until close(); an offer that nobody answers is made again. Where one end is taken for somebody else, again and again, the
 * last of what it says is heeded, after a wait that grows: so a server that changes what is said keeps nobody busy.
 *
 * Once it is up the polite end does not offer, but asks the other to (`request`, with how many sections more it needs): for
 * a rollback of an offer with tracks Chromium mutes those that come, and at times shows them no more.
 *
 * Who has tracks to send places them (tracks.js) before each description, and when they are others.
 */

// Both ends make the channel under this number, so that nobody waits for the other's.
const CHANNEL = { negotiated: true, id: 0 };

const ATTEMPT_MS = 12_000; // with a connection that does not open
const RESTART_MS = 1_000; // after one failed: the server may just be saying that the peer has gone
const DISCONNECTED_MS = 2_000; // it may come back by itself
const DOUBLINGS_MAX = 2; // of a wait, one with each try in vain
const ANSWERER_MS = 6_000; // how much longer the side waits that is not to offer

const ASKED_MAX = 8; // times, of the other end for an offer with what is lacking

const MISTAKEN_MS = 500; // the first wait
const MISTAKEN_DOUBLINGS = 3; // to 4 s: what is heeded then is answered before the other end gives it up

const CANDIDATES_MAX = 100;
/** Of each kind in each direction. A description with all has 24 to 40 KB, by the browser's codecs; sealed a third more; servers take 64 KiB. */
export const TRACKS_MAX = 4;
const SECTIONS_MAX = 2 * TRACKS_MAX + 1; // of a description: for both kinds, and for data
const MESSAGE_MAX_ASSUMED = 16_384; // every browser takes that
const MESSAGE_MIN = 1_024; // what takes less would have us send each message in thousands of pieces

// When the channel has so little to send it asks for more.
const BUFFER_LOW = 65_536;

/**
 * @typedef {object} Tracks
 * @property {(pc: RTCPeerConnection) => Promise<void>} place  on transceivers, what is to be sent
 * @property {(pc: RTCPeerConnection) => [string, any][]} describe  what the other end is told of each, by its mid
 *
 * @typedef {object} Hooks
 * @property {(event: string, data: any) => void} signal  tells the other end
 * @property {() => void} withdraw  what was said and has not gone out need not go any more
 * @property {() => Promise<RTCIceServer[]>} iceServers
 * @property {() => void} changed  it came up, or went down
 * @property {() => void} lost     its path does not work any more; it may be our network that has gone
 * @property {(data: string | ArrayBuffer) => void} message
 * @property {() => void} low  the channel takes more
 * @property {() => void} media  `received` may be others
 * @property {(why: string) => void} refused  what it offers is too much, and is not taken
 */

export class Connection {
  /** Places what is sent, where anything is. @type {Tracks | null} */
  tracks = null;

  #hooks;
  #rtc;
  #polite;
  #offers; // whether the server told us to
  /** @type {RTCPeerConnection | null} */
  #pc = null;
  /** @type {RTCDataChannel | null} */
  #channel = null;
  /** @type {Set<(pc: RTCPeerConnection) => void>} */
  #users = new Set();
  #offered = ''; // the identity of our last offer
  #asked = 0; // for the tracks as they are
  #ignoring = false; // the other's offer, which collided with ours
  /** @type {RTCIceCandidateInit[]} */
  #candidates = []; // that came before the description that they belong to
  /** Of the other end's tracks. @type {any[]} */
  #told = [];
  #operations = Promise.resolve();
  #timer = 0;
  #unanswered = 0; // a timer
  #tries = 0;
  #mistaken = 0; // how often one end was somebody else to the other, since it was up
  /** What is to be done about that, when it is time. @type {(() => Promise<void>) | null} */
  #due = null;
  #dueTimer = 0;
  #closed = false;

  /**
   * @param {{offers: boolean, polite: boolean, rtc?: RTCConfiguration}} how
   * @param {Hooks} hooks
   */
  constructor({ offers, polite, rtc }, hooks) {
    this.#offers = offers;
    this.#polite = polite;
    this.#rtc = rtc;
    this.#hooks = hooks;
    this.#chain(() => this.#create(offers));
    this.#restartIn(ATTEMPT_MS);
  }

  /** Where #create() has made it. */
  get #current() {
    return /** @type {RTCPeerConnection} */ (this.#pc);
  }

  /** Whether data gets through now, as far as we know. */
  get up() {
    return this.open && this.#pc?.connectionState === 'connected' && this.messageMax >= MESSAGE_MIN;
  }

  /** Whether the channel is, though its path may be interrupted. */
  get open() {
    return this.#channel?.readyState === 'open';
  }

  /** The most bytes that one message may have. */
  get messageMax() {
    return this.#pc?.sctp?.maxMessageSize ?? MESSAGE_MAX_ASSUMED;
  }

  get buffered() {
    return this.#channel?.bufferedAmount ?? 0;
  }

  /**
   * @param {string | Uint8Array<ArrayBuffer>} data
   * @returns {boolean} whether it was taken: else there is too much in the channel already
   */
  send(data) {
    if (this.#channel?.readyState !== 'open') return false;
    try {
      if (typeof data === 'string') this.#channel.send(data);
      else this.#channel.send(data);
      return true;
    } catch {
      return false;
    }
  }

  /** @returns {Promise<'direct' | 'turn'>} */
  async path() {
    const { report, pair } = await this.stats();
    const ends = [pair?.localCandidateId, pair?.remoteCandidateId];
    return report.some(({ id, candidateType }) => candidateType === 'relay' && ends.includes(id)) ? 'turn' : 'direct';
  }

  /**
   * What the browser has measured, for Meter.read().
   * @returns {Promise<{report: any[], pair?: any}>}
   */
  async stats() {
    const stats = await this.#pc?.getStats();
    return stats ? { report: [...stats.values()], pair: selectedPair(stats) } : { report: [] };
  }

  /**
   * For what has channels, or tracks, of its own in it.
   * @param {(pc: RTCPeerConnection) => void} made  called with the one that there is, if any, and with each that is made
   *     in its place, before that offers anything
   * @returns {() => void} ends it
   */
  use(made) {
    this.#users.add(made);
    if (this.#pc) made(this.#pc);
    return () => this.#users.delete(made);
  }

  /**
   * One of us has joined again. What works is kept, and what is on its way, too. If the other
   * end is a new page nevertheless, its offer will show that.
   * @param {boolean} offers
   */
  announced(offers) {
    this.#offers = offers;
    if (this.#tries > 0) this.#restartIn(0);
    else if (offers) this.#chain(() => (this.#pc?.remoteDescription ? undefined : this.#offerFirst()));
  }

  /**
   * The network is another now: what does not work is mended at once. An offer that is under way goes on.
   * @param {boolean} [broken]  it is known not to work, before the browser says so
   */
  hurry(broken = false) {
    const { connectionState, signalingState = 'stable' } = this.#pc ?? {};
    if (signalingState === 'stable' && (broken || connectionState !== 'connected')) this.#restart(broken);
  }

  /** The other end has answered: what was mended before the browser had noticed anything is. */
  works() {
    if (!this.up) return;
    clearTimeout(this.#timer);
    this.#tries = this.#mistaken = 0;
  }

  /** @param {any} description  as it came */
  described(description) {
    if (description?.type === 'request') this.#chain(() => this.#requested(description));
    if (!['offer', 'answer'].includes(description?.type)) return;
    if (typeof description.sdp !== 'string') return;
    const { type, sdp, to, media } = description;
    if ((sdp.match(/^m=/gm) ?? []).length > SECTIONS_MAX) {
      this.#hooks.refused(`It offers more than ${2 * TRACKS_MAX} tracks at once.`);
      return;
    }
    this.#chain(() => this.#describe({ type, sdp }, to, media));
  }

  /** @param {RTCIceCandidateInit} candidate */
  candidate(candidate) {
    this.#chain(() => this.#candidate(candidate));
  }

  /**
   * New credentials for the servers, which the next restart needs.
   * @param {RTCIceServer[]} iceServers
   */
  setIceServers(iceServers) {
    try {
      this.#pc?.setConfiguration(this.#configuration(iceServers));
    } catch { /* it was just closed */ }
  }

  /** The tracks that come, and what the other end says of each. */
  get received() {
    const transceivers = this.#closed ? [] : this.#pc?.getTransceivers() ?? [];
    return this.#told.flatMap((one) => {
      const [mid, about] = Array.isArray(one) ? one : [];
      const transceiver = transceivers.find((candidate) => candidate.mid === mid);
      return transceiver ? [{ track: transceiver.receiver.track, about }] : [];
    });
  }

  /** Others are to be sent. Before the first description is there, that will do it. */
  place() {
    this.#asked = 0;
    this.#chain(() => (this.#pc?.remoteDescription ? this.tracks?.place(this.#pc) : undefined));
  }

  close() {
    this.#closed = true;
    for (const timer of [this.#timer, this.#unanswered, this.#dueTimer]) clearTimeout(timer);
    this.#pc?.close();
  }

  /**
   * One step after the other: nothing happens between an offer's making and its sending.
   * @param {() => void | Promise<void>} run
   */
  #chain(run) {
    this.#operations = this.#operations
      .then(() => (this.#closed ? undefined : run()))
      .catch((error) => console.debug('connection:', error));
  }

  /**
   * Who comes back is somebody else once, and need not wait.
   * @param {() => Promise<void>} run
   */
  async #mistake(run) {
    if (this.#due) {
      this.#due = run;
      return;
    }
    const before = this.#mistaken++;
    if (!before) return run();
    this.#due = run;
    this.#dueTimer = setTimeout(() => this.#chain(() => {
      const due = this.#due;
      this.#due = null;
      return due?.();
    }), MISTAKEN_MS * 2 ** Math.min(before - 1, MISTAKEN_DOUBLINGS));
  }

  /**
   * All in one transport: both ends are of this kind.
   * @param {RTCIceServer[]} iceServers
   * @returns {RTCConfiguration}
   */
  #configuration(iceServers) {
    return { bundlePolicy: 'max-bundle', ...this.#rtc, iceServers };
  }

  /** @param {boolean} offering */
  async #create(offering) {
    const iceServers = await this.#hooks.iceServers();
    if (this.#closed) return;
    this.#pc?.close();
    this.#hooks.withdraw();
    this.#candidates = [];
    this.#ignoring = false;
    this.#channel = null;
    this.#pc = null;
    this.#told = [];
    this.#hooks.media();
    this.#hooks.changed();
    if (this.#closed) return; // by who was told of it

    // This throws where the browser has no WebRTC or may not use it: then it is tried again later.
    const pc = new RTCPeerConnection(this.#configuration(iceServers));
    this.#pc = pc;
    pc.onicecandidate = ({ candidate }) => {
      if (candidate && pc === this.#pc) this.#hooks.signal('ice-candidate', candidate);
    };
    pc.onconnectionstatechange = () => {
      if (pc === this.#pc && !this.#closed) this.#changed();
    };
    pc.onnegotiationneeded = () => {
      this.#chain(() => (pc === this.#pc && pc.remoteDescription ? this.#negotiate() : undefined));
    };

    const channel = pc.createDataChannel('', CHANNEL);
    this.#channel = channel;
    channel.binaryType = 'arraybuffer';
    channel.bufferedAmountLowThreshold = BUFFER_LOW;
    channel.onbufferedamountlow = () => channel === this.#channel && this.#hooks.low();
    channel.onmessage = ({ data }) => {
      if (channel === this.#channel && !this.#closed) this.#hooks.message(data);
    };
    channel.onopen = channel.onclose = () => {
      if (channel === this.#channel && !this.#closed) this.#changed();
    };

    pc.ondatachannel = ({ channel: further }) => further.close(); // unless somebody here wants any
    for (const made of this.#users) made(pc);
    if (offering) await this.#offer();
  }

  #changed() {
    const { connectionState } = this.#current;
    if (this.up) {
      this.works();
    } else if (connectionState === 'failed' || this.#channel?.readyState === 'closed') {
      this.#restartIn(RESTART_MS);
    } else if (connectionState === 'disconnected') {
      if (!this.#tries) this.#restartIn(DISCONNECTED_MS); // else it is being mended
      this.#hooks.lost();
    }
    this.#hooks.changed();
  }

  /** What the other end's offers do not bring, as when ICE is to begin anew, one of ours does. */
  #negotiate() {
    return this.#polite && this.up && this.#asked < ASKED_MAX ? this.#request() : this.#offer();
  }

  /** While an offer is under way nothing is lacking yet: the browser says so again if its answer leaves something. */
  #request() {
    const pc = this.#current;
    if (pc.signalingState !== 'stable') return;
    this.#asked++;
    const [audio, video] = ['audio', 'video'].map((kind) => withoutSection(pc, kind));
    this.#hooks.signal('session-description', { type: 'request', audio, video });
    this.#watch('stable', () => this.#request());
  }

  /**
   * The other end needs an offer.
   * @param {any} lacking  as it came: how many sections of each kind
   */
  async #requested(lacking) {
    const pc = this.#current;
    if (this.#polite || !this.#pc?.remoteDescription || pc.signalingState !== 'stable') return;
    await this.tracks?.place(pc);
    for (const kind of ['audio', 'video']) {
      const all = pc.getTransceivers().filter(({ receiver }) => receiver.track.kind === kind).length;
      const more = Math.min(lacking[kind] - withoutSection(pc, kind), TRACKS_MAX - all);
      for (let i = 0; i < more; i++) pc.addTransceiver(kind, { direction: 'recvonly' });
    }
    await this.#offer();
  }

  /** @param {boolean} [again] */
  #offerFirst(again) {
    return this.#pc ? this.#offer(again) : this.#create(true);
  }

  async #offer(again = false) {
    const pc = this.#current;
    const { signalingState } = pc;
    if (signalingState === 'stable') {
      await this.tracks?.place(pc);
      await pc.setLocalDescription();
      this.#offered = identity(pc.localDescription?.sdp ?? '');
    } else if (!again || signalingState !== 'have-local-offer') {
      return; // one is under way
    }
    this.#describeTo({});
    this.#watch('have-local-offer', () => this.#offer(true));
  }

  /**
   * What was said may be lost. Before it is open #restart() sees to that.
   * @param {RTCSignalingState} state  in which nothing has come of it
   * @param {() => void | Promise<void>} again
   */
  #watch(state, again) {
    clearTimeout(this.#unanswered);
    this.#unanswered = setTimeout(() => this.#chain(() => (this.open && this.#current.signalingState === state ? again() : undefined)), ATTEMPT_MS);
  }

  /** @param {{to?: string}} more */
  #describeTo(more) {
    const { type, sdp } = /** @type {RTCSessionDescription} */ (this.#current.localDescription);
    this.#hooks.signal('session-description', { type, sdp, ...more, media: this.tracks?.describe(this.#current) });
  }

  /**
   * @param {RTCSessionDescriptionInit & {sdp: string}} description
   * @param {string} [to]
   * @param {any} [media]  as it came
   */
  async #describe(description, to, media) {
    const { type, sdp } = description;
    if (!this.#pc) await this.#create(false);
    if (type === 'answer') {
      // To an offer of an earlier page or connection: the other end believes in that one now.
      if (to && to !== this.#offered) return this.#mistake(() => this.#offerFirst(true));
      // To one that we have taken back, or it came twice.
      if (this.#current.signalingState !== 'have-local-offer') return;
    }
    const known = this.#current.remoteDescription;
    if (known && fingerprint(known.sdp) !== fingerprint(sdp)) return this.#mistake(() => this.#describeAnew(description, media));
    await this.#take(description, media);
  }

  /**
   * Of another connection than the one we talked to: ours begins anew.
   * @param {RTCSessionDescriptionInit & {sdp: string}} description
   * @param {any} media
   */
  async #describeAnew(description, media) {
    const candidates = this.#candidates.splice(0); // that came while it waited
    this.#restartIn(ATTEMPT_MS); // the one before may have been up
    await this.#create(description.type === 'answer');
    if (description.type === 'answer' || this.#closed) return;
    this.#candidates.push(...candidates);
    await this.#take(description, media);
  }

  /**
   * @param {RTCSessionDescriptionInit & {sdp: string}} description
   * @param {any} media
   */
  async #take(description, media) {
    const { type, sdp } = description;
    const pc = this.#current;
    const known = pc.remoteDescription;
    const again = known?.type === 'offer' && pc.signalingState === 'stable' && identity(known.sdp) === identity(sdp);
    if (again) return this.#describeTo({ to: identity(sdp) }); // the answer may have been lost
    this.#ignoring = type === 'offer' && pc.signalingState !== 'stable' && !this.#polite;
    if (this.#ignoring) return;
    clearTimeout(this.#unanswered);
    await pc.setRemoteDescription(description); // takes an offer of ours back
    await this.tracks?.place(pc);
    if (type === 'offer') {
      await pc.setLocalDescription();
      this.#describeTo({ to: identity(sdp) });
    }
    this.#told = Array.isArray(media) ? media.slice(0, 2 * TRACKS_MAX) : [];
    this.#hooks.media();
    for (const candidate of this.#candidates.splice(0)) await this.#candidate(candidate);
  }

  /** @param {RTCIceCandidateInit} candidate */
  async #candidate(candidate) {
    if (this.#ignoring) return;
    if (this.#pc?.remoteDescription && !this.#due) {
      // Of an earlier connection, perhaps. Those that matter are many.
      await this.#pc.addIceCandidate(candidate).catch(() => {});
    } else if (this.#candidates.length < CANDIDATES_MAX) {
      this.#candidates.push(candidate);
    }
  }

  /** @param {number} ms */
  #restartIn(ms) {
    const jitter = 0.75 + Math.random() / 2;
    const wait = ms * 2 ** Math.min(this.#tries, DOUBLINGS_MAX) * jitter;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#restart(), wait + (this.#offers ? 0 : ANSWERER_MS));
  }

  /** @param {boolean} [broken]  though the browser does not say so yet */
  #restart(broken = false) {
    const restart = this.#tries === 0 && this.#channel?.readyState === 'open';
    if (this.up && !broken) {
      this.works();
      return;
    }
    this.#chain(async () => {
      if (this.up && !broken) return;
      // The path may be all that was lost: the channel, and what is in it, lives on.
      if (restart) {
        this.setIceServers(await this.#hooks.iceServers());
        this.#current.restartIce();
        await this.#offer();
      } else {
        await this.#create(true);
      }
    });
    this.#tries++;
    this.#restartIn(ATTEMPT_MS);
  }
}

/**
 * The pair of candidates that data takes. The transport says so, in Firefox since 153; before that Firefox marked the
 * pair. Else it is one that was nominated and works.
 * @param {RTCStatsReport} stats
 * @returns {any}
 */
function selectedPair(stats) {
  const all = [...stats.values()];
  const transport = all.find(({ type, selectedCandidatePairId }) => type === 'transport' && selectedCandidatePairId);
  const pairs = all.filter(({ type }) => type === 'candidate-pair');
  return stats.get(transport?.selectedCandidatePairId) ?? pairs.find(({ selected }) => selected) ??
    pairs.find(({ nominated, state }) => nominated && state === 'succeeded');
}

/**
 * How many transceivers of a kind no description has yet.
 * @param {RTCPeerConnection} pc
 * @param {string} kind
 */
function withoutSection(pc, kind) {
  return pc.getTransceivers().filter(({ mid, receiver }) => mid === null && receiver.track.kind === kind).length;
}

/**
 * What tells one offer from another, but for one that is made again: its origin, which counts them (RFC 8829, 5.2.2).
 * @param {string} sdp
 */
function identity(sdp) {
  return `${/^o=(.*)$/m.exec(sdp)?.[1].trim()} ${fingerprint(sdp)}`;
}

/**
 * @param {string} sdp
 * @returns {string | undefined} what tells one RTCPeerConnection from another
 */
function fingerprint(sdp) {
  return /^a=fingerprint:.*$/m.exec(sdp)?.[0].trim().toLowerCase();
}
