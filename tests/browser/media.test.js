// media.test.js - streams of cameras and microphones that browsers make up, from page to page.
import assert from 'node:assert/strict';
import { after } from 'node:test';
import { missing } from '../http/lib/programs.js';
import { until } from '../http/lib/wait.js';
import { CHROMIUM, WAIT_MS } from './lib/boards.js';
import { FIREFOX, Firefox } from './lib/firefox.js';
import { suite } from './lib/suite.js';
import { TurnServer } from './lib/turn-server.js';

const skip = missing(CHROMIUM);
const turn = skip || missing('turnserver') ? undefined : await TurnServer.start();
after(() => turn?.abandon());
const settings = turn && { TURN_URLS: turn.url, TURN_SECRET: turn.secret };

/** What a page does first: it has a camera, and shows what comes. */
function prepare() {
  Object.assign(globalThis, {
    /** What was told, in order. */ told: [],
    /** What is shown, by stream. */ screens: new Map(),
    camera: () => navigator.mediaDevices.getUserMedia({ audio: true, video: { width: 160, height: 120, frameRate: 5 } }),
    /** Costs less than a camera does. */
    sketch: () => {
      const canvas = Object.assign(document.createElement('canvas'), { width: 64, height: 48 });
      const context = canvas.getContext('2d');
      setInterval(() => {
        context.fillStyle = `#${String(Date.now() % 1_000).padStart(3, '0')}`;
        context.fillRect(0, 0, 64, 48);
      }, 200);
      return canvas.captureStream(5);
    },
    watch: () => {
      const { bridge, told, screens } = /** @type {any} */ (globalThis);
      bridge.on('track', (track, stream, name, peer, room) => {
        told.push(`${track.kind} ${name} of ${peer.username} in ${room.name}`);
        if (!screens.has(stream)) {
          const video = document.createElement('video');
          screens.set(stream, { video, name, from: peer.username, since: performance.now() });
          Object.assign(video, { muted: true, srcObject: stream });
          video.play().catch(() => {});
        }
      });
      bridge.on('untrack', (track, stream, name, peer) => {
        told.push(`no ${track.kind} ${name} of ${peer.username}`);
        if (!stream.getTracks().length) screens.delete(stream);
      });
      bridge.on('mute', (muted, stream, name, peer) => told.push(`${name} of ${peer.username} mutes ${muted.join() || 'nothing'}`));
    },
    /** What arrives: of each track, as its kind and a number that grows. */
    arriving: async () => {
      const all = [];
      for (const pc of new Set(globalThis.connections)) {
        if (pc.connectionState !== 'connected') continue;
        for (const transceiver of pc.getTransceivers()) {
          if (!transceiver.currentDirection?.includes('recv') && transceiver.currentDirection !== 'sendrecv') continue;
          for (const one of (await transceiver.receiver.getStats()).values()) {
            if (one.type === 'inbound-rtp') all.push({ id: transceiver.receiver.track.id, kind: one.kind, count: one.kind === 'video' ? one.framesDecoded : one.bytesReceived });
          }
        }
      }
      return all;
    },
  });
}

/**
 * Somebody with a camera, in the room.
 * @param {import('./lib/suite.js').Room} room
 * @param {string} username
 * @param {{join?: boolean, publish?: string, page?: any, options?: object}} [how]  publish: the camera, under this name
 */
async function filmed(room, username, { join = true, publish = '', ...how } = {}) {
  const guest = await room.guest(username, { prepare, join: false, ...how });
  await guest.run(() => globalThis.watch());
  if (publish) await guest.run(async () => { globalThis.mine = await globalThis.camera(); });
  const joined = join && guest.run((name) => {
    globalThis.begun = performance.now();
    return globalThis.bridge.join(name);
  }, room.name);
  if (publish) await show(guest, publish, room.name);
  await joined;
  return guest;
}

/** Publishes the camera under a name. */
function show(guest, name, inRoom) {
  return guest.run(async ([said, where]) => {
    globalThis.mine ??= await globalThis.camera();
    const room = globalThis.bridge.rooms.find((one) => one.name === where) ?? globalThis.bridge.room;
    globalThis.published = await room.publish(globalThis.mine, { name: said });
  }, [name, inRoom]);
}

const told = (guest) => guest.run(() => globalThis.told);
const names = (guest) => guest.run(() => [...globalThis.screens.values()].map(({ name, from }) => `${name} of ${from}`).sort());

