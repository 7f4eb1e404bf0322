/**
 * inserter.js - what comes to the board from elsewhere: files, and what is pasted. It becomes new elements, which are
 * selected then.
 */

import { boxOf, meet } from './figures.js';
import { FILE_MAX, beside, readFile } from './files.js';
import { cleanText, coordinate, styled } from './shapes.js';

/** @typedef {import('./files.js').Drawn} Drawn */

export const COPY_PX = 16; // a copy lies that far from what it is of
const GAP = 80; // between what is there and what is opened

export class Inserter {
  #desk;

  /**
   * @param {object} desk
   * @param {import('./drawing.js').Drawing} desk.drawing
   * @param {import('./view.js').View} desk.view
   * @param {import('./selection.js').Selection} desk.selection
   * @param {() => import('./shapes.js').Style} desk.style  in which to write
   * @param {() => void} desk.select  the tool that selects is chosen
   * @param {() => void} desk.show  what is selected
   * @param {(sentence: string) => void} desk.say
   */
  constructor(desk) {
    this.#desk = desk;
  }

  /**
   * Beside what is there.
   * @param {File} file
   */
  async open(file) {
    const { drawing, show, say } = this.#desk;
    try {
      if (file.size > FILE_MAX) throw new Error('It is too large.');
      const { drawn, left } = readFile(await file.text());
      const added = this.#lay(drawn, (box) => beside(box, boxOf(drawing.elements.list), GAP));
      if (added) show();
      say(`${added === 1 ? 'One element was' : `${added} elements were`} opened.${left ? ` Left out: ${left}.` : ''}`);
    } catch (error) {
      say(`“${file.name}” could not be opened. ${error instanceof Error ? error.message : error}`);
    }
  }

  /**
   * Elements, as they were copied on a board or in Excalidraw; of anything else the text.
   * @param {string} text
   */
  paste(text) {
    const { view, style, say } = this.#desk;
    if (!text.trim()) return say('There is nothing to be pasted.');
    const middle = view.toBoard(view.width / 2, view.height / 2);
    try {
      const isDrawing = /^\s*\{\s*"type"\s*:\s*"(drawbridge|excalidraw)/.test(text);
      const written = { order: 0, kind: 'text', ...styled('text', style()), x: 0, y: 0, text: cleanText(text) };
      const { drawn, left } = isDrawing ? readFile(text) : { drawn: [{ value: written, points: [] }], left: '' };
      const near = COPY_PX / view.scale;
      this.#lay(drawn, (box) => (isDrawing && meet(box, view.box) ? { x: near, y: near }
        : { x: middle.x - (box.left + box.right) / 2, y: middle.y - (box.top + box.bottom) / 2 }));
      if (left) say(`Left out: ${left}.`);
    } catch (error) {
      say(`It could not be pasted. ${error instanceof Error ? error.message : error}`);
    }
  }

  /**
   * @param {Drawn[]} drawn
   * @param {(box: import('./figures.js').Box) => {x: number, y: number}} moveOf  by how much it is to be moved
   * @returns {number} how many there are
   * @throws {Error} a sentence: there is no place
   */
  #lay(drawn, moveOf) {
    const { drawing, selection, select } = this.#desk;
    const { elements } = drawing;
    const box = boxOf(drawn.map(({ value, points }) => ({ id: '', version: 0, by: '', edit: 0, editor: '', value, points })));
    if (!box) return 0;
    const points = drawn.reduce((sum, one) => sum + elements.count(one), 0);
    if (!elements.hasPlace(points, drawn.length)) throw new Error('The board has no place for all of it.');
    const by = moveOf(box);
    const added = drawn.map(({ value, points: line }) =>
      drawing.add({ ...value, x: coordinate(value.x + by.x), y: coordinate(value.y + by.y) }, line));
    drawing.commit();
    select();
    selection.set(added.filter((one) => one !== null));
    return selection.list.length;
  }
}
