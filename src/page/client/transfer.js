/**
 * transfer.js - Blobs and streams to a peer and from it, of which neither page holds more than a window.
 *
 * Who sends begins a transfer under a number of its own, sends chunks, and ends it. Who receives says how far that may
 * go (`credit`, counted from the beginning), and, when its page has read the last of it, that it is `done`. Either ends
 * it before that, and says why. So for one number, each end's in this order:
 *
 *     from who sends      begin, chunk…, end      abort instead of any after begin, or after end
 *     from who receives   credit…, done           cancel instead of any
 *
 * After done, cancel and abort both have forgotten it: what is still on its way under that number means nothing.
 *
 * A few chunks at a time are in a link's queue, of all transfers in turn, and as many as go within half a second: what
 * else is sent to that peer comes right after them.
 */

import { Emitter, callPage } from './events.js';
import { otherPage, peerGone } from './link.js';
import { withoutBidi } from './names.js';
import { Refusal, asError, deferred, rejected } from './requests.js';

const CHUNK_MIN = 16_384;
const CHUNK_MAX = 65_536;
/** What is not read holds so much; what is read, a window. */
const UNREAD_BYTES = CHUNK_MAX;
const READ_WINDOW = 1024 * 1024;
/** As which a chunk counts that is smaller: so a window is no more than a thousand of them. */
const COST_MIN = 1_024;
const AT_ONCE = 64; // from one page to another
const ANSWERS_MAX = 10_000; // to what a page has begun, which it has not confirmed: one that begins 64 at a time gets there never
const KEPT_MAX = 64; // that are whole, and unread, of pages that are gone
/** So long who receives may leave it unread, and keep others waiting to whom the same stream goes. */
const PATIENCE_MS = 300_000;
const PROGRESS_MS = 50;

// Bytes in a link's queue: more while they arrive within QUICK_MS, less when they take longer than LAGS_MS.
const BACKLOG_FIRST = 65_536;
const BACKLOG_MIN = CHUNK_MIN;
const BACKLOG_MAX = 1024 * 1024;
const QUICK_MS = 500;
const LAGS_MS = 1_000;

const LABEL_MAX = 255;
const WHY_MAX = 200;
/** Who collects a Blob gives so many at a time to the browser, which may put them on the disk. */
const BLOB_CHUNKS = 64;

/**
 * @typedef {import('./link.js').Link} Link
 *
 * @typedef {{room: string, size?: number, type?: string, name?: string}} About
 *
 * @typedef {object} SendProgress  how far it has come
 * @property {import('./peer.js').Peer} peer
 * @property {number} sent    bytes that have arrived there
 * @property {number} [size]  of how many
 *
 * @typedef {object} SourceOptions  of a Blob or a stream that is sent; size, type and name: of a stream
 * @property {AbortSignal} [signal]  ends it, at both ends
 * @property {(progress: SendProgress) => void} [progress]
 *     called about twenty times a second while it goes on, and at the end
 * @property {number} [size]  in bytes, where it is known
 * @property {string} [type]  as a Blob's
 * @property {string} [name]  as a File's
 *
 * @typedef {{progress: {received: number, size: number | undefined}}} IncomingEvents
 */

/**
 * Whether it goes as a transfer.
 * @param {unknown} data
 * @returns {data is Blob | ReadableStream<Uint8Array<ArrayBuffer>>}
 */
export function isSource(data) {
  return data instanceof Blob || data instanceof ReadableStream;
}

/** A number of places, or of bytes, for which who comes first is served first. */
class Turns {
  used = 0;
  /** @type {{count: number, enter: () => void}[]} */
  #waiting = [];

  /** @param {number} max */
  constructor(max) {
    this.max = max;
  }

