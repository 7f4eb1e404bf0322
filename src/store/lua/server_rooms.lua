-- server_rooms.lua - the rooms that have members, by name, a page of them.
-- KEYS 1 index of the rooms (sorted set), 2 rate of the servers
-- ARGV 1 from where on, as ZRANGEBYLEX has it, 2 how many at most, 3 most cost in a window (0: any)
-- Returns {name after which there may be more, or empty, name, count of its members, ...};
--      {ms}: over the rate, for so long
local index, rate = unpack(KEYS)
local min, limit, most = unpack(ARGV)

local names = read('zset', index, 'ZRANGEBYLEX', min, '+', 'LIMIT', '0', limit)
local wait = wait_of(rate, parts_listed(#names), most)
if wait then return {wait} end
local page = {#names == tonumber(limit) and names[#names] or ''}
for _, name in ipairs(names) do
  local count = redis.pcall('SCARD', key_members(name))
  if count == 0 then
    redis.call('ZREM', index, name)  -- it has expired, or the Node application's were its last
  elseif type(count) == 'number' then
    page[#page + 1] = name
    page[#page + 1] = count
  end
end
return page
