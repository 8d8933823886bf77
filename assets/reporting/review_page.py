"""A review of one environment against another as Markdown, for a comment on a pull request."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from assets.planning.planned import Planned
from assets.reporting.standings import figure
from warehouse.audit.diff import Changed, Diff
from warehouse.audit.review import Declared, Moved, Review
from warehouse.core.markdown import cell, code_block, table
from warehouse.core.texts import kind_named, on_one_line, shortened
from warehouse.core.visible import visible

SAMPLES, SHOWN = 3, 160
"""How many rows of each kind are shown for each asset, and how many characters of each."""


def markdown(found: Review, planned: Sequence[Planned] = (), samples: int = SAMPLES) -> str:
    """The review; `planned` is what a build in the environment would still do. Texts of rows stand in code blocks."""
    waiting = [one for one in planned if one.state != "fresh" or one.error]
    parts = [
        [f"# {_named(found.after)} against {_named(found.before)}", "", _headline(found, waiting)],
        _section("Not built yet", _plan(waiting)),
        _section("Failed checks", [f"- {cell(fault)}" for fault in found.faults]),
        _section("Assets", _assets(found)),
        _section("Scores", _numbers(found.scores)),
        _section("Quality of training sets", _numbers(found.quality)),
        _section("Models, sources and licences", _declarations(found.declared)),
        _section("Rows", [line for one in found.diffs if not _has_numbers(one) for line in _rows(one, samples)]),
    ]
    return "\n".join(line for part in parts for line in part) + "\n"


def _headline(found: Review, waiting: Sequence[Planned]) -> str:
    if found.is_empty and not waiting:
        return "Nothing differs."
    added = sum(len(one.added) for one in found.diffs)
    removed = sum(len(one.removed) for one in found.diffs)
    assets = len(found.changed) + len(found.added) + len(found.removed)
    parts = [
        f"{_counted(assets, 'asset')} with another version, {len(found.diffs)} of them with other rows "
        f"({added} added, {removed} removed)"
    ]
    verdicts = [one for one in found.scores if one.verdict in ("better", "worse")]
    parts += [f"{one.arm} is {one.verdict} by {one.name}" for one in verdicts]
    parts += [f"{_counted(len(waiting), 'asset')} not built yet"] if waiting else []
    parts += [f"**{_counted(len(found.faults), 'failed check')}**"] if found.faults else []
    return "; ".join(parts) + "."


def _section(title: str, lines: Iterable[str]) -> list[str]:
    body = list(lines)
    return ["", f"## {title}", "", *body] if body else []


def _plan(waiting: Sequence[Planned]) -> list[str]:
    if not waiting:
        return []
    rows = [(one.asset, one.state, "; ".join(one.reasons), one.error or "") for one in waiting]
    return _table(("asset", "state", "because", "fails"), rows)


def _assets(found: Review) -> list[str]:
    by_asset = {one.asset: one for one in found.diffs}
    table = [(asset, "added", "", "", "") for asset in found.added]
    table += [(asset, "removed", "", "", "") for asset in found.removed]
    for asset in found.changed:
        one = by_asset.get(asset)
        if one:
            added, removed, other = (f"{len(rows)}" for rows in (one.added, one.removed, one.redecided))
            table.append((asset, "; ".join(one.because), added, removed, other))
    lines = _table(("asset", "because", "rows added", "removed", "decided otherwise"), table) if table else []
    same = len(found.changed) - len(found.diffs)
    return lines + (["", f"{_counted(same, 'asset')} with another version and the same rows."] if same else [])


def _numbers(moved: Sequence[Moved]) -> list[str]:
    def shown(value: float | None, unit: str, sign: str = "") -> str:
        return "" if value is None else f"{figure(value, unit, sign)} {unit}".strip()

    rows = [
        (
            one.name,
            one.arm,
            shown(one.before, one.unit),
            shown(one.after, one.unit),
            "" if one.before is None or one.after is None else shown(one.after - one.before, one.unit, "+"),
            one.verdict,
        )
        for one in moved
    ]
    return _table(("number", "arm", "before", "after", "change", "against the baseline"), rows) if rows else []


def _declarations(declared: Sequence[Declared]) -> list[str]:
    rows = [(one.path, one.before or "not used", one.after or "not used") for one in declared]
    return _table(("what", "before", "after"), rows) if rows else []


def _has_numbers(found: Diff) -> bool:
    """Whether the rows are numbers, which the page shows as such."""
    return found.asset.split("/")[0] in ("leaderboard", "quality", "scores")


def _rows(found: Diff, samples: int) -> Iterator[str]:
    kinds = (("added", found.added), ("removed", found.removed), ("decided otherwise", found.redecided))
    for title, rows in kinds:
        texts = [line for row in rows[:samples] for line in _row(row)]
        if texts:
            more = f", {min(samples, len(rows))} of {len(rows)}" if len(rows) > samples else ""
            yield from (f"`{found.asset}`, {title}{more}:", "", code_block("\n".join(texts), "text"), "")


def _row(row: Changed) -> Iterator[str]:
    says = row.says or {}
    texts = [str(value) for value in says.values() if isinstance(value, str) and " " in value]
    if not texts:
        return
    decided = [one.reason or one.outcome for one in (row.before, row.after) if one]
    yield visible(shortened(" → ".join(on_one_line(text) for text in texts), SHOWN))
    yield f"    {row.record[:12]}: {visible(' → '.join(decided))}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return table(head, rows).splitlines()


def _named(environment: str) -> str:
    return f"`{environment}`" if environment else "the main environment"


def _counted(count: int, kind: str) -> str:
    return f"{count} {kind_named(kind, count)}"
