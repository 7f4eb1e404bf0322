// command.js - one command, run to its end.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { seconds } from './pace.js';
import { WAIT_MS, within } from './wait.js';

const SMOKE = fileURLToPath(new URL('../../smoke.sh', import.meta.url));

/**
 * @param {string} program
 * @param {string[]} args
 * @param {object} [settings]  of DRAWBRIDGE_*, without that
 * @returns {Promise<{status: number, out: string, err: string}>}
 */
export function command(program, args, settings = {}) {
  const env = Object.fromEntries([
    ...Object.entries(process.env).filter(([name]) => !/^DRAWBRIDGE_|_proxy$/i.test(name)),
    ...Object.entries(settings).map(([name, value]) => [`DRAWBRIDGE_${name}`, String(value)]),
  ]);
  const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '', err = '';
  child.stdout.on('data', (text) => { out += text; });
  child.stderr.on('data', (text) => { err += text; });
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (status) => resolve({ status, out, err }));
  });
  return within(12 * WAIT_MS, ended, `${program} ${args[0]} to end; it said:\n${out}${err}`).finally(() => child.kill());
}

/** The smoke test of what is at a URL. */
export const smoke = (url, ...options) => command('sh', [SMOKE, '-w', String(seconds(5, 10)), ...options, url.href]);
