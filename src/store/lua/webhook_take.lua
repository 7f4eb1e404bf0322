-- webhook_take.lua - the next events for the site, for the one sender of all hosts.
-- KEYS 1 events (stream), 2 state of the sending (hash), 3 the sender (string)
-- ARGV 1 name of who asks, 2 for how many ms it is the sender from now on: three quarters of them at least,
--      3 most events, 0: it only stays the sender, 4 after how many ms an event is given up
-- Returns {ms}: another is the sender, for so long at most; {events: {{id, {'n', number, 'm', message}}, ...},
--      how many are missing since those that arrived last (-1: nobody knows), how many were given up and how
--      many were pushed out since this was last asked, more (1: ask again at once)}
-- A batch stays as it is until webhook_sent.lua names it, whoever asks: its last id is in the state. Only what
-- is given up or pushed out meanwhile goes, from its beginning.
local GIVE_UP_AT_ONCE = 256
local events, state, sender = unpack(KEYS)
local name, lease, most, age = unpack(ARGV)

must_be('string', sender)
local holder = redis.call('GET', sender)
local left = redis.call('PTTL', sender)
if holder and holder ~= name then
  if left > tonumber(lease) then redis.call('PEXPIRE', sender, lease) end  -- a clock that went back
  return {math.min(left, lease)}
end
must_be('stream', events)
must_be('hash', state)
if left < lease * 3 / 4 then
  redis.call('DEL', sender)  -- a removal first, for a full memory
  redis.call('SET', sender, name, 'PX', lease)
  keep(events, state)
end
if most == '0' then return {{}, 0, 0, 0, 0} end

local old = redis.call('XRANGE', events, '-', text_of(now_ms() - age), 'COUNT', text_of(GIVE_UP_AT_ONCE))
if old[1] then redis.call('XTRIM', events, 'MINID', after_id(old[#old][1])) end

-- done: number of the last that has arrived; missing: how many since then have been counted; last: id of the
-- last of the batch.
local known = redis.call('HMGET', state, 'done', 'missing', 'last')
local done, counted = known[1], (tonumber(known[2]) or 0) + #old
local batch = known[3] and redis.call('XRANGE', events, '-', known[3], 'COUNT', most) or {}
if not batch[1] then
  batch = redis.call('XRANGE', events, '-', '+', 'COUNT', most)
  if batch[1] then
    redis.call('HDEL', state, 'last')  -- a removal first
    redis.call('HSET', state, 'last', batch[#batch][1])
  end
end
local missing = batch[1] and done and math.max(0, batch[#batch][2][2] - done - #batch) or 0
local lost = math.max(0, missing - counted)
if #old + lost > 0 then
  redis.call('HDEL', state, 'missing')  -- likewise
  redis.call('HSET', state, 'missing', text_of(counted + lost))
end
return {batch, done and missing or -1, #old, lost, #old == GIVE_UP_AT_ONCE and 1 or 0}
