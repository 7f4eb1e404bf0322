// server.js - the site's own server: it lists, and takes peers out of rooms or ends their sessions, for a while or not.
import { GaveUp } from './world.js';

const BAN_MS = [0, 0, 5000, 30_000];
const REVOKE_MS = [0, 0, 20_000, 3_600_000];

export class Server {
  constructor(simulation) {
    this.simulation = simulation;
    this.world = simulation.world;
    this.checks = simulation.checks;
  }

  /** What is killed on its way is not repeated. */
  async *#call(step, named) {
    try {
      return yield* this.world.call(step, named);
    } catch (error) {
      if (!(error instanceof GaveUp)) throw error;
      return null;
    }
  }

  act() {
    const { world, simulation } = this;
    if (simulation.quiet) return;
    world.at(world.between(2000, 15_000), () => this.act());
    const page = world.choice(simulation.pages.filter(({ twin }) => !twin));
    const { id: peer, room } = page;
    const percent = world.below(100);
    if (percent < 30) world.spawn(this.list());
    else if (percent < 45) world.spawn(this.look(room));
    else if (percent < 75) world.spawn(this.#call('server_remove', { peer, room, ms: world.choice(BAN_MS) }));
    else world.spawn(this.disconnect(page));
  }

  async *disconnect(page) {
    yield* this.#call('disconnect', { peer: page.id, ms: this.world.choice(REVOKE_MS) });
    yield this.world.below(5000);
    await this.checks.tryOldToken(page);
  }

  /** All rooms, one page after the other; a room that is there all the time is in one of them. */
  async *list() {
    const limit = this.world.between(1, 3), listed = [];
    for (let after = '';;) {
      const page = yield* this.#call('server_rooms', { after, limit });
      if (!page) return;
      for (const [name, count] of page.rooms) {
        this.checks.hold(count > 0 && !(listed.at(-1) >= name), 'a room that is listed is empty, or out of order', name);
        listed.push(name);
      }
      if (!page.next) return;
      after = page.next;
      yield this.world.choice([0, 1, 300]);
    }
  }

  async *look(room) {
    const listed = [];
    for (let after = '';;) {
      const page = yield* this.#call('server_room', { room, after, limit: 3 });
      if (!page) return;
      for (const user of page.members) {
        const { id } = JSON.parse(user);
        this.checks.hold(!(listed.at(-1) >= id), 'members out of order', `${room} ${id}`);
        listed.push(id);
      }
      if (!page.next) return;
      after = page.next;
      yield this.world.choice([0, 1, 300]);
    }
  }
}
