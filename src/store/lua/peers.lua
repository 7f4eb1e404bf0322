-- peers.lua - who else is in a room.
-- KEYS 1 members of the room (set)
-- ARGV 1 peer id
-- Returns {user (JSON) of each other member, ...}; -1: the peer is no member
local others, member = {}, false
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if id == ARGV[1] then member = true else others[#others + 1] = user_of(id) end
end
return member and others or -1
