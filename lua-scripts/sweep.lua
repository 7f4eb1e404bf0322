local PREFIX, PING_MS, GRACE_MS, MAILBOX, MAILBOX_TTL_MS, ROOM_PEERS, PEER_ROOMS, RATE_WINDOW_MS, KEEP_MS, SWEEP_MAX, PAGE_BYTES, PEER_STREAMS, TELL_AT_ONCE, MAILBOX_TEXT, CLUSTER, WEBHOOK = 'drawbridge:', 0, 0, 0, 0, 0, 0, 6000, '172800000', 8, 16384, 0, 128, '0', false, false
local function key_mailbox(peer) return PREFIX .. 'mailbox:' .. peer end
local function key_peer(peer) return PREFIX .. 'peer:' .. peer end
local function key_kept(peer) return PREFIX .. 'kept:' .. peer end
local function channel(peer) return PREFIX .. 'messages:' .. peer end
local KEPT_FACTOR = 16
local function mailbox_of(peer)
  return redis.call('EXISTS', key_kept(peer)) == 1 and KEPT_FACTOR * MAILBOX or MAILBOX
end
local NUMBER = 'number:'
local function deliver(peer, message, max, number)
  local fields = number and {'m', message, 'k', number} or {'m', message}
  local id = redis.call('XADD', key_mailbox(peer), 'NOMKSTREAM',
    'MAXLEN', '~', max or MAILBOX_TEXT, '*', unpack(fields))
  if not id then return redis.call('PUBLISH', channel(peer), '{' .. message) end
  return redis.call('PUBLISH', channel(peer),
    '{"id":"' .. id .. '",' .. message), id
end
local PRESENT_MS = PING_MS * 1.5
local LAPSE_MS = GRACE_MS + PING_MS / 2  -- for who stopped beating
local TELLING_MS = PING_MS / 2  -- for who was telling others
local PRESENT = PREFIX .. 'present'
local LEAVING = PREFIX .. 'leaving'
local TELLING = PREFIX .. 'telling'
local ROOM_INDEX = PREFIX .. 'rooms'
local MOST_AHEAD = {[PRESENT] = PRESENT_MS, [LEAVING] = LAPSE_MS, [TELLING] = TELLING_MS}
local function key_members(room) return PREFIX .. 'channels:' .. room end
local function key_rooms(peer) return PREFIX .. peer .. ':channels' end
local function key_numbers(room) return PREFIX .. 'numbers:' .. room end
local function key_entering(room) return PREFIX .. 'entering:' .. room end
local function key_telling(peer) return PREFIX .. 'telling:' .. peer end
local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end
local function text_of(number) return string.format('%.0f', number) end
local function keep(...)
  for _, key in ipairs({...}) do redis.call('PEXPIRE', key, KEEP_MS) end
end
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
local function check_times() must_be('zset', PRESENT, LEAVING, TELLING) end
local function check_peer(peer)
  must_be('zset', TELLING)
  must_be('hash', key_peer(peer))
  must_be('stream', key_mailbox(peer))
  must_be('set', key_rooms(peer))
  must_be('list', key_telling(peer))
end
local function rooms_of(peer)
  return redis.call('SMEMBERS', key_rooms(peer))
end
local function number_field(room) return NUMBER .. room end
local function parse_number(text) return tonumber((text or ''):match('^%d+')) or 0 end
local function number_of(peer, room)
  return parse_number(redis.call('HGET', key_peer(peer), number_field(room)))
end
local WEBHOOK_EVENTS = PREFIX .. 'webhook'
local WEBHOOK_STATE = PREFIX .. 'webhook:state'
local function append_webhook(kind, room, more)
  local number = redis.pcall('HINCRBY', WEBHOOK_STATE, 'number', '1')
  if number == 1 then number = redis.pcall('HINCRBY', WEBHOOK_STATE, 'number', text_of(now_ms() * 1000)) end
  local failed = type(number) == 'table' and number
  if not failed then
    local id = redis.pcall('XADD', WEBHOOK_EVENTS, 'MAXLEN', '~', WEBHOOK, '*', 'n', text_of(number),
      'm', '"type":"' .. kind .. '","room":"' .. room .. '"' .. more)
    failed = type(id) == 'table' and id
    keep(WEBHOOK_EVENTS, WEBHOOK_STATE)
  end
  if failed then redis.log(redis.LOG_WARNING, 'an event for the site is lost: ' .. failed.err) end
end
local function append_member(kind, peer, room, cause)
  append_webhook(kind, room, ',"peer":' .. user_of(peer) .. (cause and ',"cause":"' .. cause .. '"' or '') ..
    ',"count":' .. redis.call('SCARD', key_members(room)))
end
local function note_left(peer, room, cause)
  append_member('member.left', peer, room, cause)
  if redis.call('EXISTS', key_members(room)) == 0 then append_webhook('room.vacated', room, '') end
