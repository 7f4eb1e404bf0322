/**
 * store.js - the elements of a room in this browser (IndexedDB), for when nobody else has them.
 * Where the browser forbids it there is none, and nothing is said of it. What it has no space for waits here, and is
 * written with the next change.
 */

const WRITE_MS = 300;
const OPEN_MS = 2_000;
const ROOMS_MAX = 50; // the others are forgotten

export class Store {
  /** @type {(refused: boolean) => void} the browser has no space for it, or has it again */
  refused = () => {};

  #room;
  #kept;
  #refused = false;
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

  /**
   * @param {(pieces: object[]) => void} late  is given what came after that while
   * @returns {Promise<object[]>} the pieces that were kept; none after a while without an answer
   */
  load(late) {
    let over = false;
    const loaded = this.#load().catch(() => /** @type {object[]} */ ([]));
    const slow = /** @type {Promise<object[]>} */ (new Promise((resolve) => {
      setTimeout(() => { over = true; resolve([]); }, OPEN_MS);
    }));
    loaded.then((pieces) => { if (over && pieces.length) late(pieces); });
    return Promise.race([loaded, slow]);
  }

  /** @param {import('./elements.js').Element} element */
  keep({ id }) {
    this.#changed.add(id);
    this.#timer ||= setTimeout(() => this.#write(), WRITE_MS);
  }

  /**
   * Under another name, too; without what is deleted.
   * @param {string} room
   * @param {string[]} ids  of which elements
   */
  async copy(room, ids) {
    if (!this.#db) throw new Error('Nothing is kept here.');
    const work = this.#db.transaction('elements', 'readwrite');
    const elements = work.objectStore('elements');
    const kept = this.#kept(ids);
    for (const id of ids) {
      const pieces = kept.get(id);
      if (pieces) elements.put(pieces, [room, id]);
    }
    await new Promise((resolve, reject) => {
      work.oncomplete = resolve;
      work.onabort = () => reject(work.error);
    });
  }

  async #load() {
    const request = indexedDB.open('drawbridge', 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('elements');
      request.result.createObjectStore('rooms');
    };
    const db = await done(request);
    const kept = await done(db.transaction('elements').objectStore('elements').getAll(all(this.#room)));
    this.#db = db;
    this.#count(db).catch(() => {}); // without space for it, this room is not the last to be forgotten
    if (this.#changed.size) this.#write();
    return kept.flat();
  }

  /**
   * This room was opened last.
   * @param {IDBDatabase} db
   */
  async #count(db) {
    const work = db.transaction(['elements', 'rooms'], 'readwrite');
    const rooms = work.objectStore('rooms');
    rooms.put(Date.now(), this.#room);
    const [names, times] = await Promise.all([done(rooms.getAllKeys()), done(rooms.getAll())]);
    const oldest = names.map((name, i) => ({ name, at: times[i] })).sort((a, b) => b.at - a.at).slice(ROOMS_MAX);
    for (const { name } of oldest) {
      rooms.delete(name);
      work.objectStore('elements').delete(all(name));
    }
  }

  #write() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (!this.#db || !this.#changed.size) return;
    const changed = this.#changed;
    this.#changed = new Set();
    try {
      const work = this.#db.transaction('elements', 'readwrite', { durability: 'relaxed' });
      work.oncomplete = () => this.#end(null);
      work.onabort = () => this.#end(work.error, changed);
      const elements = work.objectStore('elements');
      for (const [key, pieces] of this.#kept(changed)) {
        if (pieces) elements.put(pieces, [this.#room, key]);
        else elements.delete([this.#room, key]);
      }
      work.commit?.(); // else a page that goes takes it along, as nobody is left to say that this was all
    } catch { // the browser is closing it
      this.#end(null, changed);
    }
  }

  /**
   * @param {DOMException | null} error
   * @param {Iterable<string>} [left]  that were not written
   */
  #end(error, left = []) {
    for (const id of left) this.#changed.add(id);
    const refused = Boolean(error);
    if (refused !== this.#refused) this.refused(refused);
    this.#refused = refused;
  }
}

/**
 * The keys of all elements of a room.
 * @param {IDBValidKey} room
 */
function all(room) {
  return IDBKeyRange.bound([room], [room, []]);
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
