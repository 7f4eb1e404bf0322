/**
 * board.js - the page: what is on the board, who is here, and how it goes, put together.
 *
 * For tests and the curious, <html> says in its data attributes what there is: `state` of the
 * signaling, `peers` with an open channel, those `relayed` by the server, `strangers`, `strokes` (elements) and
 * `points` on the board, what is `selected`, the `scale`, and whether the picture `rests`.
 */

import { palette } from './brush.js';
import { Clipboard } from './clipboard.js';
import { Drawbridge } from '../drawbridge.js';
import { Drawing } from './drawing.js';
import { ELEMENTS_MAX, POINTS_MAX } from './elements.js';
import { png, save, svg } from './export.js';
import { boxOf, boxOfMost, figureOf, meet } from './figures.js';
import { ENDING, writeFile } from './files.js';
import { COPY_PX, Inserter } from './inserter.js';
import { Keys, isTyping } from './keys.js';
import { askPersistence, recall, recallHere, remember, rememberHere } from './memory.js';
import { Offers } from './offers.js';
import { Onward } from './onward.js';
import { Outgoing } from './outgoing.js';
import { Paper } from './paper.js';
import { People, initial } from './people.js';
import { Pointers } from './pointers.js';
import { hashWith, secretIn, storeName } from './private.js';
import { Removals, sentenceOf } from './removals.js';
import { Selection } from './selection.js';
import { COLOURS, FORMAT, RULES, cleanName, coordinate } from './shapes.js';
import { Store } from './store.js';
import { BOARD_MESSAGE_MAX, Sync } from './sync.js';
import { TextField } from './text-field.js';
import { Toolbar, helpOf } from './toolbar.js';
import { TOOLS, makeTools } from './tools.js';
import { SCALE_MIN, View } from './view.js';

/**
 * @typedef {import('./elements.js').Present} Present
 * @typedef {import('../drawbridge.js').Peer} Peer
 * @typedef {{x: number, y: number}} Place
 */

const NOTICE_MS = 6_000;
const NEARLY_FULL = 0.8;
const ZOOM_STEP = 1.25;

/** @type {Record<string, string>} */
const WORDS = {
  connecting: 'Connecting…',
  reconnecting: 'Reconnecting…',
  full: 'The room is full. Waiting for a place…',
  refused: 'No way in:',
  closed: 'You have left.',
}; // of the others their detail is a sentence

const element = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
const facts = document.documentElement.dataset;
const board = /** @type {HTMLCanvasElement} */ (element('board'));
const nameField = /** @type {HTMLInputElement} */ (element('name'));
const link = /** @type {HTMLInputElement} */ (element('link'));
const peoplePanel = /** @type {HTMLDetailsElement} */ (element('people'));
const wide = matchMedia('(min-width: 60rem)');
const room = location.pathname.split('/').pop() ?? '';

const guestName = `guest-${Math.random().toString(36).slice(2, 6).padEnd(4, '0')}`;
const username = cleanName(String(recall('name') ?? '')) || guestName;
const secret = secretIn(location.hash);
let unusable = ''; // why the link is
const bridge = newBridge();
const drawing = new Drawing(changed, made, (pieces) => outgoing.pieces(pieces));
const { elements } = drawing;
const kept = unusable ? '' : await storeName(room, secret); // under which name this browser keeps what is here
const store = new Store(kept, (ids) => elements.kept(ids));
const view = new View();
const selection = new Selection(drawing, selected);
const paper = new Paper(/** @type {HTMLCanvasElement} */ (element('paper')), board, elements, view);
const people = new People(bridge, view, { list: element('list'), cursors: element('cursors'), say });
const sync = new Sync(bridge, elements, heard);
const removals = new Removals({ elements: ELEMENTS_MAX, numbers: RULES.point.length * POINTS_MAX });
const offers = new Offers(element('offer'));
const outgoing = new Outgoing(bridge, sync);
const toolbar = new Toolbar(/** @type {HTMLFormElement} */ (element('tools')), TOOLS, toolChosen,
  (change) => (field.isOpen ? field : selection).restyle(change));
