/**
 * bytes.js - messages to a peer as one stream of bytes, whatever way it takes.
 *
 * A message is its length (4 bytes), its kind (1: text, 0: bytes) and its content. What is sent
 * stays here until the other end says that it has it; from there on it can be sent again,
 * another way and in other pieces. The other end takes only what comes next, so that nothing
 * is lost, doubled or reordered.
 */

const HEAD_BYTES = 5;
export const MESSAGE_MAX = 256 * 1024 * 1024;

/**
 * @param {string | ArrayBuffer | ArrayBufferView} data
 * @throws {TypeError} it is something else, or a text that UTF-8 cannot have
 */
export function encode(data) {
  const text = typeof data === 'string';
  const content = text ? encodeText(data)
    : data instanceof ArrayBuffer ? new Uint8Array(data)
      : ArrayBuffer.isView(data) ? new Uint8Array(data.buffer, data.byteOffset, data.byteLength) : null;
  if (!content) throw new TypeError('Only a string, an ArrayBuffer or a view of one can be sent.');
  const bytes = new Uint8Array(HEAD_BYTES + content.length);
  new DataView(bytes.buffer).setUint32(0, content.length);
  bytes[4] = Number(text);
  bytes.set(content, HEAD_BYTES);
  return bytes;
}

/** @param {string} text */
function encodeText(text) {
  if (/\p{Surrogate}/u.test(text)) throw new TypeError('A string with half of a surrogate pair cannot be sent.');
  return new TextEncoder().encode(text);
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
   * @param {Uint8Array} bytes  as encode() makes them; they are not copied
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
   * A copy of at most so many bytes from an offset on, not before `acked`, with room for a head.
   * @param {number} from
   * @param {number} max
   * @param {number} [head]
   */
  slice(from, max, head = 0) {
    const length = Math.min(max, this.end - from);
    const piece = new Uint8Array(head + length);
    for (let i = this.#find(from), filled = 0; filled < length; i++) {
      const { at, bytes } = this.#messages[i];
      const start = from + filled - at;
      const part = bytes.subarray(start, start + length - filled);
      piece.set(part, head + filled);
      filled += part.length;
    }
    return piece;
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

  /** @param {Error} error */
  fail(error) {
    for (const { reject } of this.#messages.splice(0)) reject(error);
  }

  /**
   * The message that holds this offset.
   * @param {number} offset
   */
  #find(offset) {
    let low = 0;
    let high = this.#messages.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#messages[middle].at <= offset) low = middle;
      else high = middle - 1;
    }
    return low;
  }
}

export class Receiver {
  received = 0; // the offset that comes next
  #head = new Uint8Array(HEAD_BYTES);
  #filled = 0; // of the head
  /** @type {Uint8Array[]} */
  #parts = [];
  #missing = 0; // bytes of the message

  /**
   * @param {number} offset  of the first byte
   * @param {Uint8Array} bytes  may be kept
   * @returns {(string | Uint8Array)[]} the messages that are whole by that
   * @throws {RangeError} a message that is longer than any may be
   */
  receive(offset, bytes) {
    // What is here already came another way, or again; what leaves a gap will come again.
    const known = this.received - offset;
    if (!(known >= 0 && known < bytes.length)) return [];
    let rest = bytes.subarray(known);
    this.received += rest.length;
    const messages = [];
    while (rest.length) {
      if (this.#filled < HEAD_BYTES) rest = this.#readHead(rest);
      if (this.#filled < HEAD_BYTES) break;
      const part = rest.subarray(0, this.#missing);
      rest = rest.subarray(part.length);
      this.#missing -= part.length;
      if (part.length) this.#parts.push(part);
      if (!this.#missing) messages.push(this.#completeMessage());
    }
    return messages;
  }

  /** @param {Uint8Array} rest */
  #readHead(rest) {
    const part = rest.subarray(0, HEAD_BYTES - this.#filled);
    this.#head.set(part, this.#filled);
    this.#filled += part.length;
    if (this.#filled === HEAD_BYTES) this.#missing = new DataView(this.#head.buffer).getUint32(0);
    if (this.#missing > MESSAGE_MAX) throw new RangeError(`a message of ${this.#missing} bytes`);
    return rest.subarray(part.length);
  }

  #completeMessage() {
    const parts = this.#parts.splice(0);
    this.#filled = 0;
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of parts) {
      bytes.set(part, at);
      at += part.length;
    }
    return this.#head[4] ? new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes) : bytes; // a BOM is kept so
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
