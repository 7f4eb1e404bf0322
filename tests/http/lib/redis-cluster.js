// redis-cluster.js - a Redis Cluster of four nodes: three masters, and a replica of the one that has the slot of our keys.
import { command } from './command.js';
import { redisUser, sentinelRights } from './documents.js';
import { steps } from './pace.js';
import { freePort, PROGRAM, RedisServer } from './redis-server.js';
import { until, WAIT_MS } from './wait.js';

const SLOTS = 16_384, MASTERS = 3;
// A node that is only slow is not down.
const TIMEOUT_MS = 500 + Math.ceil(steps(5));

class Node extends RedisServer {
  /** @type {number} */ busPort;

  options() {
    return [...super.options(), '--cluster-enabled', 'yes', '--cluster-port', this.busPort, '--cluster-node-timeout', TIMEOUT_MS,
      '--cluster-require-full-coverage', 'no', '--cluster-replica-validity-factor', '0', '--cluster-allow-replica-migration', 'no',
      '--masterauth', this.password, '--repl-diskless-sync-delay', '0',
      ...(this.tls ? ['--tls-cluster', 'yes', '--tls-replication', 'yes'] : [])];
  }

  /** It tells what it knows, though it is a replica. */
  async connect() {
    const redis = await super.connect();
    await redis.ask('READONLY');
    return redis;
  }

  async isMaster() {
    return (await this.ask('ROLE'))[0] === 'master';
  }

  /** @param {Node} other */
  meet(other) { return this.ask('CLUSTER', 'MEET', '127.0.0.1', other.port, other.busPort); }
}

/** As Sentinels is: see there. */
export class Cluster {
  /** Ready for a failover.
   *  @param {string} password
   *  @param {string} prefix  of the keys, with a hash tag
   *  @param {RedisServer['tls']} [tls]  of all */
  static async start(password, prefix, tls) {
    const { name, rights } = redisUser();
    const user = { name, rights: [...rights.map((right) => right.replace('&', `&${prefix}`)), ...sentinelRights()] };
    const nodes = [];
    for (let i = 0; i <= MASTERS; i++) nodes.push(await Node.start(password, { user, tls, busPort: await freePort() }));
    const slot = await nodes[0].ask('CLUSTER', 'KEYSLOT', prefix);
    const all = new Cluster(nodes, slot);
    await all.#join();
    await all.ready();
    return all;
  }

  /** @param {Node[]} nodes
   *  @param {number} slot */
  constructor(nodes, slot) {
    this.nodes = nodes;
    this.slot = slot;
    const owner = Math.floor(slot * MASTERS / SLOTS);
    /** Those that have the slot, one after the other. */
    this.servers = [nodes[owner], nodes[MASTERS]];
    this.others = nodes.filter((node) => !this.servers.includes(node));
  }

