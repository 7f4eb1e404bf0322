-- revoked.lua - is a token revoked?
-- KEYS 1 revoked (string)
-- ARGV 1 peer id, 2 as 7 of join.lua
-- Returns 0; -6: it is
return is_revoked(ARGV[1], ARGV[2]) and -6 or 0
