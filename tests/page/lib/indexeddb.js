// indexeddb.js - as much of IndexedDB as the board uses, which may be slow to open, or have no space left.

/** @typedef {{result?: any, error?: any, onsuccess?: () => void, onerror?: () => void, onupgradeneeded?: () => void}} FakeRequest */

export class FakeIndexedDB {
  /** @type {Record<string, Map<string, any>>} by name; their keys are JSON */
  stores = {};
  full = false;
  slow = false;
  /** Ends the waiting of who opened it while it was slow. */
  wake = () => {};

  open() {
    /** @type {FakeRequest} */
    const request = {};
    this.wake = () => setImmediate(() => {
      request.result = this;
      if (!this.stores.elements) request.onupgradeneeded?.();
      request.onsuccess?.();
    });
    if (!this.slow) this.wake();
    return request;
  }

  createObjectStore(name) {
    this.stores[name] = new Map();
  }

  transaction() {
    const work = { error: null, oncomplete: () => {}, onabort: () => {}, objectStore: (name) => this.#store(work, this.stores[name]), pending: 0 };
    return work;
  }

  #store(work, records) {
    const has = (key, range) => range === undefined || (Array.isArray(key) && key[0] === range.room);
    const within = (range) => [...records].filter(([key]) => has(JSON.parse(key), range));
    const run = (what) => {
      /** @type {FakeRequest} */
      const request = {};
      work.pending++;
      setImmediate(() => {
        if (!work.error) request.result = what();
        if (work.error) request.error = work.error;
        (work.error ? request.onerror : request.onsuccess)?.();
        setImmediate(() => {
          if (--work.pending === 0) (work.error ? work.onabort : work.oncomplete)();
        });
      });
      return request;
    };
    return {
      put: (value, key) => run(() => {
        if (this.full) work.error = Object.assign(new Error('There is no space.'), { name: 'QuotaExceededError' });
        else records.set(JSON.stringify(key), structuredClone(value));
      }),
      delete: (key) => run(() => {
        const keys = key.room === undefined ? [JSON.stringify(key)] : within(key).map(([each]) => each);
        for (const each of keys) records.delete(each);
      }),
      getAll: (range) => run(() => within(range).map(([, value]) => structuredClone(value))),
      getAllKeys: (range) => run(() => within(range).map(([key]) => JSON.parse(key))),
    };
  }
}

/** The only kind of range that the board asks for: all of a room. */
export const FakeKeyRange = { bound: ([room]) => ({ room }) };
