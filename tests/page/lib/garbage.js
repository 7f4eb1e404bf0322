// garbage.js - what nothing holds is gone, so that a WeakRef says what is held.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { turns } from './clock.js';

export async function collectGarbage() {
  setFlagsFromString('--expose-gc');
  const gc = runInNewContext('gc');
  for (let i = 0; i < 3; i++) {
    for (let turn = 0; turn < 10; turn++) await turns(); // a reference that was looked at lives until the end of its turn
    gc();
  }
}
