/**
 * onward.js - from this room to another one, with what is on the board. This room stays as it is.
 */

import { newSecret } from '../drawbridge.js';
import { randomId } from '../client/random.js';
import { hashWith, storeName } from './private.js';

/** @typedef {import('./elements.js').Present} Present */

const SEND_MS = 1_000; // to tell the others before one leaves

export class Onward {
  #desk;

  /**
   * @param {object} desk
   * @param {string} desk.room
   * @param {string | null} desk.secret
   * @param {import('../drawbridge.js').Drawbridge} desk.bridge
   * @param {import('./elements.js').Elements} desk.elements
   * @param {import('./selection.js').Selection} desk.selection
   * @param {import('./store.js').Store} desk.store
   * @param {import('./offers.js').Offers} desk.offers
   * @param {import('./people.js').People} desk.people
   * @param {(sentence: string) => void} desk.say
   */
  constructor(desk) {
    this.#desk = desk;
  }

  /** What is selected comes along, or all there is, and the others are told. */
  async goOn() {
    const { secret, bridge, selection, elements } = this.#desk;
    const fresh = randomId() + randomId();
    const { list } = selection;
    if (!await this.#takeAlong(fresh, secret, list.length ? list : elements.list)) return;
    const told = bridge.send(JSON.stringify({ type: 'onward', room: fresh })).catch(() => {});
    await Promise.race([told, new Promise((resolve) => { setTimeout(resolve, SEND_MS); })]);
    go(fresh);
  }

  /**
   * Somebody goes on in a new room.
   * @param {any} to  as it came
   * @param {import('../drawbridge.js').Peer} peer
   */
  invite(to, peer) {
    const { offers, people } = this.#desk;
    if (typeof to !== 'string' || !/^[0-9a-f]{32}$/.test(to)) return;
    offers.set('onward', { sentence: `${people.nameOf(peer)} goes on in a new room`, label: 'Go there', run: () => go(to), closed: () => {} });
  }

  /** Whoever is on the open board stays there. */
  async makePrivate() {
    const { room, elements, say } = this.#desk;
    if (!globalThis.isSecureContext) return say('Private links work by HTTPS only, or on localhost.');
    const fresh = newSecret();
    if (await this.#takeAlong(room, fresh, elements.list)) location.hash = hashWith(fresh); // and that loads the page
  }

  /**
   * Nobody goes without what is to come along.
   * @param {string} to  a room
   * @param {string | null} by  its secret
   * @param {Present[]} list
   */
  async #takeAlong(to, by, list) {
    const { store, say } = this.#desk;
    try {
      if (list.length) await store.copy(await storeName(to, by), list.map(({ id }) => id));
      return true;
    } catch {
      say('The board cannot be taken along: this browser has no space for it.');
      return false;
    }
  }
}

/** @param {string} to  a room; a private one has the same secret */
function go(to) {
  location.assign(new URL(to + location.hash, location.href));
}
