-- presence.lua - who is here, and for how long. It uses deliver.lua; see there.
local PRESENT_MS = PING_MS * 1.5
local LAPSE_MS = GRACE_MS + PING_MS / 2  -- for who stopped beating
local TELLING_MS = PING_MS / 2  -- for who was telling others
local REPORTED_MS = 60000 + 2 * PING_MS  -- for a host that is silent: see report.lua
local PRESENT = PREFIX .. 'present'
local LEAVING = PREFIX .. 'leaving'
local TELLING = PREFIX .. 'telling'
-- The names of all rooms that have members (a sorted set, all with the score 0), to be listed in their order.
local ROOM_INDEX = PREFIX .. 'rooms'
-- The sorted sets by time, and how far ahead a time in them can be. Further: the clock went back.
local MOST_AHEAD = {[PRESENT] = PRESENT_MS, [LEAVING] = LAPSE_MS, [TELLING] = TELLING_MS}

local function key_members(room) return PREFIX .. 'channels:' .. room end
local function key_rooms(peer) return PREFIX .. peer .. ':channels' end
local function key_numbers(room) return PREFIX .. 'numbers:' .. room end
local function key_entering(room) return PREFIX .. 'entering:' .. room end
local function key_telling(peer) return PREFIX .. 'telling:' .. peer end
-- Who is kept out of a room: until when, in ms (a sorted set). See server_remove.lua.
local function key_banned(room) return PREFIX .. 'banned:' .. room end

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

-- Of an integer: shorter than what ".." and redis.call() do.
local function text_of(number) return string.format('%.0f', number) end

local function keep(...)
  for _, key in ipairs({...}) do redis.call('PEXPIRE', key, KEEP_MS) end
end

-- One of the Node application's.
local function unknown_user(peer) return '{"id":"' .. peer .. '"}' end

local function user_of(peer)
  return redis.call('HGET', key_peer(peer), 'user') or unknown_user(peer)
end

-- How many streams are subscribed. Always asked inside the script: between
-- two round trips it would be stale.
local function streams_of(peer)
  return redis.call('PUBSUB', 'NUMSUB', channel(peer))[2]
end

