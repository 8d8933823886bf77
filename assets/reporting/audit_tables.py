"""What the terminal shows of an audit, as rich tables and trees."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from assets.reporting.tables import table
from warehouse.audit.diff import Changed, Diff
from warehouse.audit.integrity import RULES, Finding
from warehouse.audit.ledger import Entry
from warehouse.audit.nodes import Decided, Node
from warehouse.audit.trace import Trace
from warehouse.audit.why import Why
from warehouse.audit.why_not import WhyNot
from warehouse.core.texts import on_one_line, shortened
from warehouse.release.recall import Affected
from warehouse.results.result import Check
from warehouse.schema.bookkeeping import OUTCOMES

TEXT = 240
"""Texts are cut after so many characters, unless all of them is asked for."""

ALIKE = 8
"""Of so many parents or more in one role, the first three are shown, unless all are asked for."""


def why_tree(found: Why, everything: bool = False) -> Tree:
    """The ancestry as a tree; a node that is met again is not opened again."""
    tree = Tree(_headline(found.nodes[found.row.id]))
    _grow(tree, found, found.row.id, set(), everything)
    for under in found.recipes:
        named = f"recipe in force for {under.asset}" if under.in_force else f"recipe for {under.asset}"
        part = tree.add(Text(named + _unless(under.in_force, under.version)))
        for path, value in under.recipe.items():
            part.add(Text(_cut(f"{path}: {value}", everything)))
    return tree


def _grow(branch: Tree, found: Why, row_id: str, met: set[str], everything: bool) -> None:
    for line in _lines(found.nodes[row_id], everything):
        branch.add(line)
    if row_id in met:
        return
    met.add(row_id)
    by_role: dict[str, list[str]] = {}
    for link in found.parents(row_id):
        by_role.setdefault(link.role, []).append(link.parent)
    for role, parents in by_role.items():
        shown = parents if everything or len(parents) < ALIKE else parents[:3]
        for parent in shown:
            again = parent in met and bool(found.parents(parent))
            below = branch.add(Text.assemble((f"{role}: ", "bold"), _headline(found.nodes[parent])))
            if again:
                below.add(Text("as above"))
            else:
                _grow(below, found, parent, met, everything)
        if len(shown) < len(parents):
            branch.add(Text(f"{role}: {len(parents) - len(shown)} more; --all shows them"))


def _headline(node: Node) -> Text:
    says = node.says or {}
    if node.kind in ("model", "source", "ancestor"):
        where = says["address"] or "no address"
        known = f"sha256 {says['sha256']}" if says["sha256"] else "no hash"
        return Text(f"{node.kind} {says['name']}: {says['licence']}, origin {says['origin']}, {where}, {known}")
    if node.kind == "unknown":
        return Text(f"{node.id}: nothing is on record of it", style="red")
    made = f" of {node.asset}" if node.asset else ""
    return Text(f"{node.kind} {node.id}{made}")


def _lines(node: Node, everything: bool) -> list[Text]:
    """What a node says and what was decided about it, one line each."""
    if node.kind in ("model", "source", "ancestor", "unknown"):
        return []
    if node.says is None:
        return [Text("its content is no longer in the warehouse")]
    if "request" in node.says:
        return [Text(_cut(f"asked: {_prompt(node.says['request'])}", everything)), *_replies(node.says, everything)]
    lines = [Text(_cut(f"{name}: {value}", everything)) for name, value in node.says.items() if value not in ("", None)]
    return lines + [Text(_decided_or_once(one), style="dim") for one in node.decided]


def _replies(says: dict[str, Any], everything: bool) -> Iterator[Text]:
    """Every answer to a call, and every failure, each with who gave it and when."""
    for answer in says["answers"]:
        response, budget = answer["response"], answer["budget"]
        within = f", within a budget of {budget} tokens" if budget else ""
        ended = within if answer["complete"] else f", cut off at its budget of {budget} tokens"
        yield Text(_cut(f"answered: {response.get('text', response)}", everything))
        yield Text(f"by {answer['engine']} on {answer['created_at']}{ended}")
    for failure in says["failures"]:
        yield Text(_cut(f"failed: {failure['error']}", everything))
        yield Text(f"by {failure['engine']} on {failure['failed_at']}")


def _prompt(request: dict[str, Any]) -> str:
    if "messages" in request:
        return " / ".join(f"{role}: {content}" for role, content in request["messages"])
    return str(request.get("text", request))


def decided(one: Decided) -> str:
    """A decision in words: "rejected by enhanced_instructions/x: perplexity, score 41.2 against cut 30.5"."""
    reason = f": {one.reason}" if one.reason else ""
    against = "" if one.cut is None else f" against cut {one.cut:.6g}"
    score = "" if one.score is None else f", score {one.score:.6g}{against}"
    held = "of" if one.outcome == "duplicate" else "held against"
    twin = f", {held} {one.duplicate_of}" if one.duplicate_of else ""
    return f"{one.outcome} by {one.asset}{reason}{score}{twin}"


def _decided_or_once(one: Decided) -> str:
    """A decision in words, with its version where that is no longer in force."""
    return decided(one) + _unless(one.in_force, one.version)


def _unless(in_force: bool, version: str) -> str:
    return "" if in_force else f" (version {version[:9]}, no longer in force)"


def why_not_tree(answer: WhyNot, everything: bool = False) -> Tree:
    """One row with what became of it."""
    tree = Tree(_headline(answer.row))
    for name, value in (answer.row.says or {}).items():
        if value not in ("", None):
            tree.add(Text(_cut(f"{name}: {value}", everything)))
    for one in (*answer.dropped, *answer.kept):
        branch = tree.add(Text(decided(one), style="" if one.outcome == "kept" else "bold"))
        if one.duplicate_of in answer.twins:
            twin = branch.add(_headline(answer.twins[one.duplicate_of]))
            for line in _lines(answer.twins[one.duplicate_of], everything):
                twin.add(line)
    for one in answer.before:
        tree.add(Text(_decided_or_once(one)))
    if not (answer.dropped or answer.kept or answer.before):
        tree.add(Text("no stored version has met it"))
    return tree


def trace_tables(found: Trace) -> list[Table]:
    """Counts by kind, by asset and outcome; checkpoints and standings one by one; exports."""
    kinds = table("kind", "made of it", left=1)
    for kind, ids in found.by_kind.items():
        _line(kinds, kind, str(len(ids)))
    assets = table("asset in force", *OUTCOMES, left=1)
    for asset, counts in found.outcomes.items():
        _line(assets, asset, *(str(counts.get(outcome, "")) for outcome in OUTCOMES))
    results = table("result", "id", "says", left=3)
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
    for title, rows in (("added", found.added), ("removed", found.removed), ("decided anew", found.decided_anew)):
        changes = table(title, "before", "after", "says", left=4)
        for row in rows:
            _line(changes, row.record[:12], *(_outcome(one) for one in (row.before, row.after)), _says(row))
        tables.append(changes)
    return [one for one in tables if one.row_count]


def _outcome(one: Decided | None) -> Text:
    if one is None:
        return Text("not met")
    return Text(decided(one).replace(f" by {one.asset}", ""))


def _says(row: Changed) -> str:
    texts = [str(value) for value in (row.says or {}).values() if isinstance(value, str) and " " in value]
    return _cut(" / ".join(texts), False)


def ledger_table(entries: Sequence[Entry]) -> Table:
    """One line per asset: rows in, rows by outcome, and why rows were dropped."""
    shown = table("asset", "in", *OUTCOMES, "closes", "because", left=1)
    shown.columns[-1].justify = "left"
    for entry in entries:
        because = "; ".join(
            f"{count} {reason or outcome}"
            for outcome, reasons in entry.reasons.items()
            for reason, count in reasons.items()
        )
        counts = [str(entry.outcomes[outcome] or "") for outcome in OUTCOMES]
        _line(shown, entry.asset, str(entry.incoming), *counts, _holds(entry.closes), _cut(because, False))
    return shown


def recall_tables(affected: Affected) -> list[Table]:
    """What hangs on something to withdraw: by asset and version, and the exports that hold it."""
    holding = table("asset", "version", "rows", "", left=2)
    in_force = (*affected.rows, *affected.training_sets, *affected.checkpoints, *affected.scores)
    for state, held in (("in force", in_force), ("earlier", affected.earlier)):
        for one in held:
            _line(holding, one.asset, one.version[:9], str(one.rows), state)
    exports = table("exported", "version", "folder", "rows", left=3)
    for handed in affected.exports:
        _line(exports, handed.asset, handed.version[:9], handed.folder, str(handed.rows))
    return [one for one in (holding, exports) if one.row_count]


def audit_table(findings: Sequence[Finding], openness: Mapping[str, Check]) -> Table:
    """One line per rule and per training set: whether it holds, and what breaks it."""
    shown = table("check", "holds", "found", left=3)
    for rule in RULES:
        broken = [str(finding) for finding in findings if finding.rule == rule]
        _line(shown, rule, _holds(not broken), "; ".join(broken))
    for asset, check in openness.items():
        told = ", ".join(f"{name}: {value}" for name, value in check.facts.items())
        _line(shown, f"openness of {asset}", _holds(check.passed), told)
    return shown


def _line(shown: Table, *cells: str | Text) -> None:
    """Adds a row; names, texts and folders may look like rich's markup."""
    shown.add_row(*(Text(cell) if isinstance(cell, str) else cell for cell in cells))


def _holds(passed: bool) -> Text:
    return Text("yes") if passed else Text("NO", style="red")


def _cut(text: str, everything: bool) -> str:
    return text if everything else shortened(on_one_line(text), TEXT)
