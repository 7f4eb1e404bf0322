// faults.js - what fails: clients, processes, hosts, the clock, and Redis.
import { Process } from './stream.js';

/** A mode, and the faults that it draws from. */
export const MODES = {
  kill: ['kill', 'kill', 'die'], // a process; a client for good
  stall: ['stall', 'kill', 'die'], // Redis stands still for 5 or 60 s
  vanish: ['vanish', 'vanish', 'die'], // a host: its subscriptions stay a minute or two
  wipe: ['empty', 'restart', 'failover', 'die'],
  pause: ['pause', 'pause', 'die'], // a process, SIGSTOP for 5 to 120 s
  clock: ['clock', 'kill', 'die'], // an hour forward or back
  all: ['kill', 'kill', 'pause', 'vanish', 'empty', 'restart', 'failover', 'die', 'die', 'stall', 'clock'],
};
export const CLOCK_JUMP_MS = 3_600_000;
const LIVING_MIN = 6; // pages

export class Faults {
  constructor(simulation, mode) {
    this.simulation = simulation;
    this.world = simulation.world;
    this.kinds = MODES[mode];
  }

  async strike() {
    const { world, simulation } = this;
    if (simulation.quiet) return;
    world.at(world.between(10_000, 60_000), () => this.strike());
    if (world.stalled) return;
    const kind = world.choice(this.kinds);
    world.note('FAULT', kind);
    simulation.checks.tally(kind);
    switch (kind) {
      case 'die': {
        const page = world.choice(simulation.pages);
        if (page.stream && this.#die(page)) page.loseStream();
        break;
      }
      case 'stall':
        simulation.disturbed = world.now;
        world.stalledUntil = world.now + world.choice([5000, 60_000]);
        break;
      case 'clock':
        simulation.disturbed = world.now;
        simulation.checks.forgetAnswers();
        world.latestClock = Math.max(world.latestClock, world.clock);
        world.offset += world.choice([CLOCK_JUMP_MS, -CLOCK_JUMP_MS]);
        break;
      case 'empty': case 'restart':
        world.at(0, () => this.#loseData(kind));
        break;
      case 'failover': // a replica lacks what came last
        await world.snapshot();
        world.at(world.below(3000), () => this.#loseData(kind));
        break;
      default: // kill, vanish, pause
        await this.#failProcess(kind, world.below(simulation.processes.length));
    }
  }

  /** For good; a few live on. Gives whether it did. */
  #die(page) {
    const { pages } = this.simulation;
    if (page.twin || page.isDead || pages.filter(({ isDead }) => !isDead).length <= LIVING_MIN) return false;
    page.deadSince = this.world.now;
    return true;
  }

  async #loseData(kind) {
    const { world, simulation } = this;
    simulation.disturbed = world.now;
    simulation.checks.forget();
    if (kind === 'empty') await world.wipe();
    else await world.restart(kind === 'failover');
    for (const peer of simulation.nodePeers.filter(({ up }) => up)) {
      await peer.lost();
      await peer.start();
    }
  }

  async #failProcess(kind, number) {
    const { world, simulation } = this;
    const process = simulation.processes[number];
    if (process.frozen) return;
    const drop = async () => {
      process.alive = false;
      for (const { subscription } of process.streams) await subscription?.close();
    };
    if (kind === 'kill') {
      await drop();
    } else {
      process.frozen = true;
      if (kind === 'pause') world.at(world.between(5000, 120_000), () => { process.frozen = false; });
      else world.at(world.choice([60_000, 120_000]), drop); // tcp-keepalive finds out
    }
    for (const stream of [...process.streams]) {
      const { page } = stream;
      if (page.stream !== stream) continue;
      page.loseStream(world.between(9000, 25_000));
      if (world.chance(20)) this.#die(page); // it goes with its process
      page.openIn(kind === 'kill' ? world.between(300, 3000) : world.between(10_000, 25_000));
    }
    if (kind === 'pause') return;
    simulation.processes[number] = new Process();
    simulation.startSender(simulation.processes[number]);
    simulation.replaced.push(process);
  }
}
