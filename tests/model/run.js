// run.js - plays the protocol's steps (src/store/lua, the real ones) in virtual time, under random failures;
// tells a line a run, and ends at the first violation. (make model)
//
//   SEED=n MODE=kill|stall|vanish|wipe|pause|clock|all TWINS=1 NODE=1 node run.js    one course
//   MINUTES=60 node run.js       each mode, with and without twins and Node peers, for so long; RUNS=n: so many
//
// How to read a violation: its first line says what did not hold, and for whom (lib/checks.js has it by these
// words). Below are the last things that happened: virtual seconds; a step with its peer, room or receiver, and
// what it answered; "p3 got" an event that the page was told; FAULT (lib/faults.js). The last line repeats all
// of it: the seed decides every choice, time is virtual, and one thing happens after the other.
//
// Modelled: streams, pages, processes and peers of the Node application (lib/stream.js, page.js, node-peer.js).
// Not modelled: real stalls, replicas, Sentinel, Cluster (instead: late scripts, another run_id on older data),
// half-open subscriptions, PREFIX, RTCPeerConnection, crashes of Node processes.
import { RedisServer } from '../http/lib/redis-server.js';
import { courses, describe, randomSeed, report } from './lib/courses.js';
import { simulate } from './lib/simulation.js';

const { SEED, MODE, TWINS, NODE, MINUTES = '60', RUNS } = process.env;
const first = Number(SEED || randomSeed());

function* chosen() {
  if (MODE) {
    yield { seed: first, mode: MODE, twins: TWINS === '1', node: NODE === '1' };
    return;
  }
  const end = Date.now() + Number(MINUTES) * 60_000;
  let runs = 0;
  for (let seed = first; ; seed++) {
    for (const course of courses(seed)) {
      if (RUNS ? runs++ >= Number(RUNS) : Date.now() > end) return;
      yield course;
    }
  }
}

const server = await RedisServer.start();
try {
  for (const course of chosen()) {
    const result = await simulate(server, course);
    console.log(`${result.violations.length ? 'VIOLATED' : 'ok'} ${describe(course)}: ${result.events} events, ` +
      `longest ghost ${(result.longestGhost / 1000).toFixed(1)} s, trace ${result.digest.slice(0, 12)}`);
    if (result.violations.length) {
      console.error(report(course, result));
      process.exitCode = 1;
      break;
    }
  }
} finally {
  await server.remove();
}
