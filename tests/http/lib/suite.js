// suite.js - tests that share one deployment, which is checked and ended by the last of them.
//
// SERVER  lighttpd, apache, apache-proxy or nginx: which one; spread: the peers of each room over
//         lighttpd at / and Apache at /draw/
// MOUNT   where it is mounted
import assert from 'node:assert/strict';
import { after, before, describe, it as test } from 'node:test';
import { graceOf, Site } from './site.js';
import { WAIT_MS } from './wait.js';

export const SERVER = process.env.SERVER || 'lighttpd';
export const MOUNT = process.env.MOUNT || '/';

/** What takes long runs on one server only: there it is as true as on the others. */
export const FULL = SERVER === 'lighttpd';

/** Which servers do not start the programs themselves: in the tests nobody starts those again that ended. */
export const OUTSIDE = SERVER === 'apache-proxy' || SERVER === 'nginx';

/** The programs are built with sanitizers. */
export const SANITIZED = Boolean(process.env.SANITIZE);

/** @type {[string, string][]} */
const SERVERS = SERVER === 'spread' ? [['lighttpd', '/'], ['apache', '/draw/']] : [[SERVER, MOUNT]];

/** Seconds, where settings say no other. */
export const GRACE = graceOf(SERVERS);

/**
 * @typedef {{memory?: boolean, skip?: string}} How  memory: it measures memory, of which sanitizers take most;
 *     skip: why it cannot be tried here
 * @typedef {(title: string, ...how: [Run] | [How, Run]) => void} It
 * @typedef {(t: import('node:test').TestContext) => Promise<unknown> | void} Run
 * @typedef {{url: string, remove: () => Promise<void>}} Redis
 */

/**
 * What the tests of a suite ask.
 * @template {Redis} R
 */
class SharedSite extends Site {
  /** The Redis of the test's own. @type {R} */ server;
  /** What it is in. @type {import('./netns.js').Network} */ network;
}

/**
 * @template {Redis} [R=import('./redis-server.js').RedisServer]
 * @param {string} name
 * @param {{settings?: object, redis?: () => Promise<R>, allowed?: RegExp[], together?: boolean,
 *     network?: () => import('./netns.js').Network, through?: (site: SharedSite<R>) => Promise<unknown>, timeout?: number,
 *     skip?: string}} options
 *     redis: starts one of the test's own, site.server; allowed: lines in logs;
 *     network: what it is in, site.network; through: what is done before the first test;
 *     timeout: of each test, in ms; skip: why it cannot be tried here;
 *     together: the tests wait a lot and share nothing, so they wait at the same time
 * @param {(site: SharedSite<R>, it: It) => void} define  site: once a test runs
 */
export function suite(name, { settings, redis, allowed, together, network, through, timeout = 6 * WAIT_MS, skip }, define) {
  describe(`${name} (${SERVER === 'spread' ? SERVER : `${SERVER} ${MOUNT}`})`, { skip }, () => {
    /** @type {SharedSite<R>} */
    const site = new SharedSite();
    let failed = false;

    before(async () => {
      site.server = await redis?.();
      site.network = network?.();
      const { host, within } = site.network ?? {};
      Object.assign(site, await Site.start({
        servers: SERVERS, settings, redis: site.server?.url, host, within,
      }));
      await through?.(site);
    }, { timeout: 15 * WAIT_MS });

    describe('each', { concurrency: together ? 16 : 1 }, () => {
      define(site, (title, ...how) => {
        /** @type {[How, Run]} */
        const [options, run] = how.length === 2 ? how : [{}, how[0]];
        test(title, { timeout, skip: options.skip ?? (options.memory && SANITIZED && 'sanitizers take memory') }, async (t) => {
          try {
            await run(t);
          } catch (error) {
            if (!failed) console.error(`${error.stack}\n${site.logs()}`);
            failed = true;
            throw error;
          }
        });
      });
    });

    test('no token is in any log, nothing unexpected, and all of it ends within 2 s', async () => {
      const wrong = await site.finish(allowed);
      assert.equal(wrong.length, 0, wrong.slice(0, 20).join('\n'));
    });

    after(async () => {
      await site.abandon();
      await site.server?.remove();
      site.network?.remove();
    });
  });
}
