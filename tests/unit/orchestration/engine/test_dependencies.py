"""What ended steps mean for the steps that wait."""

from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from orchestration.engine.dependencies import BlockedStep, Release, releases
from orchestration.types import OnDependencyFailure, StepStatus


def blocked(key: str, *depends_on: str, on_failure: OnDependencyFailure = OnDependencyFailure.SKIP) -> BlockedStep:
    return BlockedStep(uuid4(), key, depends_on, len(depends_on), on_failure)


def by_key(changes: list[Release]) -> dict[str, Release]:
    return {change.key: change for change in changes}


def test_a_step_is_ready_when_its_last_dependency_succeeded() -> None:
    changes = by_key(releases([blocked("c", "a")], {"a": StepStatus.SUCCEEDED}))
    assert changes["c"].status is StepStatus.READY
    assert changes["c"].open_dependencies == 0


def test_a_step_with_more_to_wait_for_only_counts_down() -> None:
    changes = by_key(releases([blocked("c", "a", "b")], {"a": StepStatus.SUCCEEDED}))
    assert changes["c"].status is StepStatus.BLOCKED
    assert changes["c"].open_dependencies == 1


def test_a_failed_dependency_never_counts_as_done() -> None:
    changes = by_key(releases([blocked("b", "a"), blocked("c", "b")], {"a": StepStatus.FAILED}))
    assert changes["b"].status is StepStatus.SKIPPED
    assert changes["b"].failed_dependency == "a"
    assert changes["c"].status is StepStatus.SKIPPED
    assert changes["c"].failed_dependency == "b"


def test_a_step_that_asked_to_runs_after_a_failure() -> None:
    join = blocked("join", "a", "b", on_failure=OnDependencyFailure.RUN)
    changes = by_key(releases([blocked("b", "a"), join], {"a": StepStatus.FAILED}))
    assert changes["b"].status is StepStatus.SKIPPED
    assert changes["join"].status is StepStatus.READY


def test_steps_that_do_not_depend_on_what_ended_are_left_alone() -> None:
    assert releases([blocked("c", "x")], {"a": StepStatus.SUCCEEDED}) == []


@given(
    edges=st.dictionaries(st.integers(1, 7), st.sets(st.integers(0, 6), min_size=1), max_size=7),
    failing=st.sets(st.integers(0, 7)),
    runs_anyway=st.sets(st.integers(0, 7)),
)
def test_every_step_of_an_acyclic_graph_ends_after_its_dependencies(
    edges: dict[int, set[int]], failing: set[int], runs_anyway: set[int]
) -> None:
    graph = {node: {parent for parent in edges.get(node, set()) if parent < node} for node in range(8)}
    waiting = {
        str(node): blocked(
            str(node),
            *(str(parent) for parent in parents),
            on_failure=OnDependencyFailure.RUN if node in runs_anyway else OnDependencyFailure.SKIP,
        )
        for node, parents in graph.items()
        if parents
    }
    ready = [str(node) for node, parents in graph.items() if not parents]
    ended: dict[str, StepStatus] = {}
    while ready:
        key = ready.pop(0)
        assert all(str(parent) in ended for parent in graph[int(key)])
        ended[key] = StepStatus.FAILED if int(key) in failing else StepStatus.SUCCEEDED
        for change in releases(list(waiting.values()), {key: ended[key]}):
            if change.status is StepStatus.READY:
                ready.append(change.key)
                del waiting[change.key]
            elif change.status is StepStatus.SKIPPED:
                ended[change.key] = StepStatus.SKIPPED
                del waiting[change.key]
            else:
                old = waiting[change.key]
                waiting[change.key] = BlockedStep(
                    old.step_id, old.key, old.depends_on, change.open_dependencies, old.on_dependency_failure
                )
    assert len(ended) == len(graph)
    for node, parents in graph.items():
        lost = any(ended[str(parent)] is not StepStatus.SUCCEEDED for parent in parents)
        if lost and node not in runs_anyway:
            assert ended[str(node)] is StepStatus.SKIPPED
