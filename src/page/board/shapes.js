/**
 * shapes.js - which elements a board may have, and what a peer may say of them.
 *
 * Each has a kind, a colour, a width and a place {"x","y"}. A pen's stroke has points beside that,
 * {x, y, pressure} from its place on. A line, an arrow, a rectangle and an ellipse reach {"w","h"} from their
 * place, a text has {"text"}. Format 2 adds a `fill` (a colour) for what is closed, a `dash`, an `opacity` and the `size`
 * of a text, which was that of its width before: styleOf(). What was begun later lies above: `order`, a Lamport clock.
 *
 * That is format 1. Whatever a later format adds, kinds and members, is kept and sent on by a page that does not
 * know it, as it came, within bounds. So the check is the same in all formats: what was added says nothing where it is
 * not sound, but is not refused. A value with more than format 1 has says its `format`, the highest of those that
 * had a hand in it; it beats one of a lower format (elements.js), which may have lost what it did not know.
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
export const SIZES = [14, 20, 32, 56]; // of texts
export const DASHES = ['solid', 'dashed', 'dotted'];
export const OPACITIES = [25, 50, 75, 100]; // percent
export const NO_FILL = -1;
/** @type {Record<number, number>} */
const TEXT_SIZES = { 3: 20, 7: 32, 16: 56 }; // by width: of those that have none of their own
const CLOSED = ['rectangle', 'ellipse'];

export const FORMAT = 3;
const FIRST_TO_ADD = 2; // of all formats, whatever this one is
/** Kinds and members that format 1 does not have, and the first format that does. */
const SINCE = Object.entries({ fill: 2, dash: 2, opacity: 2, size: 2 });
const FORMAT_MAX = 1_000;
const MORE_MAX = 3_500; // characters of all that format 1 does not know, as JSON
const MEMBER = /^[a-z][A-Za-z]{0,23}$/;
const KIND_NAME = /^[a-z]{1,16}$/;

const SPANNED = ['line', 'arrow', 'rectangle', 'ellipse'];
export const ELEMENT_KINDS = [...SPANNED, 'pen', 'text'];

/** @type {import('./elements.js').Rules} */
export const RULES = {
  point: [COORDINATE_MAX, COORDINATE_MAX, PRESSURE_MAX],
  clean(/** @type {any} */ { order, kind, colour, width, x, y, w, h, text, format, ...more } = {}) {
    const sound = isIntegerUpTo(order, ORDER_MAX) && isIntegerUpTo(colour, COLOURS - 1) && WIDTHS.includes(width) &&
      isCoordinate(x) && isCoordinate(y) && typeof kind === 'string' && KIND_NAME.test(kind);
    const own = sound && ownOf(kind, { w, h, text });
    const added = own && addedOf(more);
    if (!added) return null;
    const later = !ELEMENT_KINDS.includes(kind) || Object.keys(added).length > 0 || format !== undefined;
    if (!later) return { order, kind, colour, width, x, y, ...own };
    const is = format ?? FIRST_TO_ADD;
    if (!isIntegerUpTo(is, FORMAT_MAX) || is < FIRST_TO_ADD) return null;
    return { order, kind, colour, width, x, y, ...own, format: is, ...added };
  },
  merge(base, ours, theirs) {
    const merged = { ...theirs };
    for (const name of Object.keys(theirs)) if (theirs[name] === base[name]) merged[name] = ours[name];
    if (base.text && ours.text && theirs.text) merged.text = cleanText(mergeText(base.text, ours.text, theirs.text)) || theirs.text;
    return merged;
  },
};

/**
 * The lowest format that knows all that a value has; undefined: the first.
 * @param {Record<string, any>} value
 * @returns {number | undefined}
 */
export function formatFor(value) {
  const has = SINCE.filter(([name]) => name === value.kind || value[name] !== undefined);
  const needs = Math.max(value.format ?? 1, ...has.map(([, since]) => since));
  return needs > 1 ? needs : undefined;
}

/**
 * How it looks, where what was said of that is sound.
 * @param {Record<string, any>} value
 */
export function styleOf({ kind, width, fill, dash, opacity, size }) {
  return {
    fill: CLOSED.includes(kind) && isIntegerUpTo(fill, COLOURS - 1) ? Number(fill) : NO_FILL,
    dash: isIntegerUpTo(dash, DASHES.length - 1) ? Number(dash) : 0,
    opacity: OPACITIES.includes(opacity) ? Number(opacity) : 100,
    size: SIZES.includes(size) ? Number(size) : TEXT_SIZES[width],
  };
}

/**
 * @typedef {{colour: number, width: number, fill: number, dash: number, opacity: number, size: number}} Style
 */

/**
 * Of a style that which a kind can have; what is as it always was is not said, so that all formats have it.
 * @param {string} kind
 * @param {Partial<Style>} style
 */
export function styled(kind, { fill = NO_FILL, dash = 0, opacity = 100, size, ...common }) {
  return {
    ...common,
    ...(CLOSED.includes(kind) && fill !== NO_FILL ? { fill } : {}),
    ...(kind !== 'text' && dash ? { dash } : {}),
    ...(opacity < 100 ? { opacity } : {}),
    ...(kind === 'text' && size && size !== TEXT_SIZES[common.width ?? 0] ? { size } : {}),
  };
}

/**
 * A change of style, as far as it is one for that kind; null: it is none.
 * @param {string} kind
 * @param {Partial<Style>} change
 */
export function restyled(kind, change) {
  const names = Object.keys(change).filter((name) => (name === 'size' ? kind === 'text' : name === 'fill' ? CLOSED.includes(kind)
    : kind !== 'text' || (name !== 'width' && name !== 'dash')));
  if (!names.length) return null;
  const normal = /** @type {Record<string, number>} */ ({ fill: NO_FILL, dash: 0, opacity: 100 });
  return Object.fromEntries(names.map((name) => {
    const value = change[/** @type {keyof Style} */ (name)];
    return [name, value === normal[name] ? undefined : value];
  }));
}

/**
 * What a kind has beside what all have; null: it may not have that.
 * @param {string} kind
 * @param {{w: any, h: any, text: any}} given
 */
function ownOf(kind, { w, h, text }) {
  if (kind === 'pen') return {};
  if (kind === 'text') return typeof text === 'string' && text && text === cleanText(text) ? { text } : null;
  const spans = isCoordinate(w) && isCoordinate(h);
  if (SPANNED.includes(kind)) return spans ? { w, h } : null;
  const reach = w === undefined && h === undefined ? {} : spans ? { w, h } : null;
  const words = text === undefined ? {} : typeof text === 'string' && text === cleanText(text) ? { text } : null;
  return reach && words && { ...reach, ...words };
}

/**
 * Members of later formats, by their names; null: they are too much.
 * @param {Record<string, any>} given
 * @returns {Record<string, any> | null}
 */
function addedOf(given) {
  const names = Object.keys(given).filter((name) => given[name] !== undefined).sort();
  if (!names.length) return {};
  if (!names.every((name) => MEMBER.test(name))) return null;
  const json = JSON.stringify(Object.fromEntries(names.map((name) => [name, given[name]])));
  return json.length <= MORE_MAX ? JSON.parse(json) : null; // a number that is none is null to others, too
}

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
