// times.js - how many seconds each job took when it ran last, and of a processor: {wall, jobs: {name: seconds}, cpu: {name:
// seconds}}, kept in the build folder.
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
  const byName = (of) => Object.fromEntries(results.map((result) => [result.job.name, Math.round(of(result) * 10) / 10]));
  const jobs = { ...last.jobs, ...byName(({ seconds }) => seconds) };
  const cpu = { ...last.cpu, ...byName((result) => result.cpu) };
  writeFileSync(file(build), `${JSON.stringify({ wall: wall ?? last.wall, jobs, cpu }, null, 1)}\n`);
}