  async #join() {
    const [first, ...rest] = this.nodes;
    for (const node of rest) await first.meet(node);
    for (let i = 0; i < MASTERS; i++) {
      await this.nodes[i].ask('CLUSTER', 'ADDSLOTSRANGE', Math.ceil(i * SLOTS / MASTERS), Math.ceil((i + 1) * SLOTS / MASTERS) - 1);
    }
    await this.#all(async (node) => Number(await info(node, 'cluster_known_nodes')) === this.nodes.length, 'the nodes to meet');
    const [owner, replica] = this.servers;
    await replica.ask('CLUSTER', 'REPLICATE', await owner.ask('CLUSTER', 'MYID'));
  }

  #all(ask, what) {
    return until(async () => {
      for (const node of this.nodes) if (!await ask(node)) return false;
      return true;
    }, what, 4 * WAIT_MS);
  }

  get url() {
    const [{ password, user, tls }] = this.nodes;
    return `redis${tls ? 's' : ''}+cluster://${user.name}:${password}@${this.nodes.map(({ served }) => `127.0.0.1:${served}`).join()}${
      tls ? `?ca=${encodeURIComponent(tls.ca)}` : ''}`;
  }

  /** The master of the slot and the other, as the other nodes see it. */
  async pair() {
    const ranges = await this.others[0].ask('CLUSTER', 'SLOTS');
    const [, , [, port]] = ranges.find(([first, last]) => first <= this.slot && this.slot <= last);
    const [a, b] = this.servers;
    return a.port === port ? [a, b] : [b, a];
  }

  /** All know each other, and a replica that is up to date. */
  async ready() {
    await this.#all(async (node) => await info(node, 'cluster_state') === 'ok', 'a cluster that is ready');
    await until(async () => {
      const [master, replica] = await this.pair();
      const [role, , port, link] = await replica.ask('ROLE');
      return role === 'slave' && port === master.served && link === 'connected';
    }, 'the replica to be up to date', 4 * WAIT_MS);
  }

  /** How often a node was asked for the others. (We do, too.) */
  async asked() {
    let sum = 0;
    for (const node of this.nodes) sum += Number(/^cmdstat_cluster\|slots:calls=(\d+)/m.exec(await node.ask('INFO', 'commandstats'))?.[1] ?? 0);
    return sum;
  }

  /** How often that node has said that the slot is on its way. */
  async unsettled(node) {
    return [...(await node.ask('INFO', 'errorstats')).matchAll(/^errorstat_(?:ASK|TRYAGAIN):count=(\d+)/gm)]
      .reduce((sum, [, count]) => sum + Number(count), 0);
  }

  /** Asks for a failover, without any need. */
  async fail() {
    const [, replica] = await this.pair();
    await replica.ask('CLUSTER', 'FAILOVER');
  }

  /** Until all name another master, and it is one. */
  async failover(from) {
    await until(async () => {
      const [master] = await this.pair();
      return master !== from && master.isMaster();
    }, 'the failover', 3 * WAIT_MS);
  }

  /** Brings one that was killed back, as replica of the other. */
  async restore(server) {
    await server.start();
    await this.ready();
  }

  /** Gives the slot with all that it holds to another master.
   *  @param {Node} from
   *  @param {Node} to
   *  @param {() => Promise<void>} halfway  what is done when half of its keys are there */
  async move(from, to, halfway) {
    const { slot } = this;
    const [old, next] = await Promise.all([from, to].map((node) => node.ask('CLUSTER', 'MYID')));
    await to.ask('CLUSTER', 'SETSLOT', slot, 'IMPORTING', old);
    await from.ask('CLUSTER', 'SETSLOT', slot, 'MIGRATING', next);
    const all = await from.ask('CLUSTER', 'COUNTKEYSINSLOT', slot);
    let moved = 0, isHalf = false;
    for (let keys; (keys = await from.ask('CLUSTER', 'GETKEYSINSLOT', slot, 5)).length > 0;) {
      await from.ask('MIGRATE', '127.0.0.1', to.port, '', 0, 5000, 'AUTH', to.password, 'KEYS', ...keys);
      moved += keys.length;
      if (!isHalf && moved >= all / 2) {
        isHalf = true;
        await halfway();
      }
    }
    for (const node of [to, from]) await node.ask('CLUSTER', 'SETSLOT', slot, 'NODE', next);
  }

  /** The same by the tool that comes with Redis, of the slots of that node up to ours. */
  async reshard(from, to) {
    const [old, next] = await Promise.all([from, to].map((node) => node.ask('CLUSTER', 'MYID')));
    const first = (await from.ask('CLUSTER', 'SLOTS')).filter(([, , [, , id]]) => id === old).map(([slot]) => slot).sort((a, b) => a - b);
    const { status, out, err } = await command(PROGRAM.replace(/server$/, 'cli'), ['--no-auth-warning', '-a', from.password,
      '--cluster', 'reshard', `127.0.0.1:${from.port}`, '--cluster-from', old, '--cluster-to', next,
      '--cluster-slots', this.slot - first[0] + 1, '--cluster-yes'].map(String));
    if (status !== 0) throw new Error(`reshard: ${out}${err}`);
  }

  async remove() {
    for (const node of this.nodes) await node.remove();
  }
}

async function info(node, name) {
  return new RegExp(`^${name}:(\\S+)`, 'm').exec(await node.ask('CLUSTER', 'INFO'))?.[1];
}
