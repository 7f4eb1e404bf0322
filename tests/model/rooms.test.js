// rooms.test.js - peers in several rooms, which they enter and leave in parts, begin anew, are away and come back, all
// of it between each other's parts: in the end each knows of whom it shares a room with, and of nobody else. (In the
// simulation, which knows of processes and faults, each page is in one room.) SEED=… repeats a course.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { RedisServer } from '../http/lib/redis-server.js';
import { randomSeed } from './lib/courses.js';
import { isAbove } from './lib/stream.js';
import { World } from './lib/world.js';

const COURSES = 60, STEPS = 150;
const PEERS = ['a', 'b', 'c', 'd', 'e', 'f', 'g'], ROOMS = ['red', 'green', 'blue'];
const SETTINGS = { ROOM_PEERS: 1000, TELL_AT_ONCE: 4, MAILBOX: 2000 };
const BEGINS_ANEW = 3, LEAVES = 15, AWAY = 10, SAYS = 17; // percent; else it joins
const seed = Number(process.env.SEED || randomSeed());

class Member {
  away = false;
  /** What it does in parts. @type {{step: string, more: {[name: string]: any}} | null} */ doing = null;
  rooms = new Set(); // of which it was answered that it is in them
  /** Whom it was told of, by room. @type {{[room: string]: Set<string>}} */ view = {};
  #subscription;
  #position;

  constructor(world, id) {
    this.world = world;
    this.id = id;
  }

  #run(step, more) {
    return this.world.run(step, { peer: this.id, user: JSON.stringify({ id: this.id }), most: 0, ...more });
  }

  async open() {
    this.#subscription = await this.world.subscribe(this.id);
    this.#begin(await this.#run('connect'));
  }

  #begin({ position }) {
    this.#position = position;
    this.rooms.clear();
    this.view = {};
  }

  #hear(id, { event, data }) {
    if (!id || event === 'ping' || !isAbove(id, this.#position)) return;
    this.#position = id;
    const view = this.view[data.roomId] ??= new Set();
    if (event === 'add-peer') view.add(data.peer.id);
    else if (event === 'remove-peer') view.delete(data.peer.id);
    else assert.ok(view.has(data.peer.id), `${this.id} hears ${data.peer.id}, who is not in ${data.roomId}`);
  }

  async listen() {
    if (this.away) return;
    for (const text of await this.#subscription.pushes()) {
      const { id, ...message } = JSON.parse(text);
      this.#hear(id, message);
    }
  }

  async leaveStream() {
    await this.listen();
    this.away = true;
    await this.#subscription.close();
    await this.#run('stream_end');
  }

  async comeBack() {
    this.#subscription = await this.world.subscribe(this.id);
    let answer = await this.#run('connect', { position: this.#position });
    assert.ok(answer.resumed, `${this.id} is resumed`);
    this.away = false;
    for (;;) {
      for (const [id, message] of answer.missed) this.#hear(id, JSON.parse(`{${message}`));
      if (!answer.more) return;
      answer = await this.#run('replay', { position: this.#position });
    }
  }

  /** As when nobody had gone on with what is left to tell. */
  async sweep() {
    await this.world.redis.ask('ZADD', 'telling', 'XX', 0, this.id);
    await this.#run('sweep');
  }

  begin(step, more) { this.doing = { step, more }; }

  /** A part of what it does. */
  async goOn() {
    const { step, more } = this.doing;
    const answer = await this.#run(step, more);
    if (answer?.again) {
      Object.assign(more, answer.again);
      return;
    }
    this.doing = null;
    if (step === 'join' && answer !== 'rate') this.rooms.add(more.room);
    if (step === 'leave') {
      this.rooms.delete(more.room);
      delete this.view[more.room];
    }
    if (step === 'connect') this.#begin(answer);
  }
}

/** Begins something. */
async function start(world, member) {
  const room = world.choice(ROOMS);
  const isIn = member.rooms.has(room);
  if (member.away) return member.comeBack();
  if (world.chance(AWAY)) return member.leaveStream();
  if (world.chance(BEGINS_ANEW)) member.begin('connect', { position: '' });
  else if (isIn && world.chance(LEAVES)) member.begin('leave', { room });
  else if (isIn && world.chance(SAYS)) {
    const message = `"event":"chat","data":{"peer":{"id":"${member.id}"},"roomId":"${room}"}}`;
    member.begin('broadcast', { room, message });
  } else if (!isIn) member.begin('join', { room });
  return member.doing && member.goOn();
}

/** One of its parts, or what may come between two. */
async function goOn(world, member) {
  if (member.away && world.chance(AWAY)) await member.comeBack();
  else if (!member.away && member.doing.step === 'join' && world.chance(AWAY)) await member.leaveStream();
  else if (!member.away && world.chance(AWAY)) await member.sweep();
  else await member.goOn();
}

async function play(server, course) {
  const world = await World.open(server, course, SETTINGS);
  world.afterScript = () => {};
  try {
    const members = PEERS.map((id) => new Member(world, id));
    const listen = async () => { for (const member of members) await member.listen(); };
    for (const member of members) await member.open();
    for (let i = 0; i < STEPS; i++) {
      world.now += world.choice([0, 0, 1, 2]);
      const member = world.choice(members);
      await (member.doing ? goOn(world, member) : start(world, member));
      await listen();
    }
    for (const member of members) {
      while (member.doing) await member.goOn();
      if (member.away) await member.comeBack();
    }
    await listen();
    for (const room of ROOMS) {
      const there = await world.redis.ask('SMEMBERS', `channels:${room}`);
      assert.deepEqual(there.sort(), members.filter(({ rooms }) => rooms.has(room)).map(({ id }) => id), `members of ${room}`);
      for (const { id, view } of members.filter(({ rooms }) => rooms.has(room))) {
        assert.deepEqual([...view[room] ?? []].sort(), there.filter((other) => other !== id), `whom ${id} sees in ${room}`);
      }
    }
    assert.deepEqual(await world.redis.ask('KEYS', '{telling,entering,kept}*'), [], 'keys left');
  } finally {
    await world.close();
  }
}

describe(`several rooms, in parts (SEED=${seed})`, () => {
  let server;
  before(async () => { server = await RedisServer.start(); });
  after(() => server.remove());

  for (let course = seed; course < seed + COURSES; course++) {
    it(`course ${course}`, () => play(server, course));
  }
});
