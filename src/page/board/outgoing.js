/**
 * outgoing.js - what the others are to be told: once a frame, together.
 */

const SLOW_MS = 100; // where somebody is reached by the server alone, which has limits
const CURSOR_MS = 40;

export class Outgoing {
  #bridge;
  #sync;
  /** @type {Map<import('./elements.js').Element, number>} and from which point on */
  #elements = new Map();
  /** @type {object[]} that are whole */
  #pieces = [];
  /** @type {{x: number, y: number} | null | undefined} */
  #cursor = undefined; // {x, y}; null: it has left; undefined: nothing new
  #cursorSentAt = 0;
  #waiting = false;

  /**
   * @param {import('../drawbridge.js').Drawbridge} bridge
   * @param {import('./sync.js').Sync} sync
   */
  constructor(bridge, sync) {
    this.#bridge = bridge;
    this.#sync = sync;
    // There are no frames any more.
    addEventListener('visibilitychange', () => document.hidden && this.#flush());
    addEventListener('pagehide', () => this.#flush());
  }

  /**
   * @param {import('./elements.js').Element} element
   * @param {number} from
   */
  element(element, from) {
    this.#elements.set(element, Math.min(from, this.#elements.get(element) ?? Infinity));
    this.#soon();
  }

  /** @param {object[]} pieces  as Elements.merge() takes them */
  pieces(pieces) {
    this.#pieces.push(...pieces);
    this.#soon();
  }

  /** @param {{x: number, y: number} | null} place */
  cursor(place) {
    this.#cursor = place;
    this.#soon();
  }

  #soon() {
    if (this.#waiting) return;
    this.#waiting = true;
    const slow = this.#bridge.peers.some(({ state }) => state === 'relayed');
    if (slow) setTimeout(() => this.#flush(), SLOW_MS);
    else if (document.hidden) setTimeout(() => this.#flush());
    else requestAnimationFrame(() => this.#flush());
  }

  #flush() {
    this.#waiting = false;
    const elements = [...this.#elements];
    const pieces = this.#pieces;
    this.#elements.clear();
    this.#pieces = [];
    if (elements.length || pieces.length) {
      this.#sync.tell(elements, this.#cursor, pieces);
    } else if (this.#cursor !== undefined) {
      if (this.#cursor && performance.now() - this.#cursorSentAt < CURSOR_MS) return this.#soon();
      const text = JSON.stringify({ type: 'cursor', cursor: this.#cursor });
      // Nothing that is old when it arrives is to queue up for those whom the server serves.
      for (const peer of this.#bridge.peers) if (peer.state === 'open') this.#bridge.send(text, peer);
      this.#cursorSentAt = performance.now();
    }
    this.#cursor = undefined;
  }
}
