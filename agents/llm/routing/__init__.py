"""From the models that may answer to the one that does: order, fallback, retries, hedges, limits."""

from agents.llm.routing.attempts import Attempt
from agents.llm.routing.ordering import ordered
from agents.llm.routing.route import Choice, Route
from agents.llm.routing.trial import used_by

__all__ = ["Attempt", "Choice", "Route", "ordered", "used_by"]
