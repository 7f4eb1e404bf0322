/**
 * peer.js - another peer in the room: what goes to it and comes from it, and which way.
 *
 * Data takes the data channel. Where there is none for 15 s it goes through the server, in both
 * directions as soon as one end wants that, until both ends have a channel again. Each end says
 * by a status what it has received, so that the other goes on from there whichever way it is; and how
 * long a message it takes. Who sends more is told that it has `ended`, and is not listened to any more.
 *
 * On a channel: a status as text; as bytes an offset (8 bytes) and data from there on. Through the
 * server: {"status":…} or {"status":…,"offset":…,"bytes":base64}, as the event `peer-data`.
 */

import { MESSAGE_MAX, Receiver, Sender, contentLength, fromBase64, toBase64 } from './bytes.js';
import { Connection } from './connection.js';
import { withoutBidi } from './names.js';
import { randomId } from './random.js';
import { Refusal } from './requests.js';

/**
 * @typedef {'connecting' | 'open' | 'interrupted' | 'relayed'} PeerState
 *     open: by a data channel; relayed: through the server
 *
 * @typedef {'' | 'channel' | 'relay'} Way
 * @typedef {'' | 'ask' | 'answer'} Why
 *
 * @typedef {object} PeerInfo
 * @property {string} id
 * @property {string} username  as it gave it, without characters that change the direction of the text around it
 * @property {PeerState} state
 * @property {'' | 'direct' | 'turn' | 'server'} path
 * @property {string} detail  why what it sends is not taken any more; empty where it is
 *
 * @typedef {object} Status
 * @property {string} session  of the sender: another page is another session
 * @property {string} to       the session that it knows of the other end; empty: none
 * @property {number} at       what it has received of that
 * @property {Way} way  that it wants
 * @property {number} turn     an epoch: counts how often it wanted another
 * @property {Why} why
 * @property {number} [max]     bytes of a message that the sender takes; where a page does not say, all that may be sent
 * @property {boolean} [ended]  it was sent too much, and takes nothing any more
 */

export const RELAYED = 'peer-data';

const RELAY_AFTER_MS = 15_000;
const ABSENT_MS = 5_000;
const OFFSET_BYTES = 8;
const PIECE_MAX = 65_536;
const BUFFER_HIGH = 262_144; // a channel's buffer is the browser's, and too much in it ends the channel
const WINDOW = 4 * 1024 * 1024; // sent and not yet confirmed
const ACK_BYTES = 262_144;
const ACK_MS = 50;
const PENDING_MAX = 256 * 1024 * 1024;

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
 * @property {(data: string | Uint8Array) => void} data
 * @property {() => void} changed  `info` has
 * @property {() => void} gone     it left, and its channel, too
 * @property {() => void} anew     the other end is another page: what it was sent is lost to it
 */

export class Peer {
  /** @type {PeerInfo} */
  info;

  #hooks;
  #maxReceive;
  #quota;
  #connection;
  #session = randomId();
  #otherSession = ''; // its session
  #sender = new Sender();
  #receiver;
  #otherMax = MESSAGE_MAX; // bytes of a message that the other end takes
  /** @type {Refusal | null} */
  #ended = null; // why all that is sent to it is refused
  #next = 0; // the offset that is to be sent next
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
  #wasOpen = false;
  #pumpScheduled = false;
  #unanswered = 0; // how often it was asked in vain
  #timers = { relayAfter: 0, absent: 0, ack: 0, relay: 0 };
  #absent = ''; // the server says that it has gone: it was `asked`, or has `answered` by the channel
  #closed = false;