const desk = { drawing, paper, view, selection, style: () => toolbar.style, write, say };
const tools = makeTools(desk);
const inserter = new Inserter({
  drawing, view, selection, say, style: () => toolbar.style,
  select: () => toolbar.choose('select'), show: () => view.fit(selection.box, free()),
});
const clipboard = new Clipboard({ elements, selection, inserter, say });
const onward = new Onward({ room, secret, bridge, elements, selection, store, offers, people, say });
const field = new TextField(/** @type {HTMLTextAreaElement} */ (element('text')), desk);
const pointers = new Pointers(board, view, { tool, begins, at, open });
const keys = new Keys(board, view, commands(), { tool, at, begins, nudge, edit, say, repaint: () => paper.requestPaint() });

drawing.acted = count;
store.refused = (/** @type {boolean} */ refused) => {
  unkept = refused;
  showStatus(bridge.state, bridge.detail);
};
elements.lost = (/** @type {import('./elements.js').Element} */ one) => changed({ element: one, from: 0, replaced: true });
view.changed = moved;
view.most = () => boxOfMost(elements.list, { width: view.width / SCALE_MIN, height: view.height / SCALE_MIN });
/** @type {Paper['overlay']} */
paper.overlay = (context, colours) => {
  selection.paint(context, view, colours, paper.shifted);
  keys.paint(context, colours);
};
/** @type {Paper['painted']} */
paper.painted = (rests) => {
  if (facts.rests !== String(rests)) facts.rests = String(rests);
};
field.after = () => board.focus();

// --- what is on the board ---

/**
 * Whoever changed it.
 * @param {import('./elements.js').Merged} merged
 */
function changed({ element: one }) {
  store.keep(one);
  if ((one.value?.format ?? 1) > FORMAT) newer();
  paper.changed(one);
  field.follow(one);
  if (one.value) removals.back(one.id);
  facts.strokes = String(elements.list.length);
  facts.points = String(elements.points);
  count();
}

let outdated = false;

/** It is of a later format than this page. */
function newer() {
  if (!outdated) say('There is something on this board that this page is too old to show whole. Reload it to see all.');
  outdated = true;
}

/**
 * By another one.
 * @param {import('./elements.js').Merged} merged
 * @param {Peer | null} by  null: it was found to be so
 */
function heard(merged, by) {
  const { removed = [] } = merged;
  if (removed.length) removals.add(removed, by && { id: by.id, name: people.nameOf(by) }, !elements.list.length);
  drawing.heard(merged);
}

/**
 * By us.
 * @param {import('./elements.js').Element} one
 * @param {number} from
 */
function made(one, from) {
  outgoing.element(one, from);
  askPersistence();
}

/** @param {object[]} pieces  that this browser has kept */
function restore(pieces) {
  for (const piece of pieces) {
    const merged = elements.merge(piece);
    if (merged) changed(merged);
  }
}

let countFrame = 0;
let closedAt = 0; // how full the board was when the offer of a new room was closed; 0: it was not

/** Many may change at once. */
function count() {
  countFrame ||= requestAnimationFrame(showCounts);
}

function showCounts() {
  countFrame = 0;
  /** @type {HTMLButtonElement} */ (element('undo')).disabled = !drawing.canUndo;
  /** @type {HTMLButtonElement} */ (element('redo')).disabled = !drawing.canRedo;
  selected();
  offerBack();
  showWay();
}

/** Once when it is nearly full, and again when it is. */
function offerRoom() {
  const { filled } = elements;
  if (filled < NEARLY_FULL) closedAt = 0;
  const offered = filled >= NEARLY_FULL && (!closedAt || (closedAt < 1 && filled >= 1));
  offers.set('room', offered ? {
    sentence: filled < 1 ? `The board is ${Math.floor(100 * filled)} % full` : 'The board is full',
    label: selection.list.length ? 'Go on in a new room with what is selected' : 'Go on in a new room',
    run: () => onward.goOn(), closed: () => { closedAt = filled; },
  } : null);
}

