"""Rows of an asset for the terminal: one block per row, so that texts can be read at 80 columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.text import Text

from assets.reporting.audit_tables import TEXT, decision
from warehouse.audit.nodes import Decided
from warehouse.audit.row_query import DECISION, OTHER
from warehouse.audit.rows import Rows
from warehouse.core.texts import on_one_line, shortened
from warehouse.core.visible import visible

SHORT_ID = 12
"""How many digits of an id are shown; the commands take them for the whole id where they are unique."""


def rows_blocks(found: Rows, everything: bool = False) -> Iterator[RenderableType]:
    """A headline, then a block for each row: its id and decision, the scores that other assets gave it, its content.

    Texts are cut after TEXT characters and shown on one line, unless `everything` is shown."""
    counts = ", ".join(f"{count:,} {outcome}" for outcome, count in found.outcomes.items())
    yield _text(f"{found.asset}, version {found.version[:9]}: {counts or 'no rows'}", "bold")
    rows = found.frame.to_dicts()
    of = "rows" if found.matching == sum(found.outcomes.values()) - found.counted else "rows that match"
    beside = f"; {found.counted:,} others are counted only" if found.counted else ""
    yield _text(f"{len(rows):,} of {found.matching:,} {of}{beside}")
    for row in rows:
        yield ""
        yield Hanging(_text(f"{row['id'][:SHORT_ID]}  ", "bold"), _text(_outcome(_decided(row, found))))
        for one in found.scores[row["id"]]:
            yield Hanging(Text("  "), _text(decision(one), "dim"))
        yield from _content(row, everything)


def rows_as_json(found: Rows) -> dict[str, Any]:
    """The rows as plain values: the decision, the scores and the content of each apart from each other."""
    return {
        "asset": found.asset,
        "version": found.version,
        "kind": found.kind,
        "outcomes": found.outcomes,
        "matching": found.matching,
        "rows": [
            {
                "id": row["id"],
                **{name: row[name] for name in DECISION},
                "scores": [
                    {
                        "asset": one.asset,
                        "outcome": one.outcome,
                        "reason": one.reason,
                        "score": one.score,
                        "cut": one.cut,
                    }
                    for one in found.scores[row["id"]]
                ],
                "content": _says(row),
            }
            for row in found.frame.to_dicts()
        ],
    }


def _decided(row: dict[str, Any], found: Rows) -> Decided:
    outcome, reason, score, cut, duplicate_of, _ = (row[name] for name in DECISION)
    return Decided(found.asset, found.version, outcome, reason, score, cut, duplicate_of, is_current=True)


def _outcome(one: Decided) -> str:
    return decision(one).replace(f" by {one.asset}", "", 1)


def _says(row: dict[str, Any]) -> dict[str, Any]:
    """The content of a row, with the columns of its kind or what it has in place of them."""
    if row[OTHER] is not None:
        says: dict[str, Any] = json.loads(row[OTHER])
        return says
    return {name: value for name, value in row.items() if name not in ("id", OTHER, *DECISION)}


@dataclass(frozen=True)
class Hanging:
    """A text after a label, wrapped to the width of the console; further lines start below the text's first one."""

    label: Text
    text: Text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        indent = self.label.cell_len
        lines = self.text.wrap(console, max(options.max_width - indent, 20), overflow="fold")
        for number, line in enumerate(lines):
            yield Text.assemble(Text(" " * indent) if number else self.label, line)


def _content(row: dict[str, Any], everything: bool) -> Iterator[Hanging]:
    says = {name: value for name, value in _says(row).items() if value not in ("", None)}
    width = max(map(len, says), default=0)
    for name, value in says.items():
        yield Hanging(_text(f"  {name:<{width}}  ", "dim"), _text(_value(value, everything)))


def _value(value: Any, everything: bool) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if everything else shortened(on_one_line(text), TEXT)


def _text(text: str, style: str = "") -> Text:
    return Text(visible(text), style)
