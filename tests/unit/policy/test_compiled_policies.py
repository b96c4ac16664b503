"""The Rego backend: what compiles, what is refused, what fails closed, and threads."""

import threading
from typing import Any

import pytest

from policy.errors import PolicyFailed, PolicyInvalid
from policy.evaluation import CompiledPolicies, PolicySource, check
from policy.evaluation.check import policies_check
from policy.types import Action

HEAD = "package shannon.p\nimport rego.v1\n"


def source(body: str, *, name: str = "p", head: str = HEAD) -> PolicySource:
    return PolicySource(name, 1, head + body)


def ask(policies: CompiledPolicies, question: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    return {c.kind: c.values for c in policies.contributions(Action.TOOL_CALL, question)}


def test_a_policy_is_asked_only_about_the_actions_that_it_names() -> None:
    policies = CompiledPolicies([source('actions := {"tool.call"}\ndeny contains "No." if true')])
    assert ask(policies, {}) == {"deny": ("No.",)}
    assert policies.contributions(Action.TASK_SUBMIT, {}) == []
    assert policies.versions_for(Action.TASK_SUBMIT) == {}


def test_a_policy_without_actions_is_asked_about_all() -> None:
    policies = CompiledPolicies([source('deny contains "No." if true')])
    for action in Action:
        assert len(policies.contributions(action, {})) == 1


@pytest.mark.parametrize(
    "body",
    [
        'allow contains "ok" if { true }; deny contains "no" if { true }',
        'allow contains "ok" if { true } deny contains "no" if { true }',
        'x := 1; deny contains "no" if { true }\nallow contains "ok" if { true }',
        'allow contains "ok" if true\nx := `\n` deny contains "no" if true',
        'allow contains "ok" if { true\n} deny contains "no" if { true }',
    ],
)
def test_a_denial_counts_wherever_on_a_line_it_stands(body: str) -> None:
    """The text does not tell which sets are defined; either the library does, or the source is refused."""
    try:
        policies = CompiledPolicies([source(body)])
    except PolicyInvalid:
        assert ";" not in body
        return
    assert ask(policies, {}) == {"allow": ("ok",), "deny": ("no",)}


def test_actions_count_wherever_on_a_line_they_stand() -> None:
    policies = CompiledPolicies([source('x := 1; actions := {"tool.call"}\nallow contains "ok" if true')])
    assert policies.contributions(Action.TASK_SUBMIT, {}) == []
    assert ask(policies, {}) == {"allow": ("ok",)}


@pytest.mark.parametrize(
    "expression",
    [
        "opa.runtime().env.PATH",
        'opa["runtime"]().env.PATH',
        "opa . runtime().env.PATH",
        "opa\n.runtime()",
        '$"{opa.runtime()}"',
        '"\\d" # " + opa.runtime()',
        'http.send({"method": "get", "url": "http://127.0.0.1:1"})',
        'net.lookup_ip_addr("localhost")',
    ],
)
def test_a_policy_cannot_reach_out_of_the_evaluation(expression: str) -> None:
    with pytest.raises(PolicyInvalid):
        CompiledPolicies([source(f'deny contains sprintf("%v", [x]) if x := {expression}')])
    with pytest.raises(PolicyInvalid):
        policies_check([source(f'allow contains "a" if true\nx := {expression}')])


def test_an_import_cannot_rename_what_reaches_out() -> None:
    with pytest.raises(PolicyInvalid, match="opa"):
        CompiledPolicies([source("import opa.runtime as r\nallow contains r().env.PATH if true")])


def test_texts_and_comments_may_name_anything() -> None:
    policies = CompiledPolicies([source('# opa.runtime() $ "\nallow contains "opa.runtime() http net $ #" if true')])
    assert ask(policies, {}) == {"allow": ("opa.runtime() http net $ #",)}


def test_policies_of_the_platform_and_of_a_tenant_may_have_the_same_name() -> None:
    own = PolicySource("p", 7, 'package tenant.p\nimport rego.v1\ndeny contains "Ours." if true', is_of_tenant=True)
    policies = CompiledPolicies([source('allow contains "Yes." if true'), own])
    found = {(c.policy, c.kind): c.values for c in policies.contributions(Action.TOOL_CALL, {})}
    assert found == {("p", "allow"): ("Yes.",), ("tenant.p", "deny"): ("Ours.",)}
    assert policies.versions == {"p": 1, "tenant.p": 7}


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("allow contains foo if {", "unclosed"),
        ('allow contains "a" if true\nallow := 3', "two ways"),
        ("x := 1", "defines none"),
        ('actions := {"tool.eat"}\nallow contains "a" if true', "actions"),
        ('actions := "tool.call"\nallow contains "a" if true', "actions"),
        ('actions := {"tool.call"} if input.x\nallow contains "a" if true', "actions"),
        ('allow contains "a\x00" if true', "NUL"),
        ('allow contains "a" if true\n# c\rdeny contains "b" if true', "control"),
        ('deny.foo contains "x" if true\nallow contains "a" if true', "never be asked"),
        ("allow contains 1 if true\ndefault deny := false", "two ways"),
        ('allow contains "a" if true\ndeny := {"x"} if input.x', "two ways"),
        ("# " + "x" * 70_000 + '\nallow contains "a" if true', "longer"),
    ],
)
def test_a_source_that_cannot_work_is_refused_with_the_reason(body: str, says: str) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        CompiledPolicies([source(body)])
    assert says in refused.value.message


