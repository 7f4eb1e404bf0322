-- presence.lua - who is here, and for how long: put between deliver.lua and the
-- steps that need it.
local PRESENT_MS = PING_MS * 1.5
local LAPSE_MS = GRACE_MS + PING_MS / 2  -- for who stopped beating
local PRESENT, LEAVING = PREFIX .. 'present', PREFIX .. 'leaving'

local function key_peer(peer) return PREFIX .. 'peer:' .. peer end
local function key_members(room) return PREFIX .. 'channels:' .. room end
local function key_rooms(peer) return PREFIX .. peer .. ':channels' end

local function now_ms()
  local t = redis.call('TIME')
  return t[1] * 1000 + math.floor(t[2] / 1000)
end

local function keep(...)
  for _, key in ipairs({...}) do redis.call('PEXPIRE', key, KEEP_MS) end
end

local function user_of(peer)
  return redis.call('HGET', key_peer(peer), 'user') or '{"id":"' .. peer .. '"}'
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

-- A peer's own keys.
local function check_peer(peer)
  must_be('hash', key_peer(peer))
  must_be('stream', key_mailbox(peer))
  must_be('set', key_rooms(peer))
end

-- The same for a room that is to be left; these checks come before the first
-- write, so not in leave_room().
local function check_room(room)
  must_be('set', key_members(room))
  for _, id in ipairs(redis.call('SMEMBERS', key_members(room))) do
    must_be('stream', key_mailbox(id))
  end
end

local function check_rooms(rooms)
  for _, room in ipairs(rooms) do check_room(room) end
end

-- What follows a position: {{id, {'m', message}}, ...} of at most PAGE_BYTES, or one message
-- that is longer; and whether there is more. nil: the position is not in the mailbox, or is
-- none. One at a time, as nobody knows how long the next one is: a mailbox may hold megabytes.
local function page_after(mailbox, position)
  local at = redis.pcall('XRANGE', mailbox, position, position)
  if not at[1] then return nil end
  local page, bytes = {}, 0
  while true do
    local entry = redis.call('XRANGE', mailbox, '(' .. position, '+', 'COUNT', 1)[1]
    if not entry then return page, false end
    bytes = bytes + #entry[2][2]
    if page[1] and bytes > PAGE_BYTES then return page, true end
    page[#page + 1], position = entry, entry[1]
  end
end

local function rooms_of(peer)
  return redis.call('SMEMBERS', key_rooms(peer))
end

-- Returns whether the peer was a member. Begins with a removal.
local function leave_room(peer, room, user)
  local members = key_members(room)
  local was = redis.call('SREM', members, peer)
  redis.call('SREM', key_rooms(peer), room)
  if was == 0 then return false end
  local message = '"event":"remove-peer","data":{"peer":' .. user ..
    ',"roomId":"' .. room .. '"}}'
  local ours = false
  for _, other in ipairs(redis.call('SMEMBERS', members)) do
    local _, id = deliver(other, message)
    if id then ours = true end
  end
  -- Nobody is left who beats: the room is the Node application's again.
  if not ours then redis.call('PERSIST', members) end
  return true
end

local function leave_all(peer, rooms)
  local user = rooms[1] and user_of(peer)
  for _, room in ipairs(rooms) do leave_room(peer, room, user) end
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

-- A new life: one mark in the mailbox, above every id before, and nothing
-- else, so no older position is known. Its id names the life. Other streams, of
-- the older life, hear of it and connect again: if there may be any.
local function begin_life(peer, server, others)
  -- A millisecond ahead: there may have been a mailbox a moment ago, or one on the master before
  -- this, with ids that are not known here. Some stream has yet to read them, or a client has one.
  local newest = redis.call('XREVRANGE', key_mailbox(peer), '+', '-', 'COUNT', 1)[1]
  local last = newest and tonumber(newest[1]:match('^%d+')) or 0
  local life = redis.call('XADD', key_mailbox(peer), 'MAXLEN', 1,
    string.format('%.0f-0', math.max(now_ms(), last) + 1), 'm', '')
  redis.call('HSET', key_peer(peer), 'inc', life, 'server', server)
  if others then ping(peer, life, '{}') end
  return life
end

-- Those that are due, a few at a time. Returns moved, more, reaped (see due.lua).
local function due(now)
  local reaped = 0
  local gone = redis.call('ZRANGEBYSCORE', LEAVING, '-inf', now,
    'LIMIT', 0, DUE_AT_ONCE)
  for _, peer in ipairs(gone) do
    redis.call('ZREM', LEAVING, peer)
    -- Whose keys are broken is looked at again later: it must not stop the
    -- beats of all the others.
    local good, found = pcall(function()
      check_peer(peer)
      local rooms = rooms_of(peer)
      check_rooms(rooms)
      return rooms
    end)
    if good then
      leave_all(peer, found)
      redis.call('DEL', key_peer(peer), key_mailbox(peer), key_rooms(peer))
      reaped = reaped + 1
    else
      redis.log(redis.LOG_WARNING, found.err)
      redis.call('ZADD', LEAVING, now + LAPSE_MS, peer)
    end
  end
  local silent = redis.call('ZRANGEBYSCORE', PRESENT, '-inf', now,
    'LIMIT', 0, DUE_AT_ONCE)
  for _, peer in ipairs(silent) do
    redis.call('ZREM', PRESENT, peer)
    redis.call('ZADD', LEAVING, now + LAPSE_MS, peer)
  end
  -- Further ahead than can be: the clock went back.
  for set, most in pairs({[PRESENT] = now + PRESENT_MS, [LEAVING] = now + LAPSE_MS}) do
    for _, peer in ipairs(redis.call('ZRANGEBYSCORE', set, '(' .. most, '+inf',
        'LIMIT', 0, DUE_AT_ONCE)) do
      redis.call('ZADD', set, most, peer)
    end
  end
  local moved, more = #silent > 0, math.max(#gone, #silent) >= DUE_AT_ONCE
  return moved and 1 or 0, more and 1 or 0, reaped
end