function offerBack() {
  const removal = removals.last();
  offers.set('removal', removal ? {
    sentence: sentenceOf(removal), label: 'Bring back',
    run: () => bringBack(removal), closed: () => { removals.dismiss(removal); count(); },
  } : null);
}

/** @param {import('./removals.js').Removal} removal */
function bringBack({ removed }) {
  const wanted = removed.size;
  const back = drawing.bringBack([...removed.values()]);
  if (back < wanted) say(`${back} of ${wanted} elements are back: there is no place for the others.`);
}

let wayFrame = 0;

/** Back to what is there, when nothing of it is in sight. */
function showWay() {
  wayFrame = 0;
  const { box } = view;
  element('back').hidden = !elements.list.length || elements.list.some((one) => meet(figureOf(one).box, box));
}

function moved() {
  facts.rests = 'false';
  wayFrame ||= requestAnimationFrame(showWay);
  paper.requestPaint();
  people.place();
  field.place();
  facts.scale = view.scale.toFixed(3);
  element('scale').textContent = `${Math.round(100 * view.scale)} %`;
}

// --- tools ---

function tool(name = toolbar.tool) {
  return tools[name];
}

/** @param {Place | null} place */
function at(place) {
  outgoing.cursor(place && { x: coordinate(place.x), y: coordinate(place.y) });
  board.classList.toggle('handle', Boolean(place && selection.handleAt(place, view)));
}

/** @returns {boolean} whether that has closed a panel, or ended a text */
function begins() {
  view.own();
  const wrote = field.isOpen;
  const closed = closePanels();
  board.focus({ preventScroll: true }); // typing a name has ended
  return wrote || closed;
}

/** @param {string} name */
function toolChosen(name) {
  pointers.abandon();
  keys.stop();
  const { cursor = 'crosshair', held = cursor } = TOOLS.find((one) => one.name === name) ?? {};
  board.style.setProperty('--cursor', cursor);
  board.style.setProperty('--cursor-held', held);
  if (name !== 'select') selection.clear();
}

/**
 * @param {Place} place
 * @param {Present} [one]
 */
function write(place, one) {
  field.open({ ...place, ...toolbar.style }, one);
}

/**
 * Clicked twice, a text is written on.
 * @param {Place} spot
 */
function open(spot) {
  const there = toolbar.tool === 'select' && tools.select.find(spot);
  if (there && there.value.kind === 'text') write(spot, there);
}

/** A text that is selected alone is written on. */
function edit() {
  const [one, other] = selection.list;
  if (!one || other || one.value.kind !== 'text') return false;
  write({ x: one.value.x, y: one.value.y }, one);
  return true;
}

function selected() {
  facts.selected = String(selection.list.length);
  offerRoom();
  paper.requestPaint();
}

/**
 * @param {number} dx
 * @param {number} dy
 * @param {boolean} stretches
 */
function nudge(dx, dy, stretches) {
  if (!selection.list.length) return false;
  if (stretches) selection.stretch(dx, dy);
  else selection.move(dx, dy);
  return true;
}

// --- commands ---

function undo() {
  if (!pointers.busy) drawing.undo();
  count();
}

function redo() {
  if (!pointers.busy) drawing.redo();
  count();
}

/** Its key lies beside the one that deletes what is selected. */
function askToClear() {
  const dialog = /** @type {HTMLDialogElement} */ (element('clear-ask'));
  if (!elements.list.length) return clear();
  closePanels();
  dialog.returnValue = '';
  dialog.showModal();
}

