-- server_peer.lua - one peer.
-- KEYS 1 peer (hash), 2 rooms of the peer (set), 3 rate of the servers
-- ARGV 1 peer id, 2 most cost in a window (0: any)
-- Returns {user (JSON), since when it is here (ms; 0: not known), how many streams it has, room, ...}, the rooms
--      by name; -1: there is no such peer; {ms}: over the rate, for so long
local hash, rooms, rate = unpack(KEYS)
local peer, most = unpack(ARGV)

local known = read('hash', hash, 'HMGET', 'user', 'inc')
local names, streams = read('set', rooms, 'SMEMBERS'), streams_of(peer)
local first = read('list', key_telling(peer), 'LINDEX', '0')
local wait = wait_of(rate, parts_listed(#names), most)
if wait then return {wait} end
-- One that it is entering in parts.
local entering = first and parse_tell(first)
if entering and entering.sign == '+' and redis.call('SISMEMBER', rooms, entering.room) == 0 then
  names[#names + 1] = entering.room
end
if not known[1] and not names[1] and streams == 0 then return -1 end
table.sort(names)
local since = tonumber((known[2] or '0'):match('^%d+'))
return {known[1] or unknown_user(peer), since, streams, unpack(names)}
