// scripts.js - the steps of src/store/lua as the simulation runs them: how a script is put together (as
// embed.sh and script.c do), and a row a step: its KEYS, its ARGV and what its answer means. The rest of
// the model knows only these results:
// join, leave, connect and broadcast may also give { again }: what is to be named besides, to go on with it.
//   connect           { resumed, position, incarnation, rooms, missed: [[id, message], …], more }
//   replay            { known, missed, more }
//   beat              { accepted, again, due }
//   sweep             { moved, more }
//   stream_end, leave true or false
//   join              'full', 'many' or the users of the others
//   connect, join     also 'revoked'; join 'kept out'
//   server_rooms, server_room   { next, rooms: [[name, count], …] }, { next, count, members: [user, …] }
//   server_remove     true or false
//   disconnect        'unknown' or how many streams
//   relay, broadcast  'apart', 'rate' or a number
//   webhook_take      null, where another is the sender, or { events: [{ id, number, … }, …], reset, missing }
import { readFileSync } from 'node:fs';

export const SETTINGS = { PREFIX: '', PING_MS: 10_000, GRACE_MS: 10_000, MAILBOX: 256, MAILBOX_TTL_MS: 60_000,
  ROOM_PEERS: 32, PEER_ROOMS: 16, RATE_WINDOW_MS: 6000, KEEP_MS: 86_400_000, SWEEP_MAX: 8,
  PAGE_BYTES: 300, // so that what was missed takes several
  PEER_STREAMS: 8,
  TELL_AT_ONCE: 6, // likewise: of joins and leaves
  CLUSTER: false,
  WEBHOOK: '1000000' };
/** As in src/room/webhook.h. */
export const LEASE_MS = 20_000;
const WEBHOOK_AGE_MS = 86_400_000;
const RATE = 100;
const RATE_BYTES = 262_144;

/** Both limits in one number: a message costs its bytes, and at least RATE_BYTES / RATE. */
const COST_MIN = Math.floor(RATE_BYTES / RATE);
const cost = (messages) => messages.reduce((sum, message) => sum + Math.max(Buffer.byteLength(message), COST_MIN), 0);
/** The most in a window of six seconds. */
export const COST_MAX = 6 * Math.floor(RATE_BYTES / RATE) * RATE;

const own = (a) => [`peer:${a.peer}`, `mailbox:${a.peer}`, `${a.peer}:channels`, 'present', 'leaving'];
const messages = (list) => list.map(([id, [, message]]) => [id, message]);
const sent = (r) => Array.isArray(r) ? 'rate' : r === -1 ? 'apart' : r === -2 ? 'mailbox full' : Number(r);
/** What a script answers that has not told all; of what it was asked, too. */
const BEGUN = -4, AGAIN = [-3, BEGUN];
const KEPT_OUT = -5, REVOKED = -6;
const inGroups = (list, size) => list.length ? [list.slice(0, size), ...inGroups(list.slice(size), size)] : [];
const SERVER_RATE = 'rate:@server';

