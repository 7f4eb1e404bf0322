/**
 * text-field.js - where a text of the board is written: over the place where it will be.
 *
 * Others may write in it at the same time, move it and colour it: the field follows. What an input method is
 * composing is not touched; the others' part is merged when that ends.
 */

import { FULL } from './drawing.js';
import { FONT, LINE_HEIGHT } from './figures.js';
import { TEXT_MAX, cleanText, coordinate, restyled, styleOf, styled } from './shapes.js';
import { mergeText, offsetIn } from './text-merge.js';

/** @typedef {import('./elements.js').Present} Present */

/** @typedef {import('./shapes.js').Style & {x: number, y: number}} Place */

const ROOM_PX = 24; // for the character that comes next

export class TextField {
  #field;
  #drawing;
  #view;
  #paper;
  #say;
  /** @type {import('./elements.js').Element | null} */
  #element = null; // that is written
  #known = ''; // what of its text the field has
  #composing = false;
  /** @type {Place | null} */
  #open = null;

  /**
   * @param {HTMLTextAreaElement} field
   * @param {import('./tools.js').Desk} desk
   */
  constructor(field, { drawing, view, paper, say }) {
    Object.assign(field, { maxLength: TEXT_MAX, hidden: true });
    this.#field = field;
    this.#drawing = drawing;
    this.#view = view;
    this.#paper = paper;
    this.#say = say;
    field.addEventListener('input', () => this.#write());
    field.addEventListener('compositionstart', () => { this.#composing = true; });
    field.addEventListener('compositionend', () => {
      this.#composing = false;
      if (this.#element) this.follow(this.#element);
    });
    field.addEventListener('blur', () => this.close());
    field.addEventListener('keydown', (event) => {
      const ends = event.key === 'Escape' || (event.key === 'Enter' && (event.ctrlKey || event.metaKey));
      if (!ends || event.isComposing) return;
      event.preventDefault();
      this.close();
      this.after();
    });
  }

  /** What has the focus next. */
  after = () => {};

  /**
   * @param {Place} how
   * @param {Present} [element]  one that is there
   */
  open({ x, y, ...style }, element) {
    this.close();
    const { value } = element ?? {};
    this.#element = element ?? null;
    // A new one begins where its line would be written, not below it.
    const place = value ? placeOf(value) : { x: coordinate(x), y: coordinate(y - style.size * LINE_HEIGHT / 2), ...style };
    this.#known = this.#field.value = value?.text ?? '';
    this.#field.hidden = false;
    this.#show(place);
    this.#field.focus();
  }

  /** @param {Place} place */
  #show(place) {
    this.#open = place;
    this.#field.dataset.colour = String(place.colour);
    this.place();
  }

  /**
   * Somebody has changed an element.
   * @param {import('./elements.js').Element} element
   */
  follow({ id, value }) {
    if (!this.#open || id !== this.#element?.id || !value || this.#composing) return;
    if (value.text !== this.#known) this.#merge(value.text);
    const [place, before] = [placeOf(value), this.#open];
    const names = /** @type {(keyof Place)[]} */ (Object.keys(place));
    if (value.text !== this.#known || names.some((name) => place[name] !== before[name])) this.#show(place);
    this.#known = value.text;
  }

  /** @param {string} text */
  #merge(text) {
    const { value, selectionStart, selectionEnd, selectionDirection } = this.#field;
    const merged = mergeText(this.#known, value, text);
    this.#field.value = merged;
    const [start, end] = [selectionStart, selectionEnd].map((offset) => offsetIn(value, merged, offset));
    this.#field.setSelectionRange(start, end, selectionDirection);
  }

  get isOpen() {
    return this.#open !== null;
  }

  /**
   * What is written now, and from now on.
   * @param {Partial<import('./shapes.js').Style>} style
   */
  restyle(style) {
    const change = restyled('text', style);
    if (!this.#open || !change) return;
    this.#show({ ...this.#open, ...style });
    if (this.#element) this.#drawing.edit(this.#element, change);
  }

  /** The view, or what is written, has changed. */
  place() {
    if (!this.#open) return;
    const { x, y, size: units } = this.#open;
    const { style } = this.#field;
    const at = this.#view.toWindow({ x, y });
    const size = units * this.#view.scale;
    style.font = `${size}px/${LINE_HEIGHT} ${FONT}`;
    style.translate = `${at.x}px ${at.y}px`;
    style.width = style.height = '0';
    style.width = `${Math.max(this.#field.scrollWidth, size) + ROOM_PX}px`;
    style.height = `${Math.max(this.#field.scrollHeight, size * LINE_HEIGHT)}px`;
  }

  close() {
    if (!this.#open) return;
    this.#open = null;
    this.#field.hidden = true;
    if (this.#element) this.#drawing.commit();
    this.#element = null;
    this.#paper.requestPaint();
  }

  /** The others see it being written. */
  #write() {
    const before = this.#known;
    const written = this.#known = cleanText(this.#field.value);
    if (this.#element && !this.#element.value) this.#element = null; // somebody took it away
    const text = this.#element?.value ? cleanText(mergeText(before, written, this.#element.value.text)) : written;
    if (this.#element) {
      if (text) this.#drawing.edit(this.#element, { text });
      else this.#drawing.remove(this.#element);
    } else if (text && this.#open) {
      const { x, y, ...style } = this.#open;
      this.#element = this.#drawing.add({ kind: 'text', ...styled('text', style), x, y, text });
      if (!this.#element) this.#say(FULL);
    }
    this.place();
  }
}

/** @param {import('./elements.js').Value} value */
function placeOf(value) {
  const { x, y, colour, width } = value;
  return { x, y, colour, width, ...styleOf(value) };
}
