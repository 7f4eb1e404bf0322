/**
 * events.js - telling whoever listens.
 */

/**
 * @param {(surely: boolean) => void} listener  called when the network is another, has gone or is back: surely, or perhaps
 * @param {AbortSignal} signal   until then
 */
export function onNetworkChange(listener, signal) {
  addEventListener('online', () => listener(true), { signal });
  addEventListener('offline', () => listener(true), { signal });
  const { connection } = /** @type {Navigator & {connection?: EventTarget & {type?: string}}} */ (navigator); // not everywhere
  let type = connection?.type;
  connection?.addEventListener?.('change', () => {
    // It also fires at each new estimate of how fast the network is, and another may be of the same type.
    const was = type;
    type = connection.type;
    listener(type !== was);
  }, { signal });
}

/**
 * Calls a function of the page's. What it throws is the page's to see, as of a listener, and stops nothing here.
 * @template T
 * @param {() => T} run
 * @returns {T | undefined}
 */
export function callPage(run) {
  try {
    return run();
  } catch (error) {
    throwLater(error);
    return undefined;
  }
}

/**
 * It is seen as what nobody has caught, and stops nothing here.
 * @param {unknown} error
 */
export function throwLater(error) {
  queueMicrotask(() => { throw error; });
}

/** What happened, with its details as properties. */
class Happening extends Event {
  #details;

  /**
   * @param {string} type
   * @param {object} details
   */
  constructor(type, details) {
    super(type);
    Object.assign(this, details);
    this.#details = details;
  }

  /** In their order. */
  get values() {
    return Object.values(this.#details);
  }
}

/**
 * An EventTarget. What a listener throws is the page's to see, and stops nobody else.
 * @template {{[type: string]: object}} Happenings  which events there are, and what each has
 * @template {{[type in keyof Happenings]: (...details: any[]) => void}} [Listeners={[type in keyof Happenings]: (...details: any[]) => void}]
 *     what on() takes for each: as TypeScript knows of no order in an object
 */
export class Emitter extends EventTarget {
  /** @type {WeakMap<Function, Map<string, EventListener>>} */
  #listeners = new WeakMap();

  /**
   * @template {keyof Happenings & string} T
   * @overload
   * @param {T} type
   * @param {((event: Event & Happenings[T]) => void) | null} listener
   * @param {boolean | AddEventListenerOptions} [options]
   * @returns {void}
   */
  /**
   * @overload
   * @param {string} type
   * @param {EventListenerOrEventListenerObject | null} listener
   * @param {boolean | AddEventListenerOptions} [options]
   * @returns {void}
   */
  /**
   * @param {string} type
   * @param {any} listener
   * @param {boolean | AddEventListenerOptions} [options]
   */
  addEventListener(type, listener, options) {
    super.addEventListener(type, listener, options);
  }

  /**
   * As addEventListener(), but the listener gets the details as arguments, in their order.
   * @template {keyof Happenings & string} T
   * @param {T} type
   * @param {Listeners[T]} listener
   * @returns {() => void} ends it
   */
  on(type, listener) {
    const types = this.#listeners.get(listener) ?? new Map();
    const heard = types.get(type) ?? ((/** @type {Happening} */ happening) => listener(...happening.values));
    this.#listeners.set(listener, types.set(type, heard));
    super.addEventListener(type, heard);
    return () => this.off(type, listener);
  }

  /**
   * Ends what on() began.
   * @template {keyof Happenings & string} T
   * @param {T} type
   * @param {Listeners[T]} listener
   */
  off(type, listener) {
    const heard = this.#listeners.get(listener)?.get(type);
    if (heard) this.removeEventListener(type, heard);
  }

  /**
   * @template {keyof Happenings & string} T
   * @param {T} type
   * @param {Happenings[T]} details
   * @internal
   */
  emit(type, details) {
    this.dispatchEvent(new Happening(type, details));
  }
}
