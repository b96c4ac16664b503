"""What a model is asked that fills a form, and what of it gives way in a small window."""

from typing import Any

import pytest
from pydantic import ValidationError

from agents.forms import FORMS
from agents.forms.filling import FormRequest, form_messages, form_model_request
from agents.llm.window import fits, fitted
from shannon_project.config.catalogue import CatalogueModel


def model(window: int) -> CatalogueModel:
    return CatalogueModel(name="m", litellm_name="m", provider="p", context_window_tokens=window)


def verification(claims: int, sources: int, characters: int) -> FormRequest:
    listed = "\n".join(f"{number}. {'It is so. ' * 50} [{1 + number % sources}]" for number in range(1, claims + 1))
    passages = [(str(number), f"Page {number}", "The page says it. " * (characters // 18)) for number in range(sources)]
    return FormRequest(form="verification", query="How so?", sections={"Claims": listed}, passages=passages)


def test_sources_stand_under_a_heading_of_their_own_behind_what_is_asked_about_them() -> None:
    asked = FormRequest(
        form="verification", query="q", sections={"Claims": "1. c [3]"}, passages=[("3", "A page", "Its text.")]
    )
    assert form_messages(asked)[-1]["content"] == (
        "## Request\n\nq\n\n## Claims\n\n1. c [3]\n\n## Sources\n\n### 3: A page\n\nIts text."
    )


@pytest.mark.parametrize("window", [8_192, 16_384])
def test_a_batch_of_claims_fits_into_a_small_window_and_only_the_sources_give_way(window: int) -> None:
    asked = verification(claims=15, sources=4, characters=6_000)
    request = fitted(form_model_request(asked, form_messages(asked)), model(window))
    assert fits(request, model(window))
    text = str(request.messages[-1]["content"])
    assert asked.sections["Claims"] in text
    assert all(f"### {number}: Page {number}" in text for number in range(4))
    assert ("characters were left out here" in text) == (window == 8_192)


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("chain", {"thoughts": ["t"], "answer": " \n", "confidence": 1}),
        ("verdict", {"winner": "1", "reasons": [], "answer": ""}),
        ("report", {"report": ""}),
        ("argument", {"position": "p", "argument": "", "confidence": 1}),
        ("thoughts", {"thoughts": [{"thought": "", "is_final": True}]}),
    ],
)
def test_what_a_person_may_be_given_as_the_answer_is_never_nothing(form: str, value: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        FORMS[form].answer.model_validate(value)
