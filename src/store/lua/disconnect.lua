-- disconnect.lua - a peer is told to go, and taken out of all its rooms; its tokens are refused for a while.
-- KEYS 1 rooms of the peer (set), 2 peer (hash), 3 mailbox (stream), 4 revoked (string), 5 rate of the servers
-- ARGV 1 peer id, 2 message, 3 for how many ms the tokens are refused that were issued by now (0: none is),
--      4 most cost in a window (0: any), 5 begun: 1 after an answer of two numbers, else 0
-- Returns {how many streams it has, more}, more 1: there is more to tell: call again; -1: there is no such
--      peer; -3: there is more to tell first: call again; {ms}: over the rate, for so long
-- It stays a peer, in no room, for as long as it has a stream, and the grace: one that comes back finds the
-- message in the mailbox.
local rooms, hash, _, revoked, rate = unpack(KEYS)
local peer, message, ms, most, begun = unpack(ARGV)

check_peer(peer)
must_be('string', revoked)
local telling = tell_on(peer)
if begun == '1' then return {0, telling and 1 or 0} end
if telling then return -3 end
local streams, names = streams_of(peer), redis.call('SMEMBERS', rooms)
if ms == '0' and streams == 0 and not names[1] and redis.call('EXISTS', hash) == 0 then return -1 end
local wait = wait_of(rate, 1, most)
if wait then return {wait} end
redis.call('DEL', key_telling(peer))  -- which is empty: a removal first, for a full memory
-- All at once: it is in all of them, or in none and told.
local left = leave(peer, names, 'removed')
if ms ~= '0' then
  redis.call('SET', revoked, text_of(math.floor(now_ms() / 1000)))
  redis.call('PEXPIRE', revoked, ms)
end
deliver(peer, message, mailbox_of(peer))
return {streams, left and 1 or 0}
