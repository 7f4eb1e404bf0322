/**
 * seal.js - what goes to a peer by the server, sealed with a secret that the server does not know.
 *
 * All of it is one kind of message to the server, {sealed: base64}; what is in it, the event's name too, is sealed.
 * DTLS takes its trust from the fingerprints in the descriptions: as these are sealed, nobody can put himself
 * between two peers, and data channels and media are as safe as the secret is.
 *
 * The server may do what it likes with messages: change, drop, double, delay them, bring them to somebody else, or
 * under another's name, to another room or page. So each end first says, in a hello, a challenge: random bytes that
 * a message has to bear which is to be taken.
 *
 *     hello    0, whether an answer is asked for (1), challenge (16), HMAC-SHA-256 of these
 *     message  1, salt (16), challenge of the receiver (16), count (8), AES-256-GCM of [event, data] as JSON
 *
 * Each key is derived from the secret by HKDF, for the use, the id of the sender and that of the receiver; that of
 * messages for salt and challenge, too, and the count is its nonce. The salt is new for each challenge that is
 * answered, even if it is one that was heard before: no nonce is ever used again. Of a key the other end takes each
 * count once, and upwards only; the first message that opens makes it take messages of this key alone, and have
 * another challenge for whoever comes next: so that
 *   - what is changed, was meant for another peer or came from one, or came back to where it came from, does not open;
 *   - what is repeated, or overtaken, is not taken, nor is anything that an earlier page has said or was told;
 *   - hellos can be repeated. One that is old makes an end use a challenge that is over, and be told the one that is
 *     not: a server that goes on so keeps two ends from each other, as it can by being silent.
 * What may be lost by all that is lost as anything on the way is, and said again by who wants it heard (link.js).
 *
 * Whose hello does not verify has another secret. What is said without a seal is not this module's: who says it has none.
 *
 * A secret that somebody has thought of can be guessed by who has seen a hello: HKDF is no help, as it is quick.
 */

import { fromBase64, toBase64 } from './bytes.js';
import { throwLater } from './events.js';
import { notSent } from './requests.js';

const NO_SECRET = 'Its page has no secret, and this one has.';
const OTHER_SECRET = 'Its page has another secret.';

const HELLO = 0;
const MESSAGE = 1;
const CHALLENGE_BYTES = 16;
const MAC_BYTES = 32;
const TAG_BYTES = 16;
const HELLO_BYTES = 2 + CHALLENGE_BYTES;
const PAIR_BYTES = 2 * CHALLENGE_BYTES; // a salt and a challenge
const MESSAGE_HEAD = 1 + PAIR_BYTES + 8;
const IV_BYTES = 12;

const HELLO_MS = 1_000; // between two of them: who is no member, too, can make us say one
const STRANGER_MS = 30_000;
const UNSEALED_MAX = 512; // messages, while the other end has not said its challenge
const UNOPENED_MAX = 1024 * 1024; // characters

const utf8 = new TextEncoder();

class SecretKeys {
  #root;

  /** @param {string} secret */
  constructor(secret) {
    this.#root = crypto.subtle.importKey('raw', utf8.encode(secret), 'HKDF', false, ['deriveKey']);
  }

  /**
   * @param {string} from
   * @param {string} to
   */
  ofHellos(from, to) {
    return this.#derive(['drawbridge hello', from, to], new Uint8Array(0), { name: 'HMAC', hash: 'SHA-256', length: 256 }, ['sign', 'verify']);
  }

  /**
   * @param {string} from
   * @param {string} to
   * @param {Uint8Array<ArrayBuffer>} pair
   */
  ofMessages(from, to, pair) {
    return this.#derive(['drawbridge message', from, to], pair, { name: 'AES-GCM', length: 256 }, ['encrypt', 'decrypt']);
  }

