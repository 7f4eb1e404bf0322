/**
 * events.js - telling whoever listens.
 */

/**
 * @param {() => void} listener  called when the network is another, has gone or is back
 * @param {AbortSignal} signal   until then
 */
export function onNetworkChange(listener, signal) {
  addEventListener('online', listener, { signal });
  addEventListener('offline', listener, { signal });
  const { connection } = /** @type {Navigator & {connection?: EventTarget & {type?: string}}} */ (navigator); // not everywhere
  let type = connection?.type;
  connection?.addEventListener?.('change', () => {
    // It also fires at each new estimate of how fast the network is.
    const was = type;
    type = connection.type;
    if (type !== was) listener();
  }, { signal });
}

export class Emitter {
  /** @type {Map<string, Set<(...details: any[]) => void>>} */
  #listeners = new Map();

  /**
   * @param {string} event
   * @param {(...details: any[]) => void} listener
   * @returns {() => void} ends it
   */
  on(event, listener) {
    const listeners = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  /**
   * What a listener throws is the page's to see, and stops nobody else.
   * @param {string} event
   * @param {any[]} details
   */
  emit(event, ...details) {
    for (const listener of [...this.#listeners.get(event) ?? []]) {
      try {
        listener(...details);
      } catch (error) {
        queueMicrotask(() => { throw error; });
      }
    }
  }
}
