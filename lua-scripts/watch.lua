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
local LATELY_MS = 60000 + 2 * PING_MS
local rooms, present, leaving, hosts, events = unpack(KEYS)
must_be('zset', rooms, present, leaving)
must_be('hash', hosts)
must_be('stream', events)
local now = now_ms()
local first = redis.call('XRANGE', events, '-', '+', 'COUNT', '1')[1]
local reports = {}
for _, value in ipairs(redis.call('HVALS', hosts)) do
  local at, report = value:match('^(%d+) (.*)$')
  if at and now - at < LATELY_MS then reports[#reports + 1] = {tonumber(at), report} end
end
return {now, redis.call('ZCARD', rooms), redis.call('ZCARD', present), redis.call('ZCARD', leaving),
  redis.call('XLEN', events), first and tonumber(first[1]:match('^%d+')) or 0, reports}
