"""Forms by name: what models are asked when a strategy must read the answer."""

from typing import Final

from agents.forms.argument import ARGUMENT
from agents.forms.ballot import BALLOT
from agents.forms.base import Answer, Form
from agents.forms.chain import CHAIN
from agents.forms.critique import CRITIQUE
from agents.forms.lead import LEAD
from agents.forms.react import REACT
from agents.forms.research import COVERAGE, FINDINGS, REPORT, RESEARCH_PLAN, VERIFICATION
from agents.forms.route import ROUTE
from agents.forms.scores import SCORES
from agents.forms.thoughts import THOUGHTS
from agents.forms.verdict import VERDICT

FORMS: Final[dict[str, Form]] = {
    form.name: form
    for form in (
        ARGUMENT,
        BALLOT,
        CHAIN,
        COVERAGE,
        CRITIQUE,
        FINDINGS,
        LEAD,
        REACT,
        REPORT,
        RESEARCH_PLAN,
        ROUTE,
        SCORES,
        THOUGHTS,
        VERDICT,
        VERIFICATION,
    )
}

__all__ = ["FORMS", "Answer", "Form"]
