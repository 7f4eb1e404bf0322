// What comes on a stream is what src/doc/asyncapi.yaml says: each event is one of its messages, and each message is heard.
import assert from 'node:assert/strict';
import { MESSAGES, messageOf } from './lib/api.js';
import { suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';

const PEER_STREAMS = 2;

suite('events', { settings: { PEER_STREAMS, GRACE: 600 } }, (site, it) => {
  const heard = new Set();

  /** A stream of this peer, all of whose events are kept as they come. */
  async function listen(peer, after) {
    const stream = await peer.try({ after });
    const events = [];
    stream.onFields = (fields) => events.push(fields);
    return { stream, events };
  }

  /** Names of messages, but pings. They tell how long to wait at the beginning alone, or where that is all they say. */
  function namesOf(events) {
    const names = events.map(messageOf);
    names.forEach((name, i) => {
      heard.add(name);
      assert.equal(events[i].some(([field]) => field === 'retry'), i === 0 || name === 'retry', `${i}: ${name}`);
    });
    return names.filter((name) => name !== 'ping');
  }

  const idsOf = (events) => events.flatMap((fields) => fields.filter(([field]) => field === 'id').map(([, id]) => id));

  const isAbove = (id, other) => {
    const [[ms, seq], [otherMs, otherSeq]] = [id, other].map((one) => one.split('-').map(Number));
    return ms > otherMs || (ms === otherMs && seq > otherSeq);
  };

  it('a session: who comes, what is said, who goes, and that it lives; ids rise', async () => {
    const room = randomId('r');
    const ann = site.peer();
    const bob = site.peer({ username: 'bob "é"' });
    const { stream, events } = await listen(ann);
    await ann.join(room);
    await bob.join(room);
    await bob.relay(ann, 'session-description', { type: 'offer', sdp: 'v=0\r\n' });
    await bob.ask('POST', `/relay/${ann.id}`, [{ event: 'a', data: null }, { event: 'b', data: [1] }]);
    await bob.ask('POST', `/${room}/broadcast/chat`, '{"text":\n"hello"}');
    await bob.leave(room);
    await stream.find(({ event }) => event === 'remove-peer');
    await stream.ping(1);
    stream.cut();
    assert.deepEqual(namesOf(events), ['connected', 'add-peer', 'relayed', 'relayed', 'relayed', 'relayed', 'remove-peer']);
    const ids = idsOf(events);
    for (const [i, id] of ids.entries()) assert.ok(!i || isAbove(id, ids[i - 1]), `${ids}`);
    assert.equal(stream.lastEventId, ids.at(-1));
  });

  it('what was missed follows "connected", which has the client’s own position as its id', async () => {
    const [ann, bob] = await site.room(randomId('r'), 2);
    const position = bob.stream.lastEventId;
    await ann.relay(bob, 'x', 1);
    await bob.stream.next();
    const { stream, events } = await listen(bob, position);
    await stream.find(({ event }) => event === 'x');
    assert.deepEqual(namesOf(events), ['connected', 'relayed']);
    assert.equal(idsOf(events)[0], position);
    assert.equal(JSON.parse(stream.events[0].data).resumed, true);
    for (const one of [ann.stream, bob.stream, stream]) one.cut();
  });

  it('the oldest of too many is told to wait, and nothing after it', async () => {
    const ann = site.peer();
    const all = [await listen(ann)];
    await all[0].stream.next();
    while (all.length <= PEER_STREAMS) {
      const next = await listen(ann, all[0].stream.lastEventId);
      await next.stream.next();
      all.push(next);
    }
    assert.equal(await all[0].stream.end(), 'end');
    assert.deepEqual(namesOf(all[0].events), ['connected', 'retry']);
    assert.equal(messageOf(all[0].events.at(-1)), 'retry');
    for (const { stream } of all) stream.cut();
  });

  it('what a server says and does: an event, who is out of a room, and the end', async () => {
    const room = randomId('r');
    const ann = site.peer();
    const { stream, events } = await listen(ann);
    await ann.join(room);
    const token = site.serverToken();
    for (const [method, path, body] of [['POST', `/server/rooms/${room}/events/news`, '[1]'], ['POST', `/server/peers/${ann.id}/events/news`, 'null'],
      ['DELETE', `/server/rooms/${room}/members/${ann.id}`], ['POST', `/server/peers/${ann.id}/disconnect`, '{"reason":"é","for":60}']]) {
      assert.equal((await site.request(method, path, { token, body })).status, 200, path);
    }
    assert.equal(await stream.end(), 'end');
    assert.deepEqual(namesOf(events), ['connected', 'relayed', 'relayed', 'remove-peer', 'disconnect']);
  });

  it('all messages of the document were heard', () => {
    assert.deepEqual([...heard].sort(), MESSAGES.map(({ name }) => name).sort());
  });
});
