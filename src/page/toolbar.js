/**
 * toolbar.js - which tool, colour and width are chosen. Colour and width are remembered.
 */

import { recall, remember } from './memory.js';
import { COLOURS, WIDTHS } from './shapes.js';

const LETTERS = {
  v: 'select', h: 'hand', p: 'pen', e: 'eraser', l: 'line', a: 'arrow', r: 'rectangle', o: 'ellipse', t: 'text',
};

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
    this.#open = form.querySelector('[aria-controls=style]');
    this.#chosen = chosen;
    this.#restyled = restyled;
    for (const name of ['colour', 'width']) {
      const buttons = [...form.elements[name]];
      (buttons.find(({ value }) => value === String(recall(name))) ?? buttons[0]).checked = true;
    }
    this.#open.dataset.colour = this.style.colour;
    this.#open.addEventListener('click', () => this.showStyle(!form.classList.contains('styling')));
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('change', ({ target: { name, value } }) => {
      if (name === 'tool') chosen(value);
      else this.#restyle(name, Number(value));
    });
  }

  get tool() {
    return this.#form.elements.tool.value;
  }

  get style() {
    const { colour, width } = this.#form.elements;
    return { colour: Number(colour.value), width: Number(width.value) };
  }

  /** By key. */
  get commands() {
    const widen = (by) => () => this.#pick('width', WIDTHS[WIDTHS.indexOf(this.style.width) + by]);
    return {
      ...Object.fromEntries(Object.entries(LETTERS).map(([key, name]) => [key, () => this.choose(name)])),
      ...Object.fromEntries(Array.from({ length: COLOURS }, (_, n) => [n + 1, () => this.#pick('colour', n)])),
      '[': widen(-1),
      ']': widen(1),
    };
  }

  choose(tool) {
    this.#form.elements.tool.value = tool;
    this.#chosen(tool);
  }

  /** @returns {boolean} whether they were shown */
  showStyle(shown) {
    const { classList } = this.#form;
    const before = classList.contains('styling');
    classList.toggle('styling', shown);
    this.#open.ariaExpanded = String(shown);
    return before;
  }

  #pick(name, value) {
    if (value === undefined) return;
    this.#form.elements[name].value = value;
    this.#restyle(name, value);
  }

  #restyle(name, value) {
    remember(name, value);
    this.#open.dataset.colour = this.style.colour;
    this.#restyled({ [name]: value });
  }
}
