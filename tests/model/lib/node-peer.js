// node-peer.js - a peer of the Node application: single commands, no ids, no mailbox.
export class NodePeer {
  up = false;
  peers = new Set();

  constructor(simulation, id, room) {
    this.simulation = simulation;
    this.world = simulation.world;
    this.checks = simulation.checks;
    this.id = id;
    this.room = room;
  }

  async others() {
    const members = await this.world.redis.ask('SMEMBERS', `channels:${this.room}`);
    return members.filter((member) => member !== this.id).sort();
  }

  async start() {
    const { world, id, room } = this;
    if (world.stalled) {
      world.at(500, () => this.start());
      return;
    }
    this.subscription = await world.subscribe(id);
    this.peers.clear();
    await world.redis.ask('SADD', `${id}:channels`, room);
    for (const other of await this.others()) {
      await world.publish(other, { event: 'add-peer', data: { peer: { id }, roomId: room, offer: false } });
      await world.publish(id, { event: 'add-peer', data: { peer: { id: other }, roomId: room, offer: true } });
    }
    await world.redis.ask('SADD', `channels:${room}`, id);
    this.up = true;
  }

  async stop() {
    const { world, id, room } = this;
    await world.redis.ask('SREM', `channels:${room}`, id);
    await world.redis.ask('SREM', `${id}:channels`, room);
    for (const other of await this.others()) {
      await world.publish(other, { event: 'remove-peer', data: { peer: { id }, roomId: room } });
    }
    await this.lost();
  }

  async lost() {
    this.up = false;
    await this.subscription.close();
  }

  async takePushes() {
    for (const text of await this.subscription.pushes()) {
      const { id, event, data } = JSON.parse(text);
      const other = data.peer.id;
      this.checks.hold(!id, 'an id for a Node peer', this.id);
      if (event === 'add-peer') this.peers.add(other);
      else if (event === 'remove-peer') this.peers.delete(other);
      else this.checks.hold(this.peers.has(other), 'Node: relay before its add-peer', `${this.id} ${other}`);
    }
  }

  async act() {
    const { world } = this;
    world.at(world.between(500, 4000), () => this.act());
    if (world.stalled || !this.up) return;
    await this.takePushes();
    if (world.chance(4) && !this.simulation.quiet) {
      await this.stop();
      world.at(world.between(1000, 8000), () => this.start());
    } else if (this.peers.size) {
      const other = world.choice([...this.peers].sort());
      const shared = await world.redis.ask('SINTER', `${this.id}:channels`, `${other}:channels`);
      if (shared.length) await world.publish(other, { event: 'x', data: { peer: { id: this.id }, data: 1 } });
    }
  }
}
