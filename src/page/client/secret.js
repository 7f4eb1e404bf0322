/**
 * secret.js - what a secret may be that seals what goes by the server (seal.js), and a new one.
 */

import { randomId } from './random.js';

const SECRET_MIN = 16; // characters: who makes one up is kept from a word, at least

/** @returns {string} 128 random bits, which may stand in the fragment of a URL as they are */
export function newSecret() {
  return randomId() + randomId();
}

/**
 * @param {unknown} secret
 * @throws {TypeError | Error} it cannot be one; or this page cannot use any
 */
export function checkSecret(secret) {
  if (typeof secret !== 'string' || secret.length < SECRET_MIN) {
    throw new TypeError(`A secret is a string of at least ${SECRET_MIN} characters; newSecret() makes one.`);
  }
  if (!globalThis.crypto?.subtle) {
    throw new Error('A secret can be used in a secure context only: by HTTPS, or on localhost.');
  }
}
