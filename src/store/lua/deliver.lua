-- deliver.lua - what every step shares. The loader puts a line of settings
-- before it (PREFIX, PING_MS, GRACE_MS, MAILBOX, MAILBOX_TTL_MS, ROOM_PEERS,
-- PEER_ROOMS, RATE_WINDOW_MS, KEEP_MS, DUE_AT_ONCE, PAGE_BYTES, PEER_STREAMS,
-- TELL_AT_ONCE) and the step behind it.

-- Keys that only the script can know, as the peers of a room.
local function key_mailbox(peer) return PREFIX .. 'mailbox:' .. peer end
local function key_peer(peer) return PREFIX .. 'peer:' .. peer end
local function channel(peer) return PREFIX .. 'messages:' .. peer end

-- How many relays were answered that they are kept, from the first one on until a stream has
-- replayed them to its end; nil: none. So long the mailbox holds more, or what comes after
-- them would push them out.
local function kept_of(peer) return tonumber(redis.call('HGET', key_peer(peer), 'kept')) end
local KEPT_FACTOR = 16

-- The order in which members were announced to a room: of two the one with the higher number has
-- told both of each other, and was told to offer. A field of the peer's hash.
local NUMBER = 'number:'

-- A large room is entered in parts (see presence.lua). Whether a peer is entering one, of this
-- name or any, where the other is, and both were told of each other.
local function has_met(peer, other, room)
  local telling = PREFIX .. 'telling:'
  local name = room or (redis.call('LINDEX', telling .. peer, 0) or ''):match('^%+(%S+)')
  if not name or redis.call('SISMEMBER', PREFIX .. 'channels:' .. name, other) == 0 then return false end
  local function number_of(id)
    return tonumber((redis.call('HGET', key_peer(id), NUMBER .. name) or ''):match('^%d+')) or 0
  end
  local teller, told = peer, other
  if number_of(other) > number_of(peer) then teller, told = other, peer end
  return not redis.call('LPOS', telling .. teller, '+' .. name .. ' ' .. told)
end

-- A message is the JSON object without its opening brace: the id goes first.
-- Returns how many streams took it, and its id (none: a peer of the Node
-- application, which has no mailbox).
local function deliver(peer, message, kept)
  local id = redis.call('XADD', key_mailbox(peer), 'NOMKSTREAM',
    'MAXLEN', '~', kept and KEPT_FACTOR * MAILBOX or MAILBOX, '*', 'm', message)
  if not id then return redis.call('PUBLISH', channel(peer), '{' .. message) end
  return redis.call('PUBLISH', channel(peer),
    '{"id":"' .. id .. '",' .. message), id
end

-- Whether cost is within most; if not, also in how many ms the window ends.
-- A window begins with its first charge. A clock set back would stretch it to
-- hours: whoever is refused cuts it to the most that it can be.
local function charge(rate, cost, most)
  if most == 0 then return true end
  -- A whole window at most, or what costs more could never be.
  cost = math.min(cost, most)
  local used = redis.call('INCRBY', rate, cost)
  if used == cost then redis.call('PEXPIRE', rate, RATE_WINDOW_MS) end
  if used <= most then return true end
  redis.call('PEXPIRE', rate, RATE_WINDOW_MS, 'LT')
  return false, redis.call('PTTL', rate)
end