function clear() {
  if (!elements.list.length) return say('The board is empty.');
  const many = elements.list.length;
  drawing.removeAll(elements.list);
  drawing.commit();
  say(`Cleared ${many === 1 ? 'one element' : `${many} elements`}, for everybody. Undo brings it back.`);
}

/**
 * @param {typeof png | typeof svg} render
 * @param {string} ending
 */
async function exportAs(render, ending) {
  if (!elements.list.length) return say('The board is empty: there is nothing to export.');
  try {
    save(await render(elements.list, palette()), `${room}.${ending}`);
  } catch (error) {
    say(`It could not be exported: ${error instanceof Error ? error.message : error}`);
  }
}

function saveFile() {
  if (!elements.list.length) return say('The board is empty: there is nothing to save.');
  save(new Blob([writeFile(elements.list)], { type: 'application/json' }), `${room}.${ENDING}`);
}

function chooseFile() {
  /** @type {HTMLInputElement} */ (element('file')).click();
}

/** Shows everything, in the space that the panels leave free. */
function fit() {
  view.fit(boxOf(elements.list), free());
}

/** What of the window's edges lies under panels. */
function free() {
  /**
   * @param {string} id
   * @param {'top' | 'right' | 'bottom'} side
   */
  const edge = (id, side) => element(id).getBoundingClientRect()[side];
  const left = wide.matches ? edge('style', 'right') : 0;
  const bottom = innerHeight - edge('bar', 'top');
  return { left, top: edge('state', 'bottom'), right: 0, bottom };
}

function goBack() {
  fit();
  board.focus({ preventScroll: true }); // the button goes
}

/** Each way out of something, the innermost first. */
function dismiss() {
  if (keys.abandon()) return;
  if (pointers.busy) return pointers.abandon();
  if (closePanels()) return;
  selection.clear();
}

function selectAll() {
  toolbar.choose('select');
  selection.set(elements.list);
}

/** @returns {Record<string, () => void>} by key, as the help lists them */
function commands() {
  const zoom = (/** @type {number} */ factor) => () => view.zoom(factor);
  return {
    ...toolbar.commands,
    '+': zoom(ZOOM_STEP), '=': zoom(ZOOM_STEP), '-': zoom(1 / ZOOM_STEP), 0: () => view.zoom(1 / view.scale), f: fit,
    'Ctrl+z': undo, 'Ctrl+Shift+z': redo, 'Ctrl+y': redo,
    'Ctrl+a': selectAll, 'Ctrl+d': () => selection.copy(COPY_PX / view.scale),
    Delete: () => selection.remove(), Backspace: () => selection.remove(),
    'Ctrl+s': saveFile, 'Ctrl+o': chooseFile,
    'Ctrl+Delete': askToClear, 'Ctrl+Backspace': askToClear,
    '?': help, Escape: dismiss,
  };
}

function help() {
  closePanels();
  /** @type {HTMLDialogElement} */ (element('help')).showModal();
}

// --- who is here ---

/**
 * Somebody who has just come knows nothing.
 * @param {Peer} [peer]  everybody if not given
 */
function introduce(peer) {
  const { defaultValue: name } = nameField; // not one that is being typed
  bridge.send(JSON.stringify({ type: 'name', name, colour: Number(element('me').dataset.colour) }), peer).catch(() => {});
}

/**
 * @param {string | Uint8Array} text
 * @param {Peer} peer
 */
function hear(text, peer) {
  if (typeof text !== 'string' || text.length > BOARD_MESSAGE_MAX) return;
  let message;
  try {
    message = JSON.parse(text);
  } catch {
    return;
  }
  sync.hear(message, peer);
  people.hear(message, peer);
  if (message?.type === 'onward') onward.invite(message.room, peer);
  if (message?.type === 'name') peopleFrame ||= requestAnimationFrame(showPeople);
}

/** The others, without strangers. */
function members() {
  return bridge.peers.filter(({ state }) => state !== 'stranger');
}

let peopleFrame = 0;

