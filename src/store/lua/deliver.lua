-- deliver.lua - messages to peers, and what they cost. The loader puts a line of settings before a
-- step (PREFIX, PING_MS, GRACE_MS, MAILBOX, MAILBOX_TTL_MS, ROOM_PEERS, PEER_ROOMS,
-- RATE_WINDOW_MS, KEEP_MS, SWEEP_MAX, PAGE_BYTES, PEER_STREAMS, TELL_AT_ONCE, MAILBOX_TEXT, CLUSTER, WEBHOOK: how
-- many events for the site are kept, or false),
-- and embed.sh those of the definitions here and in presence.lua that it uses.
--
-- redis.call() makes each number a text, with 17 digits, which takes longer than some commands: so
-- constants of commands are texts.

-- Keys that only the script can know, as the peers of a room.
local function key_mailbox(peer) return PREFIX .. 'mailbox:' .. peer end
local function key_peer(peer) return PREFIX .. 'peer:' .. peer end
local function key_kept(peer) return PREFIX .. 'kept:' .. peer end
local function channel(peer) return PREFIX .. 'messages:' .. peer end

-- The site's own server as a sender: no peer's id.
local SERVER = '@server'

-- Relays that were answered that they are kept: how many of each sender, in all (KEPT_ALL), and how
-- many of all the client has by now (KEPT_HAD); until it has them all, or MAILBOX_TTL after the last.
-- So long the mailbox holds more, or what comes after them would push them out.
local KEPT_ALL = '@'  -- no sender's id
local KEPT_HAD = '@had'
local KEPT_FACTOR = 16
-- How many entries a mailbox may hold now.
local function mailbox_of(peer)
  return redis.call('EXISTS', key_kept(peer)) == 1 and KEPT_FACTOR * MAILBOX or MAILBOX
end

-- The order in which members were announced to a room: of two the one with the higher number has
-- told both of each other, and was told to offer. A field of the peer's hash.
local NUMBER = 'number:'

-- A large room is entered in parts (see presence.lua). Whether a peer is entering one, of this
-- name or any, where the other is, and both were told of each other.
local function has_met(peer, other, room)
  local telling = PREFIX .. 'telling:'
  local name = room or (redis.call('LINDEX', telling .. peer, '0') or ''):match('^%+(%S+)')
  if not name or redis.call('SISMEMBER', PREFIX .. 'channels:' .. name, other) == 0 then return false end
  local function number_of(id)
    return tonumber((redis.call('HGET', key_peer(id), NUMBER .. name) or ''):match('^%d+')) or 0
  end
  local later, earlier = peer, other
  if number_of(other) > number_of(peer) then later, earlier = other, peer end
  if not redis.call('LPOS', telling .. later, '+' .. name .. ' ' .. earlier) then return true end
  -- A peer that enters again may have met it before. The sender of a relay has: it was told of the receiver.
  return not room and redis.call('SISMEMBER', PREFIX .. later .. ':channels', name) == 1
end

-- Of those that are entering a room (a set): the peer itself, and those that were not told of it yet,
-- and so do not know it. ENTERING_MAX bounds the cost.
local ENTERING_MAX = 16
local function strangers_of(peer, room, entering)
  local strangers = {}
  for _, id in ipairs(redis.call('SMEMBERS', entering)) do
    if redis.call('SISMEMBER', PREFIX .. id .. ':channels', room) == 0 then
      -- Whose keys are broken stops nobody else.
      local good, met = pcall(has_met, id, peer, room)
      strangers[id] = id == peer or good and not met
    end
  end
  return strangers
end

-- A message is the JSON object without its opening brace: the id goes first. max: as mailbox_of(),
-- where it may be above MAILBOX. number: of one that is kept, among all of these; it stands behind
-- the message in the mailbox.
-- Returns how many streams took it, and its id (none: a peer of the Node
-- application, which has no mailbox).
local function deliver(peer, message, max, number)
  local fields = number and {'m', message, 'k', number} or {'m', message}
  local id = redis.call('XADD', key_mailbox(peer), 'NOMKSTREAM',
    'MAXLEN', '~', max or MAILBOX_TEXT, '*', unpack(fields))
  if not id then return redis.call('PUBLISH', channel(peer), '{' .. message) end
  return redis.call('PUBLISH', channel(peer),
    '{"id":"' .. id .. '",' .. message), id
end

-- Whether cost is within most; if not, also in how many ms the window ends.
-- A window begins with its first charge; what is refused costs nothing. What costs more than half of
-- it would find no place beside little else, or never one: it may be where half is left, and what is
-- above a window makes this one as much longer. A clock set back would stretch a window to hours:
-- whoever is refused cuts it to the most that it can be.
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

