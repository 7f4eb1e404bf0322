// What a site's own server asks and does, and with which tokens. Two web servers are on one Redis: each request goes to the
// other one, so what it does holds wherever a peer is.
import assert from 'node:assert/strict';
import { refused } from './lib/http.js';
import { seconds, steps } from './lib/pace.js';
import { isAdded, isRelayed, isRemoved } from './lib/peer.js';
import { Server } from './lib/server.js';
import { MOUNT, SERVER, suite } from './lib/suite.js';
import { ROUTES, SERVER_EVENTS } from './lib/tables.js';
import { nowSeconds, randomId, sign } from './lib/tokens.js';
import { timed, until } from './lib/wait.js';

const REVOKED_MS = 2_000; // what we promise
const HOUR = 3600;
const BY_SERVER = { cause: 'removed' }; // in remove-peer

/** Beside the one that the suite has started. */
async function another(site) {
  const [{ kind, redis }] = site.servers;
  site.servers.push(await Server.start({ kind, mount: MOUNT, redis, settings: site.settings }));
}

const through = SERVER === 'spread' ? undefined : another;

/** Where a path has placeholders, what stands for them. */
const at = (path, names) => path.replace(/\{(\w+)\}/g, (_, name) => names[name] ?? 'x');

// Many have no stream here, and stay as long as it takes.
suite('server', { settings: { RATE: 0, SERVER_RATE: 0, PEER_ROOMS: 16, GRACE: 600 }, through }, (site, it) => {
  /** An answer to a server with these claims.
   *  @param {string} method
   *  @param {string} path
   *  @param {{body?: any, claims?: import('./lib/peer.js').Claims, headers?: import('node:http').OutgoingHttpHeaders}} [options] */
  const ask = (method, path, { claims, ...more } = {}) => site.request(method, path, { token: site.serverToken(claims), ...more });
  /** @type {(...args: Parameters<typeof ask>) => Promise<any>} */
  const json = async (...args) => {
    const answer = await ask(...args);
    assert.equal(answer.status, 200, `${args[0]} ${args[1]}: ${answer.text}`);
    return answer.json;
  };
  const remove = (room, { id }, query = '') => json('DELETE', `/server/rooms/${room}/members/${id}${query}`);
  const disconnect = ({ id }, body = undefined) => json('POST', `/server/peers/${id}/disconnect`, { body });
  const membersOf = async (room) => (await json('GET', `/server/rooms/${room}`)).members.map(({ id }) => id);

  /** Peers without streams, one for each of these rooms. */
  const fill = (rooms) => Promise.all(rooms.map(async (room) => {
    const peer = site.peer();
    await peer.join(room);
    return peer;
  }));

  /** Pages to the last, from behind this name on.
   *  @param {string} path
   *  @param {{after?: string, limit: number, claims?: object, between?: (page: number) => Promise<void>}} options
   *      between: is called with how many there are by now */
  async function pages(path, { after = '', limit, claims, between = async () => {} }) {
    const all = [];
    for (let next = after; next !== undefined; ({ next } = all.at(-1))) {
      all.push(await json('GET', `${path}?limit=${limit}&after=${next}`, { claims }));
      assert.ok(all.length < 1000, 'they end');
      await between(all.length);
    }
    return all;
  }

  /** That the event is what the server said. */
  function isSent(event, name, data) {
    assert.equal(event.event, name);
    assert.match(event.id ?? '', /^[0-9]+-[0-9]+$/);
    assert.deepEqual(JSON.parse(event.data), { peer: null, data });
  }

  async function isDisconnected(stream, data) {
    const event = await stream.find((one) => one.event === 'disconnect');
    assert.match(event.id, /^[0-9]+-[0-9]+$/);
    assert.deepEqual(JSON.parse(event.data), data);
    assert.equal(await stream.end(), 'end');
    assert.equal(stream.events.at(-1), event, 'it is the last');
  }

  it('lists the rooms that somebody is in by name, with how many, a page at a time', async () => {
    const prefix = randomId('L');
    const names = ['a', 'b', 'c', 'd', 'e'].map((end) => prefix + end);
    await fill([...names, names[1], names[1]].sort(() => -1));
    const all = await pages('/server/rooms', { after: prefix, limit: 2 });
    const rooms = all.flatMap((page) => page.rooms).filter(({ room }) => room.startsWith(prefix));
    assert.deepEqual(rooms, names.map((room, i) => ({ room, count: i === 1 ? 3 : 1 })));
    assert.ok(all.slice(0, -1).every((page) => page.rooms.length === 2 && page.next === page.rooms[1].room));
    const whole = await json('GET', '/server/rooms');
    assert.ok(whole.rooms.length >= names.length);
    assert.deepEqual(whole.rooms.map(({ room }) => room), whole.rooms.map(({ room }) => room).sort());
  });

  it('lists each room that stays once, whatever comes and goes between two pages', async () => {
    const prefix = randomId('M');
    const name = (n) => `${prefix}${String(n).padStart(3, '0')}`;
    const stays = [10, 20, 30, 40, 50, 60].map(name);
    const goes = [25, 45].map(name); // the first is that after which a page goes on
    await fill(stays);
    const gone = await fill(goes);
    const all = await pages('/server/rooms', { after: prefix, limit: 3, between: async (page) => {
      if (page !== 1) return;
      for (const [i, peer] of gone.entries()) await peer.leave(goes[i]);
      await fill([5, 15, 35].map(name));
    } });
    const names = all.flatMap((page) => page.rooms.map(({ room }) => room)).filter((room) => room.startsWith(prefix));
    assert.deepEqual(names, [10, 20, 25, 30, 35, 40, 50, 60].map(name));
  });

  it('with rooms in its token it sees those alone, and goes on while there is next', async () => {
    const prefix = randomId('N');
    const [mine, others] = ['m', 'o'].map((kind) => ['1', '2', '3'].map((n) => `${prefix}${n}${kind}`));
    await fill([...mine, ...others, `${prefix}4o`, `${prefix}5o`]);
    const claims = { rooms: mine };
    const all = await pages('/server/rooms', { after: prefix, limit: 2, claims });
    assert.deepEqual(all.flatMap((page) => page.rooms), mine.map((room) => ({ room, count: 1 })));
    for (const name of [...others, `${prefix}4o`]) assert.ok(!JSON.stringify(all).includes(name), 'no page tells of others');
    await json('GET', `/server/rooms/${mine[0]}`, { claims });
    const [peer] = await membersOf(others[0]);
    for (const [method, path, body] of [['GET', `/server/rooms/${others[0]}`], ['POST', `/server/rooms/${others[0]}/events/x`, '1'],
      ['DELETE', `/server/rooms/${others[0]}/members/${peer}`]]) {
      assert.match(refused(await ask(method, path, { claims, body }), 403, path).json.detail, /does not cover/);
    }
    for (const [method, path, body] of [['GET', `/server/peers/${peer}`], ['POST', `/server/peers/${peer}/events/x`, '1'],
      ['POST', `/server/peers/${peer}/disconnect`, '{"for":9}']]) {
      assert.match(refused(await ask(method, path, { claims, body }), 403, path).json.detail, /without "rooms"/);
    }
    assert.deepEqual(await membersOf(others[0]), [peer]);
  });

  it('lists the members of a room by id: since when, here or away; whoever stays once', async () => {
    const room = randomId('r');
    const name = (n) => `${room}-${n}`;
    const before = nowSeconds();
    const all = await site.room(room, 5, (i) => ({ id: name([3, 1, 5, 7, 9][i]), username: `"Ä" ${i}` }));
    const whole = await json('GET', `/server/rooms/${room}`);
    const { members } = whole;
    assert.deepEqual({ ...whole, members: [] }, { room, count: 5, members: [] });
    assert.deepEqual(members.map(({ id, username, here }) => ({ id, username, here })),
      all.map(({ user }) => ({ ...user, here: true })).sort((a, b) => (a.id < b.id ? -1 : 1)));
    for (const { since } of members) assert.ok(Number.isInteger(since) && since >= before - 1 && since <= nowSeconds() + 1, `${since}`);
    const [three, one] = all;
    one.stream.cut();
    await until(async () => (await json('GET', `/server/rooms/${room}`)).members.some(({ id, here }) => id === one.id && !here), 'it to be away');
    const [, two, four] = await Promise.all([one.open({ after: one.stream.lastEventId }), site.peer({ id: name(2) }), site.peer({ id: name(4) })]);
    const found = await pages(`/server/rooms/${room}`, { limit: 2, between: async (page) => {
      if (page !== 1) return;
      await three.leave(room); // the last of the page
      await two.join(room);
      await four.join(room);
    } });
    assert.deepEqual(found.flatMap((page) => page.members.map(({ id }) => id)), [1, 3, 4, 5, 7, 9].map(name));
    const empty = randomId('r');
    assert.deepEqual(await json('GET', `/server/rooms/${empty}`), { room: empty, count: 0, members: [] });
    for (const { stream } of all) stream.cut();
  });

  it('tells where a peer is, and how many streams it has', async () => {
    const [one, two] = [randomId('b'), randomId('a')];
    const ann = site.peer({ username: 'Ann "é"' });
    refused(await ask('GET', `/server/peers/${ann.id}`), 404);
    const before = nowSeconds();
    const stream = await ann.open();
    await ann.join(one);
    await ann.join(two);
    const { since, ...rest } = await json('GET', `/server/peers/${ann.id}`);
    assert.deepEqual(rest, { ...ann.user, here: true, streams: 1, rooms: [two, one] });
    assert.ok(Number.isInteger(since) && since >= before - 1 && since <= nowSeconds() + 1, `${since}`);
    const second = await ann.open({ after: stream.lastEventId });
    const streams = async () => (await json('GET', `/server/peers/${ann.id}`)).streams;
    assert.equal(await streams(), 2);
    second.cut();
    await until(async () => await streams() === 1, 'the end of one');
    stream.cut();
    await until(async () => await streams() === 0, 'the end of the other');
    const away = await json('GET', `/server/peers/${ann.id}`);
    assert.deepEqual([away.here, away.rooms, away.since], [false, [two, one], since]);
  });

  it('sends an event to all of a room: in order with what peers say, kept for who is away, once', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    const send = (event, data) => json('POST', `/server/rooms/${room}/events/${event}`, { body: JSON.stringify(data) });
    const data = { text: 'ä\n', n: 1e300, list: [null] };
    assert.deepEqual(await send('news', data), { peers: 2 });
    await ann.relay(bob, 'x', 1);
    assert.deepEqual(await send('news', 2), { peers: 2 });
    for (const { stream } of [ann, bob]) isSent(await stream.next(), 'news', data);
    isRelayed(await bob.stream.next(), ann, 'x', 1);
    for (const { stream } of [ann, bob]) isSent(await stream.next(), 'news', 2);
    bob.stream.cut();
    await until(async () => !(await json('GET', `/server/peers/${bob.id}`)).here, 'bob to be away');
    const after = ann.stream.lastEventId;
    assert.deepEqual(await send('news', 3), { peers: 2 });
    isSent(await ann.stream.next(), 'news', 3);
    const again = [await bob.open({ after: bob.stream.lastEventId }), await ann.open({ after })];
    await send('mark', 0);
    for (const stream of again) {
      assert.equal(stream.connected.resumed, true);
      isSent(await stream.next(), 'news', 3);
      isSent(await stream.next(), 'mark', 0);
      stream.cut();
    }
    assert.deepEqual(await json('POST', `/server/rooms/${randomId('r')}/events/x`, { body: '1' }), { peers: 0 });
    ann.stream.cut();
  });

  it('sends an event to a peer, which needs no room; it is kept while that is away', async () => {
    const ann = site.peer();
    // A server of the same name is somebody else.
    const send = (data) => ask('POST', `/server/peers/${ann.id}/events/note`, { body: JSON.stringify(data), claims: { id: ann.id } });
    refused(await send(0), 404);
    let stream = await ann.open();
    assert.deepEqual([(await send(1)).status, (await send(2)).json], [200, { delivered: true }]);
    isSent(await stream.next(), 'note', 1);
    isSent(await stream.next(), 'note', 2);
    stream.cut();
    const kept = await until(async () => { const answer = await send(3); return answer.status === 202 && answer; }, 'it to be away');
    assert.deepEqual(kept.json, { delivered: false });
    const position = stream.lastEventId;
    stream = await ann.open({ after: position });
    assert.equal(stream.connected.resumed, true);
    assert.equal((await send(4)).status, 200);
    const last = await stream.find((event) => JSON.parse(event.data).data === 4);
    isSent(last, 'note', 4);
    assert.ok(stream.events.slice(1).every((event) => event === last || JSON.parse(event.data).data === 3));
    stream.cut();
  });

  it('no peer can pretend to be the server, and the server sends no event of ours', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    await ann.relay(bob, 'x', { peer: null, data: 1 });
    isRelayed(await bob.stream.next(), ann, 'x', { peer: null, data: 1 });
    assert.ok(SERVER_EVENTS.includes('disconnect'));
    for (const event of SERVER_EVENTS) {
      refused(await ann.ask('POST', `/relay/${bob.id}/${event}`, '{"reason":"","for":0}'), 400, event);
      refused(await ann.ask('POST', `/relay/${bob.id}`, [{ event, data: 1 }]), 400, event);
      refused(await ann.ask('POST', `/${room}/broadcast/${event}`, '1'), 400, event);
      refused(await ask('POST', `/server/rooms/${room}/events/${event}`, { body: '1' }), 400, event);
      refused(await ask('POST', `/server/peers/${bob.id}/events/${event}`, { body: '1' }), 400, event);
    }
    for (const { stream } of [ann, bob]) stream.cut();
  });

  it('takes a peer out of a room: both sides hear of it, and it may join again', async () => {
    const [room, other] = [randomId('r'), randomId('r')];
    const [ann, bob, cat] = await site.room(room, 3);
    await bob.join(other);
    assert.deepEqual(await remove(room, bob), { removed: true });
    for (const { stream } of [ann, cat]) isRemoved(await stream.next(), bob, room, BY_SERVER);
    isRemoved(await bob.stream.next(), bob, room, BY_SERVER);
    assert.deepEqual(await remove(room, bob), { removed: false });
    assert.deepEqual(await membersOf(room), [ann.id, cat.id].sort());
    assert.deepEqual((await json('GET', `/server/peers/${bob.id}`)).rooms, [other]);
    assert.equal((await bob.ask('POST', `/relay/${ann.id}/x`, '1')).status, 404);
    assert.equal((await ann.ask('POST', `/relay/${bob.id}/x`, '1')).status, 404);
    assert.equal((await bob.join(room)).length, 2);
    for (const { stream } of [ann, cat]) isAdded(await stream.next(), bob, room, false);
    for (const { stream } of [ann, bob, cat]) stream.cut();
  });

  it('keeps a peer out of a room for a time, and nobody else, and of no other room', async () => {
    const [room, other] = [randomId('r'), randomId('r')];
    const [ann, bob] = await site.room(room, 2);
    assert.deepEqual(await remove(room, bob, '?for=600'), { removed: true });
    isRemoved(await ann.stream.next(), bob, room, BY_SERVER);
    const answer = refused(await bob.ask('POST', `/${room}/join`), 403);
    assert.match(answer.json.detail, /kept out of it for another (600|59\d) seconds/);
    assert.equal(answer.headers['retry-after'], undefined);
    refused(await site.peer({ id: bob.id }).ask('POST', `/${room}/join`), 403, 'another token of the same peer');
    await bob.join(other);
    const cat = site.peer();
    await cat.join(room);
    isAdded(await ann.stream.next(), cat, room, false);
    // Somebody who was never there; until the time is over.
    const dan = site.peer();
    assert.deepEqual(await remove(room, dan, '?for=1'), { removed: false });
    const { ms } = await timed(() => until(async () => (await dan.ask('POST', `/${room}/join`)).status === 200, 'its return'));
    assert.ok(ms < 1000 + steps(10), `after ${ms} ms`);
    isAdded(await ann.stream.next(), dan, room, false);
    refused(await bob.ask('POST', `/${room}/join`), 403);
    for (const { stream } of [ann, bob]) stream.cut();
  });

  it('disconnects a peer: its streams end, wherever they are, and it is out of its rooms; it may return', async () => {
    const [one, two] = [randomId('r'), randomId('r')];
    const [ann, bob] = await site.room(one, 2);
    await ann.join(two);
    await bob.join(two);
    for (const { stream } of [ann, bob]) await stream.next();
    const streams = [bob.stream];
    for (const { base } of site.servers) streams.push(await bob.open({ after: bob.stream.lastEventId, base }));
    const reason = 'Zoë says "no"\n';
    assert.deepEqual(await disconnect(bob, { reason }), { streams: streams.length });
    for (const stream of streams) await isDisconnected(stream, { reason, for: 0 });
    const heard = [await ann.stream.next(), await ann.stream.next()];
    for (const event of heard) isRemoved(event, bob, JSON.parse(event.data).roomId, BY_SERVER);
    assert.deepEqual(heard.map(({ data }) => JSON.parse(data).roomId).sort(), [one, two].sort());
    for (const room of [one, two]) assert.deepEqual(await membersOf(room), [ann.id]);
    bob.stream = await bob.open();
    assert.deepEqual(await bob.join(one), [ann.user]);
    isAdded(await ann.stream.next(), bob, one, false);
    refused(await ask('POST', `/server/peers/${randomId('p')}/disconnect`), 404);
    for (const { stream } of [ann, bob]) stream.cut();
  });

  it('a peer that is away is told when it is back', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    bob.stream.cut();
    await until(async () => !(await json('GET', `/server/peers/${bob.id}`)).here, 'it to be away');
    await ann.relay(bob, 'x', 1);
    assert.deepEqual(await disconnect(bob, {}), { streams: 0 });
    const stream = await bob.open({ after: bob.stream.lastEventId });
    assert.equal(stream.connected.resumed, true);
    isRelayed(await stream.next(), ann, 'x', 1);
    await isDisconnected(stream, { reason: '', for: 0 });
    ann.stream.cut();
  });

  /** All that a peer may ask: a status of 401 of each, or else. */
  async function statuses(token, names) {
    const all = [];
    for (const { method, path } of ROUTES.filter(({ isServers, path }) => !isServers && /^\/(\{room\}|relay|connect|ice|access)/.test(path))) {
      const body = { '/relay/{peer}': '[{"event":"x","data":1}]', '/access': '{}' }[path] ?? '1';
      for (const { base } of site.servers) {
        // HEAD would not ask Redis.
        if (path === '/connect') {
          const { status, end } = await begin(token, base);
          all.push([`${method} ${path}`, status]);
          end();
        } else {
          const answer = await site.request(method, at(path, names), { token, base, body: method === 'POST' ? body : undefined });
          all.push([`${method} ${path}`, answer.status]);
          if (answer.status === 401) assert.match(answer.json.detail, /was revoked/);
        }
      }
    }
    return all;
  }

  async function begin(token, base) {
    const peer = site.peer();
    peer.token = token;
    const stream = await peer.try({ base });
    return { status: stream.status, end: () => stream.cut() };
  }

  it('disconnects it for a time: within 2 s its tokens are refused everywhere, renewals too; a newer one is admitted', async () => {
    const room = randomId('r');
    const names = { room, peer: 'nobody', event: 'x' };
    const now = nowSeconds();
    const [ann, bob] = await site.room(room, 2, (i) => (i ? { iat: now - 5 } : {}));
    const second = await bob.open({ after: bob.stream.lastEventId, base: site.servers[0].base });
    const timeless = site.peer({ id: bob.id }).token;
    const { ms } = await timed(async () => {
      assert.deepEqual(await disconnect(bob, { reason: 'x', for: 600 }), { streams: 2 });
      await Promise.all([bob.stream, second].map((stream) => isDisconnected(stream, { reason: 'x', for: 600 })));
      for (const { base } of site.servers) refused(await site.request('POST', `/${room}/join`, { token: bob.token, base }), 401);
    });
    assert.ok(ms < REVOKED_MS + steps(12), `${ms} ms`);
    isRemoved(await ann.stream.next(), bob, room, BY_SERVER);
    for (const token of [bob.token, timeless]) {
      assert.deepEqual((await statuses(token, names)).filter(([, status]) => status !== 401), []);
    }
    const answer = refused(await site.request('POST', `/${room}/join`, { token: bob.token }), 401);
    assert.match(answer.headers['www-authenticate'], /error="invalid_token"/);
    // Those of others are as ever; and one that was issued since.
    assert.deepEqual(await ann.others(room), []);
    const newer = site.peer({ id: bob.id, iat: nowSeconds() + 1 });
    newer.stream = await newer.open();
    assert.deepEqual(await newer.join(room), [ann.user]);
    isAdded(await ann.stream.next(), newer, room, false);
    assert.equal(await newer.relay(ann, 'x', 1), true);
    isRelayed(await ann.stream.next(), newer, 'x', 1);
    assert.equal((await newer.ask('GET', '/ice')).status, 200);
    const renewed = await newer.ask('POST', '/access', {});
    assert.equal(renewed.status, 200);
    refused(await site.request('POST', `/${room}/join`, { token: bob.token }), 401);
    for (const { stream } of [ann, newer]) stream.cut();
  });

  it('the time ends; and it may be said of a peer that is not here', async () => {
    const ann = site.peer({ iat: nowSeconds() });
    assert.deepEqual(await disconnect(ann, { for: seconds(2, 10) }), { streams: 0 });
    const room = randomId('r');
    refused(await ann.ask('POST', `/${room}/join`), 401);
    await until(async () => (await ann.ask('POST', `/${room}/join`)).status === 200, 'its return');
  });

  it('a token is for an hour at most, and of no peer', async () => {
    const now = nowSeconds();
    const rooms = (claims) => site.request('GET', '/server/rooms?limit=1', { token: sign(claims, site.secret) });
    for (const [status, claims] of /** @type {[number, object][]} */ ([
      [200, { server: true, exp: now + HOUR }],
      [200, { server: true, exp: now + HOUR - 60, iat: now - 60, id: 'cron', rooms: ['tea'] }],
      [401, { server: true, exp: now + HOUR + 120 }],
      [401, { server: true, exp: now + 60, iat: now - HOUR }],
      [401, { server: true, exp: now - 1 }],
      [401, { server: true }],
      [401, { server: 'true', exp: now + 60 }],
      [401, { server: true, exp: now + 60, id: 'a b' }],
      [403, { server: false, exp: now + 60, id: 'ann', username: 'ann' }],
      [403, { exp: now + 60, id: 'ann', username: 'ann' }],
    ])) {
      const answer = await rooms(claims);
      if (status === 200) assert.equal(answer.status, 200, answer.text);
      else refused(answer, status, JSON.stringify(claims));
    }
  });

  it('no page asks: an Origin is refused, whichever it is, and there is no preflight', async () => {
    for (const { method, path } of ROUTES.filter(({ isServers }) => isServers)) {
      for (const Origin of ['https://app.example', 'null', site.servers[0].base.origin]) {
        const { headers } = refused(await ask(method, at(path, {}), { body: method === 'POST' ? '1' : undefined, headers: { Origin } }), 403, path);
        const preflight = refused(await site.request('OPTIONS', at(path, {}), { headers: { Origin, 'Access-Control-Request-Method': method } }), 403, path);
        for (const name of [...Object.keys(headers), ...Object.keys(preflight.headers)]) assert.doesNotMatch(name, /^access-control-/);
      }
    }
  });

  it('HEAD is GET without its body', async () => {
    const [ann] = await fill([randomId('r')]);
    for (const path of ['/server/rooms', '/server/rooms/x', `/server/peers/${ann.id}`]) {
      const head = await ask('HEAD', path);
      assert.deepEqual([head.status, head.bytes.length], [200, 0], path);
    }
    assert.equal((await ask('HEAD', `/server/peers/${randomId('p')}`)).status, 404);
  });
});