function showPeople() {
  peopleFrame = 0;
  people.show();
  const { peers } = bridge;
  const others = members();
  element('count').textContent = String(1 + others.length);
  facts.strangers = String(peers.length - others.length);
  facts.peers = String(peers.filter(({ state }) => state === 'open').length);
  facts.relayed = String(peers.filter(({ state }) => state === 'relayed').length);
  if (bridge.state === 'connected') showStatus('connected');
}

/** @param {string} name */
function showName(name) {
  nameField.value = name; // first, as that puts the caret at its end
  nameField.defaultValue = name;
}

function rename() {
  const name = cleanName(nameField.value) || username;
  showName(name);
  element('initial').textContent = initial(name);
  remember('name', name);
  bridge.rename(name);
  introduce();
  if (bridge.state === 'refused') join(); // it may have been the name
}

/** @param {number} colour */
function recolour(colour) {
  element('me').dataset.colour = String(colour);
  element('initial').dataset.colour = String(colour);
}

// --- how it goes ---

let unkept = false; // this browser has no space for the board

/**
 * @param {import('../drawbridge.js').State} state
 * @param {string} [detail]
 */
function showStatus(state, detail = '') {
  facts.state = state;
  const connected = members().length ? 'Connected' : 'Connected. Nobody else is here yet.';
  const status = element('status');
  status.textContent = state === 'connected' ? connected : WORDS[state] ?? detail;
  if (state === 'refused' || state.endsWith('connecting')) status.append(` ${detail}`);
  if (state === 'refused' && !unusable) {
    status.append(' Change your name, or reload the page, to try again.');
    peoplePanel.open = true;
  }
  if (unkept) status.append(' This browser has no space left to keep the board: it lasts while somebody has it open.');
}

let noticeTimer = 0;

/**
 * A sentence that goes again.
 * @param {string} sentence
 */
function say(sentence) {
  const notice = element('notice');
  notice.textContent = sentence;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => { notice.textContent = ''; }, NOTICE_MS);
}

async function copy() {
  link.select();
  // navigator.clipboard exists in secure contexts only, and may be forbidden.
  const copied = await navigator.clipboard?.writeText(link.value).then(() => true, () => false) ??
    document.execCommand('copy');
  say(copied ? `The ${secret === null ? '' : 'private '}link is copied: whoever opens it draws here, too.` : `This is the link: ${link.value}`);
}

/** A link that cannot be used opens nothing, and least of all the open board of that room. */
function newBridge() {
  try {
    return secret === null ? new Drawbridge({ username }) : new Drawbridge({ username, secret });
  } catch (error) {
    unusable = error instanceof TypeError ? 'The link is not whole: what follows the # is too short.' : `${error instanceof Error ? error.message : error}`;
    return new Drawbridge({ username });
  }
}

/** @returns {boolean} whether one was open */
function closePanels() {
  const open = document.querySelectorAll(wide.matches ? '#menu[open]' : 'header details[open]');
  for (const panel of open) /** @type {HTMLDetailsElement} */ (panel).open = false;
  const styling = toolbar.showStyle(false);
  return open.length > 0 || styling;
}

// --- and on it goes ---

