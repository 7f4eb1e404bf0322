/**
 * board.js - the page: a pen, the paper, who is here, and how it goes.
 *
 * For tests and the curious, <html> says in its data attributes what there is: `state` of the
 * signaling, `peers` with an open channel, `strokes` and `points` on the board.
 */

import { Drawbridge } from './drawbridge.js';
import { Paper } from './paper.js';
import { Strokes, coordinate, pieces } from './strokes.js';

const SEND_MS = 33;
const STEP_PX = 1.5; // a pen that moved less has not moved
const MESSAGE_MOST = 16_384;
const NAME_MOST = 64;
const NAME_KEY = 'drawbridge name';

const WORDS = {
  connecting: 'Connecting…',
  reconnecting: 'Reconnecting…',
  full: 'The room is full. Waiting for a place…',
  refused: 'No way in:',
  closed: 'You have left.',
}; // of the others their detail is a sentence

const PATHS = { direct: 'connected directly', turn: 'connected by a TURN server', server: 'reached through the server' };

const element = (id) => document.getElementById(id);
const facts = document.documentElement.dataset;

const names = new Map(); // what peers call themselves, by id
const strokes = new Strokes();
const paper = new Paper(element('paper'), strokes);
const username = storedName() ?? `guest-${Math.random().toString(36).slice(2, 6).padEnd(4, '0')}`;
const bridge = new Drawbridge({ username });
bridge.on('state', showStatus);
bridge.on('join', (peer) => { greet(peer); showPeople(); });
bridge.on('leave', showPeople);
bridge.on('peer', showPeople);
bridge.on('data', hear);

// --- what peers say ---

/** Somebody who has just come knows nothing. */
function greet(peer) {
  bridge.send(JSON.stringify({ type: 'name', name: element('name').value }), peer);
  for (const stroke of strokes.list) {
    for (const piece of pieces(stroke)) bridge.send(JSON.stringify(piece), peer);
  }
}

function hear(text, { id }) {
  if (typeof text !== 'string' || text.length > MESSAGE_MOST) return;
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return;
  }
  if (message?.type === 'stroke') show(strokes.merge(message));
  if (message?.type === 'name' && typeof message.name === 'string') {
    names.set(id, clean(message.name));
    showPeople();
  }
}

// --- the pen ---

let pen = null; // { stroke, sent, x, y }: the number of points that the others have, where it was last

function show(merged) {
  if (merged) paper.show(merged.stroke, merged.from);
  facts.strokes = strokes.list.length;
  facts.points = strokes.points;
}

function down(event) {
  if (!event.isPrimary || event.button !== 0) return;
  event.preventDefault();
  document.activeElement?.blur(); // typing a name has ended
  event.target.setPointerCapture(event.pointerId);
  paper.hold(true);
  begin(event);
}

function begin({ clientX, clientY }) {
  const { x, y } = place(clientX, clientY);
  const form = new FormData(element('pen'));
  const stroke = strokes.begin(Number(form.get('colour')), Number(form.get('width')), x, y);
  if (!stroke) {
    element('status').textContent = 'The board is full.';
    return;
  }
  pen = { stroke, sent: 0, x: clientX, y: clientY, timer: setInterval(send, SEND_MS) };
  show({ stroke, from: 0 });
}

function move(event) {
  // The browser sums up what the pen did since the last frame.
  const steps = event.getCoalescedEvents?.() ?? [];
  for (const step of steps.length ? steps : [event]) moveTo(step);
}

function moveTo({ clientX, clientY }) {
  if (!pen || Math.hypot(clientX - pen.x, clientY - pen.y) < STEP_PX) return;
  const { x, y } = place(clientX, clientY);
  const from = pen.stroke.points.length / 2;
  if (strokes.extend(pen.stroke, x, y)) {
    pen.x = clientX;
    pen.y = clientY;
    show({ stroke: pen.stroke, from });
  } else {
    // It is as long as a stroke may be: another one goes on where it ends.
    const last = { clientX: pen.x, clientY: pen.y };
    end();
    begin(last);
  }
}

function place(clientX, clientY) {
  const { x, y } = paper.locate(clientX, clientY);
  return { x: coordinate(x), y: coordinate(y) };
}

function end() {
  if (!pen) return;
  send();
  clearInterval(pen.timer);
  pen = null;
}

function up() {
  end();
  paper.hold(false);
}

function send() {
  for (const piece of pieces(pen.stroke, pen.sent)) bridge.send(JSON.stringify(piece));
  pen.sent = pen.stroke.points.length / 2;
}

// --- what is shown around it ---

function showStatus(state, detail) {
  facts.state = state;
  const connected = bridge.peers.length ? 'Connected' : 'Connected. Nobody else is here yet.';
  element('status').textContent = state === 'connected' ? connected : WORDS[state] ?? detail;
  if (state === 'refused' || state.endsWith('connecting')) element('status').append(` ${detail}`);
}

function showPeople() {
  const { peers } = bridge;
  const others = peers.map(({ id, username: called, state, path }) => {
    const item = document.createElement('li');
    item.dataset.state = state;
    // Text, never HTML: it is a peer's.
    item.textContent = names.get(id) || called;
    item.title = `${item.textContent}: ${PATHS[path] ?? state}`;
    return item;
  });
  // Not moved itself: somebody may be typing a name in it.
  while (element('me').nextElementSibling) element('me').nextElementSibling.remove();
  element('me').after(...others);
  element('count').textContent = 1 + others.length;
  facts.peers = peers.filter(({ state }) => state === 'open').length;
  facts.relayed = peers.filter(({ state }) => state === 'relayed').length;
  if (bridge.state === 'connected') showStatus('connected');
}

function rename() {
  const name = clean(element('name').value) || username;
  element('name').value = name;
  storeName(name);
  bridge.rename(name);
  bridge.send(JSON.stringify({ type: 'name', name }));
}

async function copy() {
  const link = element('link');
  link.select();
  // navigator.clipboard exists under HTTPS alone, and may be forbidden.
  const copied = await navigator.clipboard?.writeText(link.value).then(() => true, () => false) ??
    document.execCommand('copy');
  element('copy').textContent = copied ? 'Copied' : 'Press Ctrl+C';
  setTimeout(() => {
    element('copy').textContent = 'Copy link';
  }, 2_000);
}

/** A name without control characters, and none that is too long. */
function clean(name) {
  return [...name.replace(/\p{Cc}/gu, '').trim()].slice(0, NAME_MOST).join('');
}

function storedName() {
  try {
    return sessionStorage.getItem(NAME_KEY);
  } catch {
    return null; // the browser forbids it
  }
}

function storeName(name) {
  try {
    sessionStorage.setItem(NAME_KEY, name);
  } catch {
    /* see above */
  }
}

// --- and on it goes ---

element('link').value = location.origin + location.pathname;
element('name').value = username;
storeName(username);
element('name').addEventListener('change', rename);
element('copy').addEventListener('click', copy);
element('paper').addEventListener('pointerdown', down);
element('paper').addEventListener('pointermove', move);
element('paper').addEventListener('pointerup', up);
element('paper').addEventListener('pointercancel', up);
// On a small window the board is what matters.
element('people').open = matchMedia('(min-width: 40rem)').matches;

show(null);
showPeople();
bridge.join(location.pathname.split('/').pop());