  /**
   * @param {number} count  that are used from now on, or from then on
   * @returns {Promise<void> | null} null: it need not wait
   */
  enter(count) {
    if (!this.#waiting.length && this.#fits(count)) {
      this.used += count;
      return null;
    }
    return new Promise((enter) => { this.#waiting.push({ count, enter }); });
  }

  /** @param {number} count */
  leave(count) {
    this.used -= count;
    while (this.#waiting.length && this.#fits(this.#waiting[0].count)) {
      const { count: next, enter } = /** @type {{count: number, enter: () => void}} */ (this.#waiting.shift());
      this.used += next;
      enter();
    }
  }

  /** @param {number} count */
  #fits(count) {
    return !this.used || this.used + count <= this.max;
  }
}

/** All transfers of one link. */
class Lane {
  /** @type {Map<number, Sending>} */
  outgoing = new Map();
  /** @type {Map<number, Incoming>} */
  incoming = new Map();
  places = new Turns(AT_ONCE);
  queue = new Turns(BACKLOG_FIRST);
  #number = 0;
  #answers = 0; // that are not confirmed
  #closed = false;

  /** @param {Link} link */
  constructor(link) {
    this.link = link;
  }

  nextNumber() {
    this.#number = (this.#number + 1) % 2 ** 32;
    return this.#number;
  }

  /** Bytes of the next chunk. */
  get chunk() {
    return Math.min(Math.max(this.queue.max / 4, CHUNK_MIN), CHUNK_MAX);
  }

  /**
   * @param {string} step
   * @param {number} number
   * @param {object} [more]
   * @returns {Promise<void>}
   */
  async say(step, number, more) {
    if (!this.#closed) await this.link.control('transfer', { step, number, ...more });
  }

  /**
   * As say(), of what the other end has begun.
   * @param {string} step
   * @param {number} number
   * @param {object} [more]
   */
  async answer(step, number, more) {
    if (this.#answers === ANSWERS_MAX) return this.link.refuse('It began transfers without end.');
    this.#answers++;
    await this.say(step, number, more).catch(() => {}); // who is gone needs no answer
    this.#answers--;
  }

  /**
   * @param {number} number
   * @param {Uint8Array<ArrayBuffer>} bytes
   */
  async send(number, bytes) {
    const { queue } = this;
    const start = performance.now();
    try {
      await this.link.chunk(number, bytes);
      const took = performance.now() - start;
      if (took > LAGS_MS) queue.max = Math.max(queue.max - bytes.length, BACKLOG_MIN);
      else if (took < QUICK_MS && queue.used > queue.max / 2) queue.max = Math.min(queue.max + bytes.length, BACKLOG_MAX);
    } finally {
      queue.leave(cost(bytes));
    }
  }

  /**
   * Nothing goes or comes any more. What has come and is whole can still be read.
   * @param {Error} error
   * @returns {Incoming[]} these
   */
  close(error) {
    this.#closed = true;
    for (const one of [...this.outgoing.values()]) one.fail(error, false);
    for (const one of [...this.incoming.values()]) if (!one[isWhole]) one[lost](error);
    return [...this.incoming.values()];
  }
}

/** One source, to one peer. */
class Sending {
  #lane;
  #about;
  #number;
  #result = deferred();
  #begun;
  #sent = 0;
  #pushed = 0;
  #spent = 0; // of its credit
  #credit = UNREAD_BYTES;
  #more = deferred(); // credit, or there is none to wait for any more
  #ended = false;
  #settled = false;
  #report;
  writing = false;

  /**
   * @param {Lane} lane
   * @param {About} about
   * @param {(progress: SendProgress) => void} [progress]
   */
  constructor(lane, about, progress = () => {}) {
    this.#lane = lane;
    this.#about = about;
    this.#number = lane.nextNumber();
    this.#report = paced(() => progress({ peer: lane.link.peer, sent: this.#sent, size: about.size }));
    lane.outgoing.set(this.#number, this);
    this.#begun = this.#begin();
  }

  /** Settled when the other page has read all of it. */
  get result() {
    return this.#result.promise;
  }

  get settled() {
    return this.#settled;
  }

  async #begin() {
    const turn = this.#lane.places.enter(1);
    if (turn) await turn;
    if (!this.#settled) this.#say('begin', this.#about);
    this.result.catch(() => {}).then(() => this.#lane.places.leave(1));
  }

  /**
   * @param {string} step
   * @param {object} [more]
   */
  #say(step, more) {
    this.#lane.say(step, this.#number, more).catch((error) => this.fail(error, false));
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} bytes
   * @returns {Promise<void>}  when the next may come; never rejected
   */
  async write(bytes) {
    this.writing = true;
    await this.#begun;
    for (let at = 0; at < bytes.length && !this.#settled;) {
      const piece = bytes.subarray(at, at + this.#lane.chunk);
      at += piece.length;
      await this.#push(piece);
    }
    this.writing = false;
  }

  /** @param {Uint8Array<ArrayBuffer>} piece */
  async #push(piece) {
    const { queue } = this.#lane;
    this.#spent += cost(piece);
    while (this.#spent > this.#credit && !this.#settled) await this.#more.promise;
    const turn = queue.enter(cost(piece));
    if (turn) await turn;
    if (this.#settled) return queue.leave(cost(piece));
    this.#pushed += piece.length;
    this.#lane.send(this.#number, piece).then(() => {
      this.#sent += piece.length;
      if (!this.#settled) this.#report();
    }, (error) => this.fail(error, false));
  }

  /** That was all. */
  async end() {
    await this.#begun;
    if (this.#settled) return;
    const { size = this.#pushed } = this.#about;
    if (size !== this.#pushed) return this.fail(new RangeError(`The stream has ${this.#pushed} bytes, and not ${size}.`));
    this.#ended = true;
    this.#say('end');
  }

  /**
   * @param {Error} error
   * @param {boolean} [tell]  the other end
   */
  fail(error, tell = true) {
    if (!this.#settle()) return;
    if (tell) this.#say('abort', { why: reasonOf(error) });
    this.#result.reject(error);
  }

  /** @param {unknown} to  as it came */
  credited(to) {
    if (!(Number.isSafeInteger(to) && Number(to) > this.#credit)) return;
    this.#credit = Number(to);
    this.#more.resolve();
    this.#more = deferred();
  }

  done() {
    if (!this.#ended) return this.fail(new Refusal(400, 'The peer says that it has all of it, which was not sent yet.'));
    if (!this.#settle()) return;
    this.#sent = this.#pushed;
    this.#report(true);
    this.#result.resolve();
  }

  #settle() {
    if (this.#settled) return false;
    this.#settled = true;
    this.#lane.outgoing.delete(this.#number);
    this.#more.resolve();
    return true;
  }
}

/** What the module does with an Incoming, and a page does not. */
const push = Symbol('push');
const end = Symbol('end');
const lost = Symbol('lost');
const isWhole = Symbol('isWhole');
const isOver = Symbol('isOver');

/**
 * A Blob or a stream that a peer sends. Who does not want it cancels it: what nobody has begun to read within five
 * minutes is given up.
 *
 * Event: progress (received, size), about twenty times a second while it comes, and at the end.
 * @extends {Emitter<IncomingEvents, {progress: (received: number, size: number | undefined) => void}>}
 */
export class Incoming extends Emitter {
  /** In bytes; undefined: nobody knows. @type {number | undefined} @readonly */
  size;
  /** As a Blob's, as the peer says. @readonly */
  type;
  /**
   * Of the file, as the peer says: without folders, and fit to be shown. Undefined: it is no file.
   * @type {string | undefined}
   * @readonly
   */
  name;
  /** Bytes that have come. */
  received = 0;
  /** What it has, at the pace at which it is read. @type {ReadableStream<Uint8Array<ArrayBuffer>>} @readonly */
  stream;

  #lane;
  #number;
  #blobMax;
  #max = Infinity; // of what is being collected
  /** @type {ReadableStreamDefaultController<Uint8Array<ArrayBuffer>>} */
  #controller = /** @type {any} */ (null); // start() is called at once
  /** That has come, and nobody has read yet. @type {Uint8Array<ArrayBuffer>[]} */
  #unread = [];
  #wanted = false; // what comes next is being waited for
  #spent = 0; // of its credit
  #read = 0; // of what was spent
  #credit = UNREAD_BYTES;
  #ended = false; // all has come
  #over = false; // and is read; or it has failed
  #timer;
  #report;

  /**
   * @param {Lane} lane
   * @param {number} number
   * @param {About} about
   * @param {number} blobMax
   * @internal
   */
  constructor(lane, number, { size, type = '', name }, blobMax) {
    super();
    this.size = size;
    this.type = type;
    this.name = name;
    this.#lane = lane;
    this.#number = number;
    this.#blobMax = blobMax;
    this.#report = paced(() => this.emit('progress', { received: this.received, size }));
    this.#timer = setTimeout(() => this.cancel(new Refusal(408, 'Nobody has begun to read it.')), PATIENCE_MS);
    this.stream = new ReadableStream({
      start: (controller) => { this.#controller = controller; },
      pull: () => this.#pull(),
      cancel: (reason) => this.#cancelled(reason),
    }, { highWaterMark: 0 });
  }

  /**
   * All of it as one.
   * @param {{max?: number}} [options]  bytes that it may have, the Drawbridge's `maxReceive` if not given. What is
   *     longer is cancelled.
   * @returns {Promise<Blob>} rejected with a Refusal where it is longer (413), or ends before it is whole
   */
  async blob({ max = this.#blobMax } = {}) {
    const reader = this.stream.getReader();
    this.#max = max;
    this.#check(Math.max(this.received, this.size ?? 0));
    /** @type {BlobPart[]} */
    const parts = [];
    /** @type {Uint8Array<ArrayBuffer>[]} */
    const chunks = [];
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      chunks.push(next.value);
      if (chunks.length === BLOB_CHUNKS) parts.push(new Blob(chunks.splice(0)));
    }
    return new Blob([...parts, ...chunks], { type: this.type });
  }

  /** @param {number} bytes */
  #check(bytes) {
    if (bytes > this.#max) this.cancel(new Refusal(413, `It has more than ${this.#max} bytes.`));
  }

  /**
   * The peer need not send the rest; its promise is rejected, and this end's stream fails.
   * @param {unknown} [reason]  for both, an Error or words
   */
  cancel(reason) {
    if (this.#over) return;
    this.#cancelled(reason);
    this.#controller.error(typeof reason === 'string' ? new Refusal(403, reason) : reason ?? new DOMException('It was cancelled.', 'AbortError'));
  }

  /** @param {unknown} reason */
  #cancelled(reason) {
    if (!this.#finish()) return;
    this.#say('cancel', { why: reasonOf(reason), status: reason instanceof Refusal ? reason.status : undefined });
  }

  /** Somebody reads: it is given what there is, or what comes next. */
  #pull() {
    clearTimeout(this.#timer);
    const bytes = this.#unread.shift();
    this.#wanted = !bytes;
    if (bytes) {
      this.#read += cost(bytes);
      this.#controller.enqueue(bytes);
    }
    this.#complete();
    if (this.#ended || this.#read + READ_WINDOW - this.#credit < READ_WINDOW / 2) return;
    this.#credit = this.#read + READ_WINDOW;
    this.#say('credit', { to: this.#credit });
  }

  /** What may be all: the end is known with the last bytes of it, as who knows the size asks for no more. */
  #complete() {
    if (!this.#ended || this.#unread.length || !this.#finish()) return;
    this.#say('done');
    this.#controller.close();
  }

  /**
   * @param {string} step
   * @param {object} [more]
   */
  #say(step, more) {
    this.#lane.answer(step, this.#number, more);
  }

  #finish() {
    if (this.#over) return false;
    this.#over = true;
    this.#unread = [];
    clearTimeout(this.#timer);
    this.#lane.incoming.delete(this.#number);
    return true;
  }

  /**
   * @param {Uint8Array<ArrayBuffer>} bytes  as they came
   * @internal
   */
  [push](bytes) {
    this.#spent += cost(bytes);
    const received = this.received + bytes.length;
    if (this.#ended || this.#spent > this.#credit || received > (this.size ?? Infinity)) {
      return this.cancel(new Refusal(400, 'The peer has sent more than it may.'));
    }
    this.received = received;
    this.#check(received);
    if (this.#over) return;
    // What is a small part of a buffer would hold all of it.
    this.#unread.push(2 * bytes.length > bytes.buffer.byteLength ? bytes : bytes.slice());
    if (this.#wanted) this.#pull();
    this.#report();
  }

  /** @internal */
  [end]() {
    if (this.received !== (this.size ?? this.received)) {
      return this.cancel(new Refusal(400, `The peer has sent ${this.received} bytes, and not ${this.size}.`));
    }
    this.#ended = true;
    this.#report(true);
    this.#complete();
  }

  /** @internal */
  get [isWhole]() {
    return this.#ended;
  }

  /** @internal */
  get [isOver]() {
    return this.#over;
  }

  /**
   * Nothing more comes.
   * @param {Error} error
   * @internal
   */
  [lost](error) {
    if (!this.#finish()) return;
    this.#controller.error(error);
  }
}

export class Transfers {
  #hooks;
  #blobMax;
  /** @type {WeakMap<Link, Lane>} */
  #lanes = new WeakMap();
  /** Whole ones, of pages that are gone. @type {Incoming[]} */
  #kept = [];

  /**
   * @param {{blobMax: number, incoming: (incoming: Incoming, link: Link, room: string) => void}} hooks
   *     blobMax: bytes of what blob() collects, if it is not told otherwise; incoming: one comes, which was sent in a room
   */
  constructor({ blobMax, incoming }) {
    this.#blobMax = blobMax;
    this.#hooks = { incoming };
  }

  /**
   * A Blob is read for each peer, at its pace. A stream can be read once, and goes to all at the pace of the slowest.
   * @param {Blob | ReadableStream<Uint8Array<ArrayBuffer>>} source
   * @param {{room: string} & SourceOptions} options
   * @returns {(link: Link) => Promise<void>} sends it there, too, if called in the same turn. Resolved when the page
   *     there has read all of it
   * @throws {TypeError} the stream is in use already
   */
  from(source, { room, signal, progress, ...about }) {
    const blob = source instanceof Blob ? /** @type {Blob & {name?: string}} */ (source) : null;
    if (source instanceof ReadableStream && source.locked) throw new TypeError('This stream is being read already.');
    const { size, type = '', name } = blob ?? about;
    /** @type {Sending[]} */
    const all = [];
    if (!blob) flow(/** @type {ReadableStream} */ (source).getReader(), all);
    return (link) => {
      if (signal?.aborted) return rejected(abortion(signal));
      const one = new Sending(this.#lane(link), { room, size, type, name: name?.slice(0, LABEL_MAX) }, progress);
      all.push(one);
      if (blob) flow(/** @type {any} */ (blob.stream()).getReader(), [one]);
      const abort = () => one.fail(abortion(/** @type {AbortSignal} */ (signal)));
      signal?.addEventListener('abort', abort);
      one.result.catch(() => {}).then(() => signal?.removeEventListener('abort', abort));
      return one.result;
    };
  }

  /**
   * What the other end says.
   * @param {Link} link
   * @param {any} payload  as it came
   */
  heard(link, payload) {
    const { step, number, ...more } = payload ?? {};
    const lane = this.#lane(link);
    const outgoing = lane.outgoing.get(number);
    const incoming = lane.incoming.get(number);
    if (step === 'begin') this.#begin(lane, number, more);
    else if (step === 'end') incoming?.[end]();
    else if (step === 'abort') incoming?.[lost](new Refusal(0, withWhy('The peer has stopped sending it', more.why)));
    else if (step === 'credit') outgoing?.credited(more.to);
    else if (step === 'done') outgoing?.done();
    else if (step === 'cancel') {
      const status = [400, 408, 413, 429].includes(more.status) ? more.status : 403;
      outgoing?.fail(new Refusal(status, withWhy('The peer does not want it', more.why)), false);
    }
  }

  /**
   * @param {Link} link
   * @param {number} number
   * @param {Uint8Array} bytes
   */
  chunk(link, number, bytes) {
    this.#lanes.get(link)?.incoming.get(number)?.[push](/** @type {Uint8Array<ArrayBuffer>} */ (bytes));
  }

  /**
   * Of the two one takes nothing of the other any more.
   * @param {Link} link
   * @param {Error} why
   */
  ended(link, why) {
    const whole = this.#lanes.get(link)?.close(why) ?? [];
    this.#lanes.delete(link);
    this.#kept = [...this.#kept, ...whole].filter((one) => !one[isOver]);
    for (const one of this.#kept.splice(0, Math.max(this.#kept.length - KEPT_MAX, 0))) one[lost](why);
  }

  /** @param {Link} link */
  reset(link) {
    this.ended(link, otherPage());
  }

  /** @param {Link} link */
  closed(link) {
    this.ended(link, peerGone());
  }

  /** @param {Link} link */
  #lane(link) {
    const lane = this.#lanes.get(link) ?? new Lane(link);
    this.#lanes.set(link, lane);
    return lane;
  }

  /**
   * @param {Lane} lane
   * @param {any} number
   * @param {any} about
   */
  #begin(lane, number, { room, size, type = '', name }) {
    if (!(Number.isInteger(number) && number >= 0 && number < 2 ** 32) || lane.incoming.has(number)) return;
    const refuse = (/** @type {number} */ status, /** @type {string} */ why) => {
      lane.answer('cancel', number, { status, why });
    };
    const sound = (size === undefined || (Number.isSafeInteger(size) && size >= 0)) &&
      [room, type, name ?? ''].every((text) => typeof text === 'string' && text.length <= LABEL_MAX);
    if (!sound) return refuse(400, 'Its room, size, type or name is none.');
    if (lane.incoming.size >= AT_ONCE) return refuse(429, `There are ${AT_ONCE} under way already.`);
    const incoming = new Incoming(lane, number, { room, size, type: typeFrom(type), name: nameFrom(name) }, this.#blobMax);
    lane.incoming.set(number, incoming);
    this.#hooks.incoming(incoming, lane.link, room);
  }
}

/**
 * Reads a stream, and writes it to all, none of whom is ahead of another by more than what is in its link's queue.
 * @param {ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>} reader
 * @param {Sending[]} all  whoever is among them after this turn
 */
async function flow(reader, all) {
  await null;
  Promise.allSettled(all.map(({ result }) => result)).then(() => reader.cancel('Nobody takes it any more.')).catch(() => {});
  try {
    while (all.some(({ settled }) => !settled)) {
      const { done, value } = await reader.read();
      if (done) break;
      if (!(value instanceof Uint8Array)) throw new TypeError('A stream can be sent whose chunks are Uint8Arrays.');
      const enough = watchSlow(all);
      await Promise.all(all.map((one) => one.write(value)));
      enough();
    }
    for (const one of all) one.end();
  } catch (error) {
    for (const one of all) one.fail(asError(error));
  }
}

/**
 * Gives up those who keep others waiting for too long. While all wait, it may be our own network.
 * @param {Sending[]} all
 * @returns {() => void} ends it
 */
function watchSlow(all) {
  let timer = 0;
  const look = () => {
    const left = all.filter(({ settled }) => !settled);
    const slow = left.filter(({ writing }) => writing);
    if (slow.length === left.length) return wait();
    for (const one of slow) one.fail(new Refusal(408, 'The peer kept others waiting for too long.'));
  };
  const wait = () => { timer = setTimeout(look, PATIENCE_MS); };
  if (all.length > 1) wait();
  return () => clearTimeout(timer);
}

/** @param {Uint8Array} bytes */
function cost(bytes) {
  return Math.max(bytes.length, COST_MIN);
}

/**
 * What a page wants to hear of while it goes on, but not of each step.
 * @param {() => void} report
 * @returns {(last?: boolean) => void}
 */
function paced(report) {
  let next = -Infinity;
  return (last = false) => {
    const now = performance.now();
    if (now < next && !last) return;
    next = now + PROGRESS_MS;
    callPage(report);
  };
}

/** @param {AbortSignal} signal */
function abortion(signal) {
  return signal.reason ?? new DOMException('It was aborted.', 'AbortError');
}

/**
 * Words for the other end. That something was aborted, without a reason, they say themselves.
 * @param {unknown} reason
 */
function reasonOf(reason) {
  if (reason === undefined || (reason instanceof DOMException && reason.name === 'AbortError')) return '';
  return asError(reason).message.slice(0, WHY_MAX);
}

/**
 * @param {string} what
 * @param {unknown} why  as it came
 */
function withWhy(what, why) {
  const words = typeof why === 'string' ? withoutBidi(why.slice(0, WHY_MAX)).trim() : '';
  return words ? `${what}: ${words}` : `${what}.`;
}

/** @param {string} type  as it came */
function typeFrom(type) {
  return /^[\x20-\x7e]*$/.test(type) ? type.toLowerCase() : '';
}

/**
 * What can be shown, and be a file's name in a folder that somebody chooses.
 * @param {string | undefined} name  as it came
 */
function nameFrom(name) {
  const clean = withoutBidi(name ?? '').replace(/[\p{Cc}\\/]/gu, '_');
  return /^\.*$/.test(clean) ? undefined : clean;
}
