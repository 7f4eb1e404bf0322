local PREFIX, PING_MS, GRACE_MS, MAILBOX, MAILBOX_TTL_MS, ROOM_PEERS, PEER_ROOMS, RATE_WINDOW_MS, KEEP_MS, SWEEP_MAX, PAGE_BYTES, PEER_STREAMS, TELL_AT_ONCE, MAILBOX_TEXT, CLUSTER, WEBHOOK = 'drawbridge:', 0, 0, 0, 0, 0, 0, 6000, '172800000', 8, 16384, 0, 128, '0', false, false
local function key_peer(peer) return PREFIX .. 'peer:' .. peer end
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
local function unknown_user(peer) return '{"id":"' .. peer .. '"}' end
local function user_of(peer)
  return redis.call('HGET', key_peer(peer), 'user') or unknown_user(peer)
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
local function is_revoked(peer, issued)
  local until_s = read('string', PREFIX .. 'revoked:' .. peer, 'GET')
  return until_s and tonumber(issued) <= tonumber(until_s)
end
local PART = 256
local members, rate = unpack(KEYS)
local peer, cost, most, issued, position = unpack(ARGV)
if redis.call('SISMEMBER', members, peer) == 0 then return is_revoked(peer, issued) and -6 or -1 end
local count = redis.call('SCARD', members) - 1
if position == '' then
  local wait = wait_of(rate, cost * parts_listed(count), most)
  if wait then return {wait} end
end
local part, parts = position:match('^(%d+)/(%d+)$')
part, parts = tonumber(part or 0), tonumber(parts or math.max(1, math.ceil(count / PART)))
local byte = string.byte
local function part_of(id)
  local last, other = byte(id, -2, -1)
  return (3 * (last or 0) + (other or 0)) % parts
end
local others = {part + 1 < parts and (part + 1) .. '/' .. parts or ''}
for _, id in ipairs(redis.call('SMEMBERS', members)) do
  if id ~= peer and part_of(id) == part then others[#others + 1] = user_of(id) end
end
return others
