// A Redis Cluster, of which one slot is ours: the node that has it dies, stands still, is demoted, or gives the slot away. It is
// found where it is then, and nothing is lost without a word.
import assert from 'node:assert/strict';
import { failovers } from './lib/failovers.js';
import { KILLED } from './lib/logs.js';
import { isRelayed } from './lib/peer.js';
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
    const [ann, bob] = [site.peer(), site.peer()];
    const id = await to.ask('CLUSTER', 'MYID');
    await to.ask('CLUSTER', 'SETSLOT', server.slot, 'NODE', id);
    await until(async () => {
      await master.ask('FLUSHALL');
      return master.ask('CLUSTER', 'SETSLOT', server.slot, 'NODE', id).catch(() => false); // not while it has a key
    }, 'the slot to be given away');
    bob.stream = await bob.open();
    ann.stream = await ann.open();
    const room = randomId('r');
    await ann.join(room);
    await bob.join(room);
    assert.equal(await ann.relay(bob, 'x', 1), true);
    isRelayed(await bob.stream.find(({ event }) => event === 'x'), ann, 'x', 1);
  });
});
