local PREFIX, PING_MS, GRACE_MS, MAILBOX, MAILBOX_TTL_MS, ROOM_PEERS, PEER_ROOMS, RATE_WINDOW_MS, KEEP_MS, SWEEP_MAX, PAGE_BYTES, PEER_STREAMS, TELL_AT_ONCE, MAILBOX_TEXT, CLUSTER, WEBHOOK = 'drawbridge:', 0, 0, 0, 0, 0, 0, 6000, '172800000', 8, 16384, 0, 128, '0', false, false
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
local events, state = KEYS[1], KEYS[2]
local id, number = ARGV[1], ARGV[2]
must_be('stream', events)
must_be('hash', state)
redis.call('XTRIM', events, 'MINID', after_id(id))
if redis.call('HGET', state, 'last') ~= id then return 0 end
redis.call('HDEL', state, 'last', 'missing')
redis.call('HSET', state, 'done', number)
keep(state)
return 1
