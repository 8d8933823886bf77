"""The commands that ask the warehouse: why, why-not, trace, diff, ledger, quarantine, audit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from assets.commands.completion import assets, rows, rows_and_names
from assets.commands.reading_at import reading_at
from assets.commands.terminal import (
    AsJson,
    EnvironmentOption,
    RecipeOption,
    WarehouseOption,
    clear_errors,
    console,
    print_all,
    print_json,
)

if TYPE_CHECKING:
    from warehouse.results.result import Check

app = typer.Typer()

Row = Annotated[str, typer.Argument(help="The id of a row, or its first digits.", autocompletion=rows)]
Everything = Annotated[bool, typer.Option("--all", help="Show whole texts and all parents.")]


@app.command()
@clear_errors
def why(
    row: Row,
    everything: Everything = False,
    warehouse: WarehouseOption = None,
    env: EnvironmentOption = None,
    as_json: AsJson = False,
) -> None:
    """Show where a row comes from: texts, prompts, models, scores with their cuts, and sources."""
    from assets.reporting.audit_tables import why_tree

    found = reading_at(warehouse, env).why(row)
    if as_json:
        print_json(found)
    else:
        console().print(why_tree(found, everything), highlight=False)


@app.command("why-not")
@clear_errors
def why_not(
    text: Annotated[str, typer.Argument(help="Words that the row contains, or its id.", autocompletion=rows)],
    limit: Annotated[int, typer.Option(min=1, help="How many rows to show at most, the most relevant first.")] = 5,
    everything: Everything = False,
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
    env: EnvironmentOption = None,
    as_json: AsJson = False,
) -> None:
    """Show where a row was dropped: by which rule, with which score, or which row it repeats."""
    from assets.reporting.audit_tables import why_not_tree

    found = reading_at(warehouse, env, recipe).why_not(text, limit)
    if as_json:
        print_json(found)
        return
    terminal = console()
    for answer in found.answers:
        terminal.print(why_not_tree(answer, everything), "", highlight=False)
    if found.more:
        terminal.print(f"and {found.more} more; give a longer text or an id, or --limit", highlight=False)


@app.command()
@clear_errors
def trace(
    start: Annotated[
        str,
        typer.Argument(
            help="The id of a row, a model or a source, or the name of a model or source.",
            autocompletion=rows_and_names,
        ),
    ],
    down: Annotated[bool, typer.Option("--down/--up", help="Follow it down to results; for up, use why.")] = True,
    warehouse: WarehouseOption = None,
    env: EnvironmentOption = None,
    as_json: AsJson = False,
) -> None:
    """Show what was made from a row, a model or a source, down to checkpoints, scores and exports."""
    from rich.text import Text

    from assets.reporting.audit_tables import trace_tables
    from warehouse.audit.trace import trace
    from warehouse.core.errors import UserError

    if not down:
        raise UserError(f"trace only goes down; to see what it was made from: slingshot why {start}")
    found = trace(reading_at(warehouse, env).database, start)
    if as_json:
        print_json(found)
        return
    terminal = console()
    terminal.print(Text(f"{found.start}"))
    for table in trace_tables(found):
        terminal.print("", table)


@app.command()
@clear_errors
def diff(
    before: Annotated[str, typer.Argument(help="A version (slingshot log ASSET), or an asset for its current one.")],
    after: Annotated[str, typer.Argument(help="A version, or an asset for its current one.")],
    warehouse: WarehouseOption = None,
    env: EnvironmentOption = None,
    as_json: AsJson = False,
) -> None:
    """Show how two versions of an asset differ: rows added, rows removed, changed decisions, and why."""
    from rich.text import Text

    from assets.reporting.audit_tables import diff_tables
    from warehouse.audit.diff import diff

    found = diff(reading_at(warehouse, env).database, before, after)
    if as_json:
        print_json(found)
        return
    terminal = console()
    counts = f"{len(found.added)} added, {len(found.removed)} removed, {len(found.redecided)} with a changed decision"
    if found.rescored:
        counts += f"; {found.rescored} with another score only"
    terminal.print(Text(f"{found.asset}, {found.before[:9]} → {found.after[:9]}: {counts}"))
    for table in diff_tables(found):
        terminal.print("", table)


@app.command()
@clear_errors
def ledger(
    every_version: Annotated[
        bool, typer.Option("--every-version", help="Include versions that are not current.")
    ] = False,
    warehouse: WarehouseOption = None,
    env: EnvironmentOption = None,
    as_json: AsJson = False,
) -> None:
    """Show the flow of rows from sources to training sets: how many came in, what became of them, and why."""
    from assets.reporting.audit_tables import ledger_lines
    from warehouse.audit.ledger import ledger

    found = ledger(reading_at(warehouse, env).database, every_version)
    if as_json:
        print_json(found)
    else:
        terminal = console()
        print_all(terminal, ledger_lines(found, terminal.width))
    if not all(entry.closes for entry in found):
        raise typer.Exit(1)


@app.command()
@clear_errors
def quarantine(
    asset: Annotated[
        str | None, typer.Argument(help="One asset; all assets if not given.", autocompletion=assets)
    ] = None,
    everything: Everything = False,
    warehouse: WarehouseOption = None,
    env: EnvironmentOption = None,
    as_json: AsJson = False,
) -> None:
    """Show the quarantined rows, which break a rule of their table."""
    from assets.reporting.audit_tables import why_not_tree
    from warehouse.audit.why_not import quarantined

    found = quarantined(reading_at(warehouse, env).database, asset)
    if as_json:
        print_json(found)
        return
    terminal = console()
    for answer in found:
        terminal.print(why_not_tree(answer, everything), "", highlight=False)
    terminal.print(f"{len(found)} quarantined; after a fix of source, recipe or code: slingshot replay")


@app.command()
@clear_errors
def audit(warehouse: WarehouseOption = None, env: EnvironmentOption = None, as_json: AsJson = False) -> None:
    """Check the whole warehouse: ids against contents, parents, ledger, calls, and that training sets are open."""
    from assets.openness.ancestry import training_sets
    from assets.reporting.audit_tables import audit_table
    from warehouse.audit.integrity import integrity
    from warehouse.core.errors import UserError

    project = reading_at(warehouse, env)
    if not project.store.catalog().stored:
        raise UserError(
            f"nothing is built in {project.warehouse}; choose another folder with --warehouse, or build first"
        )
    findings, openness = integrity(project.database), training_sets(project.database)
    if as_json:
        print_json({"findings": [asdict(one) for one in findings], "openness": _facts(openness)})
    else:
        console().print(audit_table(findings, openness))
    if findings or not all(check.passed for check in openness.values()):
        raise typer.Exit(1)


def _facts(checks: Mapping[str, Check]) -> dict[str, dict[str, Any]]:
    """What each check found, by asset, as it is printed as JSON."""
    return {asset: {"passed": check.passed, **check.facts} for asset, check in checks.items()}
