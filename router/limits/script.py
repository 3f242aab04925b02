"""The Lua script by which Redis keeps windows and places, for all processes that share it.

It runs alone and on Redis' own clock, so that a limit is exact however many ask, and wherever. The windows are those
of `window.py`: a hash from the number of a part to what came in it. Places are a sorted set of tickets by the time at
which their leases end: who died without giving his back loses it then.
"""

from __future__ import annotations

__all__ = ["BACK", "PREFIX", "RENEW", "SCRIPT", "TAKE"]

PREFIX = "signalbox:{limits}:"
"""In braces: a Cluster keeps all of them on one node, for one script must see them together."""
TAKE, BACK, RENEW = 0, 1, 2

SCRIPT = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function name(part) return string.format('%.0f', part) end
local function leaves(part, span) return math.ceil((part + 61) * span / 60) - now end

local function window(key, span)
  local first, raw = math.floor(now * 60 / span) - 60, redis.call('HGETALL', key)
  local parts, used = {}, 0
  for i = 1, #raw, 2 do
    local part, count = tonumber(raw[i]), tonumber(raw[i + 1])
    if part < first then
      redis.call('HDEL', key, raw[i])
    else
      parts[#parts + 1] = {part, count}
      used = used + count
    end
  end
  table.sort(parts, function(one, other) return one[1] < other[1] end)
  return parts, used
end

local function add(key, span, amount)
  redis.call('HINCRBY', key, name(math.floor(now * 60 / span)), name(amount))
  redis.call('PEXPIRE', key, name(span + math.ceil(span / 30)))
end

local function judged(key, most, span, amount)
  if span == 0 then
    redis.call('ZREMRANGEBYSCORE', key, '-inf', now)
    local used = redis.call('ZCARD', key)
    return used, used >= most and 1000 or 0, 0
  end
  local parts, used = window(key, span)
  local reset = #parts > 0 and leaves(parts[#parts][1], span) or 0
  local over, wait = used + amount - most, 0
  for _, part in ipairs(parts) do
    if over <= 0 then break end
    over, wait = over - part[2], leaves(part[1], span)
  end
  if over > 0 then wait = math.max(wait, span) end
  return used, wait, reset
end

local function take(ticket, lease, limits)
  local found, fits = {now}, true
  for _, limit in ipairs(limits) do
    local used, wait, reset = judged(KEYS[limit[1]], limit[2], limit[3], limit[4])
    found[#found + 1] = used
    found[#found + 1] = wait
    found[#found + 1] = reset
    fits = fits and wait == 0
  end
  if fits then
    for at, limit in ipairs(limits) do
      local key = KEYS[limit[1]]
      if limit[3] == 0 then
        redis.call('ZADD', key, now + lease, ticket)
        redis.call('PEXPIRE', key, lease)
      else
        add(key, limit[3], limit[4])
        found[3 * at + 1] = leaves(math.floor(now * 60 / limit[3]), limit[3])
      end
      found[3 * at - 1] = found[3 * at - 1] + limit[4]
    end
  end
  return found
end

local function back(ticket, taken, limits)
  for _, limit in ipairs(limits) do
    local key, span, more = KEYS[limit[1]], limit[2], limit[3]
    if span == 0 then
      redis.call('ZREM', key, ticket)
    elseif more > 0 then
      add(key, span, more)
    else
      local part = name(math.floor(taken * 60 / span))
      local count = tonumber(redis.call('HGET', key, part) or 0)
      if count > 0 then redis.call('HSET', key, part, name(math.max(0, count + more))) end
    end
  end
end

local function renew(ticket, lease, places)
  for _, place in ipairs(places) do
    redis.call('ZADD', KEYS[place], now + lease, ticket)
    redis.call('PEXPIRE', KEYS[place], lease)
  end
end

local found = {}
for number, asked in ipairs(cjson.decode(ARGV[1])) do
  found[number] = {}
  if asked[1] == 0 then
    found[number] = take(asked[2], asked[3], asked[4])
  elseif asked[1] == 1 then
    back(asked[2], asked[3], asked[4])
  else
    renew(asked[2], asked[3], asked[4])
  end
end
return found
"""
"""`ARGV[1]`: a JSON list of what is asked, in order, with keys by their number in KEYS and times in milliseconds:
`[TAKE, ticket, lease, [[key, most, span, amount], …]]` is answered with the time and `used, wait, reset` of each limit;
`[BACK, ticket, taken at, [[key, span, more tokens], …]]` and `[RENEW, ticket, lease, [key, …]]` with nothing. A `span`
of 0 is a place among those at once."""
