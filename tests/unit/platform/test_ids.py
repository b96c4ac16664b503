"""Ids sort by time, and no two are alike: not those of threads, nor those of a process and its fork."""

import os
from concurrent.futures import ThreadPoolExecutor

from shannon_project.foundation.ids import uuid7


def test_ids_of_many_threads_differ_and_are_version_7() -> None:
    with ThreadPoolExecutor(8) as pool:
        found = [each for many in pool.map(lambda _: [uuid7() for _ in range(500)], range(8)) for each in many]

    assert len(set(found)) == 4_000
    assert {each.version for each in found} == {7}


def test_a_fork_draws_others_than_its_parent() -> None:
    uuid7()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, b"".join(uuid7().bytes[6:] for _ in range(20)))
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 10 * 20)
    os.close(reading)
    os.close(writing)

    mine = {uuid7().bytes[6:] for _ in range(20)}
    assert not mine & {theirs[start : start + 10] for start in range(0, len(theirs), 10)}
