"""Templates as they are saved: checked, in versions, and each tenant's own."""

from typing import Any

import pytest
from django.conf import settings

from orchestration.errors import TemplateInvalid, TemplateLimitReached, TemplateNotFound
from orchestration.models import WorkflowTemplate
from orchestration.workflows.service import (
    template_delete,
    template_for,
    template_prepare,
    template_save,
    templates_load,
)
from policy.services import tenant_seed
from policy.types import SCOPES, Principal
from shannon_project.foundation.errors import InvalidInput
from tests.integration.orchestration.playing import principal
from tests.integration.orchestration.strategies.templates.running import NODES, run

__all__ = ["principal"]
pytestmark = pytest.mark.django_db(transaction=True)


def test_loading_twice_makes_no_new_version_and_a_change_makes_one(principal: Principal) -> None:
    assert all(is_new for _, is_new in templates_load())
    assert not any(is_new for _, is_new in templates_load())
    text = "name: mine\nnodes:\n  - {id: a, instruction: 'What is 1 + 1?'}\n"
    first, _ = template_save(tenant_id=principal.tenant_id, text=text, origin="me.yaml")
    second, is_new = template_save(tenant_id=principal.tenant_id, text=text.replace("1 + 1", "2 + 2"), origin="me.yaml")
    assert (first.version, second.version, is_new) == (1, 2, True)
    assert "1 + 1" in template_for(principal=principal, name="mine", version=1).source
    assert "4" in (run(principal, "mine", {}).result or "")
    assert "2" in (run(principal, "mine@1", {}).result or "")


def test_templates_that_extend_each_other_are_refused(principal: Principal) -> None:
    mine: dict[str, Any] = {"tenant_id": principal.tenant_id, "origin": "t.yaml"}
    template_save(text=text_of("one"), **mine)
    template_save(text=text_of("two") + "extends: one\n", **mine)
    with pytest.raises(TemplateInvalid, match=r"t.yaml:4: extends: one -> two -> one does not end"):
        template_save(text=text_of("one") + "extends: two\n", **mine)
    assert template_for(principal=principal, name="one").version == 1


def test_another_tenants_template_is_not_there(principal: Principal) -> None:
    other = tenant_seed(slug="other", name="Other")
    template_save(tenant_id=other.id, text="name: theirs\nnodes:\n  - {id: a, instruction: x}\n", origin="x.yaml")
    with pytest.raises(TemplateNotFound):
        template_for(principal=principal, name="theirs")
    theirs = Principal(other.id, "key:other", "other", frozenset(SCOPES))
    assert template_for(principal=theirs, name="theirs").version == 1


def text_of(name: str, sum_of: str = "1 + 1") -> str:
    return f"name: {name}\nnodes:\n  - {{id: a, instruction: 'What is {sum_of}?'}}\n"


def test_a_tenant_has_a_limited_number_of_templates_and_of_versions_of_each(
    principal: Principal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(settings, "SHANNON_TEMPLATES_MAX", 2)
    monkeypatch.setattr(settings, "SHANNON_TEMPLATE_VERSIONS_MAX", 3)
    templates_load()  # the platform's own do not count
    mine: dict[str, Any] = {"tenant_id": principal.tenant_id, "origin": "me.yaml"}
    for name in ("first", "second"):
        template_save(text=text_of(name), **mine)
    with pytest.raises(TemplateLimitReached, match="2 templates"):
        template_save(text=text_of("third"), **mine)
    for number in range(2, 7):
        template_save(text=text_of("first", f"1 + {number}"), **mine)
    kept = WorkflowTemplate.objects.filter(tenant_id=principal.tenant_id, name="first").order_by("version")
    assert [template.version for template in kept] == [4, 5, 6]
    template_delete(principal=principal, name="second")
    template_save(text=text_of("third"), **mine)
    with pytest.raises(TemplateNotFound):
        template_delete(principal=principal, name="comparison")  # the platform's
    assert template_for(principal=principal, name="comparison")


def test_another_tenants_template_cannot_be_deleted(principal: Principal) -> None:
    other = tenant_seed(slug="other", name="Other")
    template_save(tenant_id=other.id, text=text_of("theirs"), origin="x.yaml")
    with pytest.raises(TemplateNotFound):
        template_delete(principal=principal, name="theirs")
    assert WorkflowTemplate.objects.filter(tenant_id=other.id).count() == 1


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("name: x\nnodes:\n  - id: a\n    instruction: b\n    strategy: magic\n", r"t.yaml:5: nodes.0.strategy"),
        ("name: x\nnodes:\n  - id: a\n    instruction: b\n    colour: red\n", r"t.yaml:5: nodes.0.colour"),
        ("name: x\nnodes:\n  - {id: a, instruction: b, depends_on: [c]}\n", r"there is no node 'c'"),
        (
            "name: x\nnodes:\n  - {id: a, instruction: b, tools: [hammer]}\n",
            r"t.yaml:3: nodes.0.tools: unknown",
        ),
        ("name: x\nextends: nobody\nnodes:\n  - {id: a, instruction: b}\n", r"t.yaml:2: extends"),
        ("name: x\nnodes: [\n", r"t.yaml:\d"),
        ("a: &a [x]\nb: *a\n", "aliases"),
        (
            NODES + "  - {id: a, instruction: b, depends_on: [c]}\n  - {id: c, instruction: b, depends_on: [a]}\n",
            "cycle",
        ),
        (
            "name: x\ninputs: {allOf: [{$ref: '#'}, {$ref: '#'}]}\nnodes:\n  - {id: a, instruction: b}\n",
            r"t.yaml:2: inputs: its references",
        ),
        (
            "name: x\nnodes:\n  - id: a\n    strategy: debate\n    instruction: b\n    parameters: {sides: 99}\n",
            "t.yaml:6",
        ),
    ],
)
def test_a_template_that_cannot_be_is_refused_with_file_and_line(
    principal: Principal, text: str, complaint: str
) -> None:
    with pytest.raises(TemplateInvalid, match=complaint):
        template_save(tenant_id=principal.tenant_id, text=text, origin="t.yaml")
    assert not WorkflowTemplate.objects.exists()


def test_inputs_are_checked_against_the_templates_schema(principal: Principal) -> None:
    templates_load()
    with pytest.raises(InvalidInput, match="things"):
        template_prepare(principal=principal, reference="comparison", inputs={"things": ["one"], "question": "x"})
    filled = template_prepare(principal=principal, reference="data-report", inputs={"file": "a.csv"})["inputs"]
    assert filled["audience"] == "a manager in a hurry"
