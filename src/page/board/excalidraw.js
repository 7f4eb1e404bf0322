/**
 * excalidraw.js - drawings of Excalidraw, as far as this board can show them.
 *
 * Format: docs.excalidraw.com, "JSON Schema": {"type":"excalidraw","elements":[…]}. Lengths there are CSS pixels, as
 * they are units here; points lie from their element's place on, and what is turned is so around its middle.
 */

import { ELEMENT_POINTS_MAX } from './elements.js';
import { cleanText, coordinate, COORDINATE_MAX, DASHES, OPACITIES, PRESSURE_MAX, SIZES, WIDTHS } from './shapes.js';

/**
 * @typedef {{value: Record<string, any>, points: number[]}} Drawn
 * @typedef {[number, number]} Pair
 */

const LINE_POINTS_MAX = 100_000; // of a line: each makes another one

/** @type {Pair[]} strokes there, and what they are here */
const STROKES = [[2, WIDTHS[0]], [4, WIDTHS[1]], [Infinity, WIDTHS[2]]];

/** The palette, as it is in the light: colours there have no other meaning in the dark. */
export const PALETTE = ['#22252b', '#d92b3a', '#e8840c', '#1f9d55', '#2b66d9', '#8b3fd1', '#8a909c', '#e0559b'];

/**
 * @param {any[]} elements  as the file has them: they may be anything
 * @returns {{drawn: Drawn[], left: Map<string, number>}} left: what could not be shown, and how often
 */
export function convert(elements) {
  /** @type {Drawn[]} */
  const drawn = [];
  /** @type {Map<string, number>} */
  const left = new Map();
  const leave = (/** @type {string} */ what) => left.set(what, (left.get(what) ?? 0) + 1);
  for (const element of elements) {
    if (!element || typeof element !== 'object' || element.isDeleted === true) continue;
    const made = place(element) && make(element, leave);
    if (made) drawn.push(...made);
    else leave(KNOWN.includes(element.type) ? element.type : 'unknown element');
  }
  return { drawn, left };
}

const KNOWN = ['rectangle', 'ellipse', 'diamond', 'line', 'arrow', 'freedraw', 'text', 'image', 'frame', 'embeddable'];

/** @param {any} element */
function place({ x, y, width = 0, height = 0 }) {
  return [x, y, x + width, y + height].every((at) => Number.isFinite(at) && Math.abs(at) <= COORDINATE_MAX);
}

/**
 * @param {any} element
 * @param {(what: string) => void} leave
 * @returns {Drawn[] | null}
 */
function make(element, leave) {
  const { type, x, y, width = 0, height = 0, angle } = element;
  if (type === 'rectangle' || type === 'ellipse') {
    if (angle) leave('rotation');
    const spans = { kind: type, x: coordinate(x), y: coordinate(y), w: coordinate(width), h: coordinate(height) };
    return [{ value: { ...spans, ...styleFrom(element), ...fillFrom(element) }, points: [] }];
  }
  if (type === 'text') {
    const text = typeof element.text === 'string' ? cleanText(element.text) : '';
    if (angle) leave('rotation');
    const value = { kind: 'text', x: coordinate(x), y: coordinate(y), text, ...styleFrom(element), size: nearest(SIZES, element.fontSize) };
    return text ? [{ value, points: [] }] : null;
  }
  const points = turned(element);
  if (!points) return null;
  if (type === 'freedraw') return strokes(element, points);
  return type === 'line' || type === 'arrow' ? lines(element, points) : null;
}

/**
 * Where its points are on the board; null: it has none.
 * @param {any} element
 * @returns {Pair[] | null}
 */
function turned({ x, y, points, angle }) {
  if (!Array.isArray(points) || !points.length || points.length > LINE_POINTS_MAX) return null;
  if (!points.every((one) => Array.isArray(one) && Number.isFinite(one[0]) && Number.isFinite(one[1]))) return null;
  const at = Number.isFinite(angle) ? angle : 0;
  const middle = (/** @type {number} */ axis) => {
    const [low, high] = points.reduce(([least, most], one) => [Math.min(least, one[axis]), Math.max(most, one[axis])], [Infinity, -Infinity]);
    return (low + high) / 2;
  };
  const [cx, cy] = [middle(0), middle(1)];
  const [cos, sin] = [Math.cos(at), Math.sin(at)];
  return points.map(([px, py]) => [
    coordinate(x + cx + (px - cx) * cos - (py - cy) * sin), coordinate(y + cy + (px - cx) * sin + (py - cy) * cos),
  ]);
}

