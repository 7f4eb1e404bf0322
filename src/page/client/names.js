/**
 * names.js - what people call themselves.
 *
 * The server vouches for names. A peer says that it has another one, and the server is asked which, after a random
 * time and for all at once: everybody in a room asks.
 */

import { pause } from './requests.js';

const ASKED_MS = 2_000;

/**
 * A name that a page may show in the middle of a sentence: no character in it changes the direction of the text
 * around it, as U+202E does.
 * @param {string} name
 */
export function withoutBidi(name) {
  return name.replace(/\p{Bidi_Control}/gu, '');
}

export class Names {
  #rooms;
  #found;
  #changed = new Set(); // ids
  #isAsking = false;

  /**
   * @param {() => Iterable<{peers: Map<string, any>, look: () => Promise<{id: string, username?: string}[]>}>} rooms
   * @param {(id: string, username: string) => void} found
   */
  constructor(rooms, found) {
    this.#rooms = rooms;
    this.#found = found;
  }

  /** @param {string} id  whose name is another */
  async changed(id) {
    this.#changed.add(id);
    if (this.#isAsking) return;
    this.#isAsking = true;
    await pause(ASKED_MS * (0.5 + Math.random() / 2));
    const ids = [...this.#changed];
    this.#changed.clear();
    for (const room of this.#rooms()) {
      if (!ids.some((one) => room.peers.has(one))) continue;
      const users = await room.look().catch(() => []);
      for (const { id: one, username } of users) if (ids.includes(one)) this.#found(one, username ?? '');
    }
    this.#isAsking = false;
    for (const one of this.#changed) return void this.changed(one);
  }
}
