"""Sides argue and a judge concludes; or, as a council, members answer, rank each other, and a chair concludes."""

from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from orchestration.strategies.base import Move, Spawn, Strategy, StrategyParameters, Tier, Told, Wait
from orchestration.strategies.making import StepMaker
from orchestration.strategies.reading import all_ended, done_of, fail_of, finish_with, is_done, value_of
from orchestration.types import EventKind, OnDependencyFailure, StepKind, StepSpec, TaskView

JUDGE_KEY = "judge"
_STANCES = (
    "the most likely answer, by the strongest evidence",
    "what speaks against the obvious answer",
    "the practical side: cost, risk and consequences",
    "the long view: what will still be true later",
    "whoever is affected and is not asked",
)


class DebateParameters(StrategyParameters):
    """Of a debate or a council."""

    variant: Literal["debate", "council"] = Field(
        "debate", description="debate: sides argue in rounds. council: members answer alone, rank all answers blindly."
    )
    sides: int = Field(3, ge=2, le=5, description="Sides of the debate, or members of the council.")
    rounds: int = Field(2, ge=1, le=5, description="Rounds of a debate; it ends earlier when all sides agree.")
    stances: list[Annotated[str, Field(min_length=1, max_length=300)]] = Field(
        default_factory=list, max_length=5, description="What each side stands for; sides beyond have a stance of ours."
    )
    models: list[Annotated[str, Field(min_length=1, max_length=128)]] = Field(
        default_factory=list, max_length=5, description="A model for each side, in turn; none: the part's tier."
    )


class DebateStrategy(Strategy):
    """side-1-round-1 … side-n-round-r, judge; or member-1 … member-n, ballot-1 … ballot-n, judge."""

    name: ClassVar[str] = "debate"
    summary: ClassVar[str] = "Sides argue in rounds and a judge concludes; or a council answers, votes and concludes."
    use_when: ClassVar[str] = "A question on which reasonable people differ, or where one model's answer is not enough."
    reads_output_of: ClassVar[frozenset[StepKind]] = frozenset({StepKind.DECIDE})
    parameters: ClassVar[type[StrategyParameters]] = DebateParameters
    parts: ClassVar[Mapping[str, Tier | None]] = {"argue": "medium", "vote": "small", "judge": "large"}
    needs_tokens: ClassVar[int] = 16_000
    degrades_to: ClassVar[str] = "reflection"

    def next(self, view: TaskView) -> Move:
        """Go on with the round, the vote or the judge."""
        given = DebateParameters.of(view)
        make = StepMaker(type(self), given)
        if JUDGE_KEY in view.steps:
            return _concluded(view)
        return _council(view, given, make) if given.variant == "council" else _debate(view, given, make)


def _debate(view: TaskView, given: DebateParameters, make: StepMaker) -> Move:
    last = 0
    while f"side-1-round-{last + 1}" in view.steps:
        last += 1
    keys = _round_keys(given, last)
    if last and not all_ended(view, keys):
        return Wait()
    done = done_of(view, keys)
    if last and not done:
        return fail_of(view, keys) if last == 1 else _judge(view, make, done_of(view, _round_keys(given, last - 1)))
    agree = len(done) > 1 and len({_position(view, key) for key in done}) == 1
    if last and (agree or last >= given.rounds):
        return _judge(view, make, done)
    steps = tuple(_side(given, make, side, last + 1, done) for side in range(1, given.sides + 1))
    return Spawn(steps=steps, message=f"Round {last + 1} of the debate")


def _round_keys(given: DebateParameters, number: int) -> list[str]:
    return [f"side-{side}-round-{number}" for side in range(1, given.sides + 1)]


def _position(view: TaskView, key: str) -> str:
    return " ".join(value_of(view, key)["position"].lower().split()).rstrip(".!")


def _stance(given: DebateParameters, side: int) -> str:
    return given.stances[side - 1] if side <= len(given.stances) else _STANCES[side - 1]


def _model(given: DebateParameters, side: int) -> str | None:
    return given.models[(side - 1) % len(given.models)] if given.models else None


def _side(given: DebateParameters, make: StepMaker, side: int, number: int, before: Sequence[str]) -> StepSpec:
    instruction = (
        f"You are side {side} of {given.sides}. You stand for: {_stance(given, side)}. This is round {number}."
    )
    return make.decide(
        f"side-{side}-round-{number}",
        "argue",
        f"Side {side} argues (round {number})",
        "argument",
        instruction,
        depends_on=before,
        names=[_name(key) for key in before] or None,
        model=_model(given, side),
        agent_id=f"side-{side}",
        with_history=True,
    )


