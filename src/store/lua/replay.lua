-- replay.lua - the next page of what a stream has missed.
-- KEYS 1 mailbox (stream), 2 peer (hash)
-- ARGV 1 position: the last id that the client has
-- Returns {{{id, {'m', message}}, ...}, more (1 or 0)}; -1: the position is not known any
--      more, as when newer messages have pushed it out. Connect again, which tells the client.
local page, more = page_after(KEYS[1], ARGV[1])
if not page then return -1 end
if not more then redis.call('HDEL', KEYS[2], 'kept') end
return {page, more and 1 or 0}
