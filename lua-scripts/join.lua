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
local ENTERING_MAX = 16
local function deliver(peer, message, max, number)
  local fields = number and {'m', message, 'k', number} or {'m', message}
  local id = redis.call('XADD', key_mailbox(peer), 'NOMKSTREAM',
    'MAXLEN', '~', max or MAILBOX_TEXT, '*', unpack(fields))
  if not id then return redis.call('PUBLISH', channel(peer), '{' .. message) end
  return redis.call('PUBLISH', channel(peer),
    '{"id":"' .. id .. '",' .. message), id
end
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
local TELLING_MS = PING_MS / 2  -- for who was telling others
local TELLING = PREFIX .. 'telling'
local ROOM_INDEX = PREFIX .. 'rooms'
local function key_members(room) return PREFIX .. 'channels:' .. room end
local function key_rooms(peer) return PREFIX .. peer .. ':channels' end
local function key_numbers(room) return PREFIX .. 'numbers:' .. room end
local function key_entering(room) return PREFIX .. 'entering:' .. room end
local function key_telling(peer) return PREFIX .. 'telling:' .. peer end
local function key_banned(room) return PREFIX .. 'banned:' .. room end
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
local function check_peer(peer)
  must_be('zset', TELLING)
  must_be('hash', key_peer(peer))
  must_be('stream', key_mailbox(peer))
  must_be('set', key_rooms(peer))
  must_be('list', key_telling(peer))
end
local LOST = ' lost'
local function number_field(room) return NUMBER .. room end
local function parse_number(text) return tonumber((text or ''):match('^%d+')) or 0 end
local function number_of(peer, room)
  return parse_number(redis.call('HGET', key_peer(peer), number_field(room)))
end
local function parse_since(text) return tonumber((text or ''):match('@(%d+)')) end
local function has_place(peer, room)
  local number = redis.call('HGET', key_peer(peer), number_field(room))
  return number and not number:find(LOST, 1, true)
end
local function next_number(room)
  local key = key_numbers(room)
  local number = redis.call('INCR', key)
  if number == 1 then number = redis.call('INCRBY', key, text_of(now_ms() * 1000)) end
  keep(key)
  return number
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
local function note_joined(peer, room)
  if redis.call('SCARD', key_members(room)) == 1 then append_webhook('room.occupied', room, '') end
  append_member('member.joined', peer, room)
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
local function read_others(tells)
  for i = 1, math.min(#tells, TELLS) do read_other(tells[i]) end
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
local function enter(peer, room, tells)
  if #tells > TELLS then
    redis.call('SADD', key_entering(room), peer)
    keep(key_entering(room))
  else
    redis.call('SADD', key_rooms(peer), room)
  end
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
local function ping(peer, id, data)
  redis.call('PUBLISH', channel(peer), '{"id":"' .. id .. '","event":"ping","data":' .. data .. '}')
end
local GENERATION = PREFIX .. 'generation'
local function generation(server)
  if not CLUSTER then return server end
  local replid, name, node, run = unpack(redis.call('HMGET', GENERATION, 'replid', 'name', 'node', 'run'))
  if replid ~= server then
    local info = redis.call('INFO', 'server', 'replication')
    local now_run, now_replid, before =
      info:match('run_id:(%x+)'), info:match('master_replid:(%x+)'), info:match('master_replid2:(%x+)')
    local now_node = redis.call('CLUSTER', 'MYID')
    local kept
    if node == now_node then
      kept = replid == now_replid or run == now_run and before:match('^0+$')
    elseif node and replid ~= before then
      local flags = ('\n' .. redis.call('CLUSTER', 'NODES')):match('\n' .. node .. ' %S+ (%S+)')
      kept = flags and flags:find('master') and not flags:find('fail')
    end
    name = kept and name or now_replid
    redis.call('HSET', GENERATION, 'replid', now_replid, 'name', name, 'node', now_node, 'run', now_run)
  end
  keep(GENERATION)
  return name
end
local function begin_incarnation(peer, server, others, now)
  local newest = redis.call('XREVRANGE', key_mailbox(peer), '+', '-', 'COUNT', '1')[1]
  local last = newest and tonumber(newest[1]:match('^%d+')) or 0
  local sequence = tonumber(redis.sha1hex(server):sub(1, 6), 16)
  if newest then redis.call('UNLINK', key_mailbox(peer)) end
  local incarnation = redis.call('XADD', key_mailbox(peer),
    text_of(math.max(now, last) + 1) .. '-' .. text_of(sequence), 'm', '')
  redis.call('HSET', key_peer(peer), 'inc', incarnation, 'server', server)
  redis.call('DEL', key_kept(peer))
  if others then ping(peer, incarnation, '{}') end
  return incarnation
end
local ENTERING_WAIT_MS = 1000
local members, rooms, hash, mailbox, present, leaving, rate = unpack(KEYS)
local peer, room, user, server, cost, most, issued, begun = unpack(ARGV)
must_be('set', members, key_entering(room))
must_be('string', key_numbers(room))
check_peer(peer)
must_be('zset', present, leaving)
local indexed = read('zset', ROOM_INDEX, 'ZSCORE', room)
if is_revoked(peer, issued) then return -6 end
local kept_out = read('zset', key_banned(room), 'ZSCORE', peer)
local kept_out_ms = kept_out and kept_out - now_ms() or 0
if kept_out_ms > 0 then return {kept_out_ms, -5} end
local telling = tell_on(peer)
if telling == room and has_place(peer, room) then return 0 end
if telling and telling ~= room then return begun == '1' and -4 or -3 end
local member = redis.call('SISMEMBER', members, peer) == 1
if begun == '1' and (not member or has_place(peer, room)) then return 0 end
if not member then
  if redis.call('SCARD', members) >= ROOM_PEERS then return -1 end
  if redis.call('SCARD', rooms) >= PEER_ROOMS then return -2 end
end
local known = member and has_place(peer, room) and redis.call('ZSCORE', present, peer)
local others = redis.call('SCARD', members) - (member and 1 or 0)
if not known and others > TELLS and redis.call('SCARD', key_entering(room)) >= ENTERING_MAX then
  return {ENTERING_WAIT_MS}
end
local within, wait = charge(rate, cost * math.max(1, others * (known and 1 or 2)), tonumber(most))
if not within then return {wait} end
local tells = {}
append_tells(tells, known and '=' or '+', room, peer)
read_others(tells)
local begins = redis.call('HEXISTS', hash, 'inc') == 0
if begins then begin_incarnation(peer, generation(server), true, now_ms()) end
redis.call('HSET', hash, 'user', user)
if not redis.call('ZSCORE', present, peer) then
  redis.call('ZADD', leaving, begins and 'CH' or 'NX', text_of(now_ms() + GRACE_MS), peer)
end
if not known then
  local since = member and parse_since(redis.call('HGET', hash, number_field(room))) or now_ms()
  redis.call('HSET', hash, number_field(room), text_of(next_number(room)) .. '@' .. text_of(since))
  local added = redis.call('SADD', members, peer)
  if WEBHOOK and added == 1 then note_joined(peer, room) end
  if not indexed then redis.call('ZADD', ROOM_INDEX, '0', room) end
  enter(peer, room, tells)
end
keep(hash, mailbox, leaving, members, rooms, ROOM_INDEX)
local left, users = tell(peer, tells)
return left and -4 or users