const SERVER_RATE = 1;
const WINDOW_S = 6;

suite('the rate of servers', { settings: { SERVER_RATE, RATE: 5 } }, (site, it) => {
  it('is their own: all that they ask together, and nothing of what peers do', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    const ask = () => site.request('GET', `/server/rooms/${room}`, { token: site.serverToken({ id: randomId('s') }) });
    /** The window lasts as long as this takes, until somebody is refused. */
    const hold = (ms = 600_000) => site.redis('PEXPIRE', 'rate:@server', ms);
    for (let i = 0; i < 2; i++) assert.equal((await ask()).status, 200);
    await hold();
    const answer = await until(async () => { const one = await ask(); return one.status !== 200 && one; }, 'it to be too much');
    refused(answer, 429);
    assert.ok(Number(answer.headers['retry-after']) <= WINDOW_S);
    for (const [method, path, body] of [['GET', '/server/rooms'], ['GET', `/server/peers/${bob.id}`], ['POST', `/server/rooms/${room}/events/x`, '1'],
      ['POST', `/server/peers/${bob.id}/events/x`, '1'], ['DELETE', `/server/rooms/${room}/members/${bob.id}`], ['POST', `/server/peers/${bob.id}/disconnect`]]) {
      await hold();
      refused(await site.request(method, path, { token: site.serverToken(), body }), 429, path);
    }
    assert.equal(await ann.relay(bob, 'x', 1), true);
    isRelayed(await bob.stream.next(), ann, 'x', 1);
    await until(async () => (await ask()).status === 200, 'the next window');
    for (const { stream } of [ann, bob]) stream.cut();
  });
});
