"""A step that is played again and again on one journal."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from agents.blobs.fake import FakeBlobStore
from agents.context import Emit, StepContext
from agents.fake_engine import FakeStepEngine, fake_context
from agents.journal import Effect, EffectDraft, Journal
from agents.journal.fake import FakeJournalStore
from shannon_project.foundation.errors import ShannonError
from tests.unit.agents.principals import someone


class Final(ShannonError):
    """It will never work."""

    code = "FINAL"


class Crash(BaseException):
    """The process died here."""


class Play:
    """One step that is executed several times over the same store."""

    def __init__(self) -> None:
        self.engine = FakeStepEngine()
        self.ctx: StepContext = fake_context(engine=self.engine, principal=someone())
        self.store: FakeJournalStore = FakeJournalStore()
        self.blobs: FakeBlobStore = FakeBlobStore()
        self.performed: list[int] = []

    def attempt(self) -> Journal:
        """Begin another attempt."""
        self.ctx = replace(self.ctx, attempt=self.ctx.attempt + 1)
        return Journal(self.ctx, self.store, self.blobs)

    def call(
        self, journal: Journal, request: dict[str, Any] | None = None, *, position: int | None = None, **options: Any
    ) -> dict[str, Any]:
        """Do an effect that answers with its position."""

        def perform(effect: Effect) -> dict[str, Any]:
            self.performed.append(effect.position)
            return {"position": effect.position}

        def after(emit: Emit, position: int, _: dict[str, Any]) -> None:
            emit("DONE", str(position))

        values: dict[str, Any] = {"kind": "tool", "key": "t", "perform": perform, "idempotent": True, "after": after}
        return journal.effect(EffectDraft(request=request or {}, **(values | options)), position=position)


def raising(error: BaseException) -> Callable[[Effect], dict[str, Any]]:
    """Return an effect that ends like this."""

    def perform(_: Effect) -> dict[str, Any]:
        raise error

    return perform
