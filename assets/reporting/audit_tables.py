"""The results of an audit as rich tables and trees for the terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from rich.console import RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from assets.reporting.layout import GAP, LEAST_WIDTH, table
from warehouse.audit.diff import Changed, Diff
from warehouse.audit.integrity import RULES, Finding
from warehouse.audit.ledger import Entry
from warehouse.audit.nodes import Decided, Node
from warehouse.audit.trace import Trace
from warehouse.audit.why import Why
from warehouse.audit.why_not import WhyNot
from warehouse.core.texts import counted, on_one_line, shortened, shortened_name
from warehouse.core.visible import visible
from warehouse.release.recall import Affected
from warehouse.results.result import Check
from warehouse.schema.bookkeeping import OUTCOMES

TEXT = 240
"""Texts are cut after this many characters, unless `everything` is shown."""

MANY_PARENTS = 8
"""Of this many parents or more in one role, only the first three are shown, unless `everything` is shown."""


def why_tree(found: Why, everything: bool = False) -> Tree:
    """The ancestry as a tree; a node that comes a second time is not expanded again."""
    tree = Tree(_headline(found.nodes[found.row.id]))
    _grow(tree, found, found.row.id, set(), everything)
    for used in found.recipes:
        title = f"current recipe for {used.asset}" if used.is_current else f"recipe for {used.asset}"
        part = tree.add(_text(title + _unless_current(used.is_current, used.version)))
        for path, value in used.recipe.items():
            part.add(_text(_cut(f"{path}: {value}", everything)))
    return tree


def _grow(branch: Tree, found: Why, row_id: str, expanded: set[str], everything: bool) -> None:
    for line in _lines(found.nodes[row_id], everything):
        branch.add(line)
    if row_id in expanded:
        return
    expanded.add(row_id)
    by_role: dict[str, list[str]] = {}
    for link in found.parents(row_id):
        by_role.setdefault(link.role, []).append(link.parent)
    for role, parents in by_role.items():
        shown = parents if everything or len(parents) < MANY_PARENTS else parents[:3]
        for parent in shown:
            again = parent in expanded and bool(found.parents(parent))
            below = branch.add(Text.assemble((f"{role}: ", "bold"), _headline(found.nodes[parent])))
            if again:
                below.add(_text("as above"))
            else:
                _grow(below, found, parent, expanded, everything)
        if len(shown) < len(parents):
            branch.add(_text(f"{role}: {len(parents) - len(shown)} more; --all shows them"))


def _headline(node: Node) -> Text:
    says = node.says or {}
    if node.kind in ("model", "source", "ancestor"):
        address = says["address"] or "no address"
        sha256 = f"sha256 {says['sha256']}" if says["sha256"] else "no hash"
        return _text(f"{node.kind} {says['name']}: {says['licence']}, origin {says['origin']}, {address}, {sha256}")
    if node.kind == "unknown":
        return _text(f"{node.id}: not in the warehouse", style="red")
    asset = f" of {node.asset}" if node.asset else ""
    return _text(f"{node.kind} {node.id}{asset}")


def _lines(node: Node, everything: bool) -> list[Text]:
    """The content of a node and the decisions about it, one line each."""
    if node.kind in ("model", "source", "ancestor", "unknown"):
        return []
    if node.says is None:
        return [_text("its content is no longer in the warehouse")]
    if "request" in node.says:
        return [_text(_cut(f"asked: {_prompt(node.says['request'])}", everything)), *_replies(node.says, everything)]
    lines = [
        _text(_cut(f"{name}: {value}", everything)) for name, value in node.says.items() if value not in ("", None)
    ]
    return lines + [_text(_decision_with_version(one), style="dim") for one in node.decided]


def _replies(says: dict[str, Any], everything: bool) -> Iterator[Text]:
    """Every answer to a call and every failure, each with the engine and the time."""
    for answer in says["answers"]:
        response, budget = answer["response"], answer["budget"]
        within = f", within a budget of {budget} tokens" if budget else ""
        ended = within if answer["complete"] else f", cut off at its budget of {budget} tokens"
        yield _text(_cut(f"answered: {response.get('text', response)}", everything))
        yield _text(f"by {answer['engine']} on {answer['created_at']}{ended}")
    for failure in says["failures"]:
        yield _text(_cut(f"failed: {failure['error']}", everything))
        yield _text(f"by {failure['engine']} on {failure['failed_at']}")


def _prompt(request: dict[str, Any]) -> str:
    if "messages" in request:
        return " / ".join(f"{role}: {content}" for role, content in request["messages"])
    return str(request.get("text", request))


def decision(one: Decided) -> str:
    """A decision in words: "rejected by enhanced_instructions/x: perplexity, score 41.2 against cut 30.5"."""
    reason = f": {one.reason}" if one.reason else ""
    against = "" if one.cut is None else f" against cut {one.cut:.6g}"
    score = "" if one.score is None else f", score {one.score:.6g}{against}"
    relation = "of" if one.outcome == "duplicate" else "compared with"
    twin = f", {relation} {one.duplicate_of}" if one.duplicate_of else ""
    return f"{one.outcome} by {one.asset}{reason}{score}{twin}"


def _decision_with_version(one: Decided) -> str:
    """A decision in words, with its version if that is not the current one."""
    return decision(one) + _unless_current(one.is_current, one.version)


def _unless_current(is_current: bool, version: str) -> str:
    return "" if is_current else f" (version {version[:9]}, no longer current)"


def why_not_tree(answer: WhyNot, everything: bool = False) -> Tree:
    """One row and what happened to it."""
    tree = Tree(_headline(answer.row))
    for name, value in (answer.row.says or {}).items():
        if value not in ("", None):
            tree.add(_text(_cut(f"{name}: {value}", everything)))
    if answer.kept and not answer.dropped:
        tree.add(_text("this row was not dropped", "bold"))
    for one in (*answer.dropped, *answer.kept):
        branch = tree.add(_text(decision(one), style="" if one.outcome == "kept" else "bold"))
        if one.duplicate_of in answer.twins:
            twin = branch.add(_headline(answer.twins[one.duplicate_of]))
            for line in _lines(answer.twins[one.duplicate_of], everything):
                twin.add(line)
    for one in answer.before:
        tree.add(_text(_decision_with_version(one)))
    if not (answer.dropped or answer.kept or answer.before):
        tree.add(_text("no stored version decided about it"))
    return tree


def trace_tables(found: Trace) -> list[Table]:
    """Counts by kind, and by asset and outcome; checkpoints and standings one by one; exports."""
    kinds = table("kind", "made from it", left=1)
    for kind, ids in found.by_kind.items():
        _line(kinds, kind, str(len(ids)))
    assets = table("current asset", *OUTCOMES, left=1)
    for asset, counts in found.outcomes.items():
        _line(assets, asset, *(str(counts.get(outcome, "")) for outcome in OUTCOMES))
    results = table("result", "id", "content", left=3)
    for node in found.results:
        says = {name: value for name, value in (node.says or {}).items() if name not in ("base", "training", "weights")}
        _line(results, node.kind, node.id, ", ".join(f"{name} {value}" for name, value in says.items()))
    exports = table("exported version of", "version", "folder", left=3)
    for asset, version, folder in found.exports:
        _line(exports, asset, version[:9], folder)
    return [one for one in (kinds, assets, results, exports) if one.row_count]


def diff_tables(found: Diff) -> list[Table]:
    """Reasons, then one table per kind of change."""
    because = table("because", left=1)
    for line in found.because:
        _line(because, line)
    tables = [because]
    for title, rows in (("added", found.added), ("removed", found.removed), ("re-decided", found.redecided)):
        changes = table(title, "before", "after", "content", left=4)
        for row in rows:
            _line(changes, row.record[:12], *(_outcome(one) for one in (row.before, row.after)), _texts(row))
        tables.append(changes)
    return [one for one in tables if one.row_count]


def _outcome(one: Decided | None) -> Text:
    if one is None:
        return _text("no decision")
    return _text(decision(one).replace(f" by {one.asset}", ""))


def _texts(row: Changed) -> str:
    texts = [str(value) for value in (row.says or {}).values() if isinstance(value, str) and " " in value]
    return _cut(" / ".join(texts), False)


def ledger_lines(entries: Sequence[Entry], width: int) -> Iterator[RenderableType]:
    """Each asset with the rows that came in and that were kept, and below it why the others were dropped.

    At the end stands whether every row that came in was decided about.
    """
    several = {entry.asset for entry, after in pairwise(entries) if entry.asset == after.asset}
    names = [f"{one.asset} {one.version[:9]}" if one.asset in several else one.asset for one in entries]
    counts = [(str(entry.incoming), str(entry.outcomes["kept"])) for entry in entries]
    incoming = max([len("in"), *(len(came) for came, _ in counts)])
    kept = max([len("kept"), *(len(stayed) for _, stayed in counts)])
    named = max(LEAST_WIDTH, width) - incoming - kept - 2 * GAP
    named = min(named, max([len("asset"), *map(len, names)]))
    yield Text(f"{'asset':<{named}}  {'in':>{incoming}}  {'kept':>{kept}}", "bold")
    for entry, name, (came, stayed) in zip(entries, names, counts, strict=True):
        yield _text(f"{shortened_name(name, named):<{named}}  {came:>{incoming}}  {stayed:>{kept}}")
        for outcome, reasons in entry.reasons.items():
            yield Padding(_text(_cut(_dropped(outcome, reasons), False)), (0, 0, 0, 4), expand=False)
        if not entry.closes:
            decided = sum(entry.outcomes.values())
            yield Padding(
                _text(f"does not add up: {came} came in, {decided} were decided about", "red"),
                (0, 0, 0, 4),
                expand=False,
            )
    if open_ := sum(not entry.closes for entry in entries):
        yield _text(f"NO: {open_} of {counted(len(entries), 'asset')} do not add up", "red")
    else:
        yield _text(f"{counted(len(entries), 'asset')}: every row that came in was decided about once")


def _dropped(outcome: str, reasons: Mapping[str, int]) -> str:
    """Rows that were not kept: "42 rejected: 30 surplus; 12 too short", "1 duplicate: similar instruction"."""
    known = {reason: count for reason, count in reasons.items() if reason}
    because = "; ".join(f"{count} {reason}" if len(reasons) > 1 else reason for reason, count in known.items())
    return f"{sum(reasons.values())} {outcome}{f': {because}' if because else ''}"


def recall_tables(affected: Affected) -> list[Table]:
    """What depends on something to withdraw: rows by asset and version, and exports."""
    versions = table("asset", "version", "rows", "", left=2)
    current = (*affected.rows, *affected.training_sets, *affected.checkpoints, *affected.scores)
    for state, holdings in (("current", current), ("earlier", affected.earlier)):
        for one in holdings:
            _line(versions, one.asset, one.version[:9], str(one.rows), state)
    exports = table("exported", "version", "folder", "rows", left=3)
    for export in affected.exports:
        _line(exports, export.asset, export.version[:9], export.folder, str(export.rows))
    return [one for one in (versions, exports) if one.row_count]


def audit_table(findings: Sequence[Finding], openness: Mapping[str, Check]) -> Table:
    """One line per rule and per training set: whether it holds, and what breaks the rule."""
    shown = table("check", "holds", "found", left=3)
    for rule in RULES:
        broken = [str(finding) for finding in findings if finding.rule == rule]
        _line(shown, rule, _holds(not broken), "; ".join(broken))
    for asset, check in openness.items():
        facts = ", ".join(f"{name}: {value}" for name, value in check.facts.items())
        _line(shown, f"openness of {asset}", _holds(check.passed), facts)
    return shown


def _line(shown: Table, *cells: str | Text) -> None:
    """Add a row of plain texts: names, texts and folders may look like rich's markup."""
    shown.add_row(*(_text(cell) if isinstance(cell, str) else cell for cell in cells))


def _text(text: str, style: str = "") -> Text:
    """A text of a row or a name; rich drops some control characters, so they become escapes before."""
    return Text(visible(text), style)


def _holds(passed: bool) -> Text:
    return _text("yes") if passed else _text("NO", style="red")


def _cut(text: str, everything: bool) -> str:
    return text if everything else shortened(on_one_line(text), TEXT)
