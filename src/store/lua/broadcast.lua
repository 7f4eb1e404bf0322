-- broadcast.lua - one message to every other member of a room.
-- KEYS 1 members of the room (set), 2 rate of the sender, 3 who is entering the room (set)
-- ARGV 1 sender, 2 room id, 3 cost of one, 4 most cost in a window (0: any), 5 message,
--      6 position: where to go on, or empty
-- Returns how many peers it went to; {how many, position}: to more of them by another call;
--      -1: the sender is no member; {ms}: over the rate, for so long
local BYTES_AT_ONCE = 262144
local peer, room, cost, most, message, position = unpack(ARGV)

-- Who is entering, and was not told of the sender yet, would not know it.
local entering = {}
for _, id in ipairs(redis.call('SMEMBERS', KEYS[3])) do
  entering[id] = id == peer or not has_met(id, peer, room)
end
local others, member = {}, position ~= ''
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
  if id == peer then member = not entering[id]
  elseif not entering[id] and id > position then others[#others + 1] = id end
end
if not member then return -1 end
if #others == 0 then return 0 end
local count = math.min(#others, TELL_AT_ONCE, math.max(1, math.floor(BYTES_AT_ONCE / #message)))
if count < #others then table.sort(others) end
-- An error where one is no stream, before anybody has the message.
local full = {}
for i = 1, count do full[i] = redis.call('XLEN', key_mailbox(others[i])) >= MAILBOX end
if position == '' then
  local within, wait = charge(KEYS[2], tonumber(cost) * #others, tonumber(most))
  if not within then return {wait} end
end
for i = 1, count do deliver(others[i], message, full[i] and kept_of(others[i])) end
return count < #others and {count, others[count]} or count
