-- relay.lua - one message or many from a peer to another; all or none.
-- KEYS 1 rooms of the sender, 2 rooms of the receiver (sets), 3 rate of the sender
-- ARGV 1 sender, 2 receiver, 3 cost of all, 4 most cost in a window (0: any), 5... messages
-- Returns how many streams took them (0: kept); -1: no shared room; -2: as many are kept as may
--      be; {ms}: over the rate, for so long
local peer, to, count = ARGV[1], ARGV[2], #ARGV - 4

if redis.call('SINTERCARD', 2, KEYS[1], KEYS[2], 'LIMIT', 1) == 0 and
    not has_met(peer, to) and not has_met(to, peer) then return -1 end
local kept = kept_of(to)
if kept and kept + count > MAILBOX then return -2 end
local within, wait = charge(KEYS[3], tonumber(ARGV[3]), tonumber(ARGV[4]))
if not within then return {wait} end
local streams, id
for i = 5, #ARGV do
  streams, id = deliver(to, ARGV[i], kept or streams == 0)
end
if id and (kept or streams == 0) then redis.call('HINCRBY', key_peer(to), 'kept', count) end
return streams
