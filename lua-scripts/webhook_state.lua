local PREFIX, PING_MS, GRACE_MS, MAILBOX, MAILBOX_TTL_MS, ROOM_PEERS, PEER_ROOMS, RATE_WINDOW_MS, KEEP_MS, SWEEP_MAX, PAGE_BYTES, PEER_STREAMS, TELL_AT_ONCE, MAILBOX_TEXT, CLUSTER, WEBHOOK = 'drawbridge:', 0, 0, 0, 0, 0, 0, 6000, '172800000', 8, 16384, 0, 128, '0', false, false
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function must_be(kind, ...)
  for _, key in ipairs({...}) do
    local is = redis.call('TYPE', key).ok
    if is ~= kind and is ~= 'none' then
      error({err = 'WRONGTYPE ' .. key .. ' is a ' .. is .. ', not a ' .. kind})
    end
  end
end
local function read(kind, key, command, ...)
  local reply = redis.pcall(command, key, ...)
  if reply and reply.err then
    must_be(kind, key)
    error(reply)
  end
  return reply
end
local events, sender = unpack(KEYS)
local oldest = read('stream', events, 'XRANGE', '-', '+', 'COUNT', '1')[1]
return {redis.call('XLEN', events), oldest and math.max(0, now_ms() - oldest[1]:match('^%d+')) or 0,
  redis.call('EXISTS', sender)}
