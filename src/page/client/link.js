/**
 * link.js - what goes to another peer and comes from it, and which way.
 *
 * A link is idle until either end wants a connection. Then data takes the data channel. Where there is none for 15 s it goes through the server, in both
 * directions as soon as one end wants that, until both ends have a channel again. Each end says
 * by a status what it has received, so that the other goes on from there whichever way it is; and how
 * long a message it takes. Who sends more is told that it has `ended`, and is not listened to any more.
 * Nothing passes between pages of different protocols.
 *
 * On a channel: a status as text; as bytes an offset (8 bytes) and data from there on. Through the
 * server: {"status":…} or {"status":…,"offset":…,"bytes":base64}, as the event `peer-data`.
 */

import {
  KIND, MESSAGE_MAX, OFFSET_BYTES, Receiver, Sender, decodeData, decodeText, encode, encodeText, fromBase64, isTaken, toBase64,
} from './bytes.js';
import { Connection } from './connection.js';
import { throwLater } from './events.js';
import { Peer } from './peer.js';
import { randomId } from './random.js';
import { Refusal, rejected } from './requests.js';

/**
 * @typedef {'' | 'channel' | 'relay'} Way
 * @typedef {'' | 'ask' | 'answer'} Why
 *
 * @typedef {object} Status
 * @property {number} protocol
 * @property {string} session  of the sender: another page is another session
 * @property {string} to       the session that it knows of the other end; empty: none
 * @property {number} at       what it has received of that
 * @property {Way} way  that it wants
 * @property {number} turn     an epoch: counts how often it wanted another
 * @property {Why} why
 * @property {number} max       bytes of a message that the sender takes
 * @property {boolean} [ended]  it was sent too much, and takes nothing any more
 */

export const RELAYED = 'peer-data';

const PROTOCOL = 2; // 1 had one room, and no kinds of messages
const OTHER_PROTOCOL = 'Its page is of another version of Drawbridge: one of the two has to be loaded again.';
const RELAY_AFTER_MS = 15_000;
const ABSENT_MS = 5_000;
const PROBE_MS = 2_000;
const PIECE_MAX = 65_536 + 64; // a chunk of 64 KiB goes in one
const BUFFER_HIGH = 262_144; // a channel's buffer is the browser's, and too much in it ends the channel
const WINDOW = 4 * 1024 * 1024; // sent and not yet confirmed
const ACK_BYTES = 524_288;
const ACK_MS = 50;
const PENDING_MAX = 256 * 1024 * 1024;
const CHUNK_HEAD_BYTES = 4;
const SESSION_MS = 1_000; // no page is loaded anew more often
const EARLY_MAX = 1_000; // messages of a peer in rooms where the server has not told us of it yet

// Through the server, which has limits for a body (a piece of 8 KiB makes 11 KiB of JSON), for a
// peer's bytes and messages a second, and for what is kept while the other end is away.
const RELAY_PIECE = 8_192;
const RELAY_PIECE_MIN = 128;
const RELAY_WINDOW = 3 * RELAY_PIECE;
const RELAY_ACK_BYTES = RELAY_PIECE;
const RELAY_ACK_MS = 300;
const RELAY_AGAIN_MS = 4_000;
const RELAY_AGAIN_MAX_MS = 30_000;

/**
 * @typedef {object} Hooks
 * @property {(event: string, data: any) => Promise<any>} relay
 * @property {() => void} withdraw
 * @property {() => Promise<RTCIceServer[]>} iceServers
 * @property {(decode: () => any, room: string) => boolean} data  what it said in a room; false: it may not be there yet
 * @property {(module: string, payload: any) => void} control  what a module of the other end has said to ours
 * @property {(number: number, bytes: Uint8Array) => void} chunk
 * @property {() => void} [media]  the tracks that it sends may be others
 * @property {() => void} changed  what is public of the peer has
 * @property {() => void} lost     its path has gone, or our network
 * @property {() => void} opened   the other end's page is known
 * @property {(why: Refusal) => void} ended  one of the two takes nothing of the other any more
 * @property {() => void} gone     it left, and its channel, too
 * @property {() => void} anew     the other end is another page: what it was sent is lost to it
 */

