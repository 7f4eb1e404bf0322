/**
 * memory.js - what this browser remembers of a person: a name, a colour, the pen.
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
