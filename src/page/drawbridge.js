/**
 * drawbridge.js - the one module that a page imports: the client, of the Drawbridge that it comes from.
 *
 *     import { Drawbridge } from 'https://draw.example/static/drawbridge.js';
 *
 *     const bridge = new Drawbridge({ username: 'ann' });
 *     bridge.on('join', (peer) => bridge.send('hello', peer));
 *     bridge.on('data', (data, peer) => console.log(peer.username, data));
 *     await bridge.join('tea');
 */

import { Drawbridge } from './client/drawbridge.js';

Drawbridge.base = new URL('..', import.meta.url);

export * from './client/drawbridge.js';
