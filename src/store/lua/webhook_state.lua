-- webhook_state.lua - whether events for the site wait, and somebody sends them.
-- KEYS 1 events (stream), 2 the sender (string)
-- ARGV none
-- Returns {events, ms since the oldest of them became true (0: there is none), 1: there is a sender}
local events, sender = unpack(KEYS)
local oldest = read('stream', events, 'XRANGE', '-', '+', 'COUNT', '1')[1]
return {redis.call('XLEN', events), oldest and math.max(0, now_ms() - oldest[1]:match('^%d+')) or 0,
  redis.call('EXISTS', sender)}
