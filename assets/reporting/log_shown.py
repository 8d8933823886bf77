"""The history of a warehouse for the terminal: one block per build or version, as version control shows commits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from assets.reporting.rows_shown import Hanging
from warehouse.audit.log import LoggedBuild, LoggedVersion
from warehouse.core.texts import duration, listed
from warehouse.core.visible import visible

_CODE = ("code of ", " changed")
MOST_LINES = 8
"""How many changes of a build or version are shown, unless all are asked for."""


def versions_blocks(found: Sequence[LoggedVersion], everything: bool = False) -> Iterator[RenderableType]:
    """A headline with date, version and rows, and what changed, for each version."""
    for one in found:
        marks = ["current"] if one.is_current else []
        marks += [f"exported to {listed(one.exported)}"] if one.exported else []
        head = Text(f"{one.created_at:%Y-%m-%d %H:%M}  ")
        head.append(one.version[:9], "bold")
        yield Hanging(head, _text("".join(f"  {mark}" for mark in marks), "bold"))
        yield _text(f"  {one.kept:,} of {one.incoming:,} rows kept")
        yield from _changes(one.because, everything)


def builds_blocks(found: Sequence[LoggedBuild], everything: bool = False) -> Iterator[RenderableType]:
    """A headline with date and counts, what changed in the recipe, and what was built, for each build."""
    for one in found:
        counts = [f"{len(one.built)} built"] if one.built else []
        counts += [f"{len(one.restored)} restored"] if one.restored else []
        counts += [f"{one.unchanged} unchanged"] if one.unchanged else []
        cost = f" in {duration(one.seconds)}"
        if one.computed:
            cost += f", {one.computed:,} model calls, {one.tokens:,} tokens"
        yield Hanging(Text(f"{one.finished_at:%Y-%m-%d %H:%M}  "), _text(", ".join(counts) + cost, "bold"))
        yield from _changes(one.because, everything)
        most = len(one.built) if everything else 3
        if one.built:
            yield Hanging(_text("  built: ", "dim"), _text(listed(one.built, most)))


def _changes(because: Sequence[str], everything: bool) -> Iterator[RenderableType]:
    code = [line for line in because if line.startswith(_CODE[0]) and line.endswith(_CODE[1])]
    lines = [line for line in because if line not in code] if len(code) > 1 and not everything else [*because]
    if len(lines) < len(because):
        lines.append(f"code of {len(code)} files changed")
    shown = lines if everything else lines[:MOST_LINES]
    for line in shown:
        yield Hanging(Text("  "), _text(line))
    if len(shown) < len(lines):
        yield _text(f"  and {len(lines) - len(shown)} more changes; --all shows them", "dim")


def _text(text: str, style: str = "") -> Text:
    return Text(visible(text), style)
