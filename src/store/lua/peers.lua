-- peers.lua - who else is in a room.
-- KEYS 1 members of the room (set), 2 rate of the peer
-- ARGV 1 peer id, 2 cost of AT_ONCE others, 3 most cost in a window (0: any)
-- Returns {user (JSON) of each other member, ...}; -1: the peer is no member; {ms}: over the rate,
--      for so long
local AT_ONCE = 32
local members, rate = unpack(KEYS)
local peer, cost, most = unpack(ARGV)

if redis.call('SISMEMBER', members, peer) == 0 then return -1 end
local count = redis.call('SCARD', members) - 1
-- A full memory takes no charge.
local good, within, wait = pcall(charge, rate, cost * math.max(1, math.ceil(count / AT_ONCE)), tonumber(most))
if good and not within then return {wait} end
local others = {}
for _, id in ipairs(redis.call('SMEMBERS', members)) do
  if id ~= peer then others[#others + 1] = user_of(id) end
end
return others
