/**
 * stats.js - how a connection does: what a browser's RTCStatsReport says, the same from every browser.
 *
 * Bytes are those of the pairs of candidates, as Firefox does not count a transport's. A pair goes when another is better,
 * or when the connection is made anew: so what each has had since the last reading is added up.
 */

/**
 * @typedef {object} Traffic  what has passed
 * @property {number} bytes  since the peer was met, with what is around the data (SCTP, DTLS, ICE); through the server, without
 * @property {number} rate   bytes a second since the last call, or since the peer was met
 *
 * @typedef {object} PeerStats  how the way to a peer does
 * @property {'' | 'direct' | 'turn' | 'server'} path  that of the peer
 * @property {number | undefined} rtt   ms there and back, as ICE has measured it last
 * @property {number | undefined} loss  the part, from 0 to 1, that got lost of what this page published to the peer lately.
 *     Channels for data do not say
 * @property {Traffic} sent  to it
 * @property {Traffic} received  from it
 * @property {{local?: RTCIceCandidateType, remote?: RTCIceCandidateType}} candidateTypes  of the two ends
 * @property {string | undefined} protocol  udp or tcp; where this page reaches a TURN server by it, also tls
 */

export class Meter {
  #at; // of the last report
  /** @type {Map<string, {sent: number, received: number}>} */
  #ways = new Map();
  #sent = { bytes: 0, rate: 0 };
  #received = { bytes: 0, rate: 0 };

  /** @param {number} begun  when the peer was met, by Date.now() */
  constructor(begun) {
    this.#at = begun;
  }

  /**
   * @param {{path: PeerStats['path'], report: any[], pair?: any, relayed: {sent: number, received: number}}} known
   *     pair: the selected one of the report; relayed: bytes that went through the server
   * @returns {PeerStats}
   */
  read({ path, report, pair, relayed }) {
    this.#count(report.filter(({ type }) => type === 'candidate-pair'), relayed);
    // What WebRTC has measured is of no way that data takes.
    const [used, media] = path === 'server' ? [] : [pair, report.filter(({ type }) => type === 'remote-inbound-rtp')];
    const [local, remote] = [used?.localCandidateId, used?.remoteCandidateId].map((id) => report.find((one) => id && one.id === id));
    return {
      path,
      rtt: inMs(used?.currentRoundTripTime ?? mean(media, 'roundTripTime')),
      loss: mean(media, 'fractionLost'),
      sent: { ...this.#sent },
      received: { ...this.#received },
      candidateTypes: { local: local?.candidateType, remote: remote?.candidateType },
      protocol: local?.relayProtocol ?? local?.protocol,
    };
  }

  /**
   * @param {any[]} pairs
   * @param {{sent: number, received: number}} relayed
   */
  #count(pairs, relayed) {
    const ways = new Map([['server', { ...relayed }]]);
    for (const { id, bytesSent = 0, bytesReceived = 0 } of pairs) ways.set(id, { sent: bytesSent, received: bytesReceived });
    let sent = 0, received = 0;
    for (const [id, way] of ways) {
      const last = this.#ways.get(id);
      sent += way.sent - (last?.sent ?? 0);
      received += way.received - (last?.received ?? 0);
    }
    this.#ways = ways;
    const at = pairs[0]?.timestamp ?? Date.now();
    const seconds = (at - this.#at) / 1000; // none, where a browser gives the report of some milliseconds ago again
    this.#at = at;
    this.#sent = added(this.#sent, sent, seconds);
    this.#received = added(this.#received, received, seconds);
  }
}

/**
 * @param {Traffic} traffic
 * @param {number} bytes
 * @param {number} seconds
 */
function added(traffic, bytes, seconds) {
  return { bytes: traffic.bytes + bytes, rate: seconds > 0 ? bytes / seconds : traffic.rate };
}

/** @param {number | undefined} seconds */
function inMs(seconds) {
  return seconds === undefined ? undefined : seconds * 1000;
}

/**
 * @param {any[] | undefined} all
 * @param {string} name
 * @returns {number | undefined} of those that have it
 */
function mean(all, name) {
  const values = (all ?? []).map((one) => one[name]).filter((value) => typeof value === 'number');
  return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : undefined;
}
