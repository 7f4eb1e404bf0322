// script-time.js - how long scripts keep Redis from everybody else, held against the most that they may.
//
// That is 2 ms, on a machine as ours where nothing else runs. How many these are here and now a script tells that does
// nothing but run so many commands, and is run all the while beside the others: on a slower machine it takes longer, as
// they do; and of both the shortest tenth counts, since any may have had to wait for a processor. (So a script is not
// judged that ran less than a few times; nor one that came as a text, which Redis compiles once.)
import { setTimeout as sleep } from 'node:timers/promises';

const MOST = "for _ = 1, 5500 do redis.call('EXISTS', 'most') end";
const BETWEEN_MS = 5, RUNS_MIN = 10, JUDGED_MIN = 5;

/** @param {number[]} us */
const shortest = (us) => us.sort((a, b) => a - b)[Math.floor(us.length / 10)];

/** Does something.
 *  @returns {Promise<{count: number, judged: {sha1: string, us: number[], shortest: number}[], most: number}>}  how many scripts
 *  Redis ran meanwhile; those to be judged; and how long one may take. */
export async function timeScripts(site, run) {
  const ours = await site.redis('SCRIPT', 'LOAD', MOST);
  await site.redis('CONFIG', 'SET', 'slowlog-log-slower-than', '30'); // not the commands in them
  await site.redis('CONFIG', 'SET', 'slowlog-max-len', '20000');
  await site.redis('SLOWLOG', 'RESET');
  let isDone = false;
  const measuring = (async () => {
    for (let runs = 0; !isDone || runs < RUNS_MIN; runs++) {
      await site.redis('EVALSHA', ours, '0');
      await sleep(BETWEEN_MS);
    }
  })();
  try {
    await run();
  } finally {
    isDone = true;
    await measuring;
    await site.redis('CONFIG', 'SET', 'slowlog-log-slower-than', '-1');
  }
  /** @type {Map<string, number[]>} */
  const times = new Map();
  for (const [, , us, [command, id]] of await site.redis('SLOWLOG', 'GET', '-1')) {
    if (/^EVAL/i.test(command)) times.set(id, [...times.get(id) ?? [], us]);
  }
  const most = shortest(times.get(ours) ?? []);
  times.delete(ours);
  const all = [...times].map(([id, us]) => ({ sha1: id, us, shortest: shortest(us) }));
  return { count: all.reduce((sum, { us }) => sum + us.length, 0), judged: all.filter(({ us }) => us.length >= JUDGED_MIN), most };
}
