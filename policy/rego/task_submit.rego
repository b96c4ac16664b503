# Who may submit tasks.
#
# input.action      "task.submit"
# input.principal   tenant_id, actor, user_id, scopes, roles
# input.resource    strategy, mode, query_chars
#
# A missing scope is a `deny`, not only a missing `allow`: no other policy can then allow it.
package shannon.task_submit

import rego.v1

actions := {"task.submit"}

may_submit if "tasks:write" in input.principal.scopes

may_submit if "admin" in input.principal.scopes

# A direct tool call is a task of one step; `tool_call` decides about the tool itself.
may_submit if {
	input.resource.strategy == "tool"
	"tools:execute" in input.principal.scopes
}

deny contains "Submitting a task needs the scope tasks:write." if not may_submit

allow contains "The key may submit tasks." if may_submit

# Agents of one task that may work at the same time, whatever the request asks for.
obligations contains {"max_concurrent_agents": 20} if may_submit
