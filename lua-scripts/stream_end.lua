local PREFIX, PING_MS, GRACE_MS, MAILBOX, MAILBOX_TTL_MS, ROOM_PEERS, PEER_ROOMS, RATE_WINDOW_MS, KEEP_MS, SWEEP_MAX, PAGE_BYTES, PEER_STREAMS, TELL_AT_ONCE, MAILBOX_TEXT, CLUSTER, WEBHOOK = 'drawbridge:', 0, 0, 0, 0, 0, 0, 6000, '172800000', 8, 16384, 0, 128, '0', false, false
local function channel(peer) return PREFIX .. 'messages:' .. peer end
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function text_of(number) return string.format('%.0f', number) end
local function keep(...)
  for _, key in ipairs({...}) do redis.call('PEXPIRE', key, KEEP_MS) end
end
local function streams_of(peer)
  return redis.call('PUBSUB', 'NUMSUB', channel(peer))[2]
end
local function must_be(kind, ...)
  for _, key in ipairs({...}) do
    local is = redis.call('TYPE', key).ok
    if is ~= kind and is ~= 'none' then
      error({err = 'WRONGTYPE ' .. key .. ' is a ' .. is .. ', not a ' .. kind})
    end
  end
end
local function stream_field(number) return 's' .. number end
local present, leaving = KEYS[1], KEYS[2]
local peer = ARGV[1]
redis.pcall('HDEL', KEYS[3], stream_field(ARGV[2]))  -- other scripts report a broken key
if streams_of(peer) > 0 then return 0 end
must_be('zset', present, leaving)
local was = redis.call('ZREM', present, peer) + redis.call('ZREM', leaving, peer)
if was == 0 then return 0 end
redis.call('ZADD', leaving, text_of(now_ms() + GRACE_MS), peer)
keep(leaving)
return 1