export class Link {
  /** The peer, as the page sees it. @type {Peer} */
  peer;
  /** In which it is with us. @type {Set<{name: string}>} */
  rooms = new Set();

  #hooks;
  #how;
  #maxReceive;
  #quota;
  /** @type {Connection | null} */
  #connection = null;
  #session = randomId();
  #otherSession = ''; // its session
  #begunAt = 0; // that
  #channelSession = ''; // of who speaks by the channel that there is: a page has one of its own
  #sender = new Sender();
  #receiver;
  #otherMax = MESSAGE_MAX; // bytes of a message that the other end takes
  /** @type {Refusal | null} */
  #ended = null; // why all that is sent to it is refused
  #next = 0; // the offset that is to be sent next
  #saidRoom = ''; // in which what we send next would be
  #heardRoom = '';
  /** @type {{decode: () => any, room: string, bytes: number}[]} */
  #held = []; // what it said in rooms where we do not know of it yet
  #confirmed = 0; // what the other end was told that we have
  /** @type {Way} */
  #way = ''; // what we want
  #epoch = 0;
  /** @type {Way} */
  #otherWay = '';
  #otherEpoch = -1;
  /** @type {Way} */
  #using = ''; // the way that data takes
  #piece = RELAY_PIECE;
  #relaysPending = 0; // relays that are not answered
  #answering = false; // by a relay
  #owesAnswer = false;
  #wasOpen = false;
  #pumpScheduled = false;
  #unanswered = 0; // how often it was asked in vain
  #timers = { relayAfter: 0, absent: 0, ack: 0, relay: 0, probe: 0 };
  #relayed = { sent: 0, received: 0 }; // bytes, for stats()
  #begun = Date.now();
  /** @type {import('./stats.js').Meter | null} */
  #meter = null;
  #absent = ''; // the server says that it has gone: it was `asked`, or has `answered` by the channel
  #closed = false;

  /**
   * @param {{id: string, username?: string, peer?: Peer, polite: boolean, rtc?: RTCConfiguration, maxReceive: number,
   *     quota: import('./bytes.js').Quota}} options
   *     maxReceive: bytes of a message; quota: of what is collected of all peers' messages
   * @param {Hooks} hooks
   */
  constructor({ id, username, peer, polite, rtc, maxReceive, quota }, hooks) {
    this.peer = peer ?? new Peer(id, username, this);
    peer?.attach(this);
    this.#how = { polite, rtc };
    this.#hooks = hooks;
    this.#maxReceive = maxReceive;
    this.#quota = quota;
    this.#receiver = this.#newReceiver();
  }

  /** What negotiates for us; null while it is idle. */
  get connection() {
    return this.#connection;
  }

  /** Nothing goes to it or comes from it any more. */
  get isClosed() {
    return this.#closed;
  }

  /** How many bytes of what was sent have not arrived. */
  get buffered() {
    return this.#sender.end - this.#sender.acked;
  }

  /** Whether the other end's page is known, and nothing says that it is another by now. */
  get isOpened() {
    return this.#otherSession !== '' && !this.#ended;
  }

