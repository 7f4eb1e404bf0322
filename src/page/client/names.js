/**
 * names.js - what people call themselves.
 */

/**
 * A name that a page may show in the middle of a sentence: no character in it changes the direction of the text
 * around it, as U+202E does.
 * @param {string} name
 */
export function withoutBidi(name) {
  return name.replace(/\p{Bidi_Control}/gu, '');
}
