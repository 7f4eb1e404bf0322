/**
 * files.js - files to everybody in the room, of any size: neither page holds more of one than a window.
 *
 * Who sends a file sees how much of it each peer has. Who is offered one saves it, or does not want it; before that, no
 * more than its first bytes have come.
 */

import { Drawbridge, Incoming } from '../drawbridge.js';
import { byId, coloured, element, header, room, username } from './page.js';

const OFFERS_MAX = 20; // that nobody has answered
const MEMORY_MAX = 1024 ** 3; // bytes, where the browser cannot write them to the disk as they come

const bridge = new Drawbridge({ username });
header(bridge);
bridge.on('data', (data, peer) => {
  if (data instanceof Incoming) offer(data, peer);
});
bridge.join(room);

const choose = byId('choose'), drop = byId('drop');
choose.addEventListener('change', () => {
  for (const file of choose.files) send(file);
  choose.value = '';
});
drop.addEventListener('dragover', (event) => event.preventDefault());
drop.addEventListener('drop', (event) => {
  event.preventDefault();
  for (const file of event.dataTransfer.files) send(file);
});

async function send(file) {
  const { peers } = bridge;
  const item = itemOf(file);
  const bars = new Map(peers.map((peer) => [peer, addBar(item, `to ${peer.username}`, file.size, peer)]));
  const ending = new AbortController();
  const cancel = addButton(item, 'Cancel', () => ending.abort());
  const { arrived, failed } = await bridge.send(file, {
    to: peers,
    signal: ending.signal,
    progress: ({ peer, sent }) => bars.get(peer)(sent),
  });
  cancel.remove();
  for (const peer of arrived) bars.get(peer)(file.size, 'has it');
  for (const { peer, error } of failed) bars.get(peer)(undefined, error.message);
  if (!peers.length) item.append('Nobody else is here.');
}

async function offer(file, peer) {
  if (document.querySelectorAll('.offer').length >= OFFERS_MAX) return file.cancel('Too many files wait here already.');
  const item = itemOf(file);
  const show = addBar(item, `from ${peer.username}`, file.size, peer);
  if (!await isWanted(item)) {
    file.cancel();
    return show(undefined, 'not wanted');
  }
  const cancel = addButton(item, 'Cancel', () => file.cancel());
  cancel.focus();
  file.on('progress', (received) => show(received));
  try {
    await save(file);
    show(file.received, 'saved');
  } catch (error) {
    file.cancel();
    show(undefined, error.message);
  }
  cancel.remove();
}

async function save(file) {
  const name = file.name ?? 'file';
  const { showSaveFilePicker } = /** @type {any} */ (window); // not in every browser
  if (showSaveFilePicker) {
    const place = await showSaveFilePicker({ suggestedName: name });
    return file.stream.pipeTo(await place.createWritable());
  }
  const url = URL.createObjectURL(await file.blob({ max: MEMORY_MAX }));
  element('a', { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

// --- what is seen of it ---

function itemOf({ name = 'a file without a name', size }) {
  const item = element('li', {}, element('b', {}, name), ' ', element('span', {}, size === undefined ? '' : inWords(size)));
  byId('files').prepend(item);
  return item;
}

function isWanted(item) {
  item.className = 'offer';
  return new Promise((resolve) => {
    const answer = (wanted) => {
      item.className = '';
      yes.remove();
      no.remove();
      resolve(wanted);
    };
    const yes = addButton(item, 'Save', () => answer(true));
    const no = addButton(item, 'No, thanks', () => answer(false));
    yes.className = 'first';
  });
}

function addButton(item, textContent, onclick) {
  const button = element('button', { type: 'button', textContent, onclick });
  item.append(button);
  return button;
}

/** @returns {(bytes?: number, words?: string) => void} shows how far it is, and may say more */
function addBar(item, label, size, peer) {
  const bar = element('progress', { max: size || 1, value: 0, ariaLabel: label });
  const words = element('span');
  item.append(coloured(element('p', {}, element('span', {}, label), bar, words), peer.username));
  return (bytes = bar.value, said = inWords(bytes)) => {
    bar.value = bytes;
    words.textContent = said;
  };
}

function inWords(bytes) {
  const power = Math.floor(Math.log10(bytes || 1) / 3);
  return `${Number((bytes / 1000 ** power).toPrecision(3))} ${['bytes', 'kB', 'MB', 'GB', 'TB'][power]}`;
}