function start() {
  element('tool-keys').prepend(...TOOLS.flatMap(helpOf));
  toolbar.choose('pen');
  const own = Number(recall('own') ?? Math.floor(Math.random() * COLOURS)) % COLOURS || 0;
  recolour(own);
  remember('own', own);
  const inputs = /** @type {NodeListOf<HTMLInputElement>} */ (document.querySelectorAll('[name=own]'));
  for (const input of inputs) {
    input.checked = Number(input.value) === own;
    input.addEventListener('change', () => {
      recolour(Number(input.value));
      remember('own', Number(input.value));
      introduce();
    });
  }
  link.value = location.origin + location.pathname + (secret === null ? '' : hashWith(secret));
  element('make-private').hidden = secret !== null;
  element('lock').hidden = element('private').hidden = secret === null || Boolean(unusable);
  if (!element('lock').hidden) say('This board is private: only who has its whole link can read or draw here.');
  addEventListener('hashchange', () => location.reload());
  showName(username);
  remember('name', username);
  element('initial').textContent = initial(username);
  // On a small window the board is what matters.
  peoplePanel.open = wide.matches;

  nameField.addEventListener('change', rename);
  nameField.addEventListener('keydown', (event) => {
    if (event.isComposing || (event.key !== 'Enter' && event.key !== 'Escape')) return;
    event.preventDefault();
    if (event.key === 'Escape') nameField.value = nameField.defaultValue;
    closePanels();
    board.focus({ preventScroll: true }); // and that is a change, if it is one
  });
  // What is being written is coloured, and keeps the focus.
  element('tools').addEventListener('mousedown', (event) => {
    const styles = event.target instanceof Element && event.target.closest('#style, #style-open');
    if (styles && field.isOpen) event.preventDefault();
  });
  const buttons = {
    copy, undo, redo, clear, fit,
    'make-private': () => onward.makePrivate(), 'go-on': () => onward.goOn(), 'save-file': saveFile, 'open-file': chooseFile,
    'clip-copy': () => clipboard.copy(), 'clip-cut': () => clipboard.cut(), 'clip-paste': () => clipboard.paste(),
    'save-png': () => exportAs(png, 'png'), 'save-svg': () => exportAs(svg, 'svg'),
    'zoom-in': () => view.zoom(ZOOM_STEP), 'zoom-out': () => view.zoom(1 / ZOOM_STEP), scale: fit, back: goBack, 'help-open': help,
  };
  for (const [id, run] of Object.entries(buttons)) element(id).addEventListener('click', run);
  element('clear-ask').addEventListener('close', ({ target }) => {
    if (/** @type {HTMLDialogElement} */ (target).returnValue === 'clear') clear();
  });
  for (const button of document.querySelectorAll('#menu button:not([id^=zoom])')) {
    button.addEventListener('click', closePanels);
  }
  const file = /** @type {HTMLInputElement} */ (element('file'));
  file.addEventListener('change', () => {
    if (file.files?.[0]) inserter.open(file.files[0]);
    file.value = ''; // the same one may be chosen again
  });
  addEventListener('keydown', (event) => {
    if (event.key !== ' ' || document.querySelector('dialog[open]')) return;
    // Else a field writes it, and a button is pressed.
    if (event.target === board || pointers.panned) event.preventDefault();
    pan(true, isTyping(event.target));
  });
  addEventListener('keyup', (event) => {
    if (event.key !== ' ') return;
    if (pointers.panned) event.preventDefault();
    pan(false);
  });
  addEventListener('blur', () => pan(false));
}

/**
 * While the space bar is down, whatever has the focus.
 * @param {boolean} panning
 * @param {boolean} [typing]
 */
function pan(panning, typing = false) {
  pointers.panning = panning;
  if (!panning) pointers.panned = false;
  board.classList.toggle('panning', panning && !typing);
}

function join() {
  if (unusable) return showStatus('refused', unusable);
  bridge.join(room).catch(() => {}); // showStatus() says why
}

bridge.on('state', showStatus);
bridge.on('join', (peer) => { people.greet(peer); introduce(peer); showPeople(); });
bridge.on('leave', (peer) => { people.remove(peer); showPeople(); });
bridge.on('peer', showPeople);
bridge.on('data', hear);

facts.strokes = facts.points = '0';
view.restore(recallHere(kept));
addEventListener('pagehide', () => view.kept && rememberHere(kept, view.kept));
start();
showCounts();
showPeople();
moved();
// What this browser kept of the board comes first, so that the others can be told.
if (!unusable) {
  restore(await store.load((pieces) => {
    restore(pieces);
    sync.announce();
  }));
}
join();
