local PREFIX, PING_MS, GRACE_MS, MAILBOX, MAILBOX_TTL_MS, ROOM_PEERS, PEER_ROOMS, RATE_WINDOW_MS, KEEP_MS, SWEEP_MAX, PAGE_BYTES, PEER_STREAMS, TELL_AT_ONCE, MAILBOX_TEXT, CLUSTER, WEBHOOK = 'drawbridge:', 0, 0, 0, 0, 0, 0, 6000, '172800000', 8, 16384, 0, 128, '0', false, false
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
local function is_revoked(peer, issued)
  local until_s = read('string', PREFIX .. 'revoked:' .. peer, 'GET')
  return until_s and tonumber(issued) <= tonumber(until_s)
end
return is_revoked(ARGV[1], ARGV[2]) and -6 or 0
