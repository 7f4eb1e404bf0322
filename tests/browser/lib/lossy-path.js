// lossy-path.js - a network between two pages that loses some of the packets: each candidate that a page is told of is
// an address here, from where packets go on to who has that candidate.
import dgram from 'node:dgram';

export class LossyPath {
  /** Of so many packets one is lost; 0: none. */
  every = 0;
  lost = 0;
  #count = 0;
  /** By what lies behind it. @type {Map<string, Promise<dgram.Socket>>} */
  #ways = new Map();
  #sockets = [];

  /** Where packets for this address are to be sent. */
  async to(address, port) {
    const { address: host, port: there } = (await this.#way(address, port)).address();
    return { address: host, port: there };
  }

  #way(address, port) {
    const name = `${address} ${port}`;
    const way = this.#ways.get(name) ?? this.#open(address, port);
    this.#ways.set(name, way);
    return way;
  }

  /** Who sends to it is known there by an address of its own, so that answers come back. */
  async #open(address, port) {
    const socket = dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4');
    this.#sockets.push(socket);
    socket.on('message', async (packet, from) => {
      if (this.every && ++this.#count % this.every === 0) {
        this.lost++;
        return;
      }
      (await this.#way(from.address, from.port)).send(packet, port, address);
    });
    socket.on('error', () => {}); // who was there has gone
    await new Promise((resolve) => { socket.bind(0, address, () => resolve(true)); });
    return socket;
  }

  /** @param {import('playwright-core').Page} page  which is to be told of others by addresses here, from the beginning */
  async attach(page) {
    await page.exposeFunction('reroute', (address, port) => this.to(address, port));
    await page.addInitScript(reroutePeers);
  }

  close() {
    for (const socket of this.#sockets) socket.close();
  }
}

function reroutePeers() {
  const { setRemoteDescription, addIceCandidate } = RTCPeerConnection.prototype;
  RTCPeerConnection.prototype.setRemoteDescription = function told(/** @type {any} */ description) {
    const sdp = description.sdp.replace(/^a=candidate:.*\r\n/gm, '');
    return /** @type {Function} */ (setRemoteDescription).call(this, { type: description.type, sdp });
  };
  RTCPeerConnection.prototype.addIceCandidate = async function told(candidate) {
    const parts = candidate.candidate.split(' ');
    if (parts[2].toLowerCase() !== 'udp') return;
    const { address, port } = await globalThis.reroute(parts[4], Number(parts[5]));
    parts[4] = address;
    parts[5] = String(port);
    await /** @type {Function} */ (addIceCandidate).call(this, { ...candidate, candidate: parts.join(' ') });
  };
}
