-- access.lua - may this address have another token?
-- KEYS 1 rate of the address
-- ARGV 1 most in a window
-- Returns 1; {ms}: over the rate, for so long
local within, wait = charge(KEYS[1], 1, tonumber(ARGV[1]))
return within and 1 or {wait}