-- For what must work in a full memory, which takes no charge: in how many ms the window ends, where
-- cost is not within most.
local function wait_of(rate, cost, most)
  local good, within, wait = pcall(charge, rate, cost, tonumber(most))
  if good and not within then return wait end
end

-- A list costs as one for each of so many.
local LISTED_AT_ONCE = 32
local function parts_listed(count) return math.max(1, math.ceil(count / LISTED_AT_ONCE)) end

-- Six bytes of an id as a number, in their order; an end is below all bytes.
local function bytes_at(id, at)
  local a, b, c, d, e, f = id:byte(at, at + 5)
  if not f then a, b, c, d, e, f = a or -1, b or -1, c or -1, d or -1, e or -1, -1 end
  return ((((a * 257 + b) * 257 + c) * 257 + d) * 257 + e) * 257 + f
end

-- The least ids above `after` (nil, or empty: of all), so many, in the order of their bytes, which is that of a list,
-- and the same on a Redis that takes over. Not by "<" and table.sort(): these go by the locale that Redis was started
-- with, and in one as en_US take five times as long. None is empty.
local function add_least(least, ids, after, most)
  local like = after or ids[1] or ''
  for i = 1, #ids do
    local id = ids[i]
    while id:sub(1, #like) ~= like do like = like:sub(1, -2) end
  end
  local at, groups, numbers, count = #like + 1, {}, {}, 0
  local lowest = after and bytes_at(after, at) or bytes_at('', 1) + (at == 1 and 1 or 0)
  for i = 1, #ids do
    local id = ids[i]
    local number = bytes_at(id, at)
    local group = groups[number]
    if type(group) == 'table' then group[#group + 1] = id
    elseif group then groups[number] = {group, id}
    elseif number >= lowest then count, groups[number], numbers[count + 1] = count + 1, id, number end
  end
  table.sort(numbers)
  for i = 1, count do
    local number = numbers[i]
    local group, rest = groups[number], number == lowest and after
    if #least >= most then return end
    if type(group) == 'table' then add_least(least, group, rest or nil, most)
    elseif not rest then least[#least + 1] = group
    elseif group ~= rest then add_least(least, {group}, rest, most) end
  end
end

local function least_of(ids, after, most)
  local least = {}
  add_least(least, ids, after ~= '' and after or nil, most)
  return least
end

-- What was answered to requests that may be repeated (Idempotency-Key), by key, as "FINGERPRINT ANSWER": a hash of
-- each sender, and of SERVER, which sends for many, one for each last letter of a key. So long as ANSWER_MS it takes
-- new answers; then it is the old one, for as long again. So nothing has to be looked for that is too old.
-- once: "FINGERPRINT KEY", as room.h has it.
-- Returns what was answered. Or nil, and what to return where it was another request, or there is no place. Or nil
-- twice, and a function that keeps what is answered now, once it is done: a full memory has refused that before.
local ANSWER_MS, ANSWERS_MAX = 300000, 4096
local FINGERPRINT = 16
local function answered(sender, once)
  local answers = PREFIX .. 'answers:' .. sender .. (sender == SERVER and once:sub(-1) or '')
  local old, key = answers .. ':old', once:sub(FINGERPRINT + 2)
  local known = redis.call('HGET', answers, key) or redis.call('HGET', old, key)
  if known and known:sub(1, FINGERPRINT) ~= once:sub(1, FINGERPRINT) then return nil, -3 end
  local ttl = redis.call('PTTL', answers)
  -- By the time that it has left. (Much: the clock went back.)
  local takes_more = ttl > ANSWER_MS and ttl <= 2 * ANSWER_MS
  if not known and takes_more and redis.call('HLEN', answers) > ANSWERS_MAX then return nil, {ttl - ANSWER_MS} end
  return known and known:sub(FINGERPRINT + 2), nil, function(answer)
    if not takes_more then
      if ttl ~= -2 then
        redis.call('RENAME', answers, old)
        redis.call('PEXPIRE', old, ANSWER_MS, 'LT')
      end
      -- Above hash-max-listpack-value: or Redis would go through some hundred to find one.
      redis.call('HSET', answers, '@', ('-'):rep(65))
      redis.call('PEXPIRE', answers, 2 * ANSWER_MS)
    end
    redis.call('HSET', answers, key, once:sub(1, FINGERPRINT + 1) .. answer)
  end
end
