-- webhook_sent.lua - a batch has arrived. Idempotent.
-- KEYS as webhook_take.lua
-- ARGV 1 id of the last event in it, 2 its number
-- Returns 1; 0: it was said before.
local events, state = KEYS[1], KEYS[2]
local id, number = ARGV[1], ARGV[2]

must_be('stream', events)
must_be('hash', state)
-- Not of a batch that is another's by now: where data went back, later events may have earlier ids.
if redis.call('HGET', state, 'last') ~= id then return 0 end
redis.call('XTRIM', events, 'MINID', after_id(id))
redis.call('HDEL', state, 'last', 'missing')
redis.call('HSET', state, 'done', number)
keep(state)
return 1