end
local TELLS = TELL_AT_ONCE / 2
local LIST_AT_ONCE = 1000  -- that unpack() is sure to take
local told_count = 0  -- by this script
local function format_tell(t) return t.sign .. t.room .. (t.other and ' ' .. t.other or '') end
local function parse_tell(text)
  local sign, room, other = text:match('^(.)(%S+) ?(.*)$')  -- its id may be the Node application's
  return {sign = sign, room = room, other = other ~= '' and other or nil}
end
local function is_farewell(sign) return sign == '-' or sign == 'x' end
local function append_tells(tells, sign, room, peer)
  for _, id in ipairs(redis.call('SMEMBERS', key_members(room))) do
    if id ~= peer and id ~= '' then
      tells[#tells + 1] = {sign = sign, room = room, other = id, max = nil, user = nil, number = nil}
    end
  end
end
local function is_full(peer)
  local length = redis.pcall('XLEN', key_mailbox(peer))
  if type(length) ~= 'number' then must_be('stream', key_mailbox(peer)) end
  return length + TELLS >= MAILBOX
end
local function read_other(t)
  t.max = is_full(t.other) and mailbox_of(t.other)
  if not is_farewell(t.sign) then
    local known = redis.call('HMGET', key_peer(t.other), 'user', number_field(t.room))
    t.user, t.number = known[1] or unknown_user(t.other), parse_number(known[2])
  end
end
local function readable_of(tells)
  local readable = {}
  for _, t in ipairs(tells) do
    local good, why = true, nil
    if t.other and #readable < TELLS then good, why = pcall(read_other, t) end
    if good then readable[#readable + 1] = t else redis.log(redis.LOG_WARNING, why.err) end
  end
  return readable
end
local function add_peer(user, room, offer)
  return '"event":"add-peer","data":{"peer":' .. user .. ',"roomId":"' .. room ..
    '","offer":' .. offer .. '}}'
end
local function tell_other(t, message)
  local _, id = deliver(t.other, message, t.max)
  return id
end
local function remove_peer(user, room, cause)
  return '"event":"remove-peer","data":{"peer":' .. user .. ',"roomId":"' .. room .. '"' ..
    (cause and ',"cause":"' .. cause .. '"' or '') .. '}}'
end
local tell_by = {}
tell_by['+'] = function(t, peer, user, max)
  local id = tell_other(t, add_peer(user, t.room, 'false'))
  deliver(peer, add_peer(t.user, t.room, 'true'), max)
  return id
end
tell_by['='] = function(t, peer, _, max)
  deliver(peer, add_peer(t.user, t.room, tostring(t.number < number_of(peer, t.room))), max)
  return true
end
tell_by['-'] = function(t, _, user)
  return tell_other(t, remove_peer(user, t.room))
end
tell_by['x'] = function(t, _, user)
  return tell_other(t, remove_peer(user, t.room, 'removed'))
end
local function tell(peer, tells)
  local count, users, ours = 0, {}, {}
  while count < TELLS and tells[count + 1] and tells[count + 1].other do count = count + 1 end
  local user, max = user_of(peer), mailbox_of(peer)
  for i = 1, count do
    local t = tells[i]
    local is_ours = tell_by[t.sign](t, peer, user, max)
    ours[t.room] = ours[t.room] or is_ours or false
    users[i] = t.user
  end
  for room, is in pairs(ours) do
    if not is and is_farewell(tells[1].sign) then redis.call('PERSIST', key_members(room)) end
  end
  told_count = told_count + count
  for last = #tells, count + 1, -LIST_AT_ONCE do
    local texts = {}
    for i = last, math.max(count + 1, last - LIST_AT_ONCE + 1), -1 do texts[#texts + 1] = format_tell(tells[i]) end
    redis.call('LPUSH', key_telling(peer), unpack(texts))
  end
  if #tells > count then
    redis.call('ZADD', TELLING, text_of(now_ms() + TELLING_MS), peer)
    keep(key_telling(peer), TELLING)
  end
  return #tells > count, users
end
local function end_enter(peer, room)
  redis.call('SREM', key_entering(room), peer)
  redis.call('SADD', key_rooms(peer), room)
  keep(key_rooms(peer))
end
local function next_tells(peer)
  local texts, tells = redis.call('LRANGE', key_telling(peer), 0, TELLS - 1), {}
  for i, text in ipairs(texts) do
    local t = parse_tell(text)
    if not t.other then
      append_tells(tells, t.sign, t.room, peer)
      return tells, i, t
    elseif redis.call('SISMEMBER', key_members(t.room), t.other) == 1 then
      tells[#tells + 1] = t
    end
  end
  return tells, #texts, texts[1] and parse_tell(texts[1])
end
local function tell_on(peer)
  local tells, count, first = next_tells(peer)
  if not first then return nil end
  local sign, room = first.sign, first.room
  must_be('set', key_entering(room))
  tells = readable_of(tells)
  if sign == '+' then
    local number, earlier = number_of(peer, room), {}
    for _, t in ipairs(tells) do
      if t.number < number then earlier[#earlier + 1] = t end
    end
    tells = earlier
  end
  redis.call('LTRIM', key_telling(peer), count, -1)  -- a removal first, for a full memory
  tell(peer, tells)
  if redis.call('EXISTS', key_telling(peer)) == 1 then return '' end
  redis.call('ZREM', TELLING, peer)
  if is_farewell(sign) then return '' end
  if sign == '+' then end_enter(peer, room) end
  return room
end
local function leave(peer, rooms, cause)
  local tells, was, sign = {}, false, cause == 'removed' and 'x' or '-'
  must_be('zset', ROOM_INDEX)
  told_count = told_count + #rooms  -- each is several steps
  for _, room in ipairs(rooms) do
    must_be('set', key_members(room))
    if redis.call('SISMEMBER', key_members(room), peer) == 1 then
      was = true
      if #tells < TELLS then append_tells(tells, sign, room, peer)
      else tells[#tells + 1] = {sign = sign, room = room} end
    end
  end
  tells = readable_of(tells)
  for _, room in ipairs(rooms) do
    local removed = redis.call('SREM', key_members(room), peer)
    if WEBHOOK and removed == 1 then note_left(peer, room, cause) end
    if redis.call('EXISTS', key_members(room)) == 0 then
      redis.call('DEL', key_numbers(room))
      redis.call('ZREM', ROOM_INDEX, room)
    end
    redis.call('SREM', key_rooms(peer), room)
    redis.call('HDEL', key_peer(peer), number_field(room))
  end
  local left = tell(peer, tells)
  return left, was
end
local function forget(peer, now)
  redis.call('DEL', key_peer(peer), key_rooms(peer), key_kept(peer))
  local newest = redis.call('XREVRANGE', key_mailbox(peer), '+', '-', 'COUNT', '1')[1]
  local ahead = newest and tonumber(newest[1]:match('^%d+')) - now or 0
  if ahead > 0 then
    redis.call('XTRIM', key_mailbox(peer), 'MAXLEN', '1')
    redis.call('PEXPIRE', key_mailbox(peer), math.min(ahead + LAPSE_MS, tonumber(KEEP_MS)))
  else
    redis.call('UNLINK', key_mailbox(peer))
  end
end
local ROOMS_AT_ONCE = 16
local function leave_on(peer, cause)
  check_peer(peer)
  local left = tell_on(peer)
  if not left then
    local rooms = rooms_of(peer)
    left = leave(peer, {unpack(rooms, 1, ROOMS_AT_ONCE)}, cause) or #rooms > ROOMS_AT_ONCE
  end
  if left then redis.call('HDEL', key_peer(peer), 'inc') end
  return left
end
local function tell_late(now, limit)
  local late = redis.call('ZRANGEBYSCORE', TELLING, '-inf', text_of(now), 'LIMIT', '0', limit)
  for _, peer in ipairs(late) do
    if told_count >= TELLS then return true end
    local good, told = pcall(tell_on, peer)
    if not good then
      redis.log(redis.LOG_WARNING, told.err)
      redis.call('ZREM', TELLING, peer)  -- a removal first, for a full memory
      redis.call('ZADD', TELLING, text_of(now + TELLING_MS), peer)
    elseif not told then
      redis.call('ZREM', TELLING, peer)  -- the list has expired
    end
  end
  return redis.call('ZCOUNT', TELLING, '-inf', text_of(now)) > 0
end
local function sweep(now)
  local reaped, at_once = 0, false
  local limit, now_text, lapse_text = text_of(SWEEP_MAX), text_of(now), text_of(now + LAPSE_MS)
  local gone = redis.call('ZRANGEBYSCORE', LEAVING, '-inf', now_text,
    'LIMIT', '0', limit)
  for i, peer in ipairs(gone) do
    redis.call('ZREM', LEAVING, peer)
    local good, left = pcall(leave_on, peer, 'gone')
    if not good then
      redis.log(redis.LOG_WARNING, left.err)
      redis.call('ZADD', LEAVING, lapse_text, peer)
    elseif left then
      redis.call('ZADD', LEAVING, now_text, peer)
      at_once = true
    else
      forget(peer, now)
      reaped = reaped + 1
    end
    if told_count >= TELLS then
      at_once = at_once or i < #gone
      break
    end
  end
  local silent = redis.call('ZRANGEBYSCORE', PRESENT, '-inf', now_text,
    'LIMIT', '0', limit)
  for _, peer in ipairs(silent) do
    redis.call('ZREM', PRESENT, peer)
    redis.call('ZADD', LEAVING, lapse_text, peer)
  end
  at_once = tell_late(now, limit) or at_once
  for set, most in pairs(MOST_AHEAD) do
    most = text_of(now + most)
    for _, peer in ipairs(redis.call('ZRANGEBYSCORE', set, '(' .. most, '+inf',
        'LIMIT', '0', limit)) do
      redis.call('ZREM', set, peer)
      redis.call('ZADD', set, most, peer)
    end
  end
  local moved, more = #silent > 0, at_once or math.max(#gone, #silent) >= SWEEP_MAX
  return moved and 1 or 0, more and 1 or 0, reaped
end
check_times()
return {sweep(now_ms())}
