"""Failpoints: inert until a setting names them, and then exact."""

import subprocess
import sys

import pytest

from shannon_project.foundation import failpoints
from shannon_project.foundation.failpoints import FailpointUnknown, Seam, failpoints_arm, hit

PROGRAM = """
import os, sys
from shannon_project.foundation.failpoints import Seam, failpoints_arm, hit
failpoints_arm(sys.argv[1])
for turn in range(3):
    hit(Seam.EFFECT_PERFORMED, "model")
    hit(Seam.EFFECT_PERFORMED, "tool")
    print(turn, flush=True)
"""


def run(named: str) -> tuple[int, str]:
    done = subprocess.run([sys.executable, "-c", PROGRAM, named], capture_output=True, text=True, check=False)
    return done.returncode, done.stdout.replace("\n", "")


@pytest.mark.parametrize(
    ("named", "seen"),
    [
        ("", (0, "012")),
        ("step.claimed", (0, "012")),
        ("effect.performed", (-9, "")),
        ("effect.performed:5", (-9, "01")),
        ("effect.performed/tool:2", (-9, "0")),
        ("effect.performed/memory, effect.performed/tool:3", (-9, "01")),
    ],
)
def test_a_process_dies_at_the_named_seam_at_the_named_time(named: str, seen: tuple[int, str]) -> None:
    assert run(named) == seen


def test_a_failpoint_that_does_not_exist_is_refused_by_name() -> None:
    with pytest.raises(FailpointUnknown, match=r"effect\.perfomed"):
        failpoints_arm("effect.perfomed")
    assert not failpoints._armed


def test_nothing_is_armed_by_default() -> None:
    assert not failpoints._armed
    hit(Seam.STEP_CLAIMED)
