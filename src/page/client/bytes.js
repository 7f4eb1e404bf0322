/**
 * bytes.js - messages to a peer as one stream of bytes, whatever way it takes.
 *
 * A message is its length (4 bytes), its kind (1 byte) and its content. What is sent stays here
 * until the other end says that it has it; from there on it can be sent again, another way and in
 * other pieces. The other end takes only what comes next, so that nothing is lost, doubled or reordered.
 *
 * A message that is not whole yet is collected in one buffer, which grows with what comes of it: what
 * the other end announces costs nothing. All that is collected of all peers has a bound, the Quota's.
 */

import { firstIndex } from './search.js';

const HEAD_BYTES = 5;
/** Before a message there is room for the offset at which it goes, so that a long one can be sent without a copy. */
export const OFFSET_BYTES = 8;
export const MESSAGE_MAX = 256 * 1024 * 1024;

/** What a message is. All from `room` on are between the two modules, and not the page's. */
export const KIND = {
  bytes: 0,
  text: 1,
  json: 2,
  /** The name of a room: what follows is said in it. */
  room: 3,
  /** JSON: [module, payload]. */
  control: 4,
  /** A number (4 bytes), and bytes of what has that number. */
  chunk: 5,
};
/** Of the content of one that is not the page's: it is taken, however little a page takes. */
export const INTERNAL_MAX = 65_536 + 1_024;

/**
 * Of what encode() made.
 * @param {Uint8Array} message
 */
export function contentLength(message) {
  return message.length - HEAD_BYTES;
}

/**
 * Whether a receiver that takes so many bytes takes this message.
 * @param {number} kind
 * @param {number} length  of its content
 * @param {number} max
 */
function fits(kind, length, max) {
  return length <= (kind < KIND.room ? max : INTERNAL_MAX);
}

/**
 * @param {Uint8Array} message  of encode()
 * @param {number} max
 */
export function isTaken(message, max) {
  return fits(message[4], contentLength(message), max);
}

/**
 * A message of what a page sends.
 * @param {unknown} data
 * @throws {TypeError} it is nothing that can be sent
 */
