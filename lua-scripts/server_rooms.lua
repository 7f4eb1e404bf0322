local PREFIX, PING_MS, GRACE_MS, MAILBOX, MAILBOX_TTL_MS, ROOM_PEERS, PEER_ROOMS, RATE_WINDOW_MS, KEEP_MS, SWEEP_MAX, PAGE_BYTES, PEER_STREAMS, TELL_AT_ONCE, MAILBOX_TEXT, CLUSTER, WEBHOOK = 'drawbridge:', 0, 0, 0, 0, 0, 0, 6000, '172800000', 8, 16384, 0, 128, '0', false, false
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
local function key_members(room) return PREFIX .. 'channels:' .. room end
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
local index, rate = unpack(KEYS)
local after, limit, most = unpack(ARGV)
local names = read('zset', index, 'ZRANGEBYLEX', after == '' and '-' or '(' .. after, '+', 'LIMIT', '0', limit)
local wait = wait_of(rate, parts_listed(#names), most)
if wait then return {wait} end
local page = {#names == tonumber(limit) and names[#names] or ''}
for _, name in ipairs(names) do
  local count = redis.pcall('SCARD', key_members(name))
  if count == 0 then
    redis.call('ZREM', index, name)  -- it has expired, or the Node application's were its last
  elseif type(count) == 'number' then
    page[#page + 1] = name
    page[#page + 1] = count
  end
end
return page
