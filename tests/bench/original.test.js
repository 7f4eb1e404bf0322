// original.test.js - the original relays as Drawbridge does, or it would be no comparison.
import assert from 'node:assert/strict';
import test from 'node:test';
import { request } from '../http/lib/http.js';
import { until } from '../http/lib/wait.js';
import { Original } from './targets.js';

/** A peer with its stream: what has come of it, and its end. */
async function open(target) {
  const [{ id, token }] = target.peers(1);
  const abort = new AbortController();
  const stream = await fetch(`${target.base}/connect?token=${token}`, { signal: abort.signal });
  const peer = { id, token, got: '', close: () => abort.abort() };
  stream.body.pipeThrough(new TextDecoderStream()).pipeTo(new WritableStream({ write: (text) => { peer.got += text; } })).catch(() => {});
  const event = async (name) => {
    const find = () => new RegExp(`^event: ${name}\ndata: (.*)\n\n`, 'm').exec(peer.got)?.[1];
    return JSON.parse(await until(find, `${name}, of ${peer.got}`));
  };
  await event('connected');
  return Object.assign(peer, { event });
}

const ask = async (target, { token }, where, body = '') => (await request(new URL(where, target.base),
  { method: 'POST', headers: { Authorization: `Bearer ${token}` }, body })).status;

test('the original', async (t) => {
  const target = await Original.start({ ping: 1 });
  t.after(() => target.stop());
  const ann = await open(target), bob = await open(target);

  await t.test('whom it joins is told to offer, and those who are there are told of it', async () => {
    assert.equal(await ask(target, ann, '/tea/join'), 200);
    assert.equal(await ask(target, bob, '/tea/join'), 200);
    const [told, tells] = [await ann.event('add-peer'), await bob.event('add-peer')];
    assert.deepEqual([told.peer.id, told.roomId, told.offer], [bob.id, 'tea', false]);
    assert.deepEqual(tells, { peer: { id: ann.id }, roomId: 'tea', offer: true });
  });

  await t.test('a relay comes with its sender', async () => {
    assert.equal(await ask(target, ann, `/relay/${bob.id}/hello`, '{"a":"é"}'), 200);
    const { peer, data } = await bob.event('hello');
    assert.deepEqual([peer.id, data], [ann.id, { a: 'é' }]);
  });

  await t.test('a stream is pinged', () => until(() => /^: ping$/m.test(ann.got), 'a ping'));

  await t.test('who is not who it says is not let in', async () => {
    assert.equal(await ask(target, { token: `${ann.token}x` }, '/tea/join'), 401);
    assert.equal(await ask(target, { token: '' }, '/tea/join'), 401);
  });

  await t.test('who goes leaves its rooms', async () => {
    bob.close();
    assert.equal((await ann.event('remove-peer')).peer.id, bob.id);
    await until(async () => await target.redis.ask('EXISTS', `${bob.id}:channels`) === 0, 'its rooms to be gone');
    assert.deepEqual(await target.redis.ask('SMEMBERS', 'channels:tea'), [ann.id]);
  });
});
