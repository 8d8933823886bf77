"""The commands that hand a dataset on and call it back: export, attest, verify, recall."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from assets.commands.terminal import (
    AsJson,
    RecipeOption,
    WarehouseOption,
    clear_errors,
    console,
    folder,
    print_json,
    settle,
    store,
)

app = typer.Typer()

Folder = Annotated[Path, typer.Option(help="The folder with the exported files.")]


@app.command()
@clear_errors
def export(
    arm: Annotated[str, typer.Argument(help="The arm whose training set to write.")],
    to: Annotated[Path, typer.Option(help="The folder to write into.")] = Path("exports"),
    version: Annotated[str | None, typer.Option(help="An earlier version, by its id or the start of it.")] = None,
    override: Annotated[str | None, typer.Option(help="Why to write what holds something withdrawn.")] = None,
    recipe: RecipeOption = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Write an arm's training set as JSONL (messages and Alpaca forms) and Parquet."""
    from warehouse.core.errors import Mendable
    from warehouse.core.texts import nearest
    from warehouse.release.export import export as write

    loaded, _, data = settle(recipe, warehouse)
    if version is None and arm not in loaded.arms:
        raise Mendable(f"the recipe has no arm {arm!r}; {nearest(arm, loaded.arms)}")
    for path in write(store(data), arm, to, version, override):
        typer.echo(str(path))


@app.command()
@clear_errors
def recall(
    named: Annotated[str, typer.Argument(help="A source row, a source or a model; by id or name.")],
    reason: Annotated[str | None, typer.Option(help="Why; it goes on record.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only tell what hangs on it.")] = False,
    warehouse: WarehouseOption = None,
    as_json: AsJson = False,
) -> None:
    """Withdraw a source row, a source or a model, and tell all that hangs on it; the next build does without."""
    from rich.text import Text

    from assets.reporting.audit_tables import recall_tables
    from warehouse.core.errors import Mendable
    from warehouse.release.recall import find_affected, withdraw

    database = store(folder(warehouse)).database
    affected = find_affected(database, named)
    if as_json:
        print_json(affected)
    else:
        terminal = console()
        terminal.print(Text(f"{affected.thing.kind} {affected.thing.id}: {affected.thing.shown}"))
        for shown in recall_tables(affected):
            terminal.print("", shown)
    if dry_run:
        return
    if reason is None:
        raise Mendable("nothing was withdrawn: a withdrawal needs --reason; --dry-run only tells what hangs on it")
    withdraw(database, affected, reason)
    if not as_json:
        material = affected.thing.kind in ("model", "source", "ancestor")
        then = "a build is refused until the recipe does without it" if material else "slingshot build does without it"
        typer.echo(f"withdrawn; {then}")


@app.command()
@clear_errors
def attest(
    arm: Annotated[str, typer.Argument(help="The arm whose exported files to attest.")],
    to: Folder = Path("exports"),
    key: Annotated[Path | None, typer.Option(help="An Ed25519 private key (PEM) to sign with.")] = None,
    warehouse: WarehouseOption = None,
) -> None:
    """Write an in-toto Statement with SLSA provenance beside an arm's exported files."""
    from warehouse.release.attestation import attestation_path, statement, summary, write_attestation
    from warehouse.release.provenance import exported
    from warehouse.release.signing import load_signer

    files, provenance = exported(store(folder(warehouse)).database, arm, to)
    said = statement(files, provenance)
    path = write_attestation(said, attestation_path(files), load_signer(key) if key else None)
    for line in [str(path), *summary(said)]:
        typer.echo(line)


@app.command()
@clear_errors
def verify(
    file: Annotated[Path, typer.Argument(help="The attestation, with the files that it is about beside it.")],
    key: Annotated[Path | None, typer.Option(help="The Ed25519 public key (PEM) of who must have signed.")] = None,
    as_json: AsJson = False,
) -> None:
    """Check an attestation against the files beside it; no warehouse is needed."""
    from warehouse.release.verification import verify as check

    found = check(file, key)
    if as_json:
        print_json(found)
        return
    for line in found.lines():
        typer.echo(line)
