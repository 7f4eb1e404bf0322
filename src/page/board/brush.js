/**
 * brush.js - elements on a canvas: on the screen, and in a picture to be kept.
 */

import { FONT, LINE_HEIGHT, figureOf } from './figures.js';
import { COLOURS } from './shapes.js';

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
 * @param {{inks: string[]}} palette
 */
export function paint(context, element, { inks }) {
  const figure = figureOf(element);
  const ink = inks[element.value.colour];
  context.lineCap = 'round';
  context.lineJoin = 'round';
  context.strokeStyle = ink;
  for (const line of figure.lines) {
    line.path ??= new Path2D(line.d);
    context.lineWidth = line.width;
    context.stroke(line.path);
  }
  if (figure.text) {
    const { lines, size, x, y } = figure.text;
    context.fillStyle = ink;
    context.font = `${size}px ${FONT}`;
    for (const [i, line] of lines.entries()) context.fillText(line, x, y + i * size * LINE_HEIGHT);
  }
}
