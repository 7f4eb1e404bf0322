/**
 * toolbar.js - which tool, colour and width are chosen. Colour and width are remembered.
 */

import { recall, remember } from './memory.js';
import { COLOURS, WIDTHS } from './shapes.js';

const LETTERS = {
  v: 'select', h: 'hand', p: 'pen', e: 'eraser', l: 'line', a: 'arrow', r: 'rectangle', o: 'ellipse', t: 'text',
};

/** @typedef {'tool' | 'colour' | 'width'} Choice */

/** @type {Choice[]} */
const STYLES = ['colour', 'width'];

export class Toolbar {
  #form;
  #open; // the button that shows colours and widths, where there is no place for them
  #chosen;
  #restyled;

  /**
   * @param {HTMLFormElement} form  with radio buttons `tool`, `colour` and `width`
   * @param {(tool: string) => void} chosen
   * @param {(change: {colour?: number, width?: number}) => void} restyled
   */
  constructor(form, chosen, restyled) {
    this.#form = form;
    this.#open = /** @type {HTMLElement} */ (form.querySelector('[aria-controls=style]'));
    this.#chosen = chosen;
    this.#restyled = restyled;
    for (const name of STYLES) {
      const buttons = /** @type {HTMLInputElement[]} */ ([...this.#buttons(name)]);
      (buttons.find(({ value }) => value === String(recall(name))) ?? buttons[0]).checked = true;
    }
    this.#open.dataset.colour = String(this.style.colour);
    this.#open.addEventListener('click', () => this.showStyle(!form.classList.contains('styling')));
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('change', ({ target }) => {
      const { name, value } = /** @type {HTMLInputElement} */ (target);
      if (name === 'tool') chosen(value);
      else if (name === 'colour' || name === 'width') this.#restyle(name, Number(value));
    });
  }

  get tool() {
    return this.#buttons('tool').value;
  }

  get style() {
    return { colour: Number(this.#buttons('colour').value), width: Number(this.#buttons('width').value) };
  }

  /** By key. */
  get commands() {
    const widen = (/** @type {number} */ by) => () => this.#pick('width', WIDTHS[WIDTHS.indexOf(this.style.width) + by]);
    return {
      ...Object.fromEntries(Object.entries(LETTERS).map(([key, name]) => [key, () => this.choose(name)])),
      ...Object.fromEntries(Array.from({ length: COLOURS }, (_, n) => [n + 1, () => this.#pick('colour', n)])),
      '[': widen(-1),
      ']': widen(1),
    };
  }

  /** @param {string} tool */
  choose(tool) {
    this.#buttons('tool').value = tool;
    this.#chosen(tool);
  }

  /**
   * @param {boolean} shown
   * @returns {boolean} whether they were shown
   */
  showStyle(shown) {
    const { classList } = this.#form;
    const before = classList.contains('styling');
    classList.toggle('styling', shown);
    this.#open.ariaExpanded = String(shown);
    return before;
  }

  /** @param {Choice} name */
  #buttons(name) {
    return /** @type {RadioNodeList} */ (this.#form.elements.namedItem(name));
  }

  /**
   * @param {Choice} name
   * @param {number | undefined} value
   */
  #pick(name, value) {
    if (value === undefined) return;
    this.#buttons(name).value = String(value);
    this.#restyle(name, value);
  }

  /**
   * @param {Choice} name
   * @param {number} value
   */
  #restyle(name, value) {
    remember(name, value);
    this.#open.dataset.colour = String(this.style.colour);
    this.#restyled({ [name]: value });
  }
}
