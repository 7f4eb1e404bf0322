/**
 * chat.js - lines of text to everybody in the room.
 */

import { Drawbridge } from '../drawbridge.js';
import { byId, coloured, element, header, room, username } from './page.js';

// Whoever is in the room may send anything: so much of it is taken, and shown.
const LINE_BYTES_MAX = 16_384;
const LINES_MAX = 500;

const bridge = new Drawbridge({ username, maxReceive: LINE_BYTES_MAX });
header(bridge);

bridge.on('join', (peer) => note(`${peer.username} is here`));
bridge.on('leave', (peer) => note(`${peer.username} has gone`));
bridge.on('data', (data, peer) => {
  if (typeof data === 'string') line(data, peer);
});

const form = byId('form'), text = byId('text');
form.addEventListener('submit', async (event) => {
  event.preventDefault();
  const said = text.value.trim();
  if (!said || !bridge.user) return;
  form.reset();
  const item = line(said, bridge.user);
  item.classList.add('mine', 'waiting');
  const { failed } = await bridge.send(said); // once it has arrived with everybody
  item.classList.remove('waiting');
  if (failed.length) item.append(element('small', {}, `Not with ${failed.map(({ peer }) => peer.username).join(', ')}`));
});

bridge.join(room);

/** What somebody has said. */
function line(said, by) {
  return add(element('p', {}, coloured(element('b', {}, by.username), by.username), ' ', said));
}

/** What has happened. */
function note(what) {
  add(element('p', { className: 'note' }, what));
}

function add(item) {
  const log = byId('log');
  const atEnd = log.scrollTop + log.clientHeight >= log.scrollHeight - 40; // else somebody is reading what is above
  log.append(item);
  if (log.childElementCount > LINES_MAX) log.firstElementChild.remove();
  if (atEnd) log.scrollTop = log.scrollHeight;
  return item;
}