/** So many streams are shown, with pictures of a size, and each of their tracks goes on. */
async function plays(guest, streams, tracks = 2 * streams) {
  await guest.until(([n]) => globalThis.screens.size === n && [...globalThis.screens.values()].every(({ video }) =>
    !video.srcObject.getVideoTracks().length || video.videoWidth > 0), [streams]);
  const before = await guest.run(() => globalThis.arriving());
  let now;
  await until(async () => {
    now = await guest.run(() => globalThis.arriving());
    return now.filter(({ id, count }) => count > (before.find((one) => one.id === id)?.count ?? 0)).length >= tracks;
  }, () => `${tracks} tracks to go on: ${JSON.stringify([before, now])}`, WAIT_MS);
}

/** The most sections for tracks that a connection has. */
const sections = (guest) => guest.run(() => Math.max(0, ...globalThis.connections.map((pc) => pc.getTransceivers().length)));
const loaded = (guest) => guest.run(() => performance.getEntriesByType('resource').map(({ name }) => name).filter((name) => /media\.js|tracks\.js/.test(name)).length);

suite('media', { settings, skip }, (test) => {
  test('both publish before they have met: pictures move, sound comes, each with its name', async (room) => {
    const [ann, bob] = await Promise.all(['ann', 'bob'].map((name) => filmed(room, name, { publish: 'camera' })));
    for (const guest of [ann, bob]) await plays(guest, 1);
    const took = await Promise.all([ann, bob].map((guest) => guest.run(() => [...globalThis.screens.values()][0].since - globalThis.begun)));
    console.log(`# a room of two: the track is there after ${took.map(Math.round).join(' and ')} ms`);
    assert.deepEqual((await told(ann)).sort(), ['audio', 'video'].map((kind) => `${kind} camera of bob in ${room.name}`));
    assert.equal(await sections(ann), 2);
    assert.deepEqual(await ann.run(() => globalThis.connections.length), 1);
  });

  test('who publishes nothing and hears nothing loads nothing for it', async (room) => {
    const [ann, bob] = await Promise.all(['ann', 'bob'].map((name) => filmed(room, name)));
    await Promise.all([ann.meets(1), bob.meets(1)]);
    assert.deepEqual([await loaded(ann), await loaded(bob)], [0, 0]);
    // When the channel has long been open.
    await show(bob, 'late');
    await plays(ann, 1);
    assert.deepEqual([await loaded(ann), await loaded(bob)], [2, 2]);
    // And the other way, by the same sections.
    await show(ann, 'later');
    await plays(bob, 1);
    assert.deepEqual([await sections(ann), await sections(bob)], [2, 2]);
  });

  test('the event happens to the peer, the room and the bridge, with all that belongs to it', async (room) => {
    const ann = await filmed(room, 'ann');
    await ann.run(() => {
      const { bridge } = /** @type {any} */ (globalThis);
      globalThis.happened = [];
      const hear = (who, target) => target.addEventListener('track', ({ track, stream, name, peer, room: where }) => globalThis.happened.push(
        [who, target === peer || target === where || target === bridge, stream.getTracks().includes(track), name, peer.username, where === bridge.room]));
      hear('bridge', bridge);
      hear('room', bridge.room);
      bridge.on('join', (peer) => hear('peer', peer));
    });
    await filmed(room, 'bob', { publish: 'camera' });
    await plays(ann, 1);
    assert.deepEqual(await ann.run(() => globalThis.happened), ['peer', 'room', 'bridge', 'peer', 'room', 'bridge'].map((who) => [who, true, true, 'camera', 'bob', true]));
  });

  test('who joins later gets what is for all, and what is for somebody else nobody else gets', async (room) => {
    const [ann, bob] = await Promise.all(['ann', 'bob'].map((name) => filmed(room, name)));
    await Promise.all([ann.meets(1), bob.meets(1)]);
    await show(ann, 'to all');
    await ann.run(async () => {
      globalThis.whispered = await globalThis.camera();
      await globalThis.bridge.publish(globalThis.whispered, { name: 'to bob', to: globalThis.bridge.peers[0] });
    });
    await plays(bob, 2);
    const cat = await filmed(room, 'cat', { publish: 'mine' });
    await Promise.all([plays(cat, 1), plays(ann, 1), plays(bob, 3)]);
    assert.deepEqual([await names(cat), await names(bob)], [['to all of ann'], ['mine of cat', 'to all of ann', 'to bob of ann']]);
    // A page that is loaded anew gets it again, as its id is the same.
    const again = await filmed(room, 'bob', { page: bob.page });
    await plays(again, 3);
    assert.deepEqual(await names(again), ['mine of cat', 'to all of ann', 'to bob of ann']);
  });

  test('published and taken back twenty times, in turns and at once: no more sections, and the camera goes on', async (room) => {
    const all = await Promise.all(['ann', 'bob'].map((name) => filmed(room, name, { publish: 'camera' })));
    for (const guest of all) await plays(guest, 1);
    const turns = (guest) => guest.run(async () => {
      const { room: here } = globalThis.bridge;
      for (let i = 0; i < 20; i++) {
        await here.unpublish(globalThis.mine);
        if (i % 3) await new Promise((resolve) => { setTimeout(resolve, 10 * (i % 5)); });
        await here.publish(globalThis.mine, { name: `camera ${i}` });
      }
    });
    await Promise.all(all.map(turns));
    for (const guest of all) await guest.until(() => [...globalThis.screens.values()].every(({ name }) => name === 'camera 19'));
    for (const guest of all) {
      await plays(guest, 1);
      await guest.until(() => [...globalThis.screens.keys()].every((stream) => stream.getTracks().every(({ muted }) => !muted)));
      assert.equal(await sections(guest), 2);
      assert.deepEqual(await guest.run(() => globalThis.mine.getTracks().map(({ readyState, enabled }) => [readyState, enabled])), [['live', true], ['live', true]]);
    }
    await all[0].run(() => globalThis.bridge.unpublish(globalThis.mine));
    await all[1].until(() => globalThis.screens.size === 0);
    const heard = await told(all[1]);
    assert.equal(heard.filter((line) => line.startsWith('no ')).length, heard.filter((line) => !line.startsWith('no ')).length, 'as many ends as beginnings');
  });

  test('tracks of the stream are followed: added, removed, replaced without a word, ended', async (room) => {
    const [ann, bob] = await Promise.all(['ann', 'bob'].map((name) => filmed(room, name)));
    await Promise.all([ann.meets(1), bob.meets(1)]);
    await ann.run(async () => {
      globalThis.mine = new MediaStream((await globalThis.camera()).getAudioTracks());
      globalThis.published = await globalThis.bridge.publish(globalThis.mine, { name: 'call' });
    });
    await plays(bob, 1, 1);
    await ann.run(async () => globalThis.mine.addTrack((await globalThis.camera()).getVideoTracks()[0]));
    await plays(bob, 1);
    await ann.run(() => {
      globalThis.offers = 0;
      globalThis.connections[0].addEventListener('signalingstatechange', () => { globalThis.offers += 1; });
      globalThis.published.replaceTrack(globalThis.mine.getVideoTracks()[0], globalThis.sketch().getTracks()[0]);
    });
    await bob.until(() => [...globalThis.screens.keys()][0].getVideoTracks().length === 1 && [...globalThis.screens.values()][0].video.videoWidth === 64);
    assert.equal(await ann.run(() => globalThis.offers), 0);
    await ann.run(() => globalThis.mine.removeTrack(globalThis.mine.getAudioTracks()[0]));
    await bob.until(() => globalThis.told.at(-1) === 'no audio call of ann');
    await plays(bob, 1, 1);
    assert.deepEqual(await told(bob), [`audio call of ann in ${room.name}`, `video call of ann in ${room.name}`, 'no audio call of ann']);
    const errors = await ann.run(async () => {
      const { mine, published, camera } = /** @type {any} */ (globalThis);
      const [sound] = (await camera()).getAudioTracks();
      const failures = [() => published.replaceTrack(mine.getVideoTracks()[0], sound), () => published.replaceTrack(sound, sound)].map((run) => {
        try {
          return run();
        } catch (error) {
          return `${error.name}: ${error.message}`;
        }
      });
      const refused = (what, options) => globalThis.bridge.publish(what, options).catch((error) => `${error.status ?? error.name}: ${error.message}`);
      const many = new MediaStream(await Promise.all(Array.from({ length: 5 }, async () => sound.clone())));
      return [...failures, await refused(sound), await refused(mine, { name: 'x'.repeat(65) }), await refused(many)];
    });
    assert.deepEqual(errors, ['TypeError: A track of video cannot be replaced by one of audio.', 'TypeError: The track to be replaced is none of the stream.',
      'TypeError: Only a MediaStream can be published.', 'TypeError: The name of a stream has up to 64 characters.',
      '413: A peer takes up to 4 tracks of audio and 4 of video from another.']);
  });

  test('what is muted is told, to those present and to who comes later', async (room) => {
    const [ann, bob] = await Promise.all(['ann', 'bob'].map((name) => filmed(room, name)));
    await Promise.all([ann.meets(1), bob.meets(1)]);
    await show(ann, 'camera');
    await plays(bob, 1);
    await ann.run(() => globalThis.published.mute('audio'));
    await bob.until(() => globalThis.told.at(-1) === 'camera of ann mutes audio');
    assert.deepEqual(await ann.run(() => globalThis.mine.getTracks().map(({ kind, enabled }) => [kind, enabled])), [['audio', false], ['video', true]]);
    const cat = await filmed(room, 'cat');
    await cat.until(() => globalThis.told.length === 3);
    assert.equal((await told(cat)).filter((line) => line === 'camera of ann mutes audio').length, 1);
    await ann.run(() => globalThis.published.mute());
    for (const guest of [bob, cat]) await guest.until(() => globalThis.told.at(-1) === 'camera of ann mutes audio,video');
    await ann.run(() => globalThis.published.unmute());
    for (const guest of [bob, cat]) await guest.until(() => globalThis.told.at(-1) === 'camera of ann mutes nothing');
  });

  test('what is published to a room is over when that is left, and goes on in another', async (room) => {
    const all = await Promise.all(['ann', 'bob'].map((name) => filmed(room, name)));
    const [ann, bob] = all;
    for (const guest of all) await guest.run((name) => globalThis.bridge.join(`${name}-too`), room.name);
    await Promise.all([ann.meets(1), bob.meets(1)]);
    await show(ann, 'one', room.name);
    await ann.run(() => globalThis.bridge.publish(globalThis.mine, { name: 'two' }));
    await bob.until(() => globalThis.screens.size === 2);
    await plays(bob, 2, 2);
    assert.equal(await sections(bob), 2, 'each track is sent once');
    await ann.run((name) => globalThis.bridge.rooms.find((one) => one.name === name).leave(), room.name);
    await bob.until(() => globalThis.screens.size === 1);
    await plays(bob, 1);
    assert.deepEqual(await names(bob), ['two of ann']);
    await bob.run(() => globalThis.bridge.close());
    await bob.until(() => globalThis.screens.size === 0);
    assert.deepEqual(await ann.run(() => globalThis.mine.getTracks().map(({ readyState }) => readyState)), ['live', 'live']);
    const late = await ann.run(async (name) => {
      const left = await globalThis.bridge.join(name);
      left.leave();
      return left.publish(globalThis.mine).catch(({ status, message }) => `${status} ${message}`);
    }, room.name);
    assert.equal(late, '404 This page is not in the room.');
  });

  test('a camera that goes on holds nothing of a bridge that was closed', async (room) => {
    const [ann, bob] = await Promise.all(['ann', 'bob'].map((name) => filmed(room, name, { publish: 'camera' })));
    for (const guest of [ann, bob]) await plays(guest, 1);
    await ann.run(() => {
      const page = /** @type {any} */ (globalThis);
      page.held = [page.bridge, page.bridge.room, page.bridge.peers[0], page.published].map((object) => new WeakRef(object));
      page.bridge.close();
      page.bridge = page.published = null;
      page.connections.length = 0;
    });
    const devtools = await ann.page.context().newCDPSession(ann.page);
    let held;
    await until(async () => {
      await devtools.send('HeapProfiler.collectGarbage');
      held = await ann.run(() => globalThis.held.map((object) => object.deref()?.constructor.name));
      return held.every((name) => !name);
    }, () => `all to be collected; there are ${held}`, WAIT_MS);
    assert.deepEqual(await ann.run(() => globalThis.mine.getTracks().map(({ readyState }) => readyState)), ['live', 'live']);
  });

  test('with a secret, too; and a stranger gets nothing', async (room) => {
    const options = { secret: 'a secret of the two of them' };
    const all = await Promise.all(['ann', 'bob'].map((name) => filmed(room, name, { options, publish: 'camera' })));
    const cat = await filmed(room, 'cat', { publish: 'camera' });
    for (const guest of all) await guest.until(() => globalThis.bridge.peers.some(({ state }) => state === 'stranger'));
    for (const guest of all) await plays(guest, 1);
    assert.deepEqual(await names(cat), []);
  });

  test('tracks go on over an ICE restart, and come again by a connection that is made anew', async (room) => {
    const [ann, bob] = await Promise.all(['ann', 'bob'].map((name) => filmed(room, name, { publish: 'camera' })));
    for (const guest of [ann, bob]) await plays(guest, 1);
    const credentials = (guest) => guest.run(() => /a=ice-ufrag:\S+/.exec(globalThis.connections[0].localDescription.sdp)[0]);
    const before = await credentials(ann);
    // While a track is on its way.
    await ann.run(async () => {
      globalThis.connections[0].restartIce();
      globalThis.bridge.publish(await globalThis.camera(), { name: 'screen' });
    });
    await until(async () => await credentials(ann) !== before, 'ICE to begin anew', WAIT_MS);
    await Promise.all([plays(ann, 1), plays(bob, 2)]);
    assert.equal((await told(ann)).length, 2, 'nothing was told twice');
    assert.equal((await told(bob)).length, 4);
    await ann.run(() => globalThis.connections[0].close());
    for (const guest of [ann, bob]) await guest.until(() => globalThis.connections.length > 1, undefined, 4 * WAIT_MS);
    await Promise.all([plays(ann, 1), plays(bob, 2)]);
    assert.deepEqual(await names(bob), ['camera of ann', 'screen of ann']);
    assert.equal((await told(ann)).length, 6, 'each ended, and came again');
  });

  test('a peer that offers more tracks than are taken is told of in words, and its data arrives', async (room) => {
    const all = await Promise.all(['ann', 'bob'].map((name) => filmed(room, name)));
    for (const guest of all) await guest.meets(1);
    const ids = await Promise.all(all.map((guest) => guest.run(() => globalThis.bridge.user.id)));
    const [offerer, other] = ids[0] > ids[1] ? all : all.toReversed(); // of the two the other has it offer
    await offerer.run(() => {
      for (let i = 0; i < 9; i++) globalThis.connections[0].addTransceiver(i % 2 ? 'audio' : 'video');
    });
    await other.until(() => globalThis.bridge.peers[0].detail !== '');
    assert.equal((await other.peers())[0].detail, 'It offers more than 8 tracks at once. That is not taken.');
    assert.equal(await sections(other), 0);
    await offerer.send('hello');
    await other.until(() => globalThis.seen.data.length === 1);
  });

  test('a room of six, each shows something: all is there, and moves', async (room) => {
    const six = ['ann', 'bob', 'cat', 'dan', 'eve', 'fay'];
    const guests = await Promise.all(six.map((name) => filmed(room, name, { join: false })));
    for (const guest of guests) await guest.run(() => { globalThis.mine = globalThis.sketch(); });
    const begun = performance.now();
    await Promise.all(guests.map((guest) => guest.run(async (name) => {
      globalThis.begun = performance.now();
      const joined = globalThis.bridge.join(name);
      await globalThis.bridge.room.publish(globalThis.mine, { name: 'camera' });
      await joined;
    }, room.name)));
    for (const guest of guests) await guest.until(() => globalThis.screens.size === 5, undefined, 2 * WAIT_MS);
    const took = await Promise.all(guests.map((guest) => guest.run(() => Math.max(...[...globalThis.screens.values()].map(({ since }) => since)) - globalThis.begun)));
    console.log(`# a room of six: all tracks are there after ${took.map(Math.round).join(', ')} ms; ${Math.round(performance.now() - begun)} ms in all`);
    for (const guest of guests) await plays(guest, 5, 5);
    for (const guest of guests) assert.equal(await sections(guest), 1);
  });

  if (!missing(FIREFOX)) {
    /** @type {Firefox} */ let firefox;
    after(() => firefox?.close());
    test('between Firefox and Chromium, both ways: published, taken back, replaced, muted', async (room) => {
      firefox = await Firefox.launch();
      const ann = await filmed(room, 'ann', { page: await firefox.newPage(), publish: 'camera' });
      const bob = await filmed(room, 'bob', { publish: 'camera' });
      for (const guest of [ann, bob]) await plays(guest, 1);
      for (const guest of [ann, bob]) {
        await guest.run(async () => {
          for (let i = 0; i < 3; i++) {
            await globalThis.bridge.unpublish(globalThis.mine);
            await new Promise((resolve) => { setTimeout(resolve, 20 * i); });
            globalThis.published = await globalThis.bridge.publish(globalThis.mine, { name: `camera ${i}` });
          }
          const [video] = globalThis.mine.getVideoTracks();
          globalThis.published.replaceTrack(video, globalThis.sketch().getTracks()[0]);
          globalThis.published.mute('audio');
        });
      }
      for (const [guest, other] of /** @type {[typeof ann, string][]} */ ([[ann, 'bob'], [bob, 'ann']])) {
        await guest.until((name) => globalThis.told.at(-1) === `camera 2 of ${name} mutes audio`, other);
        await plays(guest, 1);
        assert.equal(await sections(guest), 2);
      }
    });
  }

  if (turn) {
    test('where a TURN server is the only way', async (room) => {
      const options = { rtc: { iceTransportPolicy: 'relay' } };
      const all = await Promise.all(['ann', 'bob'].map((name) => filmed(room, name, { options, publish: 'camera' })));
      for (const guest of all) await plays(guest, 1);
      for (const guest of all) await guest.until(() => globalThis.bridge.peers[0].path === 'turn');
    });
  }
});
