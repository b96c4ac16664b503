"""Two stacks that start at the same moment never choose the same port."""

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from shannon_project.settings.env import BASE_DIR
from shannon_project.stack.ports import PortChoice, free_port, port_keep

CHOOSE_AND_WAIT = """
import sys
from shannon_project.stack.ports import PortChoice
with PortChoice() as choice:
    print(choice.take(int(sys.argv[1])), flush=True)
    sys.stdin.read()
"""


def test_a_port_that_is_free_is_chosen_and_free_again_afterwards() -> None:
    wanted = free_port(0)
    with PortChoice() as choice:
        assert choice.take(wanted) == wanted
    with PortChoice() as choice:
        assert choice.take(wanted) == wanted


def test_what_one_has_chosen_another_does_not_choose_although_nobody_listens_yet() -> None:
    wanted = free_port(0)
    with PortChoice() as first, PortChoice() as second:
        assert first.take(wanted) == wanted
        assert second.take(wanted) not in {0, wanted}
        assert first.take(wanted) != wanted


def test_many_at_once_choose_a_port_each() -> None:
    wanted = free_port(0)
    choices = [PortChoice() for _ in range(24)]
    with ThreadPoolExecutor(24) as pool:
        chosen = list(pool.map(lambda choice: choice.take(wanted), choices))
    for choice in choices:
        choice.__exit__(None, None, None)
    assert len(set(chosen)) == 24
    assert wanted in chosen


def test_a_port_that_a_stack_keeps_is_not_chosen_while_nobody_listens_on_it() -> None:
    wanted = free_port(0)
    kept = port_keep(wanted)
    assert kept is not None
    assert port_keep(wanted) is None
    with kept, PortChoice() as choice:
        assert choice.take(wanted) != wanted
    with PortChoice() as choice:
        assert choice.take(wanted) == wanted


def test_a_port_on_which_somebody_listens_is_not_chosen() -> None:
    with socket.socket() as listener, PortChoice() as choice:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        taken = listener.getsockname()[1]
        assert choice.take(taken) != taken


def test_a_choice_ends_with_its_process_however_that_ends() -> None:
    wanted = free_port(0)
    command = [sys.executable, "-c", CHOOSE_AND_WAIT, str(wanted)]
    with subprocess.Popen(command, cwd=BASE_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        assert int(other.stdout.readline()) == wanted
        with PortChoice() as choice:
            assert choice.take(wanted) != wanted
        other.kill()
        other.wait()
    with PortChoice() as choice:
        assert choice.take(wanted) == wanted
