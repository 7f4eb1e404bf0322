// application.ts - a program of somebody who has installed the client module: it uses every public name.
import { Drawbridge, Incoming, Peer, Refusal, Room, newSecret } from 'drawbridge-client';
import type {
  Arrivals, Failure, Happenings, Listeners, OfStream, Options, Pass, PeerState, PeerStats, Publication, PublishOptions, ReliableChannel, ReliableOptions, RoomState, SendOptions, SendProgress,
  State,  UnreliableChannel, UnreliableOptions,
} from 'drawbridge-client';

/** What a person is told of each. */
const STATES: Record<State, string> = {
  closed: '', connecting: 'Connecting…', connected: '', full: 'It is full.', reconnecting: 'Reconnecting…', crowded: 'There are too many tabs.', refused: 'No way in.',
};
const ROOM_STATES: Record<RoomState, string> = { joining: 'Joining…', joined: '', full: 'It is full.', left: 'Out of it.' };
const PEER_STATES: Record<PeerState, string> = { idle: '', connecting: '…', open: '', interrupted: '…', relayed: '', stranger: 'It has another secret.' };
const PATHS: Record<Peer['path'], string> = { '': '', direct: 'directly', turn: 'by TURN', server: 'by the server' };

const note = (...words: unknown[]): void => console.log(words.join(' '));

/** A site with tokens of its own. */
async function access(old: Pass | null): Promise<Pass> {
  if (old && old.expires < 0) throw new Refusal(403, 'You cannot enter at the moment.');
  return { token: old?.token ?? 'token', user: { id: old?.user.id ?? 'visitor', username: old?.user.username ?? 'Ann' }, expires: 2 ** 31 };
}

function made(base: string, username: string, isOwn: boolean): Drawbridge {
  const options: Options = {
    base, username, data: { colour: 'red' }, rtc: { iceTransportPolicy: 'all' }, maxReceive: 1_000_000, events: ['news'],
    connect: (peer: Peer) => peer.username !== 'nobody', ...(isOwn && { access, connect: 'none', secret: newSecret() }),
  };
  Drawbridge.base = base;
  return new Drawbridge(options);
}

function watch(bridge: Drawbridge): () => void {
  const watching = new AbortController();
  const { signal } = watching;
  bridge.addEventListener('state', ({ state, detail }) => note(STATES[state], detail), { signal });
  bridge.addEventListener('join', ({ peer, room }) => note(peer.username, 'in', room.name), { signal });
  bridge.addEventListener('leave', ({ peer, room }) => note(peer.username, 'out of', room.name), { signal });
  bridge.addEventListener('data', ({ data, peer, room }) => note(peer.username, room.name, data), { signal });
  bridge.addEventListener('event', ({ name, data }) => note(name, data), { once: true, signal });
  bridge.addEventListener('peer', ({ peer }: Happenings['peer']) => note(peer.username), { signal });
  bridge.addEventListener('track', ({ track, stream, name, peer, room }) => note(track.id, stream.id, name, peer.id, room.name), { signal });
  bridge.addEventListener('untrack', ({ track, room }) => note(track.id, room.name), { signal });
  bridge.addEventListener('mute', ({ muted, stream, name, peer, room }) => note(muted.includes('audio'), stream.id, name, peer.id, room.name), { signal });
  const changed: Listeners['peer'] = ({ username, state, path, detail, data, buffered }) =>
    note(username, PEER_STATES[state], PATHS[path], detail, data?.colour, buffered);
  bridge.on('peer', changed);
  const ends = [
    bridge.on('state', (state, detail) => note(STATES[state], detail)),
    bridge.on('leave', (peer, room) => note(peer.username, 'out of', room.name)),
    bridge.on('event', (name, data) => note(name, data)),
    bridge.on('track', (track, stream, name, peer, room) => note(track.id, stream.id, name, peer.id, room.name)),
    bridge.on('untrack', (track) => note(track.id)),
    bridge.on('mute', (muted) => note(muted.includes('video'))),
    () => bridge.off('peer', changed),
    () => watching.abort(),
  ];
  return () => { for (const end of ends) end(); };
}

function watchRoom(room: Room): void {
  room.addEventListener('state', ({ state, detail, room: { name } }) => note(name, ROOM_STATES[state], detail));
  room.addEventListener('join', ({ peer, room: { name } }) => note(peer.id, name));
  room.addEventListener('leave', ({ peer, room: { name } }) => note(peer.id, name));
  room.addEventListener('data', ({ data, peer, room: { name } }) => note(peer.id, data, name));
  room.on('state', (state, detail) => note(ROOM_STATES[state], detail));
  room.on('join', (peer) => peer.on('change', () => note(peer.id, peer.state)));
  room.on('leave', (peer) => note(peer.username));
  room.on('data', (data, peer) => note(peer.username, data));
  room.on('track', (track) => note(track.id));
  room.on('untrack', (track) => note(track.id));
  room.on('mute', (muted) => note(muted.join()));
  room.addEventListener('track', ({ track, room: { name } }) => note(track.id, name));
  room.addEventListener('untrack', ({ track, room: { name } }) => note(track.id, name));
  room.addEventListener('mute', ({ muted, room: { name } }) => note(muted.join(), name));
}

