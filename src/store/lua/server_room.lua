-- server_room.lua - who is in a room, by id, a page of them.
-- KEYS 1 members of the room (set), 2 rate of the servers
-- ARGV 1 room id, 2 after which id, or empty, 3 how many at most, 4 most cost in a window (0: any)
-- Returns {id after which there are more, or empty, count of all members, then of each member of the page
--      user (JSON), since when it is one (ms; 0: not known), how many streams it has, ...};
--      {ms}: over the rate, for so long
local members, rate = unpack(KEYS)
local room, after, limit, most = unpack(ARGV)

local all = read('set', members, 'SMEMBERS')
limit = math.min(tonumber(limit), #all)
local wait = wait_of(rate, parts_listed(limit), most)
if wait then return {wait} end
local ids = least_of(all, after, limit + 1)
local page, channels = {ids[limit + 1] and ids[limit] or '', #all}, {}
for i = 1, math.min(limit, #ids) do channels[i] = channel(ids[i]) end
if not channels[1] then return page end
local streams = redis.call('PUBSUB', 'NUMSUB', unpack(channels))  -- name, how many, ...
for i = 1, #channels do
  local known = redis.call('HMGET', key_peer(ids[i]), 'user', number_field(room))
  page[#page + 1] = known[1] or unknown_user(ids[i])
  page[#page + 1] = parse_since(known[2]) or 0
  page[#page + 1] = streams[2 * i]
end
return page
