# Which models may be asked, and for how much at once.
#
# input.action      "model.call"
# input.principal   tenant_id, actor, user_id, scopes, roles
# input.resource    model, provider, tier, purpose, prompt_tokens, max_output_tokens
#
# To allow only some models, list patterns here, for example {"openai/*", "anthropic/claude-*"}.
package shannon.model_call

import rego.v1

actions := {"model.call"}

allowed_models := {"*"}

may_call if "tasks:write" in input.principal.scopes

may_call if "admin" in input.principal.scopes

# null: `*` also spans slashes, which model names contain.
model_allowed if {
	some pattern in allowed_models
	glob.match(pattern, null, input.resource.model)
}

deny contains "A model call needs the scope tasks:write." if not may_call

deny contains sprintf("The model %v is not on the list of allowed models.", [input.resource.model]) if {
	input.resource.model
	not model_allowed
}

deny contains "The call names no model." if not input.resource.model

allow contains "The model is allowed." if {
	may_call
	model_allowed
}

# Longest answer of one call, in tokens.
obligations contains {"max_output_tokens": 16384} if may_call
