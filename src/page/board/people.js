/**
 * people.js - who is here: what they call themselves, how each is reached, and where their pointers are.
 * What they say of themselves is checked, and shown as text, never as HTML.
 */

import { isIntegerUpTo } from './checks.js';
import { COLOURS, cleanName, isCoordinate } from './shapes.js';

/** @typedef {import('../drawbridge.js').Peer} Peer */
/**
 * @typedef {object} Person
 * @property {string} name
 * @property {number} colour
 * @property {{x: number, y: number} | null} cursor
 * @property {HTMLElement | null} mark
 * @property {boolean} slow
 */

/** @type {Record<string, [string, string]>} */
const PATHS = {
  direct: ['direct', 'connected directly'],
  turn: ['by TURN', 'connected by a TURN server'],
  server: ['by server', 'reached by the server alone, slowly'],
};
/** @type {Record<string, [string, string]>} */
const STATES = {
  connecting: ['connecting…', 'not reached yet'],
  interrupted: ['lost', 'lost, and sought'],
  open: ['connected', 'connected'],
};

const ARROW = 'M1 1 L1 15 L5 11.5 L7.5 17 L10 16 L7.5 10.5 L13 10.5 Z';

export class People {
  #bridge;
  #view;
  #list;
  #cursors;
  #say;
  /** @type {Map<string, Person>} by id */
  #known = new Map();

  /**
   * @param {import('../drawbridge.js').Drawbridge} bridge
   * @param {import('./view.js').View} view
   * @param {{list: HTMLElement, cursors: HTMLElement, say: (sentence: string) => void}} page
   *     list: its first item is oneself
   */
  constructor(bridge, view, { list, cursors, say }) {
    this.#bridge = bridge;
    this.#view = view;
    this.#list = list;
    this.#cursors = cursors;
    this.#say = say;
  }

  /** @param {Peer} peer */
  greet({ id, username }) {
    const colour = [...id].reduce((sum, letter) => sum + letter.charCodeAt(0), 0) % COLOURS;
    this.#known.set(id, { name: username, colour, cursor: null, mark: null, slow: false });
  }

  /** @param {Peer} peer */
  nameOf({ id, username }) {
    return this.#known.get(id)?.name || username || 'Somebody';
  }

  /** @param {Peer} peer */
  remove({ id }) {
    this.#known.get(id)?.mark?.remove();
    this.#known.delete(id);
  }

  /**
   * @param {any} message  as it came, parsed
   * @param {Peer} peer
   */
  hear(message, { id }) {
    const person = this.#known.get(id);
    if (!person || !message) return;
    if (message.type === 'name') {
      if (typeof message.name === 'string') person.name = cleanName(message.name.slice(0, 1_000)) || person.name;
      if (isIntegerUpTo(message.colour, COLOURS - 1)) person.colour = message.colour;
      person.mark?.remove();
      person.mark = null;
      this.#place(person);
    } else if (message.cursor !== undefined) {
      person.cursor = sound(message.cursor) ? message.cursor : null;
      this.#place(person);
    }
  }

  /** The view has changed. */
  place() {
    for (const person of this.#known.values()) this.#place(person);
  }

  show() {
    const { peers } = this.#bridge;
    const items = peers.map((peer) => this.#item(peer));
    // The item of this page's own peer stays: somebody may be typing a name in it.
    const [me] = this.#list.children;
    while (me.nextElementSibling) me.nextElementSibling.remove();
    me.after(...items);
    for (const { id, state } of peers) {
      const person = this.#known.get(id);
      if (!person) continue;
      const slow = state === 'relayed';
      if (slow && !person.slow) {
        this.#say(`${person.name} is reached by the server alone: what you draw arrives slowly.`);
      }
      person.slow = slow;
    }
  }

  /** @param {Peer} peer */
  #item({ id, state, path, username, detail }) {
    const { name, colour } = this.#known.get(id) ?? { name: username, colour: 0 };
    const [word, words] = PATHS[path] ?? STATES[state] ?? [state, detail || state];
    const item = document.createElement('li');
    item.dataset.state = state;
    item.title = `${name}: ${words}`;
    const avatar = spanOf('avatar', initial(name), colour);
    avatar.ariaHidden = 'true';
    item.append(avatar, spanOf('name', name), spanOf('how', word));
    return item;
  }

  /** @param {Person} person */
  #place(person) {
    const { cursor } = person;
    if (!cursor) {
      if (person.mark) person.mark.hidden = true;
      return;
    }
    person.mark ??= this.#mark(person);
    person.mark.hidden = false;
    const { x, y } = this.#view.toWindow(cursor);
    person.mark.style.translate = `${x}px ${y}px`;
  }

  /** @param {Person} person */
  #mark({ name, colour }) {
    const mark = document.createElement('div');
    const arrow = document.createElementNS('http://www.w3.org/2000/svg', 'svg');
    const path = document.createElementNS('http://www.w3.org/2000/svg', 'path');
    path.setAttribute('d', ARROW);
    arrow.setAttribute('viewBox', '0 0 16 18');
    arrow.append(path);
    mark.dataset.colour = String(colour);
    mark.append(arrow, spanOf('name', name, colour));
    this.#cursors.append(mark);
    return mark;
  }
}

/** @param {string} name */
export function initial(name) {
  return [...name.trim()][0]?.toUpperCase() ?? '?';
}

/**
 * @param {string} className
 * @param {string} text
 * @param {number} [colour]
 */
function spanOf(className, text, colour) {
  const element = document.createElement('span');
  element.className = className;
  element.textContent = text;
  if (colour !== undefined) element.dataset.colour = String(colour);
  return element;
}

/** @param {any} cursor */
function sound(cursor) {
  return isCoordinate(cursor?.x) && isCoordinate(cursor?.y);
}