@pytest.mark.parametrize(
    "package",
    [
        "",
        "package other.p\n",
        "package shannon.q\n",
        "package tenant.p\n",
        "package decision\n",
        "package tenant # x\nx := `\npackage shannon.p\n`\n",
    ],
)
def test_a_policy_stays_in_its_own_package(package: str) -> None:
    with pytest.raises(PolicyInvalid, match="package"):
        CompiledPolicies([source('import rego.v1\nallow contains "a" if true', head=package)])


@pytest.mark.parametrize("name", ["", "Upper", "with-dash", "1st", "a" * 60, "a.b"])
def test_a_name_that_is_no_rego_identifier_is_refused(name: str) -> None:
    with pytest.raises(PolicyInvalid, match="name"):
        CompiledPolicies([PolicySource(name, 1, f'package shannon.{name}\nallow contains "a" if true')])


@pytest.mark.parametrize(
    "body",
    [
        "a := 1 if true\na := 2 if true\nallow contains a if true",
        'allow contains "y" if { 1 / input.zero == 1 }',
        'deny contains to_number("x") if true',
        "allow contains no_such_function(1) if true",
        'allow contains "a" if deny["x"]\ndeny contains "x" if allow["a"]',
        'allow := {"a"} if input.x == 3',
        "deny := false",
        'allow["a"] { true }',
    ],
    ids=["contradiction", "division", "built-in", "unknown", "recursion", "undefined", "no set", "old syntax"],
)
def test_a_policy_that_fails_when_asked_never_gives_an_answer(body: str) -> None:
    try:
        policies = CompiledPolicies(
            [source(body), source('allow contains "Yes." if true', name="q", head=HEAD.replace("p\n", "q\n", 1))]
        )
    except PolicyInvalid:
        return
    with pytest.raises(PolicyFailed):
        policies.contributions(Action.TOOL_CALL, {"zero": 0})


def test_eight_threads_get_their_own_answers() -> None:
    policies = CompiledPolicies(
        [source("deny contains input.who if input.bad\nallow contains input.who if not input.bad")]
    )
    wrong: list[Any] = []
    barrier = threading.Barrier(8)

    def work(thread: int) -> None:
        barrier.wait()
        for number in range(300):
            who, bad = f"{thread}-{number}", (thread + number) % 2 == 0
            answer = ask(policies, {"who": who, "bad": bad})
            if answer != {"deny" if bad else "allow": (who,)}:
                wrong.append((who, answer))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_the_check_passes_what_works() -> None:
    policies_check([source('allow contains "a" if input.principal.scopes[_] == "x"')])


@pytest.mark.parametrize(
    "body",
    [
        "allow contains " + "[" * 20_000 + "]" * 20_000 + " if true",
        "a := 1 if true\na := 2 if true\nallow contains a if true",
        "allow contains foo if {",
    ],
    ids=["ends the compiler", "fails when asked", "does not parse"],
)
def test_the_check_refuses_and_survives(body: str) -> None:
    with pytest.raises(PolicyInvalid):
        policies_check([source(body)])


def test_the_check_ends_what_does_not_end_by_the_processor_time_that_it_took(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check, "CHECK_CPU_SECONDS", 2)
    numbers = "numbers.range(1, 5000)"
    endless = f"allow contains count(found) if found := [1 | some x in {numbers}; some y in {numbers}; x > y]"
    with pytest.raises(PolicyInvalid, match="2 s of processor time"):
        policies_check([source(endless)])
