"""Memory in large pages is asked for only where there is some, and changes nothing else."""

from pathlib import Path

import pytest

from sandbox.runtimes import large_pages
from sandbox.runtimes.large_pages import large_buffers

MEGABYTES = 1024 * 1024
# What Linux 6 says on a machine with two zones: free blocks of 1, 2, 4, … 1,024 pages.
FREE = """Node 0, zone    DMA32   1254    867    821    615    361    215     88     57     92      3      5
Node 0, zone   Normal  35729  34931  17351   9460   5897   1757   4219   1647    361      2      1
"""


def test_what_is_free_in_blocks_of_a_large_page_and_more_is_counted(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "buddyinfo").write_text(FREE)
    monkeypatch.setattr(large_pages, "_FREE", tmp_path / "buddyinfo")
    assert large_pages._large_free_bytes() == (3 + 2 + 2 * (5 + 1)) * 2 * MEGABYTES


def test_where_the_system_does_not_say_it_nothing_is_free(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(large_pages, "_FREE", tmp_path / "nothing")
    assert large_pages._large_free_bytes() == 0


@pytest.mark.parametrize("free", [FREE, "", FREE.replace("      2      1", "   9999   9999")])
def test_buffers_hold_what_is_put_into_them_and_later_ones_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, free: str
) -> None:
    (tmp_path / "buddyinfo").write_text(free)
    monkeypatch.setattr(large_pages, "_FREE", tmp_path / "buddyinfo")
    with large_buffers(24 * MEGABYTES):
        first = bytearray(b"a") * (12 * MEGABYTES)
        second = bytearray(first)
        del first
    later = bytearray(b"b") * (12 * MEGABYTES)
    assert second.count(b"a") == 12 * MEGABYTES
    assert later.count(b"b") == 12 * MEGABYTES


def test_an_error_inside_goes_out(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "buddyinfo").write_text(FREE.replace("      2      1", "   9999   9999"))
    monkeypatch.setattr(large_pages, "_FREE", tmp_path / "buddyinfo")
    with pytest.raises(ValueError, match="inside"), large_buffers(8 * MEGABYTES):
        raise ValueError("inside")
