/**
 * events.js - telling whoever listens.
 */
export class Emitter {
  /** @type {Map<string, Set<Function>>} */
  #listeners = new Map();

  /**
   * @param {string} event
   * @param {(...details: any[]) => void} listener
   * @returns {() => void} ends it
   */
  on(event, listener) {
    if (!this.#listeners.has(event)) this.#listeners.set(event, new Set());
    this.#listeners.get(event).add(listener);
    return () => this.#listeners.get(event).delete(listener);
  }

  /** What a listener throws is the page's to see, and stops nobody else. */
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
