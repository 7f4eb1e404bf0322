// media.test.js - what is shown of other people's streams, by what they say of them, which may be anything; and who gets
// ours. Links are fakes, and so are streams.
import assert from 'node:assert/strict';
import test from 'node:test';
import { Media } from '../../src/page/client/media.js';
import { turns } from './lib/clock.js';
import { FakeStream, FakeTrack } from './lib/webrtc.js';

class Stream extends EventTarget {
  #tracks = new Set();
  id = new FakeStream().id;
  /** @param {any[]} tracks */
  constructor(tracks = []) {
    super();
    for (const track of tracks) this.#tracks.add(track);
  }

  getTracks() { return [...this.#tracks]; }
  addTrack(track) { this.#tracks.add(track); }
  removeTrack(track) { this.#tracks.delete(track); }
}

/** @param {string} kind @returns {any} */
const track = (kind) => Object.assign(new EventTarget(), new FakeTrack(kind), { readyState: 'live', enabled: true });
const room = (name) => Object.assign(new EventTarget(), { name, state: 'joined' });

/** A link to a peer in rooms, and what is told of it. */
function world(...names) {
  globalThis.MediaStream = /** @type {any} */ (Stream);
  const rooms = names.map(room);
  const link = { peer: { id: 'bob' }, rooms: new Set(rooms), isOpened: true, said: [],
    connection: { received: [], tracks: null, placed: 0, place() { this.placed += 1; } },
    connect: () => link.connection,
    control: (module, payload) => link.said.push([module, payload]) };
  const told = [];
  /** @type {any} */
  const media = new Media({ links: () => /** @type {any} */ ([link]), tell: (type, { track: of, muted, name, room: where }) => told.push(
    [type, of?.kind ?? muted.join(), name, where.name].join(' ')) });
  /** What its connection receives from now on. */
  const receives = (...received) => {
    link.connection.received = received;
    media.received(link);
  };
  /** What it is sent. */
  const sent = () => link.connection.tracks?.describe({ getTransceivers: () => sentTracks(link).map((one, mid) => ({ mid: String(mid), sender: { track: one } })) }) ?? [];
  return { rooms, link, told, media, receives, sent };
}

/** @type {(link: any) => any[]} */
const sentTracks = (link) => link.tracks ?? [];

test('only what is well said, of rooms where both are, is shown', () => {
  const { told, receives, media, link, rooms } = world('tea', 'cake');
  for (const about of [null, undefined, 5, 'x', {}, [], [1, 'tea', 'x'], ['1', 'tea'], ['1', 'tea', 7], ['1', 'elsewhere', 'x'], ['1', null, 'x'],
    ['1'.repeat(65), 'tea', 'x'], ['1', 'tea', 'x'.repeat(65)], ['1', '__proto__', 'x']]) {
    receives({ track: track('video'), about });
  }
  assert.deepEqual(told, []);
  const [sound, picture] = [track('audio'), track('video')];
  receives({ track: sound, about: ['1', 'tea', 'call'] }, { track: picture, about: ['1', 'tea', 'call'] }, { track: picture, about: ['2', 'cake', 'also'] });
  media.received(link);
  assert.deepEqual(told.splice(0), ['track audio call tea', 'track video call tea', 'track video also cake']);
  link.rooms.delete(rooms[0]);
  media.rooms(link);
  assert.deepEqual(told.splice(0), ['untrack audio call tea', 'untrack video call tea']);
  link.rooms.add(rooms[0]);
  media.rooms(link);
  assert.deepEqual(told.splice(0), ['track audio call tea', 'track video call tea']);
  // The same transceiver for another publication.
  receives({ track: picture, about: ['3', 'tea', 'next'] });
  assert.deepEqual(told.splice(0), ['untrack video also cake', 'untrack audio call tea', 'untrack video call tea', 'track video next tea']);
  link.rooms.clear();
  media.closed(link);
  assert.deepEqual(told, ['untrack video next tea']);
});

test('what is muted may come before the track, and may be anything', () => {
  const { told, receives, media, link } = world('tea');
  for (const payload of [null, 5, 'x', [], {}, { muted: null }, { muted: 5 }, { muted: [['audio']] }]) media.heard(link, payload);
  media.heard(link, { muted: { 1: ['audio', 'smell', 'audio'], 2: 'video', 3: { length: 1e9 } } });
  assert.deepEqual(told, []);
  const [sound, picture] = [track('audio'), track('video')];
  receives({ track: sound, about: ['1', 'tea', 'call'] }, { track: picture, about: ['1', 'tea', 'call'] });
  receives({ track: sound, about: ['1', 'tea', 'call'] }, { track: picture, about: ['1', 'tea', 'call'] });
  assert.deepEqual(told.splice(0), ['track audio call tea', 'track video call tea', 'mute audio call tea']);
  media.heard(link, { muted: { 1: ['audio'] } });
  assert.deepEqual(told, [], 'nothing new');
  media.heard(link, { muted: Object.fromEntries(Array.from({ length: 1_000 }, (_, i) => [`x${i}`, ['video']])) });
  assert.deepEqual(told.splice(0), ['mute  call tea']);
  media.heard(link, { muted: Object.fromEntries(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'call'].map((id) => [id, ['video']])) });
  receives({ track: picture, about: ['call', 'tea', 'call'] });
  assert.deepEqual(told.splice(0), ['untrack audio call tea', 'untrack video call tea', 'track video call tea'], 'of eight streams at most');
  media.heard(link, { muted: { 1: ['video'] } });
  media.reset(link);
  receives();
  receives({ track: picture, about: ['1', 'tea', 'call'] });
  assert.deepEqual(told.slice(-1), ['track video call tea'], 'another page has muted nothing yet');
});

test('a kind that there is not is not muted', async () => {
  const { rooms, media } = world('tea');
  const published = media.publish(/** @type {any} */ (rooms[0]), /** @type {any} */ (new Stream([track('audio')])));
  assert.throws(() => published.mute(/** @type {any} */ ('sound')), { name: 'TypeError', message: "A kind is 'audio' or 'video'." });
  assert.deepEqual([...published.muted], []);
});

test('who gets what: by room, and by whom it is for; all changes of a turn are one', async () => {
  const { link, media, rooms, sent } = world('tea', 'cake');
  const stream = /** @type {any} */ (new Stream([track('audio'), track('video')]));
  const whisper = /** @type {any} */ (new Stream([track('video')]));
  link.tracks = [...stream.getTracks(), ...whisper.getTracks()];
  media.publish(rooms[1], whisper, { to: ['cat', { id: 'dan' }] });
  const publication = media.publish(rooms[0], stream, { name: 'call' });
  await turns();
  assert.deepEqual(sent().map(([mid, about]) => [mid, ...about.slice(1)]), [['0', 'tea', 'call'], ['1', 'tea', 'call']]);
  assert.equal(link.connection.placed, 1);
  const { length } = stream.getTracks();
  stream.addTrack(track('audio'));
  stream.removeTrack(stream.getTracks()[0]);
  await turns();
  assert.deepEqual([stream.getTracks().length, link.connection.placed, sent().length], [length, 2, 1]);
  publication.mute();
  stream.addTrack(track('video'));
  await turns();
  assert.ok(stream.getTracks().every(({ enabled }) => !enabled), 'what comes later is muted, too');
  assert.deepEqual(link.said, [['media', { muted: { [publication.id]: ['audio', 'video'] } }]]);
  media.opened(link);
  assert.equal(link.said.length, 1, 'it knows');
  media.reset(link);
  media.opened(link);
  assert.equal(link.said.length, 2, 'another page does not');
  rooms[0].state = 'left';
  rooms[0].dispatchEvent(new Event('state'));
  await turns();
  assert.equal(sent().length, 0);
  const { placed } = link.connection;
  stream.addTrack(track('audio'));
  await turns();
  assert.equal(link.connection.placed, placed, 'nobody listens to it any more');
  assert.throws(() => media.publish(rooms[0], stream), { status: 404 });
  assert.throws(() => media.publish(rooms[1], stream, { name: 5 }), TypeError);
});

test('a peer is sent up to 4 tracks of a kind, of all that is published', async () => {
  const { media, rooms, sent, link } = world('tea');
  const two = () => /** @type {any} */ (new Stream([track('video'), track('video'), track('audio')]));
  const all = [two(), two(), two()];
  link.tracks = all.flatMap((stream) => stream.getTracks());
  media.publish(rooms[0], all[0]);
  media.publish(rooms[0], all[1]);
  media.publish(rooms[0], all[1], { name: 'the same again, under a name' });
  assert.throws(() => media.publish(rooms[0], all[2]), { status: 413, message: 'A peer takes up to 4 tracks of audio and 4 of video from another.' });
  await turns();
  assert.equal(sent().length, 6);
  all[0].getTracks()[0].readyState = 'ended';
  all[0].getTracks()[0].dispatchEvent(new Event('ended'));
  await turns();
  assert.equal(sent().length, 5, 'one has ended');
});

test('a stream that cannot be published as it is now stays published as it was', async () => {
  const { media, rooms: [tea] } = world('tea');
  const stream = /** @type {any} */ (new Stream([track('video')]));
  const first = media.publish(tea, stream);
  for (let i = 0; i < 4; i++) stream.addTrack(track('video'));
  assert.throws(() => media.publish(tea, stream), { status: 413 });
  assert.equal(first.isOver, false);
  stream.removeTrack(stream.getTracks()[4]);
  const second = media.publish(tea, stream, { name: 'anew' });
  assert.deepEqual([first.isOver, second.isOver], [true, false]);
  await turns();
});

test('no name of a stream turns round what a page shows beside it', () => {
  const { told, receives } = world('tea');
  receives({ track: track('video'), about: ['1', 'tea', '\u202Ecamera\u2066'] });
  assert.deepEqual(told, ['track video camera tea']);
});