  /**
   * @param {{id: string, username?: string, offers: boolean, polite: boolean, rtc?: RTCConfiguration,
   *     maxReceive: number, quota: import('./bytes.js').Quota}} options
   *     maxReceive: bytes of a message; quota: of what is collected of all peers' messages
   * @param {Hooks} hooks
   */
  constructor({ id, username, offers, polite, rtc, maxReceive, quota }, hooks) {
    this.info = { id, username: withoutBidi(username ?? '') || id, state: 'connecting', path: '', detail: '' };
    this.#hooks = hooks;
    this.#maxReceive = maxReceive;
    this.#quota = quota;
    this.#receiver = this.#newReceiver();
    this.#connection = new Connection({ offers, polite, rtc }, {
      signal: (event, data) => { hooks.relay(event, data).catch(() => {}); },
      withdraw: hooks.withdraw,
      iceServers: hooks.iceServers,
      changed: () => this.#changed(),
      message: (data) => this.#channelMessage(data),
      low: () => this.#pump(),
    });
    this.#relayIn(RELAY_AFTER_MS);
  }

  /** What negotiates for us. */
  get connection() {
    return this.#connection;
  }

  /** @param {string} username  as it came */
  rename(username) {
    const name = withoutBidi(username) || this.info.id;
    if (name === this.info.username) return;
    this.info.username = name;
    this.#hooks.changed();
  }

  /**
   * @param {Uint8Array} bytes  of encode()
   * @returns {Promise<void>} once it has arrived
   */
  send(bytes) {
    const refusal = this.#refusal(bytes);
    if (refusal) {
      const refused = Promise.reject(refusal);
      refused.catch(() => {}); // who is not interested need not say so
      return refused;
    }
    const sent = this.#sender.push(bytes);
    this.#schedulePump();
    return sent;
  }

  /** @param {Uint8Array} bytes */
  #refusal(bytes) {
    if (this.#ended) return this.#ended;
    if (contentLength(bytes) > this.#otherMax) return tooLong(this.#otherMax);
    const pending = this.#sender.end - this.#sender.acked;
    return pending && pending + bytes.length > PENDING_MAX ? new Refusal(0, 'Too much is waiting to be sent to this peer.') : null;
  }

  /**
   * The server says that it has gone. It may have lost its stream alone, and where the channel
   * works nobody need notice: it will join again.
   */
  removed() {
    if (!this.#connection.open) return this.#hooks.gone();
    this.#absent = 'asked';
    this.#sendStatus('channel', 'ask');
    this.#goneUnlessHeard();
  }

  #goneUnlessHeard() {
    clearTimeout(this.#timers.absent);
    this.#timers.absent = setTimeout(this.#hooks.gone, ABSENT_MS);
  }

  /**
   * @param {boolean} offers
   * @returns {boolean} whether it is who was here all along, as far as we know
   */
  added(offers) {
    if (this.#absent === 'asked') return false;
    this.#absent = '';
    clearTimeout(this.#timers.absent);
    this.#connection.announced(offers);
    if (!this.#connection.up && !this.#timers.relayAfter) this.#relayIn(RELAY_AFTER_MS);
    return true;
  }

  close(why = 'The peer has gone.') {
    this.#closed = true;
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.#connection.close();
    this.#receiver.close();
    this.#sender.fail(new Refusal(404, why));
  }

  // --- which way ---

  #changed() {
    // What was in the channel may be lost with it: the other end's next status says.
    if (this.#using === 'channel') this.#using = '';
    if (this.#connection.up) {
      clearTimeout(this.#timers.relayAfter);
      this.#timers.relayAfter = 0;
      this.#want('channel');
      this.#sendStatus('channel', 'ask');
    } else if (this.#absent) {
      if (!this.#connection.open) return this.#hooks.gone();
      this.#goneUnlessHeard();
    } else if (!this.#timers.relayAfter) {
      this.#relayIn(RELAY_AFTER_MS);
    }
    this.#updateInfo();
  }

  /** @param {number} ms */
  #relayIn(ms) {
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
    else if (this.#connection.up && this.#otherWay === 'channel') this.#using = 'channel';
    if (this.#using !== before) this.#next = this.#sender.acked;
    if (this.#using === 'relay') this.#watchRelay();
    this.#updateInfo();
  }

  #updateInfo() {
    const { info } = this;
    const was = `${info.state} ${info.path}`;
    if (this.#using === 'channel' && this.#connection.up) {
      if (info.state !== 'open') this.#updatePath();
      info.state = 'open';
      this.#wasOpen = true;
    } else {
      info.state = this.#using === 'relay' ? 'relayed' : this.#wasOpen ? 'interrupted' : 'connecting';
      info.path = this.#using === 'relay' ? 'server' : '';
    }
    if (was !== `${info.state} ${info.path}`) this.#hooks.changed();
  }

  async #updatePath() {
    const path = await this.#connection.path().catch(() => /** @type {const} */ ('direct'));
    if (this.info.state !== 'open' || this.#closed) return;
    this.info.path = path;
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
      session: this.#session, to: this.#otherSession, at, way: this.#way, turn: this.#epoch, why,
      max: this.#maxReceive, ...(this.#receiver.refused && { ended: true }),
    };
  }

  /**
   * @param {Way} way
   * @param {Why} [why]
   */
  #sendStatus(way, why) {
    if (way === 'channel') this.#connection.send(JSON.stringify(this.#status(why)));
    else this.#relay({ status: this.#status(why) });
  }

  /**
   * Refused is what goes to a peer that has just gone, or is too much.
   * @param {{status: Status, offset?: number, bytes?: string}} data
   * @param {(error: Error) => void} [refused]
   */
  #relay(data, refused = () => {}) {
    const done = () => { this.#relaysPending--; };
    this.#relaysPending++;
    this.#hooks.relay(RELAYED, data).catch(refused).then(done);
  }

  /**
   * @param {Status} status  as it came: it may be anything
   * @param {Way} from
   */
  #receiveStatus(status, from) {
    const { session, to, at, way, turn, why, max = MESSAGE_MAX, ended } = status;
    if (typeof session !== 'string' || !session || session.length > 64) return false;
    if (!Number.isSafeInteger(at) || !Number.isSafeInteger(turn) || !['', 'channel', 'relay'].includes(way)) return false;
    if (session !== this.#otherSession) this.#beginSession(session, Number.isSafeInteger(max) && max >= 0 ? max : MESSAGE_MAX);
    if (to === this.#session && at > this.#sender.acked) {
      this.#sender.ack(at);
      this.#unanswered = 0;
    }
    if (to === this.#session && ended === true && !this.#ended) {
      this.#ended = new Refusal(413, `This peer takes nothing of this page any more: it was sent too much. Its most is ${this.#otherMax} bytes a message.`);
      this.#sender.fail(this.#ended);
    }
    if (turn >= this.#otherEpoch) {
      this.#otherEpoch = turn;
      this.#otherWay = way;
    }
    this.#choose();
    // What was under way may not have arrived. (In a channel it does.)
    if (why === 'answer' && from === 'relay' && this.#using === 'relay') this.#next = this.#sender.acked;
    if (why === 'ask') this.#sendStatus(from, 'answer');
    this.#pump();
    return true;
  }

  /**
   * Another page: what passed between us and the last one is over.
   * @param {string} session
   * @param {number} max  bytes of a message that it takes
   */
  #beginSession(session, max) {
    const anew = this.#otherSession !== '';
    this.#otherSession = session;
    this.#otherEpoch = -1;
    this.#otherMax = Math.min(max, MESSAGE_MAX);
    this.#ended = null;
    this.#receiver.close();
    this.#receiver = this.#newReceiver();
    this.#confirmed = 0;
    this.info.detail = '';
    if (!anew) return this.#sender.failLonger(this.#otherMax, tooLong(this.#otherMax));
    this.#sender.fail(new Refusal(404, 'The peer has loaded a new page.'));
    this.#sender = new Sender();
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
    try {
      this.#receive(offset, fromBase64(String(bytes)));
    } catch {
      /* no base64: not one of ours */
    }
  }

  /**
   * @param {number} offset
   * @param {Uint8Array} bytes
   */
  #receive(offset, bytes) {
    if (this.#receiver.refused) return;
    const messages = this.#receiver.receive(offset, bytes);
    if (!this.#receiver.refused) this.#confirmSoon();
    for (const message of messages) if (!this.#closed) this.#hooks.data(message);
  }

  #newReceiver() {
    return new Receiver({ max: this.#maxReceive, quota: this.#quota, refused: (why) => this.#refuse(why) });
  }

  /**
   * It sent too much. The channel stays, for what we send to it.
   * @param {string} why
   */
  #refuse(why) {
    this.info.detail = `${why} What it sends is not taken any more.`;
    this.#hooks.changed();
    this.#sendStatus(this.#using || 'channel');
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
    if (this.#closed || !this.#otherSession) return;
    this.#next = Math.max(this.#next, this.#sender.acked); // it may have arrived before it was sent again
    if (this.#using === 'channel') this.#pumpChannel();
    if (this.#using === 'relay') this.#pumpRelay();
  }

  #pumpChannel() {
    const { messageMax, up } = this.#connection;
    const window = Math.min(this.#sender.end, this.#sender.acked + WINDOW);
    while (up && this.#next < window && this.#connection.buffered < BUFFER_HIGH) {
      const piece = this.#sender.slice(this.#next, Math.min(messageMax - OFFSET_BYTES, PIECE_MAX), OFFSET_BYTES);
      new DataView(piece.buffer).setFloat64(0, this.#next);
      if (!this.#connection.send(piece)) return;
      this.#next += piece.length - OFFSET_BYTES;
    }
  }

  #pumpRelay() {
    const window = Math.min(this.#sender.end, this.#sender.acked + RELAY_WINDOW);
    while (this.#next < window) {
      const offset = this.#next;
      const piece = this.#sender.slice(offset, this.#piece);
      this.#next += piece.length;
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
    if (this.#timers.relay) return;
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
