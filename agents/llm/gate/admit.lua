-- Asks for a turn in a lane. One round trip; every worker runs this under the server's clock.
-- KEYS: lane state, counted window, running calls, queue, when queued calls last asked
-- ARGV: call, tokens, max_wait_ms, requests, tokens_limit, max_concurrency (0: none), period_ms, lease_ms, probe_ms,
--       buckets, horizon
-- Gives {verdict, wait_ms, is_probe, bucket}
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local call, tokens, max_wait = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local requests, limit, concurrency = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])
local period, lease, probe_time = tonumber(ARGV[7]), tonumber(ARGV[8]), tonumber(ARGV[9])
local buckets, horizon = tonumber(ARGV[10]), tonumber(ARGV[11])
local state = redis.call('HMGET', KEYS[1], 'open_until', 'probe_until', 'blocked_until', 'tail')
local open_until, probe_until = tonumber(state[1] or 0), tonumber(state[2] or 0)
local blocked_until, tail = tonumber(state[3] or 0), tonumber(state[4] or 0)

local probe = 0
if open_until > 0 then
  if open_until > now then return {'open', open_until - now, 0, 0} end
  if probe_until > now then return {'open', probe_until - now, 0, 0} end
  probe = 1
end

if concurrency > 0 then
  redis.call('ZREMRANGEBYSCORE', KEYS[3], '-inf', now)
  local gone = redis.call('ZRANGEBYSCORE', KEYS[5], '-inf', now - 2000)
  for _, member in ipairs(gone) do
    redis.call('ZREM', KEYS[4], member)
    redis.call('ZREM', KEYS[5], member)
  end
  local rank = redis.call('ZRANK', KEYS[4], call)
  local ahead = rank or redis.call('ZCARD', KEYS[4])
  if redis.call('ZCARD', KEYS[3]) + ahead >= concurrency then
    if max_wait <= 0 then return {'late', 0, 0, 0} end
    if not rank then redis.call('ZADD', KEYS[4], redis.call('HINCRBY', KEYS[1], 'tickets', 1), call) end
    redis.call('ZADD', KEYS[5], now, call)
    for key = 1, 5 do redis.call('PEXPIRE', KEYS[key], 3600000) end
    return {'queued', 25, 0, 0}
  end
end

local wait, bucket = math.max(0, blocked_until - now), 0
if requests > 0 or limit > 0 then
  local width = period / buckets
  local first = math.max(math.floor((now + wait) / width), tail)
  local oldest = math.floor(now / width) - buckets
  local counted_requests, counted_tokens = {}, {}
  local window = redis.call('HGETALL', KEYS[2])
  for place = 1, #window, 2 do
    local index = tonumber(string.sub(window[place], 2))
    if index < oldest then
      redis.call('HDEL', KEYS[2], window[place])
    elseif string.sub(window[place], 1, 1) == 'r' then
      counted_requests[index] = tonumber(window[place + 1])
    else
      counted_tokens[index] = tonumber(window[place + 1])
    end
  end
  local found = nil
  local last = math.min(first + horizon, math.floor((now + max_wait) / width))
  for turn = first, last do
    local seen_requests, seen_tokens = 0, 0
    for index = turn - buckets, turn do
      seen_requests = seen_requests + (counted_requests[index] or 0)
      seen_tokens = seen_tokens + (counted_tokens[index] or 0)
    end
    -- A call that is larger than the whole limit goes when nothing else is counted: else it would never go.
    local fits_requests = requests == 0 or seen_requests + 1 <= requests
    local fits_tokens = limit == 0 or seen_tokens + tokens <= limit or seen_tokens <= 0
    if fits_requests and fits_tokens then found = turn; break end
  end
  if not found then return {'late', 0, 0, 0} end
  wait = math.max(wait, math.ceil(found * width) - now)
  bucket = found
end
if wait > max_wait then return {'late', wait, 0, 0} end

if bucket > 0 then
  redis.call('HINCRBY', KEYS[2], 'r' .. bucket, 1)
  redis.call('HINCRBY', KEYS[2], 't' .. bucket, tokens)
  redis.call('HSET', KEYS[1], 'tail', bucket)
  redis.call('PEXPIRE', KEYS[2], period * 12)
end
if concurrency > 0 then
  redis.call('ZADD', KEYS[3], now + wait + lease, call)
  redis.call('ZREM', KEYS[4], call)
  redis.call('ZREM', KEYS[5], call)
  redis.call('PEXPIRE', KEYS[3], 3600000)
end
if probe == 1 then redis.call('HSET', KEYS[1], 'probe_until', now + wait + probe_time) end
if bucket > 0 or probe == 1 then redis.call('PEXPIRE', KEYS[1], 3600000) end
return {'admitted', wait, probe, bucket}
