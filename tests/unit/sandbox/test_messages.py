"""What frames between a worker and its sandbox host say."""

from dataclasses import replace

import pytest

from sandbox.host.messages import request_frame, request_from, result_frame, result_from
from sandbox.host.wire import Frame, WireInvalid
from sandbox.runtimes.fake import fake_result
from sandbox.types import ExecutionRequest, Outcome, Resources, SandboxLimits

LIMITS = SandboxLimits(wall_seconds=1.5, network_hosts=("example.com",))


@pytest.mark.parametrize(
    "request_",
    [
        ExecutionRequest("python", "print('é')", stdin=b"\xff", files={"a/b.txt": b"1", "c": b""}, limits=LIMITS),
        ExecutionRequest("python", "print(1)", limits=LIMITS),
        ExecutionRequest("module", module_sha256="0" * 64, arguments=("-a", "é"), limits=LIMITS),
    ],
)
def test_a_request_survives_the_way_there(request_: ExecutionRequest) -> None:
    for _ in range(2):
        assert request_from(request_frame(request_, LIMITS)) == request_


@pytest.mark.parametrize(
    "resources",
    [Resources(0.25), Resources(1.5, cpu_seconds=0.0, fuel=0), Resources(2, 1.25, 787_705, 12, 2**40)],
)
def test_a_result_survives_the_way_back(resources: Resources) -> None:
    result = replace(fake_result(outcome=Outcome.FAILED, stdout="é", stderr="no"), resources=resources)
    left = replace(result, files_changed={"a": b"1"}, files_deleted=("b",))
    for sent in (result, left, result):
        assert result_from(result_frame(sent, last=False)) == sent


def test_the_last_result_of_a_host_is_told_from_others() -> None:
    said = [result_frame(fake_result(), last=last).fields["last"] for last in (False, True, False)]
    assert said == [False, True, False]


@pytest.mark.parametrize(
    "change", [{"outcome": "wonderful"}, {"exit_code": "x"}, {"paths": ["one too many"]}, {"paths": 3}]
)
def test_a_result_with_wrong_fields_is_refused(change: dict[str, object]) -> None:
    frame = result_frame(fake_result(), last=False)
    with pytest.raises(WireInvalid):
        result_from(Frame(frame.kind, {**frame.fields, **change}, frame.blobs))


@pytest.mark.parametrize("blobs", [[b"only one"], [b"no resources", b"", b""], [b"", b"", b""], []])
def test_a_result_without_its_blobs_is_refused(blobs: list[bytes]) -> None:
    with pytest.raises(WireInvalid):
        result_from(Frame("result", result_frame(fake_result(), last=False).fields, blobs))
