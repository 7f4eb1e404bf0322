/**
 * random.js - names that nobody else has.
 */

/** crypto.randomUUID exists in secure contexts only. */
export function randomId() {
  const bytes = crypto.getRandomValues(new Uint8Array(8));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}
