/**
 * private.js - boards whose link has a secret, in its fragment: browsers send that to nobody.
 *
 * What is drawn on one is kept apart from the open board of the same room, and from those with other secrets: else whoever
 * opened that one in this browser would show it to everybody there.
 */

const NAME = 'secret';

/**
 * @param {string} hash  of the page's location
 * @returns {string | null} null: the board is open
 */
export function secretIn(hash) {
  return new URLSearchParams(hash.slice(1)).get(NAME);
}

/** @param {string} secret */
export function hashWith(secret) {
  return `#${NAME}=${encodeURIComponent(secret)}`;
}

/**
 * Under which name this browser keeps what is drawn in a room. It does not tell the secret.
 * @param {string} room
 * @param {string | null} secret
 */
export async function storeName(room, secret) {
  if (secret === null) return room;
  const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(`drawbridge board ${secret}`));
  return `${room} ${Array.from(new Uint8Array(digest, 0, 16), (byte) => byte.toString(16).padStart(2, '0')).join('')}`;
}