  /**
   * @param {string[]} use
   * @param {Uint8Array<ArrayBuffer>} salt
   * @param {HmacKeyGenParams | AesKeyGenParams} algorithm
   * @param {KeyUsage[]} usages
   */
  async #derive(use, salt, algorithm, usages) {
    const info = utf8.encode(JSON.stringify(use));
    return crypto.subtle.deriveKey({ name: 'HKDF', hash: 'SHA-256', salt, info }, await this.#root, algorithm, false, usages);
  }
}

/**
 * @typedef {object} Hooks
 * @property {() => string} me  our id
 * @property {(id: string, data: {sealed: string}, urgent: boolean) => Promise<any>} relay
 * @property {(id: string, event: string, data: any) => void} opened  in the order in which it was sealed; a member has
 *     said it, and it may be anything
 * @property {(id: string) => void} member    it has the secret, or had it
 * @property {(id: string, why: string) => void} stranger  it has not
 */

/** As Signaling relays, but sealed. */
export class Seal {
  #keys;
  #hooks;
  /** By the id of the other end. @type {Map<string, SealedRelay>} */
  #relays = new Map();

  /**
   * @param {string} secret  as checkSecret() wants it
   * @param {Hooks} hooks
   */
  constructor(secret, hooks) {
    this.#keys = new SecretKeys(secret);
    this.#hooks = hooks;
  }

  /** @param {string} id  of whom we know from now on */
  open(id) {
    this.#relays.set(id, new SealedRelay(this.#keys, id, this.#hooks));
  }

  /** @param {string} id  that has gone */
  close(id) {
    this.#relays.get(id)?.close();
    this.#relays.delete(id);
  }

  /**
   * In the order of the calls.
   * @param {string} id
   * @param {string} event
   * @param {any} data
   * @param {boolean} [urgent]
   * @returns {Promise<any>} as that of the hook
   */
  relay(id, event, data, urgent = false) {
    return this.#relays.get(id)?.relay(event, data, urgent) ?? Promise.reject(notSent());
  }

  /**
   * What has not been sealed yet need not go any more.
   * @param {string} id
   */
  withdraw(id) {
    this.#relays.get(id)?.withdraw();
  }

  /**
   * It may be a page that has not heard of us.
   * @param {string} id
   */
  greet(id) {
    this.#relays.get(id)?.greet();
  }

  /**
   * @param {string} id
   * @param {any} data  of the event that the seal is in, as it came; undefined, if it was another
   */
  receive(id, data) {
    const relay = this.#relays.get(id);
    if (data?.sealed === undefined) relay?.estrange(NO_SECRET);
    else relay?.receive(data.sealed);
  }
}

/**
 * @typedef {{challenge: string, pair: Uint8Array<ArrayBuffer>, key: Promise<CryptoKey>, count: number}} Sending
 *
 * @typedef {object} Message
 * @property {string} text
 * @property {boolean} urgent
 * @property {(answer: any) => void} resolve
 * @property {(error: Error) => void} reject
 */

/** What goes by the server between this page and one peer. */
class SealedRelay {
  #keys;
  #me;
  #other;
  #hooks;
  #challenge = randomBytes();
  #said = false; // a hello was, at #saidAt
  #saidAt = 0;
  #owes = false; // the other end needs our challenge
  /** @type {Sending | null} */
  #sending = null;
  /** @type {{pair: string, key: CryptoKey, count: number} | null} */
  #receiving = null;
  #isStranger = false;
  /** @type {Message[]} */
  #queue = [];
  #flushing = false;
  #withdrawn = 0; // how often
  #opening = Promise.resolve();
  #unopened = 0;
  #timers = { hello: 0, stranger: 0 };
  #closed = false;

  /**
   * @param {SecretKeys} keys
   * @param {string} other  its id
   * @param {Hooks} hooks
   */
  constructor(keys, other, hooks) {
    this.#keys = keys;
    this.#me = hooks.me();
    this.#other = other;
    this.#hooks = hooks;
  }

  greet() {
    this.#owes = true;
    this.#sayHello();
  }

