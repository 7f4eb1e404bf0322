/**
 * use-room.js - a room as a hook of React: who is there, what they say, and a function to say something.
 *
 *     <Bridge value={new Drawbridge({ base, username })}>…</Bridge>
 *
 *     const { state, detail, peers, messages, send } = useRoom('tea');
 *
 * Components that use the same room share it. It is entered with the first of them, and left after the last.
 */

import { createContext, useContext, useSyncExternalStore } from 'react';

const MESSAGES_MAX = 200; // the last ones

/** The Drawbridge of those below it. */
export const Bridge = createContext(null);

export function useRoom(name) {
  const store = storeOf(useContext(Bridge), name);
  return useSyncExternalStore(store.subscribe, store.getSnapshot);
}

/** By bridge, and by name. */
const stores = new WeakMap();

function storeOf(bridge, name) {
  if (!stores.has(bridge)) stores.set(bridge, new Map());
  const named = stores.get(bridge);
  if (!named.has(name)) named.set(name, new RoomStore(bridge, name));
  return named.get(name);
}

class RoomStore {
  #bridge;
  #name;
  #room = null;
  #ends = [];
  #components = new Set();
  #view;
  #count = 0; // of messages, as React wants a key for each

  constructor(bridge, name) {
    this.#bridge = bridge;
    this.#name = name;
    this.#view = { state: 'joining', detail: '', peers: [], messages: [], send: this.send };
  }

  getSnapshot = () => this.#view;

  subscribe = (component) => {
    this.#components.add(component);
    if (!this.#ends.length) this.#enter();
    return () => {
      this.#components.delete(component);
      // StrictMode ends each component once, and begins it again at once.
      queueMicrotask(() => { if (!this.#components.size) this.#leave(); });
    };
  };

  /** To everybody in the room, or to a peer. */
  send = (data, to) => {
    this.#say(this.#bridge.user, data);
    return this.#room?.send(data, to);
  };

  #enter() {
    const bridge = this.#bridge;
    bridge.join(this.#name).catch((error) => this.#show({ state: 'refused', detail: error.message }));
    this.#room = bridge.rooms.find(({ name }) => name === this.#name) ?? null;
    const show = () => {
      const { state, detail, peers } = this.#room;
      // Of the two states the one that is in the way.
      const connection = bridge.state === 'connected' ? {} : { state: bridge.state, detail: bridge.detail };
      this.#show({ state, detail, peers: [...peers], ...connection });
    };
    const data = (said, peer) => this.#say(peer, said);
    this.#ends = [bridge.on('state', show), bridge.on('peer', show)];
    if (this.#room) this.#ends.push(this.#room.on('state', show), this.#room.on('join', show), this.#room.on('leave', show), this.#room.on('data', data));
  }

  #leave() {
    for (const end of this.#ends.splice(0)) end();
    this.#room?.leave();
    this.#room = null;
    this.#view = { ...this.#view, state: 'joining', peers: [], messages: [] };
  }

  #say(peer, data) {
    const message = { key: ++this.#count, peer, data };
    this.#show({ messages: [...this.#view.messages, message].slice(-MESSAGES_MAX) });
  }

  /** What it shows is another object each time: by that React sees that it is. */
  #show(changes) {
    this.#view = { ...this.#view, ...changes };
    for (const component of this.#components) component();
  }
}
