/**
 * toolbar.js - the tools' buttons, and which tool and style are chosen. The style is remembered.
 */

import { recall, remember } from './memory.js';
import { COLOURS, DASHES, NO_FILL, OPACITIES, SIZES, WIDTHS } from './shapes.js';

/**
 * @typedef {keyof import('./shapes.js').Style} Feature
 * @typedef {'tool' | Feature} Choice
 *
 * @typedef {object} ToolButton
 * @property {string} name
 * @property {string} key     a letter, which chooses it
 * @property {string} label
 * @property {string} [help]  what the list of keys says, if that is more
 * @property {string} icon    a path of SVG, within 24 by 24
 */

const SVG = 'http://www.w3.org/2000/svg';

/** @type {Feature[]} */
const FEATURES = ['colour', 'width', 'fill', 'dash', 'opacity', 'size'];

export class Toolbar {
  #form;
  #tools;
  #open; // the button that shows colours and widths, where there is no place for them
  #chosen;
  #restyled;

  /**
   * @param {HTMLFormElement} form  with radio buttons for each feature of a style, and a place for those of the tools
   * @param {ToolButton[]} tools
   * @param {(tool: string) => void} chosen
   * @param {(change: Partial<import('./shapes.js').Style>) => void} restyled
   */
  constructor(form, tools, chosen, restyled) {
    this.#form = form;
    this.#tools = tools;
    form.querySelector('#tool')?.append(...tools.map(buttonOf));
    this.#open = /** @type {HTMLElement} */ (form.querySelector('[aria-controls=style]'));
    this.#chosen = chosen;
    this.#restyled = restyled;
    for (const name of FEATURES) {
      const buttons = /** @type {HTMLInputElement[]} */ ([...this.#buttons(name)]);
      const remembered = buttons.find(({ value }) => value === String(recall(name)));
      if (remembered) remembered.checked = true;
    }
    this.#open.dataset.colour = String(this.style.colour);
    this.#open.addEventListener('click', () => this.showStyle(!form.classList.contains('styling')));
    form.addEventListener('submit', (event) => event.preventDefault());
    form.addEventListener('change', ({ target }) => {
      const { name, value } = /** @type {HTMLInputElement} */ (target);
      if (name === 'tool') chosen(value);
      else this.#restyle(/** @type {Feature} */ (name), Number(value));
    });
  }

  get tool() {
    return this.#buttons('tool').value;
  }

  get style() {
    const chosen = FEATURES.map((name) => [name, Number(this.#buttons(name).value)]);
    return /** @type {import('./shapes.js').Style} */ (Object.fromEntries(chosen));
  }

  /** By key. */
  get commands() {
    const widen = (/** @type {number} */ by) => () => this.#pick('width', WIDTHS[WIDTHS.indexOf(this.style.width) + by]);
    return {
      ...Object.fromEntries(this.#tools.map(({ key, name }) => [key, () => this.choose(name)])),
      ...Object.fromEntries(Array.from({ length: COLOURS }, (_, n) => [n + 1, () => this.#pick('colour', n)])),
      '[': widen(-1),
      ']': widen(1),
      g: () => this.#pick('fill', this.style.fill === NO_FILL ? this.style.colour : NO_FILL),
      d: () => this.#pick('dash', (this.style.dash + 1) % DASHES.length),
      s: () => this.#pick('size', SIZES[(SIZES.indexOf(this.style.size) + 1) % SIZES.length]),
      u: () => this.#pick('opacity', OPACITIES[(OPACITIES.indexOf(this.style.opacity) + OPACITIES.length - 1) % OPACITIES.length]),
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
   * @param {Feature} name
   * @param {number | undefined} value
   */
  #pick(name, value) {
    if (value === undefined) return;
    this.#buttons(name).value = String(value);
    this.#restyle(name, value);
  }

  /**
   * @param {Feature} name
   * @param {number} value
   */
  #restyle(name, value) {
    remember(name, value);
    this.#open.dataset.colour = String(this.style.colour);
    this.#restyled({ [name]: value });
  }
}

/** @param {ToolButton} tool */
function buttonOf({ name, key, label, icon }) {
  const button = elementOf('label', { title: `${label} (${key.toUpperCase()})` });
  const path = document.createElementNS(SVG, 'path');
  path.setAttribute('d', icon);
  const picture = document.createElementNS(SVG, 'svg');
  picture.setAttribute('viewBox', '0 0 24 24');
  picture.setAttribute('aria-hidden', 'true');
  picture.append(path);
  const attributes = { type: 'radio', name: 'tool', value: name, 'aria-label': label, 'aria-keyshortcuts': key };
  button.append(elementOf('input', attributes), picture);
  return button;
}

/**
 * What the list of keys says of a tool.
 * @param {ToolButton} tool
 */
export function helpOf({ key, label, help = label }) {
  const term = elementOf('dt');
  term.append(elementOf('kbd', {}, key.toUpperCase()));
  return [term, elementOf('dd', {}, help)];
}

/**
 * @param {string} tag
 * @param {Record<string, string>} [attributes]
 * @param {string} [text]
 */
function elementOf(tag, attributes = {}, text = '') {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(text);
  return made;
}
