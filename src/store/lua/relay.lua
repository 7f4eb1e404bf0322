-- relay.lua - one message or many from a peer to another, or from the site's own server; all or none.
-- KEYS 1 rooms of the sender, 2 rooms of the receiver (sets), 3 rate of the sender
-- ARGV 1 sender, 2 receiver, 3 cost of all, 4 most cost in a window (0: any), 5 when the sender's token
--      was issued (Unix seconds; 0: it does not say), 6 "FINGERPRINT KEY" where it may be repeated, or
--      empty, 7... messages
-- Returns how many streams took them (0: kept), as text where a repeat is answered as the first was; -1: no
--      shared room, or for SERVER no such peer; -2: as many are kept as may be, of all or of the
--      sender; -3: the key is that of another request; {ms}: over the rate, or as many answers are
--      kept as may be, for so long; -6: as -1, and its token was revoked
local peer, to, issued, once, count = ARGV[1], ARGV[2], ARGV[5], ARGV[6], #ARGV - 6
-- Of one sender: so none of them fills the whole mailbox.
local KEPT_OF_ONE = MAILBOX / 2

local answer, refusal, keep_answer
if once ~= '' then answer, refusal, keep_answer = answered(peer, once) end
if answer or refusal then return answer or refusal end
local may
if peer == SERVER then
  may = redis.call('HEXISTS', key_peer(to), 'inc') == 1 or redis.call('SCARD', KEYS[2]) > 0
else
  may = redis.call('SINTERCARD', '2', KEYS[1], KEYS[2], 'LIMIT', '1') > 0 or has_met(peer, to) or has_met(to, peer)
end
if not may then return is_revoked(peer, issued) and -6 or -1 end
local counts = redis.call('HMGET', key_kept(to), KEPT_ALL, KEPT_HAD, peer)
local all = tonumber(counts[1])
local kept = (all or 0) - (tonumber(counts[2]) or 0)
local of_one = math.min(kept, tonumber(counts[3]) or 0)
-- Asked of a long batch alone: a short one has a place where nothing is kept.
if (all or count > KEPT_OF_ONE and redis.call('PUBSUB', 'NUMSUB', channel(to))[2] == 0) and
    (kept + count > MAILBOX or of_one + count > KEPT_OF_ONE) then return -2 end
local within, wait = charge(KEYS[3], ARGV[3], tonumber(ARGV[4]))
if not within then return {wait} end
local streams, id
for i = 1, count do
  local keeps = all or streams == 0
  streams, id = deliver(to, ARGV[6 + i], keeps and KEPT_FACTOR * MAILBOX, keeps and (all or 0) + i)
end
if id and (all or streams == 0) then
  redis.call('HINCRBY', key_kept(to), KEPT_ALL, count)
  redis.call('HSET', key_kept(to), peer, of_one + count)
  redis.call('PEXPIRE', key_kept(to), MAILBOX_TTL_MS)
end
if keep_answer then keep_answer(streams) end
return streams
