/**
 * names.js - what people call themselves.
 */

/**
 * A name that a page may show in the middle of a sentence: it has no character that turns round the text
 * after it, as U+202E does.
 * @param {string} name
 */
export function withoutBidi(name) {
  return name.replace(/\p{Bidi_Control}/gu, '');
}
