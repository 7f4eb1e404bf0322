/**
 * store.js - the elements of a room in this browser (IndexedDB), for when nobody else has them.
 * Where the browser forbids it there is none, and nothing is said of it.
 */

const WRITE_MS = 300;
const OPEN_MS = 2_000;
const ROOMS_MAX = 50; // the others are forgotten

export class Store {
  #room;
  #kept;
  /** @type {IDBDatabase | null} */
  #db = null;
  /** @type {Set<string>} ids of elements */
  #changed = new Set();
  #timer = 0;

  /**
   * @param {string} room
   * @param {(ids: Iterable<string>) => Map<string, object[] | null>} kept  what of these elements, as
   *     Elements.kept() says
   */
  constructor(room, kept) {
    this.#room = room;
    this.#kept = kept;
    addEventListener('pagehide', () => this.#write());
    addEventListener('visibilitychange', () => document.hidden && this.#write());
  }

  /** @returns {Promise<object[]>} the pieces that were kept; none after a while without an answer */
  load() {
    const late = /** @type {Promise<object[]>} */ (new Promise((resolve) => { setTimeout(resolve, OPEN_MS, []); }));
    return Promise.race([this.#load().catch(() => []), late]);
  }

  /** @param {import('./elements.js').Element} element */
  keep({ id }) {
    this.#changed.add(id);
    this.#timer ||= setTimeout(() => this.#write(), WRITE_MS);
  }

  async #load() {
    const request = indexedDB.open('drawbridge', 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('elements');
      request.result.createObjectStore('rooms');
    };
    const db = await done(request);
    const work = db.transaction(['elements', 'rooms'], 'readwrite');
    const elements = work.objectStore('elements');
    const rooms = work.objectStore('rooms');
    rooms.put(Date.now(), this.#room);
    const [names, times, kept] = await Promise.all([done(rooms.getAllKeys()), done(rooms.getAll()),
      done(elements.getAll(IDBKeyRange.bound([this.#room], [this.#room, []])))]);
    const oldest = names.map((name, i) => ({ name, at: times[i] })).sort((a, b) => b.at - a.at).slice(ROOMS_MAX);
    for (const { name } of oldest) {
      rooms.delete(name);
      elements.delete(IDBKeyRange.bound([name], [name, []]));
    }
    this.#db = db;
    return kept.flat();
  }

  #write() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (!this.#db || !this.#changed.size) return;
    try {
      const elements = this.#db.transaction('elements', 'readwrite', { durability: 'relaxed' }).objectStore('elements');
      for (const [key, pieces] of this.#kept(this.#changed)) {
        if (pieces) elements.put(pieces, [this.#room, key]);
        else elements.delete([this.#room, key]);
      }
    } catch { /* the browser is closing it */ }
    this.#changed.clear();
  }
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function done(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}
