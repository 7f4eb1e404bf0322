// crowd.js - many streams and a Redis that is far: whether all of them live on, and how they come back when the program
// that held them is killed.
import { Far } from '../http/lib/far.js';
import { request } from '../http/lib/http.js';
import { descendants, signal } from '../http/lib/processes.js';
import { parse } from '../http/lib/prometheus.js';
import { Stream } from '../http/lib/sse.js';
import { pause } from '../http/lib/wait.js';
import { Drawbridge } from './targets.js';

const AT_A_TIME = 64; // that are opened
const AGAIN_MS = [500, 1000]; // after an answer that is no stream, as the client module does it
const SETTINGS = { METRICS_FROM: '127.0.0.1' };

/** How many peers the servers took for gone. */
async function reaped(servers) {
  const counts = await Promise.all(servers.map(async ({ server }) =>
    parse((await request(new URL('/metrics', server.base))).text).drawbridge_reaped_peers_total));
  return counts.reduce((sum, one) => sum + one, 0);
}

/** So many streams on which nothing goes on, of several servers.
 *  @param {(servers: Drawbridge[], size: number, meanwhile: () => Promise<object>) => Promise<any>} holdAll
 *  @param {{ms: number, servers: number, streams: number, seconds: number}} how
 *  @returns {Promise<{streams: number, reaped: number}>}  none is lost, or it fails */
export async function heldFromAfar(holdAll, { ms, servers: count, streams, seconds }) {
  const far = await Far.start({ ms, password: 'far' });
  /** @type {Drawbridge[]} */ const servers = [];
  try {
    for (let i = 0; i < count; i++) servers.push(await Drawbridge.start({ redis: far.url, settings: { ...SETTINGS, STREAMS: streams } }));
    return await holdAll([...servers], Math.ceil(streams / count), async () => {
      await pause(seconds * 1000);
      return { streams: count * Math.ceil(streams / count), reaped: await reaped(servers) };
    });
  } finally {
    for (const one of servers) await one.stop();
    await far.remove();
  }
}

/** A client as EventSource is one, together with the client module where that gives up. */
class Client {
  /** @type {Stream | undefined} */ stream;
  returned = { ms: 0, resumed: false, refusals: 0 }; // since it was cut
  #lastEventId = '';

  constructor(base, token) {
    this.url = new URL(`/connect?token=${token}`, base);
  }

  async open() {
    const headers = this.#lastEventId ? { 'Last-Event-ID': this.#lastEventId } : {};
    const stream = await Stream.open(this.url, headers).catch(() => undefined);
    if (stream?.status !== 200) return false;
    const { data } = await stream.next();
    this.stream = stream;
    return JSON.parse(data);
  }

  /** Waits for its end, and is back. */
  async comeBack(killedAt) {
    await this.stream.end();
    this.#lastEventId = this.stream.lastEventId;
    await pause(this.stream.retry);
    for (;;) {
      const connected = await this.open();
      if (connected) {
        this.returned.ms = performance.now() - killedAt;
        this.returned.resumed = connected.resumed;
        return;
      }
      this.returned.refusals++;
      await pause(AGAIN_MS[0] + Math.random() * (AGAIN_MS[1] - AGAIN_MS[0]));
    }
  }
}

/** The program that holds so many streams is killed.
 *  @param {{ms: number, streams: number}} how
 *  @returns {Promise<{streams: number, resumed: number, reaped: number, ms: number, refusals: number}>}
 *     ms: until the last was back */
export async function killed({ ms, streams }) {
  const far = await Far.start({ ms, password: 'far' });
  const ours = await Drawbridge.start({ redis: far.url, settings: { ...SETTINGS, STREAMS: streams + 500 } });
  const clients = ours.peers(streams).map(({ token }) => new Client(ours.server.base, token));
  try {
    const left = clients.values();
    await Promise.all(Array.from({ length: AT_A_TIME }, async () => {
      for (const client of left) if (!await client.open()) throw new Error('a stream was refused');
    }));
    const { pid } = descendants(ours.server.pid).find(({ comm }) => comm === 'stream.fcgi');
    const killedAt = performance.now();
    signal(pid, 'SIGKILL');
    await Promise.all(clients.map((client) => client.comeBack(killedAt)));
    const all = clients.map(({ returned }) => returned);
    return { streams, resumed: all.filter(({ resumed }) => resumed).length, reaped: await reaped([ours]),
      ms: Math.max(...all.map((one) => one.ms)), refusals: all.reduce((sum, one) => sum + one.refusals, 0) };
  } finally {
    for (const { stream } of clients) stream?.cut();
    await ours.stop();
    await far.remove();
  }
}
