// programs.js - programs that are not to be had everywhere: without one the tests that want it are skipped, and say so.
// What every machine can have is not of these: where that is missing, the tests fail.
import { accessSync, constants } from 'node:fs';
import path from 'node:path';

// As people know it, where the program has another name.
const NAMES = { turnserver: 'coturn', 'systemd-analyze': 'systemd', 'systemd-socket-activate': 'systemd' };

function isExecutable(file) {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {string} program  looked for in PATH, or a path
 * @returns {string | undefined}  why a test that wants it is skipped, as node:test's "skip" takes it
 */
export function missing(program) {
  const found = program.includes('/') ? isExecutable(program)
    : (process.env.PATH ?? '').split(':').some((folder) => isExecutable(path.join(folder, program)));
  return found ? undefined : `no ${NAMES[program] ?? path.basename(program)}`;
}