function watchPeer(peer: Peer): void {
  const of = ({ stream, name, peer: { id } }: OfStream): string => `${stream.id} ${name} ${id}`;
  peer.on('change', () => note(peer.id, peer.state));
  peer.addEventListener('change', () => note(peer.id));
  peer.on('track', (track, stream, name) => note(track.id, stream.id, name));
  peer.on('untrack', (track) => note(track.id));
  peer.on('mute', (muted) => note(muted.join()));
  peer.addEventListener('track', (event) => note(event.track.id, of(event)));
  peer.addEventListener('untrack', (event) => note(event.track.id, of(event)));
  peer.addEventListener('mute', (event) => note(event.muted.join(), of(event)));
}

async function measure(peer: Peer): Promise<void> {
  const { path, rtt, loss, sent, received, candidateTypes, protocol }: PeerStats = await peer.stats();
  note(PATHS[path], rtt, loss, sent.bytes, sent.rate, received.bytes, received.rate, candidateTypes.local, candidateTypes.remote, protocol);
}

/** A file, which the other end reads as one, or as it comes, or not at all. */
async function sendFile(room: Room, file: File, stream: ReadableStream<Uint8Array<ArrayBuffer>>): Promise<void> {
  const { signal } = new AbortController();
  const progress = ({ peer, sent, size }: SendProgress): void => note(peer.username, sent, size);
  await room.send(file, { signal, progress });
  await room.send(stream, { size: 4, type: 'text/plain', name: 'some.txt' });
}

async function readFile(data: unknown, isWanted: boolean): Promise<void> {
  if (!(data instanceof Incoming)) return;
  note(data.name, data.type, data.size, data.received);
  data.on('progress', (received, size) => note(received, size));
  data.addEventListener('progress', ({ received, size }) => note(received, size));
  if (!isWanted) data.cancel('It is not wanted.');
  else if (data.type.startsWith('text/')) note(await new Response(data.stream).text());
  else note((await data.blob({ max: 1_000_000 })).size);
}

async function channels(bridge: Drawbridge, room: Room): Promise<void> {
  const often: UnreliableOptions = { ordered: false, relay: true };
  const sure: ReliableOptions = { ordered: true };
  const cursors: UnreliableChannel = await bridge.channel('cursors', often);
  const late: UnreliableChannel = await room.channel('late', { maxPacketLifeTime: 100 });
  await room.channel('once', { maxRetransmits: 0, relay: false });
  const talk: ReliableChannel = await room.channel('talk', sure);
  await bridge.channel('chat');
  for (const channel of [cursors, late, talk]) {
    channel.on('data', (data, peer) => note(peer.username, data));
    channel.addEventListener('data', ({ data, peer }) => note(channel.name, peer.username, data));
  }
  const [peer] = room.peers;
  const { arrived, failed } = await talk.send('hello', { to: room.peers });
  note(cursors.send([1, 2]), late.send([3, 4], peer), cursors.buffered, talk.buffered, arrived.length, failed.map(({ peer: { id }, error }) => `${id}: ${error.message}`).join());
  if (peer) await talk.send('hello', { to: peer });
  await talk.send('hello', { to: peer ?? room.peers });
  talk.close();
}

async function show(bridge: Drawbridge, room: Room, camera: MediaStream, screen: MediaStream): Promise<void> {
  const options: PublishOptions = { name: 'screen', to: room.peers };
  const shown: Publication = await room.publish(screen, options);
  shown.mute('video');
  shown.unmute();
  note(shown.name, shown.muted.join());
  for (const [i, track] of shown.stream.getVideoTracks().entries()) shown.replaceTrack(track, camera.getVideoTracks()[i] ?? track);
  shown.unpublish();
  await bridge.publish(camera);
  await bridge.unpublish(camera);
  await room.unpublish(screen);
}

async function read(bridge: Drawbridge, room: Room, signal: AbortSignal): Promise<void> {
  for await (const { data, peer } of room.messages({ signal })) note(peer.username, data);
  for await (const { data, peer } of bridge.messages({ signal })) note(peer.username, data);
}

const failures = ({ failed }: Arrivals): string[] => failed.map(({ peer, error }: Failure) => `${peer.username}: ${error.message}`);

async function send(bridge: Drawbridge, room: Room, peer: Peer): Promise<string> {
  const options: SendOptions = { to: [peer, 'somebody'] };
  const sent = await bridge.send([1, 2], options);
  await bridge.send('some', { to: peer });
  await room.send('one', { to: peer.id }).catch((error: unknown) => {
    if (error instanceof Refusal) note(error.status, error.message);
  });
  return `${sent.arrived.length} ${failures(sent)}`;
}

async function move(bridge: Drawbridge): Promise<void> {
  await bridge.connect();
  for (const { name, state, detail, peers } of bridge.rooms) note(name, ROOM_STATES[state], detail, peers.length);
  await bridge.rename(`${bridge.user?.username} ${bridge.user?.id}`);
  bridge.data = { colour: 'blue' };
  note(bridge.state, bridge.detail, bridge.peers.length, bridge.data.colour);
  bridge.room?.leave();
  bridge.leave();
  bridge.close();
}

/** What the tests call. */
const application = {
  watch, watchRoom, watchPeer, show, measure, sendFile, readFile, channels, read, send, move,

  async open(base: string, username: string, name: string): Promise<void> {
    const bridge = made(base, username, false);
    bridge.on('join', (peer) => { void bridge.send(`hello ${peer.username}`, peer); });
    bridge.on('data', (data, peer) => note(`${peer.username}:`, data));
    const room = await bridge.join(name);
    Object.assign(application, { bridge, room });
  },
};

Object.assign(globalThis, { application });
