/**
 * memory.js - what this browser remembers of a person: a name, a colour, the pen.
 */

const KEY = 'drawbridge';

let memory = read();

/** @returns {any} undefined: nothing, or the browser forbids it */
export function recall(name) {
  return memory[name];
}

export function remember(name, value) {
  memory = { ...read(), [name]: value };
  try {
    localStorage.setItem(KEY, JSON.stringify(memory));
  } catch { /* the browser forbids it */ }
}

function read() {
  try {
    return { ...JSON.parse(localStorage.getItem(KEY)) };
  } catch {
    return {};
  }
}
