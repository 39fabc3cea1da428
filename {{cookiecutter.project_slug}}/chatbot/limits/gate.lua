-- One round trip for a request: find its session, count it, and reserve what its answer may cost. All or nothing:
-- what is refused is neither counted nor charged, and no other request runs in between.
--
-- KEYS[1]  session:<SHA-256 of the cookie's value>; none when the caller is known already
-- ARGV[1]  now, milliseconds since 1970     ARGV[2]  idle seconds of a session
-- ARGV[3]  {tenant, user} as JSON, when the caller is known already, else ""
-- ARGV[4]  what to count and reserve, as JSON, or "":
--   address, credential   of the caller; credential is absent for a session
--   rates    [[by, name, limit, milliseconds, cost], ...]; by is address or person, a cost of 0 looks and does not count
--   reserve  {id, tokens, micros, ends, streams, minute, day, month, limits}; ends in milliseconds; streams absent for
--            more of a reservation that exists; limits [[scope, {tokens per minute, day, month}, {micros ...}], ...],
--            -1 for none; scope is user, key, tenant or all
-- Returns tenant, user, role, name and time of the sign-in ("" each when there is no live session; the last three ""
-- when the caller was known); the verdict as JSON, or "" when nothing was asked; and of a session its beginning, end,
-- provider and MAC, by which the caller judges whether it is genuine. Without a caller only rates by address count, and
-- nothing is reserved.
--   verdict  ok, rate, streams, budget or unknown      at     which rate, from 0      scope, window, kind  which budget
--            unknown: whether a person or tenant has a budget of their own is not kept here; keep it, and ask again
--   wait     milliseconds until it may fit    left   [[remaining, milliseconds to the reset], ...] per rate
local now = tonumber(ARGV[1])
local found = { '', '', '', '', '', '', '', '', '', '' }

if KEYS[1] then
  local fields = { 'tenant', 'user', 'role', 'name', 'authenticated', '', 'begun', 'end', 'provider', 'mac' }
  local session = redis.pcall('HMGET', KEYS[1], unpack(fields))
  local seconds = math.floor(now / 1000)
  local last = session.err and 0 or tonumber(session[8] or 0) or 0
  if seconds < last then
    redis.call('HSET', KEYS[1], 'seen', seconds)
    redis.call('EXPIREAT', KEYS[1], math.min(seconds + tonumber(ARGV[2]), last))
    for place = 1, 10 do found[place] = session[place] or '' end
  elseif session.err or session[8] then  -- at its end, or nothing that a gateway wrote
    redis.call('DEL', KEYS[1])
  end
else
  local known = cjson.decode(ARGV[3])
  found[1], found[2] = known[1], known[2]
end
if ARGV[4] == '' then return found end

local ask = cjson.decode(ARGV[4])
local verdict = { verdict = 'ok', left = {} }
local writes = {}

-- A sliding window of two fixed ones (the earlier one counts by the part of it that is still in sight).
for place, rate in ipairs(ask.rates) do
  local by, name, limit, window, cost = rate[1], rate[2], rate[3], rate[4], rate[5]
  if by == 'person' and found[2] == '' then break end  -- rows by address come first
  local key = 'rate:' .. by .. ':' .. (by == 'address' and ask.address or found[2]) .. ':' .. name
  local kept = redis.call('HMGET', key, 'window', 'count', 'before')
  local current = math.floor(now / window)
  local passed = (now - current * window) / window
  local count, before = 0, 0
  if kept[1] and tonumber(kept[1]) == current then
    count, before = tonumber(kept[2]), tonumber(kept[3])
  elseif kept[1] and tonumber(kept[1]) == current - 1 then
    before = tonumber(kept[2])
  end
  local used = before * (1 - passed) + count
  local reset = (current + 1) * window - now
  if used + 1 > limit and verdict.verdict == 'ok' then
    verdict.verdict, verdict.at = 'rate', place - 1
    if count + 1 <= limit then
      verdict.wait = (1 - (limit - count - 1) / before - passed) * window
    else
      verdict.wait = reset + (1 - (limit - 1) / count) * window
    end
  end
  verdict.left[place] = { math.max(0, math.floor(limit - used - cost)), reset }
  if cost > 0 then
    writes[#writes + 1] = { 'HSET', key, 'window', current, 'count', count + cost, 'before', before }
    writes[#writes + 1] = { 'PEXPIRE', key, 2 * window }
  end
end

local reserve = ask.reserve
if reserve and found[2] ~= '' and verdict.verdict == 'ok' then
  local open = 'open:' .. found[2]
  if reserve.streams then
    redis.call('ZREMRANGEBYSCORE', open, '-inf', now)  -- of processes that died
    if redis.call('ZCARD', open) >= reserve.streams then verdict.verdict, verdict.wait = 'streams', 1000 end
  end
  local ids = { user = found[2], key = ask.credential, tenant = found[1], all = 'all' }
  local buckets = { reserve.minute, reserve.day, reserve.month }
  for _, limit in ipairs(reserve.limits) do
    local id = ids[limit[1]]
    if id and verdict.verdict == 'ok' then
      local key = 'budget:' .. limit[1] .. ':' .. id
      local kept = redis.call('HMGET', key, 'b1', 't1', 'm1', 'b2', 't2', 'm2', 'b3', 't3', 'm3', 'own')
      if (limit[1] == 'user' or limit[1] == 'tenant') and not kept[10] then
        verdict.verdict = 'unknown'
        break
      end
      local write = { 'HSET', key }
      for window = 1, 3 do
        local at = (window - 1) * 3
        local tokens, micros = 0, 0
        if kept[at + 1] and tonumber(kept[at + 1]) == buckets[window] then
          tokens, micros = tonumber(kept[at + 2]), tonumber(kept[at + 3])
        end
        local most = limit[2][window]
        local own = window == 3 and tonumber(kept[10] or nil)
        -- a tenant's own budget is its administrator's, who may not lift the operator's
        if own and (limit[1] ~= 'tenant' or most < 0 or own < most) then most = own end
        if most >= 0 and tokens + reserve.tokens > most then
          verdict.verdict, verdict.scope, verdict.window, verdict.kind = 'budget', limit[1], window, 'tokens'
        elseif limit[3][window] >= 0 and micros + reserve.micros > limit[3][window] then
          verdict.verdict, verdict.scope, verdict.window, verdict.kind = 'budget', limit[1], window, 'money'
        end
        for _, value in ipairs({ 'b' .. window, buckets[window], 't' .. window, tokens + reserve.tokens,
                                 'm' .. window, micros + reserve.micros }) do
          write[#write + 1] = value
        end
      end
      writes[#writes + 1] = write
      writes[#writes + 1] = { 'PEXPIRE', key, 40 * 86400000 }
    end
  end
  if reserve.streams then
    writes[#writes + 1] = { 'ZADD', open, reserve.ends, reserve.id }
    writes[#writes + 1] = { 'PEXPIREAT', open, reserve.ends }
  end
end

if verdict.verdict == 'ok' then
  for _, write in ipairs(writes) do redis.call(unpack(write)) end
end
if #verdict.left == 0 then verdict.left = nil end
found[6] = cjson.encode(verdict)
return found
