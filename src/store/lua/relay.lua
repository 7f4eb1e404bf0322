-- relay.lua - one message or many from a peer to another; all or none.
-- KEYS 1 rooms of the sender, 2 rooms of the receiver (sets), 3 rate of the sender
-- ARGV 1 receiver, 2 cost of all, 3 most cost in a window (0: any), 4... messages
-- Returns how many streams took them (0: kept); -1: no shared room;
--      {ms}: over the rate, for so long
if redis.call('SINTERCARD', 2, KEYS[1], KEYS[2], 'LIMIT', 1) == 0 then return -1 end
local within, wait = charge(KEYS[3], tonumber(ARGV[2]), tonumber(ARGV[3]))
if not within then return {wait} end
local streams
for i = 4, #ARGV do streams = deliver(ARGV[1], ARGV[i]) end
return streams
