-- Gives up a place in the queue, and the turn that its tenant had counted for it.
-- KEYS: queue, when queued calls last asked, tenants' turns
-- ARGV: member of the queue, tenant, its share of the tenant's turns
redis.call('ZREM', KEYS[2], ARGV[1])
if redis.call('ZREM', KEYS[1], ARGV[1]) == 1 then redis.call('ZINCRBY', KEYS[3], -ARGV[3], ARGV[2]) end
return 1
