/**
 * video.js - everybody's camera and microphone to everybody in the room.
 */

import { Drawbridge } from '../drawbridge.js';
import { byId, coloured, element, header, room, tell, username } from './page.js';

const WANTED = { audio: true, video: { width: 640, height: 360, frameRate: 24 } }; // it is encoded for each of the others

const bridge = new Drawbridge({ username });
const tiles = new Map(); // by Peer
header(bridge);
tell('Nobody sees you yet.');

bridge.on('join', (peer) => tiles.set(peer, addTile(peer.username)));
bridge.on('leave', (peer) => {
  tiles.get(peer).remove();
  tiles.delete(peer);
});
// For each track: the second of a stream changes nothing.
bridge.addEventListener('track', ({ peer, stream }) => { videoOf(peer).srcObject = stream; });
bridge.addEventListener('untrack', ({ peer, stream }) => { if (!stream.getTracks().length) videoOf(peer).srcObject = null; });
bridge.addEventListener('mute', ({ peer, muted }) => { tiles.get(peer).dataset.muted = muted.join(' '); });

byId('watch').addEventListener('click', enter);
byId('camera').addEventListener('click', async () => {
  try {
    // (Where the page is no secure context there are no devices.)
    const stream = await navigator.mediaDevices.getUserMedia(WANTED);
    enter();
    const publication = await bridge.publish(stream);
    showOwn(stream, publication);
  } catch (error) {
    tell(navigator.mediaDevices ? error.message : 'Browsers give the camera only to pages of https: and of localhost.');
  }
});

function enter() {
  byId('start').remove();
  bridge.join(room);
}

function showOwn(stream, publication) {
  const tile = addTile(username);
  const video = tile.querySelector('video');
  video.muted = true; // nobody wants to hear oneself
  video.srcObject = stream;
  byId('controls').hidden = false;
  for (const [id, kind] of [['sound', 'audio'], ['picture', 'video']]) {
    const button = byId(id);
    button.addEventListener('click', () => {
      if (publication.muted.includes(kind)) publication.unmute(kind);
      else publication.mute(kind);
      button.ariaPressed = String(publication.muted.includes(kind));
      tile.dataset.muted = publication.muted.join(' ');
    });
  }
}

function videoOf(peer) {
  return tiles.get(peer).querySelector('video');
}

function addTile(name) {
  const tile = element('li', {}, element('video', { autoplay: true, playsInline: true }), element('span', {}, name));
  byId('tiles').append(coloured(tile, name));
  return tile;
}