export function encodeData(data) {
  if (typeof data === 'string') return encodeText(KIND.text, data);
  if (data instanceof ArrayBuffer) return encode(KIND.bytes, new Uint8Array(data));
  if (ArrayBuffer.isView(data)) return encode(KIND.bytes, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  if (!isJson(data)) {
    throw new TypeError('What can be sent is a string, an ArrayBuffer or a view of one, a Blob, a ReadableStream, ' +
      'or JSON: a plain object, an array, a finite number, true, false or null.');
  }
  return encodeText(KIND.json, JSON.stringify(data, refuseBytes));
}

/**
 * JSON has none: they would arrive as an object of numbers, or as an empty one.
 * @param {string} _key
 * @param {unknown} value
 */
function refuseBytes(_key, value) {
  if (!(ArrayBuffer.isView(value) || value instanceof ArrayBuffer || value instanceof Blob)) return value;
  throw new TypeError('Bytes are sent by themselves, not within JSON.');
}

/** @param {unknown} data */
function isJson(data) {
  if (typeof data !== 'object') return typeof data === 'boolean' || Number.isFinite(data);
  return data === null || Array.isArray(data) || [Object.prototype, null].includes(Object.getPrototypeOf(data));
}

/**
 * @param {number} kind
 * @param {string} text
 * @throws {TypeError} it is one that UTF-8 cannot have
 */
export function encodeText(kind, text) {
  if (/\p{Surrogate}/u.test(text)) throw new TypeError('A string with half of a surrogate pair cannot be sent.');
  return encode(kind, new TextEncoder().encode(text));
}

/**
 * @param {number} kind
 * @param {...Uint8Array} parts  of its content
 */
export function encode(kind, ...parts) {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const message = new Uint8Array(new ArrayBuffer(OFFSET_BYTES + HEAD_BYTES + length), OFFSET_BYTES);
  new DataView(message.buffer).setUint32(OFFSET_BYTES, length);
  message[4] = kind;
  let at = HEAD_BYTES;
  for (const part of parts) {
    message.set(part, at);
    at += part.length;
  }
  return message;
}

/** @param {Uint8Array} content */
export function decodeText(content) {
  return new TextDecoder('utf-8', { ignoreBOM: true }).decode(content); // a BOM is kept so
}

/**
 * Of a message that is the page's.
 * @param {number} kind
 * @param {Uint8Array} content
 * @returns {any}
 * @throws {SyntaxError} it is to be JSON, and is none
 */
export function decodeData(kind, content) {
  if (kind === KIND.bytes) return content;
  return kind === KIND.text ? decodeText(content) : JSON.parse(decodeText(content));
}

export class Sender {
  acked = 0; // all before this offset has arrived
  end = 0;
  /**
   * The first of them is at or before `acked`.
   * @type {{at: number, bytes: Uint8Array, resolve: () => void, reject: (error: Error) => void}[]}
   */
  #messages = [];

  /**
   * @param {Uint8Array} bytes  a message of encode(); it is not copied
   * @returns {Promise<void>} once it has arrived
   */
  push(bytes) {
    /** @type {Promise<void>} */
    const sent = new Promise((resolve, reject) => {
      this.#messages.push({ at: this.end, bytes, resolve, reject });
    });
    sent.catch(() => {}); // who is not interested need not say so
    this.end += bytes.length;
    return sent;
  }

  /**
   * At most so many bytes from an offset on, not before `acked`, with room for the offset before them. Who changes more of it
   * changes messages. A message that fits into one piece is not cut in two: so neither end need copy it.
   * @param {number} from
   * @param {number} max
   * @returns {Uint8Array<ArrayBuffer>}
   */
  slice(from, max) {
    const first = this.#find(from);
    const { at, bytes } = this.#messages[first];
    if (at === from && bytes.length <= max && bytes.length > max / 2) {
      return new Uint8Array(/** @type {ArrayBuffer} */ (bytes.buffer), bytes.byteOffset - OFFSET_BYTES, OFFSET_BYTES + bytes.length);
    }
    const length = this.#uncut(from, Math.min(max, this.end - from), max);
    const piece = new Uint8Array(OFFSET_BYTES + length);
    for (let i = first, filled = 0; filled < length; i++) {
      const message = this.#messages[i];
      const start = from + filled - message.at;
      const part = message.bytes.subarray(start, start + length - filled);
      piece.set(part, OFFSET_BYTES + filled);
      filled += part.length;
    }
    return piece;
  }

  /**
   * So many bytes from an offset on, or fewer, where the last message in them would be cut, and fits into a piece of its own.
   * @param {number} from
   * @param {number} length
   * @param {number} max
   */
  #uncut(from, length, max) {
    const { at, bytes } = this.#messages[this.#find(from + length - 1)];
    return at > from && at + bytes.length > from + length && bytes.length <= max ? at - from : length;
  }

  /**
   * The other end has all before this offset.
   * @param {number} offset
   */
  ack(offset) {
    if (!(offset > this.acked && offset <= this.end)) return;
    this.acked = offset;
    let done = 0;
    while (done < this.#messages.length) {
      const { at, bytes, resolve } = this.#messages[done];
      if (at + bytes.length > offset) break;
      resolve();
      done++;
    }
    this.#messages.splice(0, done);
  }

  /**
   * Nothing of what was pushed is sent any more.
   * @param {Error} error
   */
  fail(error) {
    for (const { reject } of this.#messages.splice(0)) reject(error);
    this.end = this.acked;
  }

  /**
   * Takes back what the other end does not take. Nothing may have been sent yet.
   * @param {number} max  of a message's content
   * @param {Error} error
   */
  failLonger(max, error) {
    this.end = 0;
    this.#messages = this.#messages.filter((message) => {
      const taken = isTaken(message.bytes, max);
      if (taken) {
        message.at = this.end;
        this.end += message.bytes.length;
      } else {
        message.reject(error);
      }
      return taken;
    });
  }

  /**
   * The message that holds this offset.
   * @param {number} offset
   */
  #find(offset) {
    return firstIndex(this.#messages, ({ at }) => at > offset) - 1;
  }
}

/**
 * How many bytes several receivers may collect together. Where that is too much, whoever has collected
 * most is refused: who fills it keeps nobody from sending less.
 */
export class Quota {
  #max;
  #used = 0;
  /** What each has collected. @type {Map<Receiver, number>} */
  #shares = new Map();

  /** @param {number} max */
  constructor(max) {
    this.#max = max;
  }

