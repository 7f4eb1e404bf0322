-- peers.lua - who else is in a room, in parts where they are many.
-- KEYS 1 members of the room (set), 2 rate of the peer
-- ARGV 1 peer id, 2 cost of LISTED_AT_ONCE others, 3 most cost in a window (0: any), 4 as 7 of join.lua,
--      5 position: where to go on, or empty
-- Returns {position, user (JSON) of each other member of this part, ...}, of the last part with an
--      empty position; -1: the peer is no member; {ms}: over the rate, for so long; -6: it is no
--      member, and its token was revoked
local PART = 256
local members, rate = unpack(KEYS)
local peer, cost, most, issued, position = unpack(ARGV)

if redis.call('SISMEMBER', members, peer) == 0 then return is_revoked(peer, issued) and -6 or -1 end
local count = redis.call('SCARD', members) - 1
if position == '' then
  local wait = wait_of(rate, cost * parts_listed(count), most)
  if wait then return {wait} end
end

-- Each id belongs to one part, whoever comes and goes between two of them.
local part, parts = position:match('^(%d+)/(%d+)$')
part, parts = tonumber(part or 0), tonumber(parts or math.max(1, math.ceil(count / PART)))
local byte = string.byte
local function part_of(id)
  local last, other = byte(id, -2, -1)
  return (3 * (last or 0) + (other or 0)) % parts
end

local others = {part + 1 < parts and (part + 1) .. '/' .. parts or ''}
for _, id in ipairs(redis.call('SMEMBERS', members)) do
  if id ~= peer and part_of(id) == part then others[#others + 1] = user_of(id) end
end
return others
