"""Draws a run: a live tree on a terminal, one line for each step's change elsewhere."""

from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import Decimal
from time import monotonic

from rich.console import Console, Group
from rich.live import Live
from rich.markdown import Markdown
from rich.text import Text
from rich.tree import Tree

from shannon_project.demo.client import StreamEvent
from shannon_project.demo.run import Run, StepLine, StepState, ToolLine

_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_FRAMES_PER_SECOND = 8
_SIGN = {
    StepState.WAITING: ("·", "dim"),
    StepState.DONE: ("✔", "green"),
    StepState.FAILED: ("✘", "red"),
    StepState.SKIPPED: ("-", "yellow"),
}
_LIVE_SHOWN_CHARS = 60


def run_show(run: Run, events: Iterable[StreamEvent], console: Console) -> None:
    """Draw a run while its events come; returns when they end.

    Args:
        run: What is known so far; changed by the events.
        events: As `ApiClient.follow` yields them.
        console: Where to draw. On a terminal the tree is redrawn in place; otherwise lines are printed.
    """
    if not console.is_terminal:
        _show_lines(run, events, console)
        return
    with Live(
        get_renderable=lambda: run_tree(run), console=console, refresh_per_second=_FRAMES_PER_SECOND, transient=False
    ):
        for event in events:
            run.apply(event)


def run_tree(run: Run) -> Tree:
    """Return the tree of a run as it is now."""
    tree = Tree(_headline(run), guide_style="dim")
    for step in run.steps.values():
        branch = tree.add(_step_text(step))
        for tool in step.tools:
            branch.add(_tool_text(tool))
    return tree


def answer_show(answer: str, console: Console) -> None:
    """Print an answer: as formatted Markdown on a terminal, as it is elsewhere."""
    if console.is_terminal:
        console.print(Group(Text(), Markdown(answer), Text()))
    else:
        console.out("", answer, "", sep="\n", highlight=False)


def _show_lines(run: Run, events: Iterable[StreamEvent], console: Console) -> None:
    shown: dict[str, StepState] = {}
    for event in events:
        step = run.apply(event)
        if step is None or shown.get(step.key) == step.state or step.state == StepState.WAITING:
            continue
        shown[step.key] = step.state
        line = Text(f"{_elapsed_seconds(run, event):6.1f} s  ")
        console.print(line.append(step.state.ljust(8)).append(_step_summary(step)), soft_wrap=True, highlight=False)


def _headline(run: Run) -> Text:
    ended = sum(step.state not in (StepState.WAITING, StepState.RUNNING) for step in run.steps.values())
    until = run.ended_at or datetime.now(UTC)
    seconds = max(0.0, (until - run.started_at).total_seconds()) if run.started_at else 0.0
    text = Text("Task ", style="bold").append(run.task_id, style="cyan")
    text.append(f"  {ended}/{len(run.steps)} steps  {run.tokens:,} tokens  {money(run.cost_usd)}  {seconds:.1f} s")
    if run.error:
        text.append(f"  {run.error}", style="red")
    return text


def _step_text(step: StepLine) -> Text:
    if step.state == StepState.RUNNING:
        sign, style = _FRAMES[int(monotonic() * _FRAMES_PER_SECOND) % len(_FRAMES)], "cyan"
    else:
        sign, style = _SIGN[step.state]
    text = Text(f"{sign} ", style=style, no_wrap=True, overflow="ellipsis").append(step.title, style="bold")
    if step.state == StepState.RUNNING and step.started_at:
        text.append(f"  {max(0.0, (datetime.now(UTC) - step.started_at).total_seconds()):.1f} s", style="dim")
    text.append(_figures(step), style="dim")
    if step.doing:
        text.append(f"  {step.doing}", style="cyan")
    if step.live_text:
        text.append("  " + " ".join(step.live_text.split())[-_LIVE_SHOWN_CHARS:], style="italic dim")
    if step.note:
        text.append(f"  {step.note}", style="yellow")
    return text


def _tool_text(tool: ToolLine) -> Text:
    sign, style = {None: ("…", "cyan"), True: ("✔", "green"), False: ("✘", "red")}[tool.ok]
    text = Text(f"{sign} ", style=style, no_wrap=True, overflow="ellipsis").append(f"tool {tool.name}", style="dim")
    return text.append(f"  {tool.note}", style="yellow") if tool.note else text


def _step_summary(step: StepLine) -> str:
    tools = ", ".join(tool.name for tool in step.tools)
    return (
        f"{step.title}{_figures(step)}"
        + (f"  tools: {tools}" if tools else "")
        + (f"  {step.note}" if step.note else "")
    )


def _figures(step: StepLine) -> str:
    seconds = f"  {step.seconds:.1f} s" if step.seconds is not None else ""
    return seconds + (f"  {step.tokens:,} tokens  {money(step.cost_usd)}" if step.tokens else "")


def _elapsed_seconds(run: Run, event: StreamEvent) -> float:
    try:
        at = datetime.fromisoformat(str(event.data["timestamp"]))
    except (KeyError, ValueError):
        at = datetime.now(UTC)
    return max(0.0, (at - run.started_at).total_seconds()) if run.started_at else 0.0


def money(cost_usd: Decimal | float | None) -> str:
    """Return an amount for a person; unknown is not zero."""
    return "cost unknown" if cost_usd is None else f"${cost_usd:.4f}"
