// return.test.js - a computer that moves to another network, starts a VPN or sleeps, and a page that comes back out of the
// browser's cache: how long it takes until there is a stream, and until what is said arrives.
//
// What a browser can be told of networks (Network.emulateNetworkConditions: "offline") holds up requests alone, and WebRTC
// goes on. So the browser is in a network of its own, and that is what changes; for everything else the browser finds out by
// itself, if it does. (That of a phone knows its network's type, which this one does not: recover.test.js plays that.)
import assert from 'node:assert/strict';
import { after, before } from 'node:test';
import { seconds, stepsNow } from '../http/lib/pace.js';
import { until, within } from '../http/lib/wait.js';
import { CHROMIUM, WAIT_MS } from './lib/boards.js';
import { HOST, Laptop, noLaptop } from './lib/laptop.js';
import { suite } from './lib/suite.js';

// Longer than a silent stream takes to be noticed; and who sleeps does so for longer than both.
const GRACE = seconds(20, 40);
const TOKEN_TTL = 2 * GRACE;

/** A stream that the browser knows to be gone, and one that is only silent. */
const TOLD_MS = 3_000, SILENT_MS = 15_000;
/** A path that has gone with a network: ICE notices within 6 s, and a message that was lost then is repeated within as many. */
const PATH_MS = 14_000;

const laptop = noLaptop ? undefined : new Laptop();
after(() => laptop?.close());

