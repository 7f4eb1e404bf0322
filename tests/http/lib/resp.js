// resp.js - Redis' own protocol (RESP2), just enough to look into it and to be a peer in it.
import net from 'node:net';

export class Redis {
  #socket;
  #waiting = [];
  #got = Buffer.alloc(0);

  /** @param {string} url  redis://[:password@]host:port[/db] or unix:///path[?db=n] */
  static async open(url) {
    const redis = new Redis();
    const { protocol, hostname, port, password, pathname, searchParams } = new URL(url);
    const unix = protocol === 'unix:';
    redis.#socket = net.connect(unix ? { path: decodeURIComponent(pathname) }
      : { host: hostname, port: Number(port || 6379) });
    await new Promise((resolve, reject) => {
      redis.#socket.once('connect', resolve).once('error', reject);
    });
    redis.#socket.setNoDelay(true);
    redis.#socket.on('data', (bytes) => redis.#take(bytes));
    redis.#socket.on('error', () => {});
    redis.#socket.on('close', () => {
      for (const { reject } of redis.#waiting.splice(0)) reject(new Error('Redis has gone'));
    });
    if (password) await redis.ask('AUTH', decodeURIComponent(password));
    const db = unix ? searchParams.get('db') : pathname.slice(1);
    if (db) await redis.ask('SELECT', db);
    return redis;
  }

  /** One command; an error of Redis' rejects. */
  ask(...words) {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      this.#socket.write(`*${words.length}\r\n` + words.map((word) => {
        const text = String(word);
        return `$${Buffer.byteLength(text)}\r\n${text}\r\n`;
      }).join(''));
    });
  }

  /** What is done with a message. @type {(text: string, channel: string) => void} */ onPush = () => {};

  /** Gives the list to which each message on the channel is added from now on. */
  async subscribe(channel) {
    const messages = [];
    this.onPush = (text) => messages.push(text);
    await this.ask('SUBSCRIBE', channel);
    return messages;
  }

  close() {
    this.#socket.destroy();
  }

  #take(bytes) {
    this.#got = Buffer.concat([this.#got, bytes]);
    for (let reply; (reply = parse(this.#got, 0));) {
      this.#got = this.#got.subarray(reply.end);
      const { value } = reply;
      if (Array.isArray(value) && value[0] === 'message') this.onPush(value[2], value[1]);
      else if (value instanceof Error) this.#waiting.shift()?.reject(value);
      else this.#waiting.shift()?.resolve(value);
    }
  }
}

/** One reply at `at` and where it ends; undefined while it is not all there. */
function parse(bytes, at) {
  const eol = bytes.indexOf('\r\n', at);
  if (eol < 0) return undefined;
  const line = bytes.toString('utf8', at + 1, eol);
  const end = eol + 2;
  switch (String.fromCharCode(bytes[at])) {
    case '+': return { value: line, end };
    case '-': return { value: new Error(line), end };
    case ':': return { value: Number(line), end };
    case '$': {
      const length = Number(line);
      if (length < 0) return { value: null, end };
      if (bytes.length < end + length + 2) return undefined;
      return { value: bytes.toString('utf8', end, end + length), end: end + length + 2 };
    }
    case '*': {
      const list = [];
      let next = end;
      for (let i = 0; i < Number(line); i++) {
        const item = parse(bytes, next);
        if (!item) return undefined;
        list.push(item.value);
        next = item.end;
      }
      return { value: Number(line) < 0 ? null : list, end: next };
    }
    default: throw new Error(`no RESP: ${line}`);
  }
}