  /**
   * @param {string} event
   * @param {any} data
   * @param {boolean} urgent
   * @returns {Promise<any>}
   */
  relay(event, data, urgent) {
    return new Promise((resolve, reject) => {
      if (this.#queue.length >= UNSEALED_MAX) return reject(notSent());
      this.#queue.push({ text: JSON.stringify([event, data ?? null]), urgent, resolve, reject });
      if (this.#sending) this.#flush();
      else this.#sayHello();
    });
  }

  withdraw() {
    this.#withdrawn++;
    for (const { reject } of this.#queue.splice(0)) reject(notSent());
  }

  /** @param {unknown} text  as it came */
  receive(text) {
    if (typeof text !== 'string' || text.length < MESSAGE_HEAD || this.#unopened + text.length > UNOPENED_MAX) return;
    if (this.#me === this.#other) return; // what we say ourselves would open
    this.#unopened += text.length;
    this.#opening = this.#opening.then(async () => {
      this.#unopened -= text.length;
      await this.#open(text);
    }).catch(throwLater);
  }

  close() {
    this.#closed = true;
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    this.withdraw();
  }

  // --- who it is ---

  /**
   * As far as we know: somebody else may have spoken in its name. So it is greeted now and then.
   * @param {string} why
   */
  estrange(why) {
    this.#isStranger = true;
    this.withdraw();
    this.#timers.stranger ||= setTimeout(() => {
      this.#timers.stranger = 0;
      if (this.#isStranger) this.greet();
      if (this.#isStranger) this.estrange(why);
    }, STRANGER_MS);
    this.#hooks.stranger(this.#other, why);
  }

  #befriend() {
    this.#isStranger = false;
    this.#hooks.member(this.#other);
  }

  // --- hellos ---

  /** Where one is needed, by whom ever. */
  #sayHello() {
    if (this.#timers.hello) return;
    const wait = this.#said ? Math.min(this.#saidAt + HELLO_MS - Date.now(), HELLO_MS) : 0; // clocks are set
    if (wait > 0) {
      this.#timers.hello = setTimeout(() => {
        this.#timers.hello = 0;
        if (this.#owes || (!this.#sending && this.#queue.length)) this.#sayHello();
      }, wait);
      return;
    }
    this.#said = true;
    this.#saidAt = Date.now();
    this.#owes = false;
    this.#hello().catch(() => {
      // It was withdrawn, or refused: who has something to say says it again.
      this.#said = false;
    });
  }

  async #hello() {
    const body = concat([HELLO, Number(!this.#sending || this.#isStranger)], this.#challenge);
    const mac = await crypto.subtle.sign('HMAC', await this.#keys.ofHellos(this.#me, this.#other), body);
    if (!this.#closed) await this.#hooks.relay(this.#other, { sealed: toBase64(concat(body, new Uint8Array(mac))) }, true);
  }

  /** @param {Uint8Array<ArrayBuffer>} bytes */
  async #helloCame(bytes) {
    const key = await this.#keys.ofHellos(this.#other, this.#me);
    const verified = await crypto.subtle.verify('HMAC', key, bytes.subarray(HELLO_BYTES), bytes.subarray(0, HELLO_BYTES));
    if (this.#closed) return;
    if (!verified) {
      if (!this.#said) this.#sayHello(); // which it will not take either
      this.estrange(OTHER_SECRET);
      return;
    }
    const challenge = bytes.slice(2, HELLO_BYTES);
    if (this.#sending?.challenge !== toBase64(challenge)) {
      const pair = concat(randomBytes(), challenge);
      this.#sending = { challenge: toBase64(challenge), pair, key: this.#keys.ofMessages(this.#me, this.#other, pair), count: 0 };
    }
    this.#befriend();
    if (bytes[1]) this.greet();
    this.#flush();
  }

  // --- messages ---

  /** Seals what waits. What is said in one turn goes together. */
  async #flush() {
    if (this.#flushing) return;
    this.#flushing = true;
    await null;
    while (this.#queue.length && this.#sending) {
      const batch = this.#queue.splice(0);
      const before = this.#withdrawn;
      const sealed = await Promise.all(batch.map(({ text }) => this.#sealText(text)));
      batch.forEach(({ urgent, resolve, reject }, i) => {
        if (before === this.#withdrawn) this.#hooks.relay(this.#other, { sealed: sealed[i] }, urgent).then(resolve, reject);
        else reject(notSent());
      });
    }
    this.#flushing = false;
  }

  /** @param {string} text */
  async #sealText(text) {
    const sending = /** @type {Sending} */ (this.#sending);
    const head = new Uint8Array(MESSAGE_HEAD);
    head[0] = MESSAGE;
    head.set(sending.pair, 1);
    new DataView(head.buffer).setBigUint64(1 + PAIR_BYTES, BigInt(++sending.count));
    const content = await crypto.subtle.encrypt(cipher(head), await sending.key, utf8.encode(text));
    return toBase64(concat(head, new Uint8Array(content)));
  }

  /** @param {string} text  which may be anything */
  async #open(text) {
    const bytes = decode(text);
    if (bytes[0] === HELLO && bytes.length === HELLO_BYTES + MAC_BYTES) return this.#helloCame(bytes);
    if (bytes[0] !== MESSAGE || bytes.length < MESSAGE_HEAD + TAG_BYTES) return;
    const head = bytes.subarray(0, MESSAGE_HEAD);
    const count = Number(new DataView(head.buffer).getBigUint64(1 + PAIR_BYTES));
    const receiving = await this.#receiver(head.slice(1, 1 + PAIR_BYTES));
    if (!receiving || count <= receiving.count) return;
    const content = await crypto.subtle.decrypt(cipher(head), receiving.key, bytes.subarray(MESSAGE_HEAD)).catch(() => null);
    if (!content || this.#closed) return;
    if (receiving !== this.#receiving) {
      this.#receiving = receiving;
      this.#challenge = randomBytes();
      this.#owes = false;
    }
    receiving.count = count;
    this.#befriend();
    if (!this.#closed) this.#hooks.opened(this.#other, ...unpack(content)); // a page may leave when it is told of a member
  }

  /**
   * What opens messages of this salt and challenge: what we have, or what is to take its place if one of them opens.
   * @param {Uint8Array<ArrayBuffer>} pair
   */
  async #receiver(pair) {
    const name = toBase64(pair);
    if (name === this.#receiving?.pair) return this.#receiving;
    if (toBase64(pair.subarray(CHALLENGE_BYTES)) === toBase64(this.#challenge)) {
      return { pair: name, key: await this.#keys.ofMessages(this.#other, this.#me, pair), count: 0 };
    }
    this.greet();
    return null;
  }
}

/**
 * All that stands in a head is in the key, or here.
 * @param {Uint8Array<ArrayBuffer>} head  of a message
 */
function cipher(head) {
  const iv = new Uint8Array(IV_BYTES);
  iv.set(head.subarray(1 + PAIR_BYTES), IV_BYTES - 8);
  return { name: 'AES-GCM', iv };
}

/**
 * @param {string} text
 * @returns {Uint8Array<ArrayBuffer>}
 */
function decode(text) {
  try {
    return fromBase64(text);
  } catch {
    return new Uint8Array(0);
  }
}

/**
 * @param {ArrayBuffer} content
 * @returns {[string, any]}
 */
function unpack(content) {
  try {
    const [event, data] = JSON.parse(new TextDecoder().decode(content));
    return [String(event), data];
  } catch {
    return ['', null];
  }
}

function randomBytes() {
  return crypto.getRandomValues(new Uint8Array(CHALLENGE_BYTES));
}

/**
 * @param {ArrayLike<number>} one
 * @param {ArrayLike<number>} other
 */
function concat(one, other) {
  const all = new Uint8Array(one.length + other.length);
  all.set(one);
  all.set(other, one.length);
  return all;
}
