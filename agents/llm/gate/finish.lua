-- Tells how a call in a lane ended. One round trip.
-- KEYS: lane state, counted window, running calls, latencies of the model, its context window
-- ARGV: call, end, tokens to correct, bucket, latency_ms (-1: none), pause_ms, threshold, window_ms, cooldown_ms,
--       max_cooldown_ms, context window that the provider stated (0: none), how long that is remembered in ms
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local ended, correction, bucket = ARGV[2], tonumber(ARGV[3]), tonumber(ARGV[4])
local latency, pause = tonumber(ARGV[5]), tonumber(ARGV[6])
redis.call('ZREM', KEYS[3], ARGV[1])
if tonumber(ARGV[11]) > 0 then redis.call('SET', KEYS[5], ARGV[11], 'PX', ARGV[12]) end
if bucket > 0 and correction ~= 0 and redis.call('HEXISTS', KEYS[2], 't' .. bucket) == 1 then
  redis.call('HINCRBY', KEYS[2], 't' .. bucket, correction)
end
if latency >= 0 then
  redis.call('LPUSH', KEYS[4], latency)
  redis.call('LTRIM', KEYS[4], 0, 199)
  redis.call('PEXPIRE', KEYS[4], 3600000)
end
if ended == 'success' then
  redis.call('HDEL', KEYS[1], 'failures', 'failed_at', 'open_until', 'probe_until', 'opened')
elseif ended == 'limited' then
  redis.call('HSET', KEYS[1], 'blocked_until', now + pause)
  redis.call('HDEL', KEYS[1], 'probe_until')
  redis.call('PEXPIRE', KEYS[1], 3600000)
elseif ended == 'neutral' then
  redis.call('HDEL', KEYS[1], 'probe_until')
else
  local state = redis.call('HMGET', KEYS[1], 'failures', 'failed_at', 'open_until', 'opened')
  local failures, failed_at = tonumber(state[1] or 0), tonumber(state[2] or 0)
  local open_until, opened = tonumber(state[3] or 0), tonumber(state[4] or 0)
  if now - failed_at > tonumber(ARGV[8]) then failures = 0 end
  failures = failures + 1
  local was_probe = open_until > 0 and open_until <= now
  if was_probe or (open_until == 0 and failures >= tonumber(ARGV[7])) then
    local cooldown = math.min(tonumber(ARGV[9]) * 2 ^ opened, tonumber(ARGV[10]))
    redis.call('HSET', KEYS[1], 'open_until', now + math.floor(cooldown), 'opened', opened + 1, 'failures', 0)
    redis.call('HDEL', KEYS[1], 'probe_until')
  else
    redis.call('HSET', KEYS[1], 'failures', failures, 'failed_at', now)
  end
  redis.call('PEXPIRE', KEYS[1], 3600000)
end
return 1
