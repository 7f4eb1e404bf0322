-- replay.lua - the next page of what a stream has missed.
-- KEYS 1 mailbox (stream)
-- ARGV 1 position: the last id that the client has, 2 peer id
-- Returns {{{id, {'m', message}}, ...}, more (1 or 0)}; -1: the position is not known any
--      more, as when newer messages have pushed it out. Connect again, which tells the client.
local page, more = page_after(KEYS[1], ARGV[1])
if not page then return -1 end
return {page, has_more(ARGV[2], page, more) and 1 or 0}
