/**
 * name.js - what name.html offers who asked for a room by a name that none can have, and which stands in the fragment.
 */

const LENGTH_MAX = 64;

/**
 * The name that is closest to a text: letters lose their accents, and anything else becomes a dash.
 * @param {string} text
 * @returns {string} empty: there is none
 */
export function nameOf(text) {
  const name = text.normalize('NFKD').replace(/\p{Mark}/gu, '').replace(/[^A-Za-z0-9_-]+/g, '-').slice(0, LENGTH_MAX)
    .replace(/^-+|-+$/g, '');
  // Where it is one, it is a word of the server's.
  return name && name === text ? `${name.slice(0, LENGTH_MAX - 2)}-1` : name;
}

function asked() {
  const text = location.hash.slice(1);
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // bytes that are no UTF-8
  }
}

const name = nameOf(asked());
if (name) {
  const link = /** @type {HTMLAnchorElement} */ (document.querySelector('#offer a'));
  link.textContent = name;
  link.href = `../${name}`;
  /** @type {HTMLElement} */ (document.querySelector('#offer')).hidden = false;
}
