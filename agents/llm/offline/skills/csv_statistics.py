"""Statistics of a table of the workspace, by a program in the sandbox."""

import re
from dataclasses import dataclass
from typing import Any, Final

from agents.llm.offline.comparisons import comparison, is_comparable
from agents.llm.offline.conversation import Turn
from agents.llm.offline.measures import CORRELATION, SERIES, SUMMARY, Measure, measures_in
from agents.llm.offline.planner.groups import column_values_named, groups_meant, kind_asked_for, kind_named
from agents.llm.offline.planner.parts import focus_in
from agents.llm.offline.programs import program
from agents.llm.offline.reports import group_report, json_block
from agents.llm.offline.skills.base import Skill, WantedCall, program_result
from agents.llm.offline.workspace import FILE_NAME, WorkspaceFile

PYTHON: Final = "python"
_OVERVIEW: Final = re.compile(
    r"\b(?:describe|overview|statistics|stats|summari[sz]e|profile|analy[sz]e|explore|look at|compare|how)\b",
    re.IGNORECASE,
)
_HOT_OR_COLD: Final = re.compile(r"\b(?:hot|cold|warm|cool)(?:t?er|t?est)?\b", re.IGNORECASE)
_TABLE: Final = re.compile(r"\b(?:table|csv|data ?set|data|spreadsheet|rows?|columns?)\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class _Task:
    template: str
    measures: tuple[Measure, ...]
    spec: dict[str, Any]


class CsvStatisticsSkill(Skill):
    """Computes the measures that the instruction names, for the rows and groups that it names."""

    name = "statistics of a table"

    def fits(self, turn: Turn) -> bool:
        """Whether a table is there and a measure of it, or a look at it, is asked for."""
        return bool(_tasks(turn))

    def calls(self, turn: Turn) -> tuple[WantedCall, ...]:
        """One program for each kind of measure."""
        if PYTHON not in turn.tools:
            return ()
        return tuple(
            WantedCall(PYTHON, {"code": program("csv_reader", task.template, spec=task.spec)}) for task in _tasks(turn)
        )

    def answer(self, turn: Turn) -> str:
        """A table of the measures, and all numbers once more as JSON."""
        observations = turn.observed(PYTHON)
        if not observations:
            return "These are statistics of a table, for which I need the tool `python`; it was not offered to me."
        parts = []
        for task, observation in zip(_tasks(turn), observations, strict=False):
            result, failure = program_result(observation)
            parts.append(failure if result is None else _report(result, task, turn.instruction))
        return "\n\n".join(parts)


def _report(result: dict[str, Any], task: _Task, asked: str) -> str:
    groups: dict[str, Any] = result.get("groups") or {}
    if len(groups) > 1 and all(map(is_comparable, groups.values())):
        return "\n\n".join([*comparison(asked, groups), json_block(result)])
    return group_report(result, task.template, [measure.name for measure in task.measures])


def _tasks(turn: Turn) -> list[_Task]:
    focus, instruction = focus_in(turn.instruction)
    file = _table(turn, focus, instruction)
    if file is None:
        return []
    asked = _without_path(instruction, file.path)
    measures = measures_in(asked)
    if not measures and (_OVERVIEW.search(asked) or (file.path in instruction and _TABLE.search(asked))):
        return [_Task(SUMMARY, (), _spec(file, focus, asked, SUMMARY))]
    kinds = [kind for kind in (SERIES, SUMMARY, CORRELATION) if any(measure.program == kind for measure in measures)]
    return [
        _Task(kind, tuple(measure for measure in measures if measure.program == kind), _spec(file, focus, asked, kind))
        for kind in kinds
    ]


def _table(turn: Turn, focus: str | None, instruction: str) -> WorkspaceFile | None:
    named = [focus] if focus and FILE_NAME.fullmatch(focus) else FILE_NAME.findall(instruction)
    for path in named:
        known = next((file for file in turn.files if file.path == path and file.is_table), None)
        if known is not None:
            return known
        if path.lower().endswith((".csv", ".tsv")):
            return WorkspaceFile(path)
    if named or not turn.tables:
        return None
    if len(turn.tables) == 1 and _speaks_of(turn.tables[0], instruction):
        return turn.tables[0]
    return next((file for file in turn.tables if _columns_named(file, instruction)), None)


def _speaks_of(file: WorkspaceFile, instruction: str) -> bool:
    """Whether a text is about the only table there is: its columns, its values, or `the data`."""
    values_named = any(column_values_named(instruction, values) for values in file.distinct.values())
    groups = any(kind_named(instruction, column) for column in file.distinct)
    return bool(_columns_named(file, instruction) or values_named or groups or _TABLE.search(instruction))


def _columns_named(file: WorkspaceFile, text: str) -> list[str]:
    exact = [n for n in file.columns if re.search(rf"(?<!\w){re.escape(n)}(?:s|es)?(?!\w)", text, re.IGNORECASE)]
    return exact or [name for name in file.columns if name not in file.distinct and _is_hinted_at(name, text)]


def _is_hinted_at(column: str, text: str) -> bool:
    """Whether a word of the text begins like a word of the column's name: `temperature` and `temp_max`."""
    words = [word for word in re.split(r"[\W_]+", column.lower()) if len(word) >= 4]
    if "temp" in words and _HOT_OR_COLD.search(text):
        return True
    return any(re.search(rf"\b{re.escape(word)}", text, re.IGNORECASE) for word in words)


def _spec(file: WorkspaceFile, focus: str | None, asked: str, template: str) -> dict[str, Any]:
    filters: dict[str, list[str]] = {}
    for column, values in file.distinct.items():
        named = [focus] if focus in values else column_values_named(asked, values)
        if named:
            filters[column] = [value for value in named if value is not None]
    group_by = _group_by(file, filters, asked, template)
    label = ", ".join(value for values in filters.values() for value in values) or file.path
    return {
        "path": file.path,
        "filters": filters,
        "group_by": group_by,
        "label": label,
        "columns": _columns_named(file, asked),
        "monthly": bool(re.search(r"\bmonth", asked, re.IGNORECASE)),
    }


def _group_by(file: WorkspaceFile, filters: dict[str, list[str]], asked: str, template: str) -> str | None:
    several = next((column for column, values in filters.items() if len(values) > 1), None)
    if several:
        return several
    for column, values in file.distinct.items():
        if column in filters:
            continue
        by_column = re.search(rf"\b(?:by|per|each) {re.escape(column)}\b", asked, re.IGNORECASE)
        if by_column or groups_meant(asked, column, values) or kind_asked_for(asked, column):
            return column
        # Prices of several companies in one column are no series; a `who` or `which` asks for one of the groups.
        is_mixed = len(values) > 1 and not filters
        if is_mixed and (template == SERIES or (template == CORRELATION and len(file.distinct) == 1)):
            return column
    return None


def _without_path(text: str, path: str) -> str:
    return text.replace(path, " ")