  /**
   * Not idle any more.
   * @param {boolean} offers  whether the first offer is ours
   * @returns {Connection | null}  null: it is closed
   */
  connect(offers) {
    if (this.#connection || this.#closed) return this.#connection;
    const { relay, withdraw, iceServers } = this.#hooks;
    this.#connection = new Connection({ offers, ...this.#how }, {
      signal: (event, data) => { relay(event, data).catch(() => {}); },
      withdraw,
      iceServers,
      changed: () => this.#changed(),
      lost: this.#hooks.lost,
      message: (data) => this.#channelMessage(data),
      low: () => this.#pump(),
      media: () => this.#closed || this.#hooks.media?.(),
      refused: (why) => this.complain(`${why} That is not taken.`),
    });
    this.#relayIn(RELAY_AFTER_MS);
    this.#updateState();
    return this.#connection;
  }

  /**
   * @param {string} room  where it is said
   * @param {Uint8Array} message  of encodeData()
   * @returns {Promise<void>} once it has arrived
   */
  send(room, message) {
    if (!this.#refusal(message) && room !== this.#saidRoom) {
      this.#push(encodeText(KIND.room, room));
      this.#saidRoom = room;
    }
    return this.#push(message);
  }

  /**
   * To the module of this name at the other end.
   * @param {string} module
   * @param {any} payload  JSON, of less than 64 KiB
   * @returns {Promise<void>} once it has arrived
   */
  control(module, payload) {
    return this.#push(encodeText(KIND.control, JSON.stringify([module, payload])));
  }

  /**
   * A part of what modules at both ends know by a number.
   * @param {number} number  32 bits
   * @param {Uint8Array} bytes  64 KiB at most
   * @returns {Promise<void>} once it has arrived
   */
  chunk(number, bytes) {
    const head = new Uint8Array(CHUNK_HEAD_BYTES);
    new DataView(head.buffer).setUint32(0, number);
    return this.#push(encode(KIND.chunk, head, bytes));
  }

  /** @param {Uint8Array} message */
  #push(message) {
    const refusal = this.#refusal(message);
    if (refusal) return rejected(refusal);
    this.connect(true);
    const sent = this.#sender.push(message);
    this.#schedulePump();
    return sent;
  }

  /** @param {Uint8Array} message */
  #refusal(message) {
    if (this.#ended) return this.#ended;
    if (!isTaken(message, this.#otherMax)) return tooLong(this.#otherMax);
    return this.buffered && this.buffered + message.length > PENDING_MAX ? tooMuchWaits() : null;
  }

  /**
   * The server says that it has gone. It may have lost its stream alone, and where the channel
   * works nobody need notice: it will join again.
   */
  removed() {
    if (!this.#connection?.open) return this.#hooks.gone();
    this.#absent = 'asked';
    this.#sendStatus('channel', 'ask');
    this.#goneUnlessHeard();
  }

  #goneUnlessHeard() {
    clearTimeout(this.#timers.absent);
    this.#timers.absent = setTimeout(this.#hooks.gone, ABSENT_MS);
  }

  /** Our network is another now. A path that has gone with the old one seems to be there for seconds: it is tried. */
  hurry() {
    if (!this.#isUp) {
      this.#connection?.hurry();
      return;
    }
    this.#sendStatus('channel', 'ask');
    clearTimeout(this.#timers.probe);
    this.#timers.probe = setTimeout(() => this.#connection?.hurry(true), PROBE_MS);
  }

  /**
   * @param {boolean} offers
   * @returns {boolean} whether it is who was here all along, as far as we know
   */
  added(offers) {
    if (this.#absent === 'asked') return false;
    this.#absent = '';
    clearTimeout(this.#timers.absent);
    this.#connection?.announced(offers);
    if (this.#connection && !this.#connection.up && !this.#timers.relayAfter) this.#relayIn(RELAY_AFTER_MS);
    return true;
  }

  /** The server has told of it in one more room: what it said there before is heard now. */
  entered() {
    for (const { decode, room, bytes } of this.#held.splice(0)) this.say(decode, room, bytes);
  }

  /** @param {Refusal} [why]  nothing can be sent any more */
  close(why = peerGone()) {
    this.#closed = true;
    this.#ended = why;
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#held = [];
    this.#connection?.close();
    this.#receiver.close();
    this.#sender.fail(why);
  }

  // --- which way ---

  #changed() {
    if (!this.#connection?.open) this.#channelSession = '';
    // What was in the channel may be lost with it: the other end's next status says.
    if (this.#using === 'channel') this.#using = '';
    if (this.#isUp) {
      clearTimeout(this.#timers.relayAfter);
      this.#timers.relayAfter = 0;
      this.#want('channel');
      this.#sendStatus('channel', 'ask');
    } else if (this.#absent) {
      if (!this.#connection?.open) return this.#hooks.gone();
      this.#goneUnlessHeard();
    } else if (!this.#timers.relayAfter) {
      this.#relayIn(RELAY_AFTER_MS);
    }
    this.#updateState();
  }

  get #isUp() {
    return this.#connection?.up ?? false;
  }

  /** @param {number} ms */
  #relayIn(ms) {
    if (this.#closed) return;
    this.#timers.relayAfter = setTimeout(() => {
      this.#want('relay');
      this.#choose();
      this.#sendStatus('relay', 'ask');
    }, ms);
  }

  /** @param {Way} way */
  #want(way) {
    if (this.#way !== way) this.#epoch++;
    this.#way = way;
  }

  /** The channel is what both have; the relay takes one who has none. */
  #choose() {
    const before = this.#using;
    if (this.#way === 'relay' || this.#otherWay === 'relay') this.#using = 'relay';
    else if (this.#isUp && this.#otherWay === 'channel') this.#using = 'channel';
    if (this.#using !== before) this.#next = this.#sender.acked;
    if (this.#using === 'relay') this.#watchRelay();
    this.#updateState();
  }

  #updateState() {
    const { peer } = this;
    const was = `${peer.state} ${peer.path}`;
    if (this.#using === 'channel' && this.#isUp) {
      if (peer.state !== 'open') this.#updatePath();
      peer.state = 'open';
      this.#wasOpen = true;
    } else {
      peer.state = this.#using === 'relay' ? 'relayed' : this.#wasOpen ? 'interrupted' : 'connecting';
      peer.path = this.#using === 'relay' ? 'server' : '';
    }
    if (was !== `${peer.state} ${peer.path}`) this.#hooks.changed();
  }

  /** @returns {Promise<import('./stats.js').PeerStats>} how it does */
  async stats() {
    const { Meter } = await import('./stats.js');
    const { report, pair } = await this.#connection?.stats() ?? { report: [] };
    this.#meter ??= new Meter(this.#begun);
    return this.#meter.read({ path: this.peer.path, report, pair, relayed: this.#relayed });
  }

  async #updatePath() {
    const path = await this.#connection?.path().catch(() => null) ?? 'direct';
    if (this.peer.state !== 'open' || this.#closed) return;
    this.peer.path = path;
    this.#hooks.changed();
  }

  // --- statuses ---

  /**
   * @param {Why} [why]
   * @returns {Status}
   */
  #status(why = '') {
    const at = this.#confirmed = this.#receiver.received;
    clearTimeout(this.#timers.ack);
    this.#timers.ack = 0;
    return {
      protocol: PROTOCOL, session: this.#session, to: this.#otherSession, at, way: this.#way, turn: this.#epoch, why,
      max: this.#maxReceive, ...(this.#receiver.refused && { ended: true }),
    };
  }

  /**
   * @param {Way} way
   * @param {Why} [why]
   */
  #sendStatus(way, why) {
    if (this.#closed) return; // a page may leave when it is told of anything
    if (way === 'channel') this.#connection?.send(JSON.stringify(this.#status(why)));
    else this.#relay({ status: this.#status(why) });
  }

  /**
   * Refused is what goes to a peer that has just gone, or is too much.
   * @param {{status: Status, offset?: number, bytes?: string}} data
   * @param {(error: Error) => void} [refused]
   * @returns {Promise<void>} once it was relayed, or is not going to be
   */
  #relay(data, refused = () => {}) {
    const done = () => { this.#relaysPending--; };
    this.#relaysPending++;
    return this.#hooks.relay(RELAYED, data).catch(refused).then(done);
  }

  /**
   * By the server one after the other, however often we are asked.
   * @param {Way} way
   */
  async #answer(way) {
    if (way === 'channel') return this.#sendStatus(way, 'answer');
    this.#owesAnswer = true;
    if (this.#answering) return;
    this.#answering = true;
    while (this.#owesAnswer && !this.#closed) {
      this.#owesAnswer = false;
      await this.#relay({ status: this.#status('answer') });
    }
    this.#answering = false;
  }

  /**
   * @param {Status} status  as it came: it may be anything
   * @param {Way} from
   */
  #receiveStatus(status, from) {
    const { protocol, session, to, at, way, turn, why, max, ended } = status;
    if (protocol !== PROTOCOL) return this.#meetOther(protocol);
    if (typeof session !== 'string' || !session || session.length > 64) return false;
    if (!Number.isSafeInteger(at) || !Number.isSafeInteger(turn) || !['', 'channel', 'relay'].includes(way)) return false;
    const begins = session !== this.#otherSession;
    if (begins && !this.#mayBegin(session, from)) return false;
    if (from === 'channel') this.#channelSession = session;
    if (begins) this.#beginSession(session, Number.isSafeInteger(max) && max >= 0 ? max : MESSAGE_MAX);
    if (to === this.#session && at > this.#sender.acked) {
      this.#sender.ack(at);
      this.#unanswered = 0;
    }
    if (to === this.#session && ended === true && !this.#ended) {
      this.#ended = new Refusal(413, `This peer takes nothing of this page any more: it was sent too much. Its most is ${this.#otherMax} bytes a message.`);
      this.#sender.fail(this.#ended);
      this.#hooks.ended(this.#ended);
    }
    if (turn >= this.#otherEpoch) {
      this.#otherEpoch = turn;
      this.#otherWay = way;
    }
    if (this.#closed) return false;
    if (begins) this.#hooks.opened();
    this.#choose();
    // What was under way may not have arrived. (In a channel it does.)
    if (why === 'answer' && from === 'relay' && this.#using === 'relay') this.#next = this.#sender.acked;
    if (why === 'ask') this.#answer(from);
    this.#pump();
    return true;
  }

  /**
   * Whoever is another page again and again would have this one greet it each time.
   * @param {string} session
   * @param {Way} from
   */
  #mayBegin(session, from) {
    if (from === 'channel') return this.#channelSession === '' || this.#channelSession === session;
    return this.#otherSession === '' || Math.abs(Date.now() - this.#begunAt) >= SESSION_MS; // clocks are set
  }

  /**
   * A page that speaks otherwise.
   * @param {unknown} protocol
   */
  #meetOther(protocol) {
    if (protocol !== undefined && !Number.isInteger(protocol)) return false;
    if (!this.#ended) this.#hooks.ended(this.#ended = new Refusal(0, OTHER_PROTOCOL));
    this.#sender.fail(this.#ended);
    this.#saidRoom = '';
    this.complain(OTHER_PROTOCOL);
    return false;
  }

  /** @param {string} detail  what a person should know of it; empty: nothing */
  complain(detail) {
    if (this.peer.detail === detail) return;
    this.peer.detail = detail;
    this.#hooks.changed();
  }

  /**
   * Another page: what passed between us and the last one is over.
   * @param {string} session
   * @param {number} max  bytes of a message that it takes
   */
  #beginSession(session, max) {
    const anew = this.#otherSession !== '';
    this.#otherSession = session;
    this.#begunAt = Date.now();
    this.#otherEpoch = -1;
    this.#otherMax = Math.min(max, MESSAGE_MAX);
    this.#ended = null;
    this.#receiver.close();
    this.#receiver = this.#newReceiver();
    this.#confirmed = 0;
    this.#heardRoom = '';
    this.#held = [];
    this.complain('');
    if (!anew) return this.#sender.failLonger(this.#otherMax, tooLong(this.#otherMax));
    this.#sender.fail(otherPage());
    this.#sender = new Sender();
    this.#saidRoom = '';
    this.#next = 0;
    this.#wasOpen = false;
    this.#hooks.anew();
  }

  // --- what comes ---

  /**
   * By the channel.
   * @param {string | ArrayBuffer} data
   */
  #channelMessage(data) {
    if (typeof data === 'string') {
      const status = parse(data);
      if (status) this.#receiveStatus(status, 'channel');
      if (status?.why === 'answer') {
        clearTimeout(this.#timers.probe);
        this.#connection?.works();
      }
      if (status?.why === 'answer' && this.#absent) {
        this.#absent = 'answered';
        clearTimeout(this.#timers.absent);
      }
    } else if (data.byteLength > OFFSET_BYTES && this.#otherSession) {
      this.#receive(new DataView(data).getFloat64(0), new Uint8Array(data, OFFSET_BYTES));
    }
  }

  /**
   * By the server.
   * @param {any} data  as it came
   */
  relayed(data) {
    const { status, offset, bytes } = data ?? {};
    if (typeof status !== 'object' || !status || !this.#receiveStatus(status, 'relay')) return;
    if (bytes === undefined || status.to !== this.#session) return;
    let piece;
    try {
      piece = fromBase64(String(bytes));
    } catch {
      return; // no base64: not one of ours
    }
    this.#relayed.received += piece.length;
    this.#receive(offset, piece);
  }

  /**
   * @param {number} offset
   * @param {Uint8Array} bytes
   */
  #receive(offset, bytes) {
    if (this.#receiver.refused) return;
    const messages = this.#receiver.receive(offset, bytes);
    if (!this.#receiver.refused) this.#confirmSoon();
    for (const { kind, content } of messages) if (!this.#closed) this.#heard(kind, content);
  }

  /**
   * @param {number} kind
   * @param {Uint8Array} content  it may be anything
   */
  #heard(kind, content) {
    try {
      if (kind < KIND.room) this.say(() => decodeData(kind, content), this.#heardRoom, content.length);
      else if (kind === KIND.room) this.#heardRoom = decodeText(content);
      else if (kind === KIND.control) this.#hearControl(JSON.parse(decodeText(content)));
      else if (kind === KIND.chunk) this.#hearChunk(content);
    } catch (error) {
      excuse(error);
    }
  }

  /** @param {any} message */
  #hearControl(message) {
    if (Array.isArray(message) && typeof message[0] === 'string') this.#hooks.control(message[0], message[1]);
  }

  /** @param {Uint8Array} content */
  #hearChunk(content) {
    if (content.length < CHUNK_HEAD_BYTES) return;
    this.#hooks.chunk(new DataView(content.buffer, content.byteOffset).getUint32(0), content.subarray(CHUNK_HEAD_BYTES));
  }

  /**
   * It says something in a room. A channel may be quicker than the server, which says who is there.
   * @param {() => any} decode
   * @param {string} room
   * @param {number} [bytes]  that are held until then
   */
  say(decode, room, bytes = 0) {
    try {
      if (this.#hooks.data(decode, room)) return;
    } catch (error) {
      return excuse(error);
    }
    const held = this.#held.reduce((sum, one) => sum + one.bytes, bytes);
    if (this.#held.length < EARLY_MAX && held <= this.#maxReceive) this.#held.push({ decode, room, bytes });
  }

  /**
   * What it sends is not taken any more.
   * @param {string} why
   */
  refuse(why) {
    if (!this.#receiver.refused) this.#receiver.refuse(why);
  }

  #newReceiver() {
    return new Receiver({ max: this.#maxReceive, quota: this.#quota, refused: (why) => this.#refuse(why) });
  }

  /**
   * It sent too much. The channel stays, for what we send to it.
   * @param {string} why
   */
  #refuse(why) {
    this.complain(`${why} What it sends is not taken any more.`);
    this.#sendStatus(this.#using || 'channel');
    this.#hooks.ended(new Refusal(413, this.peer.detail));
  }

  #confirmSoon() {
    const relay = this.#using === 'relay';
    const confirm = () => this.#sendStatus(this.#using || 'channel');
    if (this.#receiver.received - this.#confirmed >= (relay ? RELAY_ACK_BYTES : ACK_BYTES)) confirm();
    else this.#timers.ack ||= setTimeout(confirm, relay ? RELAY_ACK_MS : ACK_MS);
  }

  // --- what goes ---

  /** All that is sent in this turn goes together. */
  #schedulePump() {
    if (this.#pumpScheduled) return;
    this.#pumpScheduled = true;
    queueMicrotask(() => {
      this.#pumpScheduled = false;
      this.#pump();
    });
  }

  #pump() {
    if (this.#closed || !this.#otherSession || this.#ended) return;
    this.#next = Math.max(this.#next, this.#sender.acked); // it may have arrived before it was sent again
    if (this.#using === 'channel') this.#pumpChannel();
    if (this.#using === 'relay') this.#pumpRelay();
  }

  #pumpChannel() {
    const connection = /** @type {Connection} */ (this.#connection);
    const { messageMax, up } = connection;
    const window = Math.min(this.#sender.end, this.#sender.acked + WINDOW);
    while (up && this.#next < window && connection.buffered < BUFFER_HIGH) {
      const piece = this.#sender.slice(this.#next, Math.min(messageMax - OFFSET_BYTES, PIECE_MAX));
      new DataView(piece.buffer).setFloat64(0, this.#next);
      if (!connection.send(piece)) return;
      this.#next += piece.length - OFFSET_BYTES;
    }
  }

  #pumpRelay() {
    const window = Math.min(this.#sender.end, this.#sender.acked + RELAY_WINDOW);
    while (this.#next < window) {
      const offset = this.#next;
      const piece = this.#sender.slice(offset, this.#piece).subarray(OFFSET_BYTES);
      this.#next += piece.length;
      this.#relayed.sent += piece.length;
      this.#relay({ status: this.#status(), offset, bytes: toBase64(piece) }, (error) => {
        if (!(error instanceof Refusal) || error.status !== 413 || this.#piece <= RELAY_PIECE_MIN) return; // it will be asked
        this.#piece = Math.max(RELAY_PIECE_MIN, this.#piece >> 1);
        this.#next = Math.min(this.#next, offset);
        this.#schedulePump();
      });
    }
  }

  /** What goes through the server may be lost on the way: then the other end is asked. */
  #watchRelay() {
    if (this.#timers.relay || this.#closed) return;
    const wait = Math.min(RELAY_AGAIN_MS * 2 ** this.#unanswered, RELAY_AGAIN_MAX_MS);
    const acked = this.#sender.acked;
    this.#timers.relay = setTimeout(() => {
      this.#timers.relay = 0;
      if (this.#using !== 'relay') return;
      const stuck = this.#sender.end > this.#sender.acked && this.#sender.acked === acked;
      if (!this.#relaysPending && (!this.#otherWay || stuck)) {
        this.#unanswered++;
        this.#sendStatus('relay', 'ask');
      }
      this.#watchRelay();
    }, wait);
  }
}

/**
 * What is not JSON, or nested deeper than a browser takes, was none of ours. What else fails is told, and what comes after it
 * is heard.
 * @param {unknown} error
 */
function excuse(error) {
  if (!(error instanceof SyntaxError || error instanceof RangeError)) throwLater(error);
}

export function otherPage() {
  return new Refusal(404, 'The peer has loaded a new page.');
}

export function peerGone() {
  return new Refusal(404, 'The peer has gone.');
}

export function tooMuchWaits() {
  return new Refusal(0, 'Too much is waiting to be sent to this peer.');
}

/** @param {number} max */
function tooLong(max) {
  return new Refusal(413, `This peer takes messages of up to ${max} bytes.`);
}

/**
 * @param {string} text
 * @returns {Status | null}
 */
function parse(text) {
  try {
    const status = JSON.parse(text);
    return typeof status === 'object' ? status : null;
  } catch {
    return null;
  }
}
