/**
 * strokes.js - what is on the board, and the messages that tell it.
 *
 * A stroke only ever grows, so that two copies of it differ in length alone: a message
 * brings a piece of it, with the place where it belongs, and pieces may come twice, from
 * anybody, and in any order of strokes. All boards that got the same pieces are alike: strokes
 * lie upon each other by `order`, a Lamport clock, and their ids.
 *
 *     {"type":"stroke","id":"…","order":7,"colour":0,"width":6,"at":0,"points":[x,y,x,y,…]}
 */

/**
 * @typedef {{id: string, order: number, colour: number, width: number, points: number[]}} Stroke
 *     points: x and y by turns, in units of the board, whose origin is its middle
 */

export const COLOURS = 6;
export const WIDTHS = [3, 7, 16];
export const COORDINATE_MOST = 4000;

// A board is bounded, whatever peers send.
const STROKES_MOST = 10_000;
const POINTS_MOST = 200_000;
const STROKE_POINTS_MOST = 4_000;
const ORDER_MOST = 1e9;

// Messages stay below 16 KiB, which every browser takes: 16 characters a point at most.
const PIECE_POINTS = 500;

export class Strokes {
  /** @type {Stroke[]} from the lowest to the topmost */
  list = [];
  points = 0;
  #byId = new Map();
  #prefix = randomId();
  #begun = 0;

  /** @returns {Stroke | null} one of our own, or null: the board is full */
  begin(colour, width, x, y) {
    const order = Math.min((this.list.at(-1)?.order ?? 0) + 1, ORDER_MOST);
    const id = `${this.#prefix}-${++this.#begun}`;
    return this.merge({ id, order, colour, width, at: 0, points: [x, y] })?.stroke ?? null;
  }

  /** @returns {boolean} false: the stroke, or the board, is full */
  extend(stroke, x, y) {
    return this.merge({ ...stroke, at: stroke.points.length / 2, points: [x, y] }) !== null;
  }

  /**
   * Takes a piece of a stroke in, if there is anything new in it.
   * @param {any} piece  as it came: from a peer, it may be anything
   * @returns {{stroke: Stroke, from: number} | null} from: the first of the new points
   */
  merge(piece) {
    if (!valid(piece)) return null;
    const { id, order, colour, width, at, points } = piece;
    const known = this.#byId.get(id);
    const have = known ? known.points.length / 2 : 0;
    const fresh = points.slice(2 * Math.max(have - at, 0));
    if (at > have || !fresh.length) return null;
    if (have + fresh.length / 2 > STROKE_POINTS_MOST) return null;
    if (this.points + fresh.length / 2 > POINTS_MOST) return null;
    if (!known && this.list.length >= STROKES_MOST) return null;

    const stroke = known ?? { id, order, colour, width, points: [] };
    if (!known) this.#insert(stroke);
    stroke.points.push(...fresh);
    this.points += fresh.length / 2;
    return { stroke, from: have };
  }

  #insert(stroke) {
    let place = this.list.length;
    while (place > 0 && above(this.list[place - 1], stroke)) place--;
    this.list.splice(place, 0, stroke);
    this.#byId.set(stroke.id, stroke);
  }
}

/** The messages that bring a stroke to somebody who has so many points of it. */
export function* pieces({ id, order, colour, width, points }, from = 0) {
  for (let at = from; 2 * at < points.length; at += PIECE_POINTS) {
    const part = points.slice(2 * at, 2 * (at + PIECE_POINTS));
    yield { type: 'stroke', id, order, colour, width, at, points: part };
  }
}

/** A coordinate as it is kept and sent. */
export function coordinate(value) {
  const bounded = Math.max(-COORDINATE_MOST, Math.min(COORDINATE_MOST, value));
  return Math.round(bounded * 10) / 10;
}

function above(a, b) {
  return a.order > b.order || (a.order === b.order && a.id > b.id);
}

function valid({ id, order, colour, width, at, points }) {
  return (
    typeof id === 'string' && /^[\w-]{1,64}$/.test(id) &&
    whole(order, ORDER_MOST) &&
    whole(colour, COLOURS - 1) &&
    WIDTHS.includes(width) &&
    whole(at, STROKE_POINTS_MOST) &&
    Array.isArray(points) && points.length % 2 === 0 && points.length <= 2 * PIECE_POINTS &&
    points.every((value) => typeof value === 'number' && Math.abs(value) <= COORDINATE_MOST)
  );
}

function whole(value, most) {
  return Number.isInteger(value) && value >= 0 && value <= most;
}

/** crypto.randomUUID exists under HTTPS alone. */
function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
