local PREFIX, PING_MS, GRACE_MS, MAILBOX, MAILBOX_TTL_MS, ROOM_PEERS, PEER_ROOMS, RATE_WINDOW_MS, KEEP_MS, SWEEP_MAX, PAGE_BYTES, PEER_STREAMS, TELL_AT_ONCE, MAILBOX_TEXT, CLUSTER, WEBHOOK = 'drawbridge:', 0, 0, 0, 0, 0, 0, 6000, '172800000', 8, 16384, 0, 128, '0', false, false
local function key_mailbox(peer) return PREFIX .. 'mailbox:' .. peer end
local function key_peer(peer) return PREFIX .. 'peer:' .. peer end
local PRESENT_MS = PING_MS * 1.5
local LAPSE_MS = GRACE_MS + PING_MS / 2  -- for who stopped beating
local TELLING_MS = PING_MS / 2  -- for who was telling others
local PRESENT = PREFIX .. 'present'
local LEAVING = PREFIX .. 'leaving'
local TELLING = PREFIX .. 'telling'
local MOST_AHEAD = {[PRESENT] = PRESENT_MS, [LEAVING] = LAPSE_MS, [TELLING] = TELLING_MS}
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
local function check_times() must_be('zset', PRESENT, LEAVING, TELLING) end
local function is_due(now)
  for set, most in pairs(MOST_AHEAD) do
    if redis.call('ZCOUNT', set, '-inf', text_of(now)) > 0 or
        redis.call('ZCOUNT', set, '(' .. text_of(now + most), '+inf') > 0 then return true end
  end
  return false
end
local TRIM_AT_ONCE = 512  -- entries, or a mailbox more: a long one takes 3 us to be freed
local present, leaving = unpack(KEYS)
local trims, connection_of = ARGV[1], ARGV[2]
local function split(text)
  local words, n = {}, 0
  for word in text:gmatch('%S+') do
    n = n + 1
    words[n] = word
  end
  return words
end
local peers = split(ARGV[3])
check_times()
local now = now_ms()
local until_ms = text_of(now + PRESENT_MS)
local connections = redis.call('PUBSUB', 'NUMSUB', unpack(split(ARGV[5])))  -- name, how many, ...
local answers, scores, counted = {}, {}, 0
for n, peer in ipairs(peers) do
  if connections[2 * connection_of:byte(n)] == 0 then
    answers[n] = -2
  else
    counted = counted + 1
    scores[2 * counted - 1], scores[2 * counted] = until_ms, peer
  end
end
local function answer_absent(peer, incarnation)
  if redis.pcall('HGET', key_peer(peer), 'inc') ~= incarnation then return -1 end
  redis.call('ZREM', leaving, peer)
  redis.call('ZADD', present, until_ms, peer)
end
if counted > 0 then
  keep(present, leaving)  -- first, as it takes no memory: then a full one denies nothing
  if redis.call('ZADD', present, 'XX', 'CH', unpack(scores)) < counted then
    local incarnations = split(ARGV[4])
    for n, peer in ipairs(peers) do
      if not answers[n] and not redis.call('ZSCORE', present, peer) then
        answers[n] = answer_absent(peer, incarnations[n])
      end
    end
  end
end
local trimmed = 0
for n in trims:gmatch('()1') do
  if not answers[n] and trimmed >= TRIM_AT_ONCE then answers[n] = 2
  elseif not answers[n] then
    local mailbox = key_mailbox(peers[n])
    local edge = redis.pcall('XREVRANGE', mailbox,
      text_of(now - MAILBOX_TTL_MS), '-', 'COUNT', '1')[1]
    if edge then trimmed = trimmed + redis.call('XTRIM', mailbox, 'MINID', '~', edge[1]) end
  end
end
local told = {}
for n, answer in pairs(answers) do
  told[#told + 1] = n
  told[#told + 1] = answer
end
return {is_due(now) and 1 or 0, told}
