/**
 * modules.js - parts of the client that speak with their like at the other end of a link, by control messages that bear their name.
 *
 * What is seldom needed is loaded when this page uses it, or another that it hears from.
 */

/**
 * @typedef {import('./link.js').Link} Link
 *
 * @typedef {object} Module
 * @property {(link: Link, payload: any) => void} [heard]  the payload may be anything
 * @property {(link: Link, number: number, bytes: Uint8Array) => void} [chunk]
 * @property {(link: Link, address: string, decode: () => any) => void} [said]  data that is not for all of a room
 * @property {(link: Link) => void} [opened]  the other end's page is known: it may be told things
 * @property {(link: Link, why: Error) => void} [ended]  one of the two takes nothing of the other any more
 * @property {(link: Link) => void} [reset]   it is another page: what it was told, and has told, is over
 * @property {(link: Link) => void} [rooms]   it is in others with us than before
 * @property {(link: Link) => void} [received]  what its connection receives may be others' tracks
 * @property {(link: Link) => void} [closed]  it has gone
 */

const LATE_MAX = 100; // of what a peer says to one that is being loaded

export class Modules {
  #links;
  /** @type {Map<string, Module>} */
  #made = new Map();
  /** @type {Map<string, () => Promise<Module>>} */
  #loaders = new Map();
  /** @type {Map<string, Promise<Module>>} */
  #loading = new Map();
  /** How much was said to those that are being loaded. @type {WeakMap<Link, number>} */
  #late = new WeakMap();

  /** @param {() => Iterable<Link>} links */
  constructor(links) {
    this.#links = links;
  }

  /**
   * One that is there from the beginning.
   * @param {string} name
   * @param {Module} module
   */
  add(name, module) {
    this.#made.set(name, module);
  }

  /**
   * One that is loaded on first use.
   * @param {string} name
   * @param {() => Promise<Module>} load
   */
  addLater(name, load) {
    this.#loaders.set(name, load);
  }

  /**
   * @param {string} name  of addLater()
   * @returns {Promise<any>} the Module, once it was told of the links that there are
   */
  load(name) {
    const loading = this.#loading.get(name) ?? this.#load(name, /** @type {() => Promise<Module>} */ (this.#loaders.get(name)));
    this.#loading.set(name, loading);
    return loading;
  }

  /**
   * @param {string} name
   * @param {() => Promise<Module>} load
   */
  async #load(name, load) {
    try {
      const module = await load();
      this.#made.set(name, module);
      for (const link of this.#links()) if (link.isOpened) module.opened?.(link);
      return module;
    } catch (error) {
      this.#loading.delete(name); // perhaps the network failed
      throw error;
    }
  }

  /**
   * @param {string} name  as it came
   * @param {Link} link
   * @param {any} payload
   */
  heard(name, link, payload) {
    const module = this.#made.get(name);
    if (module) module.heard?.(link, payload);
    else if (this.#loaders.has(name)) this.#heardLate(name, link, payload);
  }

  /**
   * @param {string} name
   * @param {Link} link
   * @param {any} payload
   */
  async #heardLate(name, link, payload) {
    const late = this.#late.get(link) ?? 0;
    if (late === LATE_MAX) return;
    this.#late.set(link, late + 1);
    const module = await this.load(name).catch(() => null);
    this.#late.set(link, (this.#late.get(link) ?? 0) - 1);
    if (!link.isClosed) module?.heard?.(link, payload);
  }

  /**
   * @param {Link} link
   * @param {number} number
   * @param {Uint8Array} bytes
   */
  chunk(link, number, bytes) {
    for (const module of this.#made.values()) module.chunk?.(link, number, bytes);
  }

  /**
   * @param {Link} link
   * @param {string} address  where it was said, as it came: "room/…"
   * @param {() => any} decode
   */
  said(link, address, decode) {
    for (const module of this.#made.values()) module.said?.(link, address, decode);
  }

  /**
   * @param {'opened' | 'ended' | 'reset' | 'rooms' | 'received' | 'closed'} happening
   * @param {Link} link
   * @param {any} [why]
   */
  tell(happening, link, why) {
    for (const module of this.#made.values()) module[happening]?.(link, why);
  }
}
