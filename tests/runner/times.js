// times.js - how many seconds each job took when it ran last: {wall, jobs: {name: seconds}}, kept in the build folder.
// It orders jobs and says how long it still takes; without it both are guesses.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const file = (build) => path.join(build, 'check-times.json');

export function readTimes(build) {
  try {
    return JSON.parse(readFileSync(file(build), 'utf8'));
  } catch {
    return { jobs: {} };
  }
}

/** @param {number} [wall]  seconds of the whole; left as it was where only some ran */
export function writeTimes(build, last, results, wall) {
  const jobs = { ...last.jobs, ...Object.fromEntries(results.map(({ job, seconds }) => [job.name, Math.round(seconds * 10) / 10])) };
  writeFileSync(file(build), `${JSON.stringify({ wall: wall ?? last.wall, jobs }, null, 1)}\n`);
}
