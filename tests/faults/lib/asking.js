// asking.js - a thread that sends malformed requests, over connections of its own. It is asked to have sent so many by then, and
// gives how often each status came; the first that is not right is an error.
import { workerData } from 'node:worker_threads';
import { Connection } from '../../http/lib/connection.js';
import { dice } from '../../http/lib/dice.js';
import { Malformed } from '../../http/lib/malformed.js';
import { answer } from '../../http/lib/thread.js';

const { seed, connections, base, ...there } = workerData;

/** 501, 505, and 500 for a body that was cut, are the web server's. It may close a connection
 *  without an answer where it cannot tell where the request ends. */
function isRight({ ends }, status, isOurs) {
  if (status === 0) return ends;
  return status < 500 || (!isOurs && (status === 501 || status === 505 || (status === 500 && ends)));
}

const askers = Array.from({ length: connections }, (_, i) => ({
  malformed: new Malformed(dice(seed * connections + i), { ...there, base: new URL(base) }),
  connection: new Connection(new URL(base)),
}));
const statuses = {};
let asked = 0;

answer(async (count) => {
  await Promise.all(askers.map(async ({ malformed, connection }) => {
    while (asked < count) {
      asked++;
      const request = malformed.next();
      const { status, isOurs } = await connection.ask(request);
      statuses[status] = (statuses[status] ?? 0) + 1;
      if (!isRight(request, status, isOurs)) throw new Error(`${status} to ${JSON.stringify(request.bytes.toString('latin1'))}`);
    }
  }));
  return statuses;
});
