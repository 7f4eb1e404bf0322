/**
 * strokes.js - which elements a board may have: strokes, {"order","colour","width"} with their points.
 */

import { whole } from './elements.js';

export const COLOURS = 6;
export const WIDTHS = [3, 7, 16];
export const COORDINATE_MOST = 4000; // in units of the board, whose origin is its middle
export const ORDER_MOST = 1e9; // a Lamport clock: what was begun later lies above

/** @type {import('./elements.js').Rules} */
export const RULES = {
  coordinateMost: COORDINATE_MOST,
  clean({ order, colour, width } = {}) {
    return whole(order, ORDER_MOST) && whole(colour, COLOURS - 1) && WIDTHS.includes(width)
      ? { order, colour, width } : null;
  },
};

/** A coordinate as it is kept and sent. */
export function coordinate(value) {
  const bounded = Math.max(-COORDINATE_MOST, Math.min(COORDINATE_MOST, value));
  return Math.round(bounded * 10) / 10;
}
