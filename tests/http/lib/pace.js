// pace.js - how fast this machine is, so that no test has to guess.
//
// What a test says in seconds is one of two things. A promise of ours (503 within 2 s, a stream that is back within
// 5 s) holds on every machine and stands in the test as it is. What the test's own side takes, which starts
// processes, asks, and hears of the answer beside other tests, is so many steps, and what a step takes is measured:
// a program is started as a web server starts it for CGI, and a request is answered. So a grace in which a client has
// to come back is seconds(n) of steps, and what must be prompt is promised + steps(n).
//
// tests/run measures once, with as many at a time as there are jobs, and hands the outcome on as PACE_MS; a file
// that is run by itself measures by itself. "node pace.js 8" prints what a step takes where eight are at work.
import { spawn } from 'node:child_process';
import { existsSync, rmSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { argv, env, execPath, pid } from 'node:process';
import { fileURLToPath } from 'node:url';

const ROUNDS = 5; // of steps, after one that does not count, in which files are read from the disk
const STEP_MIN_MS = 25; // a job of the scheduler's own: others are let go first

const TOP = fileURLToPath(new URL('../../..', import.meta.url));
/** The folder that it was built in. */
export const BUILD = env.SANITIZE ? path.join(TOP, '.build', `sanitize-${env.SANITIZE}`) : env.BUILD || path.join(TOP, '.build');

const SHM = `drawbridge.pace.${pid}`;

/** What CGI says of a request that needs no Redis, and the settings. */
const REQUEST = { REQUEST_METHOD: 'GET', REQUEST_URI: '/health/live', DRAWBRIDGE_SECRET: 'x'.repeat(32), DRAWBRIDGE_SHM: SHM };

/** A command that takes what our program takes to start, also where that is not built yet. */
function program() {
  const ours = path.join(BUILD, 'signal.fcgi');
  return existsSync(ours) ? [ours] : [execPath, '-e', '0'];
}

/** How long a program takes that is started as for a request, in ms.
 *  @param {string[]} command */
async function timeOf([command, ...args]) {
  const start = performance.now();
  const child = spawn(command, args, { env: { ...env, ...REQUEST }, stdio: 'ignore' });
  await new Promise((resolve, reject) => { child.on('exit', resolve).on('error', reject); });
  return performance.now() - start;
}

async function step(port, under) {
  const start = await timeOf([...under, ...program()]);
  const asked = performance.now();
  await new Promise((resolve, reject) => {
    http.get({ host: '127.0.0.1', port, agent: false }, (response) => response.resume().on('end', resolve)).on('error', reject);
  });
  return start + performance.now() - asked;
}

/** The slowest of several steps, in ms, where so many are taken at a time.
 *  @param {number} [jobs]
 *  @param {{under?: string[], rounds?: number}} [options]  under: a command that runs the program */
export async function measure(jobs = 1, { under = [], rounds = ROUNDS } = {}) {
  const server = http.createServer((_, response) => response.end('{}')).listen(0, '127.0.0.1');
  await new Promise((resolve) => { server.on('listening', resolve); });
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  const times = [];
  await Promise.all(Array.from({ length: jobs }, async () => {
    await step(port, under);
    for (let i = 0; i < rounds; i++) times.push(await step(port, under));
  }));
  server.close();
  rmSync(path.join('/dev/shm', SHM), { force: true });
  return Math.ceil(Math.max(STEP_MIN_MS, ...times));
}

const isProgram = argv[1] === fileURLToPath(import.meta.url);

/** What a step takes, in ms. (Programs with sanitizers are others than those that tests/run has measured.) */
export const STEP_MS = isProgram ? await measure(Number(argv[2]) || 1)
  : Math.max(Number(env.PACE_MS) || 0, env.PACE_MS && !env.SANITIZE ? 0 : await measure());

/** So many steps, in ms. */
export const steps = (n) => n * STEP_MS;

/** So many at this time, for what is nothing but processes: others have begun to work since. */
export const stepsNow = async (n) => n * Math.max(STEP_MS, await measure());

/** For a setting: so many seconds, and so many steps more, in whole seconds. */
export const seconds = (least, n) => least + Math.ceil(steps(n) / 1000);

if (isProgram) console.log(STEP_MS);
