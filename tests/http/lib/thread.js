// thread.js - a thread of the test's own for what awaits very often. In its own, node:test follows every promise from when it
// is made until it is collected (by async_hooks), which costs as much as many of them do themselves.
import { parentPort, Worker } from 'node:worker_threads';

export class Thread {
  #worker;
  /** @type {{resolve: (value: any) => void, reject: (error: Error) => void} | undefined} */ #asked;

  /** @param {URL} module  that calls answer()
   *  @param {any} workerData */
  constructor(module, workerData) {
    this.#worker = new Worker(module, { workerData });
    this.#worker.on('message', (reply) => this.#reply(reply));
    this.#worker.on('error', (error) => this.#reply({ error }));
    this.#worker.on('exit', () => this.#reply({ error: new Error('the thread has ended') }));
  }

  /** @param {{value?: any, error?: Error}} reply */
  #reply({ value, error }) {
    const asked = this.#asked;
    this.#asked = undefined;
    if (error) asked?.reject(error);
    else asked?.resolve(value);
  }

  /** One question at a time; an error there rejects here. */
  ask(question) {
    return new Promise((resolve, reject) => {
      this.#asked = { resolve, reject };
      this.#worker.postMessage(question);
    });
  }

  end() { return this.#worker.terminate(); }
}

/** What a thread does with each question.
 *  @param {(question: any) => Promise<any>} run */
export function answer(run) {
  parentPort.on('message', async (question) => {
    try {
      parentPort.postMessage({ value: await run(question) });
    } catch (error) {
      parentPort.postMessage({ error });
    }
  });
}
