/**
 * outbox.js - what is to be relayed: a queue a peer, in order, in as few requests as it takes.
 *
 * While a request to a peer is under way, or waits for its turn (pace.js), the next messages to it gather, and then
 * go together, 1 to 64 of them: so they never overtake each other. Who is away, and for whom the server keeps no
 * more, keeps nobody else waiting.
 *
 * A request bears a key, under which it may be repeated: the server answers a repeat as the first, and sends it once.
 */

import { Pace } from './pace.js';
import { randomId } from './random.js';
import { Refusal, asError, notSent } from './requests.js';

const BATCH_MESSAGES = 64;
const BATCH_BYTES = 48 * 1024; // servers take 64 KiB, if nobody has told them otherwise
const BATCH_MIN = 512;
// Of the 4096 that a server takes in five minutes; two of ours may be in five of its.
const KEYS_MAX = 2_000;
const KEYS_MS = 300_000;

const encoder = new TextEncoder();

/**
 * @typedef {object} Message
 * @property {string} json
 * @property {number} bytes
 * @property {boolean} urgent
 * @property {(answer: any) => void} resolve
 * @property {(error: Error) => void} reject
 */

export class Outbox {
  #post;
  #persist;
  #pace = new Pace();
  /** To each peer; it is there while something is under way. @type {Map<string, Message[]>} */
  #queues = new Map();
  #batchMax = BATCH_BYTES;
  #keys = { count: 0, since: 0 };

  /**
   * @param {(peer: string, body: string, key: string) => Promise<any>} post  makes one request
   * @param {(peer: string, attempt: () => Promise<any>) => Promise<any>} [persist]  repeats what can be repeated;
   *     rejects with a Refusal
   */
  constructor(post, persist = (_peer, attempt) => attempt()) {
    this.#post = post;
    this.#persist = persist;
  }

  /**
   * @param {string} peer
   * @param {string} event
   * @param {any} data
   * @param {boolean} [urgent]  it, and what is to the same peer before it, goes before what is to others
   * @returns {Promise<any>} the server's answer to the request that the message was in
   */
  push(peer, event, data, urgent = false) {
    return new Promise((resolve, reject) => {
      const json = `{"event":${JSON.stringify(event)},"data":${JSON.stringify(data ?? null)}}`;
      const message = { json, bytes: encoder.encode(json).length, urgent, resolve, reject };
      const queue = this.#queues.get(peer);
      if (queue) {
        queue.push(message);
      } else {
        this.#queues.set(peer, [message]);
        this.#send(peer);
      }
    });
  }

  /**
   * Nothing of it goes out any more, but for what is under way.
   * @param {(peer: string) => boolean} [wanted]
   */
  discard(wanted = () => true) {
    for (const [peer, queue] of this.#queues) {
      if (!wanted(peer)) continue;
      for (const message of queue.splice(0)) message.reject(notSent());
    }
  }

  /** @param {string} peer */
  async #send(peer) {
    await null; // what else the page has to say in this turn goes along
    const queue = this.#queues.get(peer) ?? [];
    while (queue.length) {
      /** @type {Message[]} */
      const batch = [];
      const enter = () => this.#pace.enter(
        () => (batch.length ? batch : queue).some((message) => message.urgent),
        () => {
          if (!batch.length) batch.push(...this.#batch(queue));
          return batch.length ? { messages: batch.length, bytes: batch.reduce((sum, { bytes }) => sum + bytes, 0) } : null;
        });
      if (!await enter()) continue; // it was discarded meanwhile
      let entered = true;
      const key = this.#nextKey();
      try {
        const answer = await this.#persist(peer, async () => {
          if (!entered) await enter();
          entered = false;
          return this.#postOnce(peer, batch, key);
        });
        for (const message of batch) message.resolve(answer);
      } catch (error) {
        if (error instanceof Refusal && error.status === 413 && batch.length > 1) {
          this.#batchMax = Math.max(BATCH_MIN, this.#batchMax / 2);
          queue.unshift(...batch);
        } else {
          for (const message of batch) message.reject(asError(error));
        }
      }
    }
    this.#queues.delete(peer);
  }

  /**
   * @param {string} peer
   * @param {Message[]} batch
   * @param {string} key
   */
  async #postOnce(peer, batch, key) {
    let failure;
    try {
      return await this.#post(peer, `[${batch.map((message) => message.json).join()}]`, key);
    } catch (error) {
      failure = error;
      throw error;
    } finally {
      this.#pace.leave(failure);
    }
  }

  /** Empty where the server would refuse one more; then a repeat may arrive twice. */
  #nextKey() {
    const now = Date.now();
    if (Math.abs(now - this.#keys.since) > KEYS_MS) this.#keys = { count: 0, since: now };
    return this.#keys.count++ < KEYS_MAX ? randomId() : '';
  }

  /**
   * Takes from the front of a queue as much as one POST may bear.
   * @param {Message[]} queue
   */
  #batch(queue) {
    let count = 0;
    let bytes = 0;
    while (count < queue.length && count < BATCH_MESSAGES) {
      bytes += queue[count].bytes + 1;
      if (count && bytes > this.#batchMax) break;
      count++;
    }
    return queue.splice(0, count);
  }
}