suite('return', { settings: { GRACE, TOKEN_TTL }, host: HOST, servers: [['lighttpd', '/']], skip: noLaptop }, (test) => {
  before(() => laptop.start(), { timeout: 4 * WAIT_MS });

  /** Ann is on the laptop; they have met, and count. @param {object} [options]  of ann's browser */
  const pair = async (room, options) => {
    const context = await laptop.browser.newContext(options);
    const ann = Object.assign(await room.guest('ann', { page: await context.newPage() }), { askedAt: 0 });
    ann.page.on('response', (response) => { if (response.url().endsWith('/ice')) ann.askedAt = Date.now(); });
    const bob = await room.guest('bob');
    await Promise.all([ann.meets(1), bob.meets(1)]);
    await Promise.all([ann.count(5), bob.count(5)]);
    return { ann, bob };
  };

  /** When something that is said from now on has arrived. */
  const arrives = (guest) => within(6 * WAIT_MS, guest.run(async () => {
    for (;;) {
      const [peer] = globalThis.bridge.peers;
      if (peer && await globalThis.bridge.send('', peer).then(() => true, () => false)) return Date.now();
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    }
  }), 'data to arrive');

  /** When ann has had a stream that is younger than this. */
  const streams = async (ann, since) => {
    const last = () => ann.run((then) => globalThis.seen.states.find(({ state, at }) => state === 'connected' && at > then)?.at, since);
    return until(last, 'a new stream', 4 * WAIT_MS);
  };

  /** What changes, and how long it takes from then on.
   *  @param {{stream?: number, data?: number}} most  milliseconds; stream: there is none, if nothing is said */
  const measure = async (what, { ann, bob }, change, most) => {
    const more = await stepsNow(20);
    const began = Date.now();
    await change();
    const [stream, ...data] = await Promise.all([most.stream ? streams(ann, began) : began, arrives(ann), arrives(bob)]);
    const times = [stream, Math.max(...data)].map((at) => at - began);
    console.log(`# ${what}: ${most.stream ? `a stream after ${times[0]} ms` : 'the stream goes on'}; data arrives after ${times[1]} ms`);
    await Promise.all([ann.meets(1), bob.meets(1)]);
    // Of a new stream the page asks which address it has now; what comes next is held against that.
    if (most.stream) await until(() => ann.askedAt > began, 'the address', WAIT_MS);
    assert.ok(times[0] <= (most.stream ?? 0) + more && times[1] <= most.data + more, `${what}: ${times} ms, with ${more} ms for the machine`);
    return times;
  };

  /** Nobody has seen the other go, and nothing is lost, doubled or out of order. */
  const undisturbed = async ({ ann, bob }) => {
    for (const [from, to] of [[ann, bob], [bob, ann]]) {
      const last = await from.stop();
      await to.until((n) => globalThis.seen.data.some(({ data }) => data === String(n)), last);
      assert.deepEqual(await to.run(() => globalThis.seen.data.map(({ data }) => data).filter(Boolean)), Array.from({ length: last }, (_, i) => String(i + 1)));
      const { joins, leaves } = await to.seen();
      assert.deepEqual([joins, leaves], [1, 0]);
    }
  };

  const moves = () => {
    laptop.leave('home');
    laptop.join('cafe');
  };
  const movesBack = () => {
    laptop.join('home');
    laptop.leave('cafe');
  };
  const startsVpn = () => laptop.join('vpn');
  const endsVpn = () => {
    laptop.leave('vpn');
    laptop.route('home');
  };

  test('another network', async (room) => {
    const both = await pair(room);
    await measure('another network', both, moves, { stream: TOLD_MS, data: PATH_MS });
    await measure('another network, and both are there for a moment', both, movesBack, { stream: SILENT_MS, data: PATH_MS });
    await undisturbed(both);
  });

  test('a VPN', async (room) => {
    const both = await pair(room);
    await measure('a VPN to somewhere else', both, () => laptop.join('vpn', '198.51.100.0/24'), { data: 1_000 });
    await measure('it ends', both, () => laptop.leave('vpn'), { data: 1_000 });
    await measure('a VPN to everywhere', both, startsVpn, { stream: SILENT_MS, data: PATH_MS });
    await measure('it ends', both, endsVpn, { stream: SILENT_MS, data: PATH_MS });
    await undisturbed(both);
  });

  // Who may use the camera tells WebRTC more of the networks: a path is from one of them, and does not move to another.
  test('networks of a page that may use the camera', async (room) => {
    const both = await pair(room, { permissions: ['camera', 'microphone'] });
    await measure('camera: another network', both, moves, { stream: TOLD_MS, data: PATH_MS });
    await measure('camera: another network, and both are there for a moment', both, movesBack, { stream: SILENT_MS, data: PATH_MS });
    await measure('camera: a VPN to everywhere', both, startsVpn, { stream: SILENT_MS, data: PATH_MS });
    await measure('camera: it ends', both, endsVpn, { stream: SILENT_MS, data: PATH_MS });
    await undisturbed(both);
  });

  test('no network for longer than the grace', async (room) => {
    const both = await pair(room);
    laptop.leave('home');
    await both.bob.until(() => globalThis.bridge.peers.length === 0, undefined, 4 * WAIT_MS);
    await measure('no network for a while', both, () => laptop.join('home'), { stream: TOLD_MS, data: PATH_MS });
  });

  test('a sleep of longer than anybody waits', async (room) => {
    const both = await pair(room);
    const { id } = await both.ann.run(() => globalThis.bridge.user);
    const slept = Date.now();
    laptop.sleep();
    laptop.leave('home');
    // The server has given it up, and so has bob; and its token is one no more.
    await both.bob.until(() => globalThis.bridge.peers.length === 0, undefined, 4 * WAIT_MS);
    await until(() => Date.now() - slept > 1000 * TOKEN_TTL, 'the token to expire', 1000 * TOKEN_TTL + WAIT_MS);
    laptop.wake();
    await both.ann.inState('reconnecting');
    await measure('a sleep', both, () => laptop.join('home'), { stream: TOLD_MS, data: PATH_MS });
    assert.notEqual((await both.ann.run(() => globalThis.bridge.user)).id, id);
  });

  // Only the Chromium with windows has that cache: in the other the page is told the same.
  test('back out of the cache of pages', async (room) => {
    const both = await pair(room);
    const { ann, bob } = both;
    for (const guest of [ann, bob]) await guest.stop();
    const isReal = !/headless/.test(CHROMIUM);
    const says = (event) => ann.run((type) => { dispatchEvent(new PageTransitionEvent(type, { persisted: true })); }, event);
    await ann.run(() => addEventListener('pageshow', ({ persisted }) => { globalThis.isBack = persisted; }));
    if (isReal) await ann.page.goto('about:blank');
    else await says('pagehide');
    await bob.until(() => globalThis.bridge.peers.length === 0);
    const back = async () => {
      await ann.page.evaluate(() => history.back()).catch(() => {}); // that page is over
      await ann.until(() => globalThis.isBack);
    };
    await measure('a page out of the cache', both, () => (isReal ? back() : says('pageshow')), { stream: TOLD_MS, data: PATH_MS });
  });
});
