local PREFIX, PING_MS, GRACE_MS, MAILBOX, MAILBOX_TTL_MS, ROOM_PEERS, PEER_ROOMS, RATE_WINDOW_MS, KEEP_MS, SWEEP_MAX, PAGE_BYTES, PEER_STREAMS, TELL_AT_ONCE, MAILBOX_TEXT, CLUSTER, WEBHOOK = 'drawbridge:', 0, 0, 0, 0, 0, 0, 6000, '172800000', 8, 16384, 0, 128, '0', false, false
local function channel(peer) return PREFIX .. 'messages:' .. peer end
local function charge(rate, cost, most)
  if most == 0 then return true end
  local used = redis.call('INCRBY', rate, cost)
  cost = tonumber(cost)
  local before = used - cost
  local fits = used <= most or cost > most / 2 and before <= most / 2
  if not fits then
    redis.call('DECRBY', rate, cost)
    used = before
  end
  local window = math.ceil(RATE_WINDOW_MS * math.max(1, used / most))
  if fits and (before == 0 or used > most) then redis.call('PEXPIRE', rate, window) end
  if fits then return true end
  redis.call('PEXPIRE', rate, window, 'LT')
  return false, redis.call('PTTL', rate)
end
local function wait_of(rate, cost, most)
  local good, within, wait = pcall(charge, rate, cost, tonumber(most))
  if good and not within then return wait end
end
local LISTED_AT_ONCE = 32
local function parts_listed(count) return math.max(1, math.ceil(count / LISTED_AT_ONCE)) end
local function key_telling(peer) return PREFIX .. 'telling:' .. peer end
local function unknown_user(peer) return '{"id":"' .. peer .. '"}' end
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
local function read(kind, key, command, ...)
  local reply = redis.pcall(command, key, ...)
  if reply and reply.err then
    must_be(kind, key)
    error(reply)
  end
  return reply
end
local function parse_tell(text)
  local sign, room, other = text:match('^(.)(%S+) ?(.*)$')  -- its id may be the Node application's
  return {sign = sign, room = room, other = other ~= '' and other or nil}
end
local hash, rooms, rate = unpack(KEYS)
local peer, most = unpack(ARGV)
local known = read('hash', hash, 'HMGET', 'user', 'inc')
local names, streams = read('set', rooms, 'SMEMBERS'), streams_of(peer)
local first = read('list', key_telling(peer), 'LINDEX', '0')
local wait = wait_of(rate, parts_listed(#names), most)
if wait then return {wait} end
local entering = first and parse_tell(first)
if entering and entering.sign == '+' and redis.call('SISMEMBER', rooms, entering.room) == 0 then
  names[#names + 1] = entering.room
end
if not known[1] and not names[1] and streams == 0 then return -1 end
table.sort(names)
local since = tonumber((known[2] or '0'):match('^%d+'))
return {known[1] or unknown_user(peer), since, streams, unpack(names)}
