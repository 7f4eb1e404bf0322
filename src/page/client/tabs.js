/**
 * tabs.js - how many tabs of this browser hold a stream to one server.
 *
 * A browser has six connections to a site over HTTP/1.1, and servers run six or eight streams of
 * a connection over HTTP/2. Where streams take all of them, every other request hangs. So the
 * tabs count one another: by Web Locks, which end with their tab; in a page that is no secure
 * context there are none, and the tabs ask each other on a BroadcastChannel. A tab that is busy
 * answers late: its answer counts all the same, and who has taken a place by then gives it back.
 */

import { randomId } from './random.js';
import { pause } from './requests.js';

export const TABS_MAX = 5;
const TAKEN_MS = 2_000;
const TABS_ANSWER_MS = 250;
const TABS_ANSWER_MAX_MS = 5_000;

let patience = TABS_ANSWER_MS; // how long tabs have to answer; longer once one was slower

/**
 * @param {string} name  of what is shared: the server
 * @param {() => boolean} wanted
 * @param {() => void} onWait  all places are taken; it waits for one
 * @param {() => void} onLost  the place that it got was none, as is known now; it is given back
 * @returns {Promise<(() => void) | null>} gives the place back; null: not wanted any more
 */
export async function acquirePlace(name, wanted, onWait, onLost) {
  for (;;) {
    const release = await tryAcquire(name, onLost).catch(() => () => {}); // where nothing may be shared, no tab is counted
    if (release && wanted()) return release;
    release?.();
    if (!wanted()) return null;
    onWait();
    await pause(TAKEN_MS * (1 + Math.random() / 4)); // two that gave way to each other come back one after the other
    if (!wanted()) return null;
  }
}

/**
 * @param {string} name
 * @param {() => void} onLost
 */
async function tryAcquire(name, onLost) {
  if (!navigator.locks) return askTabs(name, onLost);
  for (let i = 0; i < TABS_MAX; i++) {
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

/**
 * @param {string} name
 * @param {() => void} onLost
 */
async function askTabs(name, onLost) {
  const me = randomId();
  const others = new Set(); // that have a place, or get one before us
  const asked = Date.now();
  let holding = false;
  const channel = new BroadcastChannel(name);
  channel.onmessage = ({ data: { ask, here, to } }) => {
    // Of two that ask at once one has to count the other.
    if (ask && (holding || me < ask)) channel.postMessage({ here: me, to: ask });
    else if (ask) others.add(ask);
    if (to === me) others.add(here);
    if (holding && others.size >= TABS_MAX) {
      patience = Math.min(2 * (Date.now() - asked), TABS_ANSWER_MAX_MS);
      channel.close();
      onLost();
    }
  };
  channel.postMessage({ ask: me });
  await pause(patience);
  if (others.size >= TABS_MAX) {
    channel.close();
    return null;
  }
  holding = true;
  return () => channel.close();
}
