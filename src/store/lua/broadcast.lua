-- broadcast.lua - one message to every other member of a room, or from the site's own server to all of them.
-- KEYS 1 members of the room (set), 2 rate of the sender, 3 who is entering the room (set)
-- ARGV 1 sender, 2 room id, 3 cost of one, 4 most cost in a window (0: any), 5 and 6 as in relay.lua,
--      7 message, 8 position: where to go on, or empty
-- Returns {how many peers it went to now, position: to more of them by another call, or empty, how many in
--      all}; how many in all, as text, where a repeat is answered as the first was (where that ended
--      halfway, a repeat goes on); -1: the sender is no member; -3, {ms}, -6: as relay.lua
local BYTES_AT_ONCE = 262144
local peer, room, cost, most, issued, once, message, position = unpack(ARGV)

local members, rate, entering = unpack(KEYS)
local answer, refusal, keep_answer
if once ~= '' then answer, refusal, keep_answer = answered(peer, once) end
if refusal and position == '' then return refusal end
if answer and not answer:find(' ', 1, true) then return answer end
position = answer or position
local all, last = position:match('^(%d+) (.*)$')
local by_peer = peer ~= SERVER  -- which knows everybody, and is known

local function went_to(count, id)
  all = (all or 0) + count
  position = id and text_of(all) .. ' ' .. id or ''
  if keep_answer then keep_answer(id and position or text_of(all)) end
  return {count, position, all}
end

local strangers = by_peer and strangers_of(peer, room, entering) or {}
-- A sender that has left between two parts sends no more.
if by_peer and (strangers[peer] or redis.call('SISMEMBER', members, peer) == 0) then
  if last then return went_to(0) end
  return is_revoked(peer, issued) and -6 or -1
end
if not last then
  local count = redis.call('SCARD', members) - (by_peer and 1 or 0)
  if count == 0 then return went_to(0) end
  -- Before anything that costs as many steps as there are others.
  local within, wait = charge(rate, cost * count, tonumber(most))
  if not within then return {wait} end
end
local others = {}
for _, id in ipairs(redis.call('SMEMBERS', members)) do
  if id ~= peer and id ~= '' and not strangers[id] and (not last or id > last) then others[#others + 1] = id end
end
if #others == 0 then return went_to(0) end
local count = math.min(#others, TELL_AT_ONCE, math.max(1, math.floor(BYTES_AT_ONCE / #message)))
-- By the locale that Redis was started with: any order will do, and this is the quickest.
if count < #others then table.sort(others) end
-- If one is not a stream, this is an error before anybody has the message.
local full = {}
for i = 1, count do full[i] = redis.call('XLEN', key_mailbox(others[i])) >= MAILBOX end
for i = 1, count do deliver(others[i], message, full[i] and mailbox_of(others[i])) end
return went_to(count, count < #others and others[count])
