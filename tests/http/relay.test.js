// What peers send each other: once, in order, and byte for byte.
import assert from 'node:assert/strict';
import { isRelayed } from './lib/peer.js';
import { MOUNT, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';

suite('relay', { settings: { RATE: 0, RATE_BYTES: 0 }, together: true }, (site, it) => {
  it('arrives as an event of its name, with its sender, its data and an id', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    for (const name of ['session-description', 'ice-candidate', 'x', '-_', 'message', 'x'.repeat(64)]) {
      assert.equal(await ann.relay(bob, name, { a: [1, 'é', null] }), true);
      isRelayed(await bob.stream.next(), ann, name, { a: [1, 'é', null] });
    }
    assert.equal(await bob.relay(ann, 'back', 'hello'), true);
    isRelayed(await ann.stream.next(), bob, 'back', 'hello');
  });

  it('goes only to the peer that is meant', async () => {
    const [ann, bob, cat] = await site.room(randomId('r'), 3);
    await ann.relay(bob, 'x', 'for bob');
    await ann.relay(cat, 'x', 'for cat');
    isRelayed(await bob.stream.next(), ann, 'x', 'for bob');
    isRelayed(await cat.stream.next(), ann, 'x', 'for cat');
    await bob.relay(ann, 'x', 'for ann');
    isRelayed(await ann.stream.next(), bob, 'x', 'for ann');
  });

  it('passes JSON on byte for byte', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    for (const body of [
      'null', 'true', '""', '[]', '{}', '0', '-0', '-0.0', '1.0', '1.10', '1e2', '1E+2', '0.1e-7',
      '12345678901234567890123456789', '1.7976931348623157e308', '0.10000000000000000555',
      '{"b":1,"a":2}', '{"a":1,"a":2}', '{"":""}', '{ "a" :\t[ 1 , 2 ] }',
      '"\\u0041\\/\\"\\\\\\b\\f\\n\\r\\t"', '"/"', '"\u2028\u2029\u0085\u007f"', '"\\u2028"',
      '"\\u0000"', '"\\ud83d\\ude00 😀"', '"<script>&amp;</script>"', '" data: x"', '"event: ping"',
      '[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]',
    ]) {
      const single = await ann.ask('POST', `/relay/${bob.id}/x`, body);
      assert.equal(single.status, 200, `${body}: ${single.text}`);
      const many = await ann.ask('POST', `/relay/${bob.id}`, `[{"event":"x","data":${body}} , {"data":${body},"event":"y"}]`);
      assert.equal(many.status, 200, `${body}: ${many.text}`);
      for (const name of ['x', 'x', 'y']) {
        const event = await bob.stream.next();
        assert.equal(event.event, name);
        const { data } = event;
        const head = /^\{"peer":\{[^{}]*\},"data":/.exec(data)?.[0];
        assert.ok(head, data);
        assert.equal(data.slice(head.length, -1), body);
      }
    }
  });

  it('line breaks between tokens may go, and nothing else', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    for (const body of ['\n{\r\n"a":\r[1,\n\n2],\n"b":"x y\\n"}\n', '\r\n"a b"\r\n', '[\n1\n,\r2\r]']) {
      assert.equal((await ann.ask('POST', `/relay/${bob.id}/x`, body)).status, 200);
      const { data, event } = await bob.stream.next();
      assert.equal(event, 'x');
      const got = data.slice(data.indexOf('"data":') + 7, -1);
      assert.equal(got.replace(/\s+(?=[^"]*("[^"]*"[^"]*)*$)/g, ''), body.replace(/[\r\n]/g, ''));
      assert.deepEqual(JSON.parse(data).data, JSON.parse(body));
    }
  });

  it('a batch arrives whole and in its order', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    for (const count of [1, 2, 64]) {
      const items = Array.from({ length: count }, (_, i) => ({ event: `e${i}`, data: { i } }));
      const answer = await ann.ask('POST', `/relay/${bob.id}`, items);
      assert.equal(answer.status, 200);
      assert.deepEqual(answer.json, { delivered: true });
      for (let i = 0; i < count; i++) isRelayed(await bob.stream.next(), ann, `e${i}`, { i });
    }
  });

  it('what one sends one after the other arrives in that order, with ids that rise', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    let last = [0, 0];
    for (let i = 0; i < 100; i++) await ann.relay(bob, 'n', i);
    for (let i = 0; i < 100; i++) {
      const event = await bob.stream.next();
      isRelayed(event, ann, 'n', i);
      const id = event.id.split('-').map(Number);
      assert.ok(id[0] > last[0] || (id[0] === last[0] && id[1] > last[1]), `${id} after ${last}`);
      last = id;
    }
  });

  it('what many send at once arrives all the same', async () => {
    const [ann, ...others] = await site.room(randomId('r'), 5);
    await Promise.all(others.map(async (other) => {
      for (let i = 0; i < 25; i++) await other.relay(ann, 'n', i);
    }));
    const got = new Map(others.map((other) => [other.id, []]));
    for (let i = 0; i < 100; i++) {
      const { peer, data } = JSON.parse((await ann.stream.next()).data);
      got.get(peer.id).push(data);
    }
    for (const list of got.values()) assert.deepEqual(list, Array.from({ length: 25 }, (_, i) => i));
  });

  it('is kept, 202, for a peer that is between two streams', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    bob.stream.cut();
    let kept = 0;
    // Until its server has noticed, a stream may still take it.
    while (await ann.relay(bob, 'n', kept)) kept++;
    const again = await bob.open({ after: bob.stream.lastEventId });
    assert.equal(again.connected.resumed, true);
    const missed = [];
    while (missed.at(-1) !== kept) missed.push(JSON.parse((await again.next()).data).data);
    // The cut stream may have taken some before we closed it; what it did not is all here.
    const first = bob.stream.events.filter((event) => event.event === 'n').length;
    assert.deepEqual(missed, Array.from({ length: kept + 1 - first }, (_, i) => first + i));
  });

  it('a broadcast goes to every other member, and to nobody else', async () => {
    const room = randomId('r');
    const [ann, bob, cat] = await site.room(room, 3);
    const answer = await ann.ask('POST', `/${room}/broadcast/news`, '{"a":1.0}');
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.json, { peers: 2 });
    for (const peer of [bob, cat]) {
      const event = await peer.stream.next();
      isRelayed(event, ann, 'news', { a: 1 });
      assert.ok(event.data.endsWith('"data":{"a":1.0}}'), event.data);
    }
    await bob.relay(ann, 'mark', 1);
    isRelayed(await ann.stream.next(), bob, 'mark', 1); // and not its own news
    const alone = site.peer();
    await alone.join(randomId('r'));
    const rooms = await site.redis('SMEMBERS', `${alone.id}:channels`);
    assert.deepEqual((await alone.ask('POST', `/${rooms[0]}/broadcast/news`, '1')).json, { peers: 0 });
  });

  it('works for a page: token in a cookie, text/plain, and from any of several rooms in common', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    const second = randomId('r');
    await ann.join(second);
    await bob.join(second);
    await ann.stream.next();
    await bob.stream.next();
    const answer = await site.request('POST', `/relay/${bob.id}/x`, {
      body: '{"a":1}',
      headers: { Cookie: `drawbridge=${ann.token}`, 'Content-Type': 'text/plain;charset=UTF-8' },
    });
    assert.equal(answer.status, 200);
    isRelayed(await bob.stream.next(), ann, 'x', { a: 1 });
    await ann.leave(second);
    await bob.stream.next();
    assert.equal(await ann.relay(bob, 'x', 2), true);
    isRelayed(await bob.stream.next(), ann, 'x', 2);
  });

  it(`names are taken from paths as they are written, below ${MOUNT}`, async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    assert.equal((await ann.ask('POST', `/relay/${bob.id}/x?y=z&token=`, '1')).status, 200);
    isRelayed(await bob.stream.next(), ann, 'x', 1);
    assert.equal((await ann.ask('POST', `/relay/${bob.id}/X-y_0`, '1')).status, 200);
    isRelayed(await bob.stream.next(), ann, 'X-y_0', 1);
  });
});
