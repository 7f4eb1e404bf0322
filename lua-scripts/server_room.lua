local PREFIX, PING_MS, GRACE_MS, MAILBOX, MAILBOX_TTL_MS, ROOM_PEERS, PEER_ROOMS, RATE_WINDOW_MS, KEEP_MS, SWEEP_MAX, PAGE_BYTES, PEER_STREAMS, TELL_AT_ONCE, MAILBOX_TEXT, CLUSTER, WEBHOOK = 'drawbridge:', 0, 0, 0, 0, 0, 0, 6000, '172800000', 8, 16384, 0, 128, '0', false, false
local function key_peer(peer) return PREFIX .. 'peer:' .. peer end
local function channel(peer) return PREFIX .. 'messages:' .. peer end
local NUMBER = 'number:'
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
local function number_field(room) return NUMBER .. room end
local function parse_since(text) return tonumber((text or ''):match('@(%d+)')) end
local members, rate = unpack(KEYS)
local room, after, limit, most = unpack(ARGV)
local all, ids = read('set', members, 'SMEMBERS'), {}
limit = math.min(tonumber(limit), #all)
local wait = wait_of(rate, parts_listed(limit), most)
if wait then return {wait} end
for _, id in ipairs(all) do
  if id > after then ids[#ids + 1] = id end
end
table.sort(ids)
local page, channels = {ids[limit + 1] and ids[limit] or '', #all}, {}
for i = 1, math.min(limit, #ids) do channels[i] = channel(ids[i]) end
if not channels[1] then return page end
local streams = redis.call('PUBSUB', 'NUMSUB', unpack(channels))  -- name, how many, ...
for i = 1, #channels do
  local known = redis.call('HMGET', key_peer(ids[i]), 'user', number_field(room))
  page[#page + 1] = known[1] or unknown_user(ids[i])
  page[#page + 1] = parse_since(known[2]) or 0
  page[#page + 1] = streams[2 * i]
end
return page
