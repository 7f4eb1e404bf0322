// courses.js - which runs there are, and how one is told.
import { MODES } from './faults.js';

export const randomSeed = () => Math.floor(Math.random() * 2 ** 31);

/** Who takes part beside sixteen pages. */
const PLAIN = {};
const TWINS = { twins: true };
const EVERYBODY = { twins: true, node: true };

const each = (seed, parts) => parts.flatMap((part) => Object.keys(MODES).map((mode) => ({ seed, mode, ...part })));

/** Of one seed: each mode, for the check. */
export const coursesOfCheck = (seed) => each(seed, [PLAIN, EVERYBODY]);
/** For hours. */
export const courses = (seed) => each(seed, [PLAIN, TWINS, EVERYBODY]);

export function describe({ seed, mode, twins, node }) {
  return `seed ${seed}, ${mode}${twins ? ', twins' : ''}${node ? ', node' : ''}`;
}

/** That repeats exactly this. */
export function commandOf({ seed, mode, twins, node }) {
  return `SEED=${seed} MODE=${mode}${twins ? ' TWINS=1' : ''}${node ? ' NODE=1' : ''} node tests/model/run.js`;
}

/** For who reads a violation. */
export function report(course, { violations, trace }) {
  return `${violations.join('\n')}\n\nWhat happened last (seconds, who or which step, …):\n${trace.join('\n')}\n\n` +
    `To repeat it exactly: ${commandOf(course)}`;
}
