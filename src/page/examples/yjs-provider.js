/**
 * yjs-provider.js - Yjs over Drawbridge, used as y-webrtc is. A document is a room.
 *
 *     const provider = new DrawbridgeProvider('minutes', doc, { bridge: new Drawbridge({ base }) });
 *     provider.awareness.setLocalStateField('user', { name: 'ann' });
 */
import { createDecoder, readVarUint } from 'lib0/decoding';
import { encode, writeUint8, writeUint8Array } from 'lib0/encoding';
import { ObservableV2 } from 'lib0/observable';
import { Awareness, applyAwarenessUpdate, encodeAwarenessUpdate, removeAwarenessStates } from 'y-protocols/awareness';
import { applyUpdate, encodeStateAsUpdate, encodeStateVector } from 'yjs';

const QUESTION = 0, ANSWER = 1, UPDATE = 2, PRESENCE = 3; // a message's first byte: the rest is as Yjs encodes it

export class DrawbridgeProvider extends ObservableV2 {
  name; doc; bridge; awareness;
  synced = false; // with all others in the room: event synced ({synced})
  #others = new Map(); // by Peer: its client in the awareness, whether it has told all that it has, what it asks
  #ends = []; // of what is listened to, while it is to be connected

  constructor(name, doc, { bridge, awareness = new Awareness(doc) }) {
    super();
    Object.assign(this, { name, doc, bridge, awareness, destroy: this.destroy.bind(this) });
    doc.on('destroy', this.destroy);
    this.connect();
  }

  connect() {
    if (this.#ends.length) return;
    const { name, doc, bridge, awareness } = this;
    const listen = (to, event, listener) => this.#ends.push(() => to.off(event, listener)) && to.on(event, listener);
    listen(bridge, 'join', (peer, room) => room.name === name && this.#joined(peer));
    listen(bridge, 'leave', (peer, room) => room.name === name && this.#left(peer));
    listen(bridge, 'data', (data, peer, room) => room.name === name && this.#read(data, peer));
    listen(doc, 'update', (update, origin) => origin !== this && this.#send(UPDATE, update));
    listen(awareness, 'update', (changes, origin) => origin !== this && this.#present());
    bridge.join(name).catch((error) => this.emit('connection-error', [error]));
    for (const peer of this.#room?.peers ?? []) this.#joined(peer); // where the page was in it before
  }

  disconnect() {
    for (const end of this.#ends.splice(0)) end();
    this.#room?.leave();
    for (const peer of this.#others.keys()) this.#left(peer);
  }

  destroy() {
    this.disconnect();
    this.doc.off('destroy', this.destroy);
    this.awareness.destroy();
    super.destroy();
  }

  get #room() { return this.bridge.rooms.find(({ name }) => name === this.name); }
  #send(kind, bytes, to = [...this.#others.keys()]) {
    return this.#room?.send(encode((message) => { writeUint8(message, kind); writeUint8Array(message, bytes); }), { to });
  }

  #ask(to) { this.#send(QUESTION, encodeStateVector(this.doc), to); }
  #present(to) { this.#send(PRESENCE, encodeAwarenessUpdate(this.awareness, [this.awareness.clientID]), to); }
  #joined(peer) { this.#others.set(peer, {}); this.#ask([peer]); this.#present([peer]); }
  #left(peer) {
    const { client } = this.#others.get(peer) ?? {};
    this.#others.delete(peer);
    removeAwarenessStates(this.awareness, [client], this);
    this.awareness.meta.delete(client); // else it could not come back with the clock that it had
    this.#ask(); // it may have told some of us more than others
  }

  async #read(data, peer) {
    const other = this.#others.get(peer);
    if (!other || !(data instanceof Uint8Array)) return; // it is of something else in this room
    const kind = data[0], bytes = data.subarray(1);
    try {
      if (kind === PRESENCE) this.#meet(other, bytes);
      else if (kind === QUESTION) await this.#answer(peer, Object.assign(other, { question: bytes }));
      else applyUpdate(this.doc, bytes, this);
    } catch (error) {
      console.warn(`${peer.username} has sent what Yjs cannot read.`, error);
    }
    other.synced ||= kind === ANSWER;
    const synced = [...this.#others.values()].every((one) => one.synced);
    if (synced !== this.synced) this.emit('synced', [{ synced: this.synced = synced }]);
  }

  async #answer(peer, other) { // one at a time, to what it has asked last
    for (; other.question && !other.waits; other.waits = false) {
      const answer = encodeStateAsUpdate(this.doc, other.question);
      Object.assign(other, { question: null, waits: true });
      await this.#send(ANSWER, answer, [peer]);
    }
  }

  #meet(other, bytes) { // each speaks of one client, its own: nobody speaks for another
    const client = readVarUint(createDecoder(bytes.subarray(1)));
    if (bytes[0] !== 1 || (other.client === undefined ? this.awareness.meta.has(client) : other.client !== client)) return;
    other.client = client;
    applyAwarenessUpdate(this.awareness, bytes, this);
  }
}
