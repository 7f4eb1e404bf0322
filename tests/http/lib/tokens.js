// tokens.js - JSON Web Tokens (RFC 7519) by hand, good ones and bad ones.
import { createHmac, randomBytes } from 'node:crypto';

export const nowSeconds = () => Math.floor(Date.now() / 1000);

/** A key of 32 bytes, and an ID that is nobody else's. */
export const randomSecret = () => randomBytes(32).toString('hex');
export const randomId = (prefix = '') => prefix + randomBytes(6).toString('hex');

const encode = (value) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value))
  .toString('base64url');

const HASHES = { HS256: 'sha256', HS384: 'sha384', HS512: 'sha512' };

/**
 * @param {object | string} claims  a string is taken as it is
 * @param {string} secret
 * @param {{header?: object, hash?: string}} [options]  hash: as which the signature is made,
 *     whatever the header says; '' makes none
 */
export function sign(claims, secret, { header = { alg: 'HS256', typ: 'JWT' }, hash } = {}) {
  const text = `${encode(header)}.${encode(claims)}`;
  hash ??= HASHES[header.alg] ?? '';
  return `${text}.${hash && createHmac(hash, secret).update(text).digest('base64url')}`;
}

/** What a token says, once its signature was found right; else undefined. */
export function verify(token, secret) {
  const [header, claims, signature] = token.split('.');
  const right = createHmac('sha256', secret).update(`${header}.${claims}`).digest('base64url');
  return signature === right ? JSON.parse(Buffer.from(claims, 'base64url').toString()) : undefined;
}
