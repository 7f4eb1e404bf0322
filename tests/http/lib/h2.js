// h2.js - requests over TLS and HTTP/2 as a browser makes them: all of one go over the same
// connection, and at most five of them are streams.
import http2 from 'node:http2';

const STREAMS = 5;

/** @typedef {http2.ClientHttp2Stream & Pick<import('node:http').IncomingMessage, 'complete' | 'headers' | 'statusCode'>} Response */

/** Who stands for one browser. */
export class Browser {
  /** @type {http2.ClientHttp2Session} */ #session;
  #streams = 0;

  /** @type {Browser[]} */ static #all = [];

  static any(origin) {
    return Browser.#all.find((one) => one.origin === origin) ?? new Browser(origin);
  }

  /** One that has room for a stream, which is now taken. */
  static forStream(origin) {
    const browser = Browser.#all.find((one) => one.origin === origin && one.#streams < STREAMS) ?? new Browser(origin);
    browser.#streams++;
    return browser;
  }

  static closeAll() {
    for (const browser of Browser.#all.splice(0)) browser.#session?.destroy();
  }

  constructor(origin) {
    this.origin = origin;
    Browser.#all.push(this);
  }

  /** As http.request, for what is used of it here; gives the response, which can be read.
   *  @param {URL} url
   *  @param {{method?: string, headers?: import('node:http').OutgoingHttpHeaders, body?: string | Buffer}} [options]
   *  @returns {Promise<Response>} */
  async request(url, { method = 'GET', headers = {}, body } = {}) {
    if (!this.#session || this.#session.closed || this.#session.destroyed) {
      this.#session = http2.connect(this.origin, { rejectUnauthorized: false });
      this.#session.on('error', () => {}); // its requests hear of it, too
      this.#session.setMaxListeners(100);
    }
    const response = /** @type {Response} */ (this.#session.request({
      ':method': method,
      ':path': url.pathname + url.search,
      ...Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value])),
    }, { endStream: body === undefined }));
    if (body !== undefined) response.end(body);
    response.on('end', () => { response.complete = true; });
    /** @type {Promise<void>} */
    const answered = new Promise((resolve, reject) => {
      response.on('response', ({ ':status': statusCode, ...rest }) => {
        Object.assign(response, { statusCode, headers: rest });
        resolve();
      });
      response.on('error', reject);
      response.on('close', () => reject(Object.assign(new Error('closed without an answer'), { code: 'ECONNRESET' })));
    });
    await answered;
    return response;
  }
}