  /**
   * @param {Receiver} receiver
   * @param {number} bytes  that it has from now on
   * @returns {boolean} whether it may
   */
  set(receiver, bytes) {
    this.#used += bytes - (this.#shares.get(receiver) ?? 0);
    if (bytes) this.#shares.set(receiver, bytes);
    else this.#shares.delete(receiver);
    while (this.#used > this.#max) {
      const [largest] = [...this.#shares].reduce((one, other) => (other[1] > one[1] ? other : one));
      largest.refuse('Its messages were too much at once.');
    }
    return this.#shares.has(receiver) || !bytes;
  }
}

const NOTHING = new Uint8Array(0);

export class Receiver {
  received = 0; // the offset that comes next
  refused = false; // it takes nothing any more
  #options;
  #head = new Uint8Array(HEAD_BYTES);
  #filled = 0; // of the head
  #length = 0; // of the message's content
  /** As much room as was needed until now; or a part of what came. @type {Uint8Array} */
  #content = NOTHING;
  #collected = 0; // bytes of it that are here

  /**
   * @param {{max: number, quota: Quota, refused: (why: string) => void}} options
   *     max: bytes of a message; refused: what came was too much, and nothing is taken any more
   */
  constructor(options) {
    this.#options = options;
  }

  /**
   * @param {number} offset  of the first byte
   * @param {Uint8Array} bytes
   * @returns {{kind: number, content: Uint8Array}[]} the messages that are whole by that. The content of one between modules
   *     may be a part of the bytes; of one of the page's it is a buffer's whole.
   */
  receive(offset, bytes) {
    // What is here already came another way, or again; what leaves a gap will come again.
    const known = this.received - offset;
    const messages = [];
    if (!(known >= 0)) return [];
    for (let at = known; at < bytes.length && !this.refused;) {
      const rest = bytes.subarray(at);
      const taken = this.#filled < HEAD_BYTES ? this.#collectHead(rest) : this.#collect(rest);
      if (this.refused) break;
      at += taken;
      this.received += taken;
      if (this.#filled === HEAD_BYTES && this.#collected === this.#length) messages.push(this.#completeMessage());
    }
    return messages;
  }

  /** @param {string} why */
  refuse(why) {
    this.close();
    this.#options.refused(why);
  }

  /** Keeps nothing, and takes nothing any more. */
  close() {
    this.refused = true;
    this.#empty();
  }

  /**
   * @param {Uint8Array} rest
   * @returns {number} how many bytes of it were the head's
   */
  #collectHead(rest) {
    const part = rest.subarray(0, HEAD_BYTES - this.#filled);
    this.#head.set(part, this.#filled);
    this.#filled += part.length;
    if (this.#filled < HEAD_BYTES) return part.length;
    this.#length = new DataView(this.#head.buffer).getUint32(0);
    if (!fits(this.#head[4], this.#length, this.#options.max)) this.refuse(`It sent a message of ${this.#length} bytes, and ${this.#options.max} are taken.`);
    return part.length;
  }

  /**
   * @param {Uint8Array} rest
   * @returns {number} how many bytes of it were the message's
   */
  #collect(rest) {
    const part = rest.subarray(0, this.#length - this.#collected);
    const needed = this.#collected + part.length;
    if (part.length === this.#length && this.#head[4] > KIND.room) this.#content = part; // it need not be copied
    else if (!this.#keep(part, needed)) return 0;
    this.#collected = needed;
    return part.length;
  }

  /**
   * @param {Uint8Array} part
   * @param {number} needed  bytes, with those that are here
   * @returns {boolean} whether it may
   */
  #keep(part, needed) {
    if (needed > this.#content.length) {
      const room = Math.min(this.#length, Math.max(2 * this.#content.length, needed));
      if (!this.#options.quota.set(this, room)) return false;
      const content = new Uint8Array(room);
      content.set(this.#content.subarray(0, this.#collected));
      this.#content = content;
    }
    this.#content.set(part, this.#collected);
    return true;
  }

  #completeMessage() {
    const content = this.#content;
    this.#empty();
    return { kind: this.#head[4], content };
  }

  #empty() {
    this.#options.quota.set(this, 0);
    this.#content = NOTHING;
    this.#filled = this.#collected = this.#length = 0;
  }
}

/**
 * Bytes as text, for JSON.
 * @param {Uint8Array} bytes
 */
export function toBase64(bytes) {
  let text = '';
  // Not all at once: arguments are on the stack.
  for (let at = 0; at < bytes.length; at += 8192) text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  return btoa(text);
}

/**
 * @param {string} text
 * @throws {Error} it is none
 */
export function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}
