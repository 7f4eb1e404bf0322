-- virtual.lua - put before a step, gives it virtual time and lets the simulation look on; the step
-- itself stays as it is. The last ARGV is the clock, in ms; `sim:expiry` (sorted set) holds what
-- would expire when. STEP is set by scripts.js, which also puts the end behind the step: it answers
-- {result, {"step peer room", ...}: who went out of which room, {channel, id, ...}: what was published}.
local real = redis
local redis = {error_reply = real.error_reply, status_reply = real.status_reply,
               log = real.log, sha1hex = real.sha1hex, LOG_WARNING = real.LOG_WARNING}
local CLOCK = tonumber(table.remove(ARGV))
local removed, published = {}, {}

for _, key in ipairs(real.call('ZRANGEBYSCORE', 'sim:expiry', '-inf', CLOCK)) do
  real.call('ZREM', 'sim:expiry', key)
  real.call('DEL', key)
end

local function expire(key, ms, option)
  if real.call('EXISTS', key) == 0 then return 0 end
  if option and option:upper() ~= 'LT' then error('virtual.lua: PEXPIRE ' .. option) end
  if option then return real.call('ZADD', 'sim:expiry', 'LT', 'CH', CLOCK + ms, key) end
  real.call('ZADD', 'sim:expiry', CLOCK + ms, key)
  return 1
end

local does = {}
function does.TIME()
  return {string.format('%d', CLOCK / 1000), string.format('%d', CLOCK % 1000 * 1000)}
end
function does.PEXPIRE(_, key, ms, option) return expire(key, tonumber(ms), option) end
function does.PERSIST(_, key) return real.call('ZREM', 'sim:expiry', key) end
function does.PTTL(_, key)
  local at = real.call('ZSCORE', 'sim:expiry', key)
  return at and at - CLOCK or real.call('EXISTS', key) - 2
end
function does.RENAME(call, key, to)
  local done, at = call('RENAME', key, to), real.call('ZSCORE', 'sim:expiry', key)
  real.call('ZREM', 'sim:expiry', key, to)
  if at then real.call('ZADD', 'sim:expiry', at, to) end
  return done
end
-- Anything else that has to do with time would run by Redis' own clock, unnoticed.
for _, name in ipairs({'EXPIRE', 'EXPIREAT', 'PEXPIREAT', 'EXPIRETIME', 'PEXPIRETIME', 'TTL', 'SETEX', 'PSETEX', 'GETEX'}) do
  does[name] = function() error('virtual.lua: make ' .. name .. ' virtual') end
end
function does.SET(call, key, value, option, ms, ...)
  if option and option ~= 'PX' or select('#', ...) > 0 then error('virtual.lua: make the options of SET virtual') end
  real.call('ZREM', 'sim:expiry', key)
  local done = call('SET', key, value)
  if option then expire(key, tonumber(ms)) end
  return done
end
-- `*` is the clock, or the stream's last id where that is ahead: as Redis does.
function does.XADD(call, key, ...)
  local args, ms = {...}, CLOCK
  if real.call('EXISTS', key) == 1 then
    ms = math.max(ms, tonumber((real.call('XINFO', 'STREAM', key)[8]:match('^%d+'))))
  end
  for i, arg in ipairs(args) do
    if arg == '*' then
      args[i] = string.format('%.0f-*', ms)
      break
    end
  end
  return call('XADD', key, unpack(args))
end
function does.PUBLISH(call, channel, text)
  local ping = text:find('"event":"ping"', 1, true)
  published[#published + 1] = channel
  published[#published + 1] = not ping and text:match('^{"id":"(%d+%-%d+)"') or ''
  return call('PUBLISH', channel, text)
end
function does.SREM(call, key, ...)
  local n, room = call('SREM', key, ...), key:match('^channels:(.*)$')
  if n > 0 and room then
    for _, peer in ipairs({...}) do removed[#removed + 1] = STEP .. ' ' .. peer .. ' ' .. room end
  end
  if real.call('EXISTS', key) == 0 then real.call('ZREM', 'sim:expiry', key) end
  return n
end
function does.LTRIM(call, key, ...)
  local done = call('LTRIM', key, ...)
  if real.call('EXISTS', key) == 0 then real.call('ZREM', 'sim:expiry', key) end
  return done
end
-- What a node of a Cluster says of itself, and of the others, is what a test has it say.
function does.INFO() return real.call('GET', 'sim:INFO') end
function does.CLUSTER(_, what) return real.call('GET', 'sim:CLUSTER ' .. what) end
-- Redis' hash tables have a seed of their own: without an order no run could be repeated.
function does.SMEMBERS(call, key)
  local members = call('SMEMBERS', key)
  if members[1] then table.sort(members) end
  return members
end
function does.DEL(call, ...)
  real.call('ZREM', 'sim:expiry', ...)
  return call('DEL', ...)
end
function does.UNLINK(_, ...) return does.DEL(real.call, ...) end

local function with(call)
  return function(name, ...)
    local f = does[name:upper()]
    if f then return f(call, ...) end
    return call(name, ...)
  end
end
redis.call, redis.pcall = with(real.call), with(real.pcall)
