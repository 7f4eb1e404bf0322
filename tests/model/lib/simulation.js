// simulation.js - one run: sixteen pages in two rooms, through four processes, and what fails among them.
import { Checks } from './checks.js';
import { Faults } from './faults.js';
import { NodePeer } from './node-peer.js';
import { Page } from './page.js';
import { Server } from './server.js';
import { Process } from './stream.js';
import { Account, Sender } from './webhooks.js';
import { World } from './world.js';

const PAGES = 16;
const PROCESSES = 4;
const RUN_MS = 10 * 60_000; // virtual
const SETTLE_MS = 200_000; // no more failures: all must be well by then

/** @typedef {{ seed: number, mode: string, twins?: boolean, node?: boolean, mutant?: object }} Course
 *  twins: two peers have second tabs; node: two peers of the Node application join in */

class Simulation {
  rooms = ['red', 'blue'];
  quiet = false;
  disturbed = 0; // when Redis last stood still, lost its data, or its clock jumped
  processes = Array.from({ length: PROCESSES }, () => new Process());
  replaced = [];

  /** @param {World} world
   *  @param {Course} course */
  constructor(world, { seed, mode, twins, node }) {
    this.world = world;
    this.checks = new Checks(this);
    this.faults = new Faults(this, mode);
    this.account = new Account(this.checks, seed);
    this.server = new Server(this);
    const page = (i) => new Page(this, `p${i}`, this.rooms[i % 2], Boolean(twins) && i < 2);
    this.pages = Array.from({ length: PAGES }, (_, i) => page(i)).concat(twins ? [page(0), page(1)] : []);
    this.nodePeers = node ? this.rooms.map((room, i) => new NodePeer(this, `node${i}`, room)) : [];
  }

  pagesOf(peer) { return this.pages.filter(({ id }) => id === peer); }
  /** Beside this process. */
  startSender(process) { return new Sender(this.world, process, this.account); }
  allProcesses() { return [...this.processes, ...this.replaced]; }

  async run() {
    const { world, checks } = this;
    const violated = () => checks.violations.length > 0;
    for (const process of this.processes) this.startSender(process);
    for (const page of this.pages) {
      page.openIn(world.below(3000));
      world.at(6000, () => page.act());
    }
    for (const peer of this.nodePeers) {
      await peer.start();
      world.at(1000, () => peer.act());
    }
    world.at(20_000, () => this.faults.strike());
    world.at(15_000, () => this.server.act());
    world.at(1000, () => checks.ghosts());
    await world.until(world.now + RUN_MS, violated);
    if (violated()) return;
    this.quiet = true;
    for (const process of this.processes) process.frozen = false;
    for (const page of this.pages) page.openIn(100);
    await world.until(world.now + SETTLE_MS, violated);
    if (violated()) return;
    await checks.end();
    await checks.expiry();
  }
}

/**
 * Plays one course until its end or the first violation.
 * @param {Course} course
 */
export async function simulate(server, course) {
  const world = await World.open(server, course.seed, { ROOM_PEERS: 1000 }, course.mutant);
  try {
    const simulation = new Simulation(world, course);
    await simulation.run();
    const { violations, count, longestGhost } = simulation.checks;
    return { violations, count, longestGhost, events: world.events, digest: world.digest(), trace: world.trace };
  } finally {
    await world.close();
  }
}
