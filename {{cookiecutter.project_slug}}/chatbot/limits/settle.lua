-- Turns a reservation into what was used: the difference is given back, where the window is still the same.
-- ARGV[1]  JSON: id, user, scopes [[scope, id], ...], minute, day, month, tokens and micros to add (mostly negative)
local settled = cjson.decode(ARGV[1])
local buckets = { settled.minute, settled.day, settled.month }
redis.call('ZREM', 'open:' .. settled.user, settled.id)
for _, scope in ipairs(settled.scopes) do
  local key = 'budget:' .. scope[1] .. ':' .. scope[2]
  local kept = redis.call('HMGET', key, 'b1', 'b2', 'b3')
  for window = 1, 3 do
    if kept[window] and tonumber(kept[window]) == buckets[window] then
      redis.call('HINCRBY', key, 't' .. window, settled.tokens)
      redis.call('HINCRBY', key, 'm' .. window, settled.micros)
    end
  end
end
return 1
