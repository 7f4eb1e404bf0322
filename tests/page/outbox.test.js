// outbox.test.js - the queue of what is to be relayed.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Outbox } from '../../src/page/client/outbox.js';
import { Refusal } from '../../src/page/client/requests.js';
import { letTimeGo, pass, stopTime } from './lib/clock.js';
import './lib/crypto.js';

/** A server that answers when it is told to. */
function server(persist = undefined) {
  const posts = [];
  const post = (peer, body, key) => new Promise((resolve, reject) => {
    posts.push({ peer, events: JSON.parse(body).map(({ event }) => event), bytes: Buffer.byteLength(body), body, key, resolve, reject });
  });
  return { posts, outbox: new Outbox(post, persist) };
}

const turn = () => new Promise(setImmediate);

test('what gathers in a turn, and while a request is under way, goes together and in order', async () => {
  const { posts, outbox } = server();
  outbox.push('ann', 'a1');
  outbox.push('ann', 'a2', { x: [1, null] });
  await turn();
  assert.deepEqual(posts.map(({ events }) => events), [['a1', 'a2']]);
  assert.equal(posts[0].body, '[{"event":"a1","data":null},{"event":"a2","data":{"x":[1,null]}}]');
  outbox.push('ann', 'a3');
  outbox.push('ann', 'a4');
  await turn();
  assert.equal(posts.length, 1, 'one request at a time to a peer');
  posts[0].resolve();
  await turn();
  assert.deepEqual([posts[1].peer, posts[1].events], ['ann', ['a3', 'a4']]);
});

test('a peer to whom nothing can be sent for a while keeps no other waiting', async () => {
  const { posts, outbox } = server();
  outbox.push('ann', 'a1');
  outbox.push('bob', 'b1');
  await turn();
  assert.deepEqual(posts.map(({ peer }) => peer), ['ann', 'bob']);
  outbox.push('bob', 'b2');
  posts[1].resolve();
  await turn();
  assert.deepEqual(posts.map(({ events }) => events), [['a1'], ['b1'], ['b2']]);
});

test('at most 64 messages, and what a body may have', async () => {
  const { posts, outbox } = server();
  for (let i = 0; i < 130; i++) outbox.push('ann', `e${i}`);
  outbox.push('ann', 'large', '€'.repeat(15_000));
  outbox.push('ann', 'larger', '€'.repeat(15_000));
  outbox.push('ann', 'small');
  for (let i = 0; i < 4; i++) {
    await turn();
    posts[i].resolve();
  }
  assert.deepEqual(posts.map(({ events }) => events.length), [64, 64, 3, 2]);
  assert.deepEqual(posts.flatMap(({ events }) => events), [...Array.from({ length: 130 }, (_, i) => `e${i}`), 'large', 'larger', 'small']);
  assert.ok(posts.every(({ bytes }) => bytes < 65_536));
});

test('a server that takes less gets less, and in order', async () => {
  const { posts, outbox } = server();
  const sent = Array.from({ length: 40 }, (_, i) => outbox.push('ann', `e${i}`, 'x'.repeat(500)));
  const taken = [];
  for (let i = 0; taken.length < 40; i++) {
    await turn();
    if (posts[i].bytes > 4_096) posts[i].reject(new Refusal(413, 'too large'));
    else posts[i].resolve(taken.push(...posts[i].events));
  }
  await Promise.all(sent);
  assert.deepEqual(taken, Array.from({ length: 40 }, (_, i) => `e${i}`));
});

test('one that no server takes is refused, and the next goes on', async () => {
  const { posts, outbox } = server();
  const large = outbox.push('ann', 'large');
  await turn();
  const next = outbox.push('ann', 'next');
  posts[0].reject(new Refusal(413, 'too large'));
  await assert.rejects(large, { status: 413 });
  await turn();
  posts[1].resolve('answer');
  assert.equal(await next, 'answer');
});

test('what is dropped never goes out, and says so', async () => {
  const { posts, outbox } = server();
  outbox.push('ann', 'a1');
  await turn();
  const dropped = outbox.push('ann', 'a2');
  outbox.push('bob', 'b1');
  outbox.discard((peer) => peer === 'ann');
  await assert.rejects(dropped, { status: 0 });
  posts[0].resolve();
  await turn();
  assert.deepEqual(posts.map(({ events }) => events), [['a1'], ['b1']]);
  outbox.push('ann', 'a3');
  await turn();
  assert.deepEqual(posts[2].events, ['a3']);
});

test('a repeat has the key and the words of the first, whatever has come meanwhile; the next has another', async () => {
  const { posts, outbox } = server((_peer, attempt) => attempt().catch(attempt));
  outbox.push('ann', 'a1');
  await turn();
  outbox.push('ann', 'a2');
  posts[0].reject(new Error('no answer'));
  await turn();
  assert.deepEqual([posts[1].body, posts[1].key], [posts[0].body, posts[0].key]);
  assert.match(posts[0].key, /^[\w-]{1,64}$/);
  posts[1].resolve();
  await turn();
  assert.deepEqual(posts[2].events, ['a2']);
  assert.notEqual(posts[2].key, posts[0].key);
});

test('no more keys than a server takes: in five minutes half as many, and then again', async () => {
  stopTime();
  try {
    const { posts, outbox } = server();
    let answered = 0;
    const say = async (count) => {
      const before = answered;
      for (let i = 0; i < count; i++) outbox.push(`p${before + i}`, 'x');
      while (answered < before + count) {
        await pass(20);
        while (answered < posts.length) posts[answered++].resolve();
      }
    };
    await say(2_005);
    assert.equal(posts.filter(({ key }) => key).length, 2_000);
    assert.equal(new Set(posts.slice(0, 2_000).map(({ key }) => key)).size, 2_000);
    await pass(300_000);
    await say(1);
    assert.ok(posts.at(-1).key);
  } finally {
    letTimeGo();
  }
});
