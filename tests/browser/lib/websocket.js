// websocket.js - a client of RFC 6455, of texts alone: Node has one from version 22 on.
import { randomBytes } from 'node:crypto';
import http from 'node:http';

const TEXT = 1;
const CLOSE = 8;
const PING = 9;
const PONG = 10;

export class WebSocketClient {
  #socket;
  #received;
  #parts = []; // of a message in several frames
  /** @type {(text: string) => void} */ heard = () => {};
  /** @type {() => void} */ ended = () => {};

  /** @param {import('node:net').Socket} socket @param {Buffer} head  what came with the answer */
  constructor(socket, head) {
    this.#socket = socket;
    this.#received = head;
    socket.on('data', (bytes) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#read();
    });
    socket.on('error', () => {});
    socket.on('close', () => this.ended());
  }

  /** @param {string} url  ws://
   *  @returns {Promise<WebSocketClient>} */
  static connect(url) {
    return new Promise((resolve, reject) => {
      const request = http.get(url.replace(/^ws/, 'http'), {
        agent: false,
        headers: { Connection: 'Upgrade', Upgrade: 'websocket', 'Sec-WebSocket-Version': '13', 'Sec-WebSocket-Key': randomBytes(16).toString('base64') },
      });
      request.on('upgrade', (_response, socket, head) => resolve(new WebSocketClient(/** @type {import('node:net').Socket} */ (socket), head)));
      request.on('response', ({ statusCode }) => reject(new Error(`${url}: status ${statusCode}`)));
      request.on('error', reject);
    });
  }

  /** @param {string} text */
  send(text) {
    this.#frame(TEXT, Buffer.from(text));
  }

  close() {
    this.#socket.destroy();
  }

  /** @param {number} opcode @param {Buffer} content */
  #frame(opcode, content) {
    const { length } = content;
    const head = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
    head[0] = 0x80 | opcode;
    head[1] = 0x80 | (head.length === 2 ? length : head.length === 4 ? 126 : 127);
    if (head.length === 4) head.writeUInt16BE(length, 2);
    if (head.length === 10) head.writeBigUInt64BE(BigInt(length), 2);
    const mask = randomBytes(4);
    this.#socket.write(Buffer.concat([head, mask, content.map((byte, i) => byte ^ mask[i % 4])]));
  }

  /** All frames that are whole. */
  #read() {
    for (;;) {
      const bytes = this.#received;
      if (bytes.length < 2) return;
      const short = bytes[1] & 0x7f;
      const start = short < 126 ? 2 : short === 126 ? 4 : 10;
      if (bytes.length < start) return;
      const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
      if (bytes.length < start + length) return;
      this.#received = bytes.subarray(start + length);
      this.#take(bytes[0], bytes.subarray(start, start + length));
    }
  }

  #take(first, content) {
    const opcode = first & 0x0f;
    if (opcode === PING) this.#frame(PONG, content);
    if (opcode === CLOSE) this.#socket.end();
    if (opcode > TEXT) return;
    this.#parts.push(content);
    if (first & 0x80) this.heard(Buffer.concat(this.#parts.splice(0)).toString());
  }
}
