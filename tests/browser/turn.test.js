// turn.test.js - connections by a real coturn alone, with the credentials of GET /ice.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { nowSeconds } from '../http/lib/tokens.js';
import { TurnServer } from './lib/turn-server.js';
import { suite } from './lib/suite.js';

const turn = await TurnServer.start();
after(() => turn.abandon());

const settings = { TURN_URLS: turn.url, TURN_SECRET: turn.secret, TURN_TTL: 60, GRACE: 2 };
const options = { rtc: { iceTransportPolicy: 'relay' } };

/** What ICE finds with these credentials: types of candidates, and error codes. */
const gather = ({ urls, username, credential }) => new Promise((resolve) => {
  const pc = new RTCPeerConnection({ iceServers: [{ urls, username, credential }], iceTransportPolicy: 'relay' });
  const found = { types: [], errors: [] };
  pc.onicecandidate = ({ candidate }) => candidate?.type && found.types.push(candidate.type);
  pc.onicecandidateerror = ({ errorCode }) => found.errors.push(errorCode);
  pc.onicegatheringstatechange = () => {
    if (pc.iceGatheringState !== 'complete') return;
    pc.close();
    resolve(found);
  };
  pc.createDataChannel('');
  pc.setLocalDescription();
});

suite('turn', { settings, together: true }, (test) => {
  test('two browsers exchange data by coturn alone', async (room) => {
    const ann = await room.guest('ann', { options });
    const bob = await room.guest('bob', { options });
    await Promise.all([ann.meets(1), bob.meets(1)]);
    await ann.send('hello');
    await bob.send('hello');
    for (const guest of [ann, bob]) {
      await guest.until(() => globalThis.seen.data.length === 1);
      await guest.until(() => globalThis.bridge.peers[0].path === 'turn');
    }
    await ann.run(() => globalThis.bridge.send(new Uint8Array(500_000)));
    await bob.until(() => globalThis.seen.data[1]?.data.length === 500_000);
  });

  test('a credential that has expired is refused, and one that is right is not', async (room) => {
    const ann = await room.guest('ann', { join: false });
    const good = `${nowSeconds() + 60}:ann`;
    const expired = `${nowSeconds() - 60}:ann`;
    const ask = (username, credential = turn.credential(username)) => ann.run(gather, { urls: turn.url, username, credential });
    assert.deepEqual((await ask(good)).types, ['relay']);
    for (const refused of [await ask(expired), await ask(good, turn.credential('another'))]) {
      assert.deepEqual(refused.types, []);
      assert.ok(refused.errors.includes(401), `${refused.errors}`);
    }
  });

  test('credentials are asked for again before they expire', async (room) => {
    const ann = await room.guest('ann', { options });
    const bob = await room.guest('bob', { options });
    const name = () => globalThis.connections[0]?.getConfiguration().iceServers[0].username;
    await Promise.all([ann.meets(1), bob.meets(1)]);
    const first = await ann.run(name);
    await ann.until((old) => globalThis.connections[0].getConfiguration().iceServers[0].username !== old, first, 55_000);
    assert.ok(Number(first.split(':')[0]) > nowSeconds(), 'the old one still holds');
    assert.ok(Number((await ann.run(name)).split(':')[0]) > Number(first.split(':')[0]) + 20);
  });
});

suite('turn that is lost', { settings }, (test) => {
  test('ICE is restarted, and the channel and what is in it lives on', async (room) => {
    const ann = await room.guest('ann', { options });
    const bob = await room.guest('bob', { options });
    await Promise.all([ann.meets(1), bob.meets(1)]);
    await ann.count();
    await bob.count();
    await turn.kill();
    await ann.meets(1, 'interrupted', 20_000);
    await turn.start();
    await Promise.all([ann.meets(1, 'open', 30_000), bob.meets(1, 'open', 30_000)]);
    assert.ok(await bob.counted(await ann.stop()));
    assert.ok(await ann.counted(await bob.stop()));
    for (const guest of [ann, bob]) assert.equal(await guest.connections(), 1);
  });
});
