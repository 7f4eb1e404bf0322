-- report.lua - what a host has counted, for those who watch.
-- KEYS 1 hosts (hash)
-- ARGV 1 the id of its counts, 2 the report (JSON)
-- Returns nothing. A full memory takes no report, which is no error: the next one has it all.
local HOSTS_MAX = 64
local hosts = KEYS[1]
local id, report = unpack(ARGV)

must_be('hash', hosts)
-- A host that restarts is another one here: of too many the one that has been silent for longest goes.
if redis.call('HLEN', hosts) >= HOSTS_MAX and redis.call('HEXISTS', hosts, id) == 0 then
  local oldest, least
  local all = redis.call('HGETALL', hosts)
  for i = 1, #all, 2 do
    local at = tonumber(all[i + 1]:match('^%d+')) or 0
    if not least or at < least then oldest, least = all[i], at end
  end
  redis.call('HDEL', hosts, oldest)
end
pcall(redis.call, 'HSET', hosts, id, text_of(now_ms()) .. ' ' .. report)
redis.call('PEXPIRE', hosts, text_of(REPORTED_MS))
