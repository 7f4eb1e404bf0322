/**
 * events.js - telling whoever listens.
 */

/** @param {() => void} listener  called when the network has changed, or is back */
export function onNetworkChange(listener) {
  addEventListener('online', listener);
  const { connection } = /** @type {Navigator & {connection?: EventTarget}} */ (navigator); // not everywhere
  connection?.addEventListener?.('change', listener);
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
