-- One round trip for a request with a session: find it, and prolong its idle time up to its absolute end.
-- KEYS[1]  session:<SHA-256 of the cookie's value>
-- ARGV[1]  now, seconds since 1970      ARGV[2]  idle seconds
-- Returns tenant, user, role, name, time of the sign-in; or nothing when there is no live session.
local session = redis.call('HMGET', KEYS[1], 'tenant', 'user', 'role', 'name', 'authenticated', 'end')
if not session[6] then return {} end
local now, last = tonumber(ARGV[1]), tonumber(session[6])
if now >= last then
  redis.call('DEL', KEYS[1])
  return {}
end
redis.call('EXPIREAT', KEYS[1], math.min(now + tonumber(ARGV[2]), last))
return { session[1], session[2], session[3], session[4], session[5] }
