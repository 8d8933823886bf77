"""The commands that ask a warehouse: why, why-not, trace, diff, ledger, quarantine, audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assets.commands.terminal import AsJson, WarehouseOption, clear_errors, console, folder, print_json, store

if TYPE_CHECKING:
    from warehouse.results.result import Check

app = typer.Typer()

Row = Annotated[str, typer.Argument(help="An id, or the first digits of one.")]
Everything = Annotated[bool, typer.Option("--all", help="Show whole texts, and every parent.")]


@app.command()
@clear_errors
def why(row: Row, everything: Everything = False, warehouse: WarehouseOption = None, as_json: AsJson = False) -> None:
    """Tell where a row came from: texts, prompts, models, scores against cuts, down to sources."""
    from assets.reporting.audit_tables import why_tree
    from warehouse.audit.why import why as ask

    found = ask(store(folder(warehouse)).database, row)
    if as_json:
        print_json(found)
    else:
        console().print(why_tree(found, everything), highlight=False)


@app.command("why-not")
@clear_errors
def why_not(
    text: Annotated[str, typer.Argument(help="A text, or the id of a row.")],
    everything: Everything = False,
    warehouse: WarehouseOption = None,
    as_json: AsJson = False,
) -> None:
    """Tell where a row was dropped: by which rule, with which score, or what it repeats."""
    from assets.reporting.audit_tables import why_not_tree
    from warehouse.audit.why_not import why_not as ask

    found = ask(store(folder(warehouse)).database, text)
    if as_json:
        print_json(found)
        return
    terminal = console()
    for answer in found.answers:
        terminal.print(why_not_tree(answer, everything), "", highlight=False)
    if found.more:
        terminal.print(f"and {found.more} more; give more of the text, or an id", highlight=False)


@app.command()
@clear_errors
def trace(
    start: Annotated[str, typer.Argument(help="A row, a model or a source; by id or name.")],
    down: Annotated[bool, typer.Option("--down/--up", help="Down, to what came of it; up is told by why.")] = True,
    warehouse: WarehouseOption = None,
    as_json: AsJson = False,
) -> None:
    """Tell what came of a row, a model or a source, up to checkpoints, scores and exports."""
    from rich.text import Text

    from assets.reporting.audit_tables import trace_tables
    from warehouse.audit.trace import trace as ask
    from warehouse.core.errors import Mendable

    if not down:
        raise Mendable(f"what it was made from is told by: slingshot why {start}")
    found = ask(store(folder(warehouse)).database, start)
    if as_json:
        print_json(found)
        return
    terminal = console()
    terminal.print(Text(f"{found.start}"))
    for shown in trace_tables(found):
        terminal.print("", shown)


@app.command()
@clear_errors
def diff(
    before: Annotated[str, typer.Argument(help="A version, or an asset for its current one.")],
    after: Annotated[str, typer.Argument(help="A version, or an asset for its current one.")],
    warehouse: WarehouseOption = None,
    as_json: AsJson = False,
) -> None:
    """Tell what differs between two versions of an asset: rows added, removed, decided anew, and why."""
    from rich.text import Text

    from assets.reporting.audit_tables import diff_tables
    from warehouse.audit.diff import diff as ask

    found = ask(store(folder(warehouse)).database, before, after)
    if as_json:
        print_json(found)
        return
    terminal = console()
    counts = f"{len(found.added)} added, {len(found.removed)} removed, {len(found.decided_anew)} decided anew"
    terminal.print(Text(f"{found.asset}, {found.before[:9]} → {found.after[:9]}: {counts}"))
    for shown in diff_tables(found):
        terminal.print("", shown)


@app.command()
@clear_errors
def ledger(
    every_version: Annotated[bool, typer.Option("--every-version", help="Also versions not in force.")] = False,
    warehouse: WarehouseOption = None,
    as_json: AsJson = False,
) -> None:
    """Tell the flow of rows from sources to training sets: what came in, what became of it, and why."""
    from assets.reporting.audit_tables import ledger_table
    from warehouse.audit.ledger import ledger as ask

    found = ask(store(folder(warehouse)).database, every_version)
    if as_json:
        print_json(found)
    else:
        console().print(ledger_table(found))
    if not all(entry.closes for entry in found):
        raise typer.Exit(1)


@app.command()
@clear_errors
def quarantine(
    asset: Annotated[str | None, typer.Argument(help="One asset; all if not given.")] = None,
    everything: Everything = False,
    warehouse: WarehouseOption = None,
    as_json: AsJson = False,
) -> None:
    """Show the rows that were set aside because they break a rule of their table."""
    from assets.reporting.audit_tables import why_not_tree
    from warehouse.audit.why_not import quarantined

    found = quarantined(store(folder(warehouse)).database, asset)
    if as_json:
        print_json(found)
        return
    terminal = console()
    for answer in found:
        terminal.print(why_not_tree(answer, everything), "", highlight=False)
    terminal.print(f"{len(found)} quarantined; once source, recipe or code is mended: slingshot replay")


@app.command()
@clear_errors
def audit(warehouse: WarehouseOption = None, as_json: AsJson = False) -> None:
    """Check the whole warehouse: ids against contents, parents, ledger, calls, and that training sets are open."""
    from assets.openness.ancestry import training_sets
    from assets.reporting.audit_tables import audit_table
    from warehouse.audit.integrity import integrity
    from warehouse.core.errors import Mendable

    opened = store(folder(warehouse))
    if not opened.catalog().stored:
        raise Mendable(f"nothing was built in {folder(warehouse)}; name another folder with --warehouse, or build it")
    findings, openness = integrity(opened.database), training_sets(opened.database)
    if as_json:
        print_json({"findings": [asdict(one) for one in findings], "openness": _facts(openness)})
    else:
        console().print(audit_table(findings, openness))
    if findings or not all(check.passed for check in openness.values()):
        raise typer.Exit(1)


def _facts(checks: Mapping[str, Check]) -> dict[str, dict[str, Any]]:
    return {asset: {"passed": check.passed, **check.facts} for asset, check in checks.items()}
