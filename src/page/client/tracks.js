/**
 * tracks.js - what is sent by a connection, on its transceivers.
 *
 * A track is placed on a transceiver that is there and sends nothing, else on a new one: so there are never more
 * than the larger number that either end has sent at once, of each kind. One that sends nothing any more stays there, to
 * receive, and for the next.
 */

import { TRACKS_MAX } from './connection.js';

/**
 * @typedef {object} Sent  a track as one of a stream. It may be one of several.
 * @property {MediaStreamTrack} track
 * @property {MediaStream} stream  the browser takes its id alone: what is in one is played together
 * @property {any} about  what the other end is told of it, as JSON
 */

export class Tracks {
  #connection;
  /** @type {Sent[]} */
  #sent = [];
  /** The ids of the streams that each was given. @type {WeakMap<RTCRtpSender, string>} */
  #streams = new WeakMap();

  /** @param {import('./connection.js').Connection} connection  which uses it from now on */
  constructor(connection) {
    this.#connection = connection;
    connection.tracks = this;
  }

  /** @param {Sent[]} sent  all that the other end is to get: the first TRACKS_MAX of each kind are sent */
  send(sent) {
    this.#sent = taken(sent);
    this.#connection.place();
  }

  /** @param {RTCPeerConnection} pc */
  async place(pc) {
    const tracks = new Set(this.#sent.map(({ track }) => track));
    const usable = pc.getTransceivers().filter(({ direction }) => direction !== 'stopped');
    const free = new Set(usable.filter(({ sender }) => !sender.track || !tracks.has(sender.track)));
    for (const track of tracks) {
      const streams = this.#sent.filter((one) => one.track === track).map(({ stream }) => stream);
      const ids = streams.map(({ id }) => id).join();
      let transceiver = usable.find(({ sender }) => sender.track === track);
      if (!transceiver) {
        const fit = [...free].filter(({ receiver }) => receiver.track.kind === track.kind);
        // Where it replaces another in the same streams, nothing need be negotiated.
        transceiver = fit.find(({ sender }) => this.#streams.get(sender) === ids) ?? fit[0];
        if (transceiver) await replaceTrack(transceiver.sender, track);
      }
      if (transceiver) {
        free.delete(transceiver);
        transceiver.direction = 'sendrecv';
        if (this.#streams.get(transceiver.sender) !== ids) transceiver.sender.setStreams(...streams);
      }
      this.#streams.set(transceiver?.sender ?? pc.addTrack(track, ...streams), ids);
    }
    for (const transceiver of free) {
      this.#streams.delete(transceiver.sender);
      if (transceiver.sender.track) await replaceTrack(transceiver.sender, null);
      transceiver.direction = 'recvonly';
    }
  }

  /**
   * @param {RTCPeerConnection} pc
   * @returns {[string, any][]}
   */
  describe(pc) {
    return pc.getTransceivers().flatMap(({ mid, sender }) => (mid === null ? []
      : this.#sent.filter(({ track }) => track === sender.track).map(({ about }) => /** @type {[string, any]} */ ([mid, about]))));
  }
}

/**
 * As many as the other end takes.
 * @param {Sent[]} sent
 */
export function taken(sent) {
  return ['audio', 'video'].flatMap((kind) => sent.filter(({ track }) => track.kind === kind).slice(0, TRACKS_MAX));
}

/**
 * A track that cannot be sent keeps no description from being made.
 * @param {RTCRtpSender} sender
 * @param {MediaStreamTrack | null} track
 */
function replaceTrack(sender, track) {
  return sender.replaceTrack(track).catch((error) => console.debug('tracks:', error));
}
