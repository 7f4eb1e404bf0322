// door.js - a Redis of the test's own behind a door that may close in front of those who come.
import net from 'node:net';
import { RedisServer } from './redis-server.js';

export class Door {
  /** How many of the next connections end with their first word. */
  closes = 0;
  /** Answers to connections that say this word are kept from then on. */
  keeps;
  #redis;
  #server;
  #inside = new Set();

  static async start() {
    const door = new Door();
    door.#redis = await RedisServer.start();
    door.#server = net.createServer((client) => door.#take(client));
    await new Promise((resolve) => { door.#server.listen(0, '127.0.0.1', resolve); });
    return door;
  }

  get url() { return `redis://127.0.0.1:${this.#server.address().port}`; }

  /** Out with all but those who listen to a channel. */
  clear() {
    for (const client of this.#inside) if (!client.listens) client.destroy();
  }

  async remove() {
    this.#server.close();
    for (const client of this.#inside) client.destroy();
    await this.#redis.remove();
  }

  #take(client) {
    const redis = net.connect(this.#redis.port, '127.0.0.1');
    this.#inside.add(client);
    client.once('data', () => {
      if (this.closes > 0) client.destroy();
      this.closes--;
    });
    client.on('data', (words) => {
      client.listens ||= words.includes('SUBSCRIBE');
      client.isKept ||= this.keeps && words.includes(this.keeps);
      redis.write(words);
    });
    client.on('end', () => redis.end());
    redis.on('data', (words) => { if (!client.isKept) client.write(words); });
    redis.on('end', () => client.end());
    for (const [one, other] of [[client, redis], [redis, client]]) {
      one.on('error', () => {});
      one.on('close', () => {
        other.destroy();
        this.#inside.delete(client);
      });
    }
  }
}
