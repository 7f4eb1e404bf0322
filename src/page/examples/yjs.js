/**
 * yjs.js - a text that all write at once, also without a connection for a while, by Yjs.
 *
 * What is about Drawbridge are the first lines; the rest makes a text field of a Y.Text. An editor that has a binding
 * for Yjs (CodeMirror, ProseMirror, Quill, Monaco…) is given `text` and `provider.awareness` in its place.
 */

import { Drawbridge } from 'drawbridge-client';
import * as Y from 'yjs';
import { byId, coloured, element, header, room, username } from './page.js';
import { DrawbridgeProvider } from './yjs-provider.js';

const bridge = new Drawbridge({ base: 'https://draw.example/', username });
header(bridge);
const doc = new Y.Doc();
const text = doc.getText('text');
const provider = new DrawbridgeProvider(room, doc, { bridge });
const { awareness } = provider;
awareness.setLocalStateField('user', { name: username });
byId('name').addEventListener('change', ({ target }) => awareness.setLocalStateField('user', { name: target.value }));

const alone = byId('alone');
alone.addEventListener('click', () => {
  const isAlone = alone.ariaPressed === 'false';
  alone.ariaPressed = String(isAlone);
  if (isAlone) provider.disconnect();
  else provider.connect();
});

// --- a text field ---

const field = byId('text');
let { value } = field; // as it was when the two were last the same

field.addEventListener('input', () => {
  const [start, end, added] = difference(value, field.value);
  ({ value } = field);
  doc.transact(() => {
    text.delete(start, end - start);
    text.insert(start, added);
  }, field);
});

text.observe(({ delta }, { origin }) => {
  if (origin === field) return;
  // The selection stays at the letters where it is.
  let at = 0;
  let { selectionStart: start, selectionEnd: end, selectionDirection } = field;
  for (const { retain = 0, insert = '', delete: gone = 0 } of /** @type {any[]} */ (delta)) {
    at += retain;
    const moved = (place) => (place <= at ? place : Math.max(place - gone, at) + insert.length);
    [start, end] = [moved(start), moved(end)];
    at += insert.length;
  }
  field.value = value = text.toString();
  field.setSelectionRange(start, end, selectionDirection);
});

/** From where to where the old text is replaced by what. */
function difference(old, now) {
  let start = 0;
  while (start < Math.min(old.length, now.length) && old[start] === now[start]) start++;
  if (isHigh(old[start - 1])) start--;
  let end = old.length, to = now.length;
  while (end > start && to > start && old[end - 1] === now[to - 1]) [end, to] = [end - 1, to - 1];
  if (isLow(old[end])) [end, to] = [end + 1, to + 1];
  return [start, end, now.slice(start, to)];
}

// Halves of a surrogate pair, which must not come apart.
const isHigh = (unit) => /[\ud800-\udbff]/.test(unit ?? '');
const isLow = (unit) => /[\udc00-\udfff]/.test(unit ?? '');

// --- where the others are ---

document.addEventListener('selectionchange', () => {
  if (document.activeElement !== field) return;
  const caret = Y.createRelativePositionFromTypeIndex(text, field.selectionEnd);
  awareness.setLocalStateField('caret', Y.relativePositionToJSON(caret));
});

/** The same text as in the field, under it, and in it the others' carets. */
function showCarets() {
  const carets = [];
  for (const [client, { user, caret }] of awareness.getStates()) {
    if (client === awareness.clientID) continue;
    const index = indexOf(caret);
    if (index !== undefined) carets.push({ index, name: String(user?.name).slice(0, 64) });
  }
  const parts = [];
  let from = 0;
  for (const { index, name } of carets.sort((a, b) => a.index - b.index)) {
    const mark = coloured(element('i', { className: 'caret' }, element('span', {}, name)), name);
    parts.push(value.slice(from, index), mark);
    from = index;
  }
  byId('carets').replaceChildren(...parts, value.slice(from), '\u200b'); // a last line, too
}

/** Where that is now; undefined: a peer says what is no place in this text. */
function indexOf(caret) {
  try {
    const { type, index } = Y.createAbsolutePositionFromRelativePosition(Y.createRelativePositionFromJSON(caret), doc);
    return type === text ? index : undefined;
  } catch {
    return undefined;
  }
}

awareness.on('change', showCarets);
doc.on('update', showCarets);