const STEPS = {
  connect: {
    keys: own,
    args: (a) => [a.peer, a.position ?? '', a.user, a.server, 0, a.issued ?? 0],
    result(r) {
      if (r === REVOKED) return 'revoked';
      const [resumed, position, incarnation, rooms, missed, more] = r;
      return { resumed: resumed === 1, position, incarnation, rooms, missed: messages(missed), more: more === 1 };
    },
  },
  replay: {
    keys: (a) => [`mailbox:${a.peer}`],
    args: (a) => [a.position, a.peer],
    result: (r) => r === -1 ? { known: false } : { known: true, missed: messages(r[0]), more: r[1] === 1 },
  },
  beat: {
    keys: () => ['present', 'leaving'],
    args: (a) => [1, '\x01', a.peer, a.incarnation, `messages:${a.peer}`],
    result: ([due, [, answer = 1]]) => ({ accepted: answer > 0, again: answer === 2, due: due === 1 }),
  },
  stream_end: { keys: (a) => ['present', 'leaving', `peer:${a.peer}`], args: (a) => [a.peer, 0], result: (r) => r === 1 },
  sweep: {
    keys: () => ['present', 'leaving'],
    args: () => [],
    result: ([moved, more]) => ({ moved: moved === 1, more: more === 1 }),
  },
  join: {
    keys: (a) => [`channels:${a.room}`, `${a.peer}:channels`, `peer:${a.peer}`, `mailbox:${a.peer}`, 'present', 'leaving',
      `rate:${a.peer}`],
    args: (a) => [a.peer, a.room, a.user, a.server, COST_MIN, COST_MAX, a.issued ?? 0, a.begun ?? 0],
    result: (r) => r === -1 ? 'full' : r === -2 ? 'many' : r === REVOKED ? 'revoked' : r[1] === KEPT_OUT ? 'kept out' :
      typeof r[0] === 'number' ? 'rate' : r || [],
  },
  leave: {
    keys: (a) => [`channels:${a.room}`, `${a.peer}:channels`, `peer:${a.peer}`],
    args: (a) => [a.peer, a.room, a.issued ?? 0, a.begun ?? 0],
    result: (r) => r === 1,
  },
  webhook_take: {
    keys: () => ['webhook', 'webhook:state', 'webhook:sender'],
    args: (a) => [a.sender, LEASE_MS, a.most, WEBHOOK_AGE_MS],
    result: (r) => r.length === 1 ? null : { missing: r[1], reset: r[1] < 0, givenUp: r[2],
      events: r[0].map(([id, [, number, , text]]) => ({ id, number: Number(number), ...JSON.parse(`{${text}}`) })) },
  },
  webhook_sent: {
    keys: () => ['webhook', 'webhook:state'],
    args: (a) => [a.id, a.number],
    result: (r) => r === 1,
  },
  webhook_end: { keys: () => ['webhook:sender'], args: (a) => [a.sender], result: (r) => r === 1 },
  relay: {
    keys: (a) => [`${a.peer}:channels`, `${a.to}:channels`, `rate:${a.peer}`],
    args: (a) => [a.peer, a.to, cost(a.messages), a.most, 0, a.once ?? '', ...a.messages],
    result: sent,
  },
  broadcast: {
    keys: (a) => [`channels:${a.room}`, `rate:${a.peer}`, `entering:${a.room}`],
    args: (a) => [a.peer, a.room, cost([a.message]), a.most, 0, a.once ?? '', a.message, a.position ?? ''],
    result: (r) => !Array.isArray(r) || r.length === 1 ? sent(r) : r[1] ? { again: { position: r[1] } } : r[2],
  },
  server_rooms: {
    keys: () => ['rooms', SERVER_RATE],
    args: (a) => [a.after ? `(${a.after}` : '-', a.limit, 0],
    result: ([next, ...rooms]) => ({ next, rooms: inGroups(rooms, 2) }),
  },
  server_room: {
    keys: (a) => [`channels:${a.room}`, SERVER_RATE],
    args: (a) => [a.room, a.after ?? '', a.limit, 0],
    result: ([next, count, ...members]) => ({ next, count, members: inGroups(members, 3).map(([user]) => user) }),
  },
  server_remove: {
    keys: (a) => [`channels:${a.room}`, `${a.peer}:channels`, `peer:${a.peer}`, `mailbox:${a.peer}`, `banned:${a.room}`, SERVER_RATE],
    args: (a) => [a.peer, a.room, a.ms, 0, a.begun ?? 0],
    result: (r) => r === 1,
  },
  disconnect: {
    keys: (a) => [`${a.peer}:channels`, `peer:${a.peer}`, `mailbox:${a.peer}`, `revoked:${a.peer}`, SERVER_RATE],
    args: (a) => [a.peer, '"event":"disconnect","data":{"reason":"","for":0}}', a.ms, 0, a.begun ?? 0],
    result: (r) => r === -1 ? 'unknown' : r[1] ? { again: { begun: 1 } } : r[0],
  },
};

const read = (url) => readFileSync(new URL(url, import.meta.url), 'utf8');
const lua = (name) => read(`../../../src/store/lua/${name}.lua`);

/** A textual change of a script: { file, from, to }; from must be in it exactly once. */
function changed(file, text, mutant) {
  if (mutant?.file !== file) return text;
  const parts = text.split(mutant.from);
  if (parts.length !== 2) {
    throw new Error(`${file}.lua has ${parts.length - 1} times, not once: ${mutant.from}`);
  }
  return parts.join(mutant.to);
}

/** A script as script.c puts it together, but with all that deliver.lua and presence.lua define, within virtual time. */
function whole(step, settings, mutant) {
  const body = ['deliver', 'presence', step].map((file) => changed(file, lua(file), mutant)).join('\n');
  const values = Object.values(settings).map((value) => typeof value === 'string' ? `'${value}'` : value);
  return `local STEP = '${step}'\n${read('virtual.lua')}
    local ${Object.keys(settings).join(', ')} = ${values.join(', ')}
    local result = (function()\n${body}\nend)()
    if result == nil then result = false end
    return {result, removed, published}`;
}

export class Scripts {
  #redis;
  #texts = {};
  #hashes = {};

  constructor(redis, settings, mutant) {
    this.#redis = redis;
    const all = { ...SETTINGS, ...settings };
    for (const step of Object.keys(STEPS)) this.#texts[step] = whole(step, { ...all, MAILBOX_TEXT: String(all.MAILBOX) }, mutant);
  }

  async load() {
    for (const [step, text] of Object.entries(this.#texts)) {
      this.#hashes[step] = await this.#redis.ask('SCRIPT', 'LOAD', text);
    }
  }

  /** @returns {Promise<{result: any, removed: string[], published: {channel: string, id: string}[]}>} */
  async run(step, named, clock) {
    const { keys, args, result } = STEPS[step];
    const names = keys(named);
    const [answer, removed, flat] = await this.#redis.ask('EVALSHA', this.#hashes[step], names.length, ...names,
      ...args(named), clock);
    const published = [];
    for (let i = 0; i < flat.length; i += 2) published.push({ channel: flat[i], id: flat[i + 1] });
    return { result: AGAIN.includes(answer) ? { again: answer === BEGUN ? { begun: 1 } : {} } : result(answer), removed, published };
  }
}
