// client.test.js - the client module in a page of another origin, when all is well.
import assert from 'node:assert/strict';
import { seconds, stepsNow } from '../http/lib/pace.js';
import { nowSeconds, randomId, sign } from '../http/lib/tokens.js';
import { until } from '../http/lib/wait.js';
import { SOON_MS, WAIT_MS } from './lib/boards.js';
import { INSECURE } from './lib/guests.js';
import { suite } from './lib/suite.js';

suite('client', {}, (test) => {
  test('a page of another origin imports it, and talks to others', async (room) => {
    const ann = await room.guest('ann');
    const bob = await room.guest('bob');
    await Promise.all([ann.meets(1), bob.meets(1)]);
    assert.deepEqual((await ann.peers()).map(({ username }) => username), ['bob']);
    await ann.send('hello');
    await bob.until(() => globalThis.seen.data.length === 1);
    assert.deepEqual((await bob.seen()).data, [{ from: 'ann', data: 'hello' }]);
    await ann.until(() => globalThis.bridge.peers[0].path === 'direct');
    assert.equal(await ann.connections(), 1);
    await ann.run(() => globalThis.bridge.leave());
    await bob.until(() => globalThis.bridge.peers.length === 0, undefined, SOON_MS);
    assert.deepEqual(await ann.run(() => [globalThis.bridge.state, globalThis.bridge.room, globalThis.bridge.peers.length]), ['connected', null, 0]);
    await ann.join(room.name);
    await Promise.all([ann.meets(1), bob.meets(1)]);
    await ann.run(() => globalThis.bridge.close());
    await bob.until(() => globalThis.bridge.peers.length === 0, undefined, SOON_MS);
    assert.equal(await ann.state(), 'closed');
  });

  test('the example of the README is a chat', async (room) => {
    const talk = [];
    for (const { base } of room.site.servers) {
      const page = await (await room.context()).newPage();
      await page.goto(`${room.pages.origins[0]}/?example=${encodeURIComponent(base.href)}`);
      talk.push(page);
    }
    const says = (page, text) => page.waitForFunction((wanted) =>
      [...document.querySelectorAll('#talk li')].some((item) => item.textContent === wanted), text);
    for (const page of talk) await says(page, 'ann is here');
    await talk[0].fill('#text', '<b>hello</b>');
    await talk[0].press('#text', 'Enter');
    await says(talk[1], 'ann: <b>hello</b>');
    await talk[0].close();
    await says(talk[1], 'ann has gone');
  });

  test('what the site’s own server sends is heard, where the page has asked for it, and cannot be forged', async (room) => {
    const ann = await room.guest('ann', { options: { events: ['news'] } });
    await ann.run(() => {
      globalThis.news = [];
      globalThis.bridge.on('event', (...said) => globalThis.news.push(said));
    });
    const [bob] = await room.site.room(room.name, 1);
    await ann.until((id) => globalThis.bridge.peers.some((peer) => peer.id === id), bob.id);
    const { id } = await ann.run(() => globalThis.bridge.user);
    const token = sign({ server: true, exp: nowSeconds() + 60 }, room.site.secret);
    await bob.relay({ id }, 'news', 'forged');
    for (const [event, data] of [['olds', 1], ['news', 2]]) {
      const path = event === 'olds' ? `/server/rooms/${room.name}/events/${event}` : `/server/peers/${id}/events/${event}`;
      assert.equal((await room.site.request('POST', path, { token, body: JSON.stringify(data) })).status, 200);
    }
    await ann.until(() => globalThis.news.length);
    assert.deepEqual(await ann.run(() => globalThis.news), [['news', 2]]);
  });

  test('a site with tokens of its own: its page, as it is documented, keeps its id, and shows why it is refused', async (room) => {
    const asked = [];
    const lasts = seconds(6, 20);
    room.pages.access = (id) => {
      asked.push(id);
      const user = { id: id || randomId('visitor-'), username: 'Ann' };
      const expires = nowSeconds() + (id ? 600 : lasts);
      return { token: sign({ ...user, iat: nowSeconds(), exp: expires }, room.site.secret), user, expires };
    };
    const { base } = room.site.servers[0];
    const open = async () => {
      const page = await (await room.context()).newPage();
      await page.goto(`${room.pages.origins[0]}/?site=${encodeURIComponent(base.href)}`);
      await page.waitForFunction(() => globalThis.bridge);
      return page;
    };
    const ann = await open();
    await ann.evaluate((name) => globalThis.bridge.join(name), room.name);
    const { id } = await ann.evaluate(() => globalThis.bridge.user);
    await until(() => asked.length > 1, 'the next token', 1000 * lasts + WAIT_MS);
    assert.deepEqual(asked, ['', id]);
    room.pages.access = () => null;
    const bob = await open();
    await bob.evaluate(() => { globalThis.bridge.connect().catch(() => {}); });
    await bob.waitForFunction(() => globalThis.bridge.state === 'refused');
    assert.equal(await bob.evaluate(() => globalThis.bridge.detail), 'You cannot enter at the moment.');
  });

  test('an answer gets lost: the page asks again, and what it said arrives once', async (room) => {
    const ann = await room.guest('ann');
    await ann.run(() => globalThis.bridge.leave());
    const [bob] = await room.site.room(room.name, 1);
    const first = new Set();
    let repeats = 0;
    await ann.page.route('**/relay/*', async (route) => {
      const key = route.request().headers()['idempotency-key'];
      if (first.has(key)) {
        repeats++;
        await route.continue();
      } else {
        first.add(key);
        await route.fetch();
        await route.abort('connectionreset');
      }
    });
    await ann.join(room.name); // and so it is to offer
    await ann.until((id) => globalThis.bridge.peers.some((peer) => peer.id === id), bob.id);
    await until(() => first.size > 1 && repeats >= first.size - 1, 'an offer, with its repeat');
    const said = bob.stream.events.filter(({ event }) => event !== 'connected' && event !== 'add-peer').map(({ event, data }) => event + data);
    assert.ok(said.length > 0);
    assert.deepEqual(said, [...new Set(said)]);
  });

  test('a page of an origin that is not listed is let in nowhere', async (room) => {
    const page = await (await room.context()).newPage();
    const { base } = room.site.servers[0];
    await page.goto(room.pages.url(base, 'stranger.test'));
    await page.waitForFunction(() => globalThis.Drawbridge); // the file itself is for everybody
    const error = await page.evaluate((url) => fetch(`${url}access`, { method: 'POST', body: '{"username":"ann"}' })
      .then(() => 'answered', (refused) => refused.name), base.href);
    assert.equal(error, 'TypeError');
  });

  test('also in a page that is no secure context', async (room) => {
    const ann = await room.guest('ann', { host: INSECURE });
    const bob = await room.guest('bob', { host: INSECURE });
    assert.deepEqual(await ann.run(() => [isSecureContext, typeof navigator.locks, typeof crypto.subtle]), [false, 'undefined', 'undefined']);
    await Promise.all([ann.meets(1), bob.meets(1)]);
    await bob.send('hello');
    await ann.until(() => globalThis.seen.data.length === 1);
  });

  test('data of any size and kind arrives as it was, in order, within what a channel takes', async (room) => {
    const prepare = () => {
      globalThis.most = { message: 0, buffered: 0 };
      const { send } = RTCDataChannel.prototype;
      RTCDataChannel.prototype.send = function watched(data) {
        globalThis.most.message = Math.max(globalThis.most.message, data.byteLength ?? data.length);
        send.call(this, data);
        globalThis.most.buffered = Math.max(globalThis.most.buffered, this.bufferedAmount);
      };
      // As of a browser that takes little.
      Object.defineProperty(RTCSctpTransport.prototype, 'maxMessageSize', { get: () => 9_000 });
    };
    const ann = await room.guest('ann', { prepare });
    const bob = await room.guest('bob');
    await ann.until(() => globalThis.bridge.peers.length === 1); // known, and not reached yet
    const sums = await ann.run(async () => {
      const big = new Uint8Array(6_000_000).map((_, i) => i * i % 251);
      const all = ['', 'ä€😀'.repeat(50_000), new Uint8Array(0), big, 'x', big.buffer.slice(5, 100), new Float64Array([0.5])];
      globalThis.bridge.send('before anybody is reached');
      await Promise.all(all.map((data) => globalThis.bridge.send(data, globalThis.bridge.peers[0])));
      return globalThis.most;
    });
    assert.ok(sums.message <= 9_000, `a message of ${sums.message} bytes`);
    assert.ok(sums.buffered <= 280_000, `${sums.buffered} bytes in the channel's buffer`);
    const got = await bob.run(() => globalThis.seen.data.map(({ data }) => (typeof data === 'string' ? data.length
      : [data.length, data.every((value, i) => data.length < 1_000 || value === i * i % 251), data.slice(0, 3).join()])));
    assert.deepEqual(got, [25, 0, 200_000, [0, true, ''], [6_000_000, true, '0,1,4'], 1, [95, true, '25,36,49'], [8, true, '0,0,0']]);
  });

  test('who takes less is sent less, and who sends more all the same is not listened to', async (room) => {
    const ann = await room.guest('ann');
    const bob = await room.guest('bob', { options: { maxReceive: 1_000 } });
    await Promise.all([ann.meets(1), bob.meets(1)]);
    const fates = (guest, lengths) => guest.run((all) => Promise.all(all.map((length) =>
      globalThis.bridge.send('x'.repeat(length), globalThis.bridge.peers[0]).then(() => 'arrived', (error) => `${error.status} ${error.message}`))), lengths);
    assert.deepEqual(await fates(ann, [1_001, 1_000]), ['413 This peer takes messages of up to 1000 bytes.', 'arrived']);
    assert.deepEqual(await fates(bob, [100_000]), ['arrived'], 'ann takes more');
    // A page that does not ask how long a message may be.
    const cat = await room.guest('cat', {
      prepare: () => {
        const { parse } = JSON;
        JSON.parse = (...args) => {
          const value = parse(...args);
          if (value?.session) delete value.max;
          return value;
        };
      },
    });
    await Promise.all([ann, bob, cat].map((guest) => guest.meets(2)));
    const sent = await cat.run(() => {
      const to = globalThis.bridge.peers.find(({ username }) => username === 'bob');
      return globalThis.bridge.send('x'.repeat(1_001), to).catch((error) => [error.status, error.message]);
    });
    assert.deepEqual([sent[0], /^This peer takes nothing of this page any more/.test(sent[1])], [413, true]);
    const peers = await bob.peers();
    assert.match(peers.find(({ username }) => username === 'cat').detail, /^It sent a message of 1001 bytes, and 1000 are taken\./);
    assert.deepEqual(peers.map(({ state }) => state), ['open', 'open']);
    await Promise.all([ann.send('from ann'), bob.send('from bob')]);
    await bob.until(() => globalThis.seen.data.length === 2);
    await cat.until(() => globalThis.seen.data.length === 2);
    assert.deepEqual((await bob.seen()).data.map(({ from, data }) => [from, data.length]), [['ann', 1_000], ['ann', 8]]);
  });

  test('who says that its channel takes 8 bytes is reached through the server', async (room) => {
    const ann = await room.guest('ann');
    const bob = await room.guest('bob', {
      prepare: () => {
        const native = Object.getPrototypeOf(RTCPeerConnection.prototype);
        const { get } = Object.getOwnPropertyDescriptor(native, 'localDescription');
        Object.defineProperty(native, 'localDescription', {
          get() {
            const description = get.call(this);
            return description && { type: description.type, sdp: description.sdp.replace(/a=max-message-size:\d+/, 'a=max-message-size:8') };
          },
        });
      },
    });
    await Promise.all([ann, bob].map((guest) => guest.meets(1, 'relayed', 2 * WAIT_MS)));
    await ann.send('hello');
    await bob.send('hello');
    for (const guest of [ann, bob]) await guest.until(() => globalThis.seen.data.length === 1);
  });

  test('a page that goes says so, however far the server is', async (room) => {
    const bob = await room.guest('bob');
    for (const goes of [(page) => page.goto('about:blank'), (page) => page.close({ runBeforeUnload: true })]) {
      const proxy = await room.proxy({ delay: 300 });
      const ann = await room.guest('ann', { base: proxy.base });
      await Promise.all([ann.meets(1), bob.meets(1)]);
      await goes(ann.page);
      await bob.until(() => globalThis.bridge.peers.length === 0, undefined, SOON_MS);
    }
  });

  test('names turn round nothing that a page shows beside them', async (room) => {
    const ann = await room.guest('\u202Eann\u202C');
    const bob = await room.guest('bob');
    await Promise.all([ann.meets(1), bob.meets(1)]);
    assert.deepEqual((await bob.peers()).map(({ username }) => username), ['ann']);
  });

  test('a server that does not say which STUN servers there are keeps nobody waiting', async (room) => {
    const hanging = { prepare: () => {
      const { fetch } = globalThis;
      globalThis.fetch = (url, how) => (new URL(url).pathname.endsWith('/ice') ? new Promise(() => {}) : fetch(url, how));
    } };
    const ann = await room.guest('ann', hanging);
    const bob = await room.guest('bob', hanging);
    await Promise.all([ann.meets(1), bob.meets(1)]);
  });

  test('one tab too many of a browser says so, and gets in when another closes', async (room) => {
    for (const host of ['127.0.0.1', INSECURE]) {
      const context = await room.context();
      // All to one server, which is what a browser counts.
      const { base } = room.site.servers[0];
      const tabs = [];
      for (let i = 0; i < 5; i++) tabs.push(await room.guest(`tab${i}`, { context, host, base }));
      for (const tab of tabs) await tab.meets(4);
      const last = await room.guest('last', { context, host, base, join: false });
      await last.run((name) => { globalThis.bridge.join(name); }, room.name);
      await last.inState('crowded');
      assert.match(await last.run(() => globalThis.bridge.detail), /tab/);
      // Nothing hangs meanwhile.
      const status = await last.run(async ([url, ms]) => (await fetch(url, { signal: AbortSignal.timeout(ms) })).status,
        [new URL('static/icon.svg', base).href, SOON_MS]);
      assert.equal(status, 200);
      await tabs[2].page.close();
      await last.meets(4);
      await context.close();
    }
  });

  test('a tab that is busy is counted, too', async (room) => {
    const context = await room.context();
    const { base } = room.site.servers[0];
    // As where the tab's thread is in the middle of something.
    const prepare = () => {
      const { set } = Object.getOwnPropertyDescriptor(BroadcastChannel.prototype, 'onmessage');
      Object.defineProperty(BroadcastChannel.prototype, 'onmessage', {
        set(heard) {
          set.call(this, (event) => { setTimeout(() => heard(event), globalThis.busy ? 2_000 : 0); });
        },
      });
    };
    const tabs = [];
    for (let i = 0; i < 5; i++) tabs.push(await room.guest(`tab${i}`, { context, host: INSECURE, base, prepare }));
    for (const tab of tabs) await tab.meets(4);
    for (const tab of tabs) await tab.run(() => { globalThis.busy = true; });
    const last = await room.guest('last', { context, host: INSECURE, base, join: false });
    await last.run((name) => { globalThis.bridge.join(name); }, room.name);
    await last.inState('crowded');
    for (const tab of tabs) await tab.run(() => { globalThis.busy = false; });
    await tabs[2].page.close();
    await last.meets(4);
    for (const tab of tabs.filter((one) => one !== tabs[2])) await tab.meets(4);
  });

  test('five at once', async (room) => {
    const all = await Promise.all(['a', 'b', 'c', 'd', 'e'].map((name) => room.guest(name)));
    await Promise.all(all.map((guest) => guest.meets(4)));
    for (const guest of all) assert.equal(await guest.connections(), 4, 'one connection to each other is enough');
    await Promise.all(all.map((guest) => guest.send('hello')));
    for (const guest of all) await guest.until(() => globalThis.seen.data.length === 4);
  });

  test('31 others are reached side by side, and the server is not asked too much, though it is 50 ms away', async (room) => {
    const OTHERS = 31;
    // One page, whose peers know nothing of each other; a host each, as a browser has six connections to one.
    const crowd = await room.guest('crowd', {
      join: false,
      prepare: () => {
        const { addEventListener } = EventSource.prototype;
        EventSource.prototype.addEventListener = function filtered(type, listener) {
          addEventListener.call(this, type, (event) => type === 'add-peer' && JSON.parse(/** @type {MessageEvent} */ (event).data).peer.username === 'crowd' || listener(event));
        };
      },
    });
    await crowd.run(([href, name, count]) => Promise.all(Array.from({ length: count }, (_, i) => {
      const base = new URL(href);
      base.hostname = `p${i}.test`;
      const bridge = new globalThis.Drawbridge({ base, username: 'crowd' });
      globalThis.crowd = [...globalThis.crowd ?? [], bridge];
      return bridge.join(name);
    })), [room.site.servers[0].base.href, room.name, OTHERS]);
    const more = await stepsNow(30);
    const proxy = await room.proxy({ delay: 25 });
    const offers = [];
    proxy.heard = (bytes) => {
      for (let i = bytes.indexOf('"session-description"'); i >= 0; i = bytes.indexOf('"session-description"', i + 1)) offers.push(Date.now());
    };
    const ann = await room.guest('ann', { base: proxy.base, join: false });
    const tooMany = [];
    ann.page.on('response', (response) => response.status() === 429 && tooMany.push(response.url()));
    const began = Date.now();
    await ann.run((name) => {
      globalThis.bridge.on('join', () => { globalThis.metAt ??= Date.now(); });
      globalThis.bridge.join(name);
    }, room.name);
    await ann.meets(OTHERS, 'open', 4 * WAIT_MS);
    const open = Date.now() - began;
    const met = await ann.run(() => globalThis.metAt);
    const left = offers[OTHERS - 1] - met;
    console.log(`# ${OTHERS} offers had left ${left} ms after the others were known (${offers[OTHERS - 1] - began} ms after join()); all were open after ${open} ms`);
    // One after the other they would wait longer than that for the network alone: each takes a preflight, and itself.
    assert.ok(left <= OTHERS * 2 * 50 + more, `${left} ms`);
    assert.deepEqual(tooMany, []);
    assert.equal(await ann.connections(), OTHERS);
  });

  test('who may not enter a room is told why, and the others go on', async (room) => {
    const ann = await room.guest('ann');
    const bob = await room.guest('bob');
    await Promise.all([ann.meets(1), bob.meets(1)]);
    const why = await ann.run(() => globalThis.bridge.join('no room!').then(() => 'let in', (error) => [error.status, globalThis.bridge.state]));
    assert.deepEqual(why, [400, 'connected']);
    await Promise.all([ann.meets(1), bob.meets(1)]); // as before
    const sent = await ann.run(() => Promise.all([new Map(), undefined, NaN, { a: 1 }, 'ok']
      .map((data) => globalThis.bridge.send(data).then(() => 'sent', (error) => error.name))));
    assert.deepEqual(sent, ['TypeError', 'TypeError', 'TypeError', 'sent', 'sent']);
  });
});
