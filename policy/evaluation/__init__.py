"""How Rego policies become one decision. Nothing here knows Django or the database."""

from policy.evaluation.backend import CompiledPolicies
from policy.evaluation.combine import Contribution, combine
from policy.evaluation.source import PolicySource, Reads

__all__ = ["CompiledPolicies", "Contribution", "PolicySource", "Reads", "combine"]
