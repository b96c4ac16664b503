-- Asks for a turn in a lane. One round trip; every worker runs this under the server's clock.
-- KEYS: lane state, counted window, running calls, queue, when queued calls last asked, tenants' turns, its context window
-- ARGV: call, tokens, max_wait_ms, requests, tokens_limit, max_concurrency (0: none), period_ms, lease_ms, probe_ms,
--       buckets, member of the queue (call|tenant|cost|share), tenant, share: its cost for the tenant's weight
-- Gives {verdict, wait_ms, is_probe, bucket, context window or 0}
--
-- Who waits is let in by turns of tenants, not by arrival (start-time fair queueing, Goyal, Vin and Cheng, 1996): a call
-- starts where its tenant's call before it ended, but not before the one that was let in last. So of two tenants that
-- wait each gets every other turn, however many calls one of them has; with a weight of 3, three turns of four.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local call, tokens, max_wait = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local requests, limit, concurrency = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local period, lease, probe_time = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local buckets, member, tenant, share = tonumber(ARGV[10]), ARGV[11], ARGV[12], tonumber(ARGV[13])
local context = tonumber(redis.call('GET', KEYS[7]) or 0)
local state = redis.call('HMGET', KEYS[1], 'open_until', 'probe_until', 'blocked_until', 'served')
local open_until, probe_until = tonumber(state[1] or 0), tonumber(state[2] or 0)
local blocked_until, served = tonumber(state[3] or 0), tonumber(state[4] or 0)
local is_limited = requests > 0 or limit > 0 or concurrency > 0

local probe = 0
if open_until > 0 then
  if open_until > now then return {'open', open_until - now, 0, 0, context} end
  if probe_until > now then return {'open', probe_until - now, 0, 0, context} end
  probe = 1
end

-- Which calls come before this one.
local ahead, ahead_tokens, start, is_queued = 0, 0, served, false
if is_limited then
  for _, gone in ipairs(redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', now - 5000)) do
    local theirs, given = string.match(gone, '|([^|]*)|%d+|([%d.]+)$')
    if redis.call('ZREM', KEYS[4], gone) == 1 then redis.call('ZINCRBY', KEYS[6], -given, theirs) end
    redis.call('ZREM', KEYS[5], gone)
  end
  local queued_at = redis.call('ZSCORE', KEYS[4], member)
  if queued_at then
    start, is_queued = tonumber(queued_at), true
    ahead = redis.call('ZRANK', KEYS[4], member)
  else
    start = math.max(served, tonumber(redis.call('ZSCORE', KEYS[6], tenant) or 0))
    ahead = redis.call('ZCOUNT', KEYS[4], '-inf', start)
  end
  if limit > 0 and ahead > 0 then
    local first = redis.call('ZRANGE', KEYS[4], 0, math.min(ahead, 64) - 1)
    for _, other in ipairs(first) do ahead_tokens = ahead_tokens + tonumber(string.match(other, '|(%d+)|[%d.]+$')) end
    ahead_tokens = ahead_tokens * ahead / #first
  end
end

-- When its turn comes: the first part of the period in which it and those before it fit.
local wait, bucket, is_now = math.max(0, blocked_until - now), 0, true
if requests > 0 or limit > 0 then
  local width = period / buckets
  local counted_requests, counted_tokens = {}, {}
  local window = redis.call('HGETALL', KEYS[2])
  bucket = math.floor(now / width)
  for place = 1, #window, 2 do
    local index = tonumber(string.sub(window[place], 2))
    if index < bucket - buckets then
      redis.call('HDEL', KEYS[2], window[place])
    elseif string.sub(window[place], 1, 1) == 'r' then
      counted_requests[index] = tonumber(window[place + 1])
    else
      counted_tokens[index] = tonumber(window[place + 1])
    end
  end
  local periods = 0
  if requests > 0 then periods = math.floor(ahead / requests) end
  if limit > 0 then periods = math.max(periods, math.floor(ahead_tokens / limit)) end
  local first, found = math.floor((now + wait) / width), nil
  for turn = first, first + buckets + 1 do
    local seen_requests, seen_tokens = 0, 0
    for index = turn - buckets, turn do
      seen_requests = seen_requests + (counted_requests[index] or 0)
      seen_tokens = seen_tokens + (counted_tokens[index] or 0)
    end
    -- A call that is larger than the whole limit goes when nothing else is counted: else it would never go.
    local is_alone = seen_tokens <= 0 and (ahead == 0 or turn > first)
    local fits_requests = requests == 0 or seen_requests + ahead % math.max(requests, 1) + 1 <= requests
    local fits_tokens = limit == 0 or is_alone or seen_tokens + ahead_tokens % math.max(limit, 1) + tokens <= limit
    if fits_requests and fits_tokens then found = turn; break end
  end
  found = found or first + buckets + 1
  is_now = found == first and periods == 0
  if not is_now then wait = math.max(wait, math.ceil(found * width) - now) + periods * period end
end

if is_limited then
  if concurrency > 0 then
    redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
    if redis.call('ZCARD', KEYS[3]) + ahead >= concurrency then is_now = false end
  end
  if not is_now or wait > 0 then
    if wait > max_wait or max_wait <= 0 then return {'late', wait, 0, 0, context} end
    if not is_queued then
      redis.call('ZADD', KEYS[4], start, member)
      redis.call('ZADD', KEYS[6], start + share, tenant)
    end
    redis.call('ZADD', KEYS[5], now, member)
    for key = 1, 6 do redis.call('PEXPIRE', KEYS[key], 3600000) end
    local places = 25 * (1 + math.floor(ahead / math.max(concurrency, 1)))
    return {'queued', wait > 0 and math.min(math.max(wait, 25), 1000) or math.min(places, 250), 0, 0, context}
  end
elseif wait > max_wait then
  return {'late', wait, 0, 0, context}
end

if requests > 0 or limit > 0 then
  redis.call('HINCRBY', KEYS[2], 'r' .. bucket, 1)
  redis.call('HINCRBY', KEYS[2], 't' .. bucket, tokens)
  redis.call('PEXPIRE', KEYS[2], period * 12)
end
if is_limited then
  if is_queued then
    redis.call('ZREM', KEYS[4], member)
    redis.call('ZREM', KEYS[5], member)
  else
    redis.call('ZADD', KEYS[6], start + share, tenant)
  end
  served = math.max(served, start)
  redis.call('HSET', KEYS[1], 'served', served)
  redis.call('ZREMRANGEBYSCORE', KEYS[6], '-inf', served)
  redis.call('PEXPIRE', KEYS[6], 3600000)
end
if concurrency > 0 then
  redis.call('ZADD', KEYS[3], now + lease, call)
  redis.call('PEXPIRE', KEYS[3], 3600000)
end
if probe == 1 then redis.call('HSET', KEYS[1], 'probe_until', now + wait + probe_time) end
if is_limited or probe == 1 then redis.call('PEXPIRE', KEYS[1], 3600000) end
return {'admitted', wait, probe, bucket, context}
