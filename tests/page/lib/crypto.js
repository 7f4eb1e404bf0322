// crypto.js - what every browser has and Node 18, which is Debian 12's, has not; and whether ciphers are at work, which are in
// threads of their own, and take as long there as the machine lets them.
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= /** @type {Crypto} */ (webcrypto);

/** How many there were, and how many have no result yet. */
export const ciphers = { begun: 0, atWork: 0 };

const subtle = /** @type {Record<string, any>} */ (/** @type {unknown} */ (crypto.subtle));
for (const name of ['decrypt', 'deriveKey', 'digest', 'encrypt', 'importKey', 'sign', 'verify']) {
  const run = subtle[name];
  subtle[name] = (...details) => {
    const result = run.apply(subtle, details);
    const done = () => { ciphers.atWork--; };
    ciphers.begun++;
    ciphers.atWork++;
    result.then(done, done);
    return result;
  };
}
