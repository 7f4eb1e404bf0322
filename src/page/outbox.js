/**
 * outbox.js - what is to be relayed: one queue, in order, in as few requests as it takes.
 *
 * While a request is under way the next ones gather. One then takes along all that is for the
 * peer of the first message, 1 to 64, so that messages to one peer never overtake each other.
 */

import { Refusal, asError } from './requests.js';

const BATCH_MESSAGES = 64;
const BATCH_BYTES = 48 * 1024; // servers take 64 KiB, if nobody has told them otherwise
const BATCH_LEAST = 512;

const encoder = new TextEncoder();

/**
 * @typedef {object} Message
 * @property {string} peer
 * @property {string} json
 * @property {number} bytes
 * @property {(answer: any) => void} resolve
 * @property {(error: Error) => void} reject
 */

export class Outbox {
  #post;
  /** @type {Message[]} */
  #queue = [];
  #sending = false;
  #most = BATCH_BYTES;

  /**
   * @param {(peer: string, body: string) => Promise<any>} post  repeats what can be repeated;
   *     rejects with a Refusal
   */
  constructor(post) {
    this.#post = post;
  }

  /**
   * @param {string} peer
   * @param {string} event
   * @param {any} data
   * @returns {Promise<any>} the server's answer to the request that the message was in
   */
  push(peer, event, data) {
    return new Promise((resolve, reject) => {
      const json = `{"event":${JSON.stringify(event)},"data":${JSON.stringify(data ?? null)}}`;
      this.#queue.push({ peer, json, bytes: encoder.encode(json).length, resolve, reject });
      this.#send();
    });
  }

  /**
   * Nothing of it goes out any more, but for what is under way.
   * @param {(peer: string) => boolean} [wanted]
   */
  drop(wanted = () => true) {
    this.#queue = this.#queue.filter((message) => {
      if (!wanted(message.peer)) return true;
      message.reject(new Refusal(0, 'It was not sent any more.'));
      return false;
    });
  }

  async #send() {
    if (this.#sending) return;
    this.#sending = true;
    await null; // what else the page has to say in this turn goes along
    while (this.#queue.length) {
      const batch = this.#batch();
      const body = `[${batch.map((message) => message.json).join()}]`;
      try {
        const answer = await this.#post(batch[0].peer, body);
        for (const message of batch) message.resolve(answer);
      } catch (error) {
        if (error instanceof Refusal && error.status === 413 && batch.length > 1) {
          this.#most = Math.max(BATCH_LEAST, this.#most / 2);
          this.#queue.unshift(...batch);
        } else {
          for (const message of batch) message.reject(asError(error));
        }
      }
    }
    this.#sending = false;
  }

  /** Takes what the first message's peer is to get out of the queue, as much as one POST may bear. */
  #batch() {
    const { peer } = this.#queue[0];
    /** @type {Message[]} */
    const batch = [];
    let bytes = 0;
    let over = false; // and nothing may overtake
    this.#queue = this.#queue.filter((message) => {
      if (message.peer !== peer || over) return true;
      bytes += message.bytes + 1;
      over = batch.length === BATCH_MESSAGES || (batch.length > 0 && bytes > this.#most);
      if (!over) batch.push(message);
      return over;
    });
    return batch;
  }
}
