# Which tools may be called.
#
# input.action      "tool.call"
# input.principal   tenant_id, actor, user_id, scopes, roles
# input.resource    name      of the tool
#                   known     true when the platform has such a tool
#                   dangerous true when it changes the world outside the workspace
#                   arguments as the model wrote them, checked against the tool's schema
#
# What is not said is taken as the worse: a tool that is not said to be known is unknown, and one that is not
# said to be harmless is dangerous.
package shannon.tool_call

import rego.v1

actions := {"tool.call"}

# Tools that nobody may call, for example {"file_write"}.
blocked_tools := set()

is_admin if "admin" in input.principal.scopes

# A key that may submit tasks may have its agents use tools; a key for tools alone may call them directly.
may_execute if is_admin

may_execute if "tools:execute" in input.principal.scopes

may_execute if "tasks:write" in input.principal.scopes

may_endanger if is_admin

may_endanger if "tools:dangerous" in input.principal.scopes

known if input.resource.known == true

harmless if input.resource.dangerous == false

deny contains "There is no such tool." if not known

deny contains "Calling a tool needs the scope tools:execute." if not may_execute

deny contains "This tool is dangerous: it needs the scope tools:dangerous." if {
	not harmless
	not may_endanger
}

deny contains "This tool is blocked." if input.resource.name in blocked_tools

allow contains "The tool may be called." if {
	known
	may_execute
}
