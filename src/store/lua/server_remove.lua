-- server_remove.lua - a peer is taken out of a room, and kept out of it for a while.
-- KEYS 1 members of the room (set), 2 rooms of the peer (set), 3 peer (hash), 4 mailbox (stream),
--      5 who is kept out of the room (sorted set), 6 rate of the servers
-- ARGV 1 peer id, 2 room id, 3 for how many ms it is kept out, 4 most cost in a window (0: any),
--      5 begun: as in join.lua
-- Returns 1; 0: it was not a member; -3: there is more to tell first: call again; -4: it was a
--      member, and there is more to tell: call again; {ms}: over the rate, for so long
-- The peer is told, too, by a remove-peer of itself.
local BANNED_MAX = 1024
local banned, rate = KEYS[5], KEYS[6]
local peer, room, ms, most, begun = unpack(ARGV)

check_peer(peer)
must_be('zset', banned)
if tell_on(peer) then return begun == '1' and -4 or -3 end
if begun == '1' then return 1 end
local wait = wait_of(rate, 1, most)
if wait then return {wait} end
local left, was = leave(peer, {room}, 'removed')
if was then deliver(peer, remove_peer(user_of(peer), room, 'removed'), mailbox_of(peer)) end
if ms ~= '0' then
  local now = now_ms()
  redis.call('ZREMRANGEBYSCORE', banned, '-inf', text_of(now))
  redis.call('ZADD', banned, text_of(now + ms), peer)
  -- Those that end first.
  redis.call('ZREMRANGEBYRANK', banned, '0', text_of(-BANNED_MAX - 1))
  local last = redis.call('ZRANGE', banned, '-1', '-1', 'WITHSCORES')[2]
  redis.call('PEXPIRE', banned, text_of(last - now))
end
if left then return -4 end
return was and 1 or 0
