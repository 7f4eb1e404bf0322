/**
 * brush.js - elements on a canvas: on the screen, and in a picture to be kept.
 */

import { FONT, LINE_HEIGHT, figureOf } from './figures.js';
import { COLOURS, NO_FILL } from './shapes.js';

const TINT = 0.25;

/** @typedef {{inks: string[], paper: string, accent: string}} Palette */

/**
 * The palette as the page has it now: it is another in the dark.
 * @returns {Palette}
 */
export function palette() {
  const style = getComputedStyle(document.documentElement);
  const colour = (/** @type {string} */ name) => style.getPropertyValue(name).trim();
  return {
    inks: Array.from({ length: COLOURS }, (_, n) => colour(`--colour-${n}`)),
    paper: colour('--paper'),
    accent: colour('--accent'),
  };
}

/**
 * In units of the board, onto a context that is transformed for them.
 * @param {CanvasRenderingContext2D} context
 * @param {import('./elements.js').Present} element
 * @param {{inks: string[], paper: string}} palette
 */
export function paint(context, element, { inks, paper }) {
  const figure = figureOf(element);
  const ink = inks[element.value.colour];
  context.lineCap = 'round';
  context.lineJoin = 'round';
  context.strokeStyle = ink;
  context.globalAlpha = figure.opacity;
  for (const [i, line] of figure.lines.entries()) {
    line.path ??= new Path2D(line.d);
    if (!i && figure.fill !== NO_FILL) {
      context.fillStyle = tint(inks[figure.fill], paper);
      context.fill(line.path);
    }
    context.lineWidth = line.width;
    if (line.dashes) context.setLineDash(line.dashes);
    context.stroke(line.path);
    if (line.dashes) context.setLineDash([]);
  }
  if (figure.text) {
    const { lines, size, x, y } = figure.text;
    context.fillStyle = ink;
    context.font = `${size}px ${FONT}`;
    for (const [i, line] of lines.entries()) context.fillText(line, x, y + i * size * LINE_HEIGHT);
  }
  context.globalAlpha = 1;
}

/**
 * What a shape is filled with: so little of a colour that all inks are readable on it, and nothing shows through.
 * @param {string} ink    #rrggbb
 * @param {string} paper  #rrggbb
 */
export function tint(ink, paper) {
  const channel = (/** @type {string} */ hex, /** @type {number} */ at) => parseInt(hex.slice(at, at + 2), 16);
  const mixed = [1, 3, 5].map((at) => Math.round(channel(paper, at) + TINT * (channel(ink, at) - channel(paper, at))));
  return `#${mixed.map((value) => value.toString(16).padStart(2, '0')).join('')}`;
}
