local PREFIX, PING_MS, GRACE_MS, MAILBOX, MAILBOX_TTL_MS, ROOM_PEERS, PEER_ROOMS, RATE_WINDOW_MS, KEEP_MS, SWEEP_MAX, PAGE_BYTES, PEER_STREAMS, TELL_AT_ONCE, MAILBOX_TEXT, CLUSTER, WEBHOOK = 'drawbridge:', 0, 0, 0, 0, 0, 0, 6000, '172800000', 8, 16384, 0, 128, '0', false, false
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function text_of(number) return string.format('%.0f', number) end
local function keep(...)
  for _, key in ipairs({...}) do redis.call('PEXPIRE', key, KEEP_MS) end
end
local function must_be(kind, ...)
  for _, key in ipairs({...}) do
    local is = redis.call('TYPE', key).ok
    if is ~= kind and is ~= 'none' then
      error({err = 'WRONGTYPE ' .. key .. ' is a ' .. is .. ', not a ' .. kind})
    end
  end
end
local function after_id(id)
  local ms, sequence = id:match('^(%d+)-(%d+)$')
  return ms .. '-' .. text_of(sequence + 1)
end
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
