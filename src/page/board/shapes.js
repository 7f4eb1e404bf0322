/**
 * shapes.js - which elements a board may have, and what a peer may say of them.
 *
 * Each has a kind, a colour, a width and a place {"x","y"}. A pen's stroke has points beside that,
 * {x, y, pressure} from its place on. A line, an arrow, a rectangle and an ellipse reach {"w","h"} from their
 * place, a text has {"text"}. What was begun later lies above: `order`, a Lamport clock.
 */

import { withoutBidi } from '../client/names.js';
import { isIntegerUpTo } from './checks.js';
import { mergeText } from './text-merge.js';

export const COLOURS = 8;
export const WIDTHS = [3, 7, 16];
export const COORDINATE_MAX = 50_000; // in units of the board
export const ORDER_MAX = 1e9;
export const PRESSURE_MAX = 100; // half of it is a stroke as wide as its width says
export const TEXT_MAX = 2_000;
/** @type {Record<number, number>} */
export const TEXT_SIZES = { 3: 20, 7: 32, 16: 56 }; // by width

const SPANNED = ['line', 'arrow', 'rectangle', 'ellipse'];

/** @type {import('./elements.js').Rules} */
export const RULES = {
  point: [COORDINATE_MAX, COORDINATE_MAX, PRESSURE_MAX],
  clean(/** @type {any} */ { order, kind, colour, width, x, y, w, h, text } = {}) {
    const sound = isIntegerUpTo(order, ORDER_MAX) && isIntegerUpTo(colour, COLOURS - 1) && WIDTHS.includes(width) &&
      isCoordinate(x) && isCoordinate(y);
    const common = { order, kind, colour, width, x, y };
    if (!sound) return null;
    if (kind === 'pen') return common;
    if (SPANNED.includes(kind)) return isCoordinate(w) && isCoordinate(h) ? { ...common, w, h } : null;
    return kind === 'text' && typeof text === 'string' && text === cleanText(text) && text ? { ...common, text } : null;
  },
  merge(base, ours, theirs) {
    const merged = { ...theirs };
    for (const name of Object.keys(theirs)) if (theirs[name] === base[name]) merged[name] = ours[name];
    if (base.text && ours.text && theirs.text) merged.text = cleanText(mergeText(base.text, ours.text, theirs.text)) || theirs.text;
    return merged;
  },
};

/**
 * Several lines, without other control characters, and not too long.
 * @param {string} text
 */
export function cleanText(text) {
  return text.replace(/\r\n?/g, '\n').replace(/[^\P{Cc}\n]/gu, '').slice(0, TEXT_MAX).trimEnd();
}

/**
 * A name without control characters, none that is too long, or changes the direction of the text around it.
 * @param {string} name
 */
export function cleanName(name) {
  return [...withoutBidi(name).replace(/\p{Cc}/gu, '').trim()].slice(0, 64).join('');
}

/**
 * A coordinate as it is kept and sent.
 * @param {number} value
 */
export function coordinate(value) {
  const bounded = Math.max(-COORDINATE_MAX, Math.min(COORDINATE_MAX, value));
  return Math.round(bounded * 10) / 10;
}

/** @param {any} value */
export function isCoordinate(value) {
  return Number.isFinite(value) && Math.abs(value) <= COORDINATE_MAX;
}
