// Streams that are cut: what was missed comes once and in order, or one is told.
import assert from 'node:assert/strict';
import { refused } from './lib/http.js';
import { isAdded, isRelayed, isRemoved } from './lib/peer.js';
import { Stream } from './lib/sse.js';
import { FULL, GRACE, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';
import { pause, until } from './lib/wait.js';

const settings = { RATE: 0, MAILBOX: 128, MAILBOX_TTL: 2 * GRACE };

suite('resume', { settings, together: true }, (site, it) => {
  it('what was missed follows, once and in order, after the client’s own position', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    await ann.relay(bob, 'n', 0);
    const { id } = await bob.stream.next();
    bob.stream.cut();
    for (let i = 1; i <= 10; i++) await ann.relay(bob, 'n', i);
    const again = await bob.open({ after: id });
    assert.deepEqual(again.connected, { id, user: bob.user, resumed: true, rooms: [room] });
    for (let i = 1; i <= 10; i++) isRelayed(await again.next(), ann, 'n', i);
    assert.equal(await ann.relay(bob, 'n', 11), true);
    isRelayed(await again.next(), ann, 'n', 11);
    assert.ok(again.events.every((event) => event.id));
  });

  it('the id of connected is a position too', async () => {
    const room = randomId('r');
    const [ann] = await site.room(room, 1);
    const bob = site.peer();
    const first = await bob.open();
    await bob.join(room); // of which it has not heard yet, for all that it says
    first.cut();
    const again = await bob.open({ after: first.connected.id });
    assert.equal(again.connected.resumed, true);
    isAdded(await again.next(), ann, room, true);
    again.cut();
    const third = await bob.open({ after: again.lastEventId });
    assert.equal(third.connected.resumed, true);
    await ann.relay(bob, 'mark', 1);
    isRelayed(await third.next(), ann, 'mark', 1);
  });

  it('the header comes before ?lastEventId=, which does alone as well', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    const open = async (query, headers = {}) => {
      const stream = await Stream.open(site.url(`/connect?token=${bob.token}&lastEventId=${query}`), headers);
      return { stream, connected: JSON.parse((await stream.next()).data) };
    };
    const position = bob.stream.lastEventId;
    bob.stream.cut();
    await ann.relay(bob, 'n', 1);
    const byQuery = await open(position);
    assert.equal(byQuery.connected.resumed, true);
    isRelayed(await byQuery.stream.next(), ann, 'n', 1);
    byQuery.stream.cut();
    const byHeader = await open('1-1', { 'Last-Event-ID': byQuery.stream.lastEventId });
    assert.equal(byHeader.connected.resumed, true);
    byHeader.stream.cut();
    const unknown = await open(byHeader.stream.lastEventId, { 'Last-Event-ID': '1-1' });
    assert.equal(unknown.connected.resumed, false);
    unknown.stream.cut();
  });

  it('a position that is unknown or malformed is none, and no error', async () => {
    await Promise.all(['1-1', '0-0', 'x', '-', '+', '$', '*', '(1-1', '1', '1-', '-1', '99999999999999999999999-1',
      '1-99999999999999999999999', '9999999999999-0', '1-1-1', ' ', '"', 'x'.repeat(2000), '1-1\u00ff'].map(async (after) => {
      const room = randomId('r');
      const [ann, bob] = await site.room(room, 2);
      bob.stream.cut();
      await until(async () => (await site.redis('PUBSUB', 'NUMSUB', `messages:${bob.id}`))[1] === 0, 'the end of its stream');
      const again = await bob.open({ after });
      assert.equal(again.connected.resumed, false, after);
      assert.deepEqual(again.connected.rooms, [], after);
      isRemoved(await ann.stream.next(), bob, room);
      // From there it goes on, and can be resumed from.
      again.cut();
      const third = await bob.open({ after: again.connected.id });
      assert.equal(third.connected.resumed, true, after);
      third.cut();
      ann.stream.cut();
    }));
  });

  it('a position of somebody else is none', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    await ann.relay(bob, 'secret', 1);
    const { id } = await bob.stream.next();
    await bob.relay(ann, 'x', 1);
    const cat = site.peer();
    const stream = await cat.open({ after: id });
    assert.equal(stream.connected.resumed, false);
    stream.cut();
  });

  it('another token of the same peer goes on where the first was', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    bob.stream.cut();
    await ann.relay(bob, 'n', 1);
    const { json } = await site.request('POST', '/access', { body: { username: 'bob' }, token: bob.token });
    bob.token = json.token;
    const again = await bob.open({ after: bob.stream.lastEventId });
    assert.equal(again.connected.resumed, true);
    assert.deepEqual(again.connected.user, { id: bob.id, username: 'bob' });
    isRelayed(await again.next(), ann, 'n', 1);
  });

  it('a mailbox that overflowed: told, not silently incomplete', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    await ann.relay(bob, 'n', 0);
    const { id } = await bob.stream.next();
    const batch = Array.from({ length: 64 }, (_, i) => ({ event: 'n', data: i }));
    for (let i = 0; i < 5; i++) assert.equal((await ann.ask('POST', `/relay/${bob.id}`, batch)).status, 200);
    bob.stream.cut();
    while (await ann.relay(bob, 'n', 'last'));
    const again = await bob.open({ after: id });
    assert.equal(again.connected.resumed, false);
    assert.deepEqual(again.connected.rooms, []);
    isRemoved(await ann.stream.next(), bob, room);
    await bob.join(room);
    isAdded(await ann.stream.next(), bob, room, false);
    isAdded(await again.next(), ann, room, true); // nothing of the old life comes
  });

  it('after the grace it is told, and the others know already', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    bob.stream.cut();
    isRemoved(await ann.stream.next(), bob, room);
    const again = await bob.open({ after: bob.stream.lastEventId });
    assert.equal(again.connected.resumed, false);
    assert.deepEqual(again.connected.rooms, []);
  });

  if (FULL) {
    it('quiet for longer than MAILBOX_TTL, and back within the grace: resumed', async () => {
      const room = randomId('r');
      const [ann, bob] = await site.room(room, 2);
      const long = 'x'.repeat(5000); // fills a node of Redis' stream, which is trimmed by whole nodes
      for (let i = 0; i < 3; i++) {
        await ann.relay(bob, 'n', long);
        await bob.stream.next();
      }
      await bob.stream.ping(settings.MAILBOX_TTL + 1);
      // Or this test shows nothing.
      await until(async () => (await site.redis('XRANGE', `mailbox:${bob.id}`, '-', '+')).length === 1, 'it to be trimmed');
      bob.stream.cut();
      await ann.relay(bob, 'n', 'in the gap');
      const again = await bob.open({ after: bob.stream.lastEventId });
      assert.equal(again.connected.resumed, true);
      isRelayed(await again.next(), ann, 'n', 'in the gap');
    });
  }
});

