// A Redis Cluster, of which one slot is ours: the node that has it dies, stands still, is demoted, or gives the slot away. It is
// found where it is then, and nothing is lost without a word.
import assert from 'node:assert/strict';
import { failovers } from './lib/failovers.js';
import { KILLED } from './lib/logs.js';
import { meet } from './lib/peer.js';
import { Cluster } from './lib/redis-cluster.js';
import { FULL, suite } from './lib/suite.js';
import { randomId } from './lib/tokens.js';
import { until } from './lib/wait.js';

const PING = 1; // seconds
const PASSWORD = 'not-a-secret-of-anybody';
const PREFIX = '{draw}';

if (FULL) suite('cluster', {
  settings: { PING, RATE: 0, RATE_BYTES: 0, PREFIX },
  redis: () => Cluster.start(PASSWORD, PREFIX),
  allowed: [
    /^(warn|error) at=(redis|cluster|stream|health)\.[a-z]+ /,
    ...KILLED,
  ],
}, (site, it) => {
  failovers(site, it, { at: 'cluster', prefix: PREFIX, hears: true });

  it('an empty slot is given to another node: MOVED is followed at once, and nobody is refused', async () => {
    const { server } = site;
    const [master] = await server.pair();
    const [to] = server.others;
    const ann = site.peer();
    const statuses = new Set();
    let asked = 0, isOver = false;
    // Nobody shares a room with ann, so it leaves no key.
    const asking = (async () => {
      for (; !isOver; asked++) statuses.add((await ann.ask('POST', '/relay/nobody/x', '1')).status);
    })();
    try {
      await until(async () => {
        await master.ask('FLUSHALL');
        return await master.ask('CLUSTER', 'COUNTKEYSINSLOT', server.slot) === 0 && asked > 0;
      }, 'an empty slot');
      const id = await to.ask('CLUSTER', 'MYID');
      for (const node of [to, master]) await node.ask('CLUSTER', 'SETSLOT', server.slot, 'NODE', id);
      const before = asked;
      await until(() => asked > before + 10, 'ten requests more');
    } finally {
      isOver = true;
      await asking;
    }
    assert.deepEqual([...statuses], [404]);
    const bob = site.peer();
    for (const peer of [ann, bob]) peer.stream = await peer.open();
    await meet(ann, bob, randomId('r'));
  });
});
