/**
 * clipboard.js - cut, copy and paste: by the browser's own commands, and by buttons.
 */

import { writeFile } from './files.js';

export class Clipboard {
  #desk;
  #clip = ''; // where the browser's cannot be read

  /**
   * @param {object} desk
   * @param {import('./elements.js').Elements} desk.elements
   * @param {import('./selection.js').Selection} desk.selection
   * @param {import('./inserter.js').Inserter} desk.inserter
   * @param {(sentence: string) => void} desk.say
   */
  constructor(desk) {
    this.#desk = desk;
    for (const type of /** @type {const} */ (['copy', 'cut', 'paste'])) addEventListener(type, (event) => this.#heed(event));
    addEventListener('dragover', (event) => event.preventDefault());
    addEventListener('drop', (event) => {
      event.preventDefault();
      if (event.dataTransfer?.files[0]) desk.inserter.open(event.dataTransfer.files[0]);
    });
  }

  copy() {
    const text = this.#selected();
    if (text) navigator.clipboard?.writeText(text).catch(() => {});
    return Boolean(text);
  }

  cut() {
    if (this.copy()) this.#desk.selection.remove();
  }

  async paste() {
    const text = await navigator.clipboard?.readText().catch(() => '');
    this.#desk.inserter.paste(text || this.#clip);
  }

  /** @returns {string} what is selected, as a file; empty: nothing is */
  #selected() {
    const { elements, selection, say } = this.#desk;
    const chosen = elements.list.filter((one) => selection.has(one));
    if (chosen.length) this.#clip = writeFile(chosen);
    else say('Nothing is selected.');
    return chosen.length ? this.#clip : '';
  }

  /**
   * In a field, the clipboard is the field's.
   * @param {ClipboardEvent} event
   */
  #heed(event) {
    const { selection, inserter } = this.#desk;
    const { type, target, clipboardData } = event;
    if (!clipboardData || (target instanceof Element && target.matches('textarea, #name'))) return;
    if (type === 'paste') {
      event.preventDefault();
      if (clipboardData.files[0]) inserter.open(clipboardData.files[0]);
      else inserter.paste(clipboardData.getData('text/plain'));
      return;
    }
    if (!selection.list.length) return;
    event.preventDefault();
    clipboardData.setData('text/plain', this.#selected());
    if (type === 'cut') selection.remove();
  }
}
