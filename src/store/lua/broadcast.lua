-- broadcast.lua - one message to every other member of a room, or from the site's own server to all of them.
-- KEYS 1 members of the room (set), 2 rate of the sender, 3 who is entering the room (set)
-- ARGV 1 sender, 2 room id, 3 cost of one, 4 most cost in a window (0: any), 5 message,
--      6 position: where to go on, or empty
-- Returns how many peers it went to; {how many, position}: to more of them by another call;
--      -1: the sender is no member; {ms}: over the rate, for so long
local BYTES_AT_ONCE = 262144
local peer, room, cost, most, message, position = unpack(ARGV)

local members, rate, entering = unpack(KEYS)
local by_peer = peer ~= SERVER  -- which knows everybody, and is known
local strangers = by_peer and strangers_of(peer, room, entering) or {}
-- A sender that has left between two parts sends no more.
if by_peer and (strangers[peer] or redis.call('SISMEMBER', members, peer) == 0) then
  return position == '' and -1 or 0
end
if position == '' then
  local count = redis.call('SCARD', members) - (by_peer and 1 or 0)
  if count == 0 then return 0 end
  -- Before anything that costs as many steps as there are others.
  local within, wait = charge(rate, cost * count, tonumber(most))
  if not within then return {wait} end
end
local others = {}
for _, id in ipairs(redis.call('SMEMBERS', members)) do
  if id ~= peer and not strangers[id] and id > position then others[#others + 1] = id end
end
if #others == 0 then return 0 end
local count = math.min(#others, TELL_AT_ONCE, math.max(1, math.floor(BYTES_AT_ONCE / #message)))
if count < #others then table.sort(others) end
-- If one is not a stream, this is an error before anybody has the message.
local full = {}
for i = 1, count do full[i] = redis.call('XLEN', key_mailbox(others[i])) >= MAILBOX end
for i = 1, count do deliver(others[i], message, full[i] and mailbox_of(others[i])) end
return count < #others and {count, others[count]} or count
