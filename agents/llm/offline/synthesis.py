"""Makes one answer of the results of subtasks: a table of what is alike, a ranking where one is asked for."""

from collections.abc import Sequence

from agents.llm.offline.comparisons import comparison, is_comparable
from agents.llm.offline.results import ListedResult, request_in, results_in, without_json
from agents.llm.offline.wording import shortened


def synthesis_answer(user_text: str) -> str:
    """Return the answer for a synthesis prompt, in Markdown."""
    request, results = request_in(user_text), results_in(user_text)
    if not results:
        return "There are no results to answer the request from."
    done = [result for result in results if result.succeeded]
    tabular = [result for result in done if result.groups and all(map(is_comparable, result.groups.values()))]
    groups = {name: facts for result in tabular for name, facts in result.groups.items()}
    if len(groups) < 2:
        tabular, groups = [], {}  # one thing is not compared; its own text says more
    parts = comparison(request, groups)
    parts += _texts([result for result in done if result not in tabular], len(results))
    parts += _failures([result for result in results if not result.succeeded])
    return "\n\n".join(parts)


def _texts(results: Sequence[ListedResult], total: int) -> list[str]:
    if len(results) == 1 and total == 1:
        return [without_json(results[0].text) or "The result is empty."]
    return [f"### {shortened(result.title, 80)}\n\n{without_json(result.text) or '(empty)'}" for result in results]


def _failures(results: Sequence[ListedResult]) -> list[str]:
    if not results:
        return []
    lines = "\n".join(f"- {shortened(result.title, 80)}: {shortened(result.text, 300)}" for result in results)
    return [f"**Not done**, so the answer does not cover it:\n\n{lines}"]
