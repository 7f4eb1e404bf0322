/**
 * files.js - a board as a file, to be saved and opened: {"type":"drawbridge","version":1,"elements":[{"value":…,"points":[…]}, …]},
 * from the lowest to the topmost, without ids: what is opened is new. Of Excalidraw's files it shows what it can.
 */

import { arePoints } from './checks.js';
import { ELEMENTS_MAX, ELEMENT_POINTS_MAX } from './elements.js';
import { convert } from './excalidraw.js';
import { COORDINATE_MAX, ORDER_MAX, RULES, coordinate } from './shapes.js';

/**
 * @typedef {import('./elements.js').Value} Value
 * @typedef {{value: Value, points: number[]}} Drawn
 * @typedef {{drawn: Drawn[], left: string}} Opened  left: a list in words of what could not be shown
 */

export const ENDING = 'drawbridge.json';
export const TYPE = 'drawbridge';
const OTHERS = ['excalidraw', 'excalidraw/clipboard'];
const VERSION = 1;
export const FILE_MAX = 128 * 1024 * 1024; // bytes: a full board is below that

/** @param {{value: Value, points: number[]}[]} list */
export function writeFile(list) {
  const elements = list.map(({ value, points }) => ({ value, points }));
  return JSON.stringify({ type: TYPE, version: VERSION, elements });
}

/**
 * @param {string} text
 * @returns {Opened}
 * @throws {Error} a sentence: why it cannot be opened
 */
export function readFile(text) {
  let file;
  try {
    file = JSON.parse(text);
  } catch {
    throw new Error('It is no drawing.');
  }
  const { type, version, elements } = file ?? {};
  if (type !== TYPE && !OTHERS.includes(type)) throw new Error('It is no drawing of Drawbridge or Excalidraw.');
  if (!Array.isArray(elements)) throw new Error('It is broken: there are no elements in it.');
  if (type === TYPE && !(version >= 1 && version <= VERSION)) throw new Error('It was saved by a newer Drawbridge: reload the page to open it.');
  if (elements.length > ELEMENTS_MAX) throw new Error(`It has more than ${ELEMENTS_MAX} elements.`);
  const { drawn, left } = type === TYPE ? { drawn: elements, left: new Map() } : convert(elements);
  return { drawn: drawn.map(check), left: [...left].map(([what, count]) => `${what} × ${count}`).join(', ') };
}

/**
 * @param {any} drawn
 * @param {number} i
 * @returns {Drawn}
 */
function check(drawn, i) {
  const { value: given, points = [] } = drawn ?? {};
  const value = given && RULES.clean({ ...given, order: Math.min(i, ORDER_MAX) });
  const sound = arePoints(points, RULES.point, ELEMENT_POINTS_MAX);
  if (!value || !sound || (value.kind === 'pen' && !points.length)) throw new Error(`It is broken: element ${i + 1} in it is none.`);
  return { value, points };
}

/**
 * How far something must be moved to lie beside something else, within what there is of the board.
 * @param {import('./figures.js').Box} box
 * @param {import('./figures.js').Box | null} there  null: nothing
 * @param {number} gap
 */
export function beside(box, there, gap) {
  if (!there) return { x: 0, y: 0 };
  const tries = [
    { x: there.right + gap - box.left, y: there.top - box.top },
    { x: there.left - gap - box.right, y: there.top - box.top },
    { x: there.left - box.left, y: there.bottom + gap - box.top },
    { x: there.left - box.left, y: there.top - gap - box.bottom },
  ];
  const inside = (/** @type {number} */ at) => Math.abs(at) <= COORDINATE_MAX;
  const place = tries.find(({ x, y }) => [box.left + x, box.right + x, box.top + y, box.bottom + y].every(inside));
  return place ? { x: coordinate(place.x), y: coordinate(place.y) } : { x: 0, y: 0 };
}
