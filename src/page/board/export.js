/**
 * export.js - the board as a file: a PNG or an SVG of all that is on it, in the colours that are seen.
 */

import { paint, tint } from './brush.js';
import { FONT, LINE_HEIGHT, boxOf, contextOf, figureOf, grow } from './figures.js';
import { NO_FILL } from './shapes.js';

const PICTURE_MARGIN = 24; // around it, in units of the board
const SCALE = 2; // pixels a unit
const SIDE_MAX = 8_192; // pixels: browsers have a limit for canvases

/**
 * @typedef {import('./elements.js').Present} Present
 * @typedef {import('./figures.js').Box} Box
 */

/**
 * @param {Present[]} list  not empty
 * @param {{inks: string[], paper: string}} colours
 * @returns {Promise<Blob>}
 */
export function png(list, colours) {
  const { left, top, width, height } = frame(list);
  const canvas = document.createElement('canvas');
  const context = contextOf(canvas);
  const scale = Math.min(SCALE, SIDE_MAX / width, SIDE_MAX / height);
  canvas.width = Math.ceil(width * scale);
  canvas.height = Math.ceil(height * scale);
  context.fillStyle = colours.paper;
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.setTransform(scale, 0, 0, scale, -left * scale, -top * scale);
  for (const element of list) paint(context, element, colours);
  return new Promise((resolve, reject) => {
    canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error('It is too large.'))), 'image/png');
  });
}

/**
 * As png().
 * @param {Present[]} list
 * @param {{inks: string[], paper: string}} colours
 */
export function svg(list, { inks, paper }) {
  const { left, top, width, height } = frame(list);
  const shapes = list.map((element) => {
    const { lines, text, fill, opacity } = figureOf(element);
    const ink = inks[element.value.colour];
    const paths = lines.map(({ d, width: line, dashes }, i) => `<path d="${d}" stroke="${ink}" stroke-width="${line}"` +
      `${dashes ? ` stroke-dasharray="${dashes.join(' ')}"` : ''}${!i && fill !== NO_FILL ? ` fill="${tint(inks[fill], paper)}"` : ''}/>`);
    const shape = paths.join('') + (text ? textElement(text, ink) : '');
    return opacity < 1 ? `<g opacity="${opacity}">${shape}</g>` : shape;
  });
  return new Blob([
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${left} ${top} ${width} ${height}" `,
    `width="${width}" height="${height}">\n`,
    `<rect x="${left}" y="${top}" width="${width}" height="${height}" fill="${paper}"/>\n`,
    `<g fill="none" stroke-linecap="round" stroke-linejoin="round">\n${shapes.join('\n')}\n</g>\n</svg>\n`,
  ], { type: 'image/svg+xml' });
}

/**
 * Hands a file to the browser, which keeps it.
 * @param {Blob} blob
 * @param {string} name
 */
export function save(blob, name) {
  const link = document.createElement('a');
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
}

/**
 * @param {NonNullable<import('./figures.js').Figure['text']>} text
 * @param {string} ink
 */
function textElement({ lines, size, x, y }, ink) {
  const spans = lines.map((line, i) => `<tspan x="${x}" y="${y + i * size * LINE_HEIGHT}">${escapeXml(line)}</tspan>`);
  return `<text fill="${ink}" font-family="${FONT}" font-size="${size}" xml:space="preserve">${spans.join('')}</text>`;
}

/** @param {Present[]} list */
function frame(list) {
  const box = grow(/** @type {Box} */ (boxOf(list)), PICTURE_MARGIN);
  const [left, top] = [Math.floor(box.left), Math.floor(box.top)];
  return { left, top, width: Math.ceil(box.right) - left, height: Math.ceil(box.bottom) - top };
}

/** @type {Record<string, string>} */
const ESCAPED = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/**
 * XML has no place at all for halves of characters, and for two that are none.
 * @param {string} text
 */
function escapeXml(text) {
  return text.replace(/[&<>]/g, (character) => ESCAPED[character]).replace(/[\ud800-\udfff\ufffe\uffff]/gu, '\ufffd');
}