-- Somebody else's key, or a broken one, is found out before the first write, so
-- that nothing is half done. (Redis' own error would not name the key.)
local function must_be(kind, ...)
  for _, key in ipairs({...}) do
    local is = redis.call('TYPE', key).ok
    if is ~= kind and is ~= 'none' then
      error({err = 'WRONGTYPE ' .. key .. ' is a ' .. is .. ', not a ' .. kind})
    end
  end
end

-- What a command reads of a key; an error says which key is of another kind.
local function read(kind, key, command, ...)
  local reply = redis.pcall(command, key, ...)
  if reply and reply.err then
    must_be(kind, key)
    error(reply)
  end
  return reply
end

-- Until when (Unix seconds) tokens of a peer were issued that are refused: see disconnect.lua. issued: of this
-- one; 0: it does not say. Asked where a peer comes in, or is not in a room: one that was disconnected is in none.
local function is_revoked(peer, issued)
  local until_s = read('string', PREFIX .. 'revoked:' .. peer, 'GET')
  return until_s and tonumber(issued) <= tonumber(until_s)
end

local function check_times() must_be('zset', PRESENT, LEAVING, TELLING) end

-- Whether there is something for a sweep.
local function is_due(now)
  for set, most in pairs(MOST_AHEAD) do
    if redis.call('ZCOUNT', set, '-inf', text_of(now)) > 0 or
        redis.call('ZCOUNT', set, '(' .. text_of(now + most), '+inf') > 0 then return true end
  end
  return false
end

-- A peer's own keys, and that of whom a sweep is to go on with.
local function check_peer(peer)
  must_be('zset', TELLING)
  must_be('hash', key_peer(peer))
  must_be('stream', key_mailbox(peer))
  must_be('set', key_rooms(peer))
  must_be('list', key_telling(peer))
end

-- What follows a position: {{id, {'m', message}}, ...} of at most PAGE_BYTES, or one message
-- that is longer; and whether there is more. nil: the position is not in the mailbox, or is
-- none. One at a time, as nobody knows how long the next one is: a mailbox may hold megabytes.
local function page_after(mailbox, position)
  local at = redis.pcall('XRANGE', mailbox, position, position)
  if not at[1] then return nil end
  local page, bytes = {}, 0
  while true do
    local entry = redis.call('XRANGE', mailbox, '(' .. position, '+', 'COUNT', '1')[1]
    if not entry then return page, false end
    bytes = bytes + #entry[2][2]
    if page[1] and bytes > PAGE_BYTES then return page, true end
    page[#page + 1], position = entry, entry[1]
  end
end

-- What is kept stays so until the client has it: then it asks for one more page, which is empty. It
-- has all that is before the first message of a page.
local function has_more(peer, page, more)
  if not page[1] or redis.call('EXISTS', key_kept(peer)) == 0 then
    redis.call('DEL', key_kept(peer))
    return more
  end
  for _, entry in ipairs(page) do
    local number = entry[2][4]
    if number then
      redis.pcall('HSET', key_kept(peer), KEPT_HAD, number - 1)  -- a full memory counts it as kept for longer
      break
    end
  end
  return true
end

local function rooms_of(peer)
  return redis.call('SMEMBERS', key_rooms(peer))
end

-- A member has the field number:ROOM, as "NUMBER@MS": its number, and since when it is one (of a member
-- that joined by an older version: "NUMBER"). One that has lost what it was told has this mark
-- behind it, and is announced again when it joins.
local LOST = ' lost'

local function number_field(room) return NUMBER .. room end
local function parse_number(text) return tonumber((text or ''):match('^%d+')) or 0 end
local function number_of(peer, room)
  return parse_number(redis.call('HGET', key_peer(peer), number_field(room)))
end

local function parse_since(text) return tonumber((text or ''):match('@(%d+)')) end

local function lose_place(peer, rooms)
  for _, room in ipairs(rooms) do
    local hash, field = key_peer(peer), number_field(room)
    local number = redis.call('HGET', hash, field)
    if number and not number:find(LOST, 1, true) then redis.call('HSET', hash, field, number .. LOST) end
  end
end

local function has_place(peer, room)
  local number = redis.call('HGET', key_peer(peer), number_field(room))
  return number and not number:find(LOST, 1, true)
end

local function next_number(room)
  local key = key_numbers(room)
  local number = redis.call('INCR', key)
  -- A new key, though there may be members: begin above all numbers that were in use.
  if number == 1 then number = redis.call('INCRBY', key, text_of(now_ms() * 1000)) end
  keep(key)
  return number
end

-- What the site's own server is to hear of, where it wants to: an entry of a stream, in the step that makes
-- it true (see webhook_take.lua). Each takes a number, so that a gap tells how many were pushed out, or
-- could not be written: whatever is wrong with these keys stops no step, or nobody could leave a room.
local WEBHOOK_EVENTS = PREFIX .. 'webhook'
local WEBHOOK_STATE = PREFIX .. 'webhook:state'
local function append_webhook(kind, room, more)
  local number = redis.pcall('HINCRBY', WEBHOOK_STATE, 'number', '1')
  -- A new key: begin above all numbers that were in use.
  if number == 1 then number = redis.pcall('HINCRBY', WEBHOOK_STATE, 'number', text_of(now_ms() * 1000)) end
  local failed = type(number) == 'table' and number
  if not failed then
    local id = redis.pcall('XADD', WEBHOOK_EVENTS, 'MAXLEN', '~', WEBHOOK, 'LIMIT', '200', '*', 'n',
      text_of(number), 'm', '"type":"' .. kind .. '","room":"' .. room .. '"' .. more)
    failed = type(id) == 'table' and id
    keep(WEBHOOK_EVENTS, WEBHOOK_STATE)
  end
  if failed then redis.log(redis.LOG_WARNING, 'an event for the site is lost: ' .. failed.err) end
end

-- The id of a stream that comes next.
local function after_id(id)
  local ms, sequence = id:match('^(%d+)-(%d+)$')
  return ms .. '-' .. text_of(sequence + 1)
end

-- After a peer was added, or removed.
local function append_member(kind, peer, room, cause)
  append_webhook(kind, room, ',"peer":' .. user_of(peer) .. (cause and ',"cause":"' .. cause .. '"' or '') ..
    ',"count":' .. redis.call('SCARD', key_members(room)))
end

local function note_joined(peer, room)
  if redis.call('SCARD', key_members(room)) == 1 then append_webhook('room.occupied', room, '') end
  append_member('member.joined', peer, room)
end

local function note_left(peer, room, cause)
  append_member('member.left', peer, room, cause)
  if redis.call('EXISTS', key_members(room)) == 0 then append_webhook('room.vacated', room, '') end
end

-- What a peer has to tell others, or to be told of them: {sign =, room =, other =} each.
--   +  it enters: both are told, and it is to offer
--   =  it entered before: it alone is told again
--   -  it left; without another: all are to be told who are there then
--   x  likewise, but it was removed: whoever has a channel of its own to it is to close it
-- One script tells at most TELLS of them. The rest is in a list, as "+room other", and is told by the
-- next steps of this peer before anything else, so that the order holds. Should whoever was telling
-- them have been killed, a sweep goes on with it.
local TELLS = TELL_AT_ONCE / 2
local LIST_AT_ONCE = 1000  -- that unpack() is sure to take
local told_count = 0  -- by this script

local function format_tell(t) return t.sign .. t.room .. (t.other and ' ' .. t.other or '') end
local function parse_tell(text)
  local sign, room, other = text:match('^(.)(%S+) ?(.*)$')  -- its id may be the Node application's
  return {sign = sign, room = room, other = other ~= '' and other or nil}
end

local function is_farewell(sign) return sign == '-' or sign == 'x' end

-- To all others in the room. (Peers that are just entering are told, too, of one that leaves, even if
-- they were not told of it: they may know it from an earlier visit.)
local function append_tells(tells, sign, room, peer)
  for _, id in ipairs(redis.call('SMEMBERS', key_members(room))) do
    if id ~= peer and id ~= '' then
      -- With all of its fields, as a table that grows is slow.
      tells[#tells + 1] = {sign = sign, room = room, other = id, max = nil, user = nil, number = nil}
    end
  end
end

-- For a member that enters again: first those who were to tell it of both, as it is its own to do now. It is in its
-- rooms meanwhile, so what they send reaches it, and is not to come before them.
local function unmet_first(tells, room, peer)
  local unmet, first, rest = {}, {}, {}
  for _, id in ipairs(redis.call('SMEMBERS', key_entering(room))) do
    unmet[id] = type(redis.pcall('LPOS', key_telling(id), '+' .. room .. ' ' .. peer)) == 'number'
  end
  for _, t in ipairs(tells) do
    local list = unmet[t.other] and first or rest
    list[#list + 1] = t
  end
  for _, t in ipairs(rest) do first[#first + 1] = t end
  return first
end

-- Whether a mailbox is full, or may be once this script has told its peer all that it tells: then it
-- matters what is kept.
local function is_full(peer)
  local length = redis.pcall('XLEN', key_mailbox(peer))
  if type(length) ~= 'number' then must_be('stream', key_mailbox(peer)) end
  return length + TELLS >= MAILBOX
end

-- What there is to know of the others whom this script tells: read before the first write, as an
-- error of a broken key is.
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

-- Likewise for a peer that leaves, or goes on with a list: but others with a broken key are left out,
-- as it could do nothing as long as there is one.
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

-- Returns the id of what the other got. None: it is not ours.
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

-- Tells the first, and keeps the others. Returns whether there are any, and the users of who was
-- told.
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
  -- None of our peers is left in it: the room belongs to the Node application again.
  for room, is in pairs(ours) do
    if not is and is_farewell(tells[1].sign) then redis.call('PERSIST', key_members(room)) end
  end
  told_count = told_count + count
  -- Before those of other rooms: so a list is never longer than one room and the number of rooms.
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

-- In parts: the list says who is not told yet, and until its end the room is not among the peer's
-- own.
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

-- Those of the list that this script tells, and how many are then to go from it. A whole room
-- becomes its members, one room at a time; who has left meanwhile is not told.
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

-- Goes on with what is left. nil: nothing was; '': there is more, or it was of rooms that were left;
-- else the room of which all is told now.
local function tell_on(peer)
  local tells, count, first = next_tells(peer)
  if not first then return nil end
  local sign, room = first.sign, first.room
  must_be('set', key_entering(room))
  tells = readable_of(tells)
  if sign == '+' then
    -- Who entered later has told of both.
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

local ROOMS_AT_ONCE = 16  -- of which the members are told at once, too

-- Takes a peer out of rooms. cause: why, for the site. Returns whether somebody is still to be told, and
-- whether it was in one. Begins with a removal.
local function leave(peer, rooms, cause)
  local tells, was, sign = {}, false, cause == 'removed' and 'x' or '-'
  must_be('zset', ROOM_INDEX)
  told_count = told_count + #rooms  -- each is several steps
  for _, room in ipairs(rooms) do
    must_be('set', key_members(room))
    if redis.call('SISMEMBER', key_members(room), peer) == 1 then
      was = true
      if #tells < TELLS and #rooms <= ROOMS_AT_ONCE then append_tells(tells, sign, room, peer)
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

-- For the streams of a peer, not for their clients.
local function ping(peer, id, data)
  redis.call('PUBLISH', channel(peer), '{"id":"' .. id .. '","event":"ping","data":' .. data .. '}')
end

-- The streams of a peer are known by their numbers, each a field of its hash.
local function stream_field(number) return 's' .. number end

-- Forgets those above PEER_STREAMS, the lowest numbers first, and gives the highest of these. (What
-- a process that was killed has left is forgotten so, too.)
local function oldest_streams(hash)
  if redis.call('HLEN', hash) <= PEER_STREAMS then return nil end
  local numbers = {}
  for _, field in ipairs(redis.call('HKEYS', hash)) do
    numbers[#numbers + 1] = tonumber(field:match('^s(%d+)$'))
  end
  table.sort(numbers)
  local last
  for i = 1, #numbers - PEER_STREAMS do
    last = numbers[i]
    redis.call('HDEL', hash, stream_field(last))
  end
  return last
end

-- The name of the data's generation: an incarnation that began in another one is over, as messages to
-- it may be lost. server: the run_id of this Redis, which is that name; but in a Cluster its
-- master_replid. There a node may have what another one has written: all of it, where the slot was
-- moved, or what was replicated in time. So it is kept from which node and which replication the data
-- is. It was moved where that is another node, which is a master still, and not the replication that
-- this one has taken over.
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
      -- A master that has had no replica for an hour changes the id of its replication, and no more.
      kept = replid == now_replid or run == now_run and before:match('^0+$')
    elseif node and replid ~= before then
      -- A line of each: its id, address, flags, the id of its master, ...
      local flags = ('\n' .. redis.call('CLUSTER', 'NODES')):match('\n' .. node .. ' %S+ (%S+)')
      kept = flags and flags:find('master') and not flags:find('fail')
    end
    name = kept and name or now_replid
    redis.call('HSET', GENERATION, 'replid', now_replid, 'name', name, 'node', now_node, 'run', now_run)
  end
  keep(GENERATION)
  return name
end

-- One mark in the mailbox, above every id before, and nothing else, so no older position is known.
-- Its id names the incarnation. Other streams, of the older one, hear of it and connect again: if
-- there may be any.
local function begin_incarnation(peer, server, others, now)
  -- A millisecond ahead: there may have been a mailbox a moment ago, or one on the master before
  -- this, with ids that are not known here. Some stream has yet to read them, or a client has one.
  local newest = redis.call('XREVRANGE', key_mailbox(peer), '+', '-', 'COUNT', '1')[1]
  local last = newest and tonumber(newest[1]:match('^%d+')) or 0
  -- Each server has a sequence of its own: the master before this may have begun one in this very
  -- millisecond, where the clock went back.
  local sequence = tonumber(redis.sha1hex(server):sub(1, 6), 16)
  -- Many thousand entries take their time to be freed.
  if newest then redis.call('UNLINK', key_mailbox(peer)) end
  local incarnation = redis.call('XADD', key_mailbox(peer),
    text_of(math.max(now, last) + 1) .. '-' .. text_of(sequence), 'm', '')
  redis.call('HSET', key_peer(peer), 'inc', incarnation, 'server', server)
  redis.call('DEL', key_kept(peer))
  if others then ping(peer, incarnation, '{}') end
  return incarnation
end

-- If the clock went back, ids that a stream has yet to read lie ahead of it: those of the next
-- incarnation must be above them, so the newest stays as long as it is ahead.
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

-- Takes a peer out of all its rooms, as far as one script may. Returns whether something is left:
-- then its incarnation is over for everybody, as it is about to be in none of them.
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

-- Goes on with the lists that nobody went on with. Returns whether there is more.
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

-- Those that are due, a few at a time. Returns moved, more, reaped (see sweep.lua).
local function sweep(now)
  local reaped, at_once = 0, false
  local limit, now_text, lapse_text = text_of(SWEEP_MAX), text_of(now), text_of(now + LAPSE_MS)
  local gone = redis.call('ZRANGEBYSCORE', LEAVING, '-inf', now_text,
    'LIMIT', '0', limit)
  for i, peer in ipairs(gone) do
    redis.call('ZREM', LEAVING, peer)
    -- One with broken keys is tried again later: it must not stop the beats of all
    -- the others.
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
