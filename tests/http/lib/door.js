// door.js - a Redis of the test's own behind a door that may close in front of those who come, and where it may look older.
import net from 'node:net';
import { RedisServer } from './redis-server.js';

export class Door {
  /** How many of the next connections end with their first word. */
  closes = 0;
  /** Who comes is let in, and hears nothing: not even TLS begins. */
  isSilent = false;
  /** Of the next answer the second half is kept, until release(). */
  halves = false;
  #kept;
  /** Answers to connections that have said all these words are kept from then on. @type {string[]} */
  keeps = [];
  /** What INFO has as its version, instead of its own. @type {string} */ version;
  #redis;
  #server;
  #inside = new Set();

  /** @param {RedisServer} [redis]  the door's, from then on */
  static async start(redis) {
    const door = new Door();
    door.#redis = redis ?? await RedisServer.start();
    door.#server = net.createServer((client) => door.#take(client));
    await new Promise((resolve) => { door.#server.listen(0, '127.0.0.1', resolve); });
    return door;
  }

  get url() { return this.#redis.urlAt({ port: this.#server.address().port }); }

  /** Whether a half is kept. */
  get keepsHalf() { return Boolean(this.#kept); }

  release() {
    const { client, words } = this.#kept;
    this.#kept = undefined;
    client.write(words);
  }

  /** Out with all, but for those who listen to a channel. */
  clear({ listeners = false } = {}) {
    for (const client of this.#inside) if (listeners || !client.listens) client.destroy();
  }

  /** Each bulk string with the version in it, and its length before it. */
  #disguise(words) {
    if (!this.version || !words.includes('redis_version:')) return words;
    return Buffer.from(words.toString('latin1').replace(/\$(\d+)\r\n([^$]*redis_version:)([^\r]*)/g, (_, length, before, version) =>
      `$${Number(length) - version.length + this.version.length}\r\n${before}${this.version}`), 'latin1');
  }

  async remove() {
    this.#server.close();
    for (const client of this.#inside) client.destroy();
    await this.#redis.remove();
  }

  #answer(client, words) {
    if (client.isKept) return;
    if (!this.halves) {
      client.write(this.#disguise(words));
      return;
    }
    this.halves = false;
    const half = words.length >> 1;
    this.#kept = { client, words: words.subarray(half) };
    client.write(words.subarray(0, half));
  }

  #take(client) {
    this.#inside.add(client);
    if (this.isSilent) {
      client.on('error', () => {}).on('close', () => this.#inside.delete(client)).resume();
      return;
    }
    const redis = net.connect(this.#redis.served, '127.0.0.1');
    client.once('data', () => {
      if (this.closes > 0) client.destroy();
      this.closes--;
    });
    client.on('data', (words) => {
      client.listens ||= words.includes('SUBSCRIBE');
      // A long command comes in parts.
      client.says = this.keeps.filter((word) => words.includes(word) || client.says?.includes(word));
      client.isKept ||= this.keeps.length > 0 && client.says.length === this.keeps.length;
      redis.write(words);
    });
    client.on('end', () => redis.end());
    redis.on('data', (words) => this.#answer(client, words));
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
