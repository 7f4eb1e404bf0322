local PREFIX, PING_MS, GRACE_MS, MAILBOX, MAILBOX_TTL_MS, ROOM_PEERS, PEER_ROOMS, RATE_WINDOW_MS, KEEP_MS, SWEEP_MAX, PAGE_BYTES, PEER_STREAMS, TELL_AT_ONCE, MAILBOX_TEXT, CLUSTER, WEBHOOK = 'drawbridge:', 0, 0, 0, 0, 0, 0, 6000, '172800000', 8, 16384, 0, 128, '0', false, false
local function key_kept(peer) return PREFIX .. 'kept:' .. peer end
local KEPT_HAD = '@had'
local function page_after(mailbox, position)
  local at = redis.pcall('XRANGE', mailbox, position, position)
  if not at[1] then return nil end
  local page, bytes = {}, 0
  while true do
    local entry = redis.call('XRANGE', mailbox, '(' .. position, '+', 'COUNT', '1')[1]
    if not entry then return page, false end
    bytes = bytes + #entry[2][2]
    if page[1] and bytes > PAGE_BYTES then return page, true end
    page[#page + 1], position = entry, entry[1]
  end
end
local function has_more(peer, page, more)
  if not page[1] or redis.call('EXISTS', key_kept(peer)) == 0 then
    redis.call('DEL', key_kept(peer))
    return more
  end
  for _, entry in ipairs(page) do
    local number = entry[2][4]
    if number then
      redis.pcall('HSET', key_kept(peer), KEPT_HAD, number - 1)  -- a full memory counts it as kept for longer
      break
    end
  end
  return true
end
local page, more = page_after(KEYS[1], ARGV[1])
if not page then return -1 end
return {page, has_more(ARGV[2], page, more) and 1 or 0}
