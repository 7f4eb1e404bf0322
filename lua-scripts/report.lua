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
local HOSTS_MAX = 64
local hosts = KEYS[1]
local id, report = unpack(ARGV)
must_be('hash', hosts)
if redis.call('HLEN', hosts) >= HOSTS_MAX and redis.call('HEXISTS', hosts, id) == 0 then
  local oldest, least
  local all = redis.call('HGETALL', hosts)
  for i = 1, #all, 2 do
    local at = tonumber(all[i + 1]:match('^%d+')) or 0
    if not least or at < least then oldest, least = all[i], at end
  end
  redis.call('HDEL', hosts, oldest)
end
pcall(redis.call, 'HSET', hosts, id, text_of(now_ms()) .. ' ' .. report)
keep(hosts)
