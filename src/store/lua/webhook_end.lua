-- webhook_end.lua - a sender ends: another one need not wait.
-- KEYS 1 the sender (string)
-- ARGV 1 its name
-- Returns 1; 0: it is another.
must_be('string', KEYS[1])
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