def _name(key: str) -> str:
    return "-".join(key.split("-")[:2])


def _judge(view: TaskView, make: StepMaker, keys: Sequence[str]) -> Spawn:
    positions = {_name(key): value_of(view, key)["position"] for key in keys}
    names = [_name(key) for key in keys]
    spec = make.decide(
        JUDGE_KEY, "judge", "Judge the debate", "verdict", depends_on=keys, names=names, agent_id="judge"
    )
    told = Told(EventKind.PROGRESS, "The sides have spoken; the judge concludes", {"positions": positions})
    return Spawn(steps=(spec,), told=(told,))


def _council(view: TaskView, given: DebateParameters, make: StepMaker) -> Move:
    members = [f"member-{number}" for number in range(1, given.sides + 1)]
    if members[0] not in view.steps:
        return Spawn(steps=tuple(_member(given, make, number) for number in range(1, given.sides + 1)))
    if not all_ended(view, members):
        return Wait()
    answers = done_of(view, members)
    if not answers:
        return fail_of(view, members)
    ballots = [f"ballot-{number}" for number in range(1, given.sides + 1)]
    if ballots[0] not in view.steps and len(answers) > 1:
        return Spawn(steps=tuple(_ballot(given, make, number, answers) for number in range(1, given.sides + 1)))
    if not all_ended(view, ballots) and len(answers) > 1:
        return Wait()
    return _chair(view, make, answers, done_of(view, ballots))


def _member(given: DebateParameters, make: StepMaker, number: int) -> StepSpec:
    instruction = "Answer the request by yourself; other members of a council do the same. Use at most 8 thoughts."
    title = f"Member {number} answers"
    return make.decide(
        f"member-{number}",
        "argue",
        title,
        "chain",
        instruction,
        model=_model(given, number),
        agent_id=f"member-{number}",
        with_history=True,
    )


def _letters(answers: Sequence[str]) -> list[str]:
    return [chr(ord("A") + number) for number in range(len(answers))]


def _ballot(given: DebateParameters, make: StepMaker, number: int, answers: Sequence[str]) -> StepSpec:
    return make.decide(
        f"ballot-{number}",
        "vote",
        f"Member {number} ranks the answers",
        "ballot",
        depends_on=answers,
        names=_letters(answers),
        model=_model(given, number),
        agent_id=f"member-{number}",
    )


def _chair(view: TaskView, make: StepMaker, answers: Sequence[str], ballots: Sequence[str]) -> Spawn:
    """Count by Borda (n - 1 points for a first place of n, 0 for the last) and let the chair conclude."""
    letters = _letters(answers)
    points = dict.fromkeys(letters, 0)
    for ballot in ballots:
        ranking = [name for name in dict.fromkeys(value_of(view, ballot)["ranking"]) if name in points]
        for place, name in enumerate(ranking):
            points[name] += len(letters) - 1 - place
    instruction = f"Points by the council's secret vote, the more the better: {_listed(points)}. Weigh them."
    spec = make.decide(
        JUDGE_KEY,
        "judge",
        "The chair concludes",
        "verdict",
        instruction,
        depends_on=answers,
        names=letters,
        on_failure=OnDependencyFailure.RUN,
        agent_id="chair",
    )
    payload = {"points": points, "members": dict(zip(letters, answers, strict=True)), "ballots": len(ballots)}
    return Spawn(steps=(spec,), told=(Told(EventKind.PROGRESS, f"The council has voted: {_listed(points)}", payload),))


def _listed(points: Mapping[str, int]) -> str:
    ordered = sorted(points.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {count}" for name, count in ordered)


def _concluded(view: TaskView) -> Move:
    judge = view.steps[JUDGE_KEY]
    if is_done(judge):
        value = value_of(view, JUDGE_KEY)
        return finish_with(view, JUDGE_KEY, winner=value["winner"], reasons=value["reasons"])
    if judge.error is None:
        return Wait()
    spoken = [key for key in judge.depends_on if is_done(view.steps.get(key))]
    best = max(spoken, key=lambda key: value_of(view, key)["confidence"])
    return finish_with(view, best, judge_failed=judge.error.get("message"))