// Nobody's time is over while it lasts.
suite('resume after much', { settings: { ...settings, GRACE: 600, MAILBOX_TTL: 1200 } }, (site, it) => {
  it('what was kept is there, whoever comes and goes meanwhile; more than a mailbox holds is refused', async () => {
    const room = randomId('r');
    const [ann, bob] = await site.room(room, 2);
    const { lastEventId: after } = bob.stream;
    bob.stream.cut();
    await until(async () => !(await ann.relay(bob, 'n', 'first')), 'it to be away');
    const cat = site.peer();
    for (let i = 0; i < 100; i++) {
      await cat.join(room);
      await cat.leave(room);
    }
    const batch = Array.from({ length: 40 }, (_, i) => ({ event: 'n', data: i }));
    assert.equal((await ann.ask('POST', `/relay/${bob.id}`, batch)).status, 202);
    const full = await ann.ask('POST', `/relay/${bob.id}`, batch);
    refused(full, 429);
    assert.equal(full.headers['retry-after'], '1');
    const again = await bob.open({ after });
    assert.equal(again.connected.resumed, true);
    const heard = [];
    while (heard.at(-1) !== 39) {
      const { event, data } = await again.next();
      if (event === 'n') heard.push(JSON.parse(data).data);
    }
    assert.deepEqual(heard.filter((data) => data !== 'first'), batch.map(({ data }) => data));
    assert.ok(heard[0] === 'first');
    assert.equal(await ann.relay(bob, 'n', 'last'), true);
    isRelayed(await again.next(), ann, 'n', 'last');
  });
});

// They keep a machine busy for seconds, in which nobody else's grace should end.
suite('resume with much under way', { settings, together: true }, (site, it) => {
  it('300 numbered messages across a stream that is cut again and again', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    const got = [];
    let cuts = 0;
    const reading = (async () => {
      let { stream } = bob;
      let position;
      while (got.length < 300) {
        const most = got.length + 1 + (got.length % 17);
        while (got.length < most && got.length < 300) {
          const event = await stream.next();
          isRelayed(event, ann, 'n', got.length);
          got.push(JSON.parse(event.data).data);
          position = event.id;
        }
        stream.cut();
        cuts++;
        stream = await bob.open({ after: position });
        assert.equal(stream.connected.resumed, true);
      }
      bob.stream = stream;
    })();
    const sending = (async () => {
      for (let i = 0; i < 300; i++) {
        // The mailbox is small here: no faster than it is read.
        while (i - got.length > 50) await pause(5);
        await ann.relay(bob, 'n', i);
      }
    })();
    await Promise.all([reading, sending]);
    assert.deepEqual(got, Array.from({ length: 300 }, (_, i) => i));
    assert.ok(cuts >= 20, `${cuts} cuts`);
    await ann.relay(bob, 'mark', 1);
    isRelayed(await bob.stream.next(), ann, 'mark', 1); // and none came twice
  });

  it('what comes just while a stream is opened comes once too', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    let after = bob.stream.lastEventId;
    bob.stream.cut();
    const got = [];
    let sent = 0, stop = false;
    const sending = Promise.all(Array.from({ length: 8 }, async () => {
      while (!stop) {
        if (sent - got.length > 50) await pause(1);
        else await ann.relay(bob, 'n', sent++);
      }
    }));
    for (let opened = 0; opened < 100; opened++) {
      const stream = await bob.open({ after });
      assert.equal(stream.connected.resumed, true);
      for (let i = 0; i < 12; i++) {
        const event = await stream.next();
        got.push(JSON.parse(event.data).data);
        after = event.id;
      }
      stream.cut();
    }
    stop = true;
    await sending;
    const stream = await bob.open({ after });
    while (got.length < sent) got.push(JSON.parse((await stream.next()).data).data);
    assert.deepEqual([...new Set(got)].sort((a, b) => a - b), Array.from({ length: sent }, (_, i) => i));
    await ann.relay(bob, 'mark', 1);
    isRelayed(await stream.next(), ann, 'mark', 1); // and none came twice
  });
});
