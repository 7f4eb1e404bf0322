// proxy.js - a piece of network between a browser and a server, which can be bad.
import net from 'node:net';

export class Proxy {
  /** @type {net.Server} */ #server;
  #delay = 0; // ms
  /** Where it is, of the target's mount. @type {URL} */ base;
  #pairs = new Set();
  #refusing = false;
  /** Is given what a browser sends, as it comes. @type {(bytes: Buffer) => void} */
  heard = () => {};

  /**
   * @param {URL} target
   * @param {{delay?: number}} [how]  for so many ms whatever passes is under way, in each direction
   */
  static async start(target, { delay = 0 } = {}) {
    const proxy = new Proxy();
    proxy.#delay = delay;
    proxy.#server = net.createServer((client) => proxy.#take(client, target));
    await new Promise((resolve) => { proxy.#server.listen(0, '127.0.0.1', () => resolve(true)); });
    proxy.base = new URL(target.href);
    proxy.base.port = String(/** @type {net.AddressInfo} */ (proxy.#server.address()).port);
    return proxy;
  }

  /** All connections end, and no new one is taken until allow(). */
  cut() {
    this.#refusing = true;
    for (const [client, server] of this.#pairs) {
      client.destroy();
      server.destroy();
    }
  }

  allow() {
    this.#refusing = false;
  }

  /** Streams carry nothing any more, and nobody is told; browsers give up what is idle by themselves. */
  stall() {
    for (const [client, server] of this.#pairs) {
      if (!client.streams) {
        client.destroy();
        continue;
      }
      client.unpipe();
      server.unpipe();
      client.resume();
      server.resume();
    }
  }

  async close() {
    this.cut();
    await new Promise((resolve) => { this.#server.close(resolve); });
  }

  #take(client, target) {
    if (this.#refusing) {
      client.destroy();
      return;
    }
    const server = net.connect(Number(target.port), '127.0.0.1');
    const pair = [client, server];
    this.#pairs.add(pair);
    client.on('data', (bytes) => {
      client.streams = bytes.includes('/connect?');
      this.heard(bytes);
    });
    for (const [one, other] of [[client, server], [server, client]]) {
      this.#carry(one, other);
      one.on('error', () => {});
      one.on('close', () => {
        this.#later(() => other.destroy());
        this.#pairs.delete(pair);
      });
    }
  }

  #carry(from, to) {
    if (!this.#delay) return from.pipe(to);
    from.on('data', (bytes) => this.#later(() => to.write(bytes)));
    from.on('end', () => this.#later(() => to.end()));
  }

  /** After the delay, in the order of the calls. */
  #later(run) {
    if (this.#delay) setTimeout(run, this.#delay);
    else run();
  }
}
