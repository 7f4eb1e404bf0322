// mutants.test.js - steps that are broken on purpose: the simulation must see each within one round of the
// check, and say what is wrong. The seeds are fixed, so it does so always or never.
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { RedisServer } from '../http/lib/redis-server.js';
import { simulate } from './lib/simulation.js';

const SEED = 1; // where its row says no other

/** Of file (in src/store/lua), from becomes to; found: what the simulation then says first. */
const MUTANTS = [
  { why: 'who is reaped stays a member', found: /ghost|members of|in a room|apart/, mode: 'kill',
    file: 'presence', from: "pcall(leave_on, peer, 'gone')", to: 'pcall(tell_on, peer)' },
  { why: 'a position that is not known is resumed', found: /resumed|exactly once/, mode: 'wipe', seed: 2,
    file: 'presence', from: 'if not at[1] then return nil end', to: 'if not at[1] then return {}, false end' },
  { why: 'both of a pair offer', found: /both or none offer/, mode: 'kill',
    file: 'presence', from: "add_peer(user, t.room, 'false')", to: "add_peer(user, t.room, 'true')" },
  { why: 'another Redis is taken for the same', found: /another Redis/, mode: 'wipe',
    file: 'connect', from: 'known[2] == server and known[1]', to: 'known[1]' },
  { why: 'what is left to tell is told later than what comes next', found: /apart|no member/, mode: 'kill',
    file: 'join', from: "if telling and telling ~= room then return begun == '1' and -4 or -3 end", to: '' },
  { why: 'who was told of somebody who is still entering cannot reach it', found: /apart, though/, mode: 'kill',
    file: 'relay', from: 'has_met(peer, to) or has_met(to, peer)', to: 'false' },
  { why: 'who leaves its rooms in parts goes on with its life meanwhile', found: /no member/, mode: 'kill', seed: 4,
    file: 'presence', from: "if left then redis.call('HDEL', key_peer(peer), 'inc') end", to: '' },
  { why: 'the site does not hear of who leaves', found: /account of|cannot be/, mode: 'kill',
    file: 'presence', from: 'if WEBHOOK and removed == 1 then note_left(peer, room, cause) end', to: '' },
  { why: 'the site hears that somebody joins who is there', found: /cannot be/, mode: 'kill',
    file: 'join', from: 'if WEBHOOK and added == 1 then', to: 'if WEBHOOK then' },
  { why: 'what came while a batch was under way is taken for arrived', found: /is missing/, mode: 'kill',
    file: 'webhook_sent', from: "'MINID', after_id(id)", to: "'MAXLEN', '0'" },
  { why: 'two send at a time', found: /two senders/, mode: 'kill',
    file: 'webhook_take', from: 'if holder and holder ~= name then', to: 'if false then' },
  { why: 'one that was killed is the sender for less than its request', found: /two senders/, mode: 'pause',
    file: 'webhook_take', from: "'PX', lease)", to: "'PX', '2000')" },
  { why: 'who was disconnected joins with its old token', found: /let in with a token/, mode: 'kill',
    file: 'join', from: 'if is_revoked(peer, issued) then return -6 end', to: '' },
  { why: 'or connects', found: /let in with a token/, mode: 'kill',
    file: 'connect', from: 'if is_revoked(peer, issued) then return -6 end', to: '' },
  { why: 'who is disconnected stays in its rooms', found: /disconnected, and in its room/, mode: 'kill',
    file: 'disconnect', from: "local left = leave(peer, names, 'removed')", to: 'local left = false' },
  { why: 'who is removed does not hear so', found: /does not hear so/, mode: 'kill',
    file: 'server_remove', from: 'if was then deliver', to: 'if false then deliver' },
  { why: 'a room is not put into the index', found: /not in the index/, mode: 'kill',
    file: 'join', from: "if not indexed then redis.call('ZADD', ROOM_INDEX, '0', room) end", to: '' },
  { why: 'a repeat is sent again', found: /^twice/, mode: 'kill',
    file: 'relay', from: 'if answer or refusal then return answer or refusal end', to: '' },
  { why: 'what was given up, and runs late, is sent beside its repeat', found: /^twice/, mode: 'stall',
    file: 'relay', from: 'if answer or refusal then return answer or refusal end', to: '' },
  { why: 'a broadcast that ended halfway begins anew', found: /^twice/, mode: 'kill', seed: 7,
    file: 'broadcast', from: 'position = answer or position', to: '' },
];

describe('a step that is broken on purpose', () => {
  let server;
  before(async () => { server = await RedisServer.start(); });
  after(() => server.remove());

  for (const mutant of MUTANTS) {
    it(`is found: ${mutant.why}`, async () => {
      const { violations } = await simulate(server, { seed: mutant.seed ?? SEED, mode: mutant.mode, mutant });
      assert.match(violations[0] ?? 'nothing was violated', mutant.found);
    });
  }

  it('a mutant that no longer fits is told', async () => {
    const mutant = { file: 'stream_end', from: 'no such line', to: '' };
    await assert.rejects(simulate(server, { seed: SEED, mode: 'kill', mutant }),
      /stream_end\.lua has 0 times, not once: no such line/);
  });
});
