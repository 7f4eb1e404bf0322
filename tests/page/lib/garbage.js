// garbage.js - what nothing holds is gone, so that a WeakRef says what is held.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { settle } from './browser.js';

export async function collectGarbage() {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc');
  for (let i = 0; i < 3; i++) {
    await settle(); // a reference that was looked at lives until the end of its turn
    gc();
  }
}
