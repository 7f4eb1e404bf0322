/**
 * offers.js - what can be done now, on a card that stays until it is done or closed: a sentence and a button.
 */

/** @typedef {{sentence: string, label: string, run: () => void, closed: () => void}} Offer */

export class Offers {
  #card;
  #sentence;
  #button;
  /** @type {Map<string, Offer>} by name: the last one is shown */
  #offers = new Map();

  /** @param {HTMLElement} card  with a sentence, the button, and one that closes it */
  constructor(card) {
    this.#card = card;
    this.#sentence = /** @type {HTMLElement} */ (card.querySelector('p'));
    const [button, close] = card.querySelectorAll('button');
    this.#button = button;
    button.addEventListener('click', () => this.#last?.[1].run());
    close.addEventListener('click', () => {
      const [name, offer] = this.#last ?? [];
      if (!name || !offer) return;
      offer.closed();
      this.set(name, null);
    });
  }

  /**
   * @param {string} name
   * @param {Offer | null} offer  null: there is nothing to be done any more
   */
  set(name, offer) {
    if (offer) this.#offers.set(name, offer);
    else this.#offers.delete(name);
    const [, { sentence, label } = { sentence: '', label: '' }] = this.#last ?? [];
    this.#card.hidden = !sentence;
    if (this.#sentence.textContent !== sentence) this.#sentence.textContent = sentence;
    this.#button.textContent = label;
  }

  get #last() {
    return [...this.#offers].at(-1);
  }
}
