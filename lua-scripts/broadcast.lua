local PREFIX, PING_MS, GRACE_MS, MAILBOX, MAILBOX_TTL_MS, ROOM_PEERS, PEER_ROOMS, RATE_WINDOW_MS, KEEP_MS, SWEEP_MAX, PAGE_BYTES, PEER_STREAMS, TELL_AT_ONCE, MAILBOX_TEXT, CLUSTER, WEBHOOK = 'drawbridge:', 0, 0, 0, 0, 0, 0, 6000, '172800000', 8, 16384, 0, 128, '0', false, false
local function key_mailbox(peer) return PREFIX .. 'mailbox:' .. peer end
local function key_peer(peer) return PREFIX .. 'peer:' .. peer end
local function key_kept(peer) return PREFIX .. 'kept:' .. peer end
local function channel(peer) return PREFIX .. 'messages:' .. peer end
local SERVER = '@server'
local KEPT_FACTOR = 16
local function mailbox_of(peer)
  return redis.call('EXISTS', key_kept(peer)) == 1 and KEPT_FACTOR * MAILBOX or MAILBOX
end
local NUMBER = 'number:'
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
  return not room and redis.call('SISMEMBER', PREFIX .. later .. ':channels', name) == 1
end
local function strangers_of(peer, room, entering)
  local strangers = {}
  for _, id in ipairs(redis.call('SMEMBERS', entering)) do
    if redis.call('SISMEMBER', PREFIX .. id .. ':channels', room) == 0 then
      local good, met = pcall(has_met, id, peer, room)
      strangers[id] = id == peer or good and not met
    end
  end
  return strangers
end
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
local ANSWER_MS, ANSWERS_MAX = 300000, 4096
local FINGERPRINT = 16
local function answered(sender, once)
  local answers = PREFIX .. 'answers:' .. sender .. (sender == SERVER and once:sub(-1) or '')
  local old, key = answers .. ':old', once:sub(FINGERPRINT + 2)
  local known = redis.call('HGET', answers, key) or redis.call('HGET', old, key)
  if known and known:sub(1, FINGERPRINT) ~= once:sub(1, FINGERPRINT) then return nil, -3 end
  local ttl = redis.call('PTTL', answers)
  local takes_more = ttl > ANSWER_MS and ttl <= 2 * ANSWER_MS
  if not known and takes_more and redis.call('HLEN', answers) > ANSWERS_MAX then return nil, {ttl - ANSWER_MS} end
  return known and known:sub(FINGERPRINT + 2), nil, function(answer)
    if not takes_more then
      if ttl ~= -2 then
        redis.call('RENAME', answers, old)
        redis.call('PEXPIRE', old, ANSWER_MS, 'LT')
      end
      redis.call('HSET', answers, '@', ('-'):rep(65))
      redis.call('PEXPIRE', answers, 2 * ANSWER_MS)
    end
    redis.call('HSET', answers, key, once:sub(1, FINGERPRINT + 1) .. answer)
  end
end
local function text_of(number) return string.format('%.0f', number) end
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
local BYTES_AT_ONCE = 262144
local peer, room, cost, most, issued, once, message, position = unpack(ARGV)
local members, rate, entering = unpack(KEYS)
local answer, refusal, keep_answer
if once ~= '' then answer, refusal, keep_answer = answered(peer, once) end
if refusal and position == '' then return refusal end
if answer and not answer:find(' ', 1, true) then return answer end
position = answer or position
local all, last = position:match('^(%d+) (.*)$')
local by_peer = peer ~= SERVER  -- which knows everybody, and is known
local function went_to(count, id)
  all = (all or 0) + count
  position = id and text_of(all) .. ' ' .. id or ''
  if keep_answer then keep_answer(id and position or text_of(all)) end
  return {count, position, all}
end
local strangers = by_peer and strangers_of(peer, room, entering) or {}
if by_peer and (strangers[peer] or redis.call('SISMEMBER', members, peer) == 0) then
  if last then return went_to(0) end
  return is_revoked(peer, issued) and -6 or -1
end
if not last then
  local count = redis.call('SCARD', members) - (by_peer and 1 or 0)
  if count == 0 then return went_to(0) end
  local within, wait = charge(rate, cost * count, tonumber(most))
  if not within then return {wait} end
end
local others = {}
for _, id in ipairs(redis.call('SMEMBERS', members)) do
  if id ~= peer and not strangers[id] and id > (last or '') then others[#others + 1] = id end
end
if #others == 0 then return went_to(0) end
local count = math.min(#others, TELL_AT_ONCE, math.max(1, math.floor(BYTES_AT_ONCE / #message)))
if count < #others then table.sort(others) end
local full = {}
for i = 1, count do full[i] = redis.call('XLEN', key_mailbox(others[i])) >= MAILBOX end
for i = 1, count do deliver(others[i], message, full[i] and mailbox_of(others[i])) end
return went_to(count, count < #others and others[count])
