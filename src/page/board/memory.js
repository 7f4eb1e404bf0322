/**
 * memory.js - what this browser remembers of a person: a name, a colour, the pen; and this tab, of a room.
 */

const KEY = 'drawbridge';

let memory = read();

/**
 * @param {string} name
 * @returns {any} undefined: nothing, or the browser forbids it
 */
export function recall(name) {
  return memory[name];
}

/**
 * @param {string} name
 * @param {string | number} value
 */
export function remember(name, value) {
  memory = { ...read(), [name]: value };
  try {
    localStorage.setItem(KEY, JSON.stringify(memory));
  } catch { /* the browser forbids it */ }
}

/**
 * What this tab remembers of a room, over a reload.
 * @param {string} room
 * @returns {any} null: nothing, or the browser forbids it
 */
export function recallHere(room) {
  try {
    return JSON.parse(sessionStorage.getItem(`${KEY} ${room}`) ?? 'null');
  } catch {
    return null;
  }
}

/**
 * @param {string} room
 * @param {object} value
 */
export function rememberHere(room, value) {
  try {
    sessionStorage.setItem(`${KEY} ${room}`, JSON.stringify(value));
  } catch { /* the browser forbids it */ }
}

/** Asks the browser, once for all, not to throw away what is kept here when space is short: it may say no. */
export function askPersistence() {
  if (memory.persist || !navigator.storage?.persist) return;
  remember('persist', 1);
  navigator.storage.persist().catch(() => {});
}

/** @returns {Record<string, any>} */
function read() {
  try {
    return { ...JSON.parse(localStorage.getItem(KEY) ?? 'null') };
  } catch {
    return {};
  }
}
