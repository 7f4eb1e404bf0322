// crypto.js - what every browser has and Node 18, which is Debian 12's, has not.
import { webcrypto } from 'node:crypto';

globalThis.crypto ??= /** @type {Crypto} */ (webcrypto);