/**
 * @param {any} element
 * @param {Pair[]} points
 * @returns {Drawn[]}
 */
function strokes(element, points) {
  const pressure = (/** @type {number} */ i) => {
    const is = Array.isArray(element.pressures) && !element.simulatePressure ? element.pressures[i] : 0.5;
    return Math.round(PRESSURE_MAX * Math.max(0, Math.min(1, Number.isFinite(is) ? is : 0.5)));
  };
  const numbers = points.map((point, i) => [...point, pressure(i)]);
  const made = [];
  for (let i = 0; i < numbers.length; i += ELEMENT_POINTS_MAX - 1) { // each goes on where the last one ended
    const value = { kind: 'pen', x: 0, y: 0, ...styleFrom(element) };
    if (i === 0 || i + 1 < numbers.length) made.push({ value, points: numbers.slice(i, i + ELEMENT_POINTS_MAX).flat() });
  }
  return made;
}

/**
 * Each from point to point, with a head at an end that has one.
 * @param {any} element
 * @param {Pair[]} points
 * @returns {Drawn[] | null}
 */
function lines(element, points) {
  const { type, startArrowhead, endArrowhead = type === 'arrow' ? 'arrow' : null } = element;
  const style = styleFrom(element);
  /**
   * @param {string} kind
   * @param {Pair} from
   * @param {Pair} to
   */
  const line = (kind, [x, y], to) => ({ value: { kind, x, y, w: coordinate(to[0] - x), h: coordinate(to[1] - y), ...style }, points: [] });
  const made = points.slice(1).map((to, i) => {
    const last = i === points.length - 2;
    if (last && endArrowhead) return line('arrow', points[i], to);
    return i === 0 && startArrowhead ? line('arrow', to, points[0]) : line('line', points[i], to);
  });
  // Of two heads on one line the first is that of a line more.
  if (points.length === 2 && startArrowhead && endArrowhead) made.push(line('arrow', points[1], points[0]));
  return made.length ? made : null;
}

/** @param {any} element */
function styleFrom({ strokeColor, strokeWidth = 1, strokeStyle, opacity = 100 }) {
  const [, width] = STROKES.find(([most]) => !(strokeWidth > most)) ?? STROKES[0];
  const dash = DASHES.indexOf(strokeStyle);
  const seen = nearest(OPACITIES, opacity);
  return { colour: colourFrom(strokeColor) ?? 0, width, ...(dash > 0 ? { dash } : {}), ...(seen < 100 ? { opacity: seen } : {}) };
}

/** @param {any} element */
function fillFrom({ backgroundColor }) {
  const fill = colourFrom(backgroundColor);
  return fill === null ? {} : { fill };
}

/**
 * The nearest of ours; null: it is none, or not to be seen.
 * @param {any} text
 */
function colourFrom(text) {
  const [, short, long] = /^#(?:([\da-f]{3})|([\da-f]{6}))$/i.exec(String(text)) ?? [];
  const hex = long ?? (short && [...short].map((digit) => digit + digit).join(''));
  if (!hex) return null;
  const apart = PALETTE.map((ours) => {
    const [a, b] = [hueOf(`#${hex}`), hueOf(ours)];
    return a.reduce((sum, of, i) => sum + (of - b[i]) ** 2, 0);
  });
  return apart.indexOf(Math.min(...apart));
}

/**
 * What makes a colour what it is, light ones too: how far its channels are from each other, and how light it is.
 * @param {string} hex
 */
function hueOf(hex) {
  const channels = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
  const [most, least] = [Math.max(...channels), Math.min(...channels)];
  const grey = most - least < 24;
  return [...channels.map((channel) => (grey ? 0 : 255 * (channel - least) / (most - least))), grey ? 255 : 0, grey ? most : 0];
}

/**
 * @param {number[]} list
 * @param {any} wanted
 */
function nearest(list, wanted) {
  const to = Number.isFinite(wanted) ? wanted : list[list.length - 1];
  return list.reduce((best, one) => (Math.abs(one - to) < Math.abs(best - to) ? one : best));
}
