/**
 * tabs.js - how many tabs of this browser hold a stream to one server.
 *
 * A browser has six connections to a site over HTTP/1.1, and servers run six or eight streams of
 * a connection over HTTP/2. Where streams take all of them, every other request hangs. So the
 * tabs count one another: by Web Locks, which end with their tab; in a page that is no secure
 * context there are none, and the tabs ask each other on a BroadcastChannel.
 */

import { randomId } from './random.js';
import { pause } from './requests.js';

export const TABS_MOST = 5;
const AGAIN_MS = 2_000;
const ANSWER_MS = 250;

/**
 * @param {string} name  of what is shared: the server
 * @param {() => boolean} wanted
 * @param {() => void} onWait  all places are taken; it waits for one
 * @returns {Promise<(() => void) | null>} gives the place back; null: not wanted any more
 */
export async function takePlace(name, wanted, onWait) {
  for (;;) {
    const release = await tryPlace(name).catch(() => () => {}); // where nothing may be shared, no tab is counted
    if (release && wanted()) return release;
    release?.();
    if (!wanted()) return null;
    onWait();
    await pause(AGAIN_MS);
    if (!wanted()) return null;
  }
}

/** @param {string} name */
async function tryPlace(name) {
  if (!navigator.locks) return askTabs(name);
  for (let i = 0; i < TABS_MOST; i++) {
    const release = await tryLock(`${name} ${i}`);
    if (release) return release;
  }
  return null;
}

/**
 * @param {string} name
 * @returns {Promise<((value: void) => void) | null>}
 */
function tryLock(name) {
  return new Promise((resolve, reject) => {
    navigator.locks.request(name, { ifAvailable: true }, (lock) => {
      if (!lock) return resolve(null);
      return new Promise((release) => { resolve(release); });
    }).catch(reject);
  });
}

/** @param {string} name */
async function askTabs(name) {
  const me = randomId();
  const others = new Set();
  let holding = false;
  const channel = new BroadcastChannel(name);
  channel.onmessage = ({ data: { ask, here } }) => {
    // Of two that ask at once one has to count the other.
    if (ask && (holding || me < ask)) channel.postMessage({ here: me });
    if (here) others.add(here);
  };
  channel.postMessage({ ask: me });
  await pause(ANSWER_MS);
  if (others.size >= TABS_MOST) {
    channel.close();
    return null;
  }
  holding = true;
  return () => channel.close();
}
