/**
 * cursors.js - everybody's pointer, up to sixty times a second.
 *
 * Where a pointer is matters only until it is elsewhere. So moves go by a channel that repeats nothing and waits for
 * nothing: one may be late, or lost. Each has a number, by which an old one is told. A ring must not get lost: it goes
 * as all data does.
 */

import { Drawbridge } from '../drawbridge.js';
import { byId, coloured, element, header, room, username } from './page.js';

const STEP = 0.02; // of the field, by a key
const RING_MS = 800; // as examples.css has it
const RINGS_MAX = 50;

const field = byId('field');
const mine = { x: 0.5, y: 0.5, number: 0 };
const own = pointerOf('You'); // is seen where no mouse is
own.hidden = true;
const pointers = new Map(); // by Peer: the mark, and the number of its last move
let frame = 0;

const bridge = new Drawbridge({ username });
header(bridge);
bridge.on('join', (peer) => {
  if (mine.number) bridge.send({ pointer: mine }, peer); // where it rests
});
bridge.on('leave', (peer) => {
  pointers.get(peer)?.mark.remove();
  pointers.delete(peer);
});
bridge.on('data', (data, peer) => {
  if (data?.pointer) move(peer, data.pointer);
  if (data?.ring) ring(peer.username, data.ring);
});

const tea = await bridge.join(room);
const moves = await tea.channel('moves', { ordered: false, maxRetransmits: 0 });
moves.on('data', (data, peer) => move(peer, data));

field.addEventListener('pointermove', moved);
field.addEventListener('pointerdown', (event) => {
  moved(event);
  ringHere();
});
field.addEventListener('keydown', (event) => {
  const { x, y } = mine;
  own.hidden = false;
  if (event.key === 'ArrowLeft') goTo(x - STEP, y);
  else if (event.key === 'ArrowRight') goTo(x + STEP, y);
  else if (event.key === 'ArrowUp') goTo(x, y - STEP);
  else if (event.key === 'ArrowDown') goTo(x, y + STEP);
  else if (event.key === 'Enter') ringHere();
  else return;
  event.preventDefault();
});

function moved({ clientX, clientY }) {
  const { left, top, width, height } = field.getBoundingClientRect();
  own.hidden = true;
  goTo((clientX - left) / width, (clientY - top) / height);
}

function goTo(x, y) {
  mine.x = Math.min(Math.max(x, 0), 1);
  mine.y = Math.min(Math.max(y, 0), 1);
  place(own, mine);
  // The last of a frame is enough.
  frame ||= requestAnimationFrame(() => {
    frame = 0;
    mine.number += 1;
    moves.send(mine);
  });
}

function ringHere() {
  bridge.send({ ring: { x: mine.x, y: mine.y } });
  ring(bridge.user.username, mine);
}

/** @param {any} data  as it came: it may be anything */
function move(peer, data) {
  if (!isPlace(data) || !Number.isSafeInteger(data.number)) return;
  const pointer = pointers.get(peer) ?? { mark: coloured(pointerOf(peer.username), peer.username), last: 0 };
  pointers.set(peer, pointer);
  if (data.number <= pointer.last) return; // a later one was faster
  pointer.last = data.number;
  place(pointer.mark, data);
}

/** @param {any} data  as it came */
function ring(name, data) {
  if (!isPlace(data) || field.querySelectorAll('.ring').length >= RINGS_MAX) return;
  const mark = coloured(element('div', { className: 'ring' }), name);
  place(mark, data);
  field.append(mark);
  setTimeout(() => mark.remove(), RING_MS);
}

function pointerOf(name) {
  const mark = element('div', { className: 'pointer' }, element('span', {}, name));
  field.append(mark);
  return mark;
}

function place(mark, { x, y }) {
  mark.style.left = `${100 * x}%`;
  mark.style.top = `${100 * y}%`;
}

function isPlace(data) {
  return [data?.x, data?.y].every((share) => typeof share === 'number' && share >= 0 && share <= 1);
}
