-- broadcast.lua - one message to every other member of a room.
-- KEYS 1 members of the room (set), 2 rate of the sender
-- ARGV 1 sender, 2 cost of one, 3 most cost in a window (0: any), 4 message
-- Returns how many peers it went to; -1: the sender is no member;
--      {ms}: over the rate, for so long
local peer, cost, most = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])

local others, member = {}, false
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if id == peer then member = true else others[#others + 1] = id end
end
if not member then return -1 end
if #others == 0 then return 0 end
-- An error where one is no stream, before anybody has the message.
for _, other in ipairs(others) do redis.call('XLEN', key_mailbox(other)) end
-- A whole window at most, or a long message to a full room could never go.
local within, wait = charge(KEYS[2], math.min(cost * #others, most), most)
if not within then return {wait} end
for _, other in ipairs(others) do deliver(other, ARGV[4]) end
return #others
