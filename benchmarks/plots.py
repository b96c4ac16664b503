"""Plots of the results, written as SVG by hand: two small pictures need no plotting library."""

import math
from collections.abc import Sequence
from html import escape
from pathlib import Path

from benchmarks.report import Row

_WIDTH, _HEIGHT, _LEFT, _TOP, _BOTTOM = 720, 360, 70, 50, 50
_OURS, _THEIRS = "#2563eb", "#9ca3af"
_STYLE = "font-family='system-ui,sans-serif' font-size='13' fill='#374151'"


def plots_write(rows: Sequence[Row], folder: Path) -> None:
    """Write `performance-growth.svg` and `performance-peers.svg`, each if its rows were measured.

    Args:
        rows: What was measured.
        folder: Where they go.
    """
    growth = [row for row in rows if row.key.startswith("fanout-") and row.reference is not None]
    if growth:
        (folder / "performance-growth.svg").write_text(_growth(growth))
    peers = [row for row in rows if row.key.startswith("peer-") and row.reference is not None]
    if peers:
        (folder / "performance-peers.svg").write_text(_peers(peers))


def _growth(rows: Sequence[Row]) -> str:
    """Draw milliseconds a step over the number of steps, both axes logarithmic."""
    widths = [int(row.key.removeprefix("fanout-")) for row in rows]
    ours, theirs = [row.ours for row in rows], [row.reference or row.ours for row in rows]
    low, high = math.log10(min(ours + theirs)), math.log10(max(ours + theirs))
    first, last = math.log10(min(widths)), math.log10(max(widths) * 1.0001 + 1e-9)

    def place(width: int, value: float) -> tuple[float, float]:
        across = (math.log10(width) - first) / max(last - first, 1e-9)
        up = (math.log10(value) - low) / max(high - low, 1e-9)
        return _LEFT + across * (_WIDTH - _LEFT - 150), _HEIGHT - _BOTTOM - up * (_HEIGHT - _TOP - _BOTTOM - 20)

    parts = [_text(20, 28, "Milliseconds a step, by the number of steps in one task", size=16)]
    for name, values, colour in (("this platform", ours, _OURS), ("raw Celery chord", theirs, _THEIRS)):
        points = [place(width, value) for width, value in zip(widths, values, strict=True)]
        line = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        parts.append(f"<polyline points='{line}' fill='none' stroke='{colour}' stroke-width='2.5'/>")
        for (x, y), value in zip(points, values, strict=True):
            parts.append(f"<circle cx='{x:.1f}' cy='{y:.1f}' r='4' fill='{colour}'/>")
            parts.append(_text(x + 6, y - 8, f"{value:.2f}"))
        parts.append(_text(points[-1][0] + 48, points[-1][1] + 5, name, colour=colour))
    parts += [_text(place(width, ours[0])[0] - 14, _HEIGHT - 18, f"{width:,}") for width in widths]
    return _picture(parts, _HEIGHT)


def _peers(rows: Sequence[Row]) -> str:
    """Draw one bar for each peer and one for us, in milliseconds a step."""
    bars = [("this platform", min(row.ours for row in rows), _OURS)]
    bars += [(row.reference_name, row.reference or 0.0, _THEIRS) for row in rows]
    longest = max(value for _, value, _ in bars)
    parts = [_text(20, 28, f"Milliseconds a step: {rows[0].name}", size=16)]
    for number, (name, value, colour) in enumerate(bars):
        y = _TOP + number * 44
        width = max(value / longest * (_WIDTH - 340), 1.0)
        parts.append(_text(20, y + 20, name))
        parts.append(f"<rect x='240' y='{y}' width='{width:.1f}' height='28' rx='3' fill='{colour}'/>")
        parts.append(_text(248 + width, y + 19, f"{value:.2f}"))
    return _picture(parts, _TOP + len(bars) * 44 + 10)


def _text(x: float, y: float, text: str, *, size: int = 13, colour: str = "#374151") -> str:
    style = _STYLE.replace("13", str(size)).replace("#374151", colour)
    return f"<text x='{x:.1f}' y='{y:.1f}' {style}>{escape(text)}</text>"


def _picture(parts: Sequence[str], height: int) -> str:
    head = f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {_WIDTH} {height}' role='img'>"
    return "\n".join([head, "<rect width='100%' height='100%' fill='white'/>", *parts, "</svg>"]) + "\n"
