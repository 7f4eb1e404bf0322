// sentinels.js - a Redis, its replica, and three Sentinels that watch over them.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { RedisServer } from './redis-server.js';
import { redisUser, sentinelRights } from './documents.js';
import { steps } from './pace.js';
import { until, WAIT_MS } from './wait.js';

const NAME = 'draw';
// A master that is only slow is not down.
const DOWN_MS = 500 + Math.ceil(steps(5));

const user = redisUser();
user.rights.push(...sentinelRights());

/** One of the two Redis; it comes up as a replica where it is told of whom. */
class Replicating extends RedisServer {
  /** @type {Replicating} */ of;

  options() {
    return [...super.options(), '--masterauth', this.password, '--repl-diskless-sync-delay', 0,
      ...(this.tls ? ['--tls-replication', 'yes'] : []),
      ...(this.of ? ['--replicaof', `127.0.0.1 ${this.of.served}`] : [])];
  }

  async isMaster() {
    return (await this.ask('ROLE'))[0] === 'master';
  }
}

class Sentinel extends RedisServer {
  #written = false;
  /** The master that it begins to watch. @type {Replicating} */ first;

  options() {
    const file = path.join(this.dir, 'sentinel.conf');
    if (!this.#written) {
      // From then on it is the Sentinel's own, which keeps in it what it knows.
      const tls = [...this.tlsOptions(), ...(this.tls ? ['--tls-replication', 'yes'] : [])].join(' ').replaceAll(/ ?--/g, '\n');
      writeFileSync(file, `port ${this.port}${tls}
bind 127.0.0.1
dir ${this.dir}
requirepass ${this.password}
sentinel sentinel-pass ${this.password}
sentinel monitor ${NAME} 127.0.0.1 ${this.first.served} 2
sentinel auth-pass ${NAME} ${this.first.password}
sentinel down-after-milliseconds ${NAME} ${DOWN_MS}
sentinel failover-timeout ${NAME} ${4 * DOWN_MS}
`);
      this.#written = true;
    }
    return [file, '--sentinel'];
  }

  /** One as it is asked about the master, its replicas or its Sentinels: {name: value}. */
  async tells(...words) {
    const lists = await this.ask('SENTINEL', ...words, NAME);
    const object = (list) => Object.fromEntries(Array.from({ length: list.length / 2 }, (_, i) => list.slice(2 * i, 2 * i + 2)));
    return Array.isArray(lists[0]) ? lists.map(object) : object(lists);
  }
}

export class Sentinels {
  #ours = 0; // connections, by asked()

  /** Ready for a failover.
   *  @param {string} password  of the Redis
   *  @param {string} own  of the Sentinels
   *  @param {RedisServer['tls']} [tls]  of all */
  static async start(password, own, tls) {
    const master = await Replicating.start(password, { user, tls });
    const servers = [master, await Replicating.start(password, { user, tls, of: master })];
    const sentinels = [];
    for (let i = 0; i < 3; i++) sentinels.push(await Sentinel.start(own, { tls, first: master }));
    const all = new Sentinels(servers, sentinels, own);
    await all.ready();
    return all;
  }

  /** @param {Replicating[]} servers
   *  @param {Sentinel[]} sentinels
   *  @param {string} own  their password */
  constructor(servers, sentinels, own) {
    this.servers = servers;
    this.sentinels = sentinels;
    this.own = own;
  }

  get url() {
    const [{ password, tls }] = this.servers;
    return `redis${tls ? 's' : ''}+sentinel://${user.name}:${password}@${
      this.sentinels.map(({ served }) => `127.0.0.1:${served}`).join()}/${NAME}?sentinel_password=${this.own}${
      tls ? `&ca=${encodeURIComponent(tls.ca)}` : ''}`;
  }

  /** The master and the other, as the Sentinels see it. */
  async pair() {
    const [, port] = await this.sentinels[0].ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME);
    const [a, b] = this.servers;
    return a.served === Number(port) ? [a, b] : [b, a];
  }

  /** All know each other and a replica that is up to date. */
  async ready() {
    await until(async () => {
      for (const one of this.sentinels) {
        const master = await one.tells('MASTER');
        const [replica] = await one.tells('REPLICAS');
        if (master['num-other-sentinels'] !== '2' || master.flags !== 'master'
          || replica?.flags !== 'slave' || replica['master-link-status'] !== 'ok') return false;
      }
      return true;
    }, 'Sentinels that are ready for a failover', 4 * WAIT_MS);
  }

  /** How often any was asked. */
  async asked() {
    const all = await Promise.all(this.sentinels.map((one) => one.ask('INFO', 'stats')));
    this.#ours += all.length;
    return all.reduce((sum, text) => sum + Number(/^total_connections_received:(\d+)/m.exec(text)[1]), 0) - this.#ours;
  }

  /** Asks for a failover, without any need. */
  async fail() {
    await this.sentinels[0].ask('SENTINEL', 'FAILOVER', NAME);
  }

  /** Until all name another master, and it is one. */
  async failover(from) {
    await until(async () => {
      const named = await Promise.all(this.sentinels.map((one) => one.ask('SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME)));
      if (named.some(([, port]) => Number(port) === from.served)) return false;
      return (await this.pair())[0].isMaster();
    }, 'the failover', 3 * WAIT_MS);
  }

  /** Brings one that was killed back, as replica of the other. */
  async restore(server) {
    server.of = this.servers.find((one) => one !== server);
    await server.start();
    await this.ready();
  }

  async remove() {
    for (const one of [...this.sentinels, ...this.servers]) await one.remove();
  }
}
