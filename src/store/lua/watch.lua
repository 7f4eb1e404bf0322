-- watch.lua - a look at all that there is. It takes as long for any number of rooms and peers.
-- KEYS 1 rooms, 2 present, 3 leaving (sorted sets), 4 hosts (hash), 5 events for the site (stream)
-- ARGV none
-- Returns {now (ms), rooms, peers that are here, peers that may come back, events that wait for the site,
--      when the first of them happened (ms; 0: there is none), {"MS REPORT", ...}}: see report.lua; of hosts
--      that have reported lately.
local rooms, present, leaving, hosts, events = unpack(KEYS)

must_be('zset', rooms, present, leaving)
must_be('hash', hosts)
must_be('stream', events)
local now = now_ms()
local first = redis.call('XRANGE', events, '-', '+', 'COUNT', '1')[1]
local reports = {}
for _, value in ipairs(redis.call('HVALS', hosts)) do
  if now - (tonumber(value:match('^%d+')) or 0) < REPORTED_MS then reports[#reports + 1] = value end
end
return {now, redis.call('ZCARD', rooms), redis.call('ZCARD', present), redis.call('ZCARD', leaving),
  redis.call('XLEN', events), first and tonumber(first[1]:match('^%d+')) or 0, reports}
