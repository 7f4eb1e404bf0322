/**
 * board.js - the page: a pen, the paper, who is here, and how it goes.
 *
 * For tests and the curious, <html> says in its data attributes what there is: `state` of the
 * signaling, `peers` with an open channel, `strokes` and `points` on the board.
 */

import { Drawbridge } from './drawbridge.js';
import { Elements } from './elements.js';
import { Paper } from './paper.js';
import { Store } from './store.js';
import { ORDER_MOST, RULES, coordinate } from './strokes.js';
import { Sync } from './sync.js';

const SEND_MS = 33;
const STEP_PX = 1.5; // a pen that moved less has not moved
const MESSAGE_MOST = 1_048_576;
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
const room = location.pathname.split('/').pop();
const strokes = new Elements(RULES);
const store = new Store(room, (stroke) => strokes.pieces(stroke));
const paper = new Paper(element('paper'), strokes);
const username = storedName() ?? `guest-${Math.random().toString(36).slice(2, 6).padEnd(4, '0')}`;
const bridge = new Drawbridge({ username });
bridge.on('state', showStatus);
bridge.on('join', (peer) => { greet(peer); showPeople(); });
bridge.on('leave', showPeople);
bridge.on('peer', showPeople);
bridge.on('data', hear);
const sync = new Sync(bridge, strokes, show);

// --- what peers say ---

/** Somebody who has just come knows nothing. */
function greet(peer) {
  bridge.send(JSON.stringify({ type: 'name', name: element('name').value }), peer);
}

function hear(text, peer) {
  if (typeof text !== 'string' || text.length > MESSAGE_MOST) return;
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return;
  }
  if (message?.type === 'name' && typeof message.name === 'string') {
    names.set(peer.id, clean(message.name));
    showPeople();
  } else {
    sync.hear(message, peer);
  }
}

// --- the pen ---

const mine = []; // strokes, to be taken back
let pen = null; // { stroke, sent, x, y }: the number of points that the others have, where it was last

/** What merge() has found new. */
function show({ element, from, replaced }) {
  store.keep(element);
  if (element.value) paper.show(element, from);
  if (replaced) paper.renew();
  showCounts();
}

function showCounts() {
  element('undo').disabled = !mine.some(({ value }) => value);
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
  const order = Math.min((strokes.list.at(-1)?.value.order ?? 0) + 1, ORDER_MOST);
  const value = { order, colour: Number(form.get('colour')), width: Number(form.get('width')) };
  const merged = strokes.add(value, [x, y]);
  if (!merged) {
    element('status').textContent = 'The board is full.';
    return;
  }
  const { element: stroke } = merged;
  mine.push(stroke);
  pen = { stroke, version: stroke.version, sent: 0, x: clientX, y: clientY, timer: setInterval(send, SEND_MS) };
  show(merged);
}

function move(event) {
  // The browser sums up what the pen did since the last frame.
  const steps = event.getCoalescedEvents?.() ?? [];
  for (const step of steps.length ? steps : [event]) moveTo(step);
}

function moveTo({ clientX, clientY }) {
  if (!pen || Math.hypot(clientX - pen.x, clientY - pen.y) < STEP_PX) return;
  const { x, y } = place(clientX, clientY);
  const merged = pen.stroke.version === pen.version && strokes.extend(pen.stroke, [x, y]);
  if (merged) {
    pen.x = clientX;
    pen.y = clientY;
    show(merged);
  } else {
    // It is as long as a stroke may be, or somebody took it away: another one goes on where it ends.
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
  const { stroke } = pen;
  if (stroke.points.length / 2 > pen.sent) sync.tell(stroke, pen.sent);
  pen.sent = stroke.points.length / 2;
}

/** Takes back our last stroke that is still there. */
function undo() {
  if (pen) return;
  let stroke = mine.pop();
  while (stroke && !stroke.value) stroke = mine.pop();
  if (!stroke) return;
  show(strokes.remove(stroke));
  sync.tell(stroke);
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

element('undo').addEventListener('click', undo);
addEventListener('keydown', (event) => {
  if (event.key === 'z' && (event.ctrlKey || event.metaKey) && !event.shiftKey && event.target.id !== 'name') {
    event.preventDefault();
    undo();
  }
});

showCounts();
showPeople();
// What this browser kept of the board comes first, so that the others can be told.
for (const piece of await store.load()) {
  const merged = strokes.merge(piece);
  if (merged) show(merged);
}
bridge.join(room);
