"""The answer in the caller's JSON form, whatever strategy made it."""

import json
from typing import Any, Final

from orchestration.strategies.base import Fail, Finish, Move, Spawn, Strategy, Wait
from orchestration.strategies.reading import is_done
from orchestration.types import StepKind, StepSpec, TaskView
from shannon_project.foundation.json_schemas import fits

SHAPE_KEY: Final = "answer-shape"


def next_move(strategy: Strategy, view: TaskView) -> Move:
    """Return the strategy's move; where the caller wants JSON, an answer that does not fit is put into its form first.

    An answer that fits the schema as it is costs nothing more.
    """
    wanted = view.parameters.get("answer_schema")
    if wanted is None:
        return strategy.next(view)
    inner = TaskView(
        task_id=view.task_id,
        query=view.query,
        parameters=view.parameters,
        steps={key: step for key, step in view.steps.items() if key != SHAPE_KEY},
    )
    move = strategy.next(inner)
    return _shaped(view, move, wanted) if isinstance(move, Finish) else move


def _shaped(view: TaskView, move: Finish, schema: dict[str, Any]) -> Move:
    if _fits(move.result, schema):
        return move
    shape = view.steps.get(SHAPE_KEY)
    if shape is None:
        given = {"form": "shape", "instruction": "", "schema": schema, "default_tier": "small"}
        if not move.from_step:
            given["sections"] = {"Answer": move.result}
        depends_on = (move.from_step,) if move.from_step else ()
        spec = StepSpec(SHAPE_KEY, StepKind.DECIDE, "Put the answer into its form", given, depends_on)
        return Spawn(steps=(spec,))
    if is_done(shape) and shape.output is not None:
        text = json.dumps(shape.output["value"], ensure_ascii=False)
        return Finish(text, {**move.metadata, "unshaped_from": move.from_step}, SHAPE_KEY, move.told)
    return Fail(error=shape.error) if shape.error is not None else Wait()


def _fits(text: str, schema: dict[str, Any]) -> bool:
    try:
        return fits(json.loads(text), schema)
    except (ValueError, RecursionError):
        return False
